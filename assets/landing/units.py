"""Units of measurement in UCUM (https://ucum.org), converted by pint through ucumvert.

Curly annotations are words without meaning in UCUM: `{connection}` is 1, `{request}/s` is 1/s.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

_LONE_ANNOTATION = re.compile(r"\{[^{}]*\}")
MAX_UNIT_LENGTH = 128
#: The usual codes. They need no grammar, which takes a second to load.
_USUAL = re.compile(r"(1|%|[kMG]?By|[KMGT]iBy|bit|[mun]?s|min|h|d|\{[a-z_]+\})(/s)?")
_USUAL_MISTAKES = {
    "percent": "%", "pct": "%", "ratio": "1", "count": "1",
    "b": "By", "byte": "By", "bytes": "By", "kb": "kBy", "mb": "MBy", "gb": "GBy",
    "mib": "MiBy", "gib": "GiBy",
    "sec": "s", "second": "s", "seconds": "s", "msec": "ms", "milliseconds": "ms",
    "minutes": "min", "hours": "h", "days": "d", "bps": "bit/s", "celsius": "Cel",
}  # fmt: skip


class UnitError(ValueError):
    """A unit that is not UCUM, or two units that do not measure the same thing."""


@lru_cache(maxsize=1)
def _registry() -> Any:
    # Imported here: pint and its grammar take 0.7 s, which commands without units should not pay.
    from ucumvert import PintUcumRegistry

    return PintUcumRegistry()


@lru_cache(maxsize=4096)
def _quantity(unit: str) -> Any:
    """The pint quantity of one UCUM unit. Raises `UnitError`."""
    import pint
    from lark.exceptions import LarkError

    if not unit or len(unit) > MAX_UNIT_LENGTH:
        raise UnitError(f"{unit[:40]!r} is not a UCUM unit; fix: {_advice(unit)}")
    # An annotation that stands for a whole term is the number 1; one that follows a unit says nothing.
    plain = re.sub(r"(^|[./(])\{[^{}]*\}", r"\g<1>1", unit)
    plain = _LONE_ANNOTATION.sub("", plain)
    try:
        quantity = _registry().from_ucum(plain)
        quantity.to_root_units()
    except (LarkError, pint.PintError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise UnitError(f"{unit!r} is not a UCUM unit; fix: {_advice(unit)}") from error
    return quantity


def _advice(unit: str) -> str:
    known = _USUAL_MISTAKES.get(unit.strip().lower())
    return f"write {known}" if known else "use a UCUM code such as 1, %, By, MiBy, s, ms, By/s or {request}/s"


def check_unit(unit: str) -> None:
    """Raise `UnitError` (with the likely right code) when `unit` is not a UCUM unit."""
    if not _USUAL.fullmatch(unit):
        _quantity(unit)


def is_unit(unit: str) -> bool:
    """True when `unit` is a UCUM unit."""
    try:
        check_unit(unit)
    except UnitError:
        return False
    return True


@lru_cache(maxsize=4096)
def conversion(unit_from: str, unit_to: str) -> tuple[float, float]:
    """(factor, offset) such that value in `unit_to` = value in `unit_from` × factor + offset.

    Bytes are no plain numbers here although UCUM calls both dimensionless: `By` does not convert to `1`.
    Raises `UnitError` when a unit is unknown or the two do not measure the same thing.
    """
    if unit_from == unit_to:
        check_unit(unit_from)
        return 1.0, 0.0
    source, target = _quantity(unit_from), _quantity(unit_to)
    if _root(source) != _root(target):
        raise UnitError(
            f"{unit_from!r} cannot be converted to {unit_to!r}: they do not measure the same thing; "
            f"fix: declare the unit that the source really delivers"
        )
    offset, one, two = (_convert(value, source, target) for value in (0.0, 1.0, 2.0))
    if not math.isclose(two - one, one - offset, rel_tol=1e-9):
        raise UnitError(f"{unit_from!r} is logarithmic; fix: deliver a linear unit such as {unit_to!r}")
    if offset == 0.0:
        return one, 0.0
    # Taken over a wide span, because subtracting an offset such as 273.15 costs digits.
    return (_convert(1e6, source, target) - offset) / 1e6, round(offset, 9)


def rate_conversion(unit_from: str, unit_to: str) -> tuple[float, float]:
    """(factor, offset) from a counter's growth a second, in `unit_from`, to the rate `unit_to`."""
    return conversion(f"{unit_from}/s", unit_to)


def _root(quantity: Any) -> Any:
    return quantity.to_root_units().units


def _convert(value: float, source: Any, target: Any) -> float:
    registry = _registry()
    magnitude = value if source.magnitude == 1 else value * source.magnitude
    result = registry.Quantity(magnitude, source.units).to(target.units).magnitude / target.magnitude
    if not math.isfinite(result):
        raise UnitError(f"no finite conversion from {source} to {target}; fix: declare another unit")
    return float(result)
