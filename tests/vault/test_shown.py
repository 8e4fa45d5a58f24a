"""What a vault and its node show of many leaves: in parts, in sections beside the document, each once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from placet.core.errors import NotFoundError, StateError
from placet.core.evidence import Section
from placet.core.hashing import sha256
from placet.core.leaves import decode_records
from placet.jobs import evidence
from placet.jobs.evidence import Beside
from placet.vault import service
from placet.vault.client import VaultClient
from placet.vault.server import Server
from shown import leaves_of


@pytest.fixture
async def door(world) -> AsyncIterator[VaultClient]:
    path = world.folder / "vault.sock"
    async with Server(world.vault, path).listening():
        yield VaultClient(path)


async def test_in_parts(world, door, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = world.accept(*world.customers)
    root = world.anchor(ids)
    lawful = world.lawful()
    whole = await door.leaves(world.offer.id, lawful.root, 0)
    assert (whole.total, whole.count, whole.batches) == (len(ids), len(ids), (root,))
    monkeypatch.setattr(service, "PART", 3)
    parts = [await door.leaves(world.offer.id, lawful.root, start) for start in range(0, len(ids), 3)]
    assert b"".join(part.records for part in parts) == whole.records
    assert {part.total for part in parts} == {len(ids)}
    assert (await door.leaves(world.offer.id, lawful.root, len(ids))).count == 0
    with pytest.raises(NotFoundError):
        await door.batch(world.offer.id, bytes(32))


async def test_in_the_document_or_beside_it(world, door, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = world.accept(*world.customers)
    root, offer = world.anchor(ids), world.offer.id
    lawful, beside = world.lawful(), Beside()
    inside, erased, within = await evidence._leaves(door, offer, lawful.root, beside)
    assert (inside, erased) == (tuple(leaves_of(world.vault.leaves(offer, lawful.root, 0))), ())
    assert within == {root}
    batch = await evidence._batch(door, offer, root, beside)
    assert batch.leaves == tuple(sorted(ids))
    assert b"".join(beside.pieces(b"{}")) == b"{}\n"

    monkeypatch.setattr(service, "PART", 3)
    monkeypatch.setattr(evidence, "MAX_INLINE", 4)
    beside = Beside()
    for _ in range(2):  # a later attempt may use the same set
        leaves, erased, within = await evidence._leaves(door, offer, lawful.root, beside)
        assert isinstance(leaves, Section)
        assert (leaves.count, erased, within) == (len(ids), (), {root})
    batch = await evidence._batch(door, offer, root, beside)
    assert isinstance(batch.leaves, Section)
    document, _, rest = b"".join(beside.pieces(b"{}")).partition(b"\n")
    joined, ids_joined = rest[: leaves.size], rest[leaves.size :]
    assert document == b"{}"
    assert [record.leaf() for record in decode_records(joined)] == list(inside)
    assert (sha256(joined), sha256(ids_joined)) == (leaves.hash, batch.leaves.hash)
    assert ids_joined == b"".join(sorted(ids))


async def test_what_is_erased_meanwhile_is_shown_as_erased(world, door, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = world.accept(*world.customers)
    world.anchor(ids)
    lawful, beside, offer = world.lawful(), Beside(), world.offer.id
    monkeypatch.setattr(service, "PART", 3)
    monkeypatch.setattr(evidence, "MAX_INLINE", 4)
    honest, asked, gone = door.leaves, [], max(ids)

    async def leaves(*arguments):
        asked.append(arguments[2])
        if len(asked) == 2:
            world.vault.erase(gone)
        return await honest(*arguments)

    monkeypatch.setattr(door, "leaves", leaves)
    shown, erased, _ = await evidence._leaves(door, offer, lawful.root, beside)
    assert asked == list(range(0, len(ids), 3))
    assert [leaf.consent for leaf in erased] == [gone]
    assert shown.count == len(ids) - 1


async def test_a_vault_that_stops_short_is_noticed(world, door, monkeypatch: pytest.MonkeyPatch) -> None:
    world.anchor(world.accept(*world.customers))
    lawful = world.lawful()
    monkeypatch.setattr(evidence, "MAX_INLINE", 4)
    honest = door.leaves

    async def leaves(*arguments):
        part = await honest(*arguments)
        return part.model_copy(update={"total": part.total + 1})

    monkeypatch.setattr(door, "leaves", leaves)
    with pytest.raises(StateError, match="fewer leaves"):
        await evidence._leaves(door, world.offer.id, lawful.root, Beside())
