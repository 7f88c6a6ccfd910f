"""pjdfstest in a plain directory and in a mounted one: every assertion must end alike.

    python -m tests.mount.conformance SUITE [--only NAME] [--work DIR]

SUITE is a checkout of pjdfstest (its ``tests`` and ``pjdfstest.c``); it is compiled there if it is not yet.
Needs root, gcc and perl, and some ten minutes. Ends with status 1 if anything differs.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mount.mounted import mounted

_HAVE = (
    "FACCESSAT FCHMODAT FCHOWNAT FSTATAT LINKAT MKDIRAT MKFIFOAT MKNODAT OPENAT POSIX_FALLOCATE READLINKAT"
)
_HAVE += " RENAMEAT SYMLINKAT UTIMENSAT UNLINKAT STRUCT_STAT_ST_ATIM STRUCT_STAT_ST_CTIM STRUCT_STAT_ST_MTIM"
_HAVE += " SYS_SYSMACROS_H"
_LINE = re.compile(r"(?:not )?ok\b.*")


def compiled(suite: Path) -> None:
    """Compile the suite's one program, as its ``configure`` would on Linux."""
    if not (suite / "pjdfstest").exists():
        flags = [f"-DHAVE_{name}=1" for name in _HAVE.split()]
        (suite / "config.h").touch()
        command = ["gcc", "-w", "-O1", "-D_GNU_SOURCE", "-DHAVE_CONFIG_H", "-I.", *flags]
        subprocess.run([*command, "-o", "pjdfstest", "pjdfstest.c"], cwd=suite, check=True)


def one_file_system(work: Path, plain: Path) -> dict[str, str]:
    """Return an environment in which ``df``, by which the suite chooses, says the same of everything."""
    programs = work / "programs"
    programs.mkdir()
    (programs / "df").write_text(f"#!/bin/sh\nexec {shutil.which('df')} -PT '{plain}'\n")
    (programs / "df").chmod(0o755)
    return os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}


def outcome(test: Path, place: Path, environment: dict[str, str]) -> list[str]:
    """Run one file of the suite in a directory; return its lines."""
    command = ["sh", str(test)]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if _LINE.match(line)]


def main() -> int:
    """Compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", type=Path)
    parser.add_argument("--only", default="", help="only the files with this in their path")
    parser.add_argument("--work", type=Path, help="where the two directories are made")
    options = parser.parse_args()
    suite = options.suite.resolve()
    compiled(suite)
    assertions = differing = 0
    os.umask(0o022)
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        Path(work).chmod(0o711)
        plain, place = Path(work, "plain"), Path(work, "mounted")
        plain.mkdir()
        place.mkdir()
        environment = one_file_system(Path(work), plain)
        with mounted(place, "allow_other"):
            for test in sorted((suite / "tests").rglob(f"*{options.only}*/*.t")):
                expected, found = (outcome(test, one, environment) for one in (plain, place))
                assertions += len(expected)
                if expected != found:
                    different = [pair for pair in zip(expected, found, strict=False) if pair[0] != pair[1]]
                    differing += len(different) or abs(len(expected) - len(found))
                    print(f"{test.relative_to(suite)}: {len(expected)} and {len(found)} assertions")
                    print("\n".join(f"  {left}  |  {right}" for left, right in different[:10]), flush=True)
    print(f"{assertions} assertions, {differing} end differently in the mount")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
