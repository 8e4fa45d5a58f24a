"""Enrolments in a batch: what is written is read, nothing else is, and what tests/vectors/batch.json says."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.core.eip712 import consent_domain
from placet.core.enrolment_batch import (
    Claim,
    Enrolments,
    demand_enrolled_in,
    enrolment_leaf,
    read_enrolments,
    signed,
)
from placet.core.errors import PlacetError
from placet.core.hashing import sha256
from placet.core.signatures import Key
from placet.core.values import from_hex

from .batch_vectors import FILE, NAMESPACE

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
DOMAIN = consent_domain(VECTORS["chain_id"], from_hex(VECTORS["consent_registry"]))
GOOD = VECTORS["enrolments"]["header"].encode() + b"\n" + from_hex(VECTORS["enrolments"]["leaves"])
KEY = Key(bytes([7]) * 32)
PAIRS = st.sets(
    st.tuples(st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32)), min_size=1, max_size=9
)


def read(raw: bytes) -> Enrolments:
    return read_enrolments(io.BytesIO(raw), DOMAIN)


def test_the_vectors() -> None:
    held = read(GOOD)
    assert held.file() == GOOD
    assert held.batch.namespace == NAMESPACE
    within = [row for row in VECTORS["rows"] if row["enrolments"] is not None]
    assert len(within) == 2
    for row in within:
        assert (from_hex(row["enrolments"]), from_hex(row["enroller"])) == (held.batch.root, held.batch.enroller)
        assert enrolment_leaf(from_hex(row["owner"]), from_hex(row["enrolment"])) in held.leaves


@given(PAIRS)
@settings(max_examples=25)
def test_what_is_signed_is_read_and_holds_its_pairs_alone(pairs: set[tuple[bytes, bytes]]) -> None:
    made = signed(pairs, NAMESPACE, KEY, DOMAIN)
    held = read(made.file())
    assert held == made
    name = held.batch.name
    leaves = [enrolment_leaf(*pair) for pair in pairs]
    assert demand_enrolled_in({name: Claim([*range(len(leaves))], leaves)}, {name: held}, NAMESPACE) is None
    owner, subject = next(iter(pairs))
    strangers = [enrolment_leaf(owner, sha256(subject)), enrolment_leaf(sha256(owner)[:20], subject)]
    bad = demand_enrolled_in({name: Claim([0, 4, 5], [leaves[0], *strangers])}, {name: held}, NAMESPACE)
    assert bad is not None and bad[0] == 4 and "does not enrol this key" in bad[1].message


def test_under_another_kind_of_identifier_or_by_another_enroller_nobody_is_enrolled() -> None:
    held = read(GOOD)
    claim = {held.batch.name: Claim([3], [next(iter(held.leaves))])}
    other = demand_enrolled_in(claim, {held.batch.name: held}, "urn:example:other")
    assert other is not None and "another kind" in other[1].message
    nobody = demand_enrolled_in(claim, {}, NAMESPACE)
    assert nobody is not None and "not at hand" in nobody[1].message
    theirs = {(bytes(20), held.batch.root): Claim([3], [next(iter(held.leaves))])}
    assert demand_enrolled_in(theirs, {held.batch.name: held}, NAMESPACE) is not None


def header(**changes: Any) -> bytes:
    fields = json.loads(VECTORS["enrolments"]["header"]) | changes
    return json.dumps(fields, separators=(",", ":"), sort_keys=True).encode() + b"\n"


LEAVES = from_hex(VECTORS["enrolments"]["leaves"])
WRONG = {
    "empty": b"",
    "no header": LEAVES,
    "cut": GOOD[:-1],
    "more": GOOD + b"\0",
    "another leaf": GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    "another order": header() + LEAVES[32:] + LEAVES[:32],
    "one twice": header(count=4) + LEAVES[:32] + LEAVES,
    "another spelling": GOOD.replace(b'{"count"', b'{ "count"'),
    "another kind of identifier": header(namespace="urn:example:person") + LEAVES,
    "another enroller": header(enroller="0x" + "11" * 20) + LEAVES,
    "no signature": header(signature="0x") + LEAVES,
    "another root": header(root="0x" + "11" * 32) + LEAVES,
    "none": header(count=0),
    "too many": header(count=2**32) + LEAVES,
    "endless": b"x" * 10_000,
}


@pytest.mark.parametrize("kind", WRONG)
def test_nothing_else_is_read(kind: str) -> None:
    with pytest.raises(PlacetError):
        read(WRONG[kind])
