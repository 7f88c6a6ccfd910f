"""The mount mode at work: begun, killed, stopped and taken away, with real processes and real mounts."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from blake3 import blake3

from mlamd.daemon.mounts import refusal
from mlamd.errors import AlreadyRecordedError, MountBusyError, UnavailableError
from mlamd.host.mounts import mount_at
from mlamd.journal.log import Journal
from tests import ordinary
from tests.conftest import NOBODY, Project

pytestmark = [
    pytest.mark.linux,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="needs /dev/fuse"),
]


@pytest.fixture
def mounted(project: Project) -> Iterator[Project]:
    """A workspace that is recorded in mount mode."""
    project.mlamd("init")
    started = elsewhere(project, "start", "--mode", "mount")
    assert "mount mode" in started.stdout
    yield project
    elsewhere(project, "stop", "--lazy", code=None)
    subprocess.run(["umount", "-l", project.root], check=False, stderr=subprocess.DEVNULL)


def elsewhere(project: Project, *arguments: str, code: int | None = 0) -> "subprocess.CompletedProcess[str]":
    """Run a command from outside the workspace: nobody but the recorder is in it."""
    command = [sys.executable, "-m", "mlamd", "-C", str(project.root), *arguments]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, timeout=120)
    assert code is None or done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def processes(project: Project) -> dict[str, int]:
    """Return the pids of a mounted workspace: the ``recorder``, the ``sensor`` and the ``server``."""
    found: dict[str, int] = {}
    root = os.fsencode(project.root)
    for name in os.listdir("/proc"):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            continue
        if root not in words:
            continue
        if b"--serve" in words:
            found["server"] = int(name)
        elif b"mounted" in words and not _is_helper(int(name)):
            found["sensor"] = int(name)
        elif b"--foreground" in words:
            found["recorder"] = int(name)
    return found


def _is_helper(process: int) -> bool:
    """Say whether a process is the looker: it has the command line of the sensor, but few of its sockets."""
    links = []
    with suppress(OSError):
        links = [os.readlink(f"/proc/{process}/fd/{name}") for name in os.listdir(f"/proc/{process}/fd")]
    return sum(link.startswith("socket:") for link in links) < 4


def is_mounted(project: Project) -> bool:
    return mount_at(os.fsencode(project.root)) == "mlamd"


def wait_for(condition: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def shell(project: Project, script: str) -> None:
    subprocess.run(["sh", "-ec", script], cwd=project.root, check=True)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_is_done_is_observed(mounted: Project) -> None:
    shell(mounted, "echo 1 > a; cp a b; cat b | sort > c; mv c d")
    (cause,) = mounted.ask("why", "d")["data"]["causes"]
    assert cause["evidence"] == "observed"
    assert mounted.ask("status")["data"]["mode"] == "mount"
    (cause,) = mounted.ask("why", "b")["data"]["causes"]
    assert [row["path"] for row in cause["inputs"]] == ["a"]
    assert not mounted.ask("log", "--all")["gaps"]


def test_store_is_reached_through_the_mount_and_cannot_be_taken_away(mounted: Project) -> None:
    assert stat.S_ISLNK(os.lstat(mounted.store).st_mode)
    assert (mounted.store / "journal").is_dir()
    with pytest.raises(OSError, match="busy"):
        mounted.store.unlink()
    assert os.listdir(mounted.root) == [], "who copies or commits everything does not take it along"


def test_stop_leaves_the_plain_directory(mounted: Project) -> None:
    shell(mounted, "echo 1 > a")
    elsewhere(mounted, "stop")
    assert not is_mounted(mounted)
    assert (mounted.root / "a").read_text() == "1\n"
    assert stat.S_ISDIR(os.lstat(mounted.store).st_mode)
    wait_for(lambda: not processes(mounted))


def test_stop_names_who_is_in_the_way(mounted: Project) -> None:
    with subprocess.Popen(["sleep", "60"], cwd=mounted.root) as sleeper:
        try:
            said = elsewhere(mounted, "stop", code=MountBusyError.exit_code).stderr
            assert f"sleep (pid {sleeper.pid})" in said
            assert "recorder" in processes(mounted), "nothing was stopped"
            elsewhere(mounted, "stop", "--lazy")
            assert not is_mounted(mounted)
            assert os.stat(f"/proc/{sleeper.pid}/cwd").st_nlink, "it still has its directory"
        finally:
            sleeper.kill()
    wait_for(lambda: not processes(mounted))


def test_killed_server_is_replaced(mounted: Project) -> None:
    """What was written and synced stays; what nobody saw is a gap, and found by looking."""
    shell(mounted, "echo 1 > a; sync a")
    first = processes(mounted)["server"]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: processes(mounted).get("server", first) != first)
    wait_for(lambda: is_mounted(mounted))
    assert (mounted.root / "a").read_text() == "1\n"
    shell(mounted, "cp a b")
    (cause,) = mounted.ask("why", "b")["data"]["causes"]
    assert [row["path"] for row in cause["inputs"]] == ["a"]
    assert "remounted" in [gap["reason"] for gap in mounted.ask("status")["gaps"]]


def test_killed_sensor_is_replaced_and_the_mount_stays(mounted: Project) -> None:
    """Whoever works in the mount notices nothing; there are never two mounts of one directory."""
    with open(mounted.root / "log", "w") as log:
        log.write("one\n")
        log.flush()
        before = processes(mounted)
        os.kill(before["sensor"], signal.SIGKILL)
        assert (mounted.store / "journal").is_dir(), "the store is still reached through the mount"
        log.write("two\n")
        wait_for(lambda: processes(mounted).get("sensor", before["sensor"]) != before["sensor"])
        wait_for(lambda: "sensor-down" in {gap["reason"] for gap in mounted.ask("status")["gaps"]})
        log.write("three\n")
    assert processes(mounted)["server"] == before["server"]
    assert (mounted.root / "log").read_text() == "one\ntwo\nthree\n"
    shell(mounted, "cp log copy")
    (cause,) = mounted.ask("why", "copy")["data"]["causes"]
    assert cause["evidence"] == "observed"


def test_mount_without_sensor_and_recorder_is_gone_on_with_or_taken_away(mounted: Project) -> None:
    before = processes(mounted)
    for name in ("recorder", "sensor"):
        os.kill(before[name], signal.SIGSTOP)
    for name in ("recorder", "sensor"):
        os.kill(before[name], signal.SIGKILL)
    wait_for(lambda: set(processes(mounted)) == {"server"})
    shell(mounted, "echo 1 > a")
    assert "mount mode" in elsewhere(mounted, "start").stdout
    assert processes(mounted)["server"] == before["server"]
    shell(mounted, "cp a b")
    (cause,) = mounted.ask("why", "b")["data"]["causes"]
    assert cause["evidence"] == "observed"
    for name in ("recorder", "sensor"):
        os.kill(processes(mounted)[name], signal.SIGKILL)
    wait_for(lambda: "recorder" not in processes(mounted))
    elsewhere(mounted, "stop")
    assert not is_mounted(mounted)
    wait_for(lambda: not processes(mounted))


def test_killed_recorder_is_not_felt_and_misses_nothing(mounted: Project) -> None:
    """What is done while there is none is kept; also of a program that began before, and ends after."""
    with subprocess.Popen(
        ["sh", "-c", "read x; cat b >> long; read x; cat b >> long"],
        cwd=mounted.root,
        stdin=subprocess.PIPE,
        text=True,
    ) as early:
        assert early.stdin is not None
        shell(mounted, "echo 1 > a; cp a b")
        mounted.ask("log")
        os.kill(processes(mounted)["recorder"], signal.SIGKILL)
        wait_for(lambda: "recorder" not in processes(mounted))
        shell(mounted, "cat b | sort > c; cp c d; rm c")
        shell(mounted, "for i in 1 2 3; do echo $i > same; cat same > s$i; done")
        early.stdin.write("\n")
        early.stdin.flush()
        wait_for((mounted.root / "long").exists)
        assert is_mounted(mounted)
        elsewhere(mounted, "start", "--mode", "mount")
        early.stdin.write("\n")
    shell(mounted, "cp d e; cp long longer")
    for made, source in {"d": "c", "c": "b", "e": "d", "longer": "long", "s1": "same", "s3": "same"}.items():
        (cause,) = mounted.ask("why", made)["data"]["causes"]
        assert cause["evidence"] == "observed", made
        assert source in [row["path"] for row in cause["inputs"]], (made, cause)
    rows = mounted.ask("log", "same", "--all")["data"]
    assert [row["action"] for row in rows].count("wrote") == 3
    assert len({row["version"] for row in rows if row["action"] == "read"}) == 3
    runs = [row["run"] for row in mounted.ask("log", "long")["data"] if row["action"] == "wrote"]
    assert len(runs) == 2
    assert len(set(runs)) == 1, "it is one run, before and after"
    reasons = {gap["reason"] for gap in mounted.ask("status")["gaps"]}
    assert reasons == {"killed"}


def test_ended_recorder_misses_nothing(mounted: Project) -> None:
    """One that was asked to end has nothing in memory that could be lost: there is no gap."""
    recorder = processes(mounted)["recorder"]
    shell(mounted, "echo 1 > a")
    os.kill(recorder, signal.SIGTERM)
    wait_for(lambda: "recorder" not in processes(mounted))
    shell(mounted, "cp a b")
    elsewhere(mounted, "start", "--mode", "mount")
    (cause,) = mounted.ask("why", "b")["data"]["causes"]
    assert (cause["evidence"], [row["path"] for row in cause["inputs"]]) == ("observed", ["a"])
    assert not mounted.ask("status")["gaps"]


def test_stale_mount_is_cleaned_by_the_next_start(mounted: Project) -> None:
    shell(mounted, "echo 1 > a")
    before = processes(mounted)
    for name in ("recorder", "sensor", "server"):
        os.kill(before[name], signal.SIGSTOP)
    for name in ("recorder", "sensor", "server"):
        os.kill(before[name], signal.SIGKILL)
    time.sleep(0.2)
    with pytest.raises(OSError, match="not connected"):
        os.listdir(mounted.root)
    elsewhere(mounted, "start", "--mode", "mount")
    assert (mounted.root / "a").read_text() == "1\n"


def _latencies(place: Path, rounds: int) -> list[float]:
    """Return how long each of many small operations took: make, write, read, rename, remove."""
    took = []
    for number in range(rounds):
        path, renamed = place / f"small{number % 20}", place / f"renamed{number % 20}"
        for act in (
            lambda path=path: path.write_bytes(b"x"),
            path.read_bytes,
            lambda path=path, renamed=renamed: path.rename(renamed),
            renamed.unlink,
        ):
            began = time.perf_counter()
            act()
            took.append(time.perf_counter() - began)
    return sorted(took)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_recorder_that_does_not_read_delays_nobody(mounted: Project, number: signal.Signals) -> None:
    """The median, and the 99th percentile, of small operations, against the same before, in the same run.

    The last percent is left out, as on a busy machine a process waits for its turn now and then, whatever we
    do. Who waited for the recorder would wait with every operation, or as soon as a queue is full.
    """
    pid = processes(mounted)["recorder"]
    before = _latencies(mounted.root, 1_000)
    os.kill(pid, number)
    try:
        after = _latencies(mounted.root, 1_000)
    finally:
        if number == signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)
    for share in (0.5, 0.99):
        place = int(share * len(before))
        assert after[place] < 2 * before[place], (
            f"at {share}: {before[place]} s before, {after[place]} s after"
        )


def test_who_was_there_before_is_named(project: Project) -> None:
    project.mlamd("init")
    with subprocess.Popen(["sh", "-c", "read x; cat a > b; read x"], cwd=project.root, stdin=-1) as early:
        try:
            said = elsewhere(project, "start", "--mode", "mount").stdout
            assert f"sh (pid {early.pid})" in said
            assert early.stdin is not None
            (project.root / "a").write_text("x")
            early.stdin.write(b"\n")
            early.stdin.flush()
            # Not by its path: that it is not there yet would be remembered.
            wait_for(Path(f"/proc/{early.pid}/cwd/b").exists)
            time.sleep(0.3)
            reasons = [gap["reason"] for gap in project.ask("status")["gaps"]]
            assert "bypassed" in reasons
        finally:
            early.kill()
            elsewhere(project, "stop", "--lazy")


def test_refused_before_anything_is_changed(project: Project) -> None:
    project.mlamd("init")
    subprocess.run(["mount", "--bind", project.root, project.root], check=True)
    try:
        assert (
            "mount point"
            in elsewhere(project, "start", "--mode", "mount", code=UnavailableError.exit_code).stderr
        )
    finally:
        subprocess.run(["umount", project.root], check=True)
    assert not processes(project)


def test_no_fusermount(project: Project, tmp_path: Path) -> None:
    project.mlamd("init")
    os.environ["PATH"], path = str(tmp_path), os.environ["PATH"]
    try:
        said = project.fails(UnavailableError, "start", "--mode", "mount")
    finally:
        os.environ["PATH"] = path
    assert "fuse3" in said


def test_read_only(project: Project) -> None:
    project.mlamd("init")
    (project.root / "a").write_text("x")
    elsewhere(project, "start", "--mode", "mount", "--read-only")
    try:
        assert (project.root / "a").read_text() == "x"
        with pytest.raises(OSError, match="Read-only"):
            (project.root / "b").write_text("x")
    finally:
        elsewhere(project, "stop")


def test_other_users_are_let_in(open_project: Project) -> None:
    """They may do what the rights of the files allow, and what they do is theirs."""
    project, user = open_project, {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    project.mlamd("init")
    (project.root / "secret").write_text("x")
    (project.root / "secret").chmod(0o600)
    elsewhere(project, "start", "--mode", "mount", "--allow-other")
    try:
        (project.root / "a").write_text("text")
        subprocess.run(["cp", "a", "b"], cwd=project.root, check=True, **user)  # type: ignore[call-overload]
        assert (project.root / "b").stat().st_uid == NOBODY
        done = subprocess.run(
            ["cat", "secret"], cwd=project.root, stderr=subprocess.PIPE, check=False, **user
        )  # type: ignore[call-overload]
        assert b"Permission denied" in done.stderr
        (cause,) = project.ask("why", "b")["data"]["causes"]
        assert (cause["evidence"], [row["path"] for row in cause["inputs"]]) == ("observed", ["a"])
    finally:
        elsewhere(project, "stop", "--lazy")


def test_no_device(project: Project) -> None:
    """As in a container that was not given it: said in one line, before anything is changed."""
    project.mlamd("init")
    command = 'mount -t tmpfs tmpfs /dev; mknod /dev/null c 1 3; mknod /dev/urandom c 1 9; exec "$@"'
    words = [sys.executable, "-m", "mlamd", "-C", str(project.root), "start", "--mode", "mount"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, "sh", *words],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == UnavailableError.exit_code, done.stderr
    assert "there is no /dev/fuse" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not processes(project)


def test_directory_of_another_user_is_refused(open_project: Project) -> None:
    pytest.importorskip("pyfuse3")
    os.chown(open_project.root, 1, NOBODY)
    os.seteuid(NOBODY)
    try:
        assert "belongs to another user (uid 1)" in refusal(open_project.root)
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not ordinary.is_possible(), reason="needs setpriv(1)")
def test_ordinary_user() -> None:
    top = Path(tempfile.mkdtemp())
    try:
        top.chmod(0o755)
        done = ordinary.runs(
            'umask 022; mkdir ~/work; m() { $PYTHON -m mlamd -C ~/work "$@"; }; cd /; m init; '
            "m start --mode mount; cd ~/work; echo 1 > a; cp a b; cat b > c; cd /; "
            "m why c; m status; m stop; cat ~/work/c",
            top,
        )
        assert done.returncode == 0, done.stderr
        assert "cat b  [observed]" in done.stdout, done.stdout
        assert "mount mode" in done.stdout
        assert done.stdout.endswith("1\n")
    finally:
        shutil.rmtree(top)


def test_what_was_read_is_digested_before_it_is_lost(mounted: Project) -> None:
    """Each way to lose a content, right after it was read, while no recorder could have looked at it."""
    ways = {
        "truncated by an open": "echo 22 > F",
        "replaced": "echo 22 > new; mv new F",
        "removed": "rm F",
        "cut": "truncate -s 1 F",
        "changed in place": "printf x | dd of=F conv=notrunc status=none",
        "appended to": "echo 22 >> F",
    }
    with stopped(processes(mounted)["recorder"]):
        for number, script in enumerate(ways.values()):
            name = f"f{number}"
            shell(mounted, f"echo one{number} > {name}; cat {name} > c{number}; {script.replace('F', name)}")
    log = mounted.ask("log", "--all")["data"]
    for number, way in enumerate(ways):
        of_it = [row for row in log if row["path"] == f"f{number}" and row["action"] == "read"]
        (read,) = [row for row in of_it if row["command"][0] == "cat"]
        assert read["digest"] == blake3(f"one{number}\n".encode()).hexdigest(), way
        assert read["size_bytes"] == 5, way


def test_a_large_content_is_digested_before_it_is_lost(mounted: Project) -> None:
    """What is removed or replaced however large it is; what is changed in place up to a size."""
    content = os.urandom(1 << 20) * 20
    for name in ("removed", "replaced", "changed"):
        (mounted.root / name).write_bytes(content)
    (mounted.root / "small").write_bytes(content[: 1 << 20])
    with stopped(processes(mounted)["recorder"]):
        shell(
            mounted,
            "cat removed replaced changed small > /dev/null; rm removed; echo x > new; mv new replaced; "
            "echo x >> changed; echo x >> small",
        )
    wait_for(lambda: not json.loads(elsewhere(mounted, "status", "--json").stdout)["data"]["digesting"])

    def digests() -> dict[str, str | None]:
        rows = mounted.ask("log", "--all")["data"]
        return {row["path"]: row["digest"] for row in rows if row["action"] == "read"}

    wait_for(lambda: digests()["removed"])
    whole = blake3(content).hexdigest()
    reflinks = digests()["changed"] is not None
    assert digests() == {
        "removed": whole,
        "replaced": whole,
        "changed": whole if reflinks else None,
        "small": blake3(content[: 1 << 20]).hexdigest(),
    }


def test_what_bypasses_the_mount_is_noticed_and_seen_in_it(project: Project) -> None:
    """Somebody changes, removes and makes files below: nobody is named, and the mount shows it."""
    project.mlamd("init")
    for name in ("used", "removed", "unused"):
        (project.root / name).write_text("before")
    covered = os.open(project.root, os.O_RDONLY | os.O_DIRECTORY)
    elsewhere(project, "start", "--mode", "mount")
    try:
        shell(project, "cat used removed > seen; ! cat new 2> /dev/null; mkdir d")
        project.ask("log")
        below = Path(f"/proc/self/fd/{covered}")
        (below / "used").write_text("after, and longer")
        (below / "removed").unlink()
        (below / "new").write_text("new")
        (below / "inner").mkdir()
        (below / "inner/deep").write_text("deep")
        wait_for((project.root / "new").exists, 30)
        wait_for(lambda: "bypassed" in {gap["reason"] for gap in project.ask("status")["gaps"]})
        wait_for(lambda: (project.root / "used").read_text() == "after, and longer")
        wait_for(lambda: not (project.root / "removed").exists())
        wait_for((project.root / "inner/deep").exists)
        shell(project, "cat used new > last")
        rows = project.ask("log", "--all")["data"]
        found = {
            row["path"]: row["action"] for row in rows if row["run"] is None and row["action"] != "existing"
        }
        assert found == {"used": "found", "new": "found", "removed": "removed", "inner/deep": "found"}
        (cause,) = project.ask("why", "last")["data"]["causes"]
        assert {row["path"]: row["digest"] for row in cause["inputs"]}["used"] == blake3(
            b"after, and longer"
        ).hexdigest()
    finally:
        os.close(covered)
        elsewhere(project, "stop", "--lazy")


def test_what_is_done_through_the_mount_does_not_bypass_it(mounted: Project) -> None:
    """Names and attributes of files that nobody has used, also of whole directories; and long writing."""
    (mounted.root / "d").mkdir()
    with open(mounted.root / "long", "w") as long:
        for number in range(4):
            long.write("x\n")
            long.flush()
            os.fsync(long.fileno())
            shell(
                mounted,
                f"mkdir -p e/f; echo {number} > e/f/{number}; touch t{number}; chmod 600 t{number}; "
                f"mv e/f/{number} d/; mv d d{number}; mv d{number} d; ln d/{number} l{number}; rm -f r; "
                f"cp d/{number} r; truncate -s 1 r; mv e g; mv g e",
            )
            time.sleep(1)
    time.sleep(2)
    assert not mounted.ask("log", "--all")["gaps"]
    assert "found" not in {row["action"] for row in mounted.ask("log", "--all")["data"]}


def test_unmounted_from_outside(mounted: Project) -> None:
    """Recording ends, with what was done until then; nothing is mounted anew."""
    shell(mounted, "echo 1 > a; cp a b")
    subprocess.run(["umount", "-l", mounted.root], check=True)
    wait_for(lambda: not processes(mounted))
    assert not is_mounted(mounted)
    (cause,) = mounted.ask("why", "b")["data"]["causes"]
    assert cause["evidence"] == "observed"
    assert "unmounted from outside" in (mounted.store / "recorder.log").read_text()


def test_directory_above_is_renamed(mounted: Project) -> None:
    """The mount moves with it, and is taken away there: who comes finds the plain directory."""
    shell(mounted, "echo 1 > a; cp a b")
    above, new = mounted.root.parent, mounted.root.parent.with_name("renamed")
    above.rename(new)
    try:
        wait_for(lambda: not processes(mounted))
        moved = new / mounted.root.name
        assert not mount_at(os.fsencode(moved))
        assert (moved / "b").read_text() == "1\n"
        assert "the recorder ended" in (moved / ".mlamd/recorder.log").read_text()
    finally:
        new.rename(above)
    (cause,) = mounted.ask("why", "b")["data"]["causes"]
    assert cause["evidence"] == "observed"


def test_next_start_goes_on_with_a_mount_that_stands(mounted: Project) -> None:
    os.kill(processes(mounted)["recorder"], signal.SIGKILL)
    wait_for(lambda: "recorder" not in processes(mounted))
    refused = elsewhere(mounted, "start", "--mode", "watch", code=AlreadyRecordedError.exit_code)
    assert "is mounted" in refused.stderr
    assert "mount mode" in elsewhere(mounted, "start").stdout


def test_doctor_names_who_bypasses_the_mount(project: Project) -> None:
    project.mlamd("init")
    with subprocess.Popen(["sleep", "60"], cwd=project.root) as early:
        try:
            elsewhere(project, "start", "--mode", "mount")
            assert f"sleep (pid {early.pid})" in elsewhere(project, "doctor", code=None).stdout
        finally:
            early.kill()
    assert "nobody is in the directory below" in elsewhere(project, "doctor", code=None).stdout
    elsewhere(project, "stop")


def test_each_reader_reads_the_version_that_stands_there(mounted: Project) -> None:
    """Also where a shell writes and another program reads within a millisecond, again and again."""
    shell(mounted, "for i in $(seq 1 150); do echo $i > a; cat a > b$i; done")
    rows = mounted.ask("log", "a", "--limit", "0", "--all")["data"]
    reads = [(row["step"], row["version"]) for row in rows if row["action"] == "read"]
    assert len(reads) == len({step for step, _ in reads}) == 150
    assert len({version for _, version in reads}) == 150


def test_a_file_whose_times_are_set_after_its_close_is_digested(mounted: Project) -> None:
    script = "import shutil\nfor i in range(20): shutil.copy2('s', f'd{i}')"
    shell(mounted, f'echo text > s; sleep 0.05; {sys.executable} -c "{script}"')
    rows = mounted.ask("log", "--all", "--limit", "0")["data"]
    made = {row["path"]: row["digest"] for row in rows if row["action"] == "wrote" and row["path"] != "s"}
    assert set(made.values()) == {blake3(b"text\n").hexdigest()}
    assert len(made) == 20


def test_directories_are_no_files(mounted: Project) -> None:
    shell(mounted, "mkdir -p d/e; echo 1 > d/e/a")
    for _ in range(10):
        shell(mounted, "tar cf t.tar d; find . > list; cp -a d f; grep -r 1 d > found; rm -r f")
    rows = mounted.ask("log", "--all", "--limit", "0")["data"]
    wrong = [row for row in rows if row["path"] in {"d", "d/e", "f", "f/e", "."}]
    assert not wrong, [(row["action"], row["path"], row["command"]) for row in wrong]


def test_what_is_kept_is_named_from_the_first_commit(mounted: Project) -> None:
    """A recorder that is killed as soon as it is ready has a successor that goes on from there."""
    with closing(Journal(mounted.store)) as journal:
        assert journal.source().split()[0]


def test_a_stopped_mount_gives_what_it_has_kept(mounted: Project) -> None:
    """Also if the recorder was killed before, and nobody has started another one."""
    os.kill(processes(mounted)["recorder"], signal.SIGKILL)
    wait_for(lambda: "recorder" not in processes(mounted))
    shell(mounted, "echo 1 > a; cp a b")
    said = elsewhere(mounted, "status").stdout
    assert "kept" in said, said
    elsewhere(mounted, "stop")
    assert not is_mounted(mounted)
    answer = mounted.ask("why", "b")
    assert len(answer["data"]["causes"]) == 1, answer
    (cause,) = answer["data"]["causes"]
    assert (cause["evidence"], [row["path"] for row in cause["inputs"]]) == ("observed", ["a"])
