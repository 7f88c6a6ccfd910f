"""How things are written for people: tables, trees, times, sizes, evidence."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import click

from mlamd.model.derived import FileVersion, KnownGap, Run, Step
from mlamd.model.evidence import Grade

_ID = 8
_STATUS_COLOUR = {"succeeded": "green", "failed": "red", "killed": "red", "running": "cyan"}


def say(text: str = "") -> None:
    """Print a line; what the terminal cannot show is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


def title(words: str) -> None:
    """Print the title of a part of a page."""
    say()
    say(click.style(words, bold=True))


def shown(path: bytes) -> str:
    """Return a path on one line, whatever bytes it has."""
    return one_line(path.decode("utf-8", "surrogateescape"))


def one_line(text: str) -> str:
    """Return text without anything that would move the cursor or end the line."""
    if text.isprintable():
        return text
    return "".join(_escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    if letter.isprintable():
        return letter
    if letter in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[letter]
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def _quoted(word: str) -> str:
    """Quote a word as a shell wants it; ``shlex`` does the same, but takes 5 ms to import."""
    if word and _PLAIN.issuperset(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def command_line(words: Sequence[str], width: int = 200) -> str:
    """Return a command as one would type it, cut to ``width``; JSON has all of it."""
    typed = [os.path.basename(words[0]) or words[0], *words[1:]] if words else []
    text = one_line(" ".join(_quoted(word) for word in typed))
    return cut(text, width)


def cut(line: str, width: int) -> str:
    """Return a line of at most so many letters."""
    return line if len(line) <= width else line[: max(1, width - 1)] + "…"


def when(ns: int | None) -> str:
    """Return a local time to the second."""
    if ns is None:
        return "-"
    return datetime.fromtimestamp(ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(from_ns: int, to_ns: int | None) -> str:
    """Return how long something took."""
    if to_ns is None:
        return "-"
    seconds = max(0.0, (to_ns - from_ns) / 1e9)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: int | None) -> str:
    """Return a size in decimal units."""
    if count is None:
        return "?"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def short(identity: str) -> str:
    """Return the part of a run's id that people type; a step keeps its number."""
    run, dot, step = identity.partition(".")
    return run[:_ID] + dot + step


def digest(version: FileVersion) -> str:
    """Return the first digits of a content digest, or that there is none."""
    return version.digest.hex()[:12] if version.digest else "no digest"


def evidence(grade: Grade | None) -> str:
    """Return the evidence of an edge as a word in brackets."""
    if grade is None:
        return "[unknown]"
    return "[ambiguous]" if grade is Grade.AMBIGUOUS else f"[{grade.evidence}]"


def status(run: Run) -> str:
    """Return a run's status, with the exit code or signal where that says more."""
    word = run.status
    if word == "failed":
        word = f"failed ({run.exit_code})"
    elif word == "killed" and run.exit_code is not None:
        word = f"killed ({-run.exit_code})"
    return click.style(word, fg=_STATUS_COLOUR.get(run.status))


def step_line(step: Step) -> str:
    """Return a step in a few words."""
    return f"{short(step.id)}  {command_line(step.command)}"


def width() -> int:
    """Return the width of the terminal; 0, for no limit, when the output is not one."""
    return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns; the last one is cut at the terminal's edge."""
    lines = [list(header), *[list(row) for row in rows]]
    plain = [[click.unstyle(cell) for cell in line] for line in lines]
    widths = [max(len(line[column]) for line in plain) for column in range(len(header))]
    edge = width()
    for line, bare in zip(lines, plain, strict=True):
        cells = [cell + " " * (widths[column] - len(bare[column])) for column, cell in enumerate(line[:-1])]
        last = line[-1]
        room = edge - sum(widths[:-1]) - 2 * (len(header) - 1)
        if edge and len(last) > room > 1:
            last = last[: room - 1] + "…"
        say("  ".join([*cells, last]).rstrip())


def comma_separated(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print comma-separated values with a header (RFC 4180, but with plain line ends)."""
    import csv  # noqa: PLC0415  (only for --csv)
    import io  # noqa: PLC0415

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    say(buffer.getvalue().rstrip("\n"))


def gap_line(gap: KnownGap) -> str:
    """Return a gap in one line."""
    scope = f" below {shown(gap.scope)}" if gap.scope else ""
    times = f" ({gap.count} times)" if gap.count > 1 else ""
    stretch = when(gap.from_ns)
    if gap.to_ns - gap.from_ns >= 1_000_000_000:
        stretch += f" to {when(gap.to_ns)}"
    return f"{stretch}{scope}: {gap.detail or gap.reason}{times}"


def gaps(found: Sequence[KnownGap], most: int = 5) -> None:
    """Print the gaps that an answer rests on, the newest first."""
    if not found:
        return
    say()
    say(click.style("Something may be missing from this answer:", fg="yellow"))
    alike: dict[tuple[bytes, str], list[KnownGap]] = {}
    for gap in reversed(found):
        alike.setdefault((gap.scope, gap.detail or gap.reason), []).append(gap)
    for same in list(alike.values())[:most]:
        say(f"  {gap_line(joined(same))}")
    if len(alike) > most:
        say(f"  and {len(alike) - most} more (--json lists all)")


def joined(same: Sequence[KnownGap]) -> KnownGap:
    """Return gaps of one scope and reason as one, from the first to the last."""
    first, last = min(gap.from_ns for gap in same), max(gap.to_ns for gap in same)
    return replace(same[0], from_ns=first, to_ns=last, count=sum(gap.count for gap in same))
