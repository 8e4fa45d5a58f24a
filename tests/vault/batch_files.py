"""Batch files for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from placet.core.batch_columns import write_batch
from placet.core.batch_file import BatchHeader, BatchRow
from placet.core.enrolment_batch import Enrolments, signed
from placet.core.merkle import batch_root
from placet.vault.admission import Submission

GROUP = 64
"""Rows of a group in these files."""


def row_of(submission: Submission) -> BatchRow:
    consent, enrolment, opening = submission.consent, submission.enrolment, submission.opening
    assert enrolment is not None
    return BatchRow(
        consent=consent.fields,
        signature=submission.signature,
        enroller=enrolment.enroller,
        enrolled=enrolment.proof,
        opening=None if opening is None else (opening.subject, opening.salt),
    )


def made(environment: Any, subjects: list[str], **changes: Any) -> dict[bytes, BatchRow]:
    """Good rows by consent id, ascending."""
    found = [environment.consent(subject, **changes) for subject in subjects]
    return {full.id: row_of(submission) for full, submission in sorted(found, key=lambda one: one[0].id)}


def at_once(environment: Any, rows: dict[bytes, BatchRow], *others: BatchRow) -> Enrolments:
    """The enroller's word for the rows' owners, and more, in one batch."""
    pairs = [(row.consent.owner, row.consent.enrolment) for row in (*rows.values(), *others)]
    return signed(pairs, environment.scope.namespace, environment.enroller, environment.deployment.consents)


def relying(rows: dict[bytes, BatchRow], enrolments: Enrolments) -> dict[bytes, BatchRow]:
    """The same rows, whose enrolments are in that batch."""
    return {identity: row._replace(enrolled=enrolments.batch.root) for identity, row in rows.items()}


def header_of(environment: Any, ids: list[bytes], **changes: Any) -> BatchHeader:
    fields = {
        "offer": environment.offer,
        "scope": environment.scope,
        "count": len(ids),
        "root": batch_root(sorted(ids)),
        **changes,
    }
    return BatchHeader(**fields)


def write(path: Path, header: BatchHeader, rows: Iterable[BatchRow]) -> Path:
    with path.open("wb") as sink:
        write_batch(sink, header, rows, GROUP)
    return path


def file_of(environment: Any, path: Path, rows: dict[bytes, BatchRow]) -> Path:
    return write(path, header_of(environment, list(rows)), rows.values())
