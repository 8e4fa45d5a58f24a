"""`placet model export`: a scorecard that the consumer got in clear, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import read, write_new
from placet.cli.output import say
from placet.core.errors import InputError

if TYPE_CHECKING:
    from placet.models.scorecard import Scorecard

FORMS = (".json", ".csv", ".sql")


def export(
    result: Annotated[
        Path, typer.Argument(help="A job's result as placet job result gives it, or a scorecard, as JSON.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The new file: its ending says the form: .json, .csv or .sql.")],
    table: Annotated[str, typer.Option("--table", help="With .sql: the table whose rows are scored.")] = "applicants",
) -> None:
    """Write a scorecard as its JSON document, as a table of points, or as an SQL query that scores a table's rows;
    needs neither node nor chain."""
    if out.suffix not in FORMS:
        raise InputError("no such form of a scorecard", expected=", ".join(FORMS), found=out.name[:80])
    from placet.models.scorecard_export import csv_of, json_of, sql_of

    card = _scorecard(result)
    if out.suffix == ".sql":
        content = sql_of(card, table).encode()
    else:
        content = csv_of(card) if out.suffix == ".csv" else json_of(card)
    write_new(out, content)
    say(f"{out}: a scorecard of {len(card.columns)} columns")


def _scorecard(path: Path) -> Scorecard:
    from pydantic_core import from_json

    from placet.core.values import parse
    from placet.models.scorecard import Scorecard

    what = "the job's result"
    raw = read(path, what)
    try:
        document = from_json(raw)  # Python's own decoder may overflow the stack on deep nesting
    except ValueError:
        raise InputError(f"{what} is no JSON", found=str(path)) from None
    if isinstance(document, dict) and isinstance(document.get("report"), dict):
        if "scorecard" not in document["report"]:
            raise InputError(
                "the result has no scorecard",
                expected="of joint-scorecard with model: consumer, where there were enough of either label",
                found=str(path),
                remedy="a model that stays shared has no clear form: score by model-score",
            )
        document = document["report"]["scorecard"]
    return parse(Scorecard, document, what="the scorecard")
