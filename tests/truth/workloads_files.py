"""Workloads about what can happen to files."""

from pathlib import Path

from tests.truth.workload import put, workload


@workload("five hundred short copies", "sh copy.sh", outputs=("out/7", "out/444"))
def copies(workspace: Path) -> None:
    put(workspace, copy__sh="for i in $(seq 500); do cp in/$i out/$i; done\n")
    (workspace / "in").mkdir()
    (workspace / "out").mkdir()
    for number in range(1, 501):
        (workspace / "in" / str(number)).write_text(f"row {number}\n")


@workload("an editor's atomic save", "python save.py", "python use.py", outputs=("used.txt",))
def atomic_save(workspace: Path) -> None:
    put(
        workspace,
        notes__txt="first\n",
        save__py="""
            import os, time
            text = open("notes.txt").read()
            time.sleep(0.2)
            with open("notes.txt.tmp71", "w") as out:
                out.write(text + "second\\n")
                out.flush()
                os.fsync(out.fileno())
            os.replace("notes.txt.tmp71", "notes.txt")
            time.sleep(0.2)
        """,
        use__py="""
            import time
            text = open("notes.txt").read()
            time.sleep(0.4)
            open("used.txt", "w").write(text)
        """,
    )


@workload("a log that is appended to", "python more.py", "python more.py", outputs=("protokoll-ä.log",))
def append(workspace: Path) -> None:
    put(
        workspace,
        more__py="""
            import time
            time.sleep(0.2)
            with open("protokoll-ä.log", "a") as out:
                out.write("line\\n")
                time.sleep(0.2)
        """,
    )
    (workspace / "protokoll-ä.log").write_text("head\n")


@workload("reading through mmap", "python mapped.py", outputs=("sum.txt",))
def mmap_read(workspace: Path) -> None:
    put(
        workspace,
        mapped__py="""
            import mmap, time
            with open("data.bin", "rb") as file:
                view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            time.sleep(0.3)
            total = sum(view[:])
            open("sum.txt", "w").write(str(total))
            time.sleep(0.1)
        """,
    )
    (workspace / "data.bin").write_bytes(bytes(range(256)) * 64)


@workload(
    "files are renamed during the run",
    "python train.py",
    "mv model.bin best.bin",
    "python use.py",
    outputs=("score.txt",),
)
def rename(workspace: Path) -> None:
    put(
        workspace,
        data__csv="1 2 3\n",
        train__py="""
            import os, time
            rows = open("data.csv").read()
            time.sleep(0.2)
            os.rename("data.csv", "used.csv")
            with open("model.bin", "w") as out:
                out.write(rows * 2)
            time.sleep(0.2)
        """,
        use__py="""
            import time
            rows = open("best.bin").read()
            time.sleep(0.4)
            open("score.txt", "w").write(rows)
        """,
    )


@workload(
    "the second import opens the bytecode only",
    "python main.py second",
    before=("python main.py first",),
    outputs=("second.txt",),
)
def second_import(workspace: Path) -> None:
    put(
        workspace,
        helper__py="FACTOR = 3\n",
        main__py="""
            import sys, time
            import helper
            time.sleep(0.3)
            open(sys.argv[1] + ".txt", "w").write(str(helper.FACTOR))
        """,
    )


@workload(
    "a write ten directories deep, at once", "python deep.py", outputs=("/".join("abcdefghij") + "/out.txt",)
)
def deep(workspace: Path) -> None:
    put(
        workspace,
        in__txt="x\n",
        deep__py="""
            import os, time
            text = open("in.txt").read()
            place = "/".join("abcdefghij")
            os.makedirs(place)
            open(place + "/out.txt", "w").write(text)
            time.sleep(0.3)
        """,
    )


@workload("a run edits its input in place", "python fix.py", outputs=("table.csv",))
def in_place(workspace: Path) -> None:
    put(
        workspace,
        table__csv="a,b,c\n",
        fix__py="""
            import time
            with open("table.csv", "r+") as file:
                text = file.read()
                time.sleep(0.3)
                file.seek(0)
                file.write(text.upper())
        """,
    )


@workload("a read after the write", "python order.py", outputs=("b.txt", "d.txt"))
def order(workspace: Path) -> None:
    put(
        workspace,
        a__txt="a\n",
        c__txt="c\n",
        order__py="""
            import time
            text = open("a.txt").read()
            with open("b.txt", "w") as out:
                out.write(text)
            time.sleep(0.4)
            more = open("c.txt").read()
            with open("d.txt", "w") as out:
                out.write(text + more)
        """,
    )
