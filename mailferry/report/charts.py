"""Charts as inline SVG, drawn by hand: no script, colours by CSS class, widths in percent so that they fit any screen.

What a chart shows stands beside it in words and figures, too: a chart is for the eye only, and its label tells screen
readers what it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from mailferry.state.progress import Point

#: Columns of a chart over time, and the height of one in CSS pixels.
_COLUMNS = 60
_HEIGHT = 180


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: what it is, how much, and the CSS class that colours it."""

    label: str
    count: float
    tone: str


def stacked_bar(parts: Sequence[Part], label: str, of: float | None = None) -> Markup:
    """A bar of these parts side by side; `of` is what its whole width stands for, else their sum."""
    whole = of or sum(part.count for part in parts) or 1
    rects, start = [], 0.0
    for part in parts:
        width = 100 * part.count / whole
        if width:
            title = Markup("<title>{}: {:,}</title>").format(part.label, part.count)
            rects.append(_rect(start, 0, width, "100%", part.tone, title))
        start += width
    return Markup('<svg class="bar" width="100%" height="14" role="img" aria-label="{}">{}</svg>').format(
        label, Markup().join(rects)
    )


def settled_over_time(points: Sequence[Point]) -> Markup:
    """Messages about which nothing is open, as an area below the line of messages found."""
    top = nice_top(max(point.messages for point in points))
    first, span = points[0].at, points[-1].at - points[0].at
    at = [1000 * (point.at - first) / span for point in points]
    settled = [_HEIGHT * (1 - point.settled / top) for point in points]
    found = [_HEIGHT * (1 - point.messages / top) for point in points]
    area = f"M0,{_HEIGHT} L{_joined(at, settled)} L1000,{_HEIGHT} Z"
    drawn = Markup('<path class="area" d="{}"/><path class="line" d="M{}"/><path class="found" d="M{}"/>').format(
        area, _joined(at, settled), _joined(at, found)
    )
    done = points[-1].settled
    return _framed(drawn, top, f"{done:,} of {points[-1].messages:,} messages settled, over time", stretched=True)


def rate_over_time(points: Sequence[Point]) -> Markup:
    """Messages settled an hour, in columns of equal time."""
    rates = rates_of(points)
    top = nice_top(max(rates))
    width = 100 / len(rates)
    columns = [
        _rect(number * width + width * 0.1, _HEIGHT - height, width * 0.8, f"{height:.1f}", "busy")
        for number, rate in enumerate(rates)
        if (height := _HEIGHT * rate / top)
    ]
    label = f"Messages an hour over time, at most {max(rates):,.0f}"
    return _framed(Markup().join(columns), top, label, stretched=False)


def rates_of(points: Sequence[Point]) -> list[float]:
    """Messages settled an hour in each of up to 60 equal pieces of time; between two points they came evenly."""
    first, span = points[0].at, points[-1].at - points[0].at
    count = min(_COLUMNS, max(1, len(points) - 1) * 4)
    edges = [first + span * number / count for number in range(count + 1)]
    reached = [_at(points, edge) for edge in edges]
    hours = span / count / 3600
    return [max(0.0, after - before) / hours for before, after in pairwise(reached)]


def nice_top(most: float) -> float:
    """The end of a scale that holds `most`: a round number, of which a half is one too."""
    if most <= 1:
        return 1
    power: float = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10) if step * power >= most)


def short(value: float) -> str:
    """A number for a scale: `1.5 k`, `20 M`."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"


def _at(points: Sequence[Point], moment: float) -> float:
    """How many messages were settled then."""
    before, after = next(
        ((before, after) for before, after in pairwise(points) if before.at <= moment <= after.at), points[-2:]
    )
    share = (moment - before.at) / (after.at - before.at)
    return before.settled + (after.settled - before.settled) * min(1.0, share)


def _framed(drawn: Markup, top: float, label: str, *, stretched: bool) -> Markup:
    """The drawing above lines for 0, a half and the whole scale, each with its number."""
    lines = Markup().join(
        _GRID.format(_HEIGHT * (1 - part) + 0.5, _HEIGHT * (1 - part) - 4, short(top * part)) for part in (0.5, 1)
    )
    if stretched:
        drawn = _STRETCHED.format(_HEIGHT, drawn)
    return _FRAME.format(_HEIGHT + 18, label, drawn, _HEIGHT, lines)


_GRID = Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/><text class="scale" x="2" y="{1}">{2}</text>')
_STRETCHED = Markup('<svg width="100%" height="{0}" viewBox="0 0 1000 {0}" preserveAspectRatio="none">{1}</svg>')
_FRAME = Markup(
    '<svg class="chart" width="100%" height="{0}" role="img" aria-label="{1}"><g transform="translate(0 16)">'
    '{2}<line class="base" x1="0" x2="100%" y1="{3}" y2="{3}"/>{4}</g></svg>'
)
_RECT = Markup('<rect class="f-{}" x="{:.3f}%" y="{:.1f}" width="{:.3f}%" height="{}">{}</rect>')


def _rect(x: float, y: float, width: float, height: str, tone: str, inside: str = "") -> Markup:
    return _RECT.format(tone, x, y, width, height, inside)


def _joined(xs: Sequence[float], ys: Sequence[float]) -> str:
    return " L".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
