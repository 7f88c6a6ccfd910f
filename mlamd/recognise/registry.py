"""Which recognisers there are: mlamd's own and those of other packages, all found in the same way."""

from dataclasses import replace
from importlib.metadata import entry_points

from mlamd.recognise.finding import Finding, RecogniseError, Recogniser, Subject

GROUP = "mlamd.recognisers"
"""The entry point group. An entry names a class without arguments that fits ``Recogniser``."""


class Registry:
    """All recognisers, in the order in which they are asked. One that cannot be loaded is left out."""

    def __init__(self, recognisers: list[Recogniser]) -> None:
        self.recognisers = sorted(recognisers, key=lambda one: (one.rank, one.name))
        self.broken: dict[str, str] = {}
        """Names of entry points that could not be loaded, and why."""

    def recognise(self, subject: Subject) -> Finding:
        """Return what a file is: generic if nobody knows it, or the one who knows it cannot understand it.

        Why a file was not understood is the fact ``trouble``; so is what it should not have raised.
        """
        trouble = ""
        for recogniser in self.recognisers:
            try:
                found = recogniser.recognise(subject)
            except RecogniseError as error:
                trouble = trouble or f"{recogniser.name}: {error}"
            except Exception as error:  # noqa: BLE001  (one that fails must not take the others away)
                trouble = trouble or f"{recogniser.name}: {type(error).__name__}"
            else:
                if found is not None:
                    return _with_trouble(found, trouble)
        return Finding("generic", "", {"trouble": trouble} if trouble else {})


def _with_trouble(found: Finding, trouble: str) -> Finding:
    """Return what was found; if that is no more than a text, also why the one who knew it gave up."""
    if not trouble or found.kind != "generic" or "trouble" in found.facts:
        return found
    return replace(found, facts={**found.facts, "trouble": trouble})


def installed() -> Registry:
    """Load every recogniser that is installed."""
    found: list[Recogniser] = []
    broken: dict[str, str] = {}
    for entry in entry_points(group=GROUP):
        try:
            found.append(entry.load()())
        except Exception as error:  # noqa: BLE001  (another package's fault is not ours)
            broken[entry.name] = f"{type(error).__name__}: {error}"
    registry = Registry(found)
    registry.broken = broken
    return registry
