"""Leaves of a lawful set in bulk: one record a leaf, in the tree's order, beside the evidence document.

    kind(1) ‖ owner ‖ notBefore(6) ‖ notAfter(6) ‖ firstOpening(4) ‖ uses(4) ‖ enrolment(32) ‖ salt(32) ‖ signature
    ‖ enroller(20) ‖ the enroller's signature(65) ‖ row(32) ‖ batch(32)

Kind 0 is an address (20 bytes) with an ECDSA signature (65), kind 1 a P-256 owner (84) with a signature of 64. Numbers
are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from placet.core.consent import CompactConsent, ConsentFields
from placet.core.enrolment import Enrolment
from placet.core.errors import InputError
from placet.core.evidence import Leaf
from placet.core.ids import BatchRoot

_SIGNATURES = {20: 65, 84: 64}
_OWNERS = (20, 84)
_NUMBERS = struct.Struct(">HIHIII")
_FIXED = 1 + _NUMBERS.size + 32 + 32 + 20 + 65 + 32 + 32
SIZES = tuple(_FIXED + owner + _SIGNATURES[owner] for owner in _OWNERS)
"""Bytes of a record by its kind."""
LONGEST = max(SIZES)


class LeafRecord(NamedTuple):
    """A leaf without objects inside. `subject` is what the enroller signed for: in a record the consent's enrolment."""

    consent: ConsentFields
    signature: bytes
    enroller: bytes
    subject: bytes
    enrolled: bytes
    row: bytes
    batch: BatchRoot

    @classmethod
    def of(cls, leaf: Leaf) -> LeafRecord:
        return cls.made(leaf.consent, leaf.signature, leaf.enrolment, leaf.row, leaf.batch)

    @classmethod
    def made(
        cls, words: CompactConsent, signature: bytes, enrolment: Enrolment, row: bytes, batch: BatchRoot
    ) -> LeafRecord:
        """From a leaf's parts."""
        return cls(
            words.fields,
            signature,
            enrolment.enroller,
            enrolment.subject,
            enrolment.signature,
            row,
            batch,
        )

    def leaf(self) -> Leaf:
        consent = CompactConsent.of(self.consent)
        enrolment = Enrolment(enroller=self.enroller, subject=self.subject, signature=self.enrolled)
        return Leaf(consent=consent, signature=self.signature, enrolment=enrolment, row=self.row, batch=self.batch)

    def encode(self) -> bytes:
        """InputError for a leaf that has no record: signatures of other lengths, another subject than the consent's."""
        words = self.consent
        kind = len(words.owner) == 84
        before, after = divmod(words.not_before, 2**32), divmod(words.not_after, 2**32)
        raw = b"".join(
            (
                bytes((kind,)),
                words.owner,
                _NUMBERS.pack(*before, *after, words.first_opening, words.uses),
                words.enrolment,
                words.salt,
                self.signature,
                self.enroller,
                self.enrolled,
                self.row,
                self.batch,
            )
        )
        if self.subject != words.enrolment or len(raw) != SIZES[kind] or len(self.enrolled) != 65:
            raise InputError("a leaf that has no record", expected="ECDSA or P-256 signatures, one enrolment")
        return raw


def decode_records(joined: bytes) -> list[LeafRecord]:
    """Whole records, one after the other. InputError for anything else."""
    return [_decode(raw) for raw in split_records(joined)]


def split_records(joined: bytes) -> Iterator[bytes]:
    """The records in `joined`; InputError if it does not end with one."""
    start = 0
    while start < len(joined):
        end = start + record_size(joined, start)
        if end > len(joined):
            raise InputError("leaf records end in the middle of one", found=f"{len(joined) - start} bytes too many")
        yield joined[start:end]
        start = end


def record_size(joined: bytes | bytearray, start: int) -> int:
    """Bytes of the record that starts there. InputError for a kind that is none."""
    kind = joined[start]
    if kind >= len(SIZES):
        raise InputError("no leaf record", expected="kind 0 or 1", found=kind)
    return SIZES[kind]


def _decode(raw: bytes) -> LeafRecord:
    owner = _OWNERS[raw[0]]
    numbers = 1 + owner
    enrolment = numbers + _NUMBERS.size
    salt = enrolment + 32
    signature = salt + 32
    enroller = signature + _SIGNATURES[owner]
    enrolled = enroller + 20
    row = enrolled + 65
    b_high, b_low, a_high, a_low, first, uses = _NUMBERS.unpack_from(raw, numbers)
    subject = raw[enrolment:salt]
    return LeafRecord(
        ConsentFields(
            raw[1:numbers],
            b_high << 32 | b_low,
            a_high << 32 | a_low,
            first,
            uses,
            subject,
            raw[salt:signature],
        ),
        raw[signature:enroller],
        raw[enroller:enrolled],
        subject,
        raw[enrolled:row],
        raw[row : row + 32],
        BatchRoot(raw[row + 32 :]),
    )
