"""Where a run was put: the job of a scheduler, its place among the workers of one job, its container.

All that is read off variables that are kept anyway (``mlamd.masking.environment``). Sources: the lists of
environment variables in sbatch(1) and srun(1), in the manuals of PBS Professional, Torque, IBM Spectrum LSF
and Grid Engine, of Kubernetes ("Downward API", "Indexed Job"), Ray, torchrun (``torch.distributed.run``),
Open MPI, the PMI of MPICH, and Apptainer ("Environment and Metadata").
"""

from collections.abc import Iterable, Mapping
from typing import Any

Variables = Mapping[str, str]

_SCHEDULERS: dict[str, tuple[str, dict[str, str]]] = {
    "slurm": (
        "SLURM_JOB_ID SLURM_JOBID",
        {
            "job": "SLURM_JOB_ID SLURM_JOBID",
            "name": "SLURM_JOB_NAME",
            "array": "SLURM_ARRAY_JOB_ID",
            "task": "SLURM_ARRAY_TASK_ID",
            "queue": "SLURM_JOB_PARTITION",
            "nodes": "SLURM_JOB_NUM_NODES SLURM_NNODES",
            "node_list": "SLURM_JOB_NODELIST SLURM_NODELIST",
            "node": "SLURMD_NODENAME",
            "cluster": "SLURM_CLUSTER_NAME",
            "restarts": "SLURM_RESTART_COUNT",
        },
    ),
    "pbs": (
        "PBS_JOBID",
        {
            "job": "PBS_JOBID",
            "name": "PBS_JOBNAME",
            "task": "PBS_ARRAY_INDEX PBS_ARRAYID",
            "queue": "PBS_QUEUE",
            "nodes": "PBS_NUM_NODES",
        },
    ),
    "lsf": (
        "LSB_JOBID",
        {"job": "LSB_JOBID", "name": "LSB_JOBNAME", "task": "LSB_JOBINDEX", "queue": "LSB_QUEUE"},
    ),
    "sge": ("SGE_TASK_ID", {"job": "JOB_ID", "name": "JOB_NAME", "task": "SGE_TASK_ID"}),
    "ray": ("RAY_JOB_ID", {"job": "RAY_JOB_ID", "node": "RAY_NODE_IP_ADDRESS", "cluster": "RAY_ADDRESS"}),
    "kubernetes": (
        "KUBERNETES_SERVICE_HOST",
        {
            "job": "JOB_NAME",
            "name": "POD_NAME HOSTNAME",
            "task": "JOB_COMPLETION_INDEX",
            "queue": "POD_NAMESPACE KUBERNETES_NAMESPACE",
            "node": "NODE_NAME",
        },
    ),
}
"""Of each scheduler the variables that show it, and those of each fact, the first that is set. A ray job in
a pod is ray's."""

_NUMBERS = frozenset({"nodes", "restarts"})
_NO_TASK = {"lsf": "0", "sge": "undefined"}
"""What stands in the place of a task where a job is no array."""

_LAUNCHERS = (
    ("torchrun", "TORCHELASTIC_RUN_ID"),
    ("accelerate", "ACCELERATE_MIXED_PRECISION ACCELERATE_USE_DEEPSPEED ACCELERATE_USE_FSDP"),
    ("mpi", "OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK"),
    ("srun", "SLURM_STEP_ID SLURM_STEPID"),
)
_RANKS = "RANK OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK"
_LOCAL_RANKS = "LOCAL_RANK OMPI_COMM_WORLD_LOCAL_RANK MPI_LOCALRANKID"
_NODE_RANKS = "GROUP_RANK NODE_RANK"
_SIZES = "WORLD_SIZE OMPI_COMM_WORLD_SIZE PMI_SIZE"


def scheduler(variables: Variables) -> dict[str, Any]:
    """Return ``kind`` and what else is known of the job that a run is part of; empty where there is none.

    ``task`` is the place in an array of jobs, ``queue`` the partition, queue or namespace, ``nodes`` their
    number.
    """
    for kind, (shown_by, facts) in _SCHEDULERS.items():
        if not _first(variables, shown_by):
            continue
        found: dict[str, Any] = {"kind": kind}
        for name, names in facts.items():
            value = _first(variables, names)
            if not value or (name == "task" and value == _NO_TASK.get(kind)):
                continue
            number = _number(value) if name in _NUMBERS else None
            found[name] = value if number is None else number
        return found
    return {}


def workers(steps: Iterable[Variables]) -> dict[str, Any]:
    """Return which workers of a distributed job the steps of a run were; empty where they were none.

    ``ranks`` and ``local_ranks`` are those that were seen here, ``size`` says how many there were everywhere.
    """
    found: dict[str, Any] = {}
    ranks: set[int] = set()
    local: set[int] = set()
    for variables in steps:
        rank, its_local, node, size = (_number(value) for value in _place(variables))
        if rank is None:
            continue
        ranks.add(rank)
        if its_local is not None:
            local.add(its_local)
        address, port = variables.get("MASTER_ADDR", ""), variables.get("MASTER_PORT", "")
        master = f"{address}:{port}" if port else address
        known = {"launcher": _launcher(variables), "size": size, "node": node, "master": master}
        found = {name: value for name, value in known.items() if value not in {"", None}} | found
    return found | {"ranks": sorted(ranks), "local_ranks": sorted(local)} if ranks else {}


def container(
    other: Mapping[str, Any] | None, host: Mapping[str, Any], variables: Variables
) -> dict[str, Any]:
    """Return the container of a run: ``other`` if a step was in another one than the recorder, else its own.

    One of Apptainer, inside of another or of none, is told by variables.
    """
    for kind in ("apptainer", "singularity"):
        image = variables.get(f"{kind.upper()}_CONTAINER")
        if image:
            return {"kind": kind, "image": image}
    return dict(other if other is not None else host.get("container") or {})


def _place(variables: Variables) -> tuple[str, str, str, str]:
    """Return rank, rank on its node, rank of its node, and number of workers, as texts."""
    if _first(variables, _RANKS):
        return (
            _first(variables, _RANKS),
            _first(variables, _LOCAL_RANKS),
            _first(variables, _NODE_RANKS),
            _first(variables, _SIZES),
        )
    # The script of a batch job has a rank too, and is no worker.
    if not _first(variables, "SLURM_STEP_ID SLURM_STEPID"):
        return "", "", "", ""
    size = _first(variables, "SLURM_STEP_NUM_TASKS SLURM_NTASKS SLURM_NPROCS")
    known = variables.get
    return known("SLURM_PROCID", ""), known("SLURM_LOCALID", ""), known("SLURM_NODEID", ""), size


def _launcher(variables: Variables) -> str:
    return next((name for name, shown_by in _LAUNCHERS if _first(variables, shown_by)), "")


def _first(variables: Variables, names: str) -> str:
    return next((variables[name] for name in names.split() if variables.get(name)), "")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
