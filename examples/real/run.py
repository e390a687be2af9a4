"""Runs the pipeline on the three real estates: `make real`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from rich.console import Console

from assets.home import Home
from examples.real.prepare import OUTPUT, data_folder, prepare
from examples.real.prometheus_server import URL_VARIABLE, PrometheusServer
from orchestration.run import run_pipeline
from orchestration.settings import load_settings
from orchestration.summary import show, summarise

FOLDER = Path(__file__).resolve().parent
ESTATES = {"curc": date(2026, 8, 10), "online-boutique": date(2022, 8, 23), "servicedesk": date(2017, 2, 18)}


@contextmanager
def sources_of(estate: str, output: Path = OUTPUT) -> Iterator[None]:
    """Whatever server an estate reads from, up while the block runs."""
    if estate != "online-boutique":
        yield
        return
    with PrometheusServer(output / estate / "prometheus") as server:
        os.environ[URL_VARIABLE] = server.url
        yield


def main() -> int:
    """Prepare and run all three; exit code 1 when one fails."""
    console, messages = Console(), Console(stderr=True)
    os.environ.setdefault("ULLAGE_SAMPLE_DATA", str(data_folder()))
    for line in prepare(data_folder()):
        messages.print(line, highlight=False)
    failed = []
    for estate, as_of in ESTATES.items():
        config = FOLDER / estate / "ullage.yaml"
        messages.print(f"\nRunning {estate}, as of {as_of} …")
        with sources_of(estate):
            settings = load_settings(config)
            outcome = run_pipeline(settings, config, as_of=as_of, first=settings.start_date)
        if outcome.success:
            show(summarise(Home(settings.home)), console)
        else:
            failed.append(estate)
    if failed:
        messages.print(f"Failed: {', '.join(failed)}", style="red")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
