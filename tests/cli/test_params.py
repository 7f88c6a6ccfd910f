"""How parameters are shown."""

import pytest

from mlamd.cli.params import row, table
from mlamd.recognise.parameters import Candidate, Parameter


def test_long_values_are_cut_and_steps_that_differ_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    template = "${oc.env:X}" * 40
    found = [
        Parameter("config", None, "default", "a.py:3", (), ("aaaa000000000001.1",)),
        Parameter("config", "c.yaml", "command line", "--config", (), ("aaaa000000000001.2",)),
        Parameter(
            "name", template, "config", "c.yaml", (Candidate(template, "default", ""),), ("a.1", "a.2")
        ),
    ]
    table(found)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) < 220 for line in lines)
    assert "[aaaa0000.1]" in lines[1]
    assert "[aaaa0000.2]" in lines[2]
    assert "[" not in lines[3].replace(template[:20], "")
    assert row(found[2])["value"] == template
    assert row(found[2])["steps"] == ["a.1", "a.2"]
