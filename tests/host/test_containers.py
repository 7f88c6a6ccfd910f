"""Containers, by what each engine is known to leave: control groups, mounts and files; and our own."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.host import containers
from mlamd.host.containers import Inside, by_cgroup, by_files, by_mounts, cgroup_of, container_in
from mlamd.model.processes import ProcessKey

_ID = "3f7c9a0b12de4567890abcdef0123456789abcdef0123456789abcdef012345a"
_POD = "kubepods-besteffort-pod5a8e7c1e_2c34_4f0e_9d1c_0123456789ab"
_UID = "5a8e7c1e-2c34-4f0e-9d1c-0123456789ab"
_HOME = "/home/u/.local/share/containers/storage"
_GRPC = "/var/lib/containerd/io.containerd.grpc.v1.cri"


@pytest.mark.parametrize(
    ("cgroup", "container"),
    [
        (f"/docker/{_ID}", _ID),
        (f"/docker/{_ID}/", _ID),
        (f"/docker/{_ID}/inner", _ID),
        (f"/system.slice/docker-{_ID}.scope", _ID),
        (f"/system.slice/docker-{_ID}.scope/init.scope", _ID),
        (f"/machine.slice/libpod-{_ID}.scope", _ID),
        (f"/machine.slice/libpod-{_ID}.scope/container", _ID),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{_ID}.scope", _ID),
        (f"/kubepods.slice/kubepods-besteffort.slice/{_POD}.slice/cri-containerd-{_ID}.scope", _ID),
        (f"/kubepods.slice/kubepods-burstable.slice/{_POD}.slice/crio-{_ID}.scope", _ID),
        (f"/kubepods/besteffort/pod5a8e7c1e-2c34-4f0e-9d1c-0123456789ab/{_ID}", _ID),
        (f"/system.slice/containerd.service/kubepods-burstable-pod5a8e.slice:cri-containerd:{_ID}", _ID),
        (f"/actions_job/{_ID}", _ID),
        (f"/../{_ID}", _ID),
        ("/lxc/web", "web"),
        ("/lxc/web/system.slice/cron.service", "web"),
        ("/lxc.payload.web", "web"),
        ("/lxc.payload/web", "web"),
        ("/lxc.payload.web/user.slice", "web"),
        ("/machine.slice/machine-debian.scope", "debian"),
        ("/machine.slice/machine-debian.scope/payload", "debian"),
        ("/", ""),
        ("", ""),
        ("/init.scope", ""),
        ("/user.slice/user-1000.slice/session-3.scope", ""),
        ("/system.slice/docker.service", ""),
        ("/machine.slice", ""),
        ("/lxc.monitor.web", ""),
        (f"/docker/{_ID[:-1]}", ""),
        (f"/docker/{_ID}a", ""),
        (f"/docker/{_ID.upper()}", ""),
        (f"/machine.slice/libpod-conmon-{_ID}.scope", ""),
    ],
)
def test_container_in(cgroup, container):
    assert container_in(cgroup) == container


@given(st.text(max_size=100))
def test_container_in_any_text(text):
    assert container_in(f"/docker/{_ID}") == _ID
    container_in(text)


@pytest.mark.parametrize(
    ("text", "cgroup"),
    [
        ("0::/user.slice/session-3.scope\n", "/user.slice/session-3.scope"),
        ("0::/\n", "/"),
        ("", "/"),
        (
            f"12:pids:/docker/{_ID}\n11:memory:/docker/{_ID}\n1:name=systemd:/docker/{_ID}\n0::/docker/{_ID}\n",
            f"/docker/{_ID}",
        ),
        (
            "3:cpu,cpuacct:/\n1:name=systemd:/user.slice/session-1.scope\n0::/\n",
            "/user.slice/session-1.scope",
        ),
        (f"3:cpu,cpuacct:/docker/{_ID}\n2:cpuset:/\n", f"/docker/{_ID}"),
        ("0::/odd:name:with:colons\n", "/odd:name:with:colons"),
    ],
)
def test_cgroup_of(text, cgroup):
    assert cgroup_of(text) == cgroup


@pytest.mark.parametrize(
    ("cgroup", "known"),
    [
        (f"/docker/{_ID}", Inside("docker", _ID)),
        (f"/system.slice/docker-{_ID}.scope", Inside("docker", _ID)),
        (f"/user.slice/user-1.slice/user@1.service/user.slice/libpod-{_ID}.scope", Inside("podman", _ID)),
        (
            f"/kubepods.slice/kubepods-besteffort.slice/{_POD}.slice/cri-containerd-{_ID}.scope",
            Inside("kubernetes", _ID, pod=_UID),
        ),
        (f"/kubepods/besteffort/pod{_UID}/{_ID}", Inside("kubernetes", _ID, pod=_UID)),
        (f"/system.slice/crio-{_ID}.scope", Inside("cri-o", _ID)),
        (f"/actions_job/{_ID}", Inside("unknown", _ID)),
        ("/lxc.payload.web/user.slice", Inside("lxc", "web")),
        ("/machine.slice/machine-debian.scope", Inside("systemd-nspawn", "debian")),
        ("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", Inside()),
        ("/user.slice/user-1000.slice/session-3.scope", Inside()),
        ("/", Inside()),
    ],
)
def test_control_groups_tell_the_kind(cgroup: str, known: Inside) -> None:
    assert by_cgroup(cgroup) == known


@pytest.mark.parametrize(
    ("line", "known"),
    [
        (
            f"771 760 8:1 /var/lib/docker/containers/{_ID}/hostname /etc/hostname rw - ext4 x rw",
            Inside("docker", _ID),
        ),
        (
            f"7 6 0:22 /containers/overlay-containers/{_ID}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw",
            Inside("podman", _ID),
        ),
        (
            f"7 6 8:1 {_HOME}/overlay-containers/{_ID}/userdata/resolv.conf /etc/resolv.conf rw - ext4 x rw",
            Inside("podman", _ID),
        ),
        (
            f"771 760 8:1 /var/lib/nerdctl/1935db59/containers/default/{_ID}/hosts /etc/hosts rw - ext4 x rw",
            Inside("containerd", _ID),
        ),
        (
            (
                f"771 760 8:1 /var/lib/kubelet/pods/{_UID}/etc-hosts /etc/hosts rw - ext4 x rw\n"
                f"772 760 8:1 {_GRPC}/sandboxes/{_ID}/hostname /etc/hostname rw - ext4 x rw"
            ),
            Inside("kubernetes", pod=_UID),
        ),
        (f"771 760 8:1 /var/lib/docker/containers/{_ID}/x /data rw - ext4 x rw", Inside()),
        ("22 27 0:21 / /proc rw,relatime - proc proc rw", Inside()),
        ("odd", Inside()),
    ],
)
def test_mounts_tell_where_the_control_group_has_no_name(line: str, known: Inside) -> None:
    assert by_mounts(line) == known


def test_files_tell_the_image_where_podman_wrote_it(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    assert by_files(str(tmp_path)) == Inside()
    (place / ".containerenv").write_text("")  # podman's own, where the container is not privileged
    assert by_files(str(tmp_path)) == Inside("podman")
    (place / ".containerenv").write_text(
        f'engine="podman-4.9.3"\nname="happy"\nid="{_ID}"\nimage="docker.io/library/python:3.12"\n'
        'imageid="0123"\nrootless=1\ngraphRootMounted=1\n'
    )
    assert by_files(str(tmp_path)) == Inside("podman", _ID, "docker.io/library/python:3.12")


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        (".dockerenv", "", "docker"),
        (".singularity.d/env/x", "", "apptainer"),
        ("run/host/container-manager", "systemd-nspawn\n", "systemd-nspawn"),
        ("run/systemd/container", "lxc\n", "lxc"),
        ("run/systemd/container", "wsl\n", ""),
    ],
)
def test_files_tell_the_kind(tmp_path: Path, name: str, text: str, kind: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    assert by_files(str(tmp_path)) == Inside(kind)


def test_who_is_inside_cannot_make_us_wait_or_read_something_else(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run/.containerenv")
    assert by_files(str(tmp_path)) == Inside("podman")
    (tmp_path / "run/.containerenv").unlink()
    (tmp_path / "secret").write_text('image="x"\n')
    (tmp_path / "run/.containerenv").symlink_to(tmp_path / "secret")
    assert by_files(str(tmp_path)) == Inside("podman")


def _process(proc: Path, cgroup: str, mounts: str = "", start: int = 42) -> tuple[ProcessKey, Path]:
    """Make a process of a made-up ``/proc``; return it, and its topmost directory."""
    place = proc / "77"
    (place / "root/run").mkdir(parents=True)
    (place / "ns").mkdir()
    (place / "ns/mnt").symlink_to("mnt:[4026531840]")
    (place / "cgroup").write_text(cgroup)
    (place / "mountinfo").write_text(mounts)
    (place / "stat").write_text("77 (a) b) S " + "0 " * 18 + f"{start} 0\n")
    return ProcessKey("boot", 77, start), place / "root"


def test_a_process_in_another_container(tmp_path: Path) -> None:
    key, root = _process(tmp_path, f"0::/machine.slice/libpod-{_ID}.scope\n")
    (root / "run/.containerenv").write_text(f'id="{_ID}"\nimage="localhost/train:3"\n')
    assert containers.inside(key, str(tmp_path)) == Inside("podman", _ID, "localhost/train:3")
    marks = containers.look(key, str(tmp_path))
    assert marks is not None
    assert marks[:2] == ("mnt:[4026531840]", f"0::/machine.slice/libpod-{_ID}.scope\n")
    assert containers.look(key._replace(start=43), str(tmp_path)) is None
    assert containers.look(key._replace(pid=78), str(tmp_path)) is None


def test_docker_with_a_control_group_of_its_own_is_told_by_its_mounts(tmp_path: Path) -> None:
    mounts = f"1 2 8:1 /var/lib/docker/containers/{_ID}/hosts /etc/hosts rw - ext4 x rw\n"
    key, root = _process(tmp_path, "0::/\n", mounts)
    (root / ".dockerenv").write_text("")
    assert containers.inside(key, str(tmp_path)) == Inside("docker", _ID)


def test_another_container_in_one_is_not_given_its_image(tmp_path: Path) -> None:
    key, root = _process(tmp_path, f"0::/docker/{_ID}\n")
    (root / "run/.containerenv").write_text('id="0123"\nimage="localhost/train:3"\n')
    assert containers.inside(key, str(tmp_path)) == Inside("docker", _ID)


@pytest.mark.linux
def test_this_process_is_where_we_are() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        fields = Path(f"/proc/{child.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        key = ProcessKey("", child.pid, int(fields[19]))
        assert containers.look(key) == containers.look()
        assert containers.inside(key) == containers.inside()
        child.kill()


@pytest.mark.linux
def test_a_real_process_with_other_mounts() -> None:
    """A mount namespace with files as podman makes them; nothing but root may make one everywhere."""
    made = f'mount -t tmpfs x /run && printf \'id="{_ID}"\\nimage="a/b:3"\\n\' > /run/.containerenv'
    command = ["unshare", "-m", "sh", "-c", f"{made} && echo ready && exec sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        if child.stdout.readline() != b"ready\n":
            pytest.skip("mounts cannot be made here")
        fields = Path(f"/proc/{child.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        key = ProcessKey("", child.pid, int(fields[19]))
        marks, found = containers.look(key), containers.inside(key)
        child.kill()
    assert marks is not None
    assert marks != containers.look()
    assert found == Inside("podman", _ID, "a/b:3")
