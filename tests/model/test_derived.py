"""What a run's status is called."""

import pytest

from mlamd.model.derived import Run


@pytest.mark.parametrize(
    ("ended_ns", "code", "alive", "status"),
    [
        (None, None, True, "running"),
        (None, None, False, "unknown"),
        (5, 0, False, "succeeded"),
        (5, 3, False, "failed"),
        (5, -9, False, "killed"),
        (5, None, False, "unknown"),
        (5, 0, True, "succeeded"),
    ],
)
def test_the_status_of_a_run(ended_ns: int | None, code: int | None, status: str, *, alive: bool) -> None:
    run = Run(1, "id", 1, "job", ("x",), "/w", 1000, ended_ns, code, None, None, alive)
    assert run.status == status
