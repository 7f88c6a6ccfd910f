"""The files that the workloads begin with; the same ones every time."""

import os
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.bench.overhead.tools import PROGRAMS, Tools

GIB = 1 << 30
_DATE = "2026-01-01T00:00:00Z"


def text(rng: random.Random, size: int) -> str:
    """Return some lines of text."""
    words = [f"{rng.getrandbits(40):010x}" for _ in range(size // 11 + 1)]
    return "\n".join(words)[:size] + "\n"


def small_files(root: Path, count: int, rng: random.Random) -> None:
    """Make ``count`` files of 200 to 4,000 bytes, 40 to a directory."""
    for number in range(count):
        path = root / f"part_{number // 40:03d}" / f"sample_{number:05d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(rng, rng.randint(200, 4000)), encoding="ascii")


def archive(template: Path, tools: Tools) -> None:  # noqa: ARG001  (all of these are called alike)
    """Make ``tree.tar`` of 4,000 files."""
    small_files(template / "tree", 4_000, random.Random(1))
    with tarfile.open(template / "tree.tar", "w") as tar:
        tar.add(template / "tree", "tree")
    shutil.rmtree(template / "tree")


def inputs(template: Path, tools: Tools) -> None:  # noqa: ARG001
    """Make 500 files to copy."""
    (template / "in").mkdir()
    (template / "out").mkdir()
    rng = random.Random(2)
    for number in range(500):
        (template / "in" / str(number)).write_text(text(rng, 2_000), encoding="ascii")


_FUNCTION = """
double f_{unit}_{number}(struct state *state, const double *values, int count)
{{
    double total = {number}.5;
    for (int i = 0; i < count; i++) {{
        double scaled = values[i] * state->weight[i % {modulus}] + sqrt(fabs(total));
        if (scaled > {limit}.0)
            total += log(scaled) / (i + 1);
        else
            total -= state->bias[(i * {number}) % 16] * scaled;
        state->seen[i % 32]++;
    }}
    snprintf(state->label, sizeof state->label, "%s:%f", "f_{unit}_{number}", total);
    return total;
}}
"""
_HEADER = """#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct state { double weight[16], bias[16]; long seen[32]; char label[64]; };
"""
_MAKEFILE = """objects := $(patsubst %.c,%.o,$(wildcard src/*.c))
program: $(objects)
\tgcc -o $@ $^ -lm
src/%.o: src/%.c src/state.h
\tgcc -O1 -c -o $@ $<
"""


def c_project(template: Path, tools: Tools) -> None:  # noqa: ARG001
    """Make 40 C files of 12 functions each, a header and a Makefile."""
    source = template / "src"
    source.mkdir()
    (template / "Makefile").write_text(_MAKEFILE, encoding="ascii")
    (source / "state.h").write_text(_HEADER, encoding="ascii")
    rng = random.Random(3)
    for unit in range(40):
        parts = ['#include "state.h"\n']
        for number in range(1, 13):
            limit, modulus = rng.randint(1, 99), rng.randint(3, 16)
            parts.append(_FUNCTION.format(unit=unit, number=number, limit=limit, modulus=modulus))
        (source / f"unit_{unit:02d}.c").write_text("".join(parts), encoding="ascii")
    (source / "main.c").write_text('#include "state.h"\nint main(void) { return 0; }\n', encoding="ascii")


def repository(template: Path, tools: Tools) -> None:
    """Make a bare repository of 2,000 files and 20 commits."""
    tree = template / "tree"
    rng = random.Random(4)
    small_files(tree, 2_000, rng)
    environment = tools.environment | {"GIT_AUTHOR_DATE": _DATE, "GIT_COMMITTER_DATE": _DATE}

    def git(*words: str) -> None:
        identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0")
        subprocess.run(["git", *identity, *words], cwd=tree, env=environment, check=True)

    git("init", "-q", "-b", "main")
    files = sorted(tree.glob("part_*/*"))
    for number in range(20):
        for path in rng.sample(files, 100):
            path.write_text(text(rng, rng.randint(200, 4000)), encoding="ascii")
        git("add", "-A")
        git("commit", "-q", "-m", f"change {number}")
    git("clone", "-q", "--bare", ".", "../origin.git")
    subprocess.run(["git", "gc", "-q"], cwd=template / "origin.git", env=environment, check=True)
    shutil.rmtree(tree)


def postmark(template: Path, tools: Tools) -> None:
    """Put the program there, and the directories that it works in."""
    shutil.copy(tools.compiled("postmark"), template)
    for number in range(10):
        (template / f"s{number:02d}").mkdir()


def imports(template: Path, tools: Tools) -> None:  # noqa: ARG001
    """Make a script that only imports."""
    (template / "start.py").write_text("import numpy, pandas, sklearn\n", encoding="ascii")


def training(template: Path, tools: Tools) -> None:  # noqa: ARG001
    """Make a table of some 20 MB, and put the program there."""
    shutil.copy(PROGRAMS / "train.py", template)
    (template / "data").mkdir()
    rng = random.Random(5)
    with (template / "data" / "train.csv").open("w", encoding="ascii") as file:
        file.write(",".join(f"x{column}" for column in range(20)) + ",label\n")
        for _ in range(105_000):
            row = [rng.gauss(0, 1) for _ in range(20)]
            label = int(row[0] + row[1] * row[2] > 0.3)
            file.write(",".join(f"{value:.6f}" for value in row) + f",{label}\n")


def big_file(template: Path, tools: Tools) -> None:  # noqa: ARG001
    """Make a file of 1 GiB that is no hole."""
    block = os.urandom(1 << 20)
    with (template / "big.bin").open("wb") as file:
        for number in range(GIB >> 20):
            file.write(number.to_bytes(8, "big") + block[8:])
