"""The variables of a real process."""

import os
import subprocess
from pathlib import Path

import pytest

from mlamd.host.variables import variables
from mlamd.model.processes import ProcessKey

pytestmark = pytest.mark.linux


def test_those_with_a_wanted_name() -> None:
    environment = {b"MY_A": b"x=y", b"MY_B": b"\xff", b"OTHER": b"z", b"PATH": os.environb[b"PATH"]}
    pipe = subprocess.PIPE
    with subprocess.Popen(["cat"], env=environment, stdin=pipe, stdout=pipe, bufsize=0) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"begun\n")
        child.stdout.readline()
        fields = Path(f"/proc/{child.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        key = ProcessKey("", child.pid, int(fields[19]))
        found = variables(key, lambda name: name.startswith("MY_"))
        other = variables(key._replace(start=key.start + 1), lambda _: True)
        child.stdin.close()
    assert found == {"MY_A": "x=y", "MY_B": "\udcff"}
    assert other == {}, "another process has the number by now"
    assert variables(key, lambda _: True) == {}
