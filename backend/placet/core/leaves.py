"""Leaves of a lawful set in bulk: groups of columns, in the tree's order, beside the evidence document.

A group is count(2) ‖ size(4) ‖ its columns, which have `size` bytes, one after the other:

    kind* ‖ owner ‖ key ‖ notBefore*(8) ‖ notAfter*(8) ‖ firstOpening*(4) ‖ uses*(4) ‖ language*(2) ‖ enrolment(32)
    ‖ salt(32) ‖ signature ‖ key's signature ‖ length*(2) ‖ assertion ‖ enroller*(20) ‖ the enroller's signature
    ‖ root*(32) ‖ row(32) ‖ batch*(32)

Kind 0 is an address with an ECDSA signature (65 bytes), kind 1 a P-256 owner with a signature of 64, kind 2 a P-256
owner with a passkey's assertion of so many bytes as its length says. The enroller's word is its signature (65); of
kinds 3, 4 and 5, the same owners, it is the root of the batch of enrolments in which the pair stands. A column has the
values of those leaves that have one, and is empty where none has: `owner` the address (20) or the verifier of the key,
`key` the key (64). One with * begins with a byte: 1 and a single value where all are the same, else 0 and a value a
leaf. Numbers are big-endian. Nothing that a column repeats is large, so a section of so many bytes has no more leaves
than some hundredth of them.
"""

from __future__ import annotations

import functools
import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from placet.core.consent import AnyFields, CompactConsent, ConsentFields, many_fields
from placet.core.enrolment import AnyEnrolment, enrolment_of, is_root
from placet.core.errors import InputError
from placet.core.evidence import Leaf
from placet.core.ids import BatchRoot
from placet.core.languages import LANGUAGES, TAGS, Language
from placet.core.webauthn import LONGEST, SHORTEST

GROUP = 2_048
"""Leaves of a group at the most."""
_HEAD = struct.Struct(">HI")
_WALLET, _P256, _PASSKEY = range(3)
_OWNERS = (20, 84, 84)
_KINDS = len(_OWNERS)
_ALL_KINDS = frozenset(range(2 * _KINDS))
_WORDS = (65, 32)
_LARGEST = 1 + 84 + 24 + 2 + 64 + 2 + LONGEST + 20 + 65 + 64
"""Bytes of a leaf at the most, without what begins a column."""
_FORMS = 10
"""Columns that begin with a byte."""
_MAX_TIME = 2**48


class LeafRecord(NamedTuple):
    """A leaf without objects inside. `subject` is what the enroller signed for: in a section the consent's enrolment.
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


class LeafColumns(NamedTuple):
    """The same of many leaves, a column each value; `subjects` are what the enrollers signed for."""

    owners: Sequence[bytes]
    not_before: Sequence[int]
    not_after: Sequence[int]
    first_opening: Sequence[int]
    uses: Sequence[int]
    enrolments: Sequence[bytes]
    salts: Sequence[bytes]
    languages: Sequence[Language]
    signatures: Sequence[bytes]
    enrollers: Sequence[bytes]
    subjects: Sequence[bytes]
    enrolled: Sequence[bytes]
    rows: Sequence[bytes]
    batches: Sequence[bytes]

    @classmethod
    def of(cls, leaves: Sequence[LeafRecord]) -> LeafColumns:
        """At least one."""
        consents, *words = zip(*leaves, strict=True)
        return cls(*zip(*consents, strict=True), *words)

    def consents(self) -> Iterator[AnyFields]:
        """Each consent's fields."""
        return zip(*self[:8], strict=True)

    def records(self) -> list[LeafRecord]:
        words = zip(many_fields(self.consents()), *self[8:], strict=True)
        return [*map(LeafRecord._make, words)]


def encode_leaves(leaves: Iterable[LeafRecord], size: int = GROUP) -> bytes:
    """Groups of `size` leaves; the last may have fewer. InputError for a leaf that no column can hold: signatures of
    other lengths than its signer's, another subject than the consent's."""
    left, groups = iter(leaves), []
    while part := list(itertools.islice(left, size)):
        groups.append(_encode(part))
    return b"".join(groups)


def _encode(leaves: Sequence[LeafRecord]) -> bytes:
    kinds = [*map(_kind, leaves)]
    consents = [leaf.consent for leaf in leaves]
    owner_kinds = [kind % _KINDS for kind in kinds]
    signatures = [
        [leaf.signature for leaf, kind in zip(leaves, owner_kinds, strict=True) if kind == one] for one in range(_KINDS)
    ]
    enrolled = [
        [leaf.enrolled for leaf, kind in zip(leaves, kinds, strict=True) if kind // _KINDS == one] for one in (0, 1)
    ]
    columns = b"".join(
        (
            _shared([bytes((kind,)) for kind in kinds]),
            *(consent.owner[:20] for consent in consents),
            *(consent.owner[20:] for consent in consents),
            _shared([consent.not_before.to_bytes(8, "big") for consent in consents]),
            _shared([consent.not_after.to_bytes(8, "big") for consent in consents]),
            _shared([consent.first_opening.to_bytes(4, "big") for consent in consents]),
            _shared([consent.uses.to_bytes(4, "big") for consent in consents]),
            _shared([consent.language.encode() for consent in consents]),
            *(consent.enrolment for consent in consents),
            *(consent.salt for consent in consents),
            *signatures[_WALLET],
            *signatures[_P256],
            _shared([len(assertion).to_bytes(2, "big") for assertion in signatures[_PASSKEY]]),
            *signatures[_PASSKEY],
            _shared([leaf.enroller for leaf in leaves]),
            *enrolled[0],
            _shared(enrolled[1]),
            *(leaf.row for leaf in leaves),
            _shared([leaf.batch for leaf in leaves]),
        )
    )
    return _HEAD.pack(len(leaves), len(columns)) + columns


def _shared(values: Sequence[bytes]) -> bytes:
    """A column whose values may all be the same."""
    if not values:
        return b""
    return b"\x01" + values[0] if len(set(values)) == 1 else b"\x00" + b"".join(values)


def _kind(leaf: LeafRecord) -> int:
    owner, signature = len(leaf.consent.owner), len(leaf.signature)
    kind = _WALLET if owner == 20 else _P256 if signature == 64 else _PASSKEY
    if (
        leaf.subject != leaf.consent.enrolment
        or len(leaf.enrolled) not in _WORDS
        or owner != _OWNERS[kind]
        or signature != (65, 64, signature)[kind]
        or (kind == _PASSKEY and not _is_assertion(signature))
    ):
        raise InputError(
            "a leaf that no section can hold", expected="signatures by ECDSA, P-256 or a passkey, and one enrolment"
        )
    return kind + _KINDS * is_root(leaf.enrolled)


def _is_assertion(size: int) -> bool:
    return size % 32 == 0 and SHORTEST <= size <= LONGEST


def split_groups(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The groups in a section that comes in pieces, and how many leaves each claims. InputError for a group that is too
    large, or ends too early."""
    buffer, start = bytearray(), 0
    for piece in pieces:
        buffer += piece
        while start + _HEAD.size <= len(buffer):
            count, size = _HEAD.unpack_from(buffer, start)
            if not 0 < count <= GROUP or size > count * _LARGEST + _FORMS:
                expected = f"1 to {GROUP} leaves, {_LARGEST} bytes each at the most"
                raise InputError("no group of leaves", expected=expected, found=f"{count} leaves in {size} bytes")
            end = start + _HEAD.size + size
            if end > len(buffer):
                break
            yield count, bytes(buffer[start:end])
            start = end
        del buffer[:start]
        start = 0
    if buffer:
        raise InputError("leaves end in the middle of a group", found=f"{len(buffer)} bytes too many")


def decode_leaves(joined: bytes) -> list[LeafRecord]:
    """Whole groups, one after the other. InputError for anything else."""
    return [leaf for _, group in split_groups((joined,)) for leaf in decode_group(group).records()]


def decode_group(group: bytes) -> LeafColumns:
    """One group's leaves. InputError for what is none."""
    count, _ = _HEAD.unpack_from(group)
    read = _Columns(group)
    kinds = [kind[0] for kind in read.shared(1, count)]
    if not _ALL_KINDS.issuperset(kinds):
        raise InputError("no kind of a leaf", expected="0 to 5", found=max(kinds))
    owner_kinds = [kind % _KINDS for kind in kinds]
    wallets, of_p256, passkeys = map(owner_kinds.count, range(_KINDS))
    owners = read.each(20, count)
    if wallets < count:
        keys = iter(read.each(64, count - wallets))
        owners = [
            owner if kind == _WALLET else owner + next(keys) for owner, kind in zip(owners, owner_kinds, strict=True)
        ]
    times = read.numbers(8, count), read.numbers(8, count)
    if max(map(max, times)) >= _MAX_TIME:
        raise InputError("a time that no consent has", expected="48 bits")
    openings = read.numbers(4, count), read.numbers(4, count)
    try:
        languages = [TAGS[tag] for tag in read.shared(2, count)]
    except KeyError:
        raise InputError("a leaf in no known language", expected=" or ".join(LANGUAGES)) from None
    enrolments, salts = read.each(32, count), read.each(32, count)
    signatures = [read.each(65, wallets), read.each(64, of_p256), read.assertions(passkeys)]
    enrollers = read.shared(20, count)
    roots = sum(kind >= _KINDS for kind in kinds)
    enrolled = [read.each(65, count - roots), read.shared(32, roots)]
    rows, batches = read.each(32, count), read.shared(32, count)
    read.demand_end()
    return LeafColumns(
        owners,
        *times,
        *openings,
        enrolments,
        salts,
        languages,
        _spread(signatures, owner_kinds),
        enrollers,
        enrolments,
        _spread(enrolled, [kind // _KINDS for kind in kinds]),
        rows,
        batches,
    )


def _spread(columns: Sequence[Sequence[bytes]], kinds: Sequence[int]) -> Sequence[bytes]:
    """The values of several columns in the leaves' order; each leaf's is the next in the column of its kind."""
    whole = next((column for column in columns if len(column) == len(kinds)), None)
    if whole is not None:
        return whole
    left = [*map(iter, columns)]
    return [next(left[kind]) for kind in kinds]


class _Columns:
    """Reads the columns of a group, one after the other. InputError where they do not have what they should."""

    def __init__(self, group: bytes) -> None:
        self._raw, self._at = group, _HEAD.size

    def each(self, width: int, count: int) -> Sequence[bytes]:
        """A value a leaf."""
        raw = self._take(width * count)
        return _layout(width, count).unpack(raw) if count else ()

    def shared(self, width: int, count: int) -> Sequence[bytes]:
        """The same of a column whose values may all be the same; and then it has one, in just one form."""
        raw, is_one = self._raw_shared(width, count)
        return [raw] * count if is_one else _layout(width, count).unpack(raw)

    def numbers(self, width: int, count: int) -> Sequence[int]:
        """The same of numbers of 4 or 8 bytes."""
        raw, is_one = self._raw_shared(width, count)
        if is_one:
            return [int.from_bytes(raw, "big")] * count
        numbers: tuple[int, ...] = struct.unpack(f">{count}{'I' if width == 4 else 'Q'}", raw)
        return numbers

    def assertions(self, count: int) -> Sequence[bytes]:
        """Lengths, and so many bytes each."""
        sizes = [int.from_bytes(size, "big") for size in self.shared(2, count)]
        for size in sizes:
            if not _is_assertion(size):
                expected = f"whole words, {SHORTEST} to {LONGEST} bytes"
                raise InputError("no passkey's assertion", expected=expected, found=size)
        return [self._take(size) for size in sizes]

    def demand_end(self) -> None:
        if self._at != len(self._raw):
            raise InputError("something follows a group's columns", found=f"{len(self._raw) - self._at} bytes too many")

    def _raw_shared(self, width: int, count: int) -> tuple[bytes, bool]:
        if not count:
            return b"", True
        form = self._take(1)[0]
        raw = self._take(width if form == 1 else width * count)
        if form > 1 or (form == 0 and raw == raw[:width] * count):
            raise InputError("a column of another form", expected="1 and one value, or 0 and values that differ")
        return raw, form == 1

    def _take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._raw):
            raise InputError("a group's columns end too early", expected=f"{self._at} bytes", found=len(self._raw))
        return self._raw[start : self._at]


@functools.lru_cache(maxsize=16)
def _layout(width: int, count: int) -> struct.Struct:
    return struct.Struct(f"{width}s" * count)
