"""Programs as people use them, once in a plain directory and once in a mounted one at the same path."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.mount.difference import tree
from tests.mount.mounted import mounted

pytest.importorskip("pyfuse3")
pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="needs /dev/fuse"),
]

_GIT = """
export GIT_AUTHOR_DATE='2001-01-01 00:00 +0000' GIT_COMMITTER_DATE='2001-01-01 00:00 +0000'
export GIT_CONFIG_GLOBAL=/dev/null
git init -q -b main r; cd r; git config user.email a@b; git config user.name a; git config pack.threads 1
mkdir d; seq 1000 > d/f; ln -s d/f link; echo x > run; chmod 755 run; git add .; git commit -qm one
git checkout -qb other; seq 2000 > d/f; git commit -qam two; git checkout -q main; git merge -q other
git status --porcelain; git gc -q; git fsck; cd ..; git clone -q --no-hardlinks r c; git -C c log --format=%H
git clone -q r linked; git -C linked mv d e; git -C linked stash -q; git -C linked status --porcelain
"""
_PIP = f"""
export SOURCE_DATE_EPOCH=1000000000 PIP_DISABLE_PIP_VERSION_CHECK=1
{sys.executable} -m venv v
v/bin/python -m pip install -q --no-index --no-build-isolation "$GIVEN/tiny-1.0-py3-none-any.whl"
v/bin/tiny; v/bin/python -m pip show -f tiny
"""
_MAKE = r"""
mkdir src
for n in 1 2 3 4 5; do echo "int f$n(void){return $n;}" > src/f$n.c; done
echo 'int f1(void); int f5(void); int main(void){return f1() + f5() - 6;}' > src/main.c
cat > Makefile <<'E'
objects = $(patsubst src/%.c,build/%.o,$(wildcard src/f*.c))
program: src/main.c build/lib.a ; gcc -o $@ $^
build/lib.a: $(objects) ; ar rcsD $@ $(sort $^)
build/%.o: src/%.c | build ; gcc -c -o $@ $<
build: ; mkdir build
E
make -j4 -s; ./program; make; sleep 0.02; touch src/f3.c; make -n; make -s; ./program; make
"""
_SQLITE = """
import multiprocessing, sqlite3
def fill(start):
    base = sqlite3.connect("d.db", timeout=60)
    for number in range(start, start + 200):
        with base:
            base.execute("insert into t values(?)", (number,))
    base.close()
if __name__ == "__main__":
    base = sqlite3.connect("d.db")
    print(base.execute("pragma journal_mode=wal").fetchone())
    base.execute("create table t(x)")
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(fill, [0, 1000, 2000])
    print(base.execute("select count(*), sum(x) from t").fetchone())
    print(base.execute("pragma integrity_check").fetchone())
    base.execute("vacuum")
    base.execute("create table u as select x from t order by x")
    base.execute("drop table t")
    print(base.execute("pragma wal_checkpoint(truncate)").fetchone())
    base.close()
"""
_SAVE = """
import json, os, tempfile
for number in range(50):
    with tempfile.NamedTemporaryFile("w", dir=".", delete=False) as file:
        json.dump({"cells": [number] * 1000}, file)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(file.name, 0o644)
    os.replace(file.name, "a.ipynb")
    here = os.open(".", os.O_RDONLY)
    os.fsync(here)
    os.close(here)
    assert json.load(open("a.ipynb"))["cells"][0] == number
print(os.listdir("."))
"""
_LOADER = """
import mmap, multiprocessing, random
def batch(numbers):
    total = 0
    for number in numbers:
        file = open(f"{number % 20}.bin", "rb")
        with file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            at = random.Random(number).randrange(len(mapped) - 5000)
            total += sum(mapped[at : at + 5000])
    return total
if __name__ == "__main__":
    for number in range(20):
        with open(f"{number}.bin", "wb") as file:
            file.write(random.Random(number).randbytes(200_000))
    for start in ("fork", "spawn"):
        with multiprocessing.get_context(start).Pool(4) as pool:
            print(pool.map(batch, [range(n, n + 32) for n in range(0, 640, 32)]))
"""
_RSYNC = """
rsync -aHX "$GIVEN/source/" copy; rsync -aHXin "$GIVEN/source/" copy; rsync -aHX copy/ again
echo more >> again/a; rm again/d/e; touch -d @950000000 again/a; rsync -aHX --delete --inplace again/ copy
rsync -aHXcin again/ copy; rsync -aHX --delete --sparse "$GIVEN/source/" again
rsync -aHXcin "$GIVEN/source/" again
"""
_TAR = """
tar --xattrs -cf t.tar -C "$GIVEN" source; tar --xattrs -tvf t.tar; mkdir o; tar --xattrs -xpf t.tar -C o
tar --xattrs -df t.tar -C o; tar -czf z.tgz --mtime=@900000000 -C o source; tar -xzf z.tgz
"""


def script(program: str) -> str:
    """Return a shell's words that run a Python program from a file."""
    return f"cat > p.py <<'E'\n{program}\nE\n{sys.executable} p.py"


_TOOLS = {
    "git": _GIT,
    "pip": _PIP,
    "make": _MAKE,
    "sqlite": script(_SQLITE),
    "atomic save": script(_SAVE),
    "loader": script(_LOADER),
    "rsync": _RSYNC,
    "tar": _TAR,
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the programs start with, outside of the mount."""
    place = tmp_path_factory.mktemp("given")
    source = place / "source"
    (source / "d/empty").mkdir(parents=True)
    (source / "a").write_text("text")
    (source / "d/e").write_bytes(bytes(range(256)) * 4000)
    os.link(source / "a", source / "d/hard")
    (source / "link").symlink_to("d/e")
    (source / "nowhere").symlink_to("missing")
    (source / "ü n").write_text("name")
    with open(source / "sparse", "wb") as file:
        file.seek(5_000_000)
        file.write(b"end")
    os.setxattr(source / "a", "user.note", b"kept")
    (source / "a").chmod(0o640)
    (source / "d").chmod(0o2750)
    os.mkfifo(source / "fifo")
    for number, path in enumerate(sorted(source.rglob("*"), reverse=True)):
        os.utime(path, ns=(1, 900_000_000_123_456_789 + number), follow_symlinks=False)
    os.utime(source, ns=(1, 900_000_000_000_000_001))
    with zipfile.ZipFile(place / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny/__init__.py", "def main():\n    print('tiny')\n")
        about = "tiny-1.0.dist-info"
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/entry_points.txt", "[console_scripts]\ntiny = tiny:main\n")
        files = [
            "tiny/__init__.py",
            *(f"{about}/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt")),
        ]
        wheel.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"]))
    return place


@pytest.mark.parametrize("tool", _TOOLS)
def test_tool_works_as_in_a_plain_directory(tmp_path: Path, given: Path, tool: str) -> None:
    """What it says, and all that it leaves: contents, modes, links, attributes, times that it sets."""
    program = {"sqlite": "python3", "atomic save": "python3", "loader": "python3", "pip": "python3"}.get(
        tool, tool
    )
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    place, plain = tmp_path / "work", tmp_path / "plain"
    place.mkdir()
    outside = _ran(_TOOLS[tool], place, given)
    place.rename(plain)
    place.mkdir()
    with mounted(place):
        inside = _ran(_TOOLS[tool], place, given)
        seen = _left(place)
    assert inside == outside
    assert inside[0] == 0, inside
    assert seen == _left(plain)
    assert _left(place) == seen


def _ran(words: str, place: Path, given: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        ["sh", "-ec", f"umask 022\n{words}"],
        cwd=place,
        env=os.environ | {"GIVEN": str(given), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def _left(place: Path) -> dict[str, object]:
    """Return what a tool has left; an index of git holds inodes and the times of today."""
    found = tree(place)
    return {name: row[:5] if name.endswith(".git/index") else row for name, row in found.items()}
