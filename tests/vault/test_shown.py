"""What a vault and its node show of many leaves: in parts, in sections beside the document, each once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from placet.core.errors import NotFoundError, StateError
from placet.core.evidence import Section
from placet.core.hashing import sha256
from placet.core.leaves import decode_leaves
from placet.jobs import evidence
from placet.jobs.evidence import Beside
from placet.vault import lawful_answers
from placet.vault.client import VaultClient
from placet.vault.server import Server
from shown import leaves_of


@pytest.fixture
async def door(environment) -> AsyncIterator[VaultClient]:
    path = environment.folder / "vault.sock"
    async with Server(environment.vault, path).listening():
        yield VaultClient(path)


async def test_in_parts(environment, door, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = environment.accept(*environment.customers)
    root = environment.anchor(ids)
    lawful = environment.lawful()
    whole = await door.leaves(environment.offer.id, lawful.root, 0)
    assert (whole.total, whole.count, whole.batches) == (len(ids), len(ids), (root,))
    monkeypatch.setattr(lawful_answers, "PART", 3)
    parts = [await door.leaves(environment.offer.id, lawful.root, start) for start in range(0, len(ids), 3)]
    assert [leaf for part in parts for leaf in leaves_of(part)] == leaves_of(whole)
    assert {part.total for part in parts} == {len(ids)}
    assert (await door.leaves(environment.offer.id, lawful.root, len(ids))).count == 0
    with pytest.raises(NotFoundError):
        await door.batch(environment.offer.id, bytes(32))


async def test_in_the_document_or_beside_it(environment, door, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = environment.accept(*environment.customers)
    root, offer = environment.anchor(ids), environment.offer.id
    lawful, beside = environment.lawful(), Beside()
    shown = await evidence._leaves(door, offer, lawful.root, beside)
    inside = shown.leaves
    assert (inside, shown.erased) == (tuple(leaves_of(environment.vault.leaves(offer, lawful.root, 0))), [])
    assert (shown.batches, shown.enrolments) == ({root}, set())
    batch = await evidence._batch(door, offer, root, beside)
    assert batch.leaves == tuple(sorted(ids))
    assert b"".join(beside.pieces(b"{}")) == b"{}\n"

    monkeypatch.setattr(lawful_answers, "PART", 3)
    monkeypatch.setattr(evidence, "MAX_INLINE", 4)
    beside = Beside()
    for _ in range(2):  # a later attempt may use the same set
        shown = await evidence._leaves(door, offer, lawful.root, beside)
        leaves = shown.leaves
        assert isinstance(leaves, Section)
        assert (leaves.count, shown.erased, shown.batches) == (len(ids), [], {root})
    batch = await evidence._batch(door, offer, root, beside)
    assert isinstance(batch.leaves, Section)
    document, _, rest = b"".join(beside.pieces(b"{}")).partition(b"\n")
    joined, ids_joined = rest[: leaves.size], rest[leaves.size :]
    assert document == b"{}"
    assert [leaf.leaf() for leaf in decode_leaves(joined)] == list(inside)
    assert (sha256(joined), sha256(ids_joined)) == (leaves.hash, batch.leaves.hash)
    assert ids_joined == b"".join(sorted(ids))


async def test_what_is_erased_meanwhile_is_shown_as_erased(environment, door, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = environment.accept(*environment.customers)
    environment.anchor(ids)
    lawful, beside, offer = environment.lawful(), Beside(), environment.offer.id
    monkeypatch.setattr(lawful_answers, "PART", 3)
    monkeypatch.setattr(evidence, "MAX_INLINE", 4)
    honest, asked, gone = door.leaves, [], max(ids)

    async def leaves(*arguments):
        asked.append(arguments[2])
        if len(asked) == 2:
            environment.vault.erase(gone)
        return await honest(*arguments)

    monkeypatch.setattr(door, "leaves", leaves)
    shown = await evidence._leaves(door, offer, lawful.root, beside)
    assert asked == list(range(0, len(ids), 3))
    assert [leaf.consent for leaf in shown.erased] == [gone]
    assert isinstance(shown.leaves, Section)
    assert shown.leaves.count == len(ids) - 1


async def test_a_vault_that_stops_short_is_noticed(environment, door, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.anchor(environment.accept(*environment.customers))
    lawful = environment.lawful()
    monkeypatch.setattr(evidence, "MAX_INLINE", 4)
    honest = door.leaves

    async def leaves(*arguments):
        part = await honest(*arguments)
        return part.model_copy(update={"total": part.total + 1})

    monkeypatch.setattr(door, "leaves", leaves)
    with pytest.raises(StateError, match="fewer leaves"):
        await evidence._leaves(door, environment.offer.id, lawful.root, Beside())
