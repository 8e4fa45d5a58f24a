"""Batch files for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from placet.core.batch_file import BatchHeader, BatchLine
from placet.core.enrolment_batch import Enrolments, signed
from placet.core.hashing import document_bytes
from placet.core.merkle import batch_root
from placet.vault.admission import Submission


def line_of(submission: Submission) -> BatchLine:
    consent, enrolment, opening = submission.consent, submission.enrolment, submission.opening
    assert enrolment is not None
    return BatchLine(
        consent=consent.fields,
        signature=submission.signature,
        enroller=enrolment.enroller,
        enrolled=enrolment.proof,
        opening=None if opening is None else (opening.subject, opening.salt),
    )


def made(environment: Any, subjects: list[str], **changes: Any) -> dict[bytes, BatchLine]:
    """Good lines by consent id, ascending."""
    found = [environment.consent(subject, **changes) for subject in subjects]
    return {full.id: line_of(submission) for full, submission in sorted(found, key=lambda one: one[0].id)}


def at_once(environment: Any, lines: dict[bytes, BatchLine], *others: BatchLine) -> Enrolments:
    """The enroller's word for the lines' owners, and more, in one batch."""
    pairs = [(line.consent.owner, line.consent.enrolment) for line in (*lines.values(), *others)]
    return signed(pairs, environment.scope.namespace, environment.enroller, environment.deployment.consents)


def relying(lines: dict[bytes, BatchLine], enrolments: Enrolments) -> dict[bytes, BatchLine]:
    """The same lines, whose enrolments are in that batch."""
    return {identity: line._replace(enrolled=enrolments.batch.root) for identity, line in lines.items()}


def header_of(environment: Any, ids: list[bytes], **changes: Any) -> BatchHeader:
    fields = {
        "offer": environment.offer,
        "scope": environment.scope,
        "count": len(ids),
        "root": batch_root(sorted(ids)),
        **changes,
    }
    return BatchHeader(**fields)


def write(path: Path, header: BatchHeader, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in (document_bytes(header), *lines)))
    return path


def file_of(environment: Any, path: Path, lines: dict[bytes, BatchLine]) -> Path:
    return write(path, header_of(environment, list(lines)), [line.encode() for line in lines.values()])
