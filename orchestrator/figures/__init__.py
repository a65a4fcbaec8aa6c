"""The figures of a study, each with its caption: for the report, and as files for a paper.

`figure` is what a figure is and which runs are drawn under which name; `ranks` draws what a ranking says, `bursts` and
`soaks` what the raw data of the runs say; `study` puts a study's figures in order and writes them.
"""

from orchestrator.figures.figure import Figure
from orchestrator.figures.study import FORMATS, measured_figures, study_figures, write_figures

__all__ = ["FORMATS", "Figure", "measured_figures", "study_figures", "write_figures"]
