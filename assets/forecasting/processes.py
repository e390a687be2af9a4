"""Independent forecasts side by side, one processor each: threads would wait for one another inside the trees' fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from joblib import Parallel, cpu_count, delayed  # type: ignore[import-untyped]

Result = TypeVar("Result")
#: Fewer series are forecast sooner than another process has started.
MANY_SERIES = 200


def side_by_side(
    function: Callable[..., Result], calls: Sequence[tuple[Any, ...]], series: int
) -> list[Result]:
    """`function` of each of `calls`, in their order; in processes if there are several calls of many `series`.

    Arguments and results are copied between processes; the results are the same bytes either way.
    """
    workers = min(len(calls), cpu_count())
    if workers < 2 or series < MANY_SERIES:
        return [function(*call) for call in calls]
    # Arrays are copied, not shared read-only through files.
    return list(Parallel(n_jobs=workers, max_nbytes=None)(delayed(function)(*call) for call in calls))
