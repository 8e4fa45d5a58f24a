"""A study's model as a document for other programs."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec

from placet.core.errors import InputError
from placet.models.onnx_trees import to_onnx
from placet.models.scorecard import Scorecard
from placet.models.scorecard_export import csv_of, json_of, sql_of
from placet.models.trees import TreeModel, TreePart
from placet.study.outcome import StudyOutcome


def onnx_of(outcome: StudyOutcome) -> bytes | None:
    """Trees as ONNX; None for what is none, and without `placet[export]`. InputError for parts of another model."""
    report = outcome.report
    if report.get("model") is None or report.get("parts") is None or find_spec("onnx") is None:
        return None
    parts = [TreePart.model_validate(part) for part in report["parts"]]
    return to_onnx(TreeModel.model_validate(report["model"]), parts, report["parties"])


def scorecard_files(card: Scorecard) -> dict[str, bytes]:
    """The card by file: as it is, as a table of points, and, unless a database could not tell its columns' names apart,
    as a query that scores the rows of a table `applicants`."""
    files = {"scorecard.json": json_of(card), "scorecard.csv": csv_of(card)}
    with contextlib.suppress(InputError):
        files["scorecard.sql"] = sql_of(card, "applicants").encode()
    return files
