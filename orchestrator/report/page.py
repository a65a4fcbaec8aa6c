"""A report as one HTML page: figures inside, nothing loaded, nothing run.

The template escapes every text, and its content policy forbids all loading.
"""

import jinja2
from markupsafe import Markup

from orchestrator.charts.render import Chart, as_svg
from orchestrator.report.content import Report


def as_html(report: Report) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("orchestrator", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = _svg
    return environment.get_template("report.html.jinja").render(report=report)


def _svg(chart: Chart) -> Markup:
    return Markup(as_svg(chart))  # the renderer escapes the texts in it
