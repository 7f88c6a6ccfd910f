"""Environment variables are kept by an allow-list, and masked all the same."""

from hypothesis import given
from hypothesis import strategies as st

from mlamd.masking.environment import environment, is_also_kept
from tests.masking.fakes import PASSWORD, drawn

KEPT = {
    "CUDA_VISIBLE_DEVICES": "0,1",
    "NCCL_DEBUG": "INFO",
    "OMP_NUM_THREADS": "4",
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "2",
    "MASTER_ADDR": "10.0.0.1",
    "SLURM_JOB_ID": "1234",
    "SLURM_ARRAY_TASK_ID": "3",
    "PYTHONHASHSEED": "0",
    "PYTHONPATH": "src",
    "VIRTUAL_ENV": "/home/ada/.venv",
    "CONDA_DEFAULT_ENV": "base",
    "TORCH_HOME": "/cache",
    "XLA_FLAGS": "--xla_gpu_deterministic_ops=true",
    "TF_DETERMINISTIC_OPS": "1",
    "JAX_PLATFORMS": "cpu",
    "RAY_JOB_ID": "01000000",
    "POD_NAME": "train-0",
    "PBS_QUEUE": "gpu",
    "LSB_JOBINDEX": "2",
    "SLURM_STEP_NUM_TASKS": "8",
    "APPTAINER_CONTAINER": "/images/train.sif",
}
LEFT_OUT = """
    HOME USER PATH SSH_AUTH_SOCK HF_TOKEN WANDB_API_KEY AWS_SECRET_ACCESS_KEY OPENAI_API_KEY
    SLURM_JWT SLURM_JOB_USER DATABASE_URL MY_CUDA_X EDITOR GITHUB_TOKEN
    """.split()


def test_the_allowed_variables_are_kept_and_no_others():
    given_ = KEPT | dict.fromkeys(LEFT_OUT, "x")
    assert environment(given_.items()) == KEPT


def test_strangers_that_share_a_prefix_are_left_out():
    strangers = """
        TF_TOKEN_app_terraform_io TF_VAR_db_admin TF_CLI_ARGS TF_ENCRYPTION TF_HTTP_USERNAME
        PYTHONANYWHERE_DOMAIN DS_CLIENT_ID SM_CONNECTION
        """.split()
    known = "TF_CONFIG TF_CPP_MIN_LOG_LEVEL TF_XLA_FLAGS SM_HPS SM_USER_ARGS DS_ACCELERATOR".split()
    assert set(environment([(name, "x") for name in (*strangers, *known)])) == set(known)


def test_patterns_of_the_user_are_added():
    assert environment([("MY_FLAG", "1"), ("HOME", "/")], ("MY_*",)) == {"MY_FLAG": "1"}


def test_what_only_the_user_keeps():
    assert is_also_kept("MY_FLAG", ("MY_*", "RANK"))
    assert not is_also_kept("RANK", ("MY_*", "RANK"))
    assert not is_also_kept("HOME", ("MY_*",))


def test_values_are_masked():
    found = environment(
        [
            ("MLFLOW_TRACKING_URI", f"https://ada:{PASSWORD}@mlflow.local"),
            ("TORCH_SECRET_TOKEN", drawn(20)),
            ("MY_TOKEN", drawn(20)),
        ],
        ("MY_*",),
    )
    assert found == {
        "MLFLOW_TRACKING_URI": "https://ada:***@mlflow.local",
        "TORCH_SECRET_TOKEN": "***",
        "MY_TOKEN": "***",
    }


@given(st.lists(st.tuples(st.text(), st.text())))
def test_any_pairs_are_taken(pairs):
    assert set(environment(pairs)) <= {name for name, _ in pairs}
