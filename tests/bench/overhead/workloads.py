"""The workloads: what each does, and the files that it begins with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.overhead import trees
from tests.bench.overhead.tools import Tools


@dataclass(frozen=True, slots=True)
class Workload:
    """A shell script, and what makes the files of the directory that it runs in.

    ``prepare`` fills a template once. Every trial gets a copy of it, or, if it is ``moved``, the files
    themselves (for such as are only read, and too large to copy). ``least_events`` is the smallest number
    of events that a recorder which saw the workload can have stored.
    """

    name: str
    title: str
    script: str
    prepare: Callable[[Path, Tools], None]
    least_events: int
    moved: bool = False
    needs_science: bool = False


ALL = (
    Workload(
        "unpack",
        "unpack 4,000 small files in three places, delete all",
        "mkdir 1 2 3; for i in 1 2 3; do tar xf tree.tar -C $i; done; rm -rf 1 2 3",
        trees.archive,
        6_000,
    ),
    Workload(
        "processes",
        "500 short processes (cp)",
        "i=0; while [ $i -lt 500 ]; do cp in/$i out/$i; i=$((i + 1)); done",
        trees.inputs,
        500,
    ),
    Workload("compile", "make -j2 of 40 C files, gcc -O1", "make -s -j2", trees.c_project, 120),
    Workload(
        "git",
        "git clone of 2,000 files, git status 20 times",
        "git clone -q origin.git clone; cd clone; for i in $(seq 20); do git status >/dev/null; done",
        trees.repository,
        2_000,
    ),
    Workload(
        "postmark",
        "small-file transactions (create, append, read, delete)",
        "./postmark 500 20000",
        trees.postmark,
        10_000,
    ),
    Workload(
        "imports",
        "a script that imports numpy, pandas and sklearn, twice",
        "$PYTHON start.py; $PYTHON start.py",
        trees.imports,
        4,
        needs_science=True,
    ),
    Workload("training", "a scikit-learn stage", "$PYTHON train.py", trees.training, 5, needs_science=True),
    Workload(
        "reading",
        "read 1 GiB with cat and dd, 3 times each",
        "for i in 1 2 3; do cat big.bin >/dev/null; dd if=big.bin of=/dev/null bs=1M status=none; done",
        trees.big_file,
        12,
        moved=True,
    ),
)
