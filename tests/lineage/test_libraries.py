"""What the names of libraries tell, as distributions are known to call them."""

from typing import Any

import pytest

from mlamd.lineage.libraries import computing, cuda

SITE = "/v/lib/python3.12/site-packages"
TOOLKIT = ("/usr/local/cuda-12.4/lib64/libcudart.so.12.4.99", "/usr/lib/x86_64-linux-gnu/libcudnn.so.9.1.0")


@pytest.mark.parametrize(
    ("libraries", "packages", "host", "known"),
    [
        (
            (*TOOLKIT, "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15"),
            {},
            {},
            {"runtime": "12.4.99", "cudnn": "9.1.0", "driver": "550.54.15"},
        ),
        (
            (f"{SITE}/nvidia/cuda_runtime/lib/libcudart.so.12", f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9"),
            {
                "packages": {
                    "nvidia-cuda-runtime-cu12": "12.4.127",
                    "nvidia-cudnn-cu12": "8.9.2",
                    "torch": "2.5.0",
                }
            },
            {"gpu_driver": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Tue Mar  5 22:42:15"},
            {"runtime": "12.4.127", "cudnn": "9", "driver": "535.161.08"},
        ),
        (
            (f"{SITE}/torch/lib/libcudart-8d0bf4d9.so.12.1.105",),
            {"packages": {"nvidia-cuda-runtime-cu12": "12.4.127"}},
            {},
            {"runtime": "12.1.105"},
        ),
        (
            ("/c/lib/libcudart.so.12", "/c/lib/libnccl.so.2.21.5"),
            {"conda": {"cuda-cudart": "12.6.77", "nccl": "2.23.4.1"}},
            {},
            {"runtime": "12.6.77", "nccl": "2.21.5"},
        ),
        (("/opt/rocm/lib/libamdhip64.so.6.2.60204",), {}, {}, {"hip": "6.2.60204"}),
        (
            ("/usr/lib/libc.so.6",),
            {"packages": {"nvidia-cuda-runtime-cu12": "12.4.127"}},
            {"gpu_driver": "NVIDIA 535.161.08"},
            {},
        ),
    ],
)
def test_versions_of_cuda(
    libraries: tuple[str, ...], packages: dict[str, Any], host: dict[str, Any], known: dict[str, str]
) -> None:
    assert cuda({"libraries": list(libraries)}, packages, host) == known


def test_what_computes() -> None:
    yes = [
        f"{SITE}/numpy.libs/libscipy_openblas64_-32a4b2a6.so",
        "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblasp-r0.3.21.so",
        f"{SITE}/torch/lib/libgomp-a34b3233.so.1",
        "/opt/intel/libmkl_rt.so.2",
        "/opt/intel/libiomp5.so",
        f"{SITE}/torch/lib/libtorch_cuda.so",
        "/usr/lib/libcuda.so.550.54.15",
    ]
    no = ["/usr/lib/libc.so.6", f"{SITE}/torch/lib/libtorch_cuda_linalg.so", "/usr/lib/libcudadebugger.so.1"]
    found = computing({"libraries": [*yes, *no]})
    assert found == sorted(path.rpartition("/")[2] for path in yes)
    assert computing({}) == []
