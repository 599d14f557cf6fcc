"""A bar chart as SVG: groups of bars on a logarithmic scale, drawn without a library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 840
LABELS = 230  #: left of the bars
VALUES = 90  #: right of the longest bar
BAR, GAP, HEAD, MARGIN = 18, 6, 34, 16

COLOURS = {"ours": "#1f6feb", "bound": "#8c959f", "other": "#d0a85c"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One value; `kind` chooses the colour: "ours", "bound" for what can't be exceeded, "other"."""

    label: str
    value: float
    kind: str


@dataclass(frozen=True, slots=True)
class Group:
    """Bars under one heading."""

    heading: str
    bars: Sequence[Bar]


def bar_chart(title: str, groups: Sequence[Group]) -> str:
    """The chart. Bars begin at the power of ten below the least value; each has its value written behind it."""
    values = [bar.value for group in groups for bar in group.bars]
    least, most = math.floor(math.log10(min(values))), math.log10(max(values))
    scale = (WIDTH - LABELS - VALUES) / (most - least)
    height = MARGIN + HEAD + sum(HEAD + len(group.bars) * (BAR + GAP) for group in groups) + MARGIN
    body = "\n".join([*_grid(least, most, scale, height), *_groups(groups, least, scale)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' font-family="sans-serif" font-size="13" fill="#1f2328" role="img" aria-label="{escape(title)}">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
        f"{_text(MARGIN, MARGIN + 14, title, weight='bold')}\n{body}\n</svg>\n"
    )


def _grid(least: int, most: float, scale: float, height: int) -> Iterator[str]:
    """A line at every power of ten."""
    for power in range(least, math.floor(most) + 1):
        x = LABELS + (power - least) * scale
        yield f'<path d="M{x:.1f} {MARGIN + HEAD}V{height - MARGIN}" stroke="#d8dee4"/>'
        yield _text(x, height - 3, f"{10**power:,}", anchor="middle", size=10)


def _groups(groups: Sequence[Group], least: int, scale: float) -> Iterator[str]:
    y = MARGIN + HEAD
    for group in groups:
        yield _text(MARGIN, y + HEAD - 12, group.heading, weight="bold")
        y += HEAD
        for bar in group.bars:
            width = (math.log10(bar.value) - least) * scale
            middle = y + BAR - 5
            yield _text(LABELS - 8, middle, bar.label, anchor="end")
            yield f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{COLOURS[bar.kind]}"/>'
            yield _text(LABELS + width + 6, middle, f"{bar.value:,.0f}" if bar.value >= 10 else f"{bar.value:.1f}")
            y += BAR + GAP


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", size: int = 13) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}">'
        f"{escape(text)}</text>"
    )
