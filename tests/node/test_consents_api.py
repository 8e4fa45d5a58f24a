"""The consent API against a real chain and a real vault process."""

from __future__ import annotations

import pytest
from eth_account import Account
from placet.core.consent import Consent, Status
from placet.core.merkle import batch_verify
from placet.core.values import from_hex, parse, to_hex

from .conftest import Owner, Running


async def test_an_owner_gives_a_consent_and_checks_it_himself(node: Running, owner: Owner) -> None:
    offer, scope = node.offer()
    listed = (await node.client.get("/v1/offers")).json()["offers"]
    mine = next(found for found in listed if found["id"] == to_hex(offer.id))
    assert mine["scope"]["title"] == scope.title
    assert mine["texts"]["consumer"] == "Credit House"

    draft = await node.draft(owner, offer)
    assert "You allow First Bank" in draft["notice"]
    signable = draft["typed_data"]
    signed = Account.sign_typed_data(owner.key.secret, full_message=signable)
    submission = owner.submission(draft, signature="0x" + signed.signature.hex())
    answer = await node.client.post("/v1/consents", json=submission)
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"id": draft["id"], "status": "pending"}

    await node.turn()
    shown = (await node.get(owner, f"/v1/consents/{draft['id']}")).json()
    assert shown["status"] == "given"
    root = from_hex(shown["batch"]["root"])
    assert batch_verify(root, from_hex(shown["leaf"]), [from_hex(p) for p in shown["batch"]["proof"]])
    assert node.world.chain.batch(offer.id, root) > 0
    assert node.node.index.batches(offer.id)[root] == shown["batch"]["block"]

    again = await node.client.post("/v1/consents", json=submission)
    assert (again.status_code, again.json()["status"]) == (202, "given")
