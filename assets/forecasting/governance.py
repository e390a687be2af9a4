"""Model cards, artefacts and explanations: what a forecast was trained on, with what, and how it did.

The same training gives the same bytes: no clock, no address of memory, no path gets in.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from datetime import date
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from assets.forecasting import learner
from assets.forecasting.forecast import PRIOR, PanelForecast
from assets.forecasting.learner import Learned
from assets.forecasting.mixture import feature_names
from assets.forecasting.prior import card as prior_card
from assets.forecasting.quantiles import LEVELS

#: Series whose forecast tells what it leans on, in the card of every run: each feature is shuffled and predicted anew.
CARD_SERIES = 50
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "skops")
#: The one type of scikit-learn that skops does not know; whoever loads an artefact has to trust it by name.
TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_ADDRESS = re.compile(r"\b\d{9,}\b")


def model_card(made: PanelForecast, seed: int, artefact: bytes | None) -> dict[str, Any]:
    """What was trained on what, and how it did on held-back history; `artefact` is named by its SHA-256."""
    panel, learned = made.panel, made.learned
    names, counts = np.unique(np.array(made.models), return_counts=True)
    stamps = panel.dates(1)[:, 0] if len(panel.ids) else np.array([], dtype="datetime64[us]")
    card: dict[str, Any] = {
        "data": {
            "series": len(panel.ids),
            "values": int(np.isfinite(panel.values).sum()),
            "steps": int(panel.values.shape[1]),
            "step": str(panel.step),
            "first_forecast_at": {"earliest": str(stamps.min()), "latest": str(stamps.max())}
            if len(stamps)
            else None,
            "sha256": _data_hash(made),
        },
        "horizon": int(made.values.shape[1]),
        "quantiles": list(made.quantiles),
        "seasons": list(panel.periods),
        "seed": seed,
        "versions": {name: version(name) for name in LIBRARIES if name != "skops" or artefact is not None},
        "models": {str(name): int(count) for name, count in zip(names, counts, strict=True)},
        "training": None if learned is None else _training(learned, panel.periods),
        "prior_sha256": prior_card()["artefact_sha256"] if _leans_on_prior(made) else None,
        "artefact_sha256": hashlib.sha256(artefact).hexdigest() if artefact is not None else None,
    }
    return card


def _leans_on_prior(made: PanelForecast) -> bool:
    learned = made.learned
    return learned.calibration.prior_share > 0 if learned is not None else PRIOR in made.models


def _data_hash(made: PanelForecast) -> str:
    """SHA-256 of the ids, stamps and values that were learned from."""
    digest = hashlib.sha256("\n".join(made.panel.ids).encode())
    digest.update(made.panel.last.tobytes())
    digest.update(made.panel.values.tobytes())
    return digest.hexdigest()


def _training(learned: Learned, periods: tuple[int, ...]) -> dict[str, Any]:
    calibration = learned.calibration
    both = (calibration.errors > 0) & (calibration.naive_errors > 0)
    ratio = np.log(calibration.errors[both] / calibration.naive_errors[both])
    return {
        "method": "HistGradientBoostingRegressor, loss=quantile",
        "parameters": learned.trees.ensembles[0].get_params(),
        "levels": list(LEVELS),
        "features": feature_names(periods),
        "origins": list(learned.origins),
        "rows": learned.row_count,
        "farthest_step_taught": learned.taught,
        "backtest": {
            "held_back_origins": len(calibration.scores),
            "series_measured": int(both.sum()),
            "loss_beside_seasonal_naive": round(float(np.exp(ratio.mean())), 6) if both.any() else None,
        },
        "calibration": {
            "tree_share": round(calibration.tree_share, 6),
            "prior_share": round(calibration.prior_share, 6),
            "coverage_80_ratio": round(calibration.coverage_80_ratio, 6),
            "shift_first_step": [round(float(value), 6) for value in calibration.shift[0]],
            "shift_last_step": [round(float(value), 6) for value in calibration.shift[-1]],
            "bands_in_seasons": [1, 2, 4, 8],
            "shift_prior_windows": learner.SHIFT_PRIOR,
        },
    }


def card_row(card: dict[str, Any]) -> dict[str, Any]:
    """A card as a row of `forecast_models`, but for the as-of day; what was not learned is null."""
    training = card["training"] or {}
    calibration = training.get("calibration", {})
    return {
        "method": training.get("method"),
        "seed": card["seed"],
        "series_count": card["data"]["series"],
        "value_count": card["data"]["values"],
        "row_count": training.get("rows"),
        "feature_count": len(training["features"]) if training else None,
        "origin_count": len(training["origins"]) if training else None,
        "loss_ratio": training.get("backtest", {}).get("loss_beside_seasonal_naive"),
        "coverage_80_ratio": calibration.get("coverage_80_ratio"),
        "tree_share_ratio": calibration.get("tree_share"),
        "data_sha256": card["data"]["sha256"],
        "artefact_sha256": card["artefact_sha256"],
        "model_card": json.dumps(card, sort_keys=True),
    }


def training_tables(
    made: PanelForecast, seed: int, as_of: date
) -> tuple[dict[str, pd.DataFrame], bytes | None]:
    """`forecast_models` (one row), `forecast_importances` (none when nothing was learned), and the artefact."""
    artefact = artefact_of(made.learned) if made.learned is not None else None
    row = card_row(model_card(made, seed, artefact))
    moves = pd.DataFrame(importance(made, seed, CARD_SERIES), columns=["feature", "mean_move"])
    return {
        "forecast_models": pd.DataFrame([row]).assign(as_of_date=as_of),
        "forecast_importances": moves.assign(as_of_date=as_of),
    }, artefact


def artefact_of(learned: Learned) -> bytes:
    """The trained trees as a skops file (no pickle), the same bytes for the same model."""
    return artefact_of_ensembles(learned.trees.ensembles)


def artefact_of_ensembles(ensembles: list[Any]) -> bytes:
    """One ensemble a level of `LEVELS` as a skops file, the same bytes for the same trees.

    skops names parts by their address in memory and stamps them with the time of day: both are replaced by
    running numbers and a fixed date.
    """
    import skops.io

    raw = skops.io.dumps({"levels": list(LEVELS), "ensembles": ensembles})
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(raw)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as result,
    ):
        numbers: dict[str, str] = {}
        schema = _ADDRESS.sub(
            lambda found: numbers.setdefault(found.group(), str(len(numbers))),
            source.read("schema.json").decode(),
        )
        parts = {
            _renamed(name, numbers): source.read(name) for name in source.namelist() if name != "schema.json"
        }
        for name, content in [*sorted(parts.items()), ("schema.json", schema.encode())]:
            result.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _renamed(name: str, numbers: dict[str, str]) -> str:
    stem, dot, kind = name.partition(".")
    return numbers.setdefault(stem, str(len(numbers))) + dot + kind


def load_artefact(content: bytes) -> Any:
    """The levels and ensembles of an artefact; only types that are known to be harmless are built."""
    import skops.io

    return skops.io.loads(content, trusted=TRUSTED)


def importance(made: PanelForecast, seed: int, most_series: int = 500) -> list[dict[str, Any]]:
    """How much the forecast leans on each feature: largest first.

    Permutation at the end of history: each feature is shuffled over all rows (the same shuffle for all).
    `mean_move` is how far the learned answer then moves, in units of the error to expect of each series. It tells of
    the forecast in hand, without knowing how it will turn out. Empty when nothing was learned.
    """
    learned = made.learned
    if learned is None:
        return []
    ready = np.flatnonzero(learned.now.is_ready)
    ready = ready[:: max(1, -(-len(ready) // most_series))]
    names = feature_names(made.panel.periods)
    rows = learned.now.features[ready].reshape(-1, len(names)).astype(float)
    order = np.random.default_rng(seed).permutation(len(rows))
    found = []
    # Hundreds of small predictions: threads that meet after every tree cost more than they take off, and ten times as
    # much where other work has the processors.
    with threadpool_limits(1):
        usual = learned.trees.predict(rows)
        for position, name in enumerate(names):
            shuffled = rows.copy()
            shuffled[:, position] = rows[order, position]
            moved = float(np.abs(learned.trees.predict(shuffled) - usual).mean())
            found.append({"feature": name, "mean_move": round(moved, 6)})
    return sorted(found, key=lambda one: (-one["mean_move"], one["feature"]))
