"""The command line: `ullage demo`, `ullage run`, `ullage doctor`, `ullage usl`, `ullage forecast`, `ullage what-if`,
`ullage openslo`, `ullage record`, `ullage replay`.

Exit codes: 0 done, 1 the run or a check failed, 2 the command or the configuration is wrong.
Results go to standard output, progress and messages to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

# Before anything imports dagster, dbt or Great Expectations.
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

FAILED = 1
WRONG = 2
DEFAULT_CONFIG = Path("ullage.yaml")
DEMO_CONFIG = Path(__file__).resolve().parent.parent / "examples" / "demo" / "ullage.yaml"

app = typer.Typer(
    name="ullage",
    help="How much room each IT service has left, when it runs out, how sure we are, and where figures come from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
messages = Console(stderr=True)
output = Console(soft_wrap=False)

ConfigOption = Annotated[Path, typer.Option("--config", help="The estate's configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is no date; fix: write it as 2026-06-30", param_hint=option
        ) from None


@app.command()
def run(
    as_of: Annotated[str, typer.Option("--as-of", help="The last day to include (UTC), such as 2026-06-30.")],
    config: ConfigOption = DEFAULT_CONFIG,
    first: Annotated[
        str | None, typer.Option("--from", help="First day to extract; default: only --as-of.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the pipeline for one day or a range of days, and publish."""
    last_day = _day(as_of, "--as-of")
    first_day = _day(first, "--from") if first else None
    if first_day and first_day > last_day:
        raise typer.BadParameter(
            f"{first_day} is after --as-of {last_day}; fix: swap them", param_hint="--from"
        )
    _run(config, first_day, last_day, as_json)


@app.command()
def demo(as_json: JsonOption = False, config: ConfigOption = DEMO_CONFIG) -> None:
    """Simulate an estate and run the whole pipeline on it."""
    from assets.simulation.simulate import simulate
    from orchestration.settings import SettingsError, load_settings

    try:
        settings = load_settings(config)
    except SettingsError as error:
        _stop(str(error), WRONG)
    if settings.simulation is None:
        _stop(f"{config}: simulation: this section is missing; fix: add it, or use `ullage run`", WRONG)
    messages.print(
        f"Simulating {settings.simulation.services} services over {settings.simulation.days} days …"
    )
    simulate(settings.simulation, settings.home)
    _run(config, settings.simulation.start_date, settings.simulation.end_date, as_json)


@app.command()
def doctor(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Check the configuration, every source, freshness, disk and versions."""
    from assets.clock import Clock
    from orchestration.assembly import MANIFEST
    from orchestration.doctor import examine

    findings = examine(config, MANIFEST, Clock().system_time())
    if as_json:
        sys.stdout.write(json.dumps([finding.to_dict() for finding in findings], indent=1) + "\n")
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        marks = {"ok": "[green]✓[/green]", "warn": "[yellow]![/yellow]", "fail": "[red]✗[/red]"}
        for finding in findings:
            table.add_row(marks[finding.state], finding.subject, finding.message)
        output.print(table)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(FAILED)


RecordingDay = Annotated[str, typer.Option("--as-of", help="The last day to read (UTC), such as 2026-06-30.")]
RecordingFirst = Annotated[str | None, typer.Option("--from", help="First day; default: only --as-of.")]
RecordingSource = Annotated[str | None, typer.Option("--source", help="This source alone.")]


@app.command()
def record(
    out: Annotated[Path, typer.Option("--out", help="Folder for the recordings, one file a source.")],
    as_of: RecordingDay,
    config: ConfigOption = DEFAULT_CONFIG,
    first: RecordingFirst = None,
    source: RecordingSource = None,
    as_json: JsonOption = False,
) -> None:
    """Record what sources answer and what is in their files, without secrets; nothing lands in the estate."""
    _recording(out, config, first, as_of, source, as_json, play=False)


@app.command()
def replay(
    recordings: Annotated[Path, typer.Argument(help="Folder of recordings.")],
    as_of: RecordingDay,
    config: ConfigOption = DEFAULT_CONFIG,
    first: RecordingFirst = None,
    source: RecordingSource = None,
    as_json: JsonOption = False,
) -> None:
    """Extract again from recordings, offline; nothing lands in the estate."""
    _recording(recordings, config, first, as_of, source, as_json, play=True)


def _recording(
    folder: Path,
    config: Path,
    first: str | None,
    as_of: str,
    source: str | None,
    as_json: bool,
    *,
    play: bool,
) -> None:
    from assets.connectors.base import Window
    from orchestration.recording import extract
    from orchestration.settings import SettingsError, load_settings

    last_day = _day(as_of, "--as-of")
    first_day = _day(first, "--from") if first else last_day
    if first_day > last_day:
        raise typer.BadParameter(
            f"{first_day} is after --as-of {last_day}; fix: swap them", param_hint="--from"
        )
    try:
        settings = load_settings(config)
        found = extract(settings, config, Window(first_day, last_day), folder, play=play, source=source)
    except SettingsError as error:
        _stop(str(error), WRONG)
    except FileExistsError as error:
        _stop(f"{error.filename}: recorded already; fix: give another folder with --out", WRONG)
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    else:
        for one in found:
            rows = f"{one.rows_received:,} rows = {one.rows_landed:,} landed + {one.rows_quarantined:,} quarantined"
            told = "; ".join(filter(None, [one.error or rows, one.traffic]))
            output.print(f"{one.source}/{one.table}: {told}", soft_wrap=True)
            for note in one.notes:
                output.print(f"  {note}", soft_wrap=True)
    if any(one.error for one in found):
        raise typer.Exit(FAILED)


@app.command()
def usl(
    file: Annotated[Path, typer.Argument(help="Measured points: CSV with a header, or Parquet.")],
    load: Annotated[str, typer.Option("--load", help="Column of the load (users, nodes, requests at once).")],
    throughput: Annotated[str, typer.Option("--throughput", help="Column of the throughput.")],
    as_json: JsonOption = False,
) -> None:
    """Fit the Universal Scalability Law to load tests: where throughput peaks, and what limits it."""
    from assets.capacity.usl import UslInputError, fit_usl
    from orchestration.usl import read_points, show, to_dict

    try:
        fit = fit_usl(*read_points(file, load, throughput))
    except UslInputError as error:
        _stop(f"{file}: {error}", WRONG)
    if as_json:
        sys.stdout.write(json.dumps(to_dict(fit), indent=1) + "\n")
    else:
        show(fit, output)
    if fit.refusal is not None:
        _stop(f"{file}: no peak is told: {fit.refusal}", FAILED)


@app.command()
def forecast(
    file: Annotated[
        Path, typer.Argument(help="CSV or Parquet with unique_id, ds, y; further columns: regressors.")
    ],
    horizon: Annotated[int, typer.Option("--horizon", min=1, help="Steps ahead.")],
    out: Annotated[Path, typer.Option("--out", help="Where to write: .csv or .parquet.")],
    freq: Annotated[str, typer.Option("--freq", help="Distance of steps: D, h, or minutes such as 15min.")],
    quantiles: Annotated[
        str, typer.Option("--quantiles", help="Levels, with commas.")
    ] = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9",
    season: Annotated[
        list[int] | None, typer.Option("--season", help="Season in steps; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same bytes.")] = 0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also say which features the forecast leans on.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Forecast the series of a file: quantiles of every step, with notes on whatever made them worse."""
    from assets.forecasting.frames import ForecastInputError
    from orchestration.forecast_files import forecast_file, show

    try:
        done = forecast_file(file, horizon, freq, out, quantiles, tuple(season or ()), seed, explain)
    except ForecastInputError as error:
        _stop(str(error), WRONG)
    if as_json:
        sys.stdout.write(json.dumps(done, indent=1) + "\n")
    else:
        show(done, output)


Texts = list[str] | None


@app.command("what-if")
def what_if(
    config: ConfigOption = DEFAULT_CONFIG,
    scenario: Annotated[str | None, typer.Option(help="A scenario of the control record.")] = None,
    file: Annotated[Path | None, typer.Option(help="A scenario file (YAML): a list of steps.")] = None,
    scale_demand: Annotated[
        Texts, typer.Option(metavar="SERVICE=FACTOR", help="all=1.3: every service.")
    ] = None,
    retire_service: Annotated[Texts, typer.Option(metavar="SERVICE")] = None,
    lose_site: Annotated[Texts, typer.Option(metavar="SITE")] = None,
    lose_ci: Annotated[Texts, typer.Option(metavar="CI")] = None,
    move_ci: Annotated[Texts, typer.Option(metavar="CI=SERVICE/GROUP")] = None,
    add_nodes: Annotated[Texts, typer.Option(metavar="SERVICE/GROUP=NUMBER")] = None,
    resize: Annotated[Texts, typer.Option(metavar="CI/RESOURCE=LIMIT", help="2x: twice the limit.")] = None,
    delay_purchase: Annotated[Texts, typer.Option(metavar="PURCHASE=DAYS")] = None,
    from_date: Annotated[
        str | None, typer.Option("--from", help="Day on which the steps given as options take effect.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Headroom, saturation dates and cost under a scenario, beside today; reads the served version."""
    from assets.capacity.scenario_steps import ScenarioError
    from assets.home import Home
    from orchestration.settings import SettingsError, load_settings
    from orchestration.what_if import compare_published, inline_steps, show, to_dict

    options = {
        "scale_demand": scale_demand or [],
        "retire_service": retire_service or [],
        "lose_site": lose_site or [],
        "lose_ci": lose_ci or [],
        "move_ci": move_ci or [],
        "add_nodes": add_nodes or [],
        "resize": resize or [],
        "delay_purchase": delay_purchase or [],
    }
    first_day = _day(from_date, "--from").isoformat() if from_date else None
    try:
        settings = load_settings(config)
        inline = inline_steps(options, first_day)
        found = compare_published(Home(settings.home), settings.forecast.seed, scenario, file, inline)
    except (SettingsError, ScenarioError) as error:
        _stop(str(error), WRONG)
    except FileNotFoundError:
        _stop(f"{config}: nothing is served yet; fix: `ullage run` first", WRONG)
    if as_json:
        sys.stdout.write(json.dumps(to_dict(found), indent=1) + "\n")
    else:
        show(found, output)


openslo_app = typer.Typer(no_args_is_help=True, help="Targets as OpenSLO v1 documents, in and out.")
app.add_typer(openslo_app, name="openslo")
TargetsOut = Annotated[Path | None, typer.Option("--out", help="File to write; default: standard output.")]


@openslo_app.command("import")
def openslo_import(
    files: Annotated[
        list[Path], typer.Argument(help="OpenSLO files (YAML), SLOs and the SLIs they refer to.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="control/targets.csv: its other targets stay; default: output."),
    ] = None,
    valid_from: Annotated[str, typer.Option(help="First day, where a document names none.")] = "",
    approved_by: Annotated[str, typer.Option(help="Who approved, where a document names nobody.")] = "",
    approved_at: Annotated[str, typer.Option(help="When (UTC), such as 2026-06-30T10:00:00Z.")] = "",
) -> None:
    """Read SLOs as rows of the control record `targets`."""
    from assets.openslo import OpenSloError
    from orchestration.openslo import as_csv, imported, merged

    defaults = {"valid_from": valid_from, "approved_by": approved_by, "approved_at": approved_at}
    if valid_from:
        _day(valid_from, "--valid-from")
    try:
        found = imported(files, defaults)
        text = merged(out, found.rows) if out else as_csv(found.rows)
    except OpenSloError as error:
        _stop(str(error), WRONG)
    _write_openslo(text, out, found.notes, f"{len(found.rows)} targets")


@openslo_app.command("export")
def openslo_export(
    targets: Annotated[Path, typer.Argument(help="The control record: control/targets.csv.")],
    out: TargetsOut = None,
) -> None:
    """Write the targets of a control record as OpenSLO documents."""
    from assets.openslo import OpenSloError
    from orchestration.openslo import exported

    try:
        text, notes, count = exported(targets)
    except OpenSloError as error:
        _stop(str(error), WRONG)
    _write_openslo(text, out, notes, f"{count} SLOs")


def _write_openslo(text: str, out: Path | None, notes: tuple[str, ...], what: str) -> None:
    for note in notes:
        messages.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)
    from orchestration.openslo import replace

    if out is None:
        sys.stdout.write(text)
        return
    try:
        replace(out, text)
    except OSError as error:
        _stop(f"{out}: cannot be written ({error}); fix: choose a folder that exists", WRONG)
    messages.print(f"{what} written to {out}", markup=False, highlight=False, soft_wrap=True)


def _run(config: Path, first: date | None, as_of: date, as_json: bool) -> None:
    # Imported here: dagster and dbt take seconds that `--help` should not cost.
    from assets.home import Home
    from orchestration.progress import step_words
    from orchestration.run import run_pipeline
    from orchestration.settings import SettingsError, load_settings
    from orchestration.summary import show, summarise

    try:
        settings = load_settings(config)
    except SettingsError as error:
        _stop(str(error), WRONG)
    if as_of < settings.start_date or (first and first < settings.start_date):
        _stop(
            f"{config}: start_date is {settings.start_date}; fix: choose later days or an earlier start_date",
            WRONG,
        )
    messages.print(f"Running {settings.estate}, {f'{first} to ' if first else ''}{as_of} …")
    outcome = run_pipeline(settings, config, as_of=as_of, first=first)
    if outcome.version is not None:
        summary = summarise(Home(settings.home))
        if as_json:
            facts = {"success": outcome.success, "is_new": outcome.is_new, **summary.to_dict()}
            sys.stdout.write(json.dumps(facts, indent=1) + "\n")
        else:
            show(summary, output)
    if not outcome.success:
        served = f"Still served: {outcome.version}" if outcome.version else "Nothing is served yet"
        steps = "; ".join(step_words(step) for step in outcome.failures)
        _stop(f"The run failed: {steps}. {served}. Log: {Home(settings.home).log}", FAILED)
    if not outcome.is_new:
        messages.print("Nothing new: what was served is served.")


def _stop(message: str, code: int) -> NoReturn:
    messages.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the `ullage` command."""
    warnings.filterwarnings("ignore", module="dagster.*")
    app()


if __name__ == "__main__":
    main()
