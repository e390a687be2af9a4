"""Numbers, dates, units and names as people read them. No clock, no locale of the machine.

Missing values read as an en dash. A narrow no-break space stands between number and unit (ISO 80000-1).
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from datetime import date, datetime

MISSING = "–"
NARROW_SPACE = "\u202f"
MINUS = "\u2212"
#: Space that may become one plain space; a narrow one holds a number and its unit together.
_SPACES = re.compile(rf"[^\S{NARROW_SPACE}]+")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SCALES = {"By": 1.0, "KiBy": 2.0**10, "MiBy": 2.0**20, "GiBy": 2.0**30, "TiBy": 2.0**40}
_SCALES |= {"kBy": 1e3, "MBy": 1e6, "GBy": 1e9, "TBy": 1e12}
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_RESOURCES = {
    "cpu": "CPU",
    "memory": "memory",
    "filesystem": "disk space",
    "disk": "disk space",
    "storage": "disk space",
    "network": "network bandwidth",
    "connections": "connections",
    "db_connections": "database connections",
}
# Bidirectional controls would turn the text that follows a name around; other controls are not allowed in HTML.
_BIDI_CONTROLS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def day(value: date | datetime | None) -> str:
    """12 Aug 2026."""
    return MISSING if value is None else f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def short_day(value: date) -> str:
    """12 Aug, where the year is clear."""
    return f"{value.day} {_MONTHS[value.month - 1]}"


def days(first: date, last: date) -> str:
    """9 Jul to 21 Sep 2026; the first year stands only where it differs."""
    start = short_day(first) if first.year == last.year else day(first)
    return f"{start} to {day(last)}"


def month(value: date | None) -> str:
    """Aug 2026."""
    return MISSING if value is None else f"{_MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime | None) -> str:
    """12 Aug 2026, 14:05 (UTC)."""
    return MISSING if value is None else f"{day(value)}, {value.hour:02d}:{value.minute:02d}"


def integer(value: float | None) -> str:
    """1,234,567."""
    return MISSING if value is None else f"{round(value):,}".replace("-", MINUS)


def number(value: float | None, digits: int = 3) -> str:
    """About three significant digits, without exponent up to a billion."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    decimals = max(0, digits - 1 - magnitude)
    if magnitude >= 9 or decimals > 9:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    text = f"{value:,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def approximate(value: float) -> str:
    """Three significant digits, and words for what is large: 14,400, 68.7 million. For what is known roughly."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= 0.9995 * size:
            return f"{number(value / size)}{NARROW_SPACE}{word}"
    rounded = float(f"{value:.3g}")
    return integer(rounded) if abs(rounded) >= 100 else number(rounded)


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 incident`, `3 incidents`."""
    return f"{integer(count)} {one if count == 1 else many or one + 's'}"


def points(value: float) -> str:
    """A difference of two percentages: 34 points, 0.1 points."""
    shown = number(value * 100, 2) if abs(value) < 0.1 else integer(value * 100)
    return f"{shown}{NARROW_SPACE}{'point' if shown == '1' else 'points'}"


def percent(value: float | None, digits: int | None = None) -> str:
    """18 %. Near 0 and near 1 it keeps as many decimals as tell the value from none and from all."""
    if value is None:
        return MISSING
    if digits is None:
        rest = min(abs(value), abs(1 - value))
        digits = 0 if rest > 0.0995 or rest < 1e-6 else max(1, -math.floor(math.log10(rest) + 1e-9) - 2)
    return f"{value * 100:.{digits}f}{NARROW_SPACE}%".replace("-", MINUS)


def availability(value: float | None) -> str:
    """99.97 %: two decimals, more where they tell it from all; 100 % only when nothing was lost."""
    if value is None:
        return MISSING
    if value >= 1:
        return f"100{NARROW_SPACE}%"
    digits = 2 if value < 0.9999 else 4
    return f"{min(value * 100, 99.9999):.{digits}f}{NARROW_SPACE}%"


def headroom(value: float | None) -> str:
    """Headroom: whole percents, and a decimal only near zero."""
    return percent(value, 0) if value is not None and abs(value) > 0.0995 else percent(value)


def agreed_percent(value: float | None) -> str:
    """A percentage that somebody set, with the decimals that it was set with: 95 %, 99.95 %."""
    return MISSING if value is None else f"{round(value * 100, 9):g}{NARROW_SPACE}%"


def chance(value: float | None) -> str:
    """A probability: whole percents, and never 0 % or 100 % of what simulation cannot exclude."""
    if value is None:
        return MISSING
    if value < 0.01:
        return f"under 1{NARROW_SPACE}%"
    if value > 0.99:
        return f"over 99{NARROW_SPACE}%"
    return percent(value, 0)


def duration(minutes: float | None) -> str:
    """45 min, 4 h, 4 h 05 min, 2.3 days."""
    if minutes is None:
        return MISSING
    if minutes < 60:
        return f"{number(minutes, 2)}{NARROW_SPACE}min"
    if minutes < 48 * 60:
        return working_time(minutes)
    return f"{number(minutes / 1440)} days"


def working_time(minutes: float | None) -> str:
    """Agreed service time: hours and minutes, never days, because a working day has no fixed length."""
    if minutes is None or minutes < 60:
        return duration(minutes)
    hours, rest = divmod(round(minutes), 60)
    return f"{hours:,}{NARROW_SPACE}h" + (f" {rest:02d}{NARROW_SPACE}min" if rest else "")


def seconds(value: float | None) -> str:
    """182 ms, 1.24 s, 3 min."""
    if value is None:
        return MISSING
    if abs(value) < 1:
        return f"{number(value * 1000)}{NARROW_SPACE}ms"
    if abs(value) < 120:
        return f"{number(value)}{NARROW_SPACE}s"
    return duration(value / 60)


def per_second(value: float | None) -> str:
    """12.4 /s."""
    return MISSING if value is None else f"{number(value)}{NARROW_SPACE}/s"


def scale_of(unit: str, largest: float) -> tuple[float, str]:
    """Divisor and shown unit for values up to `largest` in a UCUM unit, so that a chart's axis reads 0 to 999."""
    base, rate = (unit[:-2], "/s") if unit.endswith("/s") else (unit, "")
    if base == "1" and not rate:
        return 0.01, "%"
    if base in _SCALES:
        in_bytes = abs(largest) * _SCALES[base]
        step = min(len(_BINARY) - 1, int(math.log2(in_bytes) // 10)) if in_bytes >= 1 else 0
        return 2.0 ** (10 * step) / _SCALES[base], _BINARY[step] + rate
    if base in _SECONDS and not rate:
        in_seconds = abs(largest) * _SECONDS[base]
        return (1e-3 / _SECONDS[base], "ms") if in_seconds < 1 else (1.0 / _SECONDS[base], "s")
    return 1.0, unit_name(unit)


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit: ratios as %, bytes as GiB, annotations such as {connection} as words."""
    if value is None:
        return MISSING
    divisor, shown = scale_of(unit, value)
    if shown == "%":
        return percent(value)
    text = number(value / divisor)
    return f"{text}{NARROW_SPACE}{shown}" if shown else text


def unit_name(unit: str) -> str:
    """UCUM as people write it: `{connection}` is connections, `1/s` is /s."""
    text = re.sub(r"\{([^{}]*)\}", lambda m: f"{m[1]}s" if m[1] and not m[1].endswith("s") else m[1], unit)
    return text.removeprefix("1") if text.startswith("1/") else ("" if text == "1" else text)


def resource(value: str | None) -> str:
    """A resource in words: cpu → CPU, db_connections → database connections."""
    if not value:
        return "capacity"
    return _RESOURCES.get(value.lower(), clean(value.replace("_", " ").replace(".", " ")))


def clean(value: str | None) -> str:
    """A name from outside without control characters; what is missing reads as an en dash."""
    if value is None or not value.strip():
        return MISSING
    text = value.translate(_BIDI_CONTROLS)
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)
    return _SPACES.sub(" ", text).strip() or MISSING


def shorten(value: str | None, length: int) -> str:
    """A clean name of at most `length` characters, cut with an ellipsis (never inside a combined character)."""
    text = clean(value)
    if len(text) <= length:
        return text
    cut = length - 1
    while cut > 1 and (
        unicodedata.combining(text[cut]) or text[cut] == "\u200d" or text[cut - 1] == "\u200d"
    ):
        cut -= 1
    return text[:cut].rstrip() + "…"


def slug(identifier: str) -> str:
    """A file name for an identifier from outside: lower-case ASCII letters, digits and hyphens only.

    Where that loses anything, eight digits of the identifier's SHA-256 keep it unique.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", identifier.lower()).strip("-")[:60].strip("-")
    if plain == identifier and plain:
        return plain
    return (
        f"{plain or 'service'}-{hashlib.sha256(identifier.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    )


def money(value: float | None, currency: str | None) -> str:
    """1,240 EUR; amounts under 10 with cents, smaller ones with three digits that count."""
    if value is None:
        return MISSING
    digits = 0 if abs(value) >= 10 else 2
    text = f"{value:,.{digits}f}" if value == 0 or abs(value) >= 0.1 else number(value)
    return f"{text}{NARROW_SPACE}{clean(currency)}" if currency else text


def money_change(value: float, currency: str | None) -> str:
    """`1,240 EUR more`, `310 EUR less` or `the same`."""
    if abs(value) < 0.005:
        return "the same"
    return f"{money(abs(value), currency)} {'more' if value > 0 else 'less'}"


def unit_price(value: float | None, currency: str | None) -> str:
    """What units cost, by as many as make it readable: 0.31 EUR each, 0.62 EUR per 1,000, 15.4 EUR per million."""
    if value is None:
        return MISSING
    for count, words in ((1, "each"), (1_000, "per 1,000")):
        if abs(value) * count >= 0.1 or value == 0:
            return f"{money(value * count, currency)} {words}"
    return f"{money(value * 1_000_000, currency)} per million"
