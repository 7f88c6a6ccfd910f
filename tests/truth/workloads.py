"""All workloads by name."""

from tests.truth import workloads_files, workloads_processes
from tests.truth.workload import REGISTERED, Workload

__all__ = ["WORKLOADS", "Workload", "workloads_files", "workloads_processes"]

WORKLOADS: dict[str, Workload] = {
    name: REGISTERED[name] for name in sorted(REGISTERED, key=lambda name: (not REGISTERED[name].easy, name))
}
"""The easy ones first; importing the two modules registers them."""
