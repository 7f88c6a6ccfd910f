"""What is left after a recorder was killed, and how the next one finds what changed meanwhile."""

import random
import subprocess
import sys

import pytest

_BUSY = """
import itertools, os, sys
for number in itertools.count():
    name = f"busy{number % 50}"
    with open(name + ".part", "w") as file:
        file.write(str(number) * 50)
    os.rename(name + ".part", name)
    if number % 7 == 0:
        os.remove(name)
"""


@pytest.mark.slow
def test_killed_at_any_moment(recorded):
    """Nothing that ``sync`` answered for is lost, the store is sound, and the stretch is a gap."""
    moments = random.Random(20_260_101)
    acknowledged: list[str] = []
    busy = subprocess.Popen([sys.executable, "-c", _BUSY], cwd=recorded.root)
    try:
        for number in range(10):
            name = f"kept{number}"
            (recorded.root / name).write_text(f"content {number}")
            recorded.sync()
            acknowledged.append(name)
            try:
                busy.wait(moments.uniform(0, 0.4))
            except subprocess.TimeoutExpired:
                recorded.kill()
            assert busy.poll() is None
            if number % 3 == 0:
                recorded.mlamd("verify")
            recorded.start()
    finally:
        busy.kill()
        busy.wait()
    recorded.mlamd("stop")
    assert recorded.ask("verify")["data"]["same"] is True
    for name in acknowledged:
        rows = recorded.ask("log", name)["data"]
        assert {row["action"] for row in rows} == {"wrote"}
        assert len({row["version"] for row in rows}) == 1
        assert rows[0]["digest"]
    gaps = recorded.ask("status")["gaps"]
    assert [gap["reason"] for gap in gaps].count("killed") == 10
    assert all(gap["from_ns"] <= gap["to_ns"] for gap in gaps)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_changes_while_nobody_recorded(recorded, how):
    root = recorded.root
    for name in ("same", "changed", "removed", "renamed", "touched"):
        (root / name).write_text(f"first {name}")
    recorded.sync()
    recorded.kill() if how == "kill" else recorded.mlamd("stop")
    (root / "changed").write_text("second, and longer")
    (root / "removed").unlink()
    (root / "renamed").rename(root / "new name")
    (root / "directory").mkdir()
    (root / "directory" / "new").write_text("new")
    recorded.start()

    def actions(name):
        return [(row["action"], row["run"]) for row in recorded.ask("log", name)["data"]]

    assert [action for action, _ in actions("same")] == ["wrote"]
    assert [action for action, _ in actions("changed")] == ["found", "wrote"]
    assert actions("changed")[0][1] is None
    assert [action for action, _ in actions("removed")] == ["removed", "wrote"]
    assert [action for action, _ in actions("new name")] == ["moved", "wrote"]
    assert [action for action, _ in actions("directory/new")] == ["found"]
    why = recorded.ask("why", "changed")
    assert why["data"]["causes"] == []
    assert ("killed" if how == "kill" else "not-running") in [gap["reason"] for gap in why["gaps"]]
    assert "Something may be missing" in recorded.mlamd("why", "changed").stdout


def test_start_after_a_kill_does_not_store_again_what_did_not_change(recorded):
    for number in range(20):
        (recorded.root / f"file{number}").write_text("x")
    recorded.sync()
    recorded.kill()
    recorded.start()
    recorded.sync()
    assert len(recorded.ask("log")["data"]) == 20


def test_file_that_is_gone_before_it_can_be_read(recorded):
    """Nothing is lost: the version is there, and says why its content is not known."""
    script = "import os\nfor i in range(200):\n open(f'f{i}', 'w').write('x'); os.remove(f'f{i}')"
    subprocess.run([sys.executable, "-c", script], cwd=recorded.root, check=True)
    recorded.mlamd("stop")
    rows = recorded.ask("log", "-n", "0")["data"]
    wrote = {row["path"]: row for row in rows if row["action"] == "wrote"}
    assert len(wrote) == 200
    unread = [name for name, row in wrote.items() if row["digest"] is None]
    for name in unread[:3]:
        assert recorded.ask("why", name)["data"]["undigested"]


def test_odd_names(recorded):
    odd = [b"new\nline", b"not utf-8 \xff\xfe", "ünïcode".encode(), b"-dash", b"a@b", b"tab\t", b"v1", b"@-1"]
    for name in odd:
        with open(bytes(recorded.root) + b"/" + name, "w") as file:
            file.write("x")
    recorded.sync()
    stored = {row["path"].encode("utf-8", "surrogateescape") for row in recorded.ask("log")["data"]}
    assert stored == set(odd)
    for name in odd:
        found = recorded.ask("why", "--", name)["data"]
        assert found["path"].encode("utf-8", "surrogateescape") == name
        assert ("path_b64" in found) == (b"\xff" in name)
    lines = recorded.mlamd("log").stdout.split("\n\n")[0].splitlines()
    assert len(lines) == 1 + len(odd)
    assert any(line.endswith("new\\nline") for line in lines)
    assert any(line.endswith("not utf-8 \\xff\\xfe") for line in lines)
