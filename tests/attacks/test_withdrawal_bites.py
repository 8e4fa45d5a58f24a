"""Promise 4: from the block that holds a withdrawal nothing new is built on that consent; and nobody who has no such
consent can use a withdrawal to stop what others do."""

from __future__ import annotations

import secrets

import pytest
from tests.attacks.stage import Agreed, Deal, Person, Stage, body_of, epoch_after
from tests.node.conftest import Owner, Running

from placet.chain.client import JobStatus
from placet.core.consent import Reason, Status
from placet.core.errors import ConsentError, PlacetError, WarrantError
from placet.core.plan import Seal, key_hash
from placet.core.trail import Step
from placet.core.values import ZERO32, to_hex
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_hash
from placet.jobs.messages import SealRequest, SignRequest
from placet.jobs.store import Phase
from placet.vault.lawful import NEVER
from shown import leaves_of


async def set_without(stage: Stage, deal: Deal, gone: Person) -> None:
    """The vault's set for the next job, as of now, is of all the others."""
    now = await stage.prepare(deal.offer, deal.deadline)
    leaves = leaves_of(await stage.vault.leaves(deal.offer.id, now.inputs[0].lawful_root, 0))
    assert {leaf.consent.owner for leaf in leaves} == {p.consent.owner for p in deal.people if p is not gone}


async def refused(stage: Stage, agreed: Agreed, attempt: int, code: str) -> None:
    with stage.untouched(), pytest.raises(WarrantError) as caught:
        await stage.rows(agreed, attempt=attempt)
    assert caught.value.code == code


# --------------------------------------------------------------------------------- before, after, without a grant


async def test_withdrawn_before_it_was_ever_given(stage: Stage) -> None:
    """A provider keeps a signed consent back until its owner has withdrawn it: it can be given nowhere any more."""
    deal = await stage.deal(1)
    person = stage.person(deal.offer, deal.scope)
    stage.mined(stage.calls.withdraw(person.consent.grant(), stage.withdrawal(person)), stage.thief)
    grant = stage.calls.grant(person.consent, person.submission.signature)
    assert stage.refused(grant, stage.bank) == ("ConsentExists", person.id, Status.WITHDRAWN)
    with stage.untouched():
        assert await stage.accept(deal.offer, deal.scope, [person]) == ["consent.withdrawn"]


@pytest.mark.parametrize("by", ["owner", "provider"])
async def test_a_given_consent_ends_and_never_revives(stage: Stage, by: str) -> None:
    """The same consent again, alone or among many, by whomever: withdrawn or revoked stays so."""
    offer, scope = stage.offer()
    person = stage.person(offer, scope)
    grant = stage.calls.grant(person.consent, person.submission.signature)
    stage.mined(grant, stage.bank)
    if by == "owner":
        stage.mined(stage.calls.withdraw(person.consent.grant(), stage.withdrawal(person)), stage.thief)
    else:
        stage.mined(stage.calls.revoke(person.consent.grant(), ZERO32), stage.bank)
    status = Status.WITHDRAWN if by == "owner" else Status.REVOKED
    assert stage.chain.consent(person.id).status is status
    assert stage.refused(grant, stage.bank) == ("ConsentExists", person.id, status)
    many = stage.calls.grant_many([person.consent] * 2, [person.submission.signature] * 2)
    with stage.untouched(but=stage.bank):
        stage.mined(many, stage.bank)


async def test_a_withdrawn_consent_in_a_new_batch(stage: Stage) -> None:
    """The provider anchors it again, with others and alone, and hands it to the vault again."""
    deal = await stage.deal()
    gone = deal.people[0]
    stage.withdraw(deal, gone)
    with stage.untouched():
        assert await stage.accept(deal.offer, deal.scope, [gone]) == ["consent.withdrawn"]
    late = stage.person(deal.offer, deal.scope)
    assert await stage.accept(deal.offer, deal.scope, [late]) == ["ok"]
    await stage.anchor(deal.offer, [gone])
    await stage.anchor(deal.offer, [gone, late])
    deal.people.append(late)
    await set_without(stage, deal, gone)


async def test_a_withdrawn_consent_at_the_nodes_api(stage: Stage, node: Running, owner: Owner) -> None:
    """Submitted again after its withdrawal: the answer says so, and nothing is sent."""
    offer, _ = node.offer()
    body = owner.submission(await node.draft(owner, offer))
    consent = (await node.client.post("/v1/consents", json=body)).json()["id"]
    await node.turn()
    path = f"/v1/consents/{consent}/withdrawal"
    assert (await node.client.post(path, json=owner.withdrawal(consent))).status_code == 202
    await node.turn()
    with stage.untouched(node.node):
        for again in (
            await node.client.post("/v1/consents", json=body),
            await node.client.post(path, json=owner.withdrawal(consent)),
        ):
            assert (again.status_code, again.json()["status"]) == (202, "withdrawn")
        await node.turn()


# --------------------------------------------------------------------------------- by others, and once more


async def test_strangers_withdraw_nothing(stage: Stage, node: Running) -> None:
    """Other keys, the owner's signature under something else, the owner's withdrawal of something else."""
    offer, scope = node.offer(**stage.shown)
    stage.scopes[offer.scope] = scope
    deal = await stage.deal_on(offer, scope, 2)
    person, other = deal.people
    node.node.sync()
    domain = stage.world.deployment.consents
    digest = domain.digest(withdrawal_hash(person.id))
    for signature in (
        stage.thief.sign(digest),
        stage.bank.sign(digest),
        person.submission.signature,
        stage.withdrawal(other),
        person.key.sign(withdrawal_hash(person.id)),
        b"",
    ):
        call = stage.calls.withdraw_batched(person.consent.grant(), signature, deal.batch, deal.proof(person))
        assert stage.refused(call) == ("InvalidSignature", person.id)
        with stage.untouched(node.node):
            answer = await node.client.post(
                f"/v1/consents/{to_hex(person.id)}/withdrawal",
                json={"signature": to_hex(signature), "consent": body_of(person)["consent"]},
            )
            await node.turn()
        assert (answer.status_code, answer.json()["code"].split(".")[0]) == (403, "signature")


async def test_a_withdrawal_once_more(stage: Stage) -> None:
    """Replayed, alone or proven: the list holds it once, and the epoch counts it once."""
    deal = await stage.deal(2)
    person = deal.people[0]
    stage.withdraw(deal, person)
    alone = stage.calls.withdraw(person.consent.grant(), stage.withdrawal(person))
    batched = stage.calls.withdraw_batched(
        person.consent.grant(), stage.withdrawal(person), deal.batch, deal.proof(person)
    )
    assert stage.refused(alone) == ("ConsentEnded", person.id, Status.WITHDRAWN)
    assert stage.refused(batched) == ("AlreadyProven", person.id)
    state = stage.chain.offer(deal.offer.id)
    assert (state.epoch, state.unproven) == (epoch_after(person.id), FIRST_EPOCH)


# --------------------------------------------------------------------------------- invented ones stall nobody


async def test_invented_consents_stall_nobody(stage: Stage) -> None:
    """Anybody can make a key, a consent to this offer, grant it himself, and withdraw it, as often as he has gas: the
    epoch stays, so that `open` and `seal` that were signed before go through."""
    deal = await stage.deal()
    agreed = stage.plan(deal)

    def invent() -> None:
        drafted, given = stage.person(deal.offer, deal.scope), stage.person(deal.offer, deal.scope)
        stage.mined(stage.calls.grant(given.consent, given.submission.signature), stage.thief)
        for fake in (drafted, given):
            stage.mined(stage.calls.withdraw(fake.consent.grant(), stage.withdrawal(fake)), stage.thief)
            for batch, proof in ((fake.id, []), (deal.batch, deal.proof(deal.people[0]))):
                call = stage.calls.prove(fake.id, deal.offer.id, batch, proof)
                assert stage.refused(call) == ("NotInBatch", deal.offer.id, fake.id, batch)

    invent()
    stage.open(agreed)
    assert len(await stage.rows(agreed)) == 3
    stage.record_all(agreed)
    call = stage.seal_call(agreed, [secrets.token_bytes(32)] * 3)
    invent()
    stage.mined(call, stage.thief)
    assert stage.status(agreed) is JobStatus.SEALED
    assert stage.chain.offer(deal.offer.id).epoch == FIRST_EPOCH


async def test_a_batch_of_somebody_elses_proves_nothing(stage: Stage) -> None:
    """A thief with an offer and a batch of his own proves a withdrawal of his invention under it: not here."""
    deal = await stage.deal(1)
    fake = stage.person(deal.offer, deal.scope)
    stage.mined(stage.calls.withdraw(fake.consent.grant(), stage.withdrawal(fake)), stage.thief)
    theirs = stage.seconds_offer
    stage.mined(stage.calls.anchor(theirs, fake.id), stage.second)
    call = stage.calls.prove(fake.id, theirs, fake.id, [])
    assert stage.refused(call) == ("NotInBatch", theirs, fake.id, fake.id)
    assert stage.refused(stage.calls.prove(fake.id, deal.offer.id, fake.id, []))[0] == "NotInBatch"


async def test_an_unproven_withdrawal_of_a_real_consent(stage: Stage) -> None:
    """A relay leaves the proof out, so that the contract does not see it: vault and peer do, at once. Whoever sends
    the proof later raises the epoch, and then the contract refuses too."""
    deal = await stage.deal()
    agreed = stage.plan(deal)
    gone = deal.people[1]
    stage.mined(stage.calls.withdraw(gone.consent.grant(), stage.withdrawal(gone)), stage.thief)
    assert stage.chain.offer(deal.offer.id).epoch == FIRST_EPOCH
    with stage.untouched(), pytest.raises(PlacetError) as caught:
        await stage.agreement.sign(stage.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert caught.value.code == "plan.stale"
    stage.open(agreed)
    await refused(stage, agreed, 1, "warrant.withdrawn")
    await set_without(stage, deal, gone)
    stage.mined(stage.calls.prove(gone.id, deal.offer.id, deal.batch, deal.proof(gone)), stage.thief)
    assert stage.chain.offer(deal.offer.id).epoch == epoch_after(gone.id)
    later = stage.plan(deal)
    refusal = ("EpochChanged", deal.offer.id, FIRST_EPOCH, epoch_after(gone.id))
    assert stage.refused(stage.open_call(later)) == refusal


async def test_a_copy_without_its_proof_that_goes_first(stage: Stage) -> None:
    """Somebody sees the withdrawal in the pool and sends it first, without its proof: the original still counts."""
    deal = await stage.deal(2)
    person = deal.people[0]
    stage.mined(stage.calls.withdraw(person.consent.grant(), stage.withdrawal(person)), stage.thief)
    assert stage.chain.offer(deal.offer.id).epoch == FIRST_EPOCH
    stage.withdraw(deal, person)
    assert stage.chain.offer(deal.offer.id).epoch == epoch_after(person.id)


async def test_a_proof_of_another_leaf(stage: Stage) -> None:
    """A withdrawal with the place of somebody else in the batch."""
    deal = await stage.deal(2)
    person, other = deal.people
    for proof in (deal.proof(other), [], [secrets.token_bytes(32)]):
        call = stage.calls.withdraw_batched(person.consent.grant(), stage.withdrawal(person), deal.batch, proof)
        assert stage.refused(call) == ("NotInBatch", deal.offer.id, person.id, deal.batch)
    assert stage.chain.consent(person.id).status is Status.NONE


# --------------------------------------------------------------------------------- old epochs


async def test_an_old_epoch_is_refused_by_open_amend_and_seal(stage: Stage) -> None:
    """Everybody signed before the withdrawal, and brings it to the chain afterwards."""
    deal = await stage.deal()
    waiting, running = stage.plan(deal), stage.open(stage.plan(deal))
    stage.record_all(running)
    root = deal.brought.inputs[0].lawful_root
    signed_before = {
        "open": stage.open_call(waiting),
        "amend": stage.amend_call(running, root),
        "seal": stage.seal_call(running, [secrets.token_bytes(32)] * 3),
    }
    stage.withdraw(deal, deal.people[0])
    for what, call in signed_before.items():
        refusal = ("EpochChanged", deal.offer.id, FIRST_EPOCH, epoch_after(deal.people[0].id))
        assert stage.refused(call) == refusal, what
    assert stage.status(waiting) is JobStatus.NONE
    assert stage.status(running) is JobStatus.OPEN
    assert stage.chain.job(running.job).attempt == 1
    await refused(stage, running, 1, "warrant.withdrawn")


async def test_old_signatures_after_a_reorganisation_that_swaps_two_withdrawals(stage: Stage) -> None:
    """One has withdrawn, and everybody signs: the next opening, a new attempt and its seal without that row. Then the
    block is replaced by one in which another had withdrawn. As many have, but over the other's row nothing opens, is
    amended or sealed: not even with everybody's signatures."""
    deal = await stage.deal()
    seen, other = deal.people[:2]
    running = stage.open(stage.plan(deal))
    stage.record_all(running)
    with stage.reorganised():
        stage.withdraw(deal, seen)
        replaced = stage.chain.head()
        smaller = await stage.without(deal)
        assert smaller.epoch == epoch_after(seen.id)
        waiting = stage.plan(deal, input={"lawful_root": smaller.root, "epoch": smaller.epoch})
        signed_before = {
            "open": stage.open_call(waiting),
            "amend": stage.amend_call(running, smaller.root),
            "seal": stage.seal_call(running, [secrets.token_bytes(32)] * 3),
        }
        assert [stage.why(call, stage.thief) for call in signed_before.values()] == [None] * 3
    stage.withdraw(deal, other)
    assert stage.chain.head().number == replaced.number and stage.chain.head().hash != replaced.hash
    assert stage.chain.consent(seen.id).status is Status.NONE
    assert stage.chain.consent(other.id).status is Status.WITHDRAWN
    refusal = ("EpochChanged", deal.offer.id, epoch_after(seen.id), epoch_after(other.id))
    for what, call in signed_before.items():
        assert stage.refused(call) == refusal, what
    after = await stage.vault.dead(deal.offer.id, smaller.root)
    assert (after.epoch, after.consents) == (epoch_after(other.id), (other.id,))


async def test_an_amendment_that_keeps_the_row(stage: Stage) -> None:
    """All parties agree, under the new epoch, to go on with the old set: the contract can't see it, the vault does."""
    deal = await stage.deal()
    agreed = stage.open(stage.plan(deal))
    gone = deal.people[2]
    stage.withdraw(deal, gone)
    stage.mined(stage.amend_call(agreed, deal.brought.inputs[0].lawful_root), stage.thief)
    await refused(stage, agreed, 2, "warrant.withdrawn")
    smaller = await stage.without(deal)
    stage.mined(stage.amend_call(agreed, smaller.root), stage.thief)
    left = await stage.rows(agreed, attempt=3)
    assert gone.submission.opening is not None
    assert (len(left), gone.submission.opening.subject in left) == (2, False)


async def test_a_peer_does_not_sign_a_seal_over_a_row_that_was_withdrawn(stage: Stage) -> None:
    """The bank has computed; the withdrawal comes without its proof, so that no epoch tells. The seal that it would
    have signed a block before, it does not sign any more."""
    deal = await stage.deal()
    agreed = stage.plan(deal)
    agreement = stage.agreement
    await agreement.sign(stage.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    stage.open(agreed)
    key, masked = secrets.token_bytes(32), b"masked"
    agreement.store.begin(agreed.job, 1, [chosen.lawful_root for chosen in agreed.plan.inputs])
    closed = agreement.at_rest.seal(key, b"key")
    agreement.store.keep(agreed.job, 1, key=closed, output=masked, phase=Phase.COMPUTED.value)
    step = Step(job=agreed.job, attempt=1, party=0, index=0, name="open", protocol="vault/1", parameters={}, at=1)
    agreement.store.add_step(step)
    stage.mined(stage.calls.record(agreed.job, 1, 0, 0, [step.hash]), stage.world.recorder)
    for number, who in ((1, stage.second), (2, stage.lender)):
        stage.mined(stage.calls.record(agreed.job, 1, number, 0, [secrets.token_bytes(32)]), who)
    output, due = stage.attempts.outcome(agreement.store.job(agreed.job), agreement.store.attempts(agreed.job)[0])
    seal = Seal(
        job=agreed.job,
        attempt=1,
        heads=tuple(stage.chain.trail(agreed.job, 1, number)[0] for number in range(3)),
        outputs=(output, b"\2" * 32, ZERO32),
        keys=(due, key_hash(b"other"), ZERO32),
        epochs=stage.epochs(agreed),
        payouts=(0, 0, 0),
    )
    signed = await stage.attempts.seal(stage.lender.address, SealRequest(seal=seal))
    assert signed.signature == stage.bank.sign(stage.world.deployment.jobs.digest(seal.struct_hash()))
    gone = deal.people[0]
    stage.mined(stage.calls.withdraw(gone.consent.grant(), stage.withdrawal(gone)), stage.thief)
    with stage.untouched(), pytest.raises(ConsentError) as caught:
        await stage.attempts.seal(stage.lender.address, SealRequest(seal=seal))
    assert caught.value.code == "consent.withdrawn"


# --------------------------------------------------------------------------------- an institution's own consent


async def test_a_named_consent_that_is_withdrawn(stage: Stage) -> None:
    """Before the opening nothing opens on it; in a running job nothing seals on it, and anybody may end the job."""
    deal = await stage.deal(1)
    consent = stage.own_consent()
    signature = stage.signed(consent, stage.lender)
    stage.mined(stage.calls.grant(consent, signature), stage.thief)

    def on(consent_id: bytes) -> Agreed:
        agreed = stage.plan(deal)
        *others, lender = agreed.plan.parties
        named = lender.inputs[0].model_copy(update={"consent": consent_id, "opens_before": NEVER})
        parties = (*others, lender.model_copy(update={"inputs": (named,)}))
        return stage.agreed(type(agreed.plan)(**(dict(agreed.plan) | {"parties": parties})), agreed.terms)

    running, waiting = stage.open(on(consent.id)), on(consent.id)
    stage.record_all(running)
    sealing = stage.seal_call(running, [secrets.token_bytes(32)] * 3)
    early = stage.calls.abort_for_consent(running.plan, 2, ZERO32)
    assert stage.refused(early) == ("ConsentStillLive", consent.id)
    digest = stage.world.deployment.consents.digest(withdrawal_hash(consent.id))
    stage.mined(stage.calls.withdraw(consent.grant(), stage.lender.sign(digest)), stage.thief)
    assert stage.chain.offer(stage.list_offer).epoch == FIRST_EPOCH
    assert stage.refused(stage.open_call(waiting)) == ("ConsentRefused", consent.id, Reason.WITHDRAWN)
    assert stage.refused(sealing) == ("ConsentRefused", consent.id, Reason.WITHDRAWN)
    stage.mined(early, stage.thief)
    assert stage.status(running) is JobStatus.ABORTED


# --------------------------------------------------------------------------------- the seal is the line


async def test_a_withdrawal_after_the_seal_binds_the_next_job(stage: Stage) -> None:
    """The sealed job releases its keys and pays, whoever withdraws now; the next one is without the row."""
    reward = 30
    deal = await stage.deal()
    escrow = stage.world.deployment.reward_escrow.address
    stage.mined(stage.calls.approve(stage.token, escrow, reward), stage.lender)
    agreed = stage.open(stage.plan(deal, reward=reward))
    stage.record_all(agreed)
    keys = [secrets.token_bytes(32) for _ in range(3)]
    stage.mined(stage.seal_call(agreed, keys), stage.thief)
    gone = deal.people[0]
    stage.withdraw(deal, gone)
    await refused(stage, agreed, 1, "warrant.closed")
    owed = stage.chain.owed(stage.token, stage.bank.address)
    for party in (0, 1):
        stage.mined(stage.calls.release(agreed.job, party, keys[party]), stage.thief)
    assert stage.status(agreed) is JobStatus.COMPLETED
    assert stage.chain.owed(stage.token, stage.bank.address) == owed + reward

    stale = stage.plan(deal)
    refusal = ("EpochChanged", deal.offer.id, FIRST_EPOCH, epoch_after(gone.id))
    assert stage.refused(stage.open_call(stale)) == refusal
    await set_without(stage, deal, gone)
    deal.brought = await stage.prepare(deal.offer, deal.deadline)
    following = stage.open(stage.plan(deal))
    customers = await stage.rows(following)
    assert gone.submission.opening is not None
    assert (len(customers), gone.submission.opening.subject in customers) == (2, False)


async def test_withdrawn_and_used_in_one_block(stage: Stage) -> None:
    """The withdrawal stands before the opening in the same block: already that opening fails."""
    deal = await stage.deal(2)
    agreed = stage.plan(deal)
    person = deal.people[0]
    signature, proof = stage.withdrawal(person), deal.proof(person)
    withdraw = stage.calls.withdraw_batched(person.consent.grant(), signature, deal.batch, proof)
    stage.world.anvil.rpc("evm_setAutomine", False)
    try:
        sent = [stage.send(withdraw, stage.thief), stage.send(stage.open_call(agreed), stage.thief)]
        stage.world.anvil.mine()
    finally:
        stage.world.anvil.rpc("evm_setAutomine", True)
    first, second = (stage.receipt(transaction) for transaction in sent)
    assert first["blockNumber"] == second["blockNumber"]
    assert (first["status"], second["status"]) == ("0x1", "0x0")
    assert stage.status(agreed) is JobStatus.NONE
