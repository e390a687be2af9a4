"""Small pictures for table cells: a vessel that fills, and a sparkline. SVG that the stylesheet colours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

from reports import formats as f

_BAR = (96, 10)
_SPARK = (104, 26)


def vessel(headroom_ratio: float | None, of: str = "usable capacity") -> Markup:
    """A bar over usable capacity (or what else may be used): filled by demand, empty where there is room.

    Beyond capacity it is drawn to the scale of demand, and a stroke marks where usable capacity ends.
    """
    if headroom_ratio is None:
        return Markup("")
    width, height = _BAR
    used = max(0.0, 1 - headroom_ratio)
    if used <= 1:
        inside = Markup(
            '<rect class="room" x="0.5" y="0.5" width="{}" height="{}"/><rect class="used" width="{}" height="{}"/>'
        ).format(width - 1, height - 1, _short(used * width), height)
    else:
        edge = width / used
        inside = Markup(
            '<rect class="used" width="{0}" height="{2}"/><rect class="over" x="{0}" width="{1}" height="{2}"/>'
            '<path class="limit" d="M{0} -2V{3}"/>'
        ).format(_short(edge), _short(width - edge), height, height + 2)
    return _drawing("vessel", _BAR, f"{f.percent(used)} of {of} used", inside)


def sparkline(days: Sequence[tuple[date, float | None]], label: str) -> Markup:
    """Demand ÷ usable capacity by day, with a line where capacity is used up. Gaps stay gaps."""
    known = [(day, value) for day, value in days if value is not None]
    if len(known) < 2:
        return Markup("")
    width, height = _SPARK
    first, last = known[0][0], known[-1][0]
    span = max((last - first).days, 1)
    top = max(1.05, max(value for _, value in known) * 1.05)

    def level(value: float) -> str:
        return _short(height - 1 - value / top * (height - 2))

    path, previous, place = "", first, ""
    for day, value in known:
        place = f"{_short((day - first).days / span * (width - 6) + 2)} {level(value)}"
        path += ("L" if (day - previous).days == 1 else "M") + place
        previous = day
    x, y = place.split(" ")
    inside = Markup(
        '<path class="limit" d="M0 {}H{}"/><path class="line" d="{}"/><circle class="end" cx="{}" cy="{}" r="2"/>'
    ).format(level(1), width, path, x, y)
    return _drawing("spark", _SPARK, label, inside)


def weeks(outcomes: Sequence[bool | None], mondays: Sequence[date]) -> Markup:
    """A mark a week: low where targets were met, tall where one was missed, a dot where none was judged."""
    step, height = 8, 14
    inside = Markup("")
    for position, outcome in enumerate(outcomes):
        x = position * step
        if outcome is None:
            inside += Markup('<circle class="none" cx="{}" cy="{}" r="1"/>').format(x + 3, height - 3)
        else:
            kind, tall = ("met", 6) if outcome else ("missed", height)
            inside += Markup('<rect class="{}" x="{}" y="{}" width="6" height="{}"/>').format(
                kind, x, height - tall, tall
            )
    judged = [outcome for outcome in outcomes if outcome is not None]
    missed = [f.short_day(day) for day, outcome in zip(mondays, outcomes, strict=True) if outcome is False]
    label = f"met in {len(judged) - len(missed)} of {f.counted(len(judged), 'week')}"
    label += f", missed in those of {', '.join(missed)}" if missed else ""
    return _drawing("weeks", (len(outcomes) * step - 2, height), label, inside)


def _drawing(kind: str, size: tuple[int, int], label: str, inside: Markup) -> Markup:
    return Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        kind, *size, label, inside
    )


def _short(value: float) -> str:
    return f"{value:.1f}"


def spread_sentence(days: Sequence[tuple[date, float | None]]) -> str:
    """What a sparkline shows, in words, for readers who do not see it."""
    known = [value for _, value in days if value is not None]
    if not known:
        return "no demand on record"
    return (
        f"demand between {f.percent(min(known))} and {f.percent(max(known))} of usable capacity, "
        f"last {f.percent(known[-1])}"
    )
