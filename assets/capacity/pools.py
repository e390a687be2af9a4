"""What is left of a pool after the losses that it must survive: the rule of `macros/pools.sql` on frames."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import pandas as pd

OWN, SHARED = "own", "shared"
_SCALE = 10**15
_LARGE = 1e17


def survivors(members: pd.DataFrame) -> pd.DataFrame:
    """What each pool may use once `tolerance` members are lost; one row a pool, indexed by `pool_id`, sorted.

    `members`: `pool_id, pooling, tolerance, ci_id, demand_value, usable_value`, one row a member; the largest
    tolerance of a pool counts. Gives `pooling, member_count, usable_value, deciding` (the position in `members` of
    the member that decides: of an own pool and of a pool of one, else -1) and `deciding_ci_id`.

    A shared pool loses its largest members; it is unknown (NaN) when one usable capacity is. Of an own pool the
    worst `tolerance` members may fail, so the next one decides. At least one member is always counted.
    """
    code, names = pd.factorize(members["pool_id"].astype(object), sort=True)
    ci = pd.factorize(members["ci_id"].astype(object), sort=True)[0]
    usable = members["usable_value"].to_numpy(dtype=float)
    demand = members["demand_value"].to_numpy(dtype=float)
    size = np.bincount(code, minlength=len(names))
    lost = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(lost, code, members["tolerance"].to_numpy(dtype=np.int64))
    pooling = np.empty(len(names), dtype=object)
    pooling[code] = members["pooling"].to_numpy(dtype=object)

    headroom = 1 - demand / np.where(usable == 0, np.nan, usable)
    deciding = np.zeros(len(names), dtype=np.int64)
    chosen = _rank(code, headroom, ci) == np.minimum(lost + 1, size)[code]
    deciding[code[chosen]] = np.flatnonzero(chosen)

    is_own = pooling == OWN
    stays = _rank(code, usable, ci) <= np.maximum(size - lost, 1)[code]
    left = np.where(is_own, usable[deciding], np.nan) if len(usable) else np.zeros(0)
    has_unknown = np.bincount(code, weights=np.isnan(usable), minlength=len(names)) > 0
    kept = np.flatnonzero(stays & ~(is_own | has_unknown)[code])
    kept = kept[np.argsort(code[kept], kind="stable")]
    shared, starts = np.unique(code[kept], return_index=True)
    left[shared] = [exact_sum(values) for values in np.split(usable[kept], starts[1:])] if len(shared) else []
    decided = is_own | (size == 1)
    ci_ids = np.full(len(names), None, dtype=object)
    ci_ids[decided] = members["ci_id"].to_numpy(dtype=object)[deciding[decided]]
    return pd.DataFrame(
        {
            "pooling": pooling,
            "member_count": size,
            "usable_value": left,
            "deciding": np.where(decided, deciding, -1),
            "deciding_ci_id": pd.Series(ci_ids, index=names, dtype=object),
        },
        index=pd.Index(names, name="pool_id"),
    )


def exact_sum(values: Iterable[float]) -> float:
    """Sum as the models' `exact_sum`: in decimals of 15 digits after the point, whatever the order. NaN is left out."""
    known = [float(value) for value in values if value == value]
    if not known:
        return float("nan")
    if max(abs(value) for value in known) >= _LARGE:
        return float(np.sum(known))
    return sum(int((Decimal(repr(value)) * _SCALE).to_integral_value()) for value in known) / _SCALE


def _rank(pool: np.ndarray, value: np.ndarray, ci: np.ndarray) -> np.ndarray:
    """1 for the smallest value of its pool, unknown ones last, equals by CI."""
    order = np.lexsort((ci, value, pool))  # NaN sorts last
    sorted_pool = pool[order]
    first = np.searchsorted(sorted_pool, sorted_pool, side="left")
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order)) - first + 1
    return ranks
