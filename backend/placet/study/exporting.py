"""A study's model as a document for other programs."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec

from placet.core.errors import InputError
from placet.models.released import json_of, onnx_of, released_in
from placet.models.scorecard import Scorecard
from placet.models.scorecard_export import csv_of, sql_of
from placet.study.outcome import StudyOutcome


def onnx_in(outcome: StudyOutcome) -> bytes | None:
    """Trees and linear models as ONNX; None for what is neither, and without `placet[export]`. InputError for parts of
    another model."""
    model = released_in(outcome.report)
    if find_spec("onnx") is None or model is None or isinstance(model, Scorecard):
        return None
    return onnx_of(model)


def scorecard_files(card: Scorecard) -> dict[str, bytes]:
    """The card by file: as it is, as a table of points, and, unless a database could not tell its columns' names apart,
    as a query that scores the rows of a table `applicants`."""
    files = {"scorecard.json": json_of(card), "scorecard.csv": csv_of(card)}
    with contextlib.suppress(InputError):
        files["scorecard.sql"] = sql_of(card, "applicants").encode()
    return files
