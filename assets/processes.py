"""Independent work side by side, one processor each: threads would wait for one another in what is not numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from joblib import Parallel, cpu_count, delayed  # type: ignore[import-untyped]

Result = TypeVar("Result")


def side_by_side(
    function: Callable[..., Result], calls: Sequence[tuple[Any, ...]], *, is_small: bool
) -> list[Result]:
    """`function` of each of `calls`, in their order; one after the other if all of it `is_small`.

    Small is what takes less than the second or two in which processes start. Arguments and results are copied between
    processes: the results are the same bytes either way. What a call raises is raised here.
    """
    workers = min(len(calls), cpu_count())
    if is_small or workers < 2:
        return [function(*call) for call in calls]
    # Arrays are copied, not shared read-only through files.
    return list(Parallel(n_jobs=workers, max_nbytes=None)(delayed(function)(*call) for call in calls))
