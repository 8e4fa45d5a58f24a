"""Leaves in columns: what is written is read, nothing else is, and what tests/vectors/leaves.json says."""

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
from placet.core.leaves import GROUP, LeafRecord, decode_leaves, encode_leaves, split_groups
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
    joined, count = b"", 0
    for vector in VECTORS["groups"]:
        raw, leaves = from_hex(vector["group"]), [of_vector(leaf) for leaf in vector["leaves"]]
        assert encode_leaves(leaves) == raw
        assert decode_leaves(raw) == leaves
        joined, count = joined + raw, count + len(leaves)
    section = Section(count=count, size=len(joined), hash=sha256(joined))
    assert section.to_json() == VECTORS["section"]


LEAVES = st.lists(RECORDS, min_size=1, max_size=6)


@given(LEAVES, st.integers(1, 4))
def test_what_is_written_is_read(leaves: list[LeafRecord], size: int) -> None:
    joined = encode_leaves(leaves, size)
    assert decode_leaves(joined) == leaves
    groups = [*split_groups(joined[start : start + 100] for start in range(0, len(joined), 100))]
    assert b"".join(group for _, group in groups) == joined
    assert [count for count, _ in groups] == [
        len(leaves[start : start + size]) for start in range(0, len(leaves), size)
    ]


@given(RECORDS, st.integers(2, 5))
def test_what_is_the_same_stands_there_once(leaf: LeafRecord, count: int) -> None:
    """All but what no two leaves have in common; and in no other form."""
    one, many = (len(encode_leaves([leaf] * times)) for times in (1, count))
    of_each = len(leaf.consent.owner) + 64 + len(leaf.signature) + 32 + (len(leaf.enrolled) == 65) * 65
    assert many - one == (count - 1) * of_each


@given(RECORDS.filter(lambda record: record.consent.uses > 0))
def test_a_leaf_has_one_record(record: LeafRecord) -> None:
    assert LeafRecord.of(record.leaf()) == record


@given(LEAVES, st.data())
def test_no_other_bytes_are_the_same_leaves(leaves: list[LeafRecord], data: st.DataObject) -> None:
    """What is cut or longer is refused; of what is changed nothing is read that would be written otherwise."""
    raw = encode_leaves(leaves)
    with pytest.raises(InputError):
        decode_leaves(raw[: data.draw(st.integers(1, len(raw) - 1))])
    with pytest.raises(InputError):
        decode_leaves(raw + b"\0")
    place = data.draw(st.integers(0, len(raw) - 1))
    other = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
    try:
        found = decode_leaves(other)
    except InputError:
        return
    assert found != leaves
    assert encode_leaves(found) == other


GOOD = from_hex(VECTORS["groups"][1]["group"])
HEAD = 6
"""Bytes before a group's columns; the first of them is that of the kinds."""


def with_columns(count: int, columns: bytes) -> bytes:
    return count.to_bytes(2, "big") + len(columns).to_bytes(4, "big") + columns


HOSTILE = {
    "no leaves": with_columns(0, b""),
    "too many leaves": with_columns(GROUP + 1, bytes(GROUP)),
    "more bytes than so many leaves have": with_columns(1, bytes(2_000)),
    "a size beyond its end": GOOD[:2] + (len(GOOD) - HEAD + 1).to_bytes(4, "big") + GOOD[HEAD:],
    "a size before its end": GOOD[:2] + (len(GOOD) - HEAD - 1).to_bytes(4, "big") + GOOD[HEAD:],
    "something behind its columns": with_columns(3, GOOD[HEAD:] + b"\0"),
    "fewer leaves than its columns have": with_columns(2, GOOD[HEAD:]),
    "more leaves than its columns have": with_columns(4, GOOD[HEAD:]),
    "all leaves a group may have, of few bytes": with_columns(GROUP, GOOD[HEAD:]),
    "a kind that is none": with_columns(3, b"\x01\x06" + GOOD[HEAD + 2 :]),
    "a form that is none": with_columns(3, b"\x02" + GOOD[HEAD + 1 :]),
    "the same kind three times": with_columns(3, b"\x00" + GOOD[HEAD + 1 : HEAD + 2] * 3 + GOOD[HEAD + 2 :]),
    "a time beyond 48 bits": with_columns(3, GOOD[HEAD : HEAD + 63] + b"\x00\x01" + GOOD[HEAD + 65 :]),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_group_is_refused(kind: str) -> None:
    with pytest.raises(InputError):
        decode_leaves(HOSTILE[kind])
    with pytest.raises(InputError):
        decode_leaves(GOOD + HOSTILE[kind])


def test_a_leaf_in_an_unknown_language_is_refused() -> None:
    place = GOOD.index(b"\x01en")
    with pytest.raises(InputError, match="language"):
        decode_leaves(GOOD[:place] + b"\x01xx" + GOOD[place + 3 :])


@pytest.mark.parametrize("size", [0, 64, 224, 255, 481, 1056, 65535])
def test_a_passkeys_assertion_has_a_length_that_one_may_have(size: int) -> None:
    leaf = next(leaf for leaf in map(of_vector, VECTORS["groups"][0]["leaves"]) if len(leaf.signature) == 480)
    raw = encode_leaves([leaf])[HEAD:]
    place = raw.index(leaf.signature)
    changed = raw[: place - 2] + size.to_bytes(2, "big") + bytes(min(size, 1_056)) + raw[place + 480 :]
    with pytest.raises(InputError):
        decode_leaves(with_columns(1, changed))
    if size != 64:
        with pytest.raises(InputError):
            encode_leaves([leaf._replace(signature=bytes(size))])


@pytest.mark.parametrize(
    "change", [{"subject": bytes(32)}, {"signature": bytes(66)}, {"signature": bytes(63)}, {"enrolled": bytes(64)}]
)
def test_what_no_section_can_hold_is_refused(change: dict[str, bytes]) -> None:
    leaf = of_vector(VECTORS["groups"][0]["leaves"][0])
    with pytest.raises(InputError, match="no section"):
        encode_leaves([leaf._replace(**change)])


def test_bytes_claim_no_more_leaves_than_they_hold() -> None:
    """However much of it is the same, a leaf takes bytes of its own: what is read is not many times what came."""
    leaf = of_vector(VECTORS["groups"][1]["leaves"][0])
    many = [leaf] * GROUP
    assert len(encode_leaves(many)) >= 150 * GROUP
