"""Withdrawals: before, while and after a batch goes to the chain, and through a node that never saw the consent."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from placet.chain.events import ConsentWithdrawn
from placet.core.consent import Consent, Status
from placet.core.enrolment import NO_ENROLMENT
from placet.core.errors import StateError
from placet.core.signatures import Key
from placet.core.values import from_hex, parse, to_hex
from placet.core.withdrawal import FIRST_EPOCH
from placet.node.consents import relay
from placet.node.consents.erasure import erase
from placet.node.consents.queries import find
from placet.node.state import batches, consents, withdrawals

from .conftest import NodeEnvironment, Owner, Running, node_at


async def _withdraw(node: Running, owner: Owner, consent: str, /, **more: object) -> httpx.Response:
    return await node.client.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent) | more)


async def test_a_batched_consent_is_withdrawn_at_once_with_its_proof(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    other = Owner(node.environment, next(node.environment.customers), Key())
    consent, _ = await node.give(owner, offer), await node.give(other, offer)
    await node.turn()
    drafted = (await node.client.post(f"/v1/consents/{consent}/withdrawal/draft")).json()["typed_data"]
    assert drafted["message"] == {"consent": consent}
    answer = await _withdraw(node, owner, consent)
    assert (answer.status_code, answer.json()) == (202, {"id": consent, "status": "withdrawing"})
    assert (await _withdraw(node, owner, consent)).json()["status"] == "withdrawing"
    await asyncio.to_thread(node.settle)
    assert node.environment.chain.consent(from_hex(consent)).status is Status.WITHDRAWN
    assert node.environment.chain.offer(offer.id).epoch != FIRST_EPOCH
    assert (await node.get(owner, f"/v1/consents/{consent}")).json()["status"] == "withdrawn"
    assert (await _withdraw(node, owner, consent)).json()["status"] == "withdrawn"


async def test_a_wrong_signature_withdraws_nothing(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    stranger = Owner(node.environment, owner.customer, Key())
    answer = await _withdraw(node, stranger, consent)
    assert (answer.status_code, answer.json()["code"]) == (403, "signature")
    await node.turn()
    assert node.environment.chain.consent(from_hex(consent)).status is Status.NONE


async def test_a_consent_withdrawn_before_its_batch_never_enters_one(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    submission = owner.submission(await node.draft(owner, offer))
    consent = (await node.client.post("/v1/consents", json=submission)).json()["id"]
    assert (await _withdraw(node, owner, consent)).status_code == 202
    await node.turn()
    with node.node.engine.connect() as connection:
        assert connection.execute(sa.select(batches)).first() is None
    (event,) = await asyncio.to_thread(node.environment.chain.events, (ConsentWithdrawn,), 0, offer=offer.id)
    about = await node.client.get(f"/v1/transactions/{to_hex(event.transaction)}")
    assert about.json() == {"jobs": [], "consents": [consent]}
    assert (await node.client.get(f"/v1/transactions/0x{'00' * 32}")).json() == {"jobs": [], "consents": []}
    assert (await node.client.get("/v1/transactions/0x12")).status_code == 422
    assert node.environment.chain.consent(from_hex(consent)).status is Status.WITHDRAWN
    assert node.environment.chain.offer(offer.id).epoch == FIRST_EPOCH
    again = await node.client.post("/v1/consents", json=submission)
    assert again.json() == {"id": consent, "status": "withdrawn"}


async def test_withdrawn_while_its_batch_is_under_way_the_node_proves_it_later(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    assert relay.form_batches(node.node) == 1
    assert (await _withdraw(node, owner, consent)).status_code == 202
    await asyncio.to_thread(node.settle)
    assert node.environment.chain.offer(offer.id).epoch == FIRST_EPOCH
    await node.turn(2)
    assert node.environment.chain.offer(offer.id).epoch != FIRST_EPOCH
    assert node.node.ended(offer.id)[from_hex(consent)].proven


async def test_any_node_relays_a_withdrawal(
    environment: NodeEnvironment, node: Running, owner: Owner, tmp_path: Path
) -> None:
    offer, _ = node.offer()
    submission = owner.submission(await node.draft(owner, offer))
    consent = (await node.client.post("/v1/consents", json=submission)).json()["id"]
    await node.turn()
    batch = (await node.get(owner, f"/v1/consents/{consent}")).json()["batch"]
    full = submission["consent"]
    async with node_at(environment, environment.settings(tmp_path / "other")) as other:
        unknown = await _withdraw(other, owner, consent)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found.consent")
        forged = await _withdraw(other, owner, consent, consent=full, batch=to_hex(bytes([1] * 32)))
        assert (forged.status_code, forged.json()["code"]) == (422, "input.proof")
        another = full | {"uses": 9}
        assert (await _withdraw(other, owner, consent, consent=another)).json()["code"] == "input"
        answer = await _withdraw(other, owner, consent, consent=full, batch=batch["root"], proof=batch["proof"])
        assert answer.status_code == 202, answer.text
        await asyncio.to_thread(other.settle)
    assert environment.chain.offer(offer.id).epoch != FIRST_EPOCH
    node.node.sync()
    assert (await node.get(owner, f"/v1/consents/{consent}")).json()["status"] == "withdrawn"


async def test_invented_withdrawals_cannot_starve_real_ones(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path
) -> None:
    settings = environment.settings(tmp_path / "node", limits={"withdrawals_unproven_per_day": 1})
    async with node_at(environment, settings) as node:
        offer, _ = node.offer()
        consent = await node.give(owner, offer)
        await node.turn()
        answers = []
        for _ in range(2):
            inventor = Owner(environment, owner.customer, Key())
            draft = await node.draft(inventor, offer)
            answers.append(await _withdraw(node, inventor, draft["id"], consent=draft["consent"]))
        assert [answer.status_code for answer in answers] == [202, 429]
        assert answers[1].json()["code"] == "limit.rate"
        assert 0 < int(answers[1].headers["retry-after"]) <= 86_400
        assert (await _withdraw(node, owner, consent)).status_code == 202


@pytest.mark.parametrize("loss", ["missing", "damaged"])
async def test_a_lost_scope_stops_no_withdrawal_that_comes_with_its_consent(
    node: Running, owner: Owner, loss: str
) -> None:
    offer, scope = node.offer()
    submission = owner.submission(await node.draft(owner, offer))
    consent = (await node.client.post("/v1/consents", json=submission)).json()["id"]
    await node.turn()
    file = node.settings.path(node.settings.scopes) / f"{scope.hash.hex()}.json"
    _ = file.unlink() if loss == "missing" else file.write_text("{")
    assert (await _withdraw(node, owner, consent)).status_code in (404, 422)
    another = submission["consent"] | {"uses": 9}
    assert (await _withdraw(node, owner, consent, consent=another)).json()["code"] == "input"
    assert (await _withdraw(node, owner, consent, consent=submission["consent"])).status_code == 202
    await node.turn()
    assert node.environment.chain.consent(from_hex(consent)).status is Status.WITHDRAWN
    assert node.environment.chain.offer(offer.id).epoch != FIRST_EPOCH


async def test_a_withdrawal_that_a_contract_refused_is_tried_again(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    yes, no = "0x631626ba7e60e01b60005260206000f3", "0x60006000fd"
    contract = secrets.token_bytes(20)
    asked = owner.draft_request(offer) | {"owner": to_hex(contract)}
    draft = (await node.client.post("/v1/consents/draft", json=asked)).json()

    async def withdraw_where_it_says(code: str) -> str:
        node.environment.anvil.rpc("anvil_setCode", to_hex(contract), yes)
        answer = await _withdraw(node, owner, draft["id"], consent=draft["consent"])
        assert (answer.status_code, answer.json()["status"]) == (202, "withdrawing")
        node.environment.anvil.rpc("anvil_setCode", to_hex(contract), code)
        await node.turn()
        with node.node.engine.connect() as connection:
            return str(connection.execute(sa.select(withdrawals.c.state)).scalar_one())

    try:
        assert [await withdraw_where_it_says(code) for code in (no, no, yes)] == ["refused", "refused", "mined"]
    finally:
        node.environment.anvil.rpc("anvil_setCode", to_hex(contract), "0x")
    assert node.environment.chain.consent(from_hex(draft["id"])).status is Status.WITHDRAWN


async def test_a_refused_withdrawal_does_not_make_a_consent_withdrawn(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    submission = owner.submission(await node.draft(owner, offer))
    consent = parse(Consent, submission["consent"]).id
    assert (await _withdraw(node, owner, to_hex(consent), consent=submission["consent"])).status_code == 202
    assert (await node.client.post("/v1/consents", json=submission)).json()["code"] == "consent.withdrawn"
    with node.node.engine.begin() as connection:
        connection.execute(sa.update(withdrawals).values(state="refused"))
    assert (await node.client.post("/v1/consents", json=submission)).status_code == 202
    assert relay.form_batches(node.node) == 1


async def test_an_institutions_own_consent_is_not_erased(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    identity = from_hex(await node.give(owner, offer))
    await node.turn()
    with node.node.engine.begin() as connection:
        connection.execute(sa.update(consents).values(enrolment=NO_ENROLMENT))
    with pytest.raises(StateError) as refusal:
        erase(node.node.engine, identity)
    assert refusal.value.code == "consent.own"
    assert find(node.node, identity)


async def test_an_erased_consent_leaves_its_leaf_and_nothing_else(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    identity = from_hex(consent)
    salt = bytes(find(node.node, identity)["salt"])
    with pytest.raises(StateError, match="on its way"):
        erase(node.node.engine, identity)
    await node.turn()
    await _withdraw(node, owner, consent)
    with pytest.raises(StateError, match="on its way"):
        erase(node.node.engine, identity)
    await node.turn()
    stranger = Owner(node.environment, next(node.environment.customers), Key())
    assert (await node.get(stranger, f"/v1/consents/{await node.give(stranger, offer)}")).status_code == 200
    assert (await node.get(owner, f"/v1/consents/{consent}")).status_code == 200
    assert erase(node.node.engine, identity) is True
    assert erase(node.node.engine, identity) is False
    assert (await node.get(owner, f"/v1/consents/{consent}")).status_code == 404
    held = b"".join(file.read_bytes() for file in node.settings.folder.glob("state.db*"))
    assert identity in held
    assert salt not in held
    await node.turn()
