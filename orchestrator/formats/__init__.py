"""What a path that a user gives is: which format, which files belong to it, what goes in and comes out.

First step of `pifarm model add`: `read_model` turns a PATH into facts, or says why it is no model and what to
do. One small file per format; the format's suffix names it. Nothing of a model is believed before it was
opened by its runtime in a process of its own (`trial`), because a hostile or broken file can end the process
that opens it.
"""

from orchestrator.formats.model_file import ModelFile, ModelFormat, TensorInfo
from orchestrator.formats.reading import read_model

__all__ = ["ModelFile", "ModelFormat", "TensorInfo", "read_model"]
