"""Memory of this process. Source: malloc_trim(3)."""

import ctypes
import sys


def give_back_memory() -> None:
    """Let the C library return freed memory to the system, where it can (malloc_trim(3))."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is not None and hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
