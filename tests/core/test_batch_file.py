"""Batch files: what is written is read, tests/vectors/batch.json, and that many rows are judged as each is."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.core.batch_check import RowCheck, check_rows
from placet.core.batch_columns import MAX_FOOTER, GroupReader, decode, encode, header_of, write_batch
from placet.core.batch_file import BatchHeader, BatchRow
from placet.core.consent import ConsentFields, derive
from placet.core.eip712 import ENROLMENT, consent_domain
from placet.core.enrolment import enrolment_hash
from placet.core.errors import PlacetError
from placet.core.hashing import document_bytes
from placet.core.languages import LANGUAGES
from placet.core.merkle import BatchTree, batch_root
from placet.core.parquet_gate import read_footer
from placet.core.signatures import Verifiers
from placet.core.trust import Enroller, Institution, TrustList
from placet.core.wording import Wording

from .batch_vectors import FILE, NAMESPACE, parquet, reference

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
IDS = [bytes.fromhex(identity[2:]) for identity in VECTORS["ids"]]
HEADER = BatchHeader.of_text(VECTORS["header"].encode())


def octets(*sizes: int) -> st.SearchStrategy[bytes]:
    return st.one_of(*(st.binary(min_size=size, max_size=size) for size in sizes))


def fields(size: int) -> st.SearchStrategy[ConsentFields]:
    return st.builds(
        ConsentFields,
        owner=octets(size),
        not_before=st.integers(0, 2**48 - 1),
        not_after=st.integers(0, 2**48 - 1),
        first_opening=st.integers(0, 2**32 - 1),
        uses=st.integers(1, 2**32 - 1),
        enrolment=octets(32),
        salt=octets(32),
        language=st.sampled_from(LANGUAGES),
    )


def rows(size: int, *signature: int) -> st.SearchStrategy[BatchRow]:
    return st.builds(
        BatchRow,
        consent=fields(size),
        signature=octets(*signature),
        enroller=octets(20),
        enrolled=octets(32, 65),
        opening=st.none() | st.tuples(st.text(st.characters(codec="utf-8"), min_size=1, max_size=256), octets(32)),
    )


ROWS = rows(20, 65) | rows(84, 64, 256, 288, 1024)


def read(file: bytes) -> list[BatchRow]:
    source = io.BytesIO(file)
    footer = read_footer(source, MAX_FOOTER)
    header_of(footer)
    groups, result = GroupReader(footer), list[BatchRow]()
    for number, span in enumerate(groups.spans):
        result += groups.rows(number, file[span.start : span.start + span.size], len(result) + 1)
    return result


@given(st.lists(ROWS, min_size=1, max_size=9), st.sampled_from([1, 2, 8]))
def test_what_is_written_is_read(rows: list[BatchRow], size: int) -> None:
    sink = io.BytesIO()
    write_batch(sink, HEADER.model_copy(update={"count": len(rows)}), rows, size)
    assert read(sink.getvalue()) == rows


@given(st.lists(ROWS, min_size=1, max_size=4), st.data())
def test_a_row_without_a_form_is_named(rows: list[BatchRow], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    columns: dict[str, list[Any]] = encode(rows).to_pydict()
    name, value = data.draw(
        st.sampled_from(
            [
                ("not_before", 2**48), ("not_after", -1), ("first_opening", 2**32), ("uses", 0), ("uses", 2**32),
                ("language", "fr"), ("language", ""), ("subject", ""), ("subject", "x" * 257), ("key", None),
                ("key", bytes(64)), ("signature", None), ("signature", bytes(65)), ("key_signature", bytes(65)),
                ("key_signature", None), ("enroller_signature", None), ("enrolments", None), ("enrolments", bytes(32)),
                ("subject", None), ("subject_salt", None), ("subject_salt", bytes(32)),
            ]
        )
    )  # fmt: skip
    before = columns[name][place]
    columns[name][place] = value
    schema = encode(rows).schema
    table = pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
    try:
        found = decode(table, 1)
    except PlacetError as error:
        assert before != value
        assert error.message.startswith(f"row {place + 1}: ")
        return
    assert encode(found).to_pydict() == columns  # another row, and in its one form


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


DOMAIN = consent_domain(VECTORS["chain_id"], bytes.fromhex(VECTORS["consent_registry"][2:]))
CHECK = RowCheck(HEADER.offer, HEADER.scope, DOMAIN, Verifiers(), trust())
GOOD = read(bytes.fromhex(VECTORS["file"][2:]))


def test_the_vectors_are_what_the_document_says() -> None:
    assert reference() | {"file": VECTORS["file"]} == VECTORS
    assert read(parquet(VECTORS["header"], VECTORS["rows"])) == GOOD


def test_the_vectors() -> None:
    checked = check_rows(CHECK, GOOD, 1)
    assert (checked.ids, checked.root) == (IDS, HEADER.root)
    assert (HEADER.count, HEADER.root) == (len(IDS), batch_root(IDS))
    assert document_bytes(HEADER).decode() == VECTORS["header"]


@given(st.lists(fields(20) | fields(84), min_size=1, max_size=4))
@settings(max_examples=50)
def test_many_ids_are_those_of_each_consent(consents: list[ConsentFields]) -> None:
    """And an enrolment's hash, which is put together too, is that of its type."""
    names = trust().name
    for consent, identity in zip(consents, Wording(HEADER.offer, HEADER.scope, names).ids(consents), strict=True):
        try:
            assert derive(consent, HEADER.offer, HEADER.scope, names).id == identity
        except PlacetError:
            assert identity is None
        words = consent.owner, NAMESPACE, consent.enrolment
        assert enrolment_hash(*words) == ENROLMENT.of(*words)


def _judged(row: BatchRow) -> bytes | None:
    try:
        return CHECK.demand(row)
    except PlacetError:
        return None


@given(st.data())
@settings(max_examples=60)
def test_many_rows_are_judged_as_each_is(data: st.DataObject) -> None:
    """Good ones, with any of their bytes or numbers changed."""

    def changed(row: BatchRow) -> BatchRow:
        values = {**row.consent._asdict(), **row._asdict()}
        name = data.draw(st.sampled_from([None, *(name for name in values if name not in ("consent", "language"))]))
        if name is None:
            return row
        value = values[name]
        if isinstance(value, bytes):
            value = bytearray(value)
            value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
            value = bytes(value[: data.draw(st.sampled_from([None, -1]))] if name == "signature" else value)
        elif isinstance(value, int):
            value = data.draw(st.sampled_from([0, value + 1, 2**32 - 1]))
        else:
            value = data.draw(st.sampled_from([None, ("another", bytes(32))]))
        if name in ConsentFields._fields:
            return row._replace(consent=row.consent._replace(**{name: value}))
        return row._replace(**{name: value})

    rows: Sequence[BatchRow] = [changed(row) for row in data.draw(st.lists(st.sampled_from(GOOD), max_size=3))]
    assert CHECK.accepted(rows) == [_judged(row) for row in rows]
