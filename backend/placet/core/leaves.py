"""Leaves of a lawful set in bulk: one record a leaf, in the tree's order, beside the evidence document.

    kind(1) ‖ owner ‖ notBefore(6) ‖ notAfter(6) ‖ firstOpening(4) ‖ uses(4) ‖ language(2) ‖ enrolment(32) ‖ salt(32)
    ‖ signature ‖ enroller(20) ‖ the enroller's word ‖ row(32) ‖ batch(32)

Kind 0 is an address (20 bytes) with an ECDSA signature (65), kind 1 a P-256 owner (84) with a signature of 64, kind 2 a
P-256 owner with a passkey's assertion: its length (2), then so many bytes. The enroller's word is its signature (65);
of kinds 3, 4 and 5, the same owners, it is the root (32) of the batch of enrolments in which the pair stands. Numbers
are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from placet.core.consent import CompactConsent, ConsentFields
from placet.core.enrolment import AnyEnrolment, enrolment_of, is_root
from placet.core.errors import InputError
from placet.core.evidence import Leaf
from placet.core.ids import BatchRoot
from placet.core.languages import LANGUAGES, TAGS
from placet.core.webauthn import LONGEST, SHORTEST

_WALLET, _P256, _PASSKEY = range(3)
_SIGNATURES = (65, 64, None)
_OWNERS = (20, 84, 84)
_KINDS = len(_OWNERS)
_NUMBERS = struct.Struct(">HIHIII2s")
_BEFORE = _NUMBERS.size + 32 + 32
"""Bytes between owner and signature."""
_WORDS = (65, 32)
_AFTER = tuple(20 + word + 32 + 32 for word in _WORDS)
_LENGTH_AT = 1 + 84 + _BEFORE
SIZES = tuple(
    None if signature is None else 1 + owner + _BEFORE + signature + after
    for after in _AFTER
    for owner, signature in zip(_OWNERS, _SIGNATURES, strict=True)
)
"""Bytes of a record by its kind; None where the record says it."""
LARGEST = _LENGTH_AT + 2 + LONGEST + _AFTER[0]


class LeafRecord(NamedTuple):
    """A leaf without objects inside. `subject` is what the enroller signed for: in a record the consent's enrolment.
    `enrolled` is the enroller's signature, or a batch's root."""

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
        cls, words: CompactConsent, signature: bytes, enrolment: AnyEnrolment, row: bytes, batch: BatchRoot
    ) -> LeafRecord:
        """From a leaf's parts."""
        return cls(
            words.fields,
            signature,
            enrolment.enroller,
            enrolment.subject,
            enrolment.proof,
            row,
            batch,
        )

    def leaf(self) -> Leaf:
        consent = CompactConsent.of(self.consent)
        enrolment = enrolment_of(self.enroller, self.subject, self.enrolled)
        return Leaf(consent=consent, signature=self.signature, enrolment=enrolment, row=self.row, batch=self.batch)

    def encode(self) -> bytes:
        """InputError for a leaf that has no record: signatures of other lengths, another subject than the consent's."""
        words = self.consent
        kind = _WALLET if len(words.owner) == 20 else _P256 if len(self.signature) == 64 else _PASSKEY
        length = b"" if kind != _PASSKEY else len(self.signature).to_bytes(2, "big")
        before, after = divmod(words.not_before, 2**32), divmod(words.not_after, 2**32)
        raw = b"".join(
            (
                bytes((kind + _KINDS * is_root(self.enrolled),)),
                words.owner,
                _NUMBERS.pack(*before, *after, words.first_opening, words.uses, words.language.encode()),
                words.enrolment,
                words.salt,
                length,
                self.signature,
                self.enroller,
                self.enrolled,
                self.row,
                self.batch,
            )
        )
        if (
            self.subject != words.enrolment
            or len(self.enrolled) not in _WORDS
            or len(words.owner) != _OWNERS[kind]
            or len(self.signature) != (_SIGNATURES[kind] or _assertion_size(len(self.signature)))
        ):
            raise InputError(
                "a leaf that has no record", expected="signatures by ECDSA, P-256 or a passkey, and one enrolment"
            )
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
    """Bytes of the record that starts there; `LARGEST` while its length has not come yet. InputError for a kind that
    is none, or a length that no assertion has."""
    kind = joined[start]
    if kind >= len(SIZES):
        raise InputError("no leaf record", expected="kind 0 to 5", found=kind)
    size = SIZES[kind]
    if size is not None:
        return size
    length = joined[start + _LENGTH_AT : start + _LENGTH_AT + 2]
    if len(length) < 2:
        return LARGEST
    return _LENGTH_AT + 2 + _assertion_size(int.from_bytes(length, "big")) + _AFTER[kind // _KINDS]


def _assertion_size(size: int) -> int:
    if size % 32 or not SHORTEST <= size <= LONGEST:
        raise InputError("no passkey's assertion", expected=f"whole words, {SHORTEST} to {LONGEST} bytes", found=size)
    return size


def _decode(raw: bytes) -> LeafRecord:
    batched, kind = divmod(raw[0], _KINDS)
    owner = _OWNERS[kind]
    numbers = 1 + owner
    enrolment = numbers + _NUMBERS.size
    salt = enrolment + 32
    signature = salt + 32 + 2 * (kind == _PASSKEY)
    enroller = len(raw) - _AFTER[batched]
    enrolled = enroller + 20
    row = enrolled + _WORDS[batched]
    b_high, b_low, a_high, a_low, first, uses, language = _NUMBERS.unpack_from(raw, numbers)
    if language not in TAGS:
        raise InputError("a leaf record in no known language", expected=" or ".join(LANGUAGES))
    subject = raw[enrolment:salt]
    return LeafRecord(
        ConsentFields(
            raw[1:numbers],
            b_high << 32 | b_low,
            a_high << 32 | a_low,
            first,
            uses,
            subject,
            raw[salt : salt + 32],
            TAGS[language],
        ),
        raw[signature:enroller],
        raw[enroller:enrolled],
        subject,
        raw[enrolled:row],
        raw[row : row + 32],
        BatchRoot(raw[row + 32 :]),
    )
