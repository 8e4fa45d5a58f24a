"""A node's receipts for consents, as their owners get them, and held against the chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from placet.chain.receipts import demand_on_chain
from placet.cli.main import app
from placet.core.errors import ConsentError, NotFoundError
from placet.core.receipts import ReceiptFacts, SignedReceipt, issue
from placet.core.signatures import Key
from placet.core.values import parse, to_hex

from .conftest import NodeEnvironment, Owner, Running


def read(environment: NodeEnvironment, body: dict[str, Any]) -> ReceiptFacts:
    return parse(SignedReceipt, body).demand(environment.deployment, environment.trust)


async def test_from_the_grant_to_the_withdrawal(node: Running, owner: Owner, tmp_path: Path) -> None:
    environment = node.environment
    offer, scope = node.offer()
    consent = await node.give(owner, offer)
    path = f"/v1/consents/{consent}/receipt"
    early = await node.get(owner, path)
    assert (early.status_code, early.json()["code"]) == (409, "state.receipt")
    await node.turn()
    answer = await node.get(owner, path)
    assert answer.headers["cache-control"] == "no-store"
    facts = read(environment, answer.json())
    assert (facts.status, to_hex(facts.consent.id), facts.consent.owner) == ("given", consent, owner.signer)
    assert (facts.scope, facts.jurisdiction) == (scope, None)
    assert facts.given is not None and facts.given.proof is not None
    standing = demand_on_chain(environment.chain, facts)
    assert (standing.ended, standing.openings_left) == (False, 3)
    with_credential = await node.client.get(path, headers=node.credential)
    assert read(environment, with_credential.json()).consent == facts.consent

    other = Owner(environment, next(environment.customers), Key())
    refused = await node.get(other, path)
    nothing = await node.get(other, f"/v1/consents/{to_hex(bytes(32))}/receipt")
    assert (refused.status_code, refused.text) == (nothing.status_code, nothing.text) == (404, refused.text)
    assert (await node.client.get(path)).status_code == 401

    assert (await node.client.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent))).is_success
    await node.turn()
    later = (await node.get(owner, path)).json()
    told = read(environment, later)
    assert told.status == "withdrawn" and told.ended is not None and told.given == facts.given
    assert demand_on_chain(environment.chain, told).ended
    assert demand_on_chain(environment.chain, facts).ended, "the older receipt was true when it was made"
    demand_what_the_chain_does_not_hold(environment, facts, told)

    kept = tmp_path / "receipt.json"
    kept.write_text(parse(SignedReceipt, later).model_dump_json())
    words = ["owner", "check-receipt", str(kept), "--deployment", str(environment.folder / "deployment.json")]
    words += ["--trust", str(environment.folder / "trust.json")]
    checked = CliRunner().invoke(app, [*words, "--url", environment.anvil.url])
    assert checked.exit_code == 0, checked.output
    assert "status: withdrawn" in checked.output and "signed by: First Bank" in checked.output
    kept.write_text(kept.read_text().replace("ConsentWithdrawn", "ConsentGiven"))
    assert CliRunner().invoke(app, words).exit_code != 0


def demand_what_the_chain_does_not_hold(
    environment: NodeEnvironment, before: ReceiptFacts, after: ReceiptFacts
) -> None:
    """What the institution signs can be untrue: the chain's own word is asked for."""
    given, end = before.given, after.ended
    assert given is not None and end is not None
    lies: list[tuple[ReceiptFacts, dict[str, Any]]] = [
        (after, {"ended": None}),
        (after, {"ended": end.model_copy(update={"how": "revoked"})}),
        (after, {"ended": end.model_copy(update={"transaction": bytes(32)})}),
        (before, {"given": given.model_copy(update={"at": given.at + 1})}),
        (before, {"given": given.model_copy(update={"block_hash": bytes(32)})}),
        (before, {"given": given.model_copy(update={"transaction": bytes(32)})}),
        (before, {"given": given.model_copy(update={"batch": None, "proof": None})}),
        (before, {"as_of": before.as_of.model_copy(update={"block_hash": bytes(32)})}),
        (before, {"openings": before.openings + 1}),
    ]
    for facts, changes in lies:
        lie = facts.model_copy(update=changes)
        signed = issue(lie, environment.trust.name, environment.deployment.receipts, environment.provider.sign)
        with pytest.raises(ConsentError) as caught:
            demand_on_chain(environment.chain, signed.demand(environment.deployment, environment.trust))
        assert caught.value.code == "consent.receipt", changes
    beyond = before.as_of.model_copy(update={"block": before.as_of.block + 10**6})
    with pytest.raises(NotFoundError):
        demand_on_chain(environment.chain, before.model_copy(update={"as_of": beyond}))


async def test_an_institutions_own_consent_has_none(node: Running, owner: Owner) -> None:
    offer, _ = node.offer(personal=False, enrollers=())
    institution = Owner(node.environment, owner.customer, node.environment.provider)
    draft = await node.draft(institution, offer, enrolment=None)
    sent = institution.submission(draft, enrolment=None)
    assert (await node.client.post("/v1/consents", json=sent)).status_code == 202
    await node.turn()
    answer = await node.get(institution, f"/v1/consents/{draft['id']}/receipt")
    assert (answer.status_code, answer.json()["code"]) == (422, "consent.receipt")


async def test_words_that_are_others_by_now_are_not_signed(node: Running, owner: Owner) -> None:
    """A trust list that calls somebody otherwise than what the owner signed."""
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.turn()
    trust = node.node.trust
    first, *rest = trust.institutions
    renamed = trust.model_copy(update={"institutions": (first.model_copy(update={"name": "Last Bank"}), *rest)})
    node.node.trust = renamed
    answer = await node.get(owner, f"/v1/consents/{consent}/receipt")
    assert (answer.status_code, answer.json()["code"]) == (422, "consent.receipt")
    node.node.trust = trust
    assert read(node.environment, (await node.get(owner, f"/v1/consents/{consent}/receipt")).json())
