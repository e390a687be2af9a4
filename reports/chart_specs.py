"""Specifications of the report's charts, without their data, in the house style: Altair, compiled to Vega and kept.

Building and compiling one costs more than drawing it, so `charts` fills the same one with many services' data.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import altair as alt
import vl_convert

from reports.palette import light

WIDE = 880
NARROW = 350
SMALL = 440
SMALL_HEIGHT = 150
EVENT_LANES = ["exception", "warning", "unusual"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


@lru_cache(maxsize=64)
def timeline(count: int, step: int, start: str, end: str, narrow: bool) -> dict[str, Any]:
    """One row a service: spans, medians, decisions, names."""
    domain, ticks = (start, end), 4 if narrow else 8
    shift = 9 if narrow else 0
    rows = alt.Y(
        "row:O", axis=None, scale=alt.Scale(domain=list(range(count)), paddingInner=0, paddingOuter=0)
    )
    date = _date(domain, ticks, orient="top", grid=True)
    today = _layer("as_of").mark_rule(color=light("muted"), strokeWidth=1).encode(x=date)
    span = (
        _layer("spans")
        .mark_bar(height=8, yOffset=shift, color=light("fan"), stroke=light("edge"), strokeWidth=0.75)
        .encode(x=_date(domain, ticks, field="from", orient="top", grid=True), x2="to:T", y=rows)
    )
    decide = (
        _layer("decisions")
        .mark_tick(orient="vertical", size=18, thickness=2.5, yOffset=shift, opacity=1)
        .encode(x=date, y=rows, color=alt.value(light("decide")))
    )
    median = (
        _layer("medians")
        .mark_point(shape="diamond", size=72, filled=True, opacity=1, yOffset=shift)
        .encode(x=date, y=rows, color=alt.value(light("demand")))
    )
    names = (
        _layer("names")
        .mark_text(
            align="left" if narrow else "right",
            baseline="middle",
            fontSize=13,
            limit=320 if narrow else 208,
            x=6 if narrow else -14,
            yOffset=-9 if narrow else 0,
            color=light("ink"),
        )
        .encode(y=rows, text="name:N")
    )
    left, right = (12, 12) if narrow else (224, 12)
    width = (NARROW if narrow else WIDE) - left - right
    return _spec([today, span, decide, median, names], width, step * count, left, right, bottom=6)


@lru_cache(maxsize=64)
def fan(start: str, end: str, suffix: str, narrow: bool) -> dict[str, Any]:
    """Demand, usable capacity, forecast band and median, and when demand passes usable capacity."""
    x = _date((start, end), 4 if narrow else 9)
    y, low, middle, high = (_value(suffix, field) for field in ("value", "low", "mid", "high"))
    usable, demand = light("usable"), light("demand")
    edge: dict[str, Any] = {"color": light("edge"), "strokeWidth": 0.75}
    # Keeps words readable on top of lines; the stylesheet paints the stroke below the letters.
    halo: dict[str, Any] = {"stroke": light("paper"), "strokeWidth": 3.5, "strokeJoin": "round"}
    layers = [
        _layer("band").mark_area(color=light("fan")).encode(x=x, y=low, y2="high:Q"),
        _layer("band").mark_line(**edge).encode(x=x, y=low),
        _layer("band").mark_line(**edge).encode(x=x, y=high),
        _layer("as_of").mark_rule(color=light("muted"), strokeDash=[2, 3]).encode(x=x),
        _layer("past")
        .mark_line(color=light("muted"), strokeWidth=1.25, strokeDash=[3, 2])
        .encode(x=x, y=y, detail="made:N"),
        _layer("demand").mark_line(color=demand, strokeWidth=1.75).encode(x=x, y=y, detail="stretch:N"),
        _layer("few").mark_point(filled=True, size=36, opacity=1, color=demand).encode(x=x, y=y),
        _layer("median").mark_line(color=demand, strokeWidth=1.75, strokeDash=[5, 3]).encode(x=x, y=middle),
        _layer("usable").mark_line(color=usable, strokeWidth=1.75, interpolate="step-after").encode(x=x, y=y),
        _layer("span").mark_rule(color=usable, strokeWidth=6, opacity=0.45).encode(x=x, x2="to:T", y=y),
        _layer("usable_label")
        .mark_text(align="left", dy=-9, color=usable, fontSize=12, **halo)
        .encode(x=x, y=y, text="label:N"),
        _layer("mark")
        .mark_point(shape="diamond", size=110, filled=True, opacity=1, color=usable)
        .encode(x=x, y=y),
        _layer("mark")
        .mark_text(dy=-16, color=usable, fontSize=12, fontWeight="bold", **halo)
        .encode(x=x, y=y, text="label:N"),
    ]
    width = (NARROW if narrow else WIDE) - 70
    return _spec(layers, width, 220 if narrow else 270, 56, 14)


@lru_cache(maxsize=64)
def lines(count: int, suffix: str, single: bool) -> dict[str, Any]:
    """Up to three daily series told apart by dashes and by their names at the end; `single` adds points."""
    x, y = _date(None, 4), _value(suffix)
    dashes = alt.Scale(domain=list(range(count)), range=[[1, 0], [5, 2], [2, 2]][:count])
    layers = [
        _layer("lines")
        .mark_line(strokeWidth=1.5, color=light("demand"))
        .encode(
            x=x,
            y=y,
            detail=["series:N", "stretch:N"],
            strokeDash=alt.StrokeDash("series:O", legend=None, scale=dashes),
        ),
        _layer("ends")
        .mark_text(align="left", dx=5, color=light("demand"), fontSize=13)
        .encode(x=x, y=y, text="name:N"),
        _layer("target").mark_rule(color=light("usable"), strokeWidth=1.25, strokeDash=[6, 3]).encode(y=y),
    ]
    if single:
        dots = _layer("lines").mark_point(filled=True, size=28, opacity=1, color=light("demand"))
        layers.append(dots.encode(x=x, y=y))
    return _spec(layers, SMALL - 128, SMALL_HEIGHT, 62, 66, top=12)


@lru_cache(maxsize=8)
def daily_bars(suffix: str) -> dict[str, Any]:
    """One bar a day."""
    bars = _layer("bars").mark_bar(color=light("bar"), width=2.6).encode(x=_date(None, 4), y=_value(suffix))
    return _spec([bars], SMALL - 80, SMALL_HEIGHT, 62, 18, top=12)


@lru_cache(maxsize=8)
def monthly_bars() -> dict[str, Any]:
    """One bar a month, and a darker one in front of it."""
    month = alt.Axis(
        title=None, labelAngle=0, ticks=False, labelOverlap=True, labelExpr="utcFormat(datum.value, '%b')"
    )
    x = alt.X("date:O", axis=month, timeUnit="utcyearmonth", scale=alt.Scale(paddingInner=0.3))
    y = _value("", tickMinStep=1)
    layers = [
        _layer("bars").mark_bar(color=light("bar")).encode(x=x, y=y),
        _layer("front").mark_bar(color=light("demand")).encode(x=x, y=y),
    ]
    return _spec(layers, SMALL - 80, SMALL_HEIGHT, 62, 18, top=12)


@lru_cache(maxsize=1)
def reliability() -> dict[str, Any]:
    """Dots with upright intervals around the diagonal; shapes tell the days ahead apart."""

    def axis(title: str) -> alt.Axis:
        return alt.Axis(title=title, tickCount=5, labelExpr="datum.value + ' %'", domain=False, ticks=False)

    scale = alt.Scale(domain=[0, 100], nice=False)
    x = alt.X("said:Q", scale=scale, axis=axis("said"))
    y, low = (alt.Y(f"{field}:Q", scale=scale, axis=axis("came")) for field in ("came", "low"))
    shape = alt.Shape(
        "days:N",
        scale=alt.Scale(domain=["30 days", "60 days", "90 days"], range=["circle", "square", "triangle-up"]),
        legend=alt.Legend(
            title=None, orient="top-left", symbolFillColor=light("demand"), symbolStrokeWidth=0
        ),
    )
    layers = [
        _layer("agree")
        .mark_line(color=light("usable"), strokeDash=[6, 3], strokeWidth=1.25)
        .encode(x=x, y=y),
        _layer("dots").mark_rule(color=light("edge"), strokeWidth=1.5).encode(x=x, y=low, y2="high:Q"),
        _layer("dots")
        .mark_point(filled=True, size=64, opacity=1, color=light("demand"))
        .encode(x=x, y=y, shape=shape),
    ]
    return _spec(layers, SMALL - 90, 300, 62, 28, top=12, bottom=46)


@lru_cache(maxsize=8)
def histogram(low: float, high: float) -> dict[str, Any]:
    """Bars over bins that are given, and a line at the value to compare with."""
    axis = alt.Axis(title=None, tickCount=5, grid=False)
    x = alt.X("from:Q", bin="binned", scale=alt.Scale(domain=[low, high], nice=False), axis=axis)
    bars = _layer("bars").mark_bar(color=light("bar"), stroke=light("paper"), strokeWidth=1)
    rule = _layer("reference").mark_rule(color=light("usable"), strokeWidth=1.5, strokeDash=[6, 3])
    layers = [bars.encode(x=x, x2="to:Q", y=_value("", tickMinStep=1)), rule.encode(x=x)]
    return _spec(layers, SMALL - 80, SMALL_HEIGHT, 62, 18, top=12)


@lru_cache(maxsize=8)
def week(narrow: bool) -> dict[str, Any]:
    """Hours of the week as cells: the fuller, the darker; full ones in the colour of usable capacity."""
    hours = alt.Axis(
        title=None,
        values=[0, 6, 12, 18],
        labelExpr="datum.value + ':00'",
        labelAngle=0,
        ticks=False,
        domain=False,
    )
    x = alt.X("hour:O", axis=hours, scale=alt.Scale(domain=list(range(24)), paddingInner=0.06))
    days = alt.Axis(title=None, ticks=False, domain=False)
    y = alt.Y("day:N", axis=days, sort=None, scale=alt.Scale(domain=WEEKDAYS, paddingInner=0.1))
    shade = alt.Opacity("value:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0.04, 1], clamp=True))
    layers = [
        _layer("cells").mark_rect(color=light("demand")).encode(x=x, y=y, opacity=shade),
        _layer("full").mark_rect(color=light("usable")).encode(x=x, y=y),
    ]
    return _spec(layers, (NARROW if narrow else WIDE) - 70, 150 if narrow else 168, 46, 14, top=6)


@lru_cache(maxsize=64)
def curve(x_suffix: str, y_suffix: str, x_title: str, y_title: str, narrow: bool) -> dict[str, Any]:
    """Measured points and a fitted curve, with rules at what is sustained and at the busy hour."""

    def axis(title: str, suffix: str, **style: Any) -> alt.Axis:
        return alt.Axis(
            title=title, tickCount=5, labelExpr=f"format(datum.value, ',~g') + '{suffix}'", **style
        )

    x = alt.X("x:Q", scale=alt.Scale(zero=True, nice=True), axis=axis(x_title, x_suffix, grid=False))
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(zero=True, nice=True),
        axis=axis(y_title, y_suffix, domain=False, ticks=False),
    )
    halo: dict[str, Any] = {"stroke": light("paper"), "strokeWidth": 3.5, "strokeJoin": "round"}
    layers = [
        _layer("measured").mark_point(filled=True, size=34, opacity=0.7, color=light("bar")).encode(x=x, y=y),
        _layer("fitted").mark_line(color=light("demand"), strokeWidth=2).encode(x=x, y=y),
        _layer("across").mark_rule(color=light("usable"), strokeWidth=1.25, strokeDash=[6, 3]).encode(y=y),
        _layer("across")
        .mark_text(align="left", dy=-7, color=light("usable"), fontSize=12, **halo)
        .encode(y=y, x=alt.value(4), text="label:N"),
        _layer("down").mark_rule(color=light("usable"), strokeWidth=1.25, strokeDash=[6, 3]).encode(x=x),
        _layer("down")
        .mark_text(align="right", dx=-5, color=light("usable"), fontSize=12, **halo)
        .encode(x=x, y=alt.value(8), text="label:N"),
    ]
    return _spec(layers, (NARROW if narrow else WIDE) - 84, 220 if narrow else 260, 70, 14, top=16, bottom=48)


@lru_cache(maxsize=64)
def events(start: str, end: str, tracks: int, narrow: bool) -> dict[str, Any]:
    """Events as bars from their opening to when they were last seen, on as many tracks as they overlap."""
    x = _date((start, end), 4 if narrow else 9, field="from")
    y = alt.Y("track:O", axis=None, scale=alt.Scale(domain=list(range(tracks)), paddingInner=0.25))
    colours = zip(EVENT_LANES, ("usable", "decide", "demand"), strict=True)
    layers = [_layer(lane).mark_bar(color=light(c)).encode(x=x, x2="to:T", y=y) for lane, c in colours]
    names = _layer("names").mark_text(align="right", x=-10, fontSize=12, color=light("muted"))
    layers.append(names.encode(y=y, text="name:N"))
    height = max(60, 9 * tracks)
    return _spec(layers, (NARROW if narrow else WIDE) - 104, height, 90, 14, top=6)


def _layer(name: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(name=name))


def _date(domain: tuple[str, str] | None, ticks: int, field: str = "date", **axis: Any) -> alt.X:
    scale = alt.Scale(type="utc", domain=list(domain)) if domain else alt.Scale(type="utc")
    style = {
        "format": "%-d %b",
        "tickCount": ticks,
        "grid": False,
        "title": None,
        "labelOverlap": True,
        **axis,
    }
    return alt.X(f"{field}:T", scale=scale, axis=alt.Axis(**style))


def _value(suffix: str, field: str = "value", **axis: Any) -> alt.Y:
    label = f"format(datum.value, ',~g') + '{suffix}'"
    style = alt.Axis(title=None, tickCount=4, domain=False, ticks=False, labelExpr=label, **axis)
    return alt.Y(f"{field}:Q", scale=alt.Scale(zero=True, nice=True), axis=style)


def _spec(
    layers: list[alt.Chart], width: int, height: int, left: int, right: int, top: int = 26, bottom: int = 26
) -> dict[str, Any]:
    """The layers in the house style, as a Vega specification. Padding is fixed, so that charts align in a page."""
    muted, hairline = light("muted"), light("hairline")
    title = {"titleColor": muted, "titleFontWeight": "normal", "titleFontSize": 12}
    axis = {"labelColor": muted, "gridColor": hairline, "domainColor": hairline, "tickColor": hairline}
    chart = alt.layer(*layers).properties(
        width=width,
        height=height,
        padding={"left": left, "right": right, "top": top, "bottom": bottom},
        autosize=alt.AutoSizeParams(type="none"),
        config={
            "aria": False,
            "background": "transparent",
            "font": "system-ui, sans-serif",
            "view": {"stroke": None},
            "axis": {**axis, **title, "labelFontSize": 13 if width < WIDE / 2 else 12, "labelPadding": 6},
        },
    )
    # The schema of Vega-Lite would be checked again for each of hundreds of charts of the same few forms.
    spec: dict[str, Any] = vl_convert.vegalite_to_vega(chart.to_dict(validate=False))
    return spec
