"""The consent API against a real chain and a real vault process."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from eth_account import Account

from placet.chain.events import JobCompleted
from placet.core.consent import Consent, ConsentFields, Status, derive
from placet.core.enrolment import enrolment_hash
from placet.core.merkle import batch_verify
from placet.core.offers import Subjects
from placet.core.signatures import Key, P256Key
from placet.core.values import from_hex, parse, to_hex
from placet.node.consents.uses import follow, note_uses
from placet.node.state import batches, consents

from ..passkeys import Passkey
from .conftest import CUSTOMERS, NAMESPACE, NodeEnvironment, Owner, Running, node_at


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
    assert node.environment.chain.batch(offer.id, root) > 0
    assert node.node.index.batches(offer.id)[root] == shown["batch"]["block"]

    again = await node.client.post("/v1/consents", json=submission)
    assert (again.status_code, again.json()["status"]) == (202, "given")


async def _refused(node: Running, submission: dict[str, Any], status: int, code: str) -> dict[str, Any]:
    """The submission is refused with this problem, and neither node, vault nor chain has heard of it."""
    answer = await node.client.post("/v1/consents", json=submission)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status and problem["title"] and problem["detail"]
    consent = parse(Consent, submission["consent"])
    with node.node.engine.connect() as connection:
        assert connection.execute(sa.select(consents).where(consents.c.id == consent.id)).first() is None
    assert await node.node.vault.erase(consent.id) is False
    assert node.environment.chain.consent(consent.id).status is Status.NONE
    return problem


async def test_a_wrong_signature_reaches_neither_vault_nor_chain(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    submission = owner.submission(await node.draft(owner, offer))
    other = Owner(node.environment, owner.customer, Key()).submission({"consent": submission["consent"]})
    await _refused(node, submission | {"signature": other["signature"]}, 403, "signature")
    await _refused(node, submission | {"signature": "0x"}, 403, "signature.empty")
    await _refused(node, submission | {"signature": "0x" + "ff" * 65}, 403, "signature")


@pytest.mark.parametrize("field", ["dataset", "consumer", "purpose", "columns", "output", "parties", "notice"])
async def test_a_consent_that_says_something_else_is_refused(node: Running, owner: Owner, field: str) -> None:
    offer, _ = node.offer()
    draft = await node.draft(owner, offer)
    other = to_hex(bytes(32)) if field == "notice" else "something else"
    draft["consent"]["details"][field] = other
    problem = await _refused(node, owner.submission(draft), 422, "consent.altered")
    assert problem["found"] == other


async def test_an_offer_of_another_institution_names_it(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    dataset = secrets.token_bytes(32)
    node.environment.send(
        node.environment.calls.register(dataset, Subjects.PERSONS, bytes(32), bytes(32)), node.environment.consumer
    )
    theirs = offer.model_copy(update={"dataset": dataset})
    node.environment.send(node.environment.calls.offer(theirs), node.environment.consumer)
    node.node.sync()
    answer = await node.client.post("/v1/consents/draft", json=owner.draft_request(theirs))
    assert (answer.status_code, answer.json()["code"]) == (421, "consent.elsewhere")
    assert "Credit House" in answer.json()["found"] and "http://127.0.0.1:8611" in answer.json()["found"]
    draft = await node.draft(owner, offer)
    draft["consent"]["offer"]["dataset"] = to_hex(dataset)
    await _refused(node, owner.submission(draft), 421, "consent.elsewhere")


async def test_an_unknown_offer(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    unknown = offer.model_copy(update={"scope": secrets.token_bytes(32)})
    answer = await node.client.post("/v1/consents/draft", json=owner.draft_request(unknown))
    assert (answer.status_code, answer.json()["code"]) == (404, "consent.unknown-offer")


async def test_drafts_that_make_no_sense(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    for changes, code in (
        ({"enrolment": None}, "consent.unenrolled"),
        ({"not_before": 20, "not_after": 10}, "input"),
        ({"not_before": 5, "not_after": 10}, "input"),
        ({"uses": 0}, "input"),
        ({"uses": 2**32 - 1}, None),
        ({"not_after": 2**48 - 1}, "input"),
        ({"owner": "0x12"}, "input"),
    ):
        answer = await node.client.post("/v1/consents/draft", json=owner.draft_request(offer, **changes))
        if code is None:
            assert answer.status_code == 200
        else:
            assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


async def test_enrolments(node: Running, owner: Owner) -> None:
    environment = node.environment
    offer, _ = node.offer()
    draft = await node.draft(owner, offer)
    good = owner.submission(draft)
    right = good["enrolment"]
    other = Owner(environment, next(environment.customers), owner.key)
    await _refused(node, good | {"enrolment": None}, 422, "consent.unenrolled")
    await _refused(node, good | {"enrolment": other.enrolment()}, 422, "consent.enrolment")
    await _refused(node, good | {"enrolment": owner.enrolment(environment.stranger)}, 422, "consent.enroller")
    forged = right | {"signature": owner.enrolment(environment.stranger)["signature"]}
    await _refused(node, good | {"enrolment": forged}, 403, "signature")
    await _refused(
        node, good | {"enrolment": right | {"opening": other.enrolment()["opening"]}}, 422, "consent.opening"
    )
    nobody = Owner(environment, "not a customer", owner.key)
    await _refused(node, nobody.submission(await node.draft(nobody, offer)), 422, "consent.subject")
    await _refused(node, good | {"enrolment": owner.enrolment(environment.provider)}, 422, "consent.enroller")
    trust = node.node.trust
    (who,) = trust.enrollers
    for update in ({"namespaces": ("urn:example:company",)}, {"address": environment.stranger.address}):
        node.node.trust = trust.model_copy(update={"enrollers": (who.model_copy(update=update),)})
        await _refused(node, good, 422, "consent.enroller")
    node.node.trust = trust
    assert (await node.client.post("/v1/consents", json=good)).status_code == 202


async def test_an_expired_consent(node: Running, owner: Owner) -> None:
    offer, scope = node.offer()
    fields = ConsentFields(
        owner=owner.signer,
        not_before=5,
        not_after=10,
        first_opening=0,
        uses=1,
        enrolment=owner.opening.commitment,
        salt=secrets.token_bytes(32),
    )
    expired = derive(fields, offer, scope, node.environment.trust.name)
    await _refused(node, owner.submission({"consent": expired.to_json()}), 422, "consent.expired")


async def test_the_institutions_own_consent_is_granted_by_itself(node: Running, owner: Owner) -> None:
    environment = node.environment
    offer, _ = node.offer(personal=False, enrollers=())
    institution = Owner(environment, owner.customer, environment.provider)
    refused = await node.client.post("/v1/consents/draft", json=institution.draft_request(offer))
    assert refused.json()["code"] == "consent.enrolment"
    draft = await node.draft(institution, offer, enrolment=None)
    assert (
        await node.client.post("/v1/consents", json=institution.submission(draft, enrolment=None))
    ).status_code == 202
    strangers = await node.draft(owner, offer, enrolment=None)
    await _refused(node, owner.submission(strangers, enrolment=None), 422, "consent.owner")
    await node.turn()
    assert environment.chain.consent(from_hex(draft["id"])).status is Status.GIVEN
    shown = (await node.get(institution, f"/v1/consents/{draft['id']}")).json()
    assert (shown["status"], shown["batch"]) == ("given", None)
    assert shown["block"] > 0


async def test_a_p256_key_gives_a_consent(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    keeper = Owner(node.environment, owner.customer, P256Key(node.environment.deployment.p256_verifier.address))
    consent = await node.give(keeper, offer)
    await node.turn()
    assert (await node.get(keeper, f"/v1/consents/{consent}")).json()["status"] == "given"


async def test_a_browsers_passkey_gives_a_consent_and_withdraws_it(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    deployment = node.environment.deployment
    key = Passkey(deployment.webauthn_verifier.address)
    keeper = Owner(node.environment, owner.customer, key)
    submission = keeper.submission(await node.draft(keeper, offer))
    consent = submission_id(submission)
    digest = deployment.consents.digest(from_hex(consent))
    answer = await node.client.post("/v1/consents", json=submission | {"signature": key.browser(digest)})
    assert answer.status_code == 202, answer.text
    await node.turn()
    assert (await node.get(keeper, f"/v1/consents/{consent}")).json()["status"] == "given"
    withdrawal = keeper.withdrawal(consent)
    answer = await node.client.post(f"/v1/consents/{consent}/withdrawal", json=withdrawal)
    assert answer.status_code == 202, answer.text
    await node.turn()
    assert node.environment.chain.consent(from_hex(consent)).status is Status.WITHDRAWN


async def test_the_same_consent_many_times_at_once_is_one(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    submission = owner.submission(await node.draft(owner, offer))
    answers = await asyncio.gather(*(node.client.post("/v1/consents", json=submission) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    await node.turn()
    with node.node.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(consents)).scalar_one() == 1
        assert connection.execute(sa.select(batches.c.leaves)).scalars().all() == [from_hex(submission_id(submission))]


def submission_id(submission: dict[str, Any]) -> str:
    return to_hex(parse(Consent, submission["consent"]).id)


async def test_owners_see_their_own_consents_only(node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    offer, _ = node.offer()
    other = Owner(node.environment, next(node.environment.customers), Key())
    mine = sorted([await node.give(owner, offer) for _ in range(3)])
    theirs = await node.give(other, offer)
    page = (await node.get(owner, "/v1/consents")).json()
    assert [found["id"] for found in page["consents"]] == mine
    assert page["cursor"] is None
    hidden = await node.get(owner, f"/v1/consents/{theirs}")
    absent = await node.get(owner, f"/v1/consents/{to_hex(bytes(32))}")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json() == absent.json()
    assert (await node.get(owner, f"/v1/consents/{theirs}/uses")).json() == absent.json()
    path = f"/v1/consents?owner={to_hex(other.signer)}"
    assert (await node.get(owner, path)).json()["code"] == "access.owner"
    assert len((await node.client.get("/v1/consents", headers=node.credential)).json()["consents"]) == 4
    assert (await node.get(owner, "/v1/consents?status=given")).json()["consents"] == []
    assert len((await node.get(owner, "/v1/consents?status=pending")).json()["consents"]) == 3
    monkeypatch.setattr("placet.node.consents.queries.PAGE", 2)
    first = (await node.get(owner, "/v1/consents")).json()
    second = (await node.get(owner, f"/v1/consents?cursor={first['cursor']}")).json()
    assert [found["id"] for found in first["consents"] + second["consents"]] == mine
    assert second["cursor"] is None


async def test_uses_follow_their_job(node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    path = f"/v1/consents/{consent}/uses"
    assert (await node.get(owner, path)).json() == {"uses": []}
    job = secrets.token_bytes(32)
    for _ in range(2):
        note_uses(node.node.engine, job, 1, offer.id, from_hex(consent))
    [use] = (await node.get(owner, path)).json()["uses"]
    assert (use["job"], use["nth"], use["attempt"]) == (to_hex(job), 1, 1)
    assert (use["outcome"], use["block"]) == ("running", None)
    told = JobCompleted(job=job, block=7, log_index=0, transaction=bytes(32), block_hash=bytes(32))
    monkeypatch.setattr(node.node.index, "job_events", lambda _, kinds: [told])
    follow(node.node)
    [use] = (await node.get(owner, path)).json()["uses"]
    assert (use["outcome"], use["block"]) == ("completed", 7)


async def test_datasets_tell_rows_to_the_institution_only(node: Running) -> None:
    [public] = (await node.client.get("/v1/datasets")).json()["datasets"]
    assert (public["name"], public["columns"], public["rows"]) == ("accounts", ["customer", "balance"], None)
    assert public["id"] == to_hex(node.environment.dataset.dataset)
    [own, _] = (await node.client.get("/v1/datasets", headers=node.credential)).json()["datasets"]
    assert own["rows"] == CUSTOMERS


@pytest.mark.parametrize(
    ("settings", "anybody", "trusted"),
    [
        ({}, [], ["accounts", "branches"]),
        ({"accounts": {"visible": "public"}}, ["accounts"], ["accounts", "branches"]),
        ({"accounts": {"visible": "trusted"}, "branches": {"visible": "nobody"}}, [], ["accounts"]),
    ],
)
async def test_a_dataset_is_told_to_those_who_may_know_of_it(
    settings: dict[str, Any],
    anybody: list[str],
    trusted: list[str],
    environment: NodeEnvironment,
    owner: Owner,
    tmp_path: Path,
) -> None:
    path = "/v1/datasets"
    balance = {"meaning": "at the end of the day", "unit": "EUR cents"}
    words = {"about": "Current accounts", "refreshed": "2026-11-28", "columns": {"balance": balance, "gone": balance}}
    accounts = {"accounts": words | settings.get("accounts", {})}
    async with node_at(environment, environment.settings(tmp_path / "node", datasets=settings | accounts)) as node:

        async def names(headers: dict[str, str]) -> list[str]:
            answer = await node.client.get(path, headers=headers)
            return [one["name"] for one in answer.json()["datasets"]]

        partner = Owner(environment, "", environment.consumer)
        header = partner.headers("GET", path)
        assert await names(header) == trusted, "an institution of the trust list"
        assert (await node.client.get(path, headers=header)).json()["code"] == "access.replayed"
        other = partner.headers("GET", "/v1/consents")
        assert (await node.client.get(path, headers=other)).json()["code"] == "access.signature"
        assert await names({}) == await names(owner.headers("GET", path)) == anybody
        assert await names(node.credential) == ["accounts", "branches"]
        shown = (await node.client.get(path, headers=node.credential)).json()["datasets"][0]
        assert (shown["about"], shown["refreshed"], shown["meanings"]) == (
            "Current accounts",
            "2026-11-28",
            {"balance": balance},
        )


async def test_a_contract_can_consent_for_no_person_yet(node: Running, owner: Owner) -> None:
    """Its answer can change: batches take no such owner, and nothing else brings a person's row into a lawful set."""
    offer, _ = node.offer()
    contract, says_yes = secrets.token_bytes(20), "0x631626ba7e60e01b60005260206000f3"
    node.environment.anvil.rpc("anvil_setCode", to_hex(contract), says_yes)
    digest = node.environment.deployment.consents.digest(enrolment_hash(contract, NAMESPACE, owner.opening.commitment))
    enrolment = owner.enrolment() | {"signature": to_hex(node.environment.enroller.sign(digest))}
    asked = owner.draft_request(offer) | {"owner": to_hex(contract)}
    draft = (await node.client.post("/v1/consents/draft", json=asked)).json()
    body = owner.submission(draft, enrolment=enrolment, signature="0x00")
    answer = await node.client.post("/v1/consents", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "consent.contract")
    node.environment.anvil.rpc("anvil_setCode", to_hex(contract), "0x")
    answer = await node.client.post("/v1/consents", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "signature.contract")
