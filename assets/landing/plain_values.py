"""Values of a database's driver as plain JSON, and back again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

#: Kinds of values whose text gives the value back, with how to read it.
_READERS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "Decimal": Decimal,
    "UUID": UUID,
    "float": float.fromhex,
    "bytes": bytes.fromhex,
}


def plain(value: Any) -> Any:
    """The value as JSON has it. Raises TypeError for a kind that could not be read back."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    kind = type(value).__name__
    if kind not in _READERS:
        raise TypeError(f"a {kind} has no text that gives it back")
    return {kind: _text(value)}


def value_of(found: Any) -> Any:
    """The value that `plain` was given."""
    if not isinstance(found, dict):
        return found
    ((kind, text),) = found.items()
    return _READERS[kind](text)


def _text(value: Any) -> str:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (float, bytes)):
        return value.hex()
    return str(value)
