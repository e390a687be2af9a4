"""Verdicts on sizes that have been back-tested, and the reasons for them in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Flags = npt.NDArray[np.bool_]

#: Fewer tested weeks prove nothing: nothing is proposed.
MIN_TESTED_WEEKS = 8
_COLUMNS = [
    "ci_id", "as_of_date", "ladder_id", "present_size", "proposed_size", "direction", "verdict", "deciding_resource",
    "required_value", "size_limit_value", "growth_ratio", "present_monthly_cost", "proposed_monthly_cost", "currency",
    "tested_weeks", "breached_weeks", "breach_ratio", "breach_low_ratio", "breach_high_ratio", "present_breached_weeks",
    "rejected_sizes", "reason",
]  # fmt: skip
_Pair = Mapping[Any, Any]


@dataclass(frozen=True)
class Judged:
    """Candidates of some CIs. `pairs` has one row a CI and size in the order in which sizes are tried (CI,
    cost, name), `rows` one a pair and resource, sorted by pair; `crossed` and `tested` say in which weeks a
    row's size was crossed, and which were measured: shape (rows, weeks).
    """

    pairs: pd.DataFrame
    rows: pd.DataFrame
    crossed: Flags
    tested: Flags


def proposals(judged: Judged, as_of: date) -> pd.DataFrame:
    """A row a CI: what is proposed, or why nothing is."""
    reasons = rejections(judged, as_of)
    known: dict[Any, dict[str, Any]] = {}
    for pair in judged.pairs.reset_index().to_dict("records"):
        ci = known.setdefault(pair["ci_id"], {"ladder_id": pair["ladder_id"], "rejected": []})
        if pair["is_present"]:
            ci["present"] = pair
        if pair["is_proposed"]:
            ci["proposed"] = pair
        elif pair["is_tried"]:
            ci["rejected"].append(reasons[pair["pair"]])
    records = [
        {"ci_id": ci_id, "as_of_date": as_of, "ladder_id": ci["ladder_id"]}
        | _verdict(ci.get("present"), ci.get("proposed"), ci["rejected"])
        for ci_id, ci in known.items()
    ]
    return pd.DataFrame(records, columns=_COLUMNS)


def rejections(judged: Judged, as_of: date) -> dict[Any, str]:
    """Why each tried size was rejected, by pair."""
    tried = judged.pairs.index[judged.pairs["is_tried"] & ~judged.pairs["is_proposed"]]
    positions = np.flatnonzero(judged.rows["pair"].isin(tried))
    found: dict[Any, str] = {}
    for position, row in zip(positions, judged.rows.iloc[positions].to_dict("records"), strict=True):
        reason = _rejection(row, judged.crossed[position], judged.tested[position], as_of)
        if reason is not None:
            found.setdefault(row["pair"], f"{row['size_name']}: {reason}")
    return found


def _rejection(row: Mapping[Any, Any], crossed: Flags, tested: Flags, as_of: date) -> str | None:
    resource = row["resource"]
    weeks = np.flatnonzero(crossed)
    if len(weeks):
        ended = as_of - timedelta(days=7 * (len(crossed) - 1 - int(weeks[-1])))
        return f"{resource} crossed in {len(weeks)} of {int(tested.sum())} weeks, last in that to {ended}"
    if row["expected"] > row["limit_value"]:
        return f"{resource} will need {row['expected'] / row['limit_value']:.0%} of it within a quarter"
    if not row["holds_growth"]:
        return f"the highest need of {resource} leaves less above it than a week's usual scatter"
    return None


def _verdict(present: _Pair | None, proposed: _Pair | None, rejected: list[str]) -> dict[str, Any]:
    known: dict[str, Any] = {"direction": "keep", "rejected_sizes": len(rejected)}
    if present is None:
        return known | {"verdict": "not_assessed", "reason": "its size is not known"}
    known |= _figures(present, proposed or present)
    if not present["is_assessed"]:
        return known | {"verdict": "not_assessed", "reason": _why_not(present)}
    shortage = [_shortage(present)] if present["is_short"] else []
    if proposed is None:
        if shortage:
            reason = "; ".join([*shortage, *rejected, "no larger size holds"])
            return known | {"direction": "up", "verdict": "no_size_fits", "reason": reason}
        fallback = ["no smaller size holds the need of the last 28 days"]
        return known | {"verdict": "keep", "reason": "; ".join(rejected or fallback)}
    held = f"crossed in no week of {proposed['tested_weeks']}"
    told = f"{proposed['resource']} needs {_share(proposed)} of {proposed['size_name']}, {held}"
    return known | {
        "direction": "up" if shortage else "down",
        "verdict": "proposed",
        "proposed_size": proposed["size_name"],
        "proposed_monthly_cost": proposed["monthly_cost"],
        "reason": "; ".join([*shortage, told, *rejected]),
    }


def _figures(present: _Pair, shown: _Pair) -> dict[str, Any]:
    tested = shown["tested_weeks"]
    return {
        "present_size": present["size_name"],
        "present_monthly_cost": present["monthly_cost"],
        "currency": present["currency"],
        "tested_weeks": tested,
        "breached_weeks": shown["breached_weeks"],
        "breach_ratio": shown["breached_weeks"] / tested if tested else None,
        "breach_low_ratio": shown["breach_low"],
        "breach_high_ratio": shown["breach_high"],
        "present_breached_weeks": present["breached_weeks"],
        "deciding_resource": shown["resource"],
        "required_value": shown["grown"],
        "size_limit_value": shown["limit_value"],
        "growth_ratio": shown["growth_ratio"],
    }


def _share(pair: _Pair) -> str:
    return f"{pair['grown'] / pair['limit_value']:.0%}"


def _why_not(present: _Pair) -> str:
    if not present["agrees_with_limits"]:
        return f"its recorded limits are not those of {present['size_name']}"
    if present["tested_weeks"] < MIN_TESTED_WEEKS:
        return f"{present['tested_weeks']} weeks to test on; at least {MIN_TESTED_WEEKS} are needed"
    return "what it needs is not known: too few measured days"


def _shortage(present: _Pair) -> str:
    resource, size, share = present["resource"], present["size_name"], _share(present)
    if not present["holds_need"]:
        text = f"{resource} needs {share} of {size}"
    elif not present["holds_growth"]:
        text = f"{resource} will need {share} of {size} before its size can be changed"
    else:
        text = f"{size} was crossed in {present['breached_weeks']} of {present['tested_weeks']} weeks"
    cut = present["cut_days"]
    return f"{text}; demand was cut off on {cut} of 28 days and may be higher" if cut else text
