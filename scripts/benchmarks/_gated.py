"""A scorecard trained as a job, gated by consents, anchored and paid for, and the same training bare.

Over the first rows of the credit card data, by the sample study of credit decisions for persons. `job` is all that runs
between the request and the result, at three institutions on this machine; founding them, the consents and the audit are
none of it.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

import numpy as np
from _credit import DATA
from _spu import bare

from placet.cli import study_run
from placet.core.csv_file import written
from placet.core.toml_file import read_toml
from placet.models import binning
from placet.protocols.mpc.program import Size
from placet.recipes.blocks.features import features_of
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_scorecard.run import program_of
from placet.study.document import study_of
from placet.study.tables import StudyData, read_tables
from placet.study.terms import terms_of

SAMPLE = Path(__file__).resolve().parents[1] / "examples" / "risk-control" / "persons.toml"
SOURCE = "credit/uci_credit_card.csv"
LABEL = "default.payment.next.month"
Figures = dict[str, object]


def measure(rows: int = 6_000) -> Figures | None:
    """{rows, job_s, bare_s, ratio of processor seconds, met}; None where the data are not there."""
    if not (DATA / SOURCE).is_file():
        return None
    with tempfile.TemporaryDirectory(prefix="placet-gated-") as name:
        data = _study(Path(name), rows)
        outcome = study_run.run(data, say=lambda text: print(text, file=sys.stderr))
        gated = outcome.processor_seconds["job"]
        alone = _bare(data, rows)
    return {
        "rows": rows,
        "job_processor_s": gated,
        "bare_processor_s": round(alone, 1),
        "ratio": round(gated / alone, 2),
        "verdict": outcome.audit["verdict"],
        "met": gated / alone <= 1.25,
    }


def _study(folder: Path, rows: int) -> StudyData:
    document = read_toml(SAMPLE, SAMPLE.name)
    with (DATA / SOURCE).open(newline="", encoding="utf-8") as stream:
        persons = [row for row, _ in zip(csv.DictReader(stream), range(rows), strict=False)]
    label = document["label"]
    for institution in document["institutions"]:
        columns = list(institution["columns"])
        rows_of = [
            [f"P{person['ID']}", *(person[LABEL if column == label else column.upper()] for column in columns)]
            for person in persons
        ]
        (folder / institution["file"]).write_bytes(written([[institution["identifier"], *columns], *rows_of]))
    return read_tables(terms_of(study_of(document)), folder)


def _bare(data: StudyData, rows: int) -> float:
    """Processor seconds of the program that the job ran, with as many rows that train and test."""
    terms = data.terms
    tables = [*data.providers, data.consumer]
    roles = [table.part.role.name for table in tables]
    train = rows * terms.parameters.split.train // 100  # type: ignore[attr-defined]
    program = program_of(terms.parameters, roles, RowParts(train, 0, rows - train))  # type: ignore[arg-type]
    arrays = []
    for owner, table in enumerate(tables):
        codes = [
            binning.fit(table.cells[one.column], one.kind, one.bins, least=program.smallest).codes(
                table.cells[one.column]
            )
            for one in features_of(terms.parameters, roles[owner])  # type: ignore[arg-type]
        ]
        arrays.append(program.bring(owner, np.stack(codes, axis=1), np.ones(rows, np.bool_)))
    labels = np.array(data.consumer.cells[terms.study.label or ""], dtype=np.int64)
    arrays[-1] = np.concatenate([arrays[-1], labels[:, None]], axis=1)
    return bare(program, arrays, Size(rows)).processor
