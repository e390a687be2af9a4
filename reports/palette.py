"""The report's colours, light and dark, named by what they mean. Pages and charts take them from here only.

Contrast (WCAG 2): text colours reach 4.5:1 on `paper` and `wash`, lines and marks 3:1. Tests compute it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """One meaning, in both schemes. `light` is unique in the palette: it is how charts' SVG is re-coloured."""

    light: str
    dark: str


PALETTE: dict[str, Colour] = {
    "paper": Colour("#ffffff", "#12171c"),
    "wash": Colour("#f5f7f8", "#1a2127"),
    "ink": Colour("#17212b", "#e7ecf0"),
    "muted": Colour("#55626f", "#a2aeb9"),
    "hairline": Colour("#dce2e7", "#303a43"),
    "demand": Colour("#1d5c86", "#86bde6"),
    "fan": Colour("#cfe0ec", "#22445e"),
    "edge": Colour("#6a8fad", "#5f8db2"),
    "usable": Colour("#a12c21", "#ff9a8c"),
    "decide": Colour("#7d5200", "#e3b25c"),
    "good": Colour("#1f6640", "#7fcb9f"),
    "bar": Colour("#788d9e", "#6d8293"),
}

TEXT_COLOURS = ("ink", "muted", "demand", "usable", "decide", "good")
MARK_COLOURS = ("demand", "edge", "usable", "decide", "bar")


def light(name: str) -> str:
    """The light-scheme colour that charts are drawn in."""
    return PALETTE[name].light
