"""What the native libraries of a run tell: versions of CUDA, and which BLAS and OpenMP computed.

A library says its version in its file name: ``libcudart.so.12.4.99``, ``libcuda.so.550.54.15`` (that of the
driver). One from a package of NVIDIA or conda often says the first number only; the package says the rest.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_VERSIONED = re.compile(r"/lib(\w+?)(?:-[0-9a-f]{8})?\.so\.([0-9][0-9.]*)\Z")
_DRIVER = re.compile(r"\b([0-9]{3}\.[0-9]+(?:\.[0-9]+)?)\b")
_PARTS: dict[str, tuple[str, str, str]] = {
    "runtime": ("cudart", "nvidia-cuda-runtime", "cuda-cudart"),
    "cudnn": ("cudnn", "nvidia-cudnn", "cudnn"),
    "cublas": ("cublas", "nvidia-cublas", "libcublas"),
    "nccl": ("nccl", "nvidia-nccl", "nccl"),
    "hip": ("amdhip64", "", "hip"),
}
"""Of each part the name of its library, the distribution with it (without ``-cu12``), conda's package."""

_COMPUTING = re.compile(
    r"/lib(?:scipy_)?(?:openblas\w*|mkl_rt|mkl_core|blis|atlas|cblas|gomp|iomp5|omp|cudart|cudnn|nccl|torch_cuda"
    r"|torch_hip|tensorflow_cc|cuda|amdhip64|rccl)(?![a-z_])"
)


def cuda(native: Mapping[str, Any], packages: Mapping[str, Any], host: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of what a run loaded of CUDA (or HIP), and of the driver; empty for nothing."""
    loaded: dict[str, str] = {}
    for path in native.get("libraries") or ():
        named = _VERSIONED.search(path)
        if named is not None and len(named.group(2)) > len(loaded.get(named.group(1), "")):
            loaded[named.group(1)] = named.group(2)
    found = {}
    for part, (library, distribution, of_conda) in _PARTS.items():
        if library in loaded:
            told = loaded[library]
            known = _installed(packages, distribution, of_conda)
            found[part] = next((version for version in known if f"{version}.".startswith(f"{told}.")), told)
    driver = _DRIVER.search(str(host.get("gpu_driver") or ""))
    if "." in loaded.get("cuda", ""):
        found["driver"] = loaded["cuda"]
    elif driver is not None and (found or "cuda" in loaded):
        found["driver"] = driver.group(1)
    return found


def computing(native: Mapping[str, Any]) -> list[str]:
    """Return the file names of the libraries that compute: BLAS, OpenMP, those of GPUs; sorted."""
    paths = (str(path) for path in native.get("libraries") or ())
    return sorted({path.rpartition("/")[2] for path in paths if _COMPUTING.search(path)})


def _installed(packages: Mapping[str, Any], distribution: str, of_conda: str) -> Iterator[str]:
    """Yield the versions of a distribution, of whatever CUDA, and of conda's package."""
    for name, version in (packages.get("packages") or {}).items():
        if distribution and re.fullmatch(rf"{distribution}(?:-cu[0-9]+)?", name):
            yield str(version)
    version = (packages.get("conda") or {}).get(of_conda)
    if version:
        yield str(version)
