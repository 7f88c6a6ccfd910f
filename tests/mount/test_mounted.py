"""The mounted file system beside a plain directory: nobody can tell the one from the other."""

import itertools
import mmap
import os
import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlamd.host.fanotify import (
    ACCESS,
    ATTRIB,
    CLOSE_NOWRITE,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    MODIFY,
    ONDIR,
    OPEN,
    OPEN_EXEC,
    RENAME,
)
from mlamd.model import codec
from mlamd.mount.witness import DEED, IMAGE
from tests.mount.difference import Twin, shrunk, tree
from tests.mount.mounted import mounted

pytest.importorskip("pyfuse3")
pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="needs /dev/fuse"),
]

_STEPS = 50_000
_FILE_STEPS, _FILE_SEED = 200_000, 5
_SHRINKING_S = 100.0
_MOST_BYTES = 300_000


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A directory to be mounted over, and a plain one."""
    place, plain = tmp_path / "mounted", tmp_path / "plain"
    place.mkdir()
    plain.mkdir()
    return place, plain


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_random_operations_have_the_same_answers(places: tuple[Path, Path], seed: int) -> None:
    """Results, errors, attributes, contents; and what is left in the directory below is the same too.

    A sequence that ends differently is made as short as can be, and shown.
    """
    place, plain = places
    tries = itertools.count()

    def difference(steps: Sequence[int]) -> tuple[str, list[str]]:
        name = str(next(tries))
        (place / name).mkdir()
        (plain / name).mkdir()
        twin = Twin(place / name, plain / name, seed)
        try:
            twin.play(steps)
        except AssertionError as error:
            return str(error), twin.did
        finally:
            twin.close()
        return "", twin.did

    umask = os.umask(0o022)
    try:
        with mounted(place):
            why, did = difference(range(_STEPS))
            if why:
                few = shrunk(range(len(did)), lambda steps: bool(difference(steps)[0]), _SHRINKING_S)
                why, did = difference(few)
                pytest.fail("\n".join([f"seed {seed}, steps {list(few)}:", *did, why]))
        assert tree(place) == tree(plain)
    finally:
        os.umask(umask)


def test_sequence_that_fails_is_made_short() -> None:
    assert shrunk(range(1_000), lambda steps: {17, 400, 999} <= set(steps), 10) == [17, 400, 999]


def test_one_file_read_written_cut_and_mapped(places: tuple[Path, Path]) -> None:
    """As fsx does it: every read is compared with a model in memory."""
    place, _ = places
    rand, model = random.Random(_FILE_SEED), bytearray()
    with mounted(place):
        path = place / "file"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        for number in range(_FILE_STEPS):
            at, size = rand.randrange(_MOST_BYTES), rand.choice([1, 100, 4096, 30_000])
            match rand.randrange(7):
                case 0 | 1:
                    data = rand.randbytes(size)
                    os.pwrite(descriptor, data, at)
                    _put(model, at, data)
                case 2 | 3:
                    found = os.pread(descriptor, size, at)
                    assert found == model[at : at + size], f"seed {_FILE_SEED}, step {number}: {size} at {at}"
                case 4:
                    if rand.randrange(10) == 0:
                        os.ftruncate(descriptor, at)
                        _cut(model, at)
                case 5:
                    if model:
                        _map(descriptor, model, rand)
                case 6:
                    if rand.randrange(20) == 0:
                        os.close(descriptor)
                        descriptor = os.open(path, os.O_RDWR)
        assert os.fstat(descriptor).st_size == len(model)
        os.close(descriptor)
        assert path.read_bytes() == model
    assert path.read_bytes() == model


def _put(model: bytearray, at: int, data: bytes) -> None:
    _cut(model, max(len(model), at + len(data)))
    model[at : at + len(data)] = data


def _cut(model: bytearray, size: int) -> None:
    if size < len(model):
        del model[size:]
    else:
        model.extend(bytes(size - len(model)))


def _map(descriptor: int, model: bytearray, rand: random.Random) -> None:
    """Read and change a part of a file through a shared mapping."""
    with mmap.mmap(descriptor, len(model)) as mapped:
        at = rand.randrange(len(model))
        data = rand.randbytes(min(500, len(model) - at))
        assert mapped[at : at + len(data)] == model[at : at + len(data)]
        mapped[at : at + len(data)] = data
        model[at : at + len(data)] = data


def test_hard_links_share_one_inode(places: tuple[Path, Path]) -> None:
    place, _ = places
    with mounted(place):
        (place / "a").write_text("x")
        os.link(place / "a", place / "b")
        (place / "a").unlink()
        (place / "b").write_text("yy")
        assert (place / "b").stat().st_nlink == 1
        assert (place / "b").stat().st_ino == os.stat(place / "b").st_ino
    assert (place / "b").read_text() == "yy"


def test_numbers_of_inodes_are_those_of_the_directory_below(places: tuple[Path, Path]) -> None:
    place, _ = places
    (place / "d").mkdir()
    (place / "d/f").touch()
    before = [(place / name).stat().st_ino for name in ("", "d", "d/f")]
    with mounted(place):
        assert [(place / name).stat().st_ino for name in ("", "d", "d/f")] == before


def test_kill_leaves_what_was_synced(places: tuple[Path, Path]) -> None:
    place, _ = places
    with mounted(place) as process:
        descriptor = os.open(place / "f", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"kept")
        os.fsync(descriptor)
        process.kill()
        process.wait()
        with pytest.raises(OSError, match="not connected"):
            os.stat(place / "f")
        with pytest.raises(OSError, match="not connected"):
            os.close(descriptor)
    assert (place / "f").read_bytes() == b"kept"
    with mounted(place):
        assert (place / "f").read_bytes() == b"kept"


def test_terminated_process_unmounts(places: tuple[Path, Path]) -> None:
    place, _ = places
    with mounted(place) as process:
        process.terminate()
        assert process.wait(20) == 0
        assert not os.path.ismount(place)


_BITS = {
    "create": CREATE,
    "open": OPEN,
    "exec": OPEN_EXEC,
    "read": ACCESS,
    "changed": MODIFY,
    "touched": ATTRIB,
    "written": CLOSE_WRITE,
    "closed": CLOSE_NOWRITE,
    "removed": DELETE,
    "renamed": RENAME,
    "directory": ONDIR,
}


def test_a_file_was_modified_when_its_mount_says_it_was(places: tuple[Path, Path]) -> None:
    """Also where it was made and written within one tick of the kernel's clock."""
    place, _ = places
    covered = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    with mounted(place):
        for number in range(200):
            (place / f"{number}").write_text("x")
            os.rename(place / f"{number}", place / "new")
            below = os.stat("new", dir_fd=covered)
            assert below.st_mtime_ns == (place / "new").stat().st_mtime_ns
        os.sync()
        assert os.stat("new", dir_fd=covered).st_mtime_ns == below.st_mtime_ns
    os.close(covered)


def _told(notes: Path) -> list[tuple[str, str, str]]:
    """Return by whom, what, and to which file."""
    programs: dict[int, str] = {}
    told = []
    for kind, _, *row in codec.unpack(notes.read_bytes()):
        if kind == IMAGE:
            process, image = row
            programs[process] = image[0].rstrip(b"\0").replace(b"\0", b" ").decode() if image else "?"
        elif kind == DEED:
            mask, process, path, new_path, _ = row
            what = " ".join(name for name, bit in _BITS.items() if mask & bit)
            told.append((programs[process], what, " ".join(filter(None, (path.decode(), new_path.decode())))))
    return told


def test_everything_is_told_with_the_program_that_did_it(places: tuple[Path, Path], tmp_path: Path) -> None:
    """Also of programs that live for a millisecond: they are held while they are looked at."""
    place, _ = places
    notes = tmp_path / "notes"
    (place / "a").write_text("text")
    (place / "run.sh").write_text("#!/bin/sh\ncat a\n")
    (place / "run.sh").chmod(0o755)
    with mounted(place, f"witness={notes}"):
        script = "cp a b; mv b c; ./run.sh; touch c; mkdir d; rm a; ln c e; truncate -s 1 c; rmdir d; true"
        subprocess.run(["sh", "-c", script], cwd=place, check=True, stdout=subprocess.DEVNULL)
    # The last close of a file in which nothing was changed is told some time later.
    assert [row for row in _told(notes) if row[1] not in {"closed", "written"}] == [
        ("cp a b", "open read", "a"),
        ("cp a b", "create open", "b"),
        ("cp a b", "changed written", "b"),
        ("mv b c", "renamed", "b c"),
        (f"sh -c {script}", "open exec read", "run.sh"),
        ("/bin/sh ./run.sh", "open read", "run.sh"),
        ("cat a", "open read", "a"),
        ("touch c", "open", "c"),
        ("touch c", "touched", "c"),
        ("mkdir d", "create directory", "d"),
        ("rm a", "removed", "a"),
        ("ln c e", "create", "e"),
        ("truncate -s 1 c", "open", "c"),
        ("truncate -s 1 c", "changed written", "c"),
        ("rmdir d", "removed directory", "d"),
    ]


def test_what_others_write_below_is_read_as_it_is(places: tuple[Path, Path]) -> None:
    """An open looks whether the kernel still knows the file as it is; also of what was read here before."""
    place, _ = places
    (place / "log").write_text("one\n")
    (place / "same").write_text("12345")
    covered = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    below = Path(f"/proc/self/fd/{covered}")
    with mounted(place), (below / "log").open("a") as log:
        assert (place / "log").read_text() == "one\n"
        assert (place / "same").read_text() == "12345"
        for number in range(3):
            time.sleep(0.6)
            log.write(f"{number}\n")
            log.flush()
            (below / "same").write_text(f"{number}2345")
            assert (place / "log").read_text() == (below / "log").read_text()
            assert (place / "same").read_text() == f"{number}2345"
            with (place / "log").open("a") as ours:
                ours.write("ours\n")
            assert (below / "log").read_text().endswith(f"{number}\nours\n")
    os.close(covered)


def test_a_new_file_is_never_an_old_one(places: tuple[Path, Path]) -> None:
    """File systems use the number of a removed file again, also of one that was removed behind our back."""
    place, _ = places
    covered = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    with mounted(place):
        for number in range(20):
            (place / f"a{number}").write_text("x" * 100)
            (place / f"a{number}").read_text()
            os.unlink(f"a{number}", dir_fd=covered)
            (place / f"b{number}").write_text("BB")
            with open(f"/proc/self/fd/{covered}/b{number}") as file:
                assert file.read() == "BB"
    os.close(covered)


def test_links_lead_nobody_out_of_a_mount_for_several(places: tuple[Path, Path], tmp_path: Path) -> None:
    """Somebody who can also reach the covered directory puts a link where the kernel knows a directory."""
    place, _ = places
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("secret")
    (place / "d").mkdir()
    (place / "d/file").write_text("known")
    covered = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    with mounted(place, "allow_other"):
        (place / "d/file").read_text()
        os.rename("d", "e", src_dir_fd=covered, dst_dir_fd=covered)
        os.symlink(secret, "d", dir_fd=covered)
        acts = [
            "cat d/file",
            "echo x > d/file",
            "echo x >> d/file",
            "truncate -s 1 d/file",
            "chmod 777 d/file",
        ]
        for act in (*acts, "touch d/new", "rm d/file", "mv d/file d/other", "ln d/file f", "mkdir d/inner"):
            assert subprocess.run(
                ["sh", "-c", act], cwd=place, check=False, capture_output=True
            ).returncode, act
    os.close(covered)
    assert (secret / "file").read_text() == "secret"
    assert os.listdir(secret) == ["file"]
