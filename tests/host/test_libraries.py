"""Native libraries of processes: of real ones, and of memory maps as other machines have them."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlamd.host.libraries import Loaded, loaded, loaded_in
from mlamd.model.processes import ProcessKey

SITE = "/v/lib/python3.12/site-packages"


def key_of(pid: int) -> ProcessKey:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return ProcessKey("", pid, int(fields[19]))


def maps(*paths: str, kind: str = "r-xp", inode: int = 7) -> bytes:
    lines = (
        f"7f{n:010x}-7f{n:010x} {kind} 0001000 08:01 {inode} " + " " * 9 + p for n, p in enumerate(paths)
    )
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


@pytest.mark.linux
def test_what_a_real_program_loads() -> None:
    script = "import numpy, sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        key = key_of(process.pid)
        found = loaded(key)
        assert loaded(key._replace(start=key.start + 1)) is None, "another process has the number by now"
        process.communicate()
    assert found is not None
    names = {path.rpartition("/")[2] for path in found.libraries}
    assert any("openblas" in name for name in names), names
    assert any(name.startswith(("libc.so", "libc-")) for name in names), names
    assert found.packages == {"numpy"}
    assert not [path for path in found.libraries if "cpython" in path or path == sys.executable]
    assert loaded(key) is None


def test_packages_with_libraries_of_their_own() -> None:
    text = maps(
        f"{SITE}/torch/_C.cpython-312-x86_64-linux-gnu.so",
        f"{SITE}/torch/lib/libtorch_cuda.so",
        f"{SITE}/torch/lib/libcudart-8d0bf4d9.so.12.1.105",
        f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9",
        f"{SITE}/pandas/_libs/lib.cpython-312-x86_64-linux-gnu.so",
        f"{SITE}/tokenizers/tokenizers.abi3.so",
        f"{SITE}/old/_speedups.so",
        "/v/lib/python3.12/lib-dynload/_json.cpython-312-x86_64-linux-gnu.so",
        "/usr/lib/libcuda.so.550.54.15",
        "/usr/lib/libc-2.31.so",
        "/w/build/mine.so",
        "/usr/bin/python3.12",
        "/usr/lib/locale/locale-archive",
    )
    assert loaded_in(text) == Loaded(
        frozenset(
            {
                f"{SITE}/torch/lib/libtorch_cuda.so",
                f"{SITE}/torch/lib/libcudart-8d0bf4d9.so.12.1.105",
                f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9",
                "/usr/lib/libcuda.so.550.54.15",
                "/usr/lib/libc-2.31.so",
                "/w/build/mine.so",
            }
        ),
        frozenset({"torch", "pandas", "tokenizers", "old"}),
    )


def test_only_code_of_files_counts() -> None:
    assert loaded_in(maps("/a/libx.so", kind="r--p")) == Loaded()
    assert loaded_in(maps("/memfd:libx.so (deleted)", inode=0)) == Loaded()
    assert loaded_in(maps("[vdso]")) == Loaded()
    assert loaded_in(b"no map\n") == Loaded()


def test_odd_names() -> None:
    text = maps("/a b/libx.so.1 (deleted)", "/new\\012line/liby.so", "/\udcff/libz.so")
    assert loaded_in(text).libraries == {"/a b/libx.so.1", "/new\nline/liby.so", "/\udcff/libz.so"}
