"""Memory that is free goes back to the system, so that a process weighs what it holds and not what it once held."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import pyarrow as pa


def give_back() -> None:
    """Return what the allocators keep for later. Takes about a millisecond. Only glibc is told to."""
    pa.default_memory_pool().release_unused()
    trim = _trim()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def _trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
