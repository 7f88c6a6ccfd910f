"""Checks of a store, and the rebuilding of its catalog."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlamd.catalog.catalog import Catalog
from mlamd.catalog.state import watermark
from mlamd.errors import StoreDamagedError, VerifyError
from mlamd.journal.environment import find_damage
from mlamd.journal.log import Journal

FRESH = "catalog.new"


@dataclass(frozen=True, slots=True)
class Report:
    """What a check went over."""

    events: int
    rows: int
    same: bool
    """True if the live catalog was the same, byte for byte, as the rebuilt one."""


def _quiet(count: int) -> None:
    del count


def is_new(store: Path) -> bool:
    """Say whether nobody has recorded into this store yet."""
    return not any((store / name / "data.mdb").exists() for name in ("journal", "catalog"))


def check_file(store: Path, name: str) -> None:
    """Walk the file ``journal`` or ``catalog`` page by page, without LMDB; raises ``StoreDamagedError``."""
    data = store / name / "data.mdb"
    cure = "run `mlamd verify --rebuild`" if name == "catalog" else "restore it from a copy"
    if not data.exists():
        raise StoreDamagedError(f"{data} is missing: {cure}")
    damage = find_damage(data)
    if damage:
        raise StoreDamagedError(f"{data} is damaged ({damage}): {cure}")


def check_journal(store: Path, progress: Callable[[int], None] = _quiet) -> int:
    """Decode every event and hold the numbers against each other; return how many there are."""
    journal = Journal(store)
    try:
        counted = journal.next_number()
        expected = 1
        for number, events in journal.blocks():
            if number != expected:
                raise VerifyError(f"events {expected} to {number - 1} are missing from {journal.directory}")
            expected += len(events)
            progress(expected - 1)
        if journal.next_number() < expected:
            raise VerifyError(f"{journal.directory} holds more events than it counts")
        if counted > expected:
            raise VerifyError(f"events {expected} to {counted - 1} are missing from {journal.directory}")
        return expected - 1
    finally:
        journal.close()


def rebuild(store: Path, progress: Callable[[int], None] = _quiet, *, compare: bool = True) -> Report:
    """Fold the journal into a fresh catalog beside the live one and, unless that is damaged, compare them.

    The fresh one stays in ``catalog.new``; ``adopt`` puts it in place. Recording is not disturbed: the
    comparison ends where the live catalog's watermark stood when it began.
    """
    shutil.rmtree(store / FRESH, ignore_errors=True)
    live = Catalog(store) if compare else None
    try:
        limit = 0
        if live is not None:
            with live.tables() as tables:
                limit = watermark(tables)
        journal = Journal(store)
        fresh = Catalog(store, write=True, directory=FRESH)
        try:
            position = 1
            for number, events in journal.blocks():
                taken = events[: max(0, limit - number)] if limit else events
                if not taken:
                    break
                position = fresh.fold(number, taken)
                progress(position - 1)
            same = live is not None and _same(live, fresh)
            rows = sum(1 for _ in fresh.dump())
            if limit:
                fresh.catch_up(journal)
            return Report(position - 1, rows, same)
        finally:
            fresh.close()
            journal.close()
    finally:
        if live is not None:
            live.close()


def _same(left: Catalog, right: Catalog) -> bool:
    def rows(catalog: Catalog) -> Iterator[tuple[str, bytes, bytes]]:
        yield from catalog.dump()

    return all(one == other for one, other in zip(rows(left), rows(right), strict=False)) and sum(
        1 for _ in left.dump()
    ) == sum(1 for _ in right.dump())


def adopt(store: Path) -> None:
    """Put the fresh catalog in the place of the live one; the caller holds the lock of the store."""
    old = store / "catalog.old"
    shutil.rmtree(old, ignore_errors=True)
    if (store / "catalog").exists():
        (store / "catalog").rename(old)
    (store / FRESH).rename(store / "catalog")
    shutil.rmtree(old, ignore_errors=True)


def discard(store: Path) -> None:
    """Remove a fresh catalog that is not wanted."""
    shutil.rmtree(store / FRESH, ignore_errors=True)
