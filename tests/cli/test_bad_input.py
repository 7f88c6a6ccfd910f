"""What can be wrong outside of mlamd: one line, what to do, an exit code of its own, nothing lost."""

import json
import os
import shutil
from pathlib import Path

import lmdb
import pytest

from mlamd import errors
from mlamd.catalog.tables import key
from mlamd.model import codec

QUESTIONS = [
    ["runs"],
    ["show", "@-1"],
    ["log"],
    ["lineage", "model"],
    ["why", "model"],
    ["uses", "model"],
    ["diff", "@-1", "@-2"],
    ["resources", "@-1"],
    ["status"],
    ["verify"],
    ["stop"],
    ["start"],
]
IDS = [" ".join(question) for question in QUESTIONS]
READING = [question for question in QUESTIONS if question[0] not in {"stop", "start", "verify"}]


@pytest.mark.parametrize("question", QUESTIONS, ids=IDS)
def test_outside_a_workspace(project, question):
    assert "mlamd init" in project.fails(errors.NotAWorkspaceError, *question)


def test_directory_that_does_not_exist(project):
    project.fails(errors.NotAWorkspaceError, "-C", "nowhere", "runs")
    project.fails(errors.NotAWorkspaceError, "init", "nowhere")
    (project.root / "file").touch()
    project.fails(errors.NotAWorkspaceError, "init", "file")


@pytest.mark.parametrize(
    ("question", "error"),
    [
        (["why", "nowhere"], errors.UnknownNameError),
        (["why", "no\nwhere \udcff"], errors.UnknownNameError),
        (["why", "model@-9"], errors.UnknownNameError),
        (["why", "model@1969-07-20"], errors.UnknownNameError),
        (["why", "model@0001-01-01"], errors.UnknownNameError),
        (["why", "model@whenever"], errors.UnknownNameError),
        (["why", "odd \udcff\nname@-9"], errors.UnknownNameError),
        (["why", "@-1"], errors.UnknownNameError),
        (["why", ""], errors.UnknownNameError),
        (["why", "v999999999999"], errors.UnknownNameError),
        (["show", "@-99"], errors.UnknownNameError),
        (["show", "cccc"], errors.UnknownNameError),
        (["show", "bbbb.9"], errors.UnknownNameError),
        (["metrics", "raw.csv"], errors.UnknownNameError),
        (["params", "raw.csv"], errors.UnknownNameError),
        (["show", "aaaa"], errors.AmbiguousNameError),
        (["lineage", "aaaa.1"], errors.AmbiguousNameError),
        (["diff", "@-1", "aaaa"], errors.AmbiguousNameError),
    ],
)
def test_names(told, question, error):
    told.fails(error, *question)


def test_a_mode_that_was_asked_for_by_name_is_not_replaced(project, monkeypatch, tmp_path):
    project.mlamd("init")
    monkeypatch.setenv("PATH", str(tmp_path))  # no fusermount3
    project.fails(errors.UnavailableError, "start", "--mode", "mount")
    assert project.pid() is None


def test_a_sensor_that_was_asked_for_by_name_is_not_replaced(open_project, monkeypatch):
    monkeypatch.setenv("MLAMD_SENSOR_SOCKET", "/nowhere/sensor.sock")
    open_project.as_nobody("init")
    line = open_project.fails(
        errors.UnavailableError, "start", "--foreground", "--sensor", "fanotify", nobody=True
    )
    assert "CAP_SYS_ADMIN" in line
    assert open_project.pid() is None


def test_without_capabilities_the_portable_mode_is_used_and_says_why(open_project, monkeypatch):
    monkeypatch.setenv("MLAMD_SENSOR_SOCKET", "/nowhere/sensor.sock")
    open_project.as_nobody("init")
    open_project.foreground(nobody=True)
    status = open_project.ask("status")["data"]
    assert status["sensors"] == ["inotify", "process polling"]
    assert "CAP_SYS_ADMIN" in status["notes"][0]
    doctor = json.loads(open_project.as_nobody("doctor", "--json", code=None).stdout)["data"]
    assert any(row["concern"] == "exact capture" and row["state"] == "note" for row in doctor)


# --- the store ---------------------------------------------------------------------------------


def _set(store: Path, name: str, table: bytes, place: bytes, value: bytes) -> None:
    environment = lmdb.open(str(store / name), lib_version=0, max_dbs=24, map_size=64 << 20)
    with environment.begin(write=True) as transaction:
        transaction.put(place, value, db=environment.open_db(table, transaction))
    environment.close()


@pytest.mark.parametrize("question", [["runs"], ["status"], ["verify"], ["start"]])
def test_newer_store(told, question):
    (told.store / "format").write_text("2\n")
    assert "upgrade mlamd" in told.fails(errors.StoreTooNewError, *question)


@pytest.mark.parametrize("question", [["runs"], ["status"], ["verify"], ["start"]])
def test_newer_journal(told, question):
    _set(told.store, "journal", b"meta", b"format", b"2")
    assert "upgrade mlamd" in told.fails(errors.StoreTooNewError, *question)


@pytest.mark.parametrize("question", [["runs"], ["status"], ["verify"], ["start"]])
def test_newer_catalog(told, question):
    _set(told.store, "catalog", b"meta", key(3), codec.pack(2))
    assert "upgrade mlamd" in told.fails(errors.StoreTooNewError, *question)


def test_newer_catalog_can_be_made_anew(told):
    """Only the journal cannot be replaced."""
    _set(told.store, "catalog", b"meta", key(3), codec.pack(2))
    told.mlamd("verify", "--rebuild")
    told.mlamd("verify")
    told.mlamd("why", "model")


@pytest.mark.parametrize("content", ["", "abc\n", "-1\n", "\xff"])
def test_format_that_is_no_number(told, content):
    (told.store / "format").write_bytes(content.encode("latin-1"))
    told.fails(errors.StoreDamagedError, "runs")


def _cut(data: Path) -> None:
    os.truncate(data, data.stat().st_size // 2)


def _empty(data: Path) -> None:
    os.truncate(data, 0)


def _text(data: Path) -> None:
    data.write_text("this is no database\n" * 4000)


def _zeros(data: Path) -> None:
    data.write_bytes(bytes(data.stat().st_size))


def _beginning(data: Path) -> None:
    with data.open("r+b") as file:
        file.write(b"\x55" * 100)


def _meta(data: Path) -> None:
    """Claim pages far behind the end of the file."""
    with data.open("r+b") as file:
        for page in (0, 4096):
            file.seek(page + 136)
            file.write((1 << 20).to_bytes(8, "little"))


DAMAGES = [_cut, _empty, _text, _zeros, _beginning, _meta]


@pytest.mark.parametrize("name", ["journal", "catalog"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file(told, name, damage):
    damage(told.store / name / "data.mdb")
    for question in (["log"], ["verify"], ["start"]):
        told.fails(errors.StoreDamagedError, *question)
    if name == "catalog":
        told.mlamd("verify", "--rebuild")
        assert told.ask("verify")["data"]["same"] is True
        told.mlamd("why", "model")


def test_rebuilding_prints_one_document(told):
    _text(told.store / "catalog" / "data.mdb")
    assert json.loads(told.mlamd("verify", "--rebuild", "--json").stdout)["data"]["rebuilt"] is True


@pytest.mark.parametrize("name", ["journal", "catalog"])
def test_missing_file(told, name):
    (told.store / name / "data.mdb").unlink()
    for question in READING[:2]:
        told.fails(errors.StoreDamagedError, *question)
    told.fails(errors.StoreDamagedError, "verify")
    if name == "journal":
        told.fails(errors.StoreDamagedError, "start")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["journal", "catalog"])
def test_every_overwritten_page(told, name):
    """Wherever the damage is: an answer or one line, never a crash of another kind."""
    data = told.store / name / "data.mdb"
    sound = data.read_bytes()
    step = max(1, len(sound) // 4096 // 12)
    for page in range(2, len(sound) // 4096, step):
        damaged = bytearray(sound)
        damaged[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
        data.write_bytes(damaged)
        checked = told.mlamd("log", "-a", code=None)
        if checked.returncode:
            assert checked.returncode == errors.StoreDamagedError.exit_code
            assert checked.stderr.count("\n") == 1
            told.fails(errors.StoreDamagedError, "verify")
    data.write_bytes(sound)
    told.mlamd("verify")


def test_journal_with_a_hole(told):
    environment = lmdb.open(str(told.store / "journal"), lib_version=0, max_dbs=24, map_size=64 << 20)
    with environment.begin(write=True) as transaction:
        table = environment.open_db(b"events", transaction)
        with transaction.cursor(table) as cursor:
            cursor.first()
            cursor.delete()
    environment.close()
    told.fails(errors.VerifyError, "verify")


def test_tables_that_do_not_follow_from_the_journal(told):
    _set(told.store, "catalog", b"versions", key(99), codec.pack([]))
    assert "verify --rebuild" in told.fails(errors.VerifyError, "verify")
    assert told.ask("verify", "--rebuild")["data"] | {"rows": 0, "events": 0} == {
        "rows": 0,
        "events": 0,
        "same": False,
        "rebuilt": True,
    }
    told.mlamd("verify")


def test_store_that_was_moved_away(project, tmp_path):
    store = tmp_path / "store"
    project.mlamd("init", "--store", store)
    project.mlamd("runs")
    store.rename(tmp_path / "other")
    assert str(store) in project.fails(errors.StoreDamagedError, "runs")


def test_mark_that_is_something_else(project):
    (project.root / ".mlamd").mkdir()
    project.fails(errors.StoreDamagedError, "runs")
    shutil.rmtree(project.root / ".mlamd")
    (project.root / ".mlamd").write_bytes(b"\0\xff")
    project.fails(errors.StoreDamagedError, "runs")


# --- settings and permissions ------------------------------------------------------------------


@pytest.mark.parametrize("content", ["no_such_key = 1\n", "ignore = 3\n", "= broken\n"])
def test_settings(project, content):
    project.mlamd("init")
    (project.store / "settings.toml").write_text(content)
    assert "settings.toml" in project.fails(errors.SettingsError, "start")
    assert project.pid() is None
    log = (project.store / "recorder.log").read_text()
    assert log.count("\n") == 1
    assert " ERROR " in log


@pytest.mark.root
def test_settings_that_may_not_be_read(open_project):
    open_project.as_nobody("init")
    (open_project.store / "settings.toml").touch(mode=0o000)
    open_project.fails(errors.SettingsError, "start", "--foreground", nobody=True)


@pytest.mark.root
def test_store_of_another_user(open_project):
    open_project.mlamd("init")
    for question in (["runs"], ["status"], ["start", "--foreground"], ["init"]):
        open_project.fails(errors.AccessError, *question, nobody=True)


@pytest.mark.root
def test_directory_that_may_not_be_entered(open_project):
    closed = open_project.root / "closed"
    closed.mkdir(mode=0o700)
    (closed / "inner").mkdir()
    open_project.fails(errors.AccessError, "-C", str(closed / "inner"), "runs", nobody=True)
    open_project.fails(errors.StoreLocationError, "init", "--store", str(closed / "store"), nobody=True)


@pytest.mark.root
def test_directory_that_may_not_be_written(open_project):
    os.chown(open_project.root, 0, 0)
    open_project.fails(errors.StoreLocationError, "init", nobody=True)


@pytest.mark.root
def test_log_that_may_not_be_written(open_project):
    open_project.as_nobody("init")
    (open_project.store / "recorder.log").touch(mode=0o600)
    for way in (["start"], ["start", "--foreground"]):
        open_project.fails(errors.AccessError, *way, nobody=True)
