"""From what was handed in to what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from json.encoder import encode_basestring

from placet.core.batch_file import BatchRow, at_row
from placet.core.enrolment import is_root
from placet.core.errors import ConsentError
from placet.core.values import ZERO32
from placet.vault.admission import AdmissionContext, Submission, Tag, admit_checked
from placet.vault.batches import Chunk
from placet.vault.columns import column, find
from placet.vault.records import ConsentRecord, NewRecord


def record_of(submission: Submission, tag: Tag) -> ConsentRecord:
    """A submission that was admitted, as the vault keeps it."""
    opening = submission.opening
    return ConsentRecord(
        consent=submission.consent,
        signature=submission.signature,
        enrolment=submission.enrolment,
        opening=opening,
        subject=None if opening is None else tag(opening.subject),
    )


def record_text(row: BatchRow, subject: bytes) -> bytes:
    """The JSON of the `ConsentRecord` of a batch file's row that has an opening; `subject`: its tag."""
    (owner, not_before, not_after, first_opening, uses, enrolment, salt, language), signature, enroller, proof, _ = row
    name, opening_salt = row.opening or ("", b"")
    kind = "batch" if is_root(proof) else "signature"
    return (
        f'{{"consent":{{"owner":"0x{owner.hex()}","not_before":{not_before},"not_after":{not_after},'
        f'"first_opening":{first_opening},"uses":{uses},"enrolment":"0x{enrolment.hex()}","salt":"0x{salt.hex()}",'
        f'"language":"{language}"}},"signature":"0x{signature.hex()}",'
        f'"enrolment":{{"enroller":"0x{enroller.hex()}","subject":"0x{enrolment.hex()}","{kind}":"0x{proof.hex()}"}},'
        f'"opening":{{"subject":{encode_basestring(name)},"salt":"0x{opening_salt.hex()}"}},"subject":"0x{subject.hex()}"}}'
    ).encode()


def admit_rows(
    chunks: Iterable[Chunk], situation: AdmissionContext, tell: Callable[[int], None]
) -> Iterator[list[NewRecord]]:
    """The records of a batch file's rows, group by group. InputError names a row that may not come in; `tell` is told
    how many have."""
    for chunk in chunks:
        rows = chunk.rows()
        tags = [ZERO32 if row.opening is None else situation.tag(row.opening[0]) for row in rows]
        known = find(situation.subjects.tags, column(b"".join(tags)))[1].tolist()
        for place, (identity, row, is_known) in enumerate(zip(chunk.ids, rows, known, strict=True)):
            try:
                admit_checked(identity, row, is_known, situation)
            except ConsentError as error:
                raise at_row(chunk.group.first + place, error) from None
        yield [
            NewRecord(identity, row.consent.owner, record_text(row, tag))
            for identity, row, tag in zip(chunk.ids, rows, tags, strict=True)
        ]
        tell(chunk.progress.rows)
