"""From what was handed in to what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from placet.core.batch_file import at_line, decode_line
from placet.core.errors import ConsentError
from placet.core.ids import ConsentId
from placet.vault.admission import AdmissionContext, Submission, admit_checked
from placet.vault.batches import Chunk
from placet.vault.records import ConsentRecord

Tag = Callable[[str], bytes]
"""A subject to its keyed tag."""


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


def admit_lines(
    chunks: Iterable[Chunk], situation: AdmissionContext, tag: Tag, tell: Callable[[int], None]
) -> Iterator[dict[ConsentId, ConsentRecord]]:
    """The records of a batch file's lines, chunk by chunk, by consent id. InputError names a line that may not come in;
    `tell` is told how many have."""
    for chunk in chunks:
        admitted: dict[ConsentId, ConsentRecord] = {}
        for place, (identity, raw) in enumerate(zip(chunk.ids, chunk.lines, strict=True)):
            submission = Submission.of_line(decode_line(raw))
            try:
                admit_checked(identity, submission, situation)
            except ConsentError as error:
                raise at_line(chunk.first + place, error) from None
            admitted[identity] = record_of(submission, tag)
        yield admitted
        tell(chunk.progress.lines)
