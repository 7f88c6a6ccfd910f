"""The schema of the catalog: every table, key and column. This page is its reference.

Keys are made of numbers of 5 bytes, big-endian (``key``), so that a scan goes in their order.
Rows are msgpack arrays. A step's evidence is packed with it: ``step * 4 + grade`` (``actor``).

``meta``       ``watermark`` → number of the next event to fold; ``format`` → ``FORMAT``;
               ``counters`` → [runs, steps, versions, gaps, names, documents]: the last number of each;
               ``clock`` → time of the newest event, nanoseconds; ``recent`` → [versions that were
               moved or removed last, versions that were read last], at most 512 of each
``sessions``   number of its first event → [at_ns, session, mode, [sensor], boot, host, pid,
               version, ended_ns or None, reason]
``names``      name → bytes (a path) or [word] (a command line, a directory, a program)
``name_ids``   8 bytes of hash of the packed name + name → empty
``paths``      name → [current version or 0, last version, device, inode, size, mtime_ns, ctime_ns,
               links]; the last six are missing where nothing is known or nothing stands there
``runs``       run → [public id, at_ns, kind, argv, cwd, uid, ended_ns or None, exit code or None,
               inputs or None, outputs or None]; the counts are made when the run ends
``run_ids``    public id → run
``run_steps``  run + step → empty
``steps``      step → [run, at_ns, boot, pid, start, argv, cwd, executable, ended_ns or None,
               exit code or None, rereads]; where there is any, also control group, id of the container
               (names), pid in its own namespace, variables and path by which it was started (names)
``versions``   version → [path, at_ns, size or None, mtime_ns or None, digest or None, origin,
               previous, derived, [actor], replaced, [[earlier path, until_ns, [actor]]], gone or None,
               reason for a missing digest]; ``gone`` is [at_ns, [actor]]
``digests``    first 8 bytes of a digest + version → empty
``reads``      step + version → [at_ns, grade]
``readers``    version + step → empty
``writes``     step + version → empty
``flows``      target + source + via (1 byte) → [at_ns, grade]
``flows_out``  source + target + via → empty
``links``      version + path → at_ns
``gaps``       gap → [from_ns, to_ns, scope, reason, detail, count]
``usage``      step → [at_ns, processes, user_us, system_us, peak_rss_bytes, read_bytes, written_bytes,
               block_delay_ns or None], over the processes that have ended
``samples``    run + at_ns (8 bytes, big-endian) → [span_ns, processes, threads, user_us, system_us,
               rss_bytes, pss_bytes or None, read_bytes, written_bytes]
``gpu_samples`` run + at_ns (8 bytes, big-endian) + gpu (1 byte) → [name, span_ns, processes,
               utilisation in percent or None, memory_bytes or None, power_mw or None]
``documents``  document → [sort, packed value] (``mlamd.journal.documents``)
``document_ids`` 8 bytes of hash of sort and value + document → empty
``meanings``   version → [document or 0, why it could not be looked at]
``surroundings`` step → [document]

The tables of ``LATER`` are missing where no recorder that knows them has opened the catalog; they then
read as empty.
"""

from mlamd.model.evidence import Grade

FORMAT = 1

TABLES = (
    "meta",
    "sessions",
    "names",
    "name_ids",
    "paths",
    "runs",
    "run_ids",
    "run_steps",
    "steps",
    "versions",
    "digests",
    "reads",
    "readers",
    "writes",
    "flows",
    "flows_out",
    "links",
    "gaps",
    "usage",
    "samples",
    "gpu_samples",
    "documents",
    "document_ids",
    "meanings",
    "surroundings",
)

LATER = frozenset(
    {"usage", "samples", "gpu_samples", "documents", "document_ids", "meanings", "surroundings"}
)
"""Tables that a catalog of this format need not have."""

NUMBER_BYTES = 5


def key(*numbers: int) -> bytes:
    """Make a key of numbers below 2**40."""
    if len(numbers) == 1:
        return numbers[0].to_bytes(NUMBER_BYTES, "big")
    return b"".join([number.to_bytes(NUMBER_BYTES, "big") for number in numbers])


def sample_key(run: int, at_ns: int) -> bytes:
    """Make a key of ``samples``."""
    return key(run) + at_ns.to_bytes(8, "big")


def sampled_ns(data: bytes) -> int:
    """Return the time in a key of ``samples``."""
    return int.from_bytes(data[NUMBER_BYTES : NUMBER_BYTES + 8], "big")


def number(data: bytes, index: int = 0) -> int:
    """Return the number at a place of a key."""
    return int.from_bytes(data[index * NUMBER_BYTES : (index + 1) * NUMBER_BYTES], "big")


def actor(step: int, grade: Grade) -> int:
    """Pack a step with the evidence of its deed."""
    return step * 4 + grade


def unpack_actor(packed: int) -> tuple[int, Grade]:
    """Take apart what ``actor`` packed."""
    return packed >> 2, Grade(packed & 3)
