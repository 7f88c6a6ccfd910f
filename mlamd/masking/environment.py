"""Which environment variables are kept: those that change what a program computes, or say where it ran.

An allow-list: a variable that nobody thought of stays out. Users add patterns of their own.
"""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

from mlamd.masking.text import mask_setting

ALLOWED = tuple(
    """
    CUDA_* NCCL_* CUBLAS_* CUDNN_* NVIDIA_VISIBLE_DEVICES NVIDIA_TF32_OVERRIDE ROCR_VISIBLE_DEVICES
    HIP_* HSA_* MIOPEN_* GPU_DEVICE_ORDINAL ZE_AFFINITY_MASK OMP_* MKL_* OPENBLAS_* NUMEXPR_* KMP_*
    GOMP_* BLIS_* VECLIB_* GLOO_* UCX_* FI_* MALLOC_* RANK LOCAL_RANK GROUP_RANK ROLE_RANK NODE_RANK
    WORLD_SIZE LOCAL_WORLD_SIZE GROUP_WORLD_SIZE MASTER_ADDR MASTER_PORT TORCHELASTIC_*
    OMPI_COMM_WORLD_* OMPI_UNIVERSE_SIZE PMI_RANK PMI_SIZE PMIX_RANK MPI_LOCALRANKID PYTHON*
    VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV PIXI_ENVIRONMENT_NAME UV_PROJECT_ENVIRONMENT
    LD_LIBRARY_PATH LD_PRELOAD TORCH_* PYTORCH_* TORCHINDUCTOR_* TRITON_* XLA_* TF_* TPU_* JAX_*
    KERAS_BACKEND LIGHTNING_* PL_GLOBAL_SEED ACCELERATE_* DS_* TRANSFORMERS_* HF_HOME HF_HUB_OFFLINE
    HF_DATASETS_OFFLINE HF_DATASETS_CACHE HF_ENDPOINT TOKENIZERS_PARALLELISM VLLM_* SLURM_JOB_ID
    SLURM_JOBID SLURM_JOB_NAME SLURM_JOB_PARTITION SLURM_JOB_NODELIST SLURM_JOB_NUM_NODES
    SLURM_JOB_GPUS SLURM_JOB_CPUS_PER_NODE SLURM_ARRAY_* SLURM_CLUSTER_NAME SLURM_CPUS_* SLURM_GPUS*
    SLURM_GTIDS SLURM_LOCALID SLURM_MEM_* SLURM_NNODES SLURM_NODEID SLURM_NODELIST SLURM_NPROCS
    SLURM_NTASKS* SLURM_PROCID SLURM_RESTART_COUNT SLURM_STEP_ID SLURM_STEPID SLURM_SUBMIT_DIR
    SLURM_SUBMIT_HOST SLURM_TASKS_PER_NODE SLURMD_NODENAME PBS_JOBID PBS_JOBNAME PBS_ARRAY_INDEX
    PBS_O_WORKDIR LSB_JOBID LSB_JOBINDEX LSB_JOBNAME JOB_ID SGE_TASK_ID RAY_JOB_ID RAY_ADDRESS
    RAY_NODE_IP_ADDRESS RAY_CHDIR_TO_TRIAL_DIR KUBERNETES_SERVICE_HOST KUBERNETES_NAMESPACE POD_NAME
    POD_NAMESPACE POD_UID NODE_NAME JOB_NAME JOB_COMPLETION_INDEX HOSTNAME WANDB_PROJECT
    WANDB_ENTITY WANDB_NAME WANDB_MODE WANDB_RUN_ID WANDB_RUN_GROUP WANDB_DIR WANDB_TAGS
    WANDB_SWEEP_ID MLFLOW_TRACKING_URI MLFLOW_EXPERIMENT_NAME MLFLOW_EXPERIMENT_ID MLFLOW_RUN_ID CI
    GITHUB_RUN_ID GITHUB_SHA GITHUB_REPOSITORY CI_JOB_ID CI_COMMIT_SHA BUILD_NUMBER HYDRA_FULL_ERROR
    DVC_EXP_NAME DVC_STAGE CLEARML_TASK_ID AIP_* SM_* LANG LC_ALL LC_NUMERIC TZ SLURM_STEP_NUM_TASKS
    SLURM_CONTAINER SLURM_CONTAINER_ID PBS_ARRAYID PBS_QUEUE PBS_NUM_NODES LSB_QUEUE PET_* CROSS_RANK
    CROSS_SIZE APPTAINER_CONTAINER APPTAINER_NAME SINGULARITY_CONTAINER SINGULARITY_NAME
    """.split()
)
"""Patterns of names, as a shell matches file names. ``*`` also matches ``_``."""


@lru_cache(maxsize=16)
def _allowed(extra: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in (*ALLOWED, *extra)))


@lru_cache(maxsize=8192)
def is_kept(name: str) -> bool:
    """Say whether a variable of this name is kept."""
    return _allowed(()).match(name) is not None


def is_also_kept(name: str, extra: tuple[str, ...]) -> bool:
    """Say whether a variable of this name is kept only because ``extra`` allows it."""
    return _allowed(extra).match(name) is not None and not is_kept(name)


def environment(pairs: Iterable[tuple[str, str]], extra: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the variables that are kept, sorted by name, their values masked; ``extra`` allows more."""
    allowed = _allowed(extra)
    return {name: str(mask_setting(name, value)) for name, value in sorted(pairs) if allowed.match(name)}
