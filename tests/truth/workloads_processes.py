"""Workloads about who does it: pipelines, pipes, workers and children.

Scripts take names on their command line only where people would; a stage lasts a third of a second
at least.
"""

from pathlib import Path
from textwrap import dedent

from tests.truth.workload import put, workload

STAGE = """
    import sys, time
    rows = open(sys.argv[1]).read().split()
    time.sleep(0.2)
    with open(sys.argv[2], "w") as out:
        time.sleep(0.2)
        out.write(" ".join(f"{row}+" for row in rows))
"""


@workload(
    "four stages, one after the other",
    "python prepare.py",
    "python features.py",
    "python train.py",
    "python evaluate.py",
    outputs=("report.txt",),
    easy=True,
)
def sequence(workspace: Path) -> None:
    stages = ("raw.csv", "clean.csv", "features.csv", "model.bin", "report.txt")
    scripts = ("prepare", "features", "train", "evaluate")
    for script, source, target in zip(scripts, stages, stages[1:], strict=False):
        text = dedent(STAGE).replace("sys.argv[1]", repr(source)).replace("sys.argv[2]", repr(target))
        (workspace / f"{script}.py").write_text(text)
    put(workspace, raw__csv="1 2 3\n")


@workload(
    "two pipelines at the same time",
    "sh left.sh & sh right.sh & wait",
    outputs=("left.out", "right.out"),
)
def concurrent(workspace: Path) -> None:
    put(workspace, stage__py=STAGE, left__in="1 2\n", right__in="3 4\n")
    for side in ("left", "right"):
        script = f"python stage.py {side}.in {side}.mid\npython stage.py {side}.mid {side}.out\n"
        (workspace / f"{side}.sh").write_text(script)


@workload("a pipe typed at the shell", "cat a | python b.py > c", outputs=("c",))
def shell_pipe(workspace: Path) -> None:
    put(
        workspace,
        a="one\ntwo\n",
        b__py="""
            import sys, time
            time.sleep(0.4)
            print(sys.stdin.read().upper())
        """,
    )


POOL = """
    import multiprocessing, time

    def work(number):
        text = open(f"part{number}.in").read()
        time.sleep(0.2)
        with open(f"part{number}.out", "w") as out:
            out.write(text * 2)
        return len(text)

    if __name__ == "__main__":
        with multiprocessing.get_context("METHOD").Pool(2) as pool:
            sizes = pool.map(work, range(4), chunksize=1)
        open("sizes.txt", "w").write(str(sizes))
"""


def _pool(workspace: Path, method: str) -> None:
    put(workspace, pool__py=POOL.replace("METHOD", method))
    for number in range(4):
        (workspace / f"part{number}.in").write_text(f"part {number}\n")


@workload("workers by fork", "python pool.py", outputs=("part1.out", "sizes.txt"))
def workers_fork(workspace: Path) -> None:
    _pool(workspace, "fork")


@workload("workers by spawn", "python pool.py", outputs=("part1.out", "sizes.txt"))
def workers_spawn(workspace: Path) -> None:
    _pool(workspace, "spawn")


@workload("a parent reads its child's output", "python parent.py", outputs=("result.txt",))
def captured(workspace: Path) -> None:
    put(
        workspace,
        data__txt="3\n",
        child__py="""
            import time
            value = open("data.txt").read()
            time.sleep(0.4)
            print(int(value) * 7)
        """,
        parent__py="""
            import subprocess, sys
            done = subprocess.run([sys.executable, "child.py"], capture_output=True, text=True, check=True)
            open("result.txt", "w").write(done.stdout)
        """,
    )


@workload("two pipelines by one driver", "python driver.py", outputs=("left.out", "right.out"))
def driver(workspace: Path) -> None:
    put(
        workspace,
        stage__py=STAGE,
        left__in="1 2\n",
        right__in="3 4\n",
        driver__py="""
            import subprocess, sys

            def stage(*names):
                return subprocess.Popen([sys.executable, "stage.py", *names])

            for first, second in ((".in", ".mid"), (".mid", ".out")):
                for child in [stage(side + first, side + second) for side in ("left", "right")]:
                    child.wait()
        """,
    )


@workload(
    "a detached child",
    "nohup setsid python later.py > later.log 2>&1 < /dev/null & sleep 0.2",
    outputs=("late.txt",),
)
def detached(workspace: Path) -> None:
    put(
        workspace,
        early__txt="seed\n",
        later__py="""
            import time
            text = open("early.txt").read()
            time.sleep(0.8)
            open("late.txt", "w").write(text)
            print("done")
        """,
    )
