"""Random number generators that depend on nothing but the settings' seed and the purpose they serve."""

from __future__ import annotations

import zlib

import numpy as np


def generator(seed: int, purpose: str, *position: int) -> np.random.Generator:
    """A generator for one purpose (and, say, one week): independent of what else was drawn before."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(purpose.encode()), *position]))
