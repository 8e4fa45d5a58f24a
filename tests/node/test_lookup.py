"""Consents that only the vault has, as those of a batch file: their owners see, take and erase them like all others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from placet.core.errors import NotFoundError
from placet.core.ids import ConsentId
from placet.core.merkle import batch_verify
from placet.core.signatures import Key
from placet.core.values import from_hex, to_hex
from placet.node.consents import lookup, models
from placet.vault.client import VaultClient

from .conftest import NodeEnvironment, Owner, Running, node_at


@pytest.fixture
async def stranger(environment: NodeEnvironment, node: Running, tmp_path: Path) -> AsyncIterator[Running]:
    """Another node of the same institution, whose database knows nothing of what `node` took."""
    scopes = node.settings.path(node.settings.scopes)
    async with node_at(environment, environment.settings(tmp_path / "stranger", scopes=scopes)) as running:
        yield running


async def test_what_only_the_vault_has_is_shown_exported_and_erased(
    node: Running, stranger: Running, owner: Owner
) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    path = f"/v1/consents/{consent}"
    assert (await stranger.get(owner, path)).json()["status"] == "pending"
    await node.turn()
    stranger.node.sync()
    shown = models.ConsentResponse.model_validate((await stranger.get(owner, path)).json())
    assert (shown.status, shown.consent.owner) == (models.ConsentStatus.GIVEN, owner.signer)
    assert shown.batch is not None and shown.batch.proof is not None and shown.batch.block is not None
    assert batch_verify(shown.batch.root, shown.id, shown.batch.proof)
    same = models.ConsentResponse.model_validate((await node.get(owner, path)).json())
    assert shown.model_dump(exclude={"block"}) == same.model_dump(exclude={"block"})
    assert (await stranger.get(owner, f"{path}/uses")).json() == {"uses": []}
    for running in (node, stranger):
        listed = (await running.get(owner, "/v1/consents")).json()
        assert ([one["id"] for one in listed["consents"]], listed["cursor"]) == ([consent], None)
        [entry] = (await running.get(owner, "/v1/export")).json()["consents"]
        assert entry["consent"]["id"] == consent and entry["signed"]["details"]["notice"] and entry["notice"]
        whole = f"/v1/owners/{to_hex(owner.signer)}/access"
        access = (await running.get(owner, whole)).json()
        by_institution = (await running.client.get(whole, headers=running.credential)).json()
        assert (access["consents"], access["jobs"]) == ([entry], []) == (by_institution["consents"], [])
    by_institution = await stranger.client.get(path, headers=stranger.credential)
    assert by_institution.json()["id"] == consent
    erasure = f"{path}/erasure"
    early = await stranger.client.post(erasure, headers=owner.headers("POST", erasure))
    assert (early.status_code, early.json()["code"]) == (409, "state")
    assert (await node.client.post(f"{path}/withdrawal", json=owner.withdrawal(consent))).status_code == 202
    await node.turn()
    stranger.node.sync()
    assert (await stranger.get(owner, path)).json()["status"] == "withdrawn"
    erased = await stranger.client.post(erasure, headers=owner.headers("POST", erasure))
    assert erased.json() == {"id": consent, "erased": True}
    with pytest.raises(NotFoundError):
        await stranger.node.vault.consent(ConsentId(from_hex(consent)), None)
    assert (await stranger.get(owner, path)).status_code == 404


async def test_a_stranger_learns_nothing_of_what_the_vault_has(node: Running, stranger: Running, owner: Owner) -> None:
    """Keys are free: whoever asks for an id that is not his gets one answer, whether anybody has it or not."""
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.turn()
    thief = Owner(node.environment, owner.customer, Key())
    answers = set()
    for running in (node, stranger):
        for identity in (consent, to_hex(bytes(31) + b"\1")):
            for method, what in (("GET", ""), ("GET", "/uses"), ("POST", "/erasure")):
                path = f"/v1/consents/{identity}{what}"
                answer = await running.client.request(method, path, headers=thief.headers(method, path))
                answers.add((answer.status_code, answer.text))
        assert (await running.get(thief, "/v1/export")).json()["consents"] == []
        own, other = (f"/v1/owners/{to_hex(who.signer)}/access" for who in (thief, owner))
        assert (await running.get(thief, own)).json()["consents"] == []
        taken = await running.get(thief, other)
        assert (taken.status_code, taken.json()["code"]) == (403, "access.owner")
        assert (await running.client.get(other)).status_code == 401
    assert len(answers) == 1 and next(iter(answers))[0] == 404
    assert (await stranger.node.vault.consent(ConsentId(from_hex(consent)), owner.signer)).id == from_hex(consent)


async def test_questions_of_strangers_keep_no_job_waiting(
    stranger: Running, owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vault that is slow to answer: at most two connections are the strangers', and an address is heard so often."""
    connected, most, release = 0, 0, asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected, most
        connected += 1
        most = max(most, connected)
        await release.wait()
        connected -= 1
        writer.close()

    slow = tmp_path / "slow.sock"
    server = await asyncio.start_unix_server(serve, slow)
    at_once = stranger.node.lookups._room._value
    monkeypatch.setattr(stranger.node, "lookups", VaultClient(slow, at_once=at_once))
    path = f"/v1/consents/{to_hex(bytes(32))}"
    asking = [asyncio.create_task(stranger.get(owner, path)) for _ in range(10)]
    async with asyncio.timeout(60):
        while connected < at_once:
            await asyncio.sleep(0.01)
        assert await stranger.node.vault.datasets()  # as jobs ask
        release.set()
        codes = {(await one).json()["code"] for one in asking}
    assert (at_once, most, codes) == (2, 2, {"vault.unreachable"})
    release.clear()
    monkeypatch.setattr(lookup, "_PATIENCE", 0.05)
    impatient = await stranger.get(owner, path)
    assert (impatient.status_code, impatient.json()["code"]) == (503, "vault.unreachable")
    release.set()
    monkeypatch.setattr(lookup, "_A_MINUTE", 2)
    limited = {(await stranger.get(owner, path)).status_code for _ in range(6)}
    assert 429 in limited
    server.close()


async def test_an_owner_with_more_than_a_page_gets_all_of_it_once(
    node: Running, stranger: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, _ = node.offer()
    stranger.node.sync()
    given = sorted([await node.give(owner, offer), await stranger.give(owner, offer), await node.give(owner, offer)])
    monkeypatch.setattr(lookup, "OWNERS_PAGE", 1)
    whole = stranger.node.lookups.consents_of

    async def one_at_a_time(whose: bytes, after: ConsentId) -> object:
        return (await whole(whose, after))[:1]

    monkeypatch.setattr(stranger.node.lookups, "consents_of", one_at_a_time)
    pages, cursor = [], ""
    for _ in range(10):
        page = (await stranger.get(owner, f"/v1/consents{cursor}")).json()
        pages += [one["id"] for one in page["consents"]]
        if page["cursor"] is None:
            break
        cursor = f"?cursor={page['cursor']}"
    assert pages == given


async def test_a_vault_that_is_away_is_said_and_hides_nothing(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    monkeypatch.setattr(node.node, "lookups", VaultClient(tmp_path / "nobody.sock"))
    assert (await node.get(owner, f"/v1/consents/{consent}")).json()["id"] == consent
    answer = await node.get(owner, "/v1/export")
    assert (answer.status_code, answer.json()["code"]) == (503, "vault.unreachable")
