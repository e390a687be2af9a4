"""What `ullage what-if` reads (a published version, a scenario) and prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import yaml
from rich.console import Console
from rich.table import Table

from assets.capacity.scenario_steps import ScenarioError, Step, check_steps, read_step
from assets.capacity.what_if_queries import published_queries
from assets.home import Home

if TYPE_CHECKING:
    import pandas as pd

_FILE_KEYS = ("scenario_id", "scenario_name", "description", "steps")
_STEP_KEYS = tuple(Step.__dataclass_fields__)


@dataclass(frozen=True)
class Comparison:
    """One scenario beside today: rows of `fct_what_if` and `fct_what_if_pools` as Python computes them."""

    title: str
    version: str
    as_of: date
    services: pd.DataFrame
    pools: pd.DataFrame


def compare_published(
    home: Home, seed: int, scenario: str | None, file: Path | None, inline: Sequence[Mapping[str, Any]]
) -> Comparison:
    """Compute a scenario of the record, of a file, of options, or all three in that order, on the served version.

    Raises FileNotFoundError when nothing is served, ScenarioError when the scenario cannot be followed.
    """
    from assets.capacity.today import read_today
    from assets.capacity.whatif import compare, project

    folder = home.current.resolve()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    as_of = date.fromisoformat(manifest["as_of_date"])
    with duckdb.connect(str(folder / "ullage.duckdb"), read_only=True) as connection:
        frames = {name: connection.execute(sql).df() for name, sql in published_queries(as_of).items()}
    title, records = _of_record(frames["scenarios"], scenario) if scenario else ("", [])
    if file is not None:
        title, more = _of_file(file)
        records += more
    records += inline
    if not records:
        known = ", ".join(frames["scenarios"]["scenario_id"].unique())
        raise ScenarioError(f"no steps; fix: give --scenario (known: {known or 'none'}), --file or options")
    steps = [read_step({**record, "step": number}) for number, record in enumerate(records, 1)]
    today = read_today(frames, as_of)
    check_steps(steps, today.known)
    base = project(today, (), seed)
    services, pools = compare(today, base, project(today, steps, seed, base), scenario or "options")
    return Comparison(title or "Options", manifest["version"], as_of, services, pools)


def _of_record(scenarios: pd.DataFrame, scenario: str) -> tuple[str, list[Mapping[str, Any]]]:
    known = sorted(scenarios["scenario_id"].unique())
    if scenario not in known:
        near = get_close_matches(scenario, known, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"
        raise ScenarioError(f"no scenario '{scenario}'; {hint}")
    rows = scenarios[scenarios["scenario_id"] == scenario].sort_values("step").to_dict("records")
    return str(rows[0]["scenario_name"]), [{str(k): v for k, v in row.items()} for row in rows]


def _of_file(file: Path) -> tuple[str, list[Mapping[str, Any]]]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(f"{file}: cannot be read ({error})") from None
    steps = content.get("steps") if isinstance(content, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ScenarioError(
            f"{file}: no list of steps; fix: write 'steps:' and a list of entries with an action"
        )
    for keys, allowed in [(content, _FILE_KEYS), *((step, _STEP_KEYS) for step in steps)]:
        for key in keys:
            if key not in allowed:
                near = get_close_matches(str(key), allowed, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(allowed)}"
                raise ScenarioError(f"{file}: unknown key '{key}'; {hint}")
    return str(content.get("scenario_name") or file.stem), steps


def inline_steps(options: Mapping[str, Sequence[str]], from_date: str | None) -> list[dict[str, Any]]:
    """Steps of command-line options: action → texts such as `shop=1.3`, `ams`, `shop/app=2`.

    Raises ScenarioError for a text without the parts that its action needs.
    """
    steps: list[dict[str, Any]] = []
    for action, texts in options.items():
        for text in texts:
            steps.append({"action": action, **_READ[action](text)})
    return [step | ({"from_date": from_date} if from_date else {}) for step in steps]


def _split(text: str, mark: str, what: str) -> tuple[str, str]:
    left, found, right = text.partition(mark)
    if not (left and found and right):
        raise ScenarioError(f"'{text}' is not {what}")
    return left, right


def _scale(text: str) -> dict[str, Any]:
    service, factor = _split(text, "=", "SERVICE=FACTOR, such as web-shop=1.3 (all=1.3 for every service)")
    return {"service_id": None if service == "all" else service, "factor": factor}


def _add(text: str) -> dict[str, Any]:
    group, count = _split(text, "=", "SERVICE/GROUP=NUMBER, such as web-shop/app=2")
    return {**_group(group), "count": count}


def _group(text: str) -> dict[str, Any]:
    service, group = _split(text, "/", "SERVICE/GROUP, such as web-shop/app")
    return {"service_id": service, "redundancy_group": group}


def _resize(text: str) -> dict[str, Any]:
    target, size = _split(text, "=", "CI/RESOURCE=LIMIT or CI/RESOURCE=2x")
    ci, resource = _split(target, "/", "CI/RESOURCE=LIMIT or CI/RESOURCE=2x")
    is_factor = size.endswith("x")
    return {
        "ci_id": ci,
        "resource": resource,
        "factor" if is_factor else "limit_value": size.removesuffix("x"),
    }


def _move(text: str) -> dict[str, Any]:
    ci, group = _split(text, "=", "CI=SERVICE/GROUP, such as host-7=web-shop/app")
    return {"ci_id": ci, **_group(group)}


def _delay(text: str) -> dict[str, Any]:
    purchase, days = _split(text, "=", "PURCHASE=DAYS, such as PO-4100=30")
    return {"purchase_id": purchase, "days": days}


_READ = {
    "scale_demand": _scale,
    "retire_service": lambda text: {"service_id": text},
    "lose_site": lambda text: {"site": text},
    "lose_ci": lambda text: {"ci_id": text},
    "move_ci": _move,
    "add_nodes": _add,
    "resize": _resize,
    "delay_purchase": _delay,
}


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Plain values, ready for JSON: every service, and the pools that differ."""
    return {
        "scenario": comparison.title,
        "version": comparison.version,
        "as_of": comparison.as_of.isoformat(),
        "services": [_record(row, _SERVICE_FACTS) for row in comparison.services.to_dict("records")],
        "pools": [_record(row, _POOL_FACTS) for row in comparison.pools.to_dict("records")],
    }


_DATES = ("p10_date", "p50_date", "p90_date")
_SIDE = ("headroom_ratio", *_DATES, "probability_within_horizon", "probability_within_lead_time")
_SERVICE_FACTS = ("service_id", "is_retired", "changed_pool_count", "lost_pool_count", "currency", "notes")
_POOL_FACTS = ("pool_id", "service_id", "resource", "unit", "is_lost", "notes")
_SERVICE_SIDE = (*_SIDE, "bottleneck_pool_id", "monthly_cost", "horizon_cost")
_POOL_SIDE = (*_SIDE, "member_count", "demand_value", "usable_value")


def _record(row: Mapping[Any, Any], facts: Sequence[str]) -> dict[str, Any]:
    side = _SERVICE_SIDE if "is_retired" in facts else _POOL_SIDE
    found = {name: _plain(row[name]) for name in facts}
    for label in ("today", "scenario"):
        found[label] = {name: _plain(row[f"{label}_{name}"]) for name in side}
    return found


def _plain(value: Any) -> Any:
    import numpy as np
    import pandas as pd

    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value.isoformat() if isinstance(value, date) else value


def show(comparison: Comparison, output: Console) -> None:
    """Print the services that the scenario touches, today and then, and what it costs in all."""
    services = comparison.services
    money = services["today_monthly_cost"].notna().any()
    table = Table(
        title=f"{comparison.title}, as of {comparison.as_of}: today → scenario",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("Service", "Headroom", "Bottleneck", "Runs out (p50)", "Within lead time", "Cost a month"):
        table.add_column(name, justify="right" if name in {"Headroom", "Within lead time"} else "left")
    differs = (services["changed_pool_count"] > 0) | services["is_retired"].astype(bool)
    differs |= (services["scenario_horizon_cost"] - services["today_horizon_cost"]).abs() > 0.005
    for _, row in services[differs].sort_index().iterrows():
        table.add_row(
            str(row["service_id"]),
            _pair(_ratio(row["today_headroom_ratio"]), _headroom(row)),
            _pair(_text(row["today_bottleneck_pool_id"]), _text(row["scenario_bottleneck_pool_id"])),
            _pair(_when(row, "today"), "retired" if row["is_retired"] else _when(row, "scenario")),
            _pair(
                _ratio(row["today_probability_within_lead_time"]),
                _ratio(row["scenario_probability_within_lead_time"]),
            ),
            _pair(_money(row["today_monthly_cost"]), _money(row["scenario_monthly_cost"])),
        )
    output.print(table)
    output.print(f"{int((~differs).sum())} services stay as they are")
    if money:
        currency = next((text for text in services["currency"] if isinstance(text, str)), "")
        for label, name in (("a month", "monthly_cost"), ("over the forecast horizon", "horizon_cost")):
            before, then = services[f"today_{name}"].sum(), services[f"scenario_{name}"].sum()
            output.print(
                f"Cost {label}: {before:,.2f} → {then:,.2f} {currency} ({then - before:+,.2f})",
                highlight=False,
            )
    for note in sorted({text for text in services["notes"][differs] if text}):
        output.print(note, markup=False, highlight=False)


def _headroom(row: Any) -> str:
    if row["is_retired"]:
        return "–"
    return "none left" if row["lost_pool_count"] > 0 else _ratio(row["scenario_headroom_ratio"])


def _when(row: Any, side: str) -> str:
    at, probability = row[f"{side}_p50_date"], row[f"{side}_probability_within_horizon"]
    if _plain(at) is not None:
        return str(at)
    return "–" if _plain(probability) is None else "not in sight"


def _pair(before: str, then: str) -> str:
    return before if before == then else f"{before} → {then}"


def _ratio(value: Any) -> str:
    return "–" if _plain(value) is None else f"{value:.0%}"


def _money(value: Any) -> str:
    return "–" if _plain(value) is None else f"{value:,.0f}"


def _text(value: Any) -> str:
    return "–" if _plain(value) is None else str(value)
