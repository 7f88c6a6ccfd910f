"""Where a run was put, by the variables that schedulers and launchers are known to set."""

from typing import Any

import pytest

from mlamd.lineage.placement import container, scheduler, workers
from mlamd.masking.environment import environment

SLURM = {
    "SLURM_JOB_ID": "200505",
    "SLURM_JOBID": "200505",
    "SLURM_JOB_NAME": "multi",
    "SLURM_JOB_PARTITION": "long",
    "SLURM_JOB_NUM_NODES": "4",
    "SLURM_JOB_NODELIST": "gnode[10,20,25,37]",
    "SLURMD_NODENAME": "gnode10",
    "SLURM_CLUSTER_NAME": "ada",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_NTASKS": "4",
}


@pytest.mark.parametrize(
    ("variables", "known"),
    [
        (
            SLURM | {"SLURM_ARRAY_JOB_ID": "200500", "SLURM_ARRAY_TASK_ID": "5"},
            {
                "kind": "slurm",
                "job": "200505",
                "name": "multi",
                "array": "200500",
                "task": "5",
                "queue": "long",
                "nodes": 4,
                "node_list": "gnode[10,20,25,37]",
                "node": "gnode10",
                "cluster": "ada",
            },
        ),
        (
            {"PBS_JOBID": "12[3].server", "PBS_JOBNAME": "t", "PBS_ARRAY_INDEX": "3", "PBS_QUEUE": "gpu"},
            {"kind": "pbs", "job": "12[3].server", "name": "t", "task": "3", "queue": "gpu"},
        ),
        (
            {"LSB_JOBID": "9", "LSB_JOBINDEX": "0", "LSB_QUEUE": "normal"},
            {"kind": "lsf", "job": "9", "queue": "normal"},
        ),
        (
            {"JOB_ID": "4", "SGE_TASK_ID": "undefined", "JOB_NAME": "t"},
            {"kind": "sge", "job": "4", "name": "t"},
        ),
        ({"JOB_ID": "4", "SGE_TASK_ID": "7"}, {"kind": "sge", "job": "4", "task": "7"}),
        (
            {"RAY_JOB_ID": "01000000", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            {"kind": "ray", "job": "01000000"},
        ),
        (
            {
                "KUBERNETES_SERVICE_HOST": "10.0.0.1",
                "HOSTNAME": "train-0-x7kzp",
                "JOB_COMPLETION_INDEX": "0",
                "POD_NAMESPACE": "ml",
            },
            {"kind": "kubernetes", "name": "train-0-x7kzp", "task": "0", "queue": "ml"},
        ),
        ({"JOB_ID": "4", "HOSTNAME": "box", "SLURM_JOB_ID": ""}, {}),
    ],
)
def test_jobs(variables: dict[str, str], known: dict[str, Any]) -> None:
    assert scheduler(variables) == known
    assert scheduler(environment(variables.items())) == known, "a variable that tells it is not kept"


TORCHRUN = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "GROUP_RANK": "1", "TORCHELASTIC_RUN_ID": "r"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4"}


@pytest.mark.parametrize(
    ("variables", "known"),
    [
        (
            TORCHRUN | {"MASTER_ADDR": "a", "MASTER_PORT": "29500", "ACCELERATE_MIXED_PRECISION": "no"},
            {
                "launcher": "torchrun",
                "ranks": [5],
                "local_ranks": [1],
                "size": 8,
                "node": 1,
                "master": "a:29500",
            },
        ),
        (
            {
                "RANK": "0",
                "LOCAL_RANK": "0",
                "WORLD_SIZE": "2",
                "CROSS_RANK": "0",
                "MASTER_ADDR": "127.0.0.1",
            },
            {"ranks": [0], "local_ranks": [0], "size": 2, "master": "127.0.0.1"},
        ),
        (OPEN_MPI, {"launcher": "mpi", "ranks": [2], "local_ranks": [0], "size": 4}),
        ({"PMI_RANK": "1", "PMI_SIZE": "2"}, {"launcher": "mpi", "ranks": [1], "local_ranks": [], "size": 2}),
        (
            SLURM | {"SLURM_PROCID": "3", "SLURM_NODEID": "3", "SLURM_STEP_ID": "0"},
            {"launcher": "srun", "ranks": [3], "local_ranks": [0], "size": 4, "node": 3},
        ),
        (SLURM, {}),
        ({"RANK": "first"}, {}),
        ({}, {}),
    ],
)
def test_workers(variables: dict[str, str], known: dict[str, Any]) -> None:
    assert workers([variables]) == known
    assert workers([environment(variables.items())]) == known, "a variable that tells it is not kept"


def test_all_workers_of_a_run_are_named() -> None:
    steps = [TORCHRUN | {"RANK": rank, "LOCAL_RANK": rank} for rank in "310"]
    found = workers([{}, *steps])
    assert (found["ranks"], found["local_ranks"], found["size"]) == ([0, 1, 3], [0, 1, 3], 8)


def test_a_container_of_apptainer_is_told_by_its_variables() -> None:
    ours, other = {"container": {"kind": "docker", "id": "x"}}, {"kind": "podman"}
    both = {"APPTAINER_CONTAINER": "/i/a.sif", "SINGULARITY_CONTAINER": "/i/a.sif"}
    old = {"SINGULARITY_CONTAINER": "/i/a.sif"}
    assert container(None, {}, {}) == {}
    assert container(None, ours, {}) == {"kind": "docker", "id": "x"}
    assert container(other, ours, {}) == other
    assert container({}, ours, {}) == {}, "it was seen to be in none"
    assert container(other, ours, both) == {"kind": "apptainer", "image": "/i/a.sif"}
    assert container(None, {}, old) == {"kind": "singularity", "image": "/i/a.sif"}
