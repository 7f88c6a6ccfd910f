"""What the mount costs where the kernel remembers: the same work in a plain directory and in a mounted one.

    python -m tests.bench.mount [--rounds N] [--work DIR]

A file of 1 GiB is read again, 100,000 files are asked about again, and 20,000 small files (images of 32 by 32
pixels) are read again and again: by training jobs, and by a loop that does nothing else. One job trains a
small convolutional network (with PyTorch, where that is installed), the other fits a logistic regression, an
image a step: hardly anything can compute less. Each is done in turns with the plain directory; the first
pass, which fills the caches, is told of apart. libfuse's own example, told to let the kernel remember all it
can, says what is to be had in user space. Ends with status 1 if a bar is missed.
"""

import argparse
import errno
import math
import operator
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, show
from tests.bench.overhead.tools import StepError
from tests.bench.overhead.ways import compile_example, passed_through
from tests.mount.mounted import mounted

_GIB = 1 << 30
_BLOCK = bytes(1 << 20)
_STATS, _SMALL = 100_000, 20_000
_SMALL_BYTES = 32 * 32 * 3
_IN_ONE = 200


def make(place: Path) -> None:
    """Make the files: a large one, and directories of small ones."""
    with (place / "big").open("wb") as file:
        for _ in range(_GIB // len(_BLOCK)):
            file.write(_BLOCK)
    for number in range(_SMALL):
        path = place / f"d{number // _IN_ONE}" / str(number)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(random.Random(number).randbytes(_SMALL_BYTES))
    os.sync()


def read_large(place: Path) -> None:
    """Read the large file."""
    buffer = bytearray(len(_BLOCK))
    with (place / "big").open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _paths(place: Path) -> list[str]:
    return [f"{place}/d{number // _IN_ONE}/{number}" for number in range(_SMALL)]


def ask(place: Path) -> None:
    """Ask for the attributes of each small file, five times."""
    paths = _paths(place)
    for _ in range(_STATS // _SMALL):
        for path in paths:
            os.stat(path)


def read_small(place: Path) -> None:
    """Read each small file once."""
    for path in _paths(place):
        descriptor = os.open(path, os.O_RDONLY)
        os.read(descriptor, _SMALL_BYTES + 1)
        os.close(descriptor)


class Convolutional:
    """A network of three convolutions, trained on batches of 64 images; an epoch a call."""

    def __init__(self) -> None:
        import torch  # noqa: PLC0415  (not installed for the tests)

        self._torch = torch
        layers: list[Any] = []
        for before, after in ((3, 32), (32, 64), (64, 128)):
            layers += [torch.nn.Conv2d(before, after, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        self._network = torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(128 * 16, 10))
        self._optimizer = torch.optim.SGD(self._network.parameters(), lr=0.01)

    def __call__(self, place: Path) -> None:
        torch, paths = self._torch, _paths(place)
        for first in range(0, len(paths), 64):
            images = []
            for path in paths[first : first + 64]:
                with open(path, "rb") as file:
                    images.append(torch.frombuffer(bytearray(file.read()), dtype=torch.uint8))
            batch = torch.stack(images).view(-1, 3, 32, 32).float() / 255
            wanted = torch.arange(first, first + len(images)) % 10
            self._optimizer.zero_grad()
            torch.nn.functional.cross_entropy(self._network(batch), wanted).backward()
            self._optimizer.step()


def convolutional() -> Convolutional | None:
    """Return the larger training job, None without PyTorch."""
    try:
        return Convolutional()
    except ImportError:
        return None


def train(place: Path) -> None:
    """Do one epoch of a logistic regression, an image a step: the least that a training job computes."""
    weights = [0.0] * _SMALL_BYTES
    for number, path in enumerate(_paths(place)):
        with open(path, "rb") as file:
            image = file.read()
        guess = 1 / (1 + math.exp(-max(-50.0, min(50.0, sum(map(operator.mul, weights, image))))))
        step = 1e-7 * (guess - number % 2)
        weights = [weight - step * value for weight, value in zip(weights, image, strict=True)]


@contextmanager
def covered(plain: Path, work: Path) -> Iterator[dict[str, Path]]:
    """Mount two directories that are equal to ``plain``, one with the example, if it can be compiled.

    Who does what is taken down in ours, as under a recorder.
    """
    places = {"bare": plain, "mount": work / "covered"}
    example = work / "passthrough_ll"
    with ExitStack() as mounts:
        mounts.enter_context(mounted(places["mount"], f"witness={work / 'notes'}"))
        with suppress(StepError):
            compile_example(example)
            places["passthrough_ll"] = work / "passed"
            always = passed_through(example, plain, places["passthrough_ll"], "cache=always")
            mounts.enter_context(always)
        yield places


def timed(work: Callable[[Path], None], place: Path) -> float:
    """Return the seconds that some work takes."""
    began = time.perf_counter()
    work(place)
    return time.perf_counter() - began


def measured(
    places: dict[str, Path], what: str, work: Callable[[Path], None], rounds: int, bar: float | None
) -> list[Figure]:
    """Do some work in all places in turns; return the first pass, and the median of the others."""
    first = {}
    for name, place in list(places.items()):
        try:
            first[name] = timed(work, place)
        except OSError as error:  # the example keeps every file open, and may not have so many
            if name != "passthrough_ll" or error.errno != errno.EMFILE:
                raise
            del places[name]
    later: dict[str, list[float]] = {name: [] for name in places}
    for number in range(rounds):
        for name in sorted(places, reverse=bool(number % 2)):
            later[name].append(timed(work, places[name]))
    again = {name: statistics.median(times) for name, times in later.items()}
    figures = [
        Figure(f"{what}, first", first["mount"], "s", "bare", first["mount"] / first["bare"]),
        Figure(f"{what}, again", again["mount"], "s", "bare", again["mount"] / again["bare"], bar=bar),
    ]
    example = again.get("passthrough_ll")
    if example is not None:
        name = f"{what}, again, passthrough_ll"
        figures.append(Figure(name, example, "s", "bare", example / again["bare"]))
    return figures


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is done after the first pass")
    parser.add_argument("--work", type=Path, help="where the directories are made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        plain = Path(work, "plain")
        for place in (plain, Path(work, "covered")):
            place.mkdir()
            make(place)
        with covered(plain, Path(work)) as places:
            figures = measured(places, "read 1 GiB", read_large, options.rounds, 1.1)
            figures += measured(places, "100,000 stats", ask, options.rounds, 1.2)
            network = convolutional()
            if network is not None:
                figures += measured(places, "an epoch of a network", network, 2, 1.1)
            figures += measured(places, "an epoch of a regression", train, 2, 1.1)
            figures += measured(places, "20,000 files read", read_small, options.rounds, None)
        return show(figures)


if __name__ == "__main__":
    sys.exit(main())
