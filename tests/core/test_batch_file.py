"""The lines of a batch file: one spelling each, and what tests/vectors/batch.json says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.batch_file import MAX_LINE, BatchHeader, BatchLine, LineCheck, check_chunk, decode_line
from placet.core.consent import ConsentFields
from placet.core.eip712 import consent_domain
from placet.core.errors import PlacetError
from placet.core.hashing import document_bytes
from placet.core.languages import LANGUAGES
from placet.core.merkle import BatchTree, batch_root
from placet.core.signatures import Verifiers
from placet.core.trust import Enroller, Institution, TrustList

from .batch_vectors import FILE, NAMESPACE, reference

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
RAW = [line.encode() for line in VECTORS["file"]]
IDS = [bytes.fromhex(identity[2:]) for identity in VECTORS["ids"]]


def octets(*sizes: int) -> st.SearchStrategy[bytes]:
    return st.one_of(*(st.binary(min_size=size, max_size=size) for size in sizes))


LINES = st.builds(
    BatchLine,
    consent=st.builds(
        ConsentFields,
        owner=octets(20, 84),
        not_before=st.integers(0, 2**48 - 1),
        not_after=st.integers(0, 2**48 - 1),
        first_opening=st.integers(0, 2**32 - 1),
        uses=st.integers(1, 2**32 - 1),
        enrolment=octets(32),
        salt=octets(32),
        language=st.sampled_from(LANGUAGES),
    ),
    signature=octets(64, 65),
    enroller=octets(20),
    enrolled=octets(32, 64, 65),
    opening=st.none() | st.tuples(st.text(st.characters(codec="utf-8"), min_size=1, max_size=256), octets(32)),
)


@given(LINES)
def test_what_is_written_is_read(line: BatchLine) -> None:
    raw = line.encode()
    assert len(raw) <= MAX_LINE
    assert decode_line(raw) == line


@given(LINES, st.data())
def test_a_line_has_one_spelling(line: BatchLine, data: st.DataObject) -> None:
    raw = bytearray(line.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        piece = data.draw(
            st.binary(max_size=3) | st.sampled_from([b" ", b"\\u0041", b"\\/", b"0", b"A", b"1e1", b"\xff"])
        )
        raw[place : place + data.draw(st.integers(0, 2))] = piece
    try:
        read = decode_line(bytes(raw))
    except PlacetError:
        return
    assert read.encode() == bytes(raw)


@given(st.binary(max_size=2 * MAX_LINE))
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(PlacetError):
        decode_line(raw)


def test_numbers_out_of_range_and_long_lines() -> None:
    good = RAW[1]
    before = json.loads(good)["consent"]["not_before"]
    for wrong in (str(2**48), "-1", "01", "1.0", "1e3", '"1"', "9" * 300):
        with pytest.raises(PlacetError):
            decode_line(good.replace(f'"not_before":{before}'.encode(), f'"not_before":{wrong}'.encode()))
    for wrong in (0, 2**32):
        with pytest.raises(PlacetError):
            decode_line(good.replace(b'"uses":%d' % json.loads(good)["consent"]["uses"], b'"uses":%d' % wrong))
    for wrong in (good.upper(), good + b"\n", good + b" " * MAX_LINE, good.replace(b"0x", b"0X", 1)):
        with pytest.raises(PlacetError):
            decode_line(wrong)


@given(st.lists(octets(32), min_size=1, max_size=70, unique=True), st.sampled_from([1, 4, 16]), st.integers(0, 70))
def test_the_tree_over_subtrees_is_the_tree(ids: list[bytes], size: int, pause: int) -> None:
    ids.sort()
    tree = BatchTree()
    for start in range(0, len(ids), size):
        if start >= pause:
            tree = BatchTree(tree.nodes)
        tree.add(batch_root(ids[start : start + size]))
    assert tree.root() == batch_root(ids)


def trust() -> TrustList:
    def institution(address: str, name: str) -> Institution:
        fields: dict[str, Any] = {"api": "http://a", "peer": "https://a", "certificate": "-----BEGIN CERTIFICATE-----"}
        return Institution(address=address, name=name, **fields)

    return TrustList(
        institutions=tuple(institution(address, name) for address, name in VECTORS["names"].items()),
        enrollers=tuple(
            Enroller(address=address, name="Register", namespaces=(NAMESPACE,)) for address in VECTORS["enrollers"]
        ),
    )


def test_the_vectors_are_what_the_document_says() -> None:
    assert reference() == VECTORS


def test_the_vectors() -> None:
    header = BatchHeader.of_line(RAW[0])
    assert document_bytes(header) == RAW[0]
    domain = consent_domain(VECTORS["chain_id"], bytes.fromhex(VECTORS["consent_registry"][2:]))
    check = LineCheck(header.offer, header.scope, domain, Verifiers(), trust())
    assert check_chunk(check, RAW[1:], 2).ids == IDS
    assert (header.count, header.root) == (len(IDS), batch_root(IDS))
    assert [decode_line(raw).encode() for raw in RAW[1:]] == RAW[1:]
