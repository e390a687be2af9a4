"""The prior: quantile trees trained on a made-up corpus, for panels too small to teach much.

They read what `mixture.View` holds of a series and answer where the truth lies around its reference, in units of its
scale, as the trees of a set do; but they have seen tens of thousands of series. `pretrain` makes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from assets.forecasting.frames import FloatArray
from assets.forecasting.quantiles import LEVELS

#: What the trees are for: series of hours, with a day and a week as seasons.
PERIODS = (24, 168)
#: Larger panels teach enough themselves.
MOST_SERIES = 300
FOLDER = Path(__file__).with_name("pretrained")
ARTEFACT, CARD = FOLDER / "trees.skops", FOLDER / "card.json"


class PriorError(RuntimeError):
    """The artefact is not the one that its card names."""


@cache
def ensembles() -> tuple[Any, ...]:
    """The trained trees, one ensemble a level. Raises PriorError when they are not what the card says."""
    from assets.forecasting.governance import load_artefact

    content = ARTEFACT.read_bytes()
    if hashlib.sha256(content).hexdigest() != card()["artefact_sha256"]:
        raise PriorError(
            f"{ARTEFACT.name} is not the artefact that {CARD.name} names: take both from one version, or train"
            " again with python -m assets.forecasting.pretrain"
        )
    return tuple(load_artefact(content)["ensembles"])


@cache
def card() -> dict[str, Any]:
    """The model card of the prior."""
    return dict(json.loads(CARD.read_text()))


def prior_serves(periods: tuple[int, ...], count: int) -> bool:
    """Whether a panel of `count` series with these seasons is one that the prior knows and that needs it."""
    return periods == PERIODS and count <= MOST_SERIES


def prior_answer(features: np.ndarray, behaviour: np.ndarray) -> FloatArray:
    """Quantiles [row, level] relative to the reference in units of the scale, from the features of each row."""
    if not len(features):
        return np.zeros((0, len(LEVELS)))
    rows = np.concatenate([features, behaviour], axis=1)
    return spread_out(tree_answer(ensembles(), rows), card()["spread"]["factors"])


def tree_answer(trained: Sequence[Any], rows: np.ndarray) -> FloatArray:
    """Quantiles [row, level] as the trees say them, one ensemble a level."""
    return np.sort(np.column_stack([trees.predict(rows) for trees in trained]), axis=1)


def spread_out(answer: FloatArray, factors: Sequence[float]) -> FloatArray:
    """Quantiles [row, level], each this many times as far from the median; increasing ones stay so."""
    middle = answer[:, [LEVELS.index(0.5)]]
    return np.sort(middle + np.asarray(factors) * (answer - middle), axis=1)
