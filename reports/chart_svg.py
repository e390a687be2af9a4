"""Vega to inline SVG: several may stand in one page, each scales, and equal input gives equal bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import vl_convert
from markupsafe import Markup, escape

Data = Mapping[str, list[dict[str, Any]]]


def draw(chart_id: str, spec: Mapping[str, Any], data: Data, label: str, size: str) -> Markup:
    """Fill a Vega specification with data by name and draw it; `label` is what a screen reader says."""
    sources = [{**d, "values": data[d["name"]]} if d["name"] in data else d for d in spec["data"]]
    return inline(vl_convert.vega_to_svg({**spec, "data": sources}), chart_id, label, size)


def inline(svg: str, chart_id: str, label: str, size: str) -> Markup:
    """SVG of which several may stand in a page: own ids, a name for screen readers, a viewBox, short numbers."""
    body = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None, "vl-convert writes a viewBox"
    names: dict[str, str] = {}

    def own_id(match: re.Match[str]) -> str:
        return match[1] + names.setdefault(match[2], f"{chart_id}-{len(names)}")

    def tidy(tag: re.Match[str]) -> str:
        text = re.sub(r"(?<![\w#-])-?\d+\.\d{2,}", _short_number, tag[0])
        text = re.sub(r' (?:class|role|aria-[a-z]+|pointer-events)="[^"]*"', "", text)
        return re.sub(r'( id="|url\(#)([^")]+)', own_id, text)

    # Only what stands in tags: the text between them are names from outside.
    body = re.sub(r"<[^<>]*>", tidy, body)
    head = (
        f'<svg class="chart {escape(size)}" viewBox="0 0 {box[1]} {box[2]}" role="img" '
        f'aria-label="{escape(label)}" style="max-width:{box[1]}px">'
    )
    return Markup(f"{head}{body}</svg>")  # noqa: S704 -- vl-convert escapes text; ours is escaped above


def _short_number(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
