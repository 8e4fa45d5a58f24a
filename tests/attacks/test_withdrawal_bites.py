"""Promise 4: from the block that holds a withdrawal nothing new is built on that consent; and nobody who has no such
consent can use a withdrawal to stop what others do."""

from __future__ import annotations

import secrets

import pytest
from tests.attacks.harness import Agreed, AttackHarness, OfferFixture, Person, body_of, epoch_after
from tests.node.conftest import Owner, Running

from placet.chain.states import JobStatus
from placet.core.consent import Reason, Status
from placet.core.errors import ConsentError, PlacetError, WarrantError
from placet.core.plan import Seal, key_hash
from placet.core.trail import Step
from placet.core.values import ZERO32, to_hex
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_hash
from placet.jobs.messages import SealRequest, SignRequest
from placet.jobs.records import Phase
from placet.vault.lawful import NEVER
from shown import leaves_of


async def set_without(harness: AttackHarness, offer_fixture: OfferFixture, gone: Person) -> None:
    """The vault's set for the next job, as of now, is of all the others."""
    now = await harness.prepare(offer_fixture.offer, offer_fixture.deadline)
    leaves = leaves_of(await harness.vault.leaves(offer_fixture.offer.id, now.inputs[0].lawful_root, 0))
    assert {leaf.consent.owner for leaf in leaves} == {p.consent.owner for p in offer_fixture.people if p is not gone}


async def refused(harness: AttackHarness, agreed: Agreed, attempt: int, code: str) -> None:
    with harness.untouched(), pytest.raises(WarrantError) as caught:
        await harness.rows(agreed, attempt=attempt)
    assert caught.value.code == code


# --------------------------------------------------------------------------------- before, after, without a grant


async def test_withdrawn_before_it_was_ever_given(harness: AttackHarness) -> None:
    """A provider keeps a signed consent back until its owner has withdrawn it: it can be given nowhere any more."""
    offer_fixture = await harness.offer_fixture(1)
    person = harness.person(offer_fixture.offer, offer_fixture.scope)
    harness.mined(harness.calls.withdraw(person.consent.grant(), harness.withdrawal(person)), harness.thief)
    grant = harness.calls.grant(person.consent, person.submission.signature)
    assert harness.refused(grant, harness.bank) == ("ConsentExists", person.id, Status.WITHDRAWN)
    with harness.untouched():
        assert await harness.accept(offer_fixture.offer, offer_fixture.scope, [person]) == ["consent.withdrawn"]


@pytest.mark.parametrize("by", ["owner", "provider"])
async def test_a_given_consent_ends_and_never_revives(harness: AttackHarness, by: str) -> None:
    """The same consent again, alone or among many, by whomever: withdrawn or revoked stays so."""
    offer, scope = harness.offer()
    person = harness.person(offer, scope)
    grant = harness.calls.grant(person.consent, person.submission.signature)
    harness.mined(grant, harness.bank)
    if by == "owner":
        harness.mined(harness.calls.withdraw(person.consent.grant(), harness.withdrawal(person)), harness.thief)
    else:
        harness.mined(harness.calls.revoke(person.consent.grant(), ZERO32), harness.bank)
    status = Status.WITHDRAWN if by == "owner" else Status.REVOKED
    assert harness.chain.consent(person.id).status is status
    assert harness.refused(grant, harness.bank) == ("ConsentExists", person.id, status)
    many = harness.calls.grant_many([person.consent] * 2, [person.submission.signature] * 2)
    with harness.untouched(but=harness.bank):
        harness.mined(many, harness.bank)


async def test_a_withdrawn_consent_in_a_new_batch(harness: AttackHarness) -> None:
    """The provider anchors it again, with others and alone, and hands it to the vault again."""
    offer_fixture = await harness.offer_fixture()
    gone = offer_fixture.people[0]
    harness.withdraw(offer_fixture, gone)
    with harness.untouched():
        assert await harness.accept(offer_fixture.offer, offer_fixture.scope, [gone]) == ["consent.withdrawn"]
    late = harness.person(offer_fixture.offer, offer_fixture.scope)
    assert await harness.accept(offer_fixture.offer, offer_fixture.scope, [late]) == ["ok"]
    await harness.anchor(offer_fixture.offer, [gone])
    await harness.anchor(offer_fixture.offer, [gone, late])
    offer_fixture.people.append(late)
    await set_without(harness, offer_fixture, gone)


async def test_a_withdrawn_consent_at_the_nodes_api(harness: AttackHarness, node: Running, owner: Owner) -> None:
    """Submitted again after its withdrawal: the answer says so, and nothing is sent."""
    offer, _ = node.offer()
    body = owner.submission(await node.draft(owner, offer))
    consent = (await node.client.post("/v1/consents", json=body)).json()["id"]
    await node.turn()
    path = f"/v1/consents/{consent}/withdrawal"
    assert (await node.client.post(path, json=owner.withdrawal(consent))).status_code == 202
    await node.turn()
    with harness.untouched(node.node):
        for again in (
            await node.client.post("/v1/consents", json=body),
            await node.client.post(path, json=owner.withdrawal(consent)),
        ):
            assert (again.status_code, again.json()["status"]) == (202, "withdrawn")
        await node.turn()


# --------------------------------------------------------------------------------- by others, and once more


async def test_strangers_withdraw_nothing(harness: AttackHarness, node: Running) -> None:
    """Other keys, the owner's signature under something else, the owner's withdrawal of something else."""
    offer, scope = node.offer(**harness.shown)
    harness.scopes[offer.scope] = scope
    offer_fixture = await harness.offer_fixture_on(offer, scope, 2)
    person, other = offer_fixture.people
    node.node.sync()
    domain = harness.environment.deployment.consents
    digest = domain.digest(withdrawal_hash(person.id))
    for signature in (
        harness.thief.sign(digest),
        harness.bank.sign(digest),
        person.submission.signature,
        harness.withdrawal(other),
        person.key.sign(withdrawal_hash(person.id)),
        b"",
    ):
        call = harness.calls.withdraw_batched(
            person.consent.grant(), signature, offer_fixture.batch, offer_fixture.proof(person)
        )
        assert harness.refused(call) == ("InvalidSignature", person.id)
        with harness.untouched(node.node):
            answer = await node.client.post(
                f"/v1/consents/{to_hex(person.id)}/withdrawal",
                json={"signature": to_hex(signature), "consent": body_of(person)["consent"]},
            )
            await node.turn()
        assert (answer.status_code, answer.json()["code"].split(".")[0]) == (403, "signature")


async def test_a_withdrawal_once_more(harness: AttackHarness) -> None:
    """Replayed, alone or proven: the list holds it once, and the epoch counts it once."""
    offer_fixture = await harness.offer_fixture(2)
    person = offer_fixture.people[0]
    harness.withdraw(offer_fixture, person)
    alone = harness.calls.withdraw(person.consent.grant(), harness.withdrawal(person))
    batched = harness.calls.withdraw_batched(
        person.consent.grant(), harness.withdrawal(person), offer_fixture.batch, offer_fixture.proof(person)
    )
    assert harness.refused(alone) == ("ConsentEnded", person.id, Status.WITHDRAWN)
    assert harness.refused(batched) == ("AlreadyProven", person.id)
    state = harness.chain.offer(offer_fixture.offer.id)
    assert (state.epoch, state.unproven) == (epoch_after(person.id), FIRST_EPOCH)


# --------------------------------------------------------------------------------- invented ones stall nobody


async def test_invented_consents_stall_nobody(harness: AttackHarness) -> None:
    """Anybody can make a key, a consent to this offer, grant it himself, and withdraw it, as often as he has gas: the
    epoch stays, so that `open` and `seal` that were signed before go through."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.plan(offer_fixture)

    def invent() -> None:
        drafted, given = (
            harness.person(offer_fixture.offer, offer_fixture.scope),
            harness.person(offer_fixture.offer, offer_fixture.scope),
        )
        harness.mined(harness.calls.grant(given.consent, given.submission.signature), harness.thief)
        for fake in (drafted, given):
            harness.mined(harness.calls.withdraw(fake.consent.grant(), harness.withdrawal(fake)), harness.thief)
            for batch, proof in ((fake.id, []), (offer_fixture.batch, offer_fixture.proof(offer_fixture.people[0]))):
                call = harness.calls.prove(fake.id, offer_fixture.offer.id, batch, proof)
                assert harness.refused(call) == ("NotInBatch", offer_fixture.offer.id, fake.id, batch)

    invent()
    harness.open(agreed)
    assert len(await harness.rows(agreed)) == 3
    harness.record_all(agreed)
    call = harness.seal_call(agreed, [secrets.token_bytes(32)] * 3)
    invent()
    harness.mined(call, harness.thief)
    assert harness.status(agreed) is JobStatus.SEALED
    assert harness.chain.offer(offer_fixture.offer.id).epoch == FIRST_EPOCH


async def test_a_batch_of_somebody_elses_proves_nothing(harness: AttackHarness) -> None:
    """A thief with an offer and a batch of his own proves a withdrawal of his invention under it: not here."""
    offer_fixture = await harness.offer_fixture(1)
    fake = harness.person(offer_fixture.offer, offer_fixture.scope)
    harness.mined(harness.calls.withdraw(fake.consent.grant(), harness.withdrawal(fake)), harness.thief)
    theirs = harness.seconds_offer
    harness.mined(harness.calls.anchor(theirs, fake.id), harness.second)
    call = harness.calls.prove(fake.id, theirs, fake.id, [])
    assert harness.refused(call) == ("NotInBatch", theirs, fake.id, fake.id)
    assert harness.refused(harness.calls.prove(fake.id, offer_fixture.offer.id, fake.id, []))[0] == "NotInBatch"


async def test_an_unproven_withdrawal_of_a_real_consent(harness: AttackHarness) -> None:
    """A relay leaves the proof out, so that the contract does not see it: vault and peer do, at once. Whoever sends
    the proof later raises the epoch, and then the contract refuses too."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.plan(offer_fixture)
    gone = offer_fixture.people[1]
    harness.mined(harness.calls.withdraw(gone.consent.grant(), harness.withdrawal(gone)), harness.thief)
    assert harness.chain.offer(offer_fixture.offer.id).epoch == FIRST_EPOCH
    with harness.untouched(), pytest.raises(PlacetError) as caught:
        await harness.agreement.sign(harness.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert caught.value.code == "plan.stale"
    harness.open(agreed)
    await refused(harness, agreed, 1, "warrant.withdrawn")
    await set_without(harness, offer_fixture, gone)
    harness.mined(
        harness.calls.prove(gone.id, offer_fixture.offer.id, offer_fixture.batch, offer_fixture.proof(gone)),
        harness.thief,
    )
    assert harness.chain.offer(offer_fixture.offer.id).epoch == epoch_after(gone.id)
    later = harness.plan(offer_fixture)
    refusal = ("EpochChanged", offer_fixture.offer.id, FIRST_EPOCH, epoch_after(gone.id))
    assert harness.refused(harness.open_call(later)) == refusal


async def test_a_copy_without_its_proof_that_goes_first(harness: AttackHarness) -> None:
    """Somebody sees the withdrawal in the pool and sends it first, without its proof: the original still counts."""
    offer_fixture = await harness.offer_fixture(2)
    person = offer_fixture.people[0]
    harness.mined(harness.calls.withdraw(person.consent.grant(), harness.withdrawal(person)), harness.thief)
    assert harness.chain.offer(offer_fixture.offer.id).epoch == FIRST_EPOCH
    harness.withdraw(offer_fixture, person)
    assert harness.chain.offer(offer_fixture.offer.id).epoch == epoch_after(person.id)


async def test_a_proof_of_another_leaf(harness: AttackHarness) -> None:
    """A withdrawal with the place of somebody else in the batch."""
    offer_fixture = await harness.offer_fixture(2)
    person, other = offer_fixture.people
    for proof in (offer_fixture.proof(other), [], [secrets.token_bytes(32)]):
        call = harness.calls.withdraw_batched(
            person.consent.grant(), harness.withdrawal(person), offer_fixture.batch, proof
        )
        assert harness.refused(call) == ("NotInBatch", offer_fixture.offer.id, person.id, offer_fixture.batch)
    assert harness.chain.consent(person.id).status is Status.NONE


# --------------------------------------------------------------------------------- old epochs


async def test_an_old_epoch_is_refused_by_open_amend_and_seal(harness: AttackHarness) -> None:
    """Everybody signed before the withdrawal, and brings it to the chain afterwards."""
    offer_fixture = await harness.offer_fixture()
    waiting, running = harness.plan(offer_fixture), harness.open(harness.plan(offer_fixture))
    harness.record_all(running)
    root = offer_fixture.brought.inputs[0].lawful_root
    signed_before = {
        "open": harness.open_call(waiting),
        "amend": harness.amend_call(running, root),
        "seal": harness.seal_call(running, [secrets.token_bytes(32)] * 3),
    }
    harness.withdraw(offer_fixture, offer_fixture.people[0])
    for what, call in signed_before.items():
        refusal = ("EpochChanged", offer_fixture.offer.id, FIRST_EPOCH, epoch_after(offer_fixture.people[0].id))
        assert harness.refused(call) == refusal, what
    assert harness.status(waiting) is JobStatus.NONE
    assert harness.status(running) is JobStatus.OPEN
    assert harness.chain.job(running.job).attempt == 1
    await refused(harness, running, 1, "warrant.withdrawn")


async def test_old_signatures_after_a_reorganisation_that_swaps_two_withdrawals(harness: AttackHarness) -> None:
    """One has withdrawn, and everybody signs: the next opening, a new attempt and its seal without that row. Then the
    block is replaced by one in which another had withdrawn. As many have, but over the other's row nothing opens, is
    amended or sealed: not even with everybody's signatures."""
    offer_fixture = await harness.offer_fixture()
    seen, other = offer_fixture.people[:2]
    running = harness.open(harness.plan(offer_fixture))
    harness.record_all(running)
    with harness.reorganised():
        harness.withdraw(offer_fixture, seen)
        replaced = harness.chain.head()
        smaller = await harness.without(offer_fixture)
        assert smaller.epoch == epoch_after(seen.id)
        waiting = harness.plan(offer_fixture, input={"lawful_root": smaller.root, "epoch": smaller.epoch})
        signed_before = {
            "open": harness.open_call(waiting),
            "amend": harness.amend_call(running, smaller.root),
            "seal": harness.seal_call(running, [secrets.token_bytes(32)] * 3),
        }
        assert [harness.why(call, harness.thief) for call in signed_before.values()] == [None] * 3
    harness.withdraw(offer_fixture, other)
    assert harness.chain.head().number == replaced.number and harness.chain.head().hash != replaced.hash
    assert harness.chain.consent(seen.id).status is Status.NONE
    assert harness.chain.consent(other.id).status is Status.WITHDRAWN
    refusal = ("EpochChanged", offer_fixture.offer.id, epoch_after(seen.id), epoch_after(other.id))
    for what, call in signed_before.items():
        assert harness.refused(call) == refusal, what
    after = await harness.vault.dead(offer_fixture.offer.id, smaller.root)
    assert (after.epoch, after.consents) == (epoch_after(other.id), (other.id,))


async def test_an_amendment_that_keeps_the_row(harness: AttackHarness) -> None:
    """All parties agree, under the new epoch, to go on with the old set: the contract can't see it, the vault does."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.open(harness.plan(offer_fixture))
    gone = offer_fixture.people[2]
    harness.withdraw(offer_fixture, gone)
    harness.mined(harness.amend_call(agreed, offer_fixture.brought.inputs[0].lawful_root), harness.thief)
    await refused(harness, agreed, 2, "warrant.withdrawn")
    smaller = await harness.without(offer_fixture)
    harness.mined(harness.amend_call(agreed, smaller.root), harness.thief)
    left = await harness.rows(agreed, attempt=3)
    assert gone.submission.opening is not None
    assert (len(left), gone.submission.opening.subject in left) == (2, False)


async def test_a_peer_does_not_sign_a_seal_over_a_row_that_was_withdrawn(harness: AttackHarness) -> None:
    """The bank has computed; the withdrawal comes without its proof, so that no epoch tells. The seal that it would
    have signed a block before, it does not sign any more."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.plan(offer_fixture)
    agreement = harness.agreement
    await agreement.sign(harness.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    harness.open(agreed)
    key, masked = secrets.token_bytes(32), b"masked"
    agreement.store.begin(agreed.job, 1, [chosen.lawful_root for chosen in agreed.plan.inputs])
    closed = agreement.at_rest.seal(key, b"key")
    agreement.store.keep(agreed.job, 1, key=closed, output=masked, phase=Phase.COMPUTED.value)
    step = Step(job=agreed.job, attempt=1, party=0, index=0, name="open", protocol="vault/1", parameters={}, at=1)
    agreement.store.add_step(step)
    harness.mined(harness.calls.record(agreed.job, 1, 0, 0, [step.hash]), harness.environment.recorder)
    for number, who in ((1, harness.second), (2, harness.lender)):
        harness.mined(harness.calls.record(agreed.job, 1, number, 0, [secrets.token_bytes(32)]), who)
    output, due = harness.attempts.outcome(agreement.store.job(agreed.job), agreement.store.attempts(agreed.job)[0])
    seal = Seal(
        job=agreed.job,
        attempt=1,
        heads=tuple(harness.chain.trail(agreed.job, 1, number)[0] for number in range(3)),
        outputs=(output, b"\2" * 32, ZERO32),
        keys=(due, key_hash(b"other"), ZERO32),
        epochs=harness.epochs(agreed),
        payouts=(0, 0, 0),
    )
    signed = await harness.attempts.seal(harness.lender.address, SealRequest(seal=seal))
    assert signed.signature == harness.bank.sign(harness.environment.deployment.jobs.digest(seal.struct_hash()))
    gone = offer_fixture.people[0]
    harness.mined(harness.calls.withdraw(gone.consent.grant(), harness.withdrawal(gone)), harness.thief)
    with harness.untouched(), pytest.raises(ConsentError) as caught:
        await harness.attempts.seal(harness.lender.address, SealRequest(seal=seal))
    assert caught.value.code == "consent.withdrawn"


# --------------------------------------------------------------------------------- an institution's own consent


async def test_a_named_consent_that_is_withdrawn(harness: AttackHarness) -> None:
    """Before the opening nothing opens on it; in a running job nothing seals on it, and anybody may end the job."""
    offer_fixture = await harness.offer_fixture(1)
    consent = harness.own_consent()
    signature = harness.signed(consent, harness.lender)
    harness.mined(harness.calls.grant(consent, signature), harness.thief)

    def on(consent_id: bytes) -> Agreed:
        agreed = harness.plan(offer_fixture)
        *others, lender = agreed.plan.parties
        named = lender.inputs[0].model_copy(update={"consent": consent_id, "opens_before": NEVER})
        parties = (*others, lender.model_copy(update={"inputs": (named,)}))
        return harness.agreed(type(agreed.plan)(**(dict(agreed.plan) | {"parties": parties})), agreed.terms)

    running, waiting = harness.open(on(consent.id)), on(consent.id)
    harness.record_all(running)
    sealing = harness.seal_call(running, [secrets.token_bytes(32)] * 3)
    early = harness.calls.abort_for_consent(running.plan, 2, ZERO32)
    assert harness.refused(early) == ("ConsentStillLive", consent.id)
    digest = harness.environment.deployment.consents.digest(withdrawal_hash(consent.id))
    harness.mined(harness.calls.withdraw(consent.grant(), harness.lender.sign(digest)), harness.thief)
    assert harness.chain.offer(harness.list_offer).epoch == FIRST_EPOCH
    assert harness.refused(harness.open_call(waiting)) == ("ConsentRefused", consent.id, Reason.WITHDRAWN)
    assert harness.refused(sealing) == ("ConsentRefused", consent.id, Reason.WITHDRAWN)
    harness.mined(early, harness.thief)
    assert harness.status(running) is JobStatus.ABORTED


# --------------------------------------------------------------------------------- the seal is the line


async def test_a_withdrawal_after_the_seal_binds_the_next_job(harness: AttackHarness) -> None:
    """The sealed job releases its keys and pays, whoever withdraws now; the next one is without the row."""
    reward = 30
    offer_fixture = await harness.offer_fixture()
    escrow = harness.environment.deployment.reward_escrow.address
    harness.mined(harness.calls.approve(harness.token, escrow, reward), harness.lender)
    agreed = harness.open(harness.plan(offer_fixture, reward=reward))
    harness.record_all(agreed)
    keys = [secrets.token_bytes(32) for _ in range(3)]
    harness.mined(harness.seal_call(agreed, keys), harness.thief)
    gone = offer_fixture.people[0]
    harness.withdraw(offer_fixture, gone)
    await refused(harness, agreed, 1, "warrant.closed")
    owed = harness.chain.owed(harness.token, harness.bank.address)
    for party in (0, 1):
        harness.mined(harness.calls.release(agreed.job, party, keys[party]), harness.thief)
    assert harness.status(agreed) is JobStatus.COMPLETED
    assert harness.chain.owed(harness.token, harness.bank.address) == owed + reward

    stale = harness.plan(offer_fixture)
    refusal = ("EpochChanged", offer_fixture.offer.id, FIRST_EPOCH, epoch_after(gone.id))
    assert harness.refused(harness.open_call(stale)) == refusal
    await set_without(harness, offer_fixture, gone)
    offer_fixture.brought = await harness.prepare(offer_fixture.offer, offer_fixture.deadline)
    following = harness.open(harness.plan(offer_fixture))
    customers = await harness.rows(following)
    assert gone.submission.opening is not None
    assert (len(customers), gone.submission.opening.subject in customers) == (2, False)


async def test_withdrawn_and_used_in_one_block(harness: AttackHarness) -> None:
    """The withdrawal stands before the opening in the same block: already that opening fails."""
    offer_fixture = await harness.offer_fixture(2)
    agreed = harness.plan(offer_fixture)
    person = offer_fixture.people[0]
    signature, proof = harness.withdrawal(person), offer_fixture.proof(person)
    withdraw = harness.calls.withdraw_batched(person.consent.grant(), signature, offer_fixture.batch, proof)
    harness.environment.anvil.rpc("evm_setAutomine", False)
    try:
        sent = [harness.send(withdraw, harness.thief), harness.send(harness.open_call(agreed), harness.thief)]
        harness.environment.anvil.mine()
    finally:
        harness.environment.anvil.rpc("evm_setAutomine", True)
    first, second = (harness.receipt(transaction) for transaction in sent)
    assert first["blockNumber"] == second["blockNumber"]
    assert (first["status"], second["status"]) == ("0x1", "0x0")
    assert harness.status(agreed) is JobStatus.NONE
