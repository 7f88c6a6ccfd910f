"""The one function that makes the catalog: events in their order, into tables.

It is pure: it reads and writes only the overlay that it is given, and the tables do not depend on
how the events were cut into batches.
"""

from collections.abc import Callable, Iterable
from typing import Any

from mlamd.catalog.overlay import Overlay
from mlamd.catalog.state import (
    CLOCK,
    COUNTERS,
    MOST_RECENT,
    RECENT,
    WATERMARK,
    clock,
    counters,
    document_hash,
    name_hash,
    recent,
)
from mlamd.catalog.tables import actor, key, sample_key, unpack_actor
from mlamd.model import events
from mlamd.model.evidence import Grade, Origin
from mlamd.model.files import FileStat

RUNS, STEPS, VERSIONS, GAPS, NAMES, DOCUMENTS = range(6)


def fold(tables: Overlay, first: int, batch: Iterable[events.Event]) -> int:
    """Fold consecutive events, the first of which has the number ``first``; return the watermark."""
    numbers = list(counters(tables))
    latest = clock(tables)
    position = first
    changed, read = recent(tables)
    for event in batch:
        kind = type(event)
        _HANDLERS[kind](tables, event)
        index = _COUNTED.get(kind)
        if index is not None:
            place, field = index
            value = getattr(event, field)
            numbers[place] = max(numbers[place], value)
        at_ns = getattr(event, "at_ns", 0)
        if kind not in _AHEAD and at_ns > latest:
            latest = at_ns
        if isinstance(event, events.Read):
            read.append(event.version)
        elif isinstance(event, events.Moved | events.Removed):
            changed.append(event.version)
        elif kind is events.SessionStarted:
            _session_started(tables, position, event)
        position += 1
    tables.put("meta", COUNTERS, numbers)
    tables.put("meta", CLOCK, latest)
    tables.put("meta", RECENT, [changed[-MOST_RECENT:], read[-MOST_RECENT:]])
    tables.put("meta", WATERMARK, position)
    return position


def _nothing(tables: Overlay, event: Any) -> None:
    del tables, event


def _session_started(tables: Overlay, position: int, event: Any) -> None:
    tables.put(
        "sessions",
        key(position),
        [
            event.at_ns,
            event.session,
            event.mode,
            list(event.sensors),
            event.boot,
            event.host,
            event.pid,
            event.version,
            None,
            "",
        ],
    )


def _session_ended(tables: Overlay, event: events.SessionEnded) -> None:
    for place, row in tables.scan("sessions", reverse=True):
        if row[1] == event.session:
            tables.put("sessions", place, [*row[:8], event.at_ns, event.reason])
            return


def _named(tables: Overlay, event: events.Named) -> None:
    value = event.value if isinstance(event.value, bytes) else list(event.value)
    tables.put("names", key(event.name), value)
    tables.put("name_ids", name_hash(event.value) + key(event.name), b"")


def _run_started(tables: Overlay, event: events.RunStarted) -> None:
    tables.put(
        "runs",
        key(event.run),
        [
            event.public,
            event.at_ns,
            event.kind,
            event.argv,
            event.cwd,
            event.uid,
            None,
            None,
            None,
            None,
        ],
    )
    tables.put("run_ids", event.public.encode(), event.run)


def counts(tables: Overlay, run: int) -> tuple[int, int]:
    """Count the versions that a run read without having made them, and those that it made."""
    read: set[bytes] = set()
    written: set[bytes] = set()
    for place in tables.keys("run_steps", key(run)):
        step = place[5:]
        read.update(edge[5:] for edge in tables.keys("reads", step))
        written.update(edge[5:] for edge in tables.keys("writes", step))
    return len(read - written), len(written)


def _run_ended(tables: Overlay, event: events.RunEnded) -> None:
    place = key(event.run)
    row = tables.get("runs", place)
    if row is not None:
        tables.put("runs", place, [*row[:6], event.at_ns, event.exit_code, *counts(tables, event.run)])


def _step_started(tables: Overlay, event: events.StepStarted) -> None:
    row = [event.run, event.at_ns, event.boot, event.pid, event.start, event.argv, event.cwd]
    row += [event.executable, None, None, []]
    more = [event.cgroup, event.container, event.inner_pid, event.variables, event.program]
    if any(more):
        row += more
    tables.put("steps", key(event.step), row)
    tables.put("run_steps", key(event.run, event.step), b"")


def _step_ended(tables: Overlay, event: events.StepEnded) -> None:
    place = key(event.step)
    row = tables.get("steps", place)
    if row is not None:
        rereads = [list(part) for part in event.rereads]
        ended = [*row[:8], event.at_ns, event.exit_code, row[10] + rereads, *row[11:]]
        tables.put("steps", place, ended)


def _path_row(version: int, stat: FileStat | None) -> list[int]:
    return [version, version] if stat is None else [version, version, *stat]


def _sealed(tables: Overlay, event: events.Sealed) -> None:
    stat = event.stat
    packed = [actor(step, grade) for step, grade in event.writers]
    tables.put(
        "versions",
        key(event.version),
        [
            event.path,
            event.at_ns,
            None if stat is None else stat.size_bytes,
            None if stat is None else stat.mtime_ns,
            event.digest,
            int(event.origin),
            event.previous,
            event.derived,
            packed,
            0,
            [],
            None,
            "",
        ],
    )
    tables.put("paths", key(event.path), _path_row(event.version, stat))
    for step, _ in event.writers:
        tables.put("writes", key(step, event.version), b"")
    if event.digest is not None:
        tables.put("digests", event.digest[:8] + key(event.version), b"")


_DIGEST, _ORIGIN, _DERIVED, _WRITERS, _REASON = 4, 5, 7, 8, 12
_PATH, _SIZE, _MTIME, _REPLACED, _MOVES, _GONE = 0, 2, 3, 9, 10, 11
_LATER = 13
"""Further writers that had written after the version was sealed, and when; left out where there are none."""


def _changed(row: list[Any], **columns: Any) -> list[Any]:
    places = {
        "path": _PATH,
        "size": _SIZE,
        "mtime": _MTIME,
        "digest": _DIGEST,
        "origin": _ORIGIN,
        "derived": _DERIVED,
        "writers": _WRITERS,
        "replaced": _REPLACED,
        "moves": _MOVES,
        "gone": _GONE,
        "reason": _REASON,
    }
    changed = list(row)
    for name, value in columns.items():
        changed[places[name]] = value
    return changed


def _digested(tables: Overlay, event: events.Digested) -> None:
    place = key(event.version)
    row = tables.get("versions", place)
    if row is None:
        return
    columns: dict[str, Any] = {"digest": event.digest, "reason": event.reason}
    if event.appended:
        columns["derived"] = True
    tables.put("versions", place, _changed(row, **columns))
    if event.digest is not None:
        tables.put("digests", event.digest[:8] + place, b"")


def _writer_added(tables: Overlay, event: events.WriterAdded) -> None:
    place = key(event.version)
    row = tables.get("versions", place)
    if row is None or any(unpack_actor(packed)[0] == event.step for packed in row[_WRITERS]):
        return
    writers = [*row[_WRITERS], actor(event.step, event.grade)]
    seen = event.grade is Grade.OBSERVED and row[_ORIGIN] == Origin.EXISTING
    origin = Origin.WRITTEN if seen or row[_ORIGIN] == Origin.FOUND else row[_ORIGIN]
    changed = _changed(row, writers=writers, origin=int(origin))
    if event.at_ns:
        changed[_LATER:] = [[*(changed[_LATER] if len(changed) > _LATER else []), [event.step, event.at_ns]]]
    tables.put("versions", place, changed)
    tables.put("writes", key(event.step, event.version), b"")


def _read(tables: Overlay, event: events.Read) -> None:
    step, version = key(event.step), key(event.version)
    pending = tables.pending
    pending["reads"][step + version] = [event.at_ns, int(event.grade)]
    pending["readers"][version + step] = b""


def _moved(tables: Overlay, event: events.Moved) -> None:
    place = key(event.version)
    row = tables.get("versions", place)
    if row is None:
        return
    before = tables.get("paths", key(event.path))
    last = before[1] if before is not None and before[1] != event.version else 0
    # What stood there once belongs to the history of the name, also if nothing did any more.
    columns: dict[str, Any] = {"path": event.path, "replaced": event.replaced or last, "gone": None}
    if not event.temporary:
        movers = [actor(step, grade) for step, grade in event.movers]
        columns["moves"] = [*row[_MOVES], [event.source, event.at_ns, movers]]
    if event.stat is not None:
        columns |= {"size": event.stat.size_bytes, "mtime": event.stat.mtime_ns}
    writers = list(row[_WRITERS])
    known = {unpack_actor(packed)[0] for packed in writers}
    if event.replaced or event.temporary:
        for step, grade in event.movers:
            if step not in known and not (known and grade is Grade.AMBIGUOUS):
                writers.append(actor(step, grade))
                tables.put("writes", key(step, event.version), b"")
    tables.put("versions", place, _changed(row, writers=writers, **columns))
    tables.put("paths", key(event.source), [0, 0 if event.temporary else event.version])
    tables.put("paths", key(event.path), _path_row(event.version, event.stat))


def _linked(tables: Overlay, event: events.Linked) -> None:
    tables.put("links", key(event.version, event.path), event.at_ns)
    row = tables.get("versions", key(event.version))
    source = tables.get("paths", key(row[_PATH])) if row is not None else None
    stat = source[2:] if source is not None else []
    tables.put("paths", key(event.path), [event.version, event.version, *stat])


def _removed(tables: Overlay, event: events.Removed) -> None:
    tables.put("paths", key(event.path), [0, event.version])
    place = key(event.version)
    row = tables.get("versions", place)
    if row is not None and row[_PATH] == event.path:
        gone = [event.at_ns, [actor(step, grade) for step, grade in event.removers]]
        tables.put("versions", place, _changed(row, gone=gone))


def _touched(tables: Overlay, event: events.Touched) -> None:
    place = key(event.version)
    row = tables.get("versions", place)
    if row is not None:
        tables.put("versions", place, _changed(row, mtime=event.stat.mtime_ns))
        tables.put("paths", key(event.path), _path_row(event.version, event.stat))


def _flowed(tables: Overlay, event: events.Flowed) -> None:
    via = bytes((event.via,))
    tables.put("flows", key(event.target, event.source) + via, [event.at_ns, int(event.grade)])
    tables.put("flows_out", key(event.source, event.target) + via, b"")


def _gap(tables: Overlay, event: events.Gap) -> None:
    row = [event.from_ns, event.to_ns, event.scope, event.reason, event.detail, event.count]
    tables.put("gaps", key(event.gap), row)


def _used(tables: Overlay, event: events.Used) -> None:
    tables.put(
        "usage",
        key(event.step),
        [
            event.at_ns,
            event.processes,
            event.user_us,
            event.system_us,
            event.peak_rss_bytes,
            event.read_bytes,
            event.written_bytes,
            event.block_delay_ns,
        ],
    )


def _sampled(tables: Overlay, event: events.Sampled) -> None:
    tables.put(
        "samples",
        sample_key(event.run, event.at_ns),
        [
            event.span_ns,
            event.processes,
            event.threads,
            event.user_us,
            event.system_us,
            event.rss_bytes,
            event.pss_bytes,
            event.read_bytes,
            event.written_bytes,
        ],
    )


def _gpu_sampled(tables: Overlay, event: events.GpuSampled) -> None:
    tables.put(
        "gpu_samples",
        sample_key(event.run, event.at_ns) + bytes((event.gpu & 0xFF,)),
        [
            event.name,
            event.span_ns,
            event.processes,
            event.utilisation_percent,
            event.memory_bytes,
            event.power_mw,
        ],
    )


def _documented(tables: Overlay, event: events.Documented) -> None:
    tables.put("documents", key(event.document), [event.sort, event.value])
    tables.put("document_ids", document_hash(event.sort, event.value) + key(event.document), b"")


def _recognised(tables: Overlay, event: events.Recognised) -> None:
    tables.put("meanings", key(event.version), [event.document, event.reason])


def _surrounded(tables: Overlay, event: events.Surrounded) -> None:
    place = key(event.step)
    before = tables.get("surroundings", place) or []
    sorts = {_sort_of(tables, number) for number in event.documents} if before else set()
    kept = [number for number in before if _sort_of(tables, number) not in sorts]
    tables.put("surroundings", place, [*kept, *event.documents])


def _sort_of(tables: Overlay, document: int) -> str:
    row = tables.get("documents", key(document))
    return "" if row is None else str(row[0])


_HANDLERS: dict[type[events.Event], Callable[[Overlay, Any], None]] = {
    events.SessionStarted: _nothing,
    events.SessionEnded: _session_ended,
    events.Named: _named,
    events.RunStarted: _run_started,
    events.RunEnded: _run_ended,
    events.StepStarted: _step_started,
    events.StepEnded: _step_ended,
    events.Sealed: _sealed,
    events.Digested: _digested,
    events.WriterAdded: _writer_added,
    events.Read: _read,
    events.Moved: _moved,
    events.Linked: _linked,
    events.Removed: _removed,
    events.Flowed: _flowed,
    events.Gap: _gap,
    events.Touched: _touched,
    events.Used: _used,
    events.Sampled: _sampled,
    events.GpuSampled: _gpu_sampled,
    events.Documented: _documented,
    events.Recognised: _recognised,
    events.Surrounded: _surrounded,
}

_AHEAD = frozenset({events.StepStarted, events.Sealed, events.Sampled, events.GpuSampled, events.Surrounded})
"""What these tell may be newer than what is still to come: it does not say how far the record goes."""

_COUNTED: dict[type[events.Event], tuple[int, str]] = {
    events.RunStarted: (RUNS, "run"),
    events.StepStarted: (STEPS, "step"),
    events.Sealed: (VERSIONS, "version"),
    events.Gap: (GAPS, "gap"),
    events.Named: (NAMES, "name"),
    events.Documented: (DOCUMENTS, "document"),
}
