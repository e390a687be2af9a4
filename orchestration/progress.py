"""Shows a run on the terminal: one line a step, with what the step said and how long it took."""

import logging
import re
import sys

import dagster as dg
from rich.console import Console

from assets.capacity.analyses import ANALYSES

PROGRESS = "progress"
# What Dagster and dagster-dbt say of themselves: the failed step has said it already.
ENGINE_CHATTER = (
    "Dependencies for step",
    "Finished dbt command",
    "Running dbt command",
    "A dbt subsetted execution",
)
WORDS = {
    "landing_schema": "Load landed rows into the warehouse",
    "models": "Build and test models (dbt)",
    "forecast_replays": "Forecast earlier days again where none were published",
    "models_of_track_record": "Score earlier forecasts (dbt)",
    "models_after_forecast": "Build and test models on forecasts (dbt)",
    "forecasts": "Forecast demand and saturation",
    "published_version": "Audit and publish",
    "service_report": "Render the report",
    **{analysis.name: analysis.title for analysis in ANALYSES},
}
CHECK_WORDS = {
    "landed_rows_are_read": "Reconcile rows read with receipts",
    "newest_day_is_fresh": "Check the age of the newest day",
    "samples_reach_the_mart": "Reconcile landed samples with the mart",
}


def step_words(step_key: str) -> str:
    """A step's name in plain words."""
    if step_key in WORDS:
        return WORDS[step_key]
    for check, words in CHECK_WORDS.items():
        if step_key.endswith(check):
            return words
    if "__" in step_key:
        source, table = step_key.split("__", 1)
        return f"Extract {table} from {source}"
    return step_key.replace("_", " ").capitalize()


class ProgressHandler(logging.Handler):
    """Turns Dagster's events into lines on a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self.said: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Print the end of a step; keep its own messages for that line; print warnings and errors at once."""
        meta = getattr(record, "dagster_meta", None) or {}
        event, step = meta.get("dagster_event"), meta.get("step_key") or ""
        if event is None:
            message = meta.get("orig_message") or record.getMessage()
            if message.startswith(ENGINE_CHATTER):
                return
            if record.levelno >= logging.WARNING:
                self.console.print(f"  [yellow]![/yellow] {step_words(step)}: ", end="")
                self.console.print(message, markup=False, highlight=False)
            else:
                self.said[step] = message
            return
        kind = event.event_type_value
        if kind == "STEP_SUCCESS":
            seconds = event.step_success_data.duration_ms / 1000
            said = self.said.pop(step, "")
            self.console.print(f"  [green]✓[/green] {step_words(step)} [dim]{seconds:.1f} s[/dim] ", end="")
            self.console.print(said, markup=False, highlight=False)
        elif kind == "STEP_FAILURE":
            self.console.print(f"  [red]✗[/red] {step_words(step)}: ", end="")
            self.console.print(_reason(event.step_failure_data.error), markup=False, highlight=False)
        elif kind == "STEP_UP_FOR_RETRY":
            self.console.print(f"  [yellow]↻[/yellow] {step_words(step)}: trying again")


def _reason(error: object) -> str:
    """The innermost message of a failure, without the stack."""
    cause = getattr(error, "cause", None)
    while cause is not None and getattr(cause, "cause", None) is not None:
        cause = cause.cause
    message = str(getattr(cause or error, "message", None) or "failed").strip()
    # Dagster puts the class of an error before its words; the words are for people.
    return re.sub(r"^[A-Za-z_]+(\.[A-Za-z_]+)+: ", "", message)


@dg.logger({}, description="One line a step on the terminal.")
def progress_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """The logger of `ullage run` and `ullage demo`."""
    logger = logging.Logger(PROGRESS)
    logger.addHandler(ProgressHandler(Console(file=sys.stderr)))
    return logger
