"""In which container a process runs: what made it, its id and its image, as far as files tell.

Sources: cgroups(7), proc_pid_mountinfo(5), podman-run(1) (``/run/.containerenv``), "The Container Interface"
of systemd (``/run/host/container-manager``, ``/run/systemd/container``); ``/.dockerenv`` and
``/.singularity.d`` are what Docker and Apptainer leave in every container. Docker and Kubernetes tell nobody
inside what the image is.
"""

import os
import re
from contextlib import suppress
from typing import NamedTuple

from mlamd.host.entries import is_same
from mlamd.model.processes import ProcessKey

_MOST_BYTES = 1 << 18
_CONTAINER = re.compile(
    r"(?:^|[/:-])(?<!conmon-)([0-9a-f]{64})(?:\.scope)?(?:/|$)"
    r"|/(?:lxc/|lxc\.payload[./]|machine-)([^/]+?)(?:\.scope)?(?:/|$)"
)
_KINDS = (
    ("kubepods", "kubernetes"),
    ("libpod", "podman"),
    ("docker", "docker"),
    ("containerd", "containerd"),
    ("crio-", "cri-o"),
    ("/lxc", "lxc"),
    ("/machine-", "systemd-nspawn"),
)
"""What stands in the name of a control group of each kind; the first that fits."""
_MOUNTED = re.compile(r"/(?:overlay-)?containers/(?:[^/]+/)?([0-9a-f]{64})/")
_PLACES = (("/overlay-containers/", "podman"), ("/nerdctl/", "containerd"))
_POD = re.compile(r"/pods/([0-9a-f-]{36})/")
_NAMING = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
"""Files that engines mount into a container from a directory with its id in the name."""
_ENTRY = re.compile(r'^(\w+)="?([^"\n]*)"?$', re.MULTILINE)
_NO_CONTAINERS = frozenset({"wsl", "none"})


class Inside(NamedTuple):
    """In which container a process is; all is "" where it is in none.

    ``kind`` is ``docker``, ``podman``, ``kubernetes``, ``containerd``, ``cri-o``, ``lxc``, ``apptainer``,
    ``systemd-nspawn``, what systemd calls it, or ``unknown``. ``pod`` is the id that Kubernetes gave a pod.
    """

    kind: str = ""
    id: str = ""
    image: str = ""
    pod: str = ""

    def row(self) -> dict[str, str]:
        """Return what is known, by name."""
        return {name: value for name, value in self._asdict().items() if value}


def cgroup_of(text: str) -> str:
    """Return the control group in ``/proc/PID/cgroup``: the unified one, else systemd's, else the longest.

    Source: cgroups(7).
    """
    paths = {}
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        paths[names] = path
    unified = paths.get("", "/")
    return (
        unified if unified != "/" else paths.get("name=systemd") or max(paths.values(), key=len, default="/")
    )


def container_in(cgroup: str) -> str:
    """Return the id of the container in the name of a control group, "" if there is none.

    Docker, containerd, podman and Kubernetes name theirs by 64 hexadecimal digits, LXC and nspawn by a name.
    Their monitors (``conmon``, ``lxc.monitor``) are not inside.
    """
    found = _CONTAINER.search(cgroup)
    return (found.group(1) or found.group(2)) if found is not None else ""


def by_cgroup(cgroup: str) -> Inside:
    """Return what the name of a control group tells; a virtual machine of libvirt is no container."""
    known = container_in(cgroup)
    if not known or known.startswith("qemu"):
        return Inside()
    kind = next((kind for part, kind in _KINDS if part in cgroup), "unknown")
    pod = re.search(r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})", cgroup)
    return Inside(kind, known, pod=pod.group(1).replace("_", "-") if pod is not None else "")


def by_mounts(text: str) -> Inside:
    """Return what the mounts of a process tell, where its control group has no name for it."""
    pod = ""
    for line in text.splitlines():
        fields = line.split(" ", 5)
        if len(fields) < 6 or fields[4] not in _NAMING:
            continue
        found = _MOUNTED.search(fields[3])
        if found is not None:
            kind = next((kind for part, kind in _PLACES if part in fields[3]), "docker")
            return Inside(kind, found.group(1))
        named = _POD.search(fields[3])
        pod = named.group(1) if named is not None else pod
    return Inside("kubernetes", pod=pod) if pod else Inside()


def by_files(root: str) -> Inside:
    """Return what stands in the files of a container, of which ``root`` is the topmost directory."""
    if os.path.lexists(f"{root}/run/.containerenv"):
        known = dict(_ENTRY.findall(_read(f"{root}/run/.containerenv")))
        return Inside("podman", known.get("id", ""), known.get("image", ""))
    if os.path.lexists(f"{root}/.singularity.d"):
        return Inside("apptainer")
    if os.path.lexists(f"{root}/.dockerenv"):
        return Inside("docker")
    for name in ("run/host/container-manager", "run/systemd/container"):
        said = _read(f"{root}/{name}").strip()
        if said and said not in _NO_CONTAINERS:
            return Inside(said)
    return Inside()


def look(process: ProcessKey | None = None, proc: str = "/proc") -> tuple[object, ...] | None:
    """Return what tells the containers of processes apart; None for one that is gone, or not ours to look at.

    Without a process it is our own.
    """
    base = f"{proc}/self" if process is None else f"{proc}/{process.pid}"
    try:
        mounts = os.readlink(f"{base}/ns/mnt")
        root = os.stat(f"{base}/root")
        cgroup = _read(f"{base}/cgroup")
        if process is not None and not is_same(process, proc):
            return None
    except (OSError, ValueError):
        return None
    return mounts, cgroup, root.st_dev, root.st_ino


def inside(process: ProcessKey | None = None, proc: str = "/proc") -> Inside:
    """Return in which container a process is, our own if none is given."""
    base = f"{proc}/self" if process is None else f"{proc}/{process.pid}"
    found = by_cgroup(_cgroup(base))
    if not found.id:
        mounted = by_mounts(_read(f"{base}/mountinfo"))
        found = mounted if mounted.kind else found
    told = by_files(f"{base}/root")
    if not found.kind:
        return told
    kind = told.kind if found.kind == "unknown" and told.kind else found.kind
    same = told.kind in {kind, ""} and told.id in {found.id, ""}
    return found._replace(kind=kind, id=found.id or told.id, image=told.image if same else "")


def _cgroup(base: str) -> str:
    with suppress(ValueError):
        return cgroup_of(_read(f"{base}/cgroup"))
    return "/"


def _read(path: str) -> str:
    """Return the beginning of a file, "" for what is none: who is in a container may put anything there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        data = bytearray()
        while len(data) < _MOST_BYTES and (piece := os.read(descriptor, 1 << 16)):
            data += piece
        return data.decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
