"""The one place that starts Great Expectations: a suite on a dataframe; no files, telemetry or progress bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Only positions are asked for: listing values or a query for them costs more than the rules themselves.
RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
}


def validate(table: pd.DataFrame, name: str, expectations: Callable[[], Sequence[Any]]) -> Any:
    """Run one suite; gives Great Expectations' own result. `expectations` is called once it has been imported."""
    gx, context = _context()
    batch = context.data_sources.pandas_default.read_dataframe(table)
    suite = gx.ExpectationSuite(name=name, expectations=list(expectations()))
    try:
        return batch.validate(suite, result_format=RESULT_FORMAT)
    finally:
        # It would keep the frame until the next one comes.
        manager = batch.datasource.get_execution_engine().batch_manager
        manager.reset_batch_cache()
        manager.batch_data_cache.clear()


@lru_cache(maxsize=1)
def _context() -> tuple[Any, Any]:
    # Imported here: Great Expectations takes 4 s, which loading definitions should not pay.
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.analytics_enabled = False
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return gx, context
