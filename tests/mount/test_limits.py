"""Where file systems differ: full disks, long paths, rights, locks, holes. As in the plain directory."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import NOBODY
from tests.mount.difference import tree
from tests.mount.mounted import mounted

pytest.importorskip("pyfuse3")
pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="needs /dev/fuse"),
]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
_ENTRIES = 100_000
_FILES = 3_000
_FULL_KB, _FREE_KB = 1024, 100
_ROOM = "while [ $(stat -f -c %a .) = 0 ]; do sleep 0.01; done"
"""A shell's words to wait until what was removed is gone: the kernel lets go of it a moment later."""


@pytest.fixture
def places() -> Iterator[tuple[Path, Path]]:
    """A directory to be mounted over, and a plain one, which other users may enter."""
    top = Path(tempfile.mkdtemp(prefix="mlamd-limits-"))
    top.chmod(0o755)
    place, plain = top / "mounted", top / "plain"
    place.mkdir()
    plain.mkdir()
    yield place, plain
    subprocess.run(["rm", "-rf", top], check=True)  # deeper than Python goes


def ran(script: str, place: Path, user: int | None = None) -> tuple[int, str]:
    """Run a script; as another user, if one is given."""
    rights = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    done = subprocess.run(
        ["sh", "-ec", f"umask 022; exec 2>&1\n{script}"],
        cwd=place,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
        **rights,  # type: ignore[call-overload]
    )
    return done.returncode, done.stdout


@contextmanager
def tmpfs(place: Path, size_kb: int) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


# --- a full disk ---------------------------------------------------------------------------------


@pytest.fixture
def nearly_full(places: tuple[Path, Path]) -> Iterator[Path]:
    """A mounted directory on a disk on which little is free."""
    disk = places[1]
    with tmpfs(disk, _FULL_KB):
        place = disk / "work"
        place.mkdir()
        (disk / "else").write_bytes(bytes((_FULL_KB - _FREE_KB) << 10))
        with mounted(place):
            yield place


@needs_root
@pytest.mark.parametrize("written_kb", [_FREE_KB + 50, _FREE_KB * 20], ids=["a little more", "much more"])
@pytest.mark.parametrize("tells", [os.fsync, os.fdatasync, os.close])
@pytest.mark.parametrize("mode", [os.O_WRONLY, os.O_RDWR], ids=["wronly", "rdwr"])
def test_full_disk_is_told_to_who_writes(
    nearly_full: Path, mode: int, written_kb: int, tells: Callable[[int], None]
) -> None:
    """By each write to who only writes; else by what asks for the disk, or by the close."""
    descriptor = os.open(nearly_full / "a", mode | os.O_CREAT)
    said = answer(lambda: [os.write(descriptor, bytes(10 << 10)) for _ in range(written_kb // 10)])
    assert said == (errno.ENOSPC if mode == os.O_WRONLY else 0)
    assert answer(lambda: tells(descriptor)) == errno.ENOSPC - said
    if tells is not os.close:
        os.close(descriptor)
    assert ran(f"cat a > /dev/null; rm a; {_ROOM}; echo small > b; cat b", nearly_full) == (0, "small\n")


def answer(call: Callable[[], object]) -> int:
    """Return the error that a call ends with, 0 for none."""
    try:
        call()
    except OSError as error:
        return error.errno or -1
    return 0


@needs_root
def test_programs_that_never_look_whether_a_close_failed_are_told_too(nearly_full: Path) -> None:
    """On a disk on which little is free, what is opened only for writing passes the cache by."""
    (nearly_full / "f").write_bytes(b"before")
    for script in (
        "cp /proc/self/exe c",
        "dd if=/dev/zero of=f bs=300000 count=1 status=none",
        "printf %300000d 1 > f",
        "printf %300000d 1 >> f",
        f'{sys.executable} -c \'open("f", "wb").write(bytes(300000))\'',
        f"{sys.executable} -c 'print(\"x\" * 300000)' > f",
    ):
        said = ran(f"{{ {script}; }} && echo done", nearly_full)[1]
        assert "done" not in said, (script, said)
        assert "No space" in said or "I/O error" in said, (script, said)  # dash says it so
    assert ran(f"rm c; {_ROOM}; echo text > f; cat f; echo more >> f; cat f", nearly_full) == (
        0,
        "text\ntext\nmore\n",
    )


@needs_root
def test_names_for_which_the_disk_has_no_room_are_refused(places: tuple[Path, Path]) -> None:
    disk = places[1]
    with tmpfs(disk, _FULL_KB):
        subprocess.run(["mount", "-o", "remount,nr_inodes=20", disk], check=True)
        place = disk / "work"
        place.mkdir()
        with mounted(place):
            assert answer(lambda: [(place / f"{number}").mkdir() for number in range(30)]) == errno.ENOSPC
            made = len(os.listdir(place))
        assert len(os.listdir(place)) == made


# --- many and long -------------------------------------------------------------------------------


def test_more_files_are_open_than_one_program_may_have(places: tuple[Path, Path]) -> None:
    place, _ = places
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * _FILES:
        pytest.skip(f"nobody may open more than {hard} files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        with mounted(place):
            resource.setrlimit(resource.RLIMIT_NOFILE, (2 * _FILES, hard))
            held = [os.open(place / f"f{number}", os.O_RDWR | os.O_CREAT) for number in range(_FILES)]
            assert [os.write(descriptor, b"x") for descriptor in held] == [1] * _FILES
            for descriptor in held:
                os.close(descriptor)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {path.stat().st_size for path in place.iterdir()} == {1}


def test_what_is_written_past_the_cache_has_its_time_and_size(nearly_full: Path) -> None:
    """The kernel shows both once the file was closed, as the directory below has them."""
    (nearly_full / "f").write_text("before")
    os.utime(nearly_full / "f", ns=(1, 1))
    for number in range(20):
        with open(nearly_full / "f", "a") as file:
            file.write("more")
        deadline = time.monotonic() + 10
        while (
            status := (nearly_full / "f").stat()
        ).st_mtime_ns == 1 + number and time.monotonic() < deadline:
            time.sleep(0.01)
        assert status.st_mtime_ns > 10**18
        assert status.st_size == 6 + 4 * (number + 1)
        os.utime(nearly_full / "f", ns=(1, 2 + number))


@needs_root
def test_directory_of_a_hundred_thousand(places: tuple[Path, Path]) -> None:
    place, _ = places
    with tmpfs(place, 4 * _ENTRIES):
        names = {f"f{number}" for number in range(_ENTRIES)}
        for name in names:
            os.mknod(place / name)
        with mounted(place):
            found = os.listdir(place)
            assert (len(found), set(found)) == (_ENTRIES, names)
            with os.scandir(place) as entries:  # what is removed while it is listed
                for number, entry in enumerate(entries):
                    assert entry.is_file()
                    if number % 50 == 0:
                        os.unlink(entry)
                        names.remove(entry.name)
            assert set(os.listdir(place)) == names
        assert set(os.listdir(place)) == names


def _deep(root: Path) -> list[object]:
    """Do something at the limits of names and paths; return what was answered."""
    said: list[object] = []
    for length in (254, 255, 256):
        try:
            (root / ("n" * length)).touch()
            said.append("made")
        except OSError as error:
            said.append(error.errno)
    here = os.open(root, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    for name in ("a", "b"):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.rename("a", "c", src_dir_fd=here, dst_dir_fd=here)
    os.link("c", "l", src_dir_fd=here, dst_dir_fd=here)
    os.symlink("c", "s", dir_fd=here)
    os.chmod("c", 0o640, dir_fd=here)
    os.utime("c", ns=(5, 7), dir_fd=here)
    os.unlink("b", dir_fd=here)
    found = os.stat("l", dir_fd=here)
    said += [sorted(os.listdir(here)), os.readlink("s", dir_fd=here)]
    said += [oct(found.st_mode), found.st_nlink, found.st_mtime_ns]
    os.close(here)
    return said


def test_long_names_and_paths(places: tuple[Path, Path]) -> None:
    """``NAME_MAX`` and ``PATH_MAX``, and deeper than that by steps, as ``rm -r`` goes."""
    place, plain = places
    with mounted(place):
        assert _deep(place) == _deep(plain)
        assert ran("rm -r d*; ls", place) == ran("rm -r d*; ls", plain)


def test_path_is_known_however_deep(places: tuple[Path, Path]) -> None:
    """Also when no path is remembered, after a directory was renamed."""
    place, _ = places
    (place / "a/top").mkdir(parents=True)
    with mounted(place):
        here = os.open(place / "a/top", os.O_RDONLY)
        for _ in range(1_200):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        (place / "a").rename(place / "b")
        os.mkdir("last", dir_fd=here)
        assert os.listdir(here) == ["last"]
        os.close(here)
    assert (place / "b/top/d/d/d").is_dir()


# --- the same in both ----------------------------------------------------------------------------


def python(program: str) -> str:
    """Return the shell's words for a program."""
    return f"{sys.executable} - <<'END'\nimport fcntl, os, subprocess, sys, time\n{program}\nEND\n"


_LOCKS = """
f = open("f", "w+"); fcntl.{0}(f, fcntl.LOCK_SH)
program = '''
import fcntl
for kind in (fcntl.LOCK_SH, fcntl.LOCK_EX):
    f = open("f", "r+")
    try: print(fcntl.{0}(f, kind | fcntl.LOCK_NB))
    except OSError as error: print(error.errno)
'''
other = lambda: print(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True))
other()
fcntl.{0}(f, fcntl.LOCK_EX)
other()
fcntl.{0}(f, fcntl.LOCK_UN)
other()
"""
_WAITED = """
f = open("f", "w"); fcntl.flock(f, fcntl.LOCK_EX)
program = "import fcntl; f = open('f', 'a'); fcntl.flock(f, fcntl.LOCK_EX); f.write('second'); f.close()"
other = subprocess.Popen([sys.executable, "-c", program])
time.sleep(0.2); f.write("first "); f.close(); other.wait()
print(open("f").read())
"""
_HOLES = """
f = os.open("f", os.O_RDWR | os.O_CREAT)
os.ftruncate(f, 1 << 40)
os.pwrite(f, b"middle", 1 << 30)
os.pwrite(f, b"end", (1 << 40) - 3)
os.fsync(f)
print(os.fstat(f).st_size, os.pread(f, 9, (1 << 30) - 1), os.pread(f, 9, (1 << 40) - 5))
os.close(f)
print(os.stat("f").st_size, os.stat("f").st_blocks)
os.truncate("f", 1 << 20)
print(os.stat("f").st_size, os.stat("f").st_blocks)
"""
_TIMES = """
open("f", "w").write("x")
for times in ((123456789, 987654321123456789), (-5_000_000_001, 4_294_967_296_000_000_007)):
    os.utime("f", ns=times)
    print(os.stat("f").st_atime_ns, os.stat("f").st_mtime_ns)
f = os.open("g", os.O_RDWR | os.O_CREAT)
os.write(f, b"x")
os.utime(f, ns=(1, 2))
print(os.fstat(f).st_mtime_ns)
time.sleep(0.02)
os.write(f, b"y")
before = os.fstat(f).st_mtime_ns
print(before > 2)
os.close(f)
print(os.stat("g").st_mtime_ns == before)
"""
_ATTRIBUTES = """
for name in ("f", "d"):
    os.setxattr(name, "user.a", b"1"); os.setxattr(name, "user.big", b"x" * 3000)
    print(os.getxattr(name, "user.big"), sorted(os.listxattr(name)))
    os.removexattr(name, "user.big"); print(os.listxattr(name))
    for call, *arguments in (
        (os.getxattr, name, "user.none"),
        (os.removexattr, name, "user.none"),
        (os.setxattr, name, "strange.a", b""),
        (os.setxattr, name, "user." + "n" * 300, b""),
        (os.setxattr, "s", "user.a", b""),
        (os.setxattr, name, "user.a", b"2", os.XATTR_CREATE),
        (os.setxattr, name, "user.b", b"", os.XATTR_REPLACE),
        (os.setxattr, name, "user.a", b"3", os.XATTR_REPLACE),
        (os.setxattr, name, "user.c", b"", os.XATTR_CREATE),
    ):
        try: print(call(*arguments))
        except OSError as error: print(error.errno)
    print([(key, os.getxattr(name, key)) for key in sorted(os.listxattr(name))])
try: os.setxattr("s", "user.a", b"", follow_symlinks=False)
except OSError as error: print(error.errno)
"""
_SAME = {
    "holes": python(_HOLES),
    "times to the nanosecond": python(_TIMES),
    "attributes of users": f"touch f; mkdir d; ln -s f s\n{python(_ATTRIBUTES)}",
    "flock": python(_LOCKS.format("flock")),
    "fcntl": python(_LOCKS.format("lockf")),
    "a lock that is waited for": python(_WAITED),
    "locks end with their process": "exec 9> f; flock 9; (sleep 30) & exec 9>&-; flock -n f true || kill $!; "
    "wait || true; flock -n f echo free",
    "sizes of the file system": "stat -f -c '%b %l %s %S %c' .; sync -f .; sync",
    "special bits": """
touch f; chmod 6755 f; stat -c %a f; echo x >> f; stat -c %a f; mkdir d; chmod 1777 d; stat -c %a d
chgrp 7 d; chmod 2775 d; touch d/f; mkdir d/d; stat -c '%g %a' d/f d/d; chown 5 f; stat -c '%u %a' f""",
    "removed while open": "exec 3<> f; echo a >&3; rm f; echo b >&3; cat /proc/self/fd/3; exec 3>&-; ls",
    "a program that runs is busy": "cp /bin/sleep s; ./s 5 & sleep 0.3; (echo x > s) || echo busy; kill $!",
}


@needs_root
@pytest.mark.parametrize("script", _SAME.values(), ids=_SAME.keys())
def test_same_as_in_a_plain_directory(places: tuple[Path, Path], script: str) -> None:
    place, plain = places
    with mounted(place):
        inside, outside = ran(script, place), ran(script, plain)
        assert inside == outside
    assert inside[0] == 0, inside
    assert "Traceback" not in inside[1]
    assert tree(place) == tree(plain)


@needs_root
@pytest.mark.skipif(shutil.which("setfacl") is None, reason="needs setfacl(1)")
def test_access_control_lists_count_for_other_users(places: tuple[Path, Path]) -> None:
    """What a list forbids is forbidden, and what it allows is allowed; directories hand theirs down.

    The umask counts below a directory with a default list, too: the kernel takes it off before it asks.
    """
    place, plain = places
    prepare = """
umask 0; chmod 755 .; mkdir d
echo text > forbidden; chmod 644 forbidden; setfacl -m u:nobody:--- forbidden
echo text > allowed; chmod 600 allowed; setfacl -m u:nobody:r allowed
setfacl -m d:u:nobody:rwx,u:nobody:rwx d; echo text > d/f; mkdir d/d
chmod 640 allowed; getfacl -R .; setfacl -b d/d; getfacl d/d"""
    access = (
        "cat forbidden || cat allowed; umask 0; cat d/f; echo more > d/new; ls d; rm d/f; touch no || id -u"
    )
    with mounted(place, "allow_other"):
        assert ran(prepare, place) == ran(prepare, plain)
        inside = ran(access, place, NOBODY)
        assert inside == ran(access, plain, NOBODY)
        assert ran("getfacl -R .", place) == ran("getfacl -R .", plain)
    assert "Permission denied\ntext\n" in inside[1]
    assert inside[0] == 0
    assert ran("getfacl -R .", place) == ran("getfacl -R .", plain)


@needs_root
def test_rights_of_other_users(places: tuple[Path, Path]) -> None:
    """Who may come in may do there what they may do in the plain directory, and owns what they make."""
    place, plain = places
    prepare = """
mkdir sticky mine closed group; chmod 1777 sticky; chown nobody mine; chmod 700 closed; touch sticky/root
chgrp 7 group; chmod 2777 group; echo text > private; chmod 600 private; echo text > read; touch set
chmod 4777 set"""
    access = """
cat read; cat private || true; rm -f sticky/root || true; touch sticky/own; rm sticky/own; ls closed || true
touch mine/f; chmod 600 mine/f; touch group/f; mkdir group/d; stat -c '%n %u %g %a' mine/f group/f group/d
echo x > set; stat -c %a set; chmod 777 read || true; chown nobody read || true; touch read || true
mv read mine || true; ln mine/f mine/l; (echo y > new) || true"""
    with mounted(place, "allow_other"):
        assert ran(prepare, place) == ran(prepare, plain)
        inside = ran(access, place, NOBODY)
        assert inside == ran(access, plain, NOBODY)
    assert inside[0] == 0
    assert tree(place) == tree(plain)


@needs_root
def test_other_users_stay_outside_unless_they_are_let_in(places: tuple[Path, Path]) -> None:
    place, _ = places
    (place / "f").write_text("text")
    command = ["cat", place / "f"]
    with mounted(place):
        done = subprocess.run(
            command, cwd="/", user=NOBODY, extra_groups=[], capture_output=True, text=True, check=False
        )
        assert "Permission denied" in done.stderr


@needs_root
def test_read_only(places: tuple[Path, Path]) -> None:
    place, plain = places
    (place / "f").write_text("text")
    (plain / "f").write_text("text")
    changes = "mkdir d;rm f;mv f g;chmod 600 f;touch f;ln f l;ln -s f l;truncate -s 0 f;mkfifo p;cp f g"
    script = "cat f; " + "; ".join(f"{change} || true" for change in changes.split(";")) + "; echo x > f"
    subprocess.run(["mount", "--bind", plain, plain], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", plain], check=True)
        with mounted(place, "ro"):
            inside = ran(script, place)
            assert inside == ran(script, plain)
            for flags in (os.O_RDWR, os.O_WRONLY, os.O_RDONLY | os.O_TRUNC):
                with pytest.raises(OSError, match="Read-only") as error:
                    os.open(place / "f", flags)
                assert error.value.errno == errno.EROFS
    finally:
        subprocess.run(["umount", plain], check=True)
    assert inside[1].count("Read-only") >= 10
    assert tree(place) == tree(plain)


@needs_root
def test_mount_that_was_begun_below(places: tuple[Path, Path]) -> None:
    """It is a file system of its own, and what it covers comes back."""
    place, _ = places
    (place / "sub").mkdir()
    (place / "sub/below").touch()
    with mounted(place):
        with tmpfs(place / "sub", _FULL_KB):
            (place / "sub/f").write_text("on the other file system")
            assert os.listdir(place / "sub") == ["f"]
            with pytest.raises(OSError, match="cross-device"):
                (place / "sub/f").rename(place / "f")
            with pytest.raises(OSError, match="busy"):
                (place / "sub").rmdir()
            shutil.move(place / "sub/f", place / "f")
        assert os.listdir(place / "sub") == ["below"]
    assert (place / "f").read_text() == "on the other file system"


@needs_root
def test_file_system_below_that_was_there_before_is_shown(places: tuple[Path, Path]) -> None:
    place, _ = places
    (place / "sub").mkdir()
    with tmpfs(place / "sub", _FULL_KB):
        (place / "sub/f").write_text("there before")
        with mounted(place):
            assert (place / "sub/f").read_text() == "there before"
            (place / "g").touch()
            with pytest.raises(OSError, match="cross-device"):
                os.link(place / "g", place / "sub/g")
            (place / "sub/g").touch()
        assert sorted(os.listdir(place / "sub")) == ["f", "g"]
