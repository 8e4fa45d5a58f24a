"""A study's model as a document for other programs."""

from __future__ import annotations

from importlib.util import find_spec

from placet.models.onnx_trees import to_onnx
from placet.models.trees import TreeModel, TreePart
from placet.study.outcome import StudyOutcome


def onnx_of(outcome: StudyOutcome) -> bytes | None:
    """Trees as ONNX; None for what is none, and without `placet[export]`. InputError for parts of another model."""
    report = outcome.report
    if report.get("model") is None or report.get("parts") is None or find_spec("onnx") is None:
        return None
    parts = [TreePart.model_validate(part) for part in report["parts"]]
    return to_onnx(TreeModel.model_validate(report["model"]), parts, report["parties"])
