"""What the measurement itself needs: compiled programs, virtual environments, an environment of variables."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
SCIENCE = ("numpy", "pandas", "scikit-learn")


class StepError(Exception):
    """Something could not be built; says which step failed, and the last that it said."""


def do(step: str, command: list[str], environment: dict[str, str]) -> None:
    """Run a command; raises ``StepError`` if it cannot be run or fails."""
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError as error:
        raise StepError(f"{step} failed: {error}") from error
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if line.strip()] or ["it said nothing"]
        raise StepError(f"{step} failed with status {done.returncode}: {said[-1].strip()}")


class Tools:
    """Builds each of them when it is first asked for.

    ``work`` is a directory for what is thrown away, ``environments`` one for virtual environments, which
    are used again if they are there.
    """

    def __init__(self, work: Path, environments: Path) -> None:
        self.work = work
        self.environments = environments
        home = work / "home"
        home.mkdir()
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "REPROZIP_USAGE_STATS": "off",
        }

    def compiled(self, name: str) -> Path:
        """Return a program compiled from its C source; raises ``StepError``."""
        program = self.work / name
        if not program.exists():
            source = PROGRAMS / f"{name}.c"
            command = ["gcc", "-O2", "-Wall", "-o", str(program), str(source)]
            do(f"compiling {source.name}", command, self.environment)
        return program

    def virtual(self, name: str, packages: tuple[str, ...]) -> Path:
        """Return the ``bin`` of a virtual environment with these packages; raises ``StepError``."""
        place = self.environments / name
        complete = place / "complete"
        if not complete.exists():
            print(f"making the virtual environment {place} ({', '.join(packages)})", file=sys.stderr)
            shutil.rmtree(place, ignore_errors=True)
            venv = [sys.executable, "-m", "venv", str(place)]
            do(f"making the virtual environment for {name}", venv, dict(os.environ))
            pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", *packages]
            do(f"pip install {' '.join(packages)}", pip, dict(os.environ))
            complete.touch()
        return place / "bin"

    def science(self) -> Path:
        """Return an interpreter that has scikit-learn; raises ``StepError``."""
        return self.virtual("science", SCIENCE) / "python"
