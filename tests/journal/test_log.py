"""The journal on a real disk, with real processes and real kills."""

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlamd.catalog.check import check_file, check_journal
from mlamd.errors import StoreDamagedError
from mlamd.journal.log import BLOCK_EVENTS, Journal
from mlamd.model.events import Named

_READER = """
import sys
from pathlib import Path
from mlamd.journal.log import Journal
journal = Journal(Path(sys.argv[1]))
for line in sys.stdin:
    if line == "hold\\n":
        held = journal._environment.reading()
        held.__enter__()
        print("held", flush=True)
    else:
        print(sum(len(events) for _, events in journal.blocks()), flush=True)
"""

_WRITER = """
import sys
from pathlib import Path
from mlamd.journal.log import Journal
from mlamd.model.events import Named
journal = Journal(Path(sys.argv[1]), write=True)
following = journal.next_number()
print(following, flush=True)
while True:
    numbers = range(following, following + following % 700 + 1)
    batch = [Named(number, b"path %d" % number) for number in numbers]
    following = journal.append(batch, following)
    print(following, flush=True)
"""


def _events(first: int, count: int) -> list[Named]:
    return [Named(number, b"path %d" % number) for number in range(first, first + count)]


def _all(journal: Journal, start: int = 1) -> list[Named]:
    return [event for _, events in journal.blocks(start) for event in events]


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path, write=True)
    yield made
    made.close()


def test_new_journal_is_empty(journal, tmp_path):
    assert journal.next_number() == 1
    assert list(journal.blocks()) == []
    with _started(_READER, tmp_path) as reader:
        assert _asked(reader, "count") == "0"
        reader.stdin.close()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=6), st.integers(1, 900))
def test_appended_events_are_read_from_any_place(tmp_path_factory, sizes, start):
    journal = Journal(tmp_path_factory.mktemp("journal"), write=True)
    following = 1
    for size in sizes:
        following = journal.append(_events(following, size), following)
    assert journal.next_number() == following
    assert _all(journal) == _events(1, following - 1)
    assert _all(journal, start) == _events(start, max(0, following - start))
    journal.close()


def test_large_appends_are_cut_into_blocks(journal):
    count = 2 * BLOCK_EVENTS + 1
    assert journal.append(_events(1, count), 1) == count + 1
    blocks = [(number, len(events)) for number, events in journal.blocks()]
    assert blocks == [(1, BLOCK_EVENTS), (BLOCK_EVENTS + 1, BLOCK_EVENTS), (count, 1)]
    assert _all(journal, count - 1) == _events(count - 1, 2)


def test_a_number_is_given_once(journal):
    journal.append(_events(1, 10), 1)
    with pytest.raises(StoreDamagedError, match="exists already"):
        journal.append(_events(5, 1), 1)
    assert journal.next_number() == 11
    assert _all(journal) == _events(1, 10)


def test_map_grows_before_it_is_full(journal):
    following = 1
    for _ in range(25):
        batch = [Named(following + n, random.Random(following + n).randbytes(4096)) for n in range(1000)]
        following = journal.append(batch, following)
    assert journal.used_bytes() > 90 << 20
    assert sum(len(events) for _, events in journal.blocks()) == 25_000


def test_reader_in_another_process_follows_a_map_that_grew(journal, tmp_path):
    journal.append(_events(1, 10), 1)
    with _started(_READER, tmp_path) as reader:
        assert _asked(reader, "count") == "10"
        journal._environment._grow(1 << 30)
        journal.append([Named(11 + n, random.Random(n).randbytes(4096)) for n in range(20_000)], 11)
        assert _asked(reader, "count") == "20010"
        reader.stdin.close()


def test_slot_of_a_killed_reader_is_freed(journal, tmp_path):
    journal.append(_events(1, 10), 1)
    with _started(_READER, tmp_path) as reader:
        assert _asked(reader, "hold") == "held"
        assert journal.check_readers() == 0
        reader.kill()
        reader.wait()
        assert journal.check_readers() == 1
        assert journal.check_readers() == 0


def _started(script: str, store) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _asked(process: "subprocess.Popen[str]", question: str) -> str:
    process.stdin.write(question + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.mark.slow
def test_writer_that_is_killed_at_any_moment_loses_nothing_acknowledged(tmp_path):
    moments = random.Random(7)
    acknowledged = 1
    for _ in range(25):
        with _started(_WRITER, tmp_path) as writer:
            try:
                writer.wait(moments.uniform(0.05, 0.4))
            except subprocess.TimeoutExpired:
                writer.kill()
            lines = writer.stdout.read().split("\n")[:-1]
            assert writer.wait() == -9
        if lines:
            assert int(lines[0]) >= acknowledged
            acknowledged = int(lines[-1])
    assert acknowledged > 1000
    check_file(tmp_path, "journal")
    assert check_journal(tmp_path) >= acknowledged - 1
    journal = Journal(tmp_path)
    stored = _all(journal)
    assert stored == _events(1, len(stored))
    journal.close()
