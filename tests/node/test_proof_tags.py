"""Tags of consents at a node: from their owners alone, one a consent, and of live ones alone to the institution."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

import pytest

from placet.core.consent_trees import ProofTag
from placet.core.ids import ConsentId, OfferId
from placet.core.signatures import Key
from placet.core.values import from_hex, to_hex
from placet.node.consents import erasure, proof_tags, queries
from placet.node.consents.models import ConsentStatus
from placet.node.service import Node

from .conftest import Owner, Running

TAG = bytes(31) + b"\x07"


async def give_tag(node: Running, owner: Owner, consent: str, tag: bytes = TAG, signer: Owner | None = None) -> Any:
    """Signed by the owner, in a request that `signer` sends."""
    signed = ProofTag.model_construct(consent=ConsentId(from_hex(consent)), tag=tag)
    signature = owner.key.sign(signed.digest(node.environment.deployment.consents))
    body = json.dumps({"tag": to_hex(tag), "signature": to_hex(signature)}).encode()
    path = f"/v1/consents/{consent}/tag"
    headers = (signer or owner).headers("POST", path, body) | {"Content-Type": "application/json"}
    return await node.client.post(path, content=body, headers=headers)


async def listed(node: Running, offer: bytes) -> dict[str, Any]:
    answer = await node.client.get(f"/v1/offers/{to_hex(offer)}/tags", headers=node.credential)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_owner_gives_a_live_consent_one_tag(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    early = await give_tag(node, owner, consent)
    assert (early.status_code, early.json()["code"]) == (409, "state")
    await node.turn()
    assert (await listed(node, offer.id))["tags"] == []
    for _ in range(2):
        assert (await give_tag(node, owner, consent)).json() == {"id": consent}
    other = await give_tag(node, owner, consent, bytes(31) + b"\x08")
    assert (other.status_code, other.json()["code"]) == (409, "state.tag")
    beyond = await give_tag(node, owner, consent, b"\xff" * 32)
    assert beyond.status_code == 422

    found = await listed(node, offer.id)
    [kept] = found["tags"]
    assert (kept["signed"], kept["owner"]) == ({"consent": consent, "tag": to_hex(TAG)}, to_hex(owner.signer))
    assert kept["opens_before"] == 3 and found["cursor"] is None
    state = node.environment.chain.offer(offer.id)
    assert (found["epoch"], found["unproven"]) == (to_hex(state.epoch), to_hex(state.unproven))
    [exported] = (await node.get(owner, "/v1/export")).json()["consents"]
    assert exported["tag"] == to_hex(TAG)

    assert (await node.client.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent))).is_success
    await node.turn()
    after = await listed(node, offer.id)
    state = node.environment.chain.offer(offer.id)
    assert after["tags"] == [] and after["epoch"] == to_hex(state.epoch) != found["epoch"]
    late = await give_tag(node, owner, consent)
    assert (late.status_code, late.json()["code"]) == (409, "state")
    erasure = f"/v1/consents/{consent}/erasure"
    assert (await node.client.post(erasure, headers=owner.headers("POST", erasure))).json()["erased"]
    assert proof_tags.of_consent(node.node, ConsentId(from_hex(consent))) is None


async def test_nobody_else_gives_it_one_or_reads_them(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.turn()
    thief = Owner(node.environment, owner.customer, Key())
    stranger = await give_tag(node, thief, consent)
    unknown = await give_tag(node, thief, to_hex(secrets.token_bytes(32)))
    assert (stranger.status_code, stranger.json()["code"]) == (404, unknown.json()["code"])
    forged = await give_tag(node, thief, consent, signer=owner)
    assert (forged.status_code, forged.json()["code"]) == (403, "signature")
    path = f"/v1/offers/{to_hex(offer.id)}/tags"
    for answer in (await node.client.get(path), await node.get(owner, path)):
        assert answer.status_code in (401, 403), answer.text
    assert (await listed(node, offer.id))["tags"] == []
    missing = f"/v1/offers/{to_hex(OfferId(secrets.token_bytes(32)))}/tags"
    assert (await node.client.get(missing, headers=node.credential)).status_code == 404


async def test_a_tag_that_comes_while_its_consent_is_erased_is_not_kept(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.turn()
    identity, judged, loop = ConsentId(from_hex(consent)), queries.status_of, asyncio.get_running_loop()

    def erased_then(of: Node, row: queries.Row) -> ConsentStatus:
        """The institution erases it between the look at it and the tag's keeping."""
        status = judged(of, row)
        erased = erasure.erase_everywhere(of.settings, of.engine, of.vault, identity)
        assert asyncio.run_coroutine_threadsafe(erased, loop).result(60)
        return status

    monkeypatch.setattr(queries, "status_of", erased_then)
    late = await give_tag(node, owner, consent)
    monkeypatch.undo()
    assert (late.status_code, late.json()["code"]) == (404, "not-found.consent")
    assert proof_tags.of_consent(node.node, identity) is None
