"""Train the prior anew: `python -m assets.forecasting.pretrain`, about half an hour of CPU.

The same libraries give the same bytes. Writes the trees and their model card into `assets/forecasting/pretrained/`.
To be run after any change of the cheap forecasts or features: the trees read them, and no longer know what they mean.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from assets.forecasting.behaviour import behaviour_names
from assets.forecasting.corpus import made_up
from assets.forecasting.frames import FloatArray, IntArray
from assets.forecasting.governance import LIBRARIES, artefact_of_ensembles
from assets.forecasting.learner import LARGE_ORIGINS, ORIGINS, choose_origins
from assets.forecasting.mixture import feature_names, views
from assets.forecasting.prior import ARTEFACT, CARD, FOLDER, PERIODS, spread_out, tree_answer
from assets.forecasting.quantiles import LEVELS, pinball
from assets.processes import side_by_side

SEED, TEST_SEED, SPREAD_SEED = 1, 2, 3
BATCHES, TEST_BATCHES = 2000, 60
HORIZON, BATCH_SERIES, STEPS, VIEWS = 48, 40, 5, 3
#: Hours of history.
WIDTHS = (96, 144, 168, 192, 216, 240, 288, 336, 336, 400, 504, 600, 720, 1000, 1400)
#: Weight of a row: one over the loss of the mixture on its window and this, for what counts is the mean logarithm.
LOSS_FLOOR = 0.4
_CLIP = 50.0
#: Fewer are done before another process has started.
FEW_BATCHES, FEW_ROWS = 10, 20_000
PARAMETERS = {
    "loss": "quantile",
    "max_iter": 240,
    "learning_rate": 0.12,
    "max_leaf_nodes": 63,
    "min_samples_leaf": 100,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": SEED,
}


@dataclass(frozen=True)
class Lessons:
    """Rows to learn from: `features` [row, feature], what came (`error`) and the `mixture` [row, level], in units of
    the scale, the mixture's `loss` on the window, and the number of the `series`."""

    features: np.ndarray
    error: FloatArray
    mixture: FloatArray
    loss: FloatArray
    series: IntArray


def lessons(seed: int, batches: int) -> Lessons:
    """Rows of a corpus: a few steps ahead of each series from a few ends of its history."""
    made = side_by_side(_batch, [(seed, number) for number in range(batches)], is_small=batches < FEW_BATCHES)
    columns = zip(*(part for parts in made for part in parts), strict=True)
    features, error, mixture, loss, series = (np.concatenate(column) for column in columns)
    return Lessons(features.astype(np.float32), error, mixture, loss, series)


def _batch(seed: int, number: int) -> list[tuple[np.ndarray, ...]]:
    random = np.random.default_rng([seed, number, 1])
    width = int(random.choice(WIDTHS) + random.integers(PERIODS[0]))
    values, week_phase = made_up(seed, number, BATCH_SERIES, width + HORIZON)
    most = ORIGINS if random.random() < 0.75 else LARGE_ORIGINS
    origins = [*choose_origins(width, PERIODS, HORIZON, most), width]
    seen = views(values, origins, PERIODS, HORIZON, week_phase, with_behaviour=True)
    earlier = random.choice(len(seen) - 1, min(VIEWS - 1, len(seen) - 1), replace=False)
    parts: list[tuple[np.ndarray, ...]] = []
    for view in (seen[-1], *(seen[place] for place in earlier)):
        known = np.isfinite(view.truth) & view.is_ready[:, None]
        for series in np.flatnonzero(known.sum(axis=1) >= 2 * STEPS):
            steps = np.flatnonzero(known[series])
            error = (view.truth[series] - view.reference[series]) / view.scale[series]
            loss = pinball(view.mixture[series, steps], error[steps], LEVELS).mean()
            chosen = np.sort(random.choice(steps, STEPS, replace=False))
            rows = np.hstack([view.features[series, chosen], view.behaviour[series, chosen]])
            one = np.ones(STEPS)
            same = (number * BATCH_SERIES + series) * one.astype(np.int64)
            parts.append((rows, error[chosen], view.mixture[series, chosen], loss * one, same))
    return parts


def train(rows: Lessons) -> list[HistGradientBoostingRegressor]:
    """One ensemble a level of `LEVELS`."""
    return side_by_side(_fitted, [(rows, level) for level in LEVELS], is_small=len(rows.error) < FEW_ROWS)


def _fitted(rows: Lessons, level: float) -> HistGradientBoostingRegressor:
    weight = 1 / (rows.loss + LOSS_FLOOR)
    target = np.clip(rows.error, -_CLIP, _CLIP)
    with threadpool_limits(1):
        return HistGradientBoostingRegressor(quantile=level, **PARAMETERS).fit(
            rows.features, target, sample_weight=weight / weight.mean()
        )


def spread_of(answer: FloatArray, error: FloatArray) -> list[float]:
    """How many times as far from the median each level has to lie so that its share of the truth lies below it.

    Trees that fit closely lie too close together on series that they have not seen. After split conformal prediction.
    """
    middle = LEVELS.index(0.5)
    spread = []
    for number, level in enumerate(LEVELS):
        apart = answer[:, number] - answer[:, middle]
        told = apart != 0
        away = (error - answer[:, middle])[told] / apart[told]
        part = level if level > LEVELS[middle] else 1 - level
        spread.append(1.0 if number == middle else round(float(np.quantile(away, part)), 4))
    return spread


def judge(answer: FloatArray, rows: Lessons) -> dict[str, float]:
    """How answers did on series not seen: loss beside the mixture's (geometric mean), coverage."""
    number = np.unique(rows.series, return_inverse=True)[1]
    own, mixture = (np.bincount(number, pinball(a, rows.error, LEVELS)) for a in (answer, rows.mixture))
    solid = (own > 0) & (mixture > 0)
    inside = (rows.error >= answer[:, 0]) & (rows.error <= answer[:, -1])
    return {
        "loss_beside_mixture": round(float(np.exp(np.log(own[solid] / mixture[solid]).mean())), 4),
        "coverage_80_ratio": round(float(inside.mean()), 4),
        "series": len(own),
    }


def main() -> None:
    """Make the corpus, train, judge on another corpus, write."""
    with threadpool_limits(1):
        rows = lessons(SEED, BATCHES)
        print(f"{len(rows.error)} rows of {len(np.unique(rows.series))} series", file=sys.stderr, flush=True)
        ensembles = train(rows)
        apart, unseen = lessons(SPREAD_SEED, TEST_BATCHES), lessons(TEST_SEED, TEST_BATCHES)
        spread = spread_of(tree_answer(ensembles, apart.features), apart.error)
        judged = judge(spread_out(tree_answer(ensembles, unseen.features), spread), unseen)
    artefact = artefact_of_ensembles(ensembles)
    card = {
        "what": "quantile trees for small panels of hourly series, trained on a made-up corpus alone",
        "command": "python -m assets.forecasting.pretrain",
        "corpus": {
            "seed": SEED,
            "batches": BATCHES,
            "series": len(np.unique(rows.series)),
            "rows": len(rows.error),
            "history_hours": sorted(set(WIDTHS)),
            "horizon": HORIZON,
        },
        "parameters": PARAMETERS,
        "levels": list(LEVELS),
        "spread": {"corpus_seed": SPREAD_SEED, "factors": spread},
        "loss_floor": LOSS_FLOOR,
        "features": [*feature_names(PERIODS), *behaviour_names(PERIODS)],
        "versions": {name: version(name) for name in LIBRARIES},
        "judged_on_another_corpus": {"seed": TEST_SEED, **judged},
        "artefact_sha256": hashlib.sha256(artefact).hexdigest(),
    }
    FOLDER.mkdir(exist_ok=True)
    ARTEFACT.write_bytes(artefact)
    CARD.write_text(json.dumps(card, indent=1) + "\n")
    print(json.dumps(judged))


if __name__ == "__main__":
    main()
