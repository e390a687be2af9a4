"""The page for data engineers names every key of a sidecar and of a receipt."""

from __future__ import annotations

import re
from pathlib import Path

from assets.landing.declaration import Sidecar, ValueColumn
from assets.landing.receipts import Receipt
from assets.landing.summary import ACCEPTED, RATIO

PAGE = (Path(__file__).parents[2] / "docs" / "landing.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z_0-9]+)`", PAGE))


def test_every_key_is_documented() -> None:
    """A key that nobody can find is a key that nobody uses."""
    assert set(Sidecar.model_fields) <= NAMED
    assert set(ValueColumn.model_fields) <= NAMED
    assert set(Receipt.model_fields) <= NAMED


def test_the_blocking_checks_are_called_by_their_names() -> None:
    assert {ACCEPTED, RATIO} <= NAMED
