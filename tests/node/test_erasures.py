"""A person is forgotten here and by everybody who was told, whoever is away for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from tests.node.conftest import NodeEnvironment, Owner, Running, node_at

from placet.chain.erasures import anchored_in
from placet.chain.events import ErasureAnchored
from placet.core.erasure import ErasureReceipt, RecordRetention, SignedErasure, person_mark
from placet.core.errors import PeerError, SignatureError, StateError
from placet.core.ids import ConsentId, JobId
from placet.core.signatures import Key
from placet.core.values import from_hex, parse, to_hex
from placet.jobs.messages import EraseRequest, EraseResponse
from placet.node.config import DatasetWords
from placet.node.consents import erasing, uses
from placet.node.consents.erasures import erase_for_institution
from placet.node.state import consents, erasure_notices, erasures

JOB = JobId(b"\7" * 32)
CONSUMER, THIRD = Key(), Key()


@dataclass
class Holders:
    """Other institutions, of which those `away` do not answer."""

    environment: NodeEnvironment
    away: set[bytes] = field(default_factory=set)
    asked: list[EraseRequest] = field(default_factory=list)

    async def ask(self, holder: bytes, request: EraseRequest) -> EraseResponse:
        if holder in self.away:
            raise PeerError("a peer can't be reached", code="peer.unreachable")
        self.asked.append(request)
        deployment = self.environment.deployment
        receipt = ErasureReceipt(
            chain_id=deployment.chain_id,
            registry=deployment.consent_registry.address,
            holder=holder,
            consent=request.consent,
            erased=("payloads", "result"),
            jobs=request.jobs,
            at=1,
        )
        key = next(one for one in (CONSUMER, THIRD) if one.address == holder)
        return EraseResponse(erasure=SignedErasure.of(receipt, deployment.receipts, key.sign))


async def withdrawn(node: Running, owner: Owner, **offered: Any) -> str:
    """A consent that was given and withdrawn."""
    offer, _ = node.offer(**offered)
    consent = await node.give(owner, offer)
    await node.turn()
    assert (await node.client.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent))).is_success
    await node.turn()
    return consent


async def used(node: Running, consent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a job of the consumer's in which a third institution took part."""
    with node.node.engine.connect() as connection:
        offer = connection.execute(sa.select(consents.c.offer)).scalar_one()
    await asyncio.to_thread(uses.note_uses, node.node.engine, JOB, 1, offer, from_hex(consent))
    parties = [SimpleNamespace(signer=address) for address in (node.node.address, THIRD.address)]
    record = SimpleNamespace(job=JOB, plan=SimpleNamespace(parties=parties, consumer=CONSUMER.address))
    monkeypatch.setattr(erasing, "JobStore", lambda engine: SimpleNamespace(find=lambda job: record))


async def go_on(node: Running, ask: erasing.Ask) -> None:
    await erasing.tick(node.node, ask)
    await asyncio.to_thread(node.settle)
    await erasing.tick(node.node, ask)


async def test_an_owner_is_forgotten_and_the_chain_says_so(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.turn()
    path = f"/v1/owners/{to_hex(owner.signer)}/erasure"
    early = await node.client.post(path, headers=owner.headers("POST", path))
    assert (early.status_code, early.json()["code"]) == (409, "state"), early.text
    assert (await node.get(owner, path)).json() == {"erasures": []}
    assert (await node.client.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent))).is_success
    await node.turn()
    stranger = Owner(node.environment, owner.customer, type(owner.key)())
    refused = await node.client.post(path, headers=stranger.headers("POST", path))
    assert (refused.status_code, refused.json()["code"]) == (403, "access.owner")

    asked = await node.client.post(path, headers=owner.headers("POST", path))
    assert asked.status_code == 202, asked.text
    assert asked.json()["erasures"][0]["state"] == "erased"
    assert (await node.get(owner, f"/v1/consents/{consent}")).status_code == 404
    await go_on(node, Holders(node.environment).ask)
    again = await node.client.post(path, headers=owner.headers("POST", path))
    (told,) = (await node.get(owner, path)).json()["erasures"]
    assert again.json()["erasures"] == [told]
    assert (told["consent"], told["state"], told["retain_until"], told["holders"]) == (consent, "anchored", None, [])
    domain, identity = node.environment.deployment.receipts, ConsentId(from_hex(consent))
    signed = parse(SignedErasure, told["erasure"])
    receipt = signed.demand(node.node.address, identity, domain)
    (event,) = node.environment.chain.events([ErasureAnchored], 0, node.environment.chain.confirmed(), consent=identity)
    assert (event.receipt, event.block) == (receipt.hash, told["block"])
    assert anchored_in(node.environment.chain, receipt) == event.block
    with pytest.raises(StateError) as refused_receipt:
        anchored_in(node.environment.chain, receipt.model_copy(update={"at": receipt.at + 1}))
    assert refused_receipt.value.code == "state.erasure"
    later = signed.model_copy(update={"receipt": receipt.model_copy(update={"at": receipt.at + 1})})
    for false, holder in ((later, node.node.address), (signed, THIRD.address)):
        with pytest.raises(SignatureError):
            false.demand(holder, identity, domain)


async def test_everybody_who_had_a_part_is_told_until_all_have_answered(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = await withdrawn(node, owner)
    await used(node, consent, monkeypatch)
    path = f"/v1/owners/{to_hex(owner.signer)}/erasure"
    assert (await node.client.post(path, headers=owner.headers("POST", path))).status_code == 202
    holders = Holders(node.environment, away={THIRD.address})
    # As after a restart: nothing is in memory, and all of it in the database.
    async with node_at(node.environment, node.settings) as later:
        await go_on(later, holders.ask)
        (told,) = (await later.get(owner, path)).json()["erasures"]
        answers = {from_hex(one["institution"]["address"]): one["erasure"] for one in told["holders"]}
        assert answers[CONSUMER.address] is not None and answers[THIRD.address] is None
        waits = {from_hex(one["institution"]["address"]): one["waits"] for one in told["holders"]}
        assert waits == {CONSUMER.address: None, THIRD.address: "peer.unreachable"}
        (request,) = holders.asked
        assert (request.jobs, request.mark) == ((JOB,), person_mark(request.salt, owner.customer))
        kept = sa.select(erasure_notices.c.mark, erasure_notices.c.error).order_by(erasure_notices.c.receipt)
        with later.node.engine.begin() as connection:
            marks = connection.execute(kept).all()
            assert sorted((mark is None, error) for mark, error in marks) == [
                (False, "peer.unreachable"),
                (True, None),
            ]
            connection.execute(sa.update(erasure_notices).values(retry_at=0))
        holders.away.clear()
        await go_on(later, holders.ask)
        (told,) = (await later.get(owner, path)).json()["erasures"]
        assert all(one["erasure"] for one in told["holders"])
        with later.node.engine.connect() as connection:
            assert connection.execute(sa.select(erasure_notices.c.mark)).scalars().all() == [None, None]


async def test_all_identifiers_that_one_key_was_enrolled_for_are_reached(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He consented as one customer and, by the same key, as another: each with a mark of its own."""
    second = Owner(node.environment, next(node.environment.customers), owner.key)
    given = {await withdrawn(node, one): one.customer for one in (owner, second)}
    offers = {}
    with node.node.engine.connect() as connection:
        for consent in given:
            here = sa.select(consents.c.offer).where(consents.c.id == from_hex(consent))
            offers[consent] = connection.execute(here).scalar_one()
    for consent, offer in offers.items():
        await asyncio.to_thread(uses.note_uses, node.node.engine, JOB, 1, offer, from_hex(consent))
    record = SimpleNamespace(job=JOB, plan=SimpleNamespace(parties=[], consumer=CONSUMER.address))
    monkeypatch.setattr(erasing, "JobStore", lambda engine: SimpleNamespace(find=lambda job: record))
    path = f"/v1/owners/{to_hex(owner.signer)}/erasure"
    answer = await node.client.post(path, headers=owner.headers("POST", path))
    assert {one["consent"]: one["state"] for one in answer.json()["erasures"]} == dict.fromkeys(given, "erased")
    holders = Holders(node.environment)
    await go_on(node, holders.ask)
    marks = {
        to_hex(one.consent): one.mark == person_mark(one.salt, given[to_hex(one.consent)]) for one in holders.asked
    }
    assert marks == dict.fromkeys(given, True)


async def test_a_receipt_that_its_holder_did_not_sign_is_no_answer(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = await withdrawn(node, owner)
    await used(node, consent, monkeypatch)
    path = f"/v1/owners/{to_hex(owner.signer)}/erasure"
    assert (await node.client.post(path, headers=owner.headers("POST", path))).status_code == 202
    holders = Holders(node.environment)

    async def forged(holder: bytes, request: EraseRequest) -> EraseResponse:
        return await holders.ask(CONSUMER.address, request)

    await erasing.tick(node.node, forged)
    (told,) = (await node.get(owner, path)).json()["erasures"]
    answered = {from_hex(one["institution"]["address"]) for one in told["holders"] if one["erasure"]}
    assert answered == {CONSUMER.address}


async def test_what_the_law_keeps_is_told_and_goes_in_its_time(
    environment: NodeEnvironment, owner: Owner, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = environment.settings(tmp_path / "node")
    tables = {"customers", "accounts", *(info.name for info in await _tables(environment, tmp_path))}
    retain = RecordRetention(days=30, reason="Money laundering act, section 8")
    words = {name: DatasetWords(retain=retain) for name in tables}
    async with node_at(environment, settings.model_copy(update={"datasets": words})) as node:
        consent = await withdrawn(node, owner)
        path = f"/v1/owners/{to_hex(owner.signer)}/erasure"
        (told,) = (await node.client.post(path, headers=owner.headers("POST", path))).json()["erasures"]
        assert (told["state"], told["reason"]) == ("told", retain.reason)
        assert told["retain_until"] == told["asked"] + 30 * 86_400
        await go_on(node, Holders(environment).ask)
        assert (await node.get(owner, f"/v1/consents/{consent}")).status_code == 200, "kept till then"
        monkeypatch.setattr(erasing, "now", lambda: told["retain_until"])
        await go_on(node, Holders(environment).ask)
        (told,) = (await node.get(owner, path)).json()["erasures"]
        assert told["state"] == "anchored"
        assert (await node.get(owner, f"/v1/consents/{consent}")).status_code == 404


async def _tables(environment: NodeEnvironment, tmp_path: Any) -> Any:
    async with node_at(environment, environment.settings(tmp_path / "first")) as node:
        return await node.node.tables()


async def test_the_institution_erases_a_living_consent_and_the_chain_does_not_hear_of_it(
    node: Running, owner: Owner
) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.turn()
    assert await erase_for_institution(node.node, ConsentId(from_hex(consent)))
    assert not await erase_for_institution(node.node, ConsentId(from_hex(consent)))
    await go_on(node, Holders(node.environment).ask)
    with node.node.engine.connect() as connection:
        assert connection.execute(sa.select(erasures.c.state)).scalar() == "erased"
