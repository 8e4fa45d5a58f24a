"""`placet model export`: a model that the consumer got in clear, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import read, write_new
from placet.cli.output import emit, say
from placet.core.errors import InputError

if TYPE_CHECKING:
    from placet.models.released import Released

FORMS = {
    "scorecard": (".json", ".csv", ".sql"),
    "linear model": (".json", ".onnx"),
    "network": (".json", ".onnx"),
    "trees": (".json", ".onnx"),
}

KINDS = {"placet.scorecard": "scorecard", "placet.linear": "linear model", "placet.network": "network"}


def export(
    result: Annotated[Path, typer.Argument(help="A job's result as placet job result gives it, or a model, as JSON.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="The new file: its ending says the form: .json, and of a scorecard .csv or .sql, of a linear "
            "model, a network or trees .onnx.",
        ),
    ],
    table: Annotated[str, typer.Option("--table", help="With .sql: the table whose rows are scored.")] = "applicants",
) -> None:
    """Write a model as its JSON document; a scorecard as a table of points, or as an SQL query that scores a table's
    rows; a linear model, a network or trees as ONNX. Needs neither node nor chain."""
    if not any(out.suffix in forms for forms in FORMS.values()):
        expected = sorted({form for forms in FORMS.values() for form in forms})
        raise InputError("no such form of a model", expected=", ".join(expected), found=out.name[:80])
    model = _model(result)
    kind = KINDS.get(model.type, "trees")
    if out.suffix not in FORMS[kind]:
        raise InputError("no such form of this model", expected=", ".join(FORMS[kind]), found=out.name[:80])
    write_new(out, _content(model, out.suffix, table))
    say(f"{out}: {kind}")


def table(
    result: Annotated[Path, typer.Argument(help="A job's result as placet job result gives it, or a model, as JSON.")],
    out: Annotated[Path, typer.Option("--out", help="The new CSV file.")],
) -> None:
    """Write a model as a table of this institution's own, which `placet vault import --own` takes and `model-transfer`
    reads: its document in pieces. Prints what a request for such a job says of it: its commitment and columns. Of a
    model that no job made: one out of a job is registered as that. Needs neither node nor chain."""
    from placet.core.csv_file import written
    from placet.core.model_table import MODEL_TABLE, pieces_of
    from placet.core.values import to_hex
    from placet.models.network import NetworkModel
    from placet.models.released import json_of
    from placet.models.source import halves_of

    model = _model(result)
    if isinstance(model, NetworkModel):
        raise InputError("no source of a transfer", expected="a scorecard, a linear model or trees", found="a network")
    shape, _ = halves_of(model)
    write_new(out, written([MODEL_TABLE, *pieces_of(json_of(model))]))
    emit({"commitment": to_hex(model.commitment), "columns": list(shape.names)})


def _content(model: Released, form: str, table: str) -> bytes:
    from placet.models.released import json_of, onnx_of
    from placet.models.scorecard import Scorecard
    from placet.models.scorecard_export import csv_of, sql_of

    if form == ".json":
        return json_of(model)
    if not isinstance(model, Scorecard):
        return onnx_of(model)
    return sql_of(model, table).encode() if form == ".sql" else csv_of(model)


def _model(path: Path) -> Released:
    from placet.core.json_text import read_json
    from placet.models.released import released_in, released_of

    what = "the job's result"
    document = read_json(read(path, what), f"{what} {path}")
    if not isinstance(document, dict) or not isinstance(document.get("report"), dict):
        return released_of(document)
    model = released_in(document["report"])
    if model is None:
        raise InputError(
            "the result has no model",
            expected="of a recipe that trains one, with model: consumer, where there were enough of either label",
            found=str(path),
            remedy="a model that stays shared has no clear form: score by model-score",
        )
    return model
