"""What the doctor finds, on a real workspace."""

import pytest

from mlamd.daemon import doctor
from mlamd.daemon.doctor import Finding, examine
from mlamd.errors import StoreDamagedError
from mlamd.workspace import find


def states(findings: list[Finding], concern: str) -> set[str]:
    return {finding.state for finding in findings if finding.concern == concern}


def test_a_recorded_workspace_has_no_problem(recorded):
    findings = examine(find(recorded.root))
    assert {finding.concern for finding in findings} >= {
        "recorder",
        "exact capture",
        "filesystem",
        "store",
        "gaps",
    }
    assert [finding for finding in findings if finding.state == "problem"] == []
    assert "recording" in recorded.mlamd("doctor").stdout


def test_a_stopped_recorder_is_a_problem(recorded):
    recorded.mlamd("stop")
    said = recorded.mlamd("doctor", code=1).stdout
    assert "problem  recorder" in said
    assert "mlamd start" in said


def test_a_killed_recorder_shows_in_the_gaps(recorded):
    recorded.kill()
    recorded.start()
    found = recorded.mlamd("doctor", "--json", code=1).stdout
    assert "killed" in found


def test_a_data_root_that_is_not_there_is_a_problem(project):
    project.mlamd("init")
    (project.store / "settings.toml").write_text('data_roots = ["/nowhere/at/all"]\n')
    assert states(examine(find(project.root)), "filesystem") == {"ok", "problem"}


def test_a_check_that_fails_is_a_finding(project, monkeypatch: pytest.MonkeyPatch):
    def check_nothing(workspace):
        raise StoreDamagedError(f"{workspace.store} is damaged")
        yield

    project.mlamd("init")
    monkeypatch.setattr(doctor, "CHECKS", (check_nothing,))
    (finding,) = examine(find(project.root))
    assert (finding.concern, finding.state) == ("nothing", "problem")
    assert "is damaged" in finding.found
