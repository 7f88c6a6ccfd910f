"""What a workload is: a small project, and the commands that are typed in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent


@dataclass(frozen=True, slots=True)
class Workload:
    """``layout`` fills an empty workspace; ``before`` is recorded but not judged, ``commands`` are."""

    name: str
    about: str
    layout: Callable[[Path], None]
    commands: tuple[str, ...]
    before: tuple[str, ...] = ()
    easy: bool = False
    """True if the portable mode should be right about it."""
    outputs: tuple[str, ...] = ()
    """The paths whose ancestors are looked at."""


REGISTERED: dict[str, Workload] = {}


def workload(
    about: str,
    *commands: str,
    before: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    easy: bool = False,
) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Register a layout under its own name, with the commands that are typed."""

    def register(layout: Callable[[Path], None]) -> Callable[[Path], None]:
        name = layout.__name__.replace("_", "-")
        REGISTERED[name] = Workload(name, about, layout, commands, before, easy, outputs)
        return layout

    return register


def put(workspace: Path, **files: str) -> None:
    """Write files; ``__`` in a keyword is a dot, ``___`` a slash."""
    for keyword, text in files.items():
        path = workspace / keyword.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"))
