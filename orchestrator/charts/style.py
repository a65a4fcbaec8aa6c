"""The colours of every chart, and the look of a chart that stands alone on white.

Accent and warning are a blue and a vermilion that colour-blind readers tell apart; each has a contrast of at least
3.8 against white and against a dark page. A colour never says anything alone: shape, dash or text says it too.
"""

from typing import Any

ACCENT = "#2a7ebf"
WARNING = "#d55e00"
MUTED = "#7a818c"
INK = "#1f2430"

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"

# Vega-Lite configuration for a report; a page brings its own.
ON_WHITE: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "view": {"stroke": "#d9dce1"},
    "axis": {
        "labelColor": INK,
        "titleColor": MUTED,
        "titleFontWeight": "normal",
        "gridColor": "#eceef1",
        "domainColor": "#d9dce1",
        "tickColor": "#d9dce1",
        "labelFontSize": 11,
        "titleFontSize": 11,
    },
    "legend": {"labelColor": INK, "titleColor": MUTED, "labelFontSize": 11},
}
