"""Leaf records: what is written is read, nothing else is, and what tests/vectors/leaves.json says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.consent import ConsentFields
from placet.core.errors import InputError
from placet.core.evidence import Section
from placet.core.hashing import sha256
from placet.core.languages import LANGUAGES
from placet.core.leaves import LeafRecord, decode_records, record_size
from placet.core.values import from_hex

from .leaf_vectors import FILE, reference

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


TONGUES = st.sampled_from(LANGUAGES)


def octets(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def records(owner: int, signature: int, enrolled: int = 65) -> st.SearchStrategy[LeafRecord]:
    u48, u32 = st.integers(0, 2**48 - 1), st.integers(0, 2**32 - 1)
    others = {"not_before": u48, "not_after": u48, "first_opening": u32, "uses": u32, "language": TONGUES}
    values = {
        "signature": signature,
        "enroller": 20,
        "enrolled": enrolled,
        "row": 32,
        "batch": 32,
    }
    made = st.builds(
        LeafRecord,
        consent=st.builds(ConsentFields, owner=octets(owner), enrolment=octets(32), salt=octets(32), **others),
        subject=st.just(bytes(32)),
        **{name: octets(size) for name, size in values.items()},
    )
    return made.map(lambda record: record._replace(subject=record.consent.enrolment))


SHAPES = ((20, 65), (84, 64), (84, 256), (84, 1024))
RECORDS = st.one_of(*(records(*shape, enrolled) for shape in SHAPES for enrolled in (65, 32)))


def of_vector(values: dict[str, Any]) -> LeafRecord:
    def at(name: str) -> bytes:
        return from_hex(values[name])

    return LeafRecord(
        ConsentFields(
            at("owner"),
            values["notBefore"],
            values["notAfter"],
            values["firstOpening"],
            values["uses"],
            at("enrolment"),
            at("salt"),
            values["language"],
        ),
        at("signature"),
        at("enroller"),
        at("enrolment"),
        at("enrolled"),
        at("row"),
        at("batch"),
    )


def test_the_vectors_are_those_of_the_document() -> None:
    assert reference() == VECTORS


def test_vectors() -> None:
    joined = b""
    for vector in VECTORS["leaves"]:
        raw = from_hex(vector["record"])
        assert of_vector(vector["leaf"]).encode() == raw
        assert decode_records(raw) == [of_vector(vector["leaf"])]
        joined += raw
    section = Section(count=len(decode_records(joined)), size=len(joined), hash=sha256(joined))
    assert section.to_json() == VECTORS["section"]


@given(st.lists(RECORDS, max_size=5))
def test_what_is_written_is_read(leaves: list[LeafRecord]) -> None:
    assert decode_records(b"".join(leaf.encode() for leaf in leaves)) == leaves


@given(RECORDS.filter(lambda record: record.consent.uses > 0))
def test_a_leaf_has_one_record(record: LeafRecord) -> None:
    assert LeafRecord.of(record.leaf()) == record


@given(RECORDS, st.integers(1, 400))
def test_nothing_else_is_read(record: LeafRecord, cut: int) -> None:
    raw = record.encode()
    if cut < len(raw):
        with pytest.raises(InputError):
            decode_records(raw[:-cut])
    with pytest.raises(InputError):
        decode_records(bytes([6]) + raw[1:])


def test_a_record_in_an_unknown_language_is_refused() -> None:
    raw = from_hex(VECTORS["leaves"][0]["record"])
    place = raw.index(b"en", 21)
    with pytest.raises(InputError, match="language"):
        decode_records(raw[:place] + b"xx" + raw[place + 2 :])


@pytest.mark.parametrize("size", [0, 64, 224, 255, 481, 1056, 65535])
def test_a_passkeys_record_says_a_length_that_an_assertion_has(size: int) -> None:
    record = next(of_vector(vector["leaf"]) for vector in VECTORS["leaves"] if len(vector["leaf"]["signature"]) == 962)
    raw = record.encode()
    place = raw.index(record.signature) - 2
    changed = raw[:place] + size.to_bytes(2, "big") + raw[place + 2 :] + bytes(70_000)
    with pytest.raises(InputError, match="no passkey's assertion"):
        decode_records(changed)
    assert record_size(raw[: place + 1], 0) > len(raw)
    if size != 64:
        with pytest.raises(InputError):
            record._replace(signature=bytes(size)).encode()


@pytest.mark.parametrize(
    "change", [{"subject": bytes(32)}, {"signature": bytes(66)}, {"signature": bytes(63)}, {"enrolled": bytes(64)}]
)
def test_what_has_no_record_is_refused(change: dict[str, bytes]) -> None:
    record = of_vector(VECTORS["leaves"][0]["leaf"])
    with pytest.raises(InputError, match="no record"):
        record._replace(**change).encode()
