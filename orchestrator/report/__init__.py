"""One study as one file: tables, figures and methods, readable anywhere, without a script and without a network.

`tables` and `content` say what is in it (pure), `page` makes it HTML, `paper` makes it PDF, `write` reads the study and
writes the file.
"""

from orchestrator.report.content import Report, compose_report
from orchestrator.report.page import as_html
from orchestrator.report.paper import as_pdf
from orchestrator.report.write import write_report

__all__ = ["Report", "as_html", "as_pdf", "compose_report", "write_report"]
