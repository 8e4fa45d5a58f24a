"""Promise 1: no consent, no data. Three gates that don't share a fate: the contract, the peer, the vault.

Each attack is a node whose own checks are switched off: it signs what it likes, and asks the next gate itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.attacks.harness import MARKETING, Agreed, AttackHarness, OfferFixture, body_of
from tests.node.conftest import PURPOSE, Running

from declaring import CUSTOMER
from placet.chain.states import JobStatus
from placet.core.consent import Reason
from placet.core.errors import ConsentError, PlacetError, WarrantError
from placet.core.merkle import lawful_root
from placet.core.namespace import own_namespace
from placet.core.offers import Subjects
from placet.core.plan import Input, RandomAudit, cancellation_hash
from placet.core.purposes import Operation, purpose_id
from placet.core.signatures import Key
from placet.core.trail import Message
from placet.core.values import ZERO32
from placet.jobs.link import Envelope
from placet.jobs.messages import SignRequest
from placet.jobs.runner import Runner
from placet.recipes.runs import RUNS
from placet.vault.lawful import NEVER


@dataclass(frozen=True)
class Attack:
    """A plan that no consent covers. `contract` is its refusal, or None where only the vault can know better; `vault`
    is the code with which no row is handed out; `peer` the one with which the bank's own node would not sign."""

    name: str
    vault: str
    peer: str
    contract: tuple[str, Any] | None = None
    offer_fixture: Callable[[AttackHarness], dict[str, Any]] = lambda harness: {}
    scope: Callable[[AttackHarness], dict[str, Any]] = lambda harness: {}
    plan: Callable[[AttackHarness, OfferFixture], dict[str, Any]] = lambda harness, offer_fixture: {}

    async def prepare(self, harness: AttackHarness) -> Agreed:
        offer_fixture = await harness.offer_fixture(
            scope=harness.scope(**self.scope(harness)), **self.offer_fixture(harness)
        )
        if self.name == "a use that is used up":
            harness.open(harness.plan(offer_fixture))
        return harness.plan(offer_fixture, **self.plan(harness, offer_fixture))


VALUE = {"value": "balance"}


def statistics(smallest: int) -> dict[str, Any]:
    columns = {**CUSTOMER, "value": "balance"}
    pair = {"roles": ("provider", "consumer"), "inputs": ("accounts", "customers"), "engine": "spu"}
    asked = {"smallest_group": smallest, "protocol": "cheetah"}
    return {"recipe": "match-statistics", "parameters": columns | asked, **pair}


def plan_of_statistics(harness: AttackHarness, offer_fixture: OfferFixture, smallest: int) -> dict[str, Any]:
    bank, _, lender = harness.plan(offer_fixture).plan.parties
    return {"terms": statistics(smallest), "parties": (bank, lender)}


def joint(smallest: int) -> dict[str, Any]:
    columns = {**CUSTOMER, "values": ["balance", "balance"]}
    asked = {"statistics": ["sums"], "smallest_group": smallest, "protocol": "cheetah"}
    roles = {"roles": ("first-provider", "second-provider", "consumer"), "engine": "spu"}
    return {"recipe": "joint-statistics", "parameters": columns | asked, **roles}


def plan_of_joint(harness: AttackHarness, offer_fixture: OfferFixture, smallest: int) -> dict[str, Any]:
    return {"terms": joint(smallest)}


def audit_by(harness: AttackHarness, auditor: bytes) -> RandomAudit:
    return RandomAudit(
        auditor=auditor,
        key=bytes(31) + b"\1",
        places=3,
        delay=1,
        token=harness.token,
        stake=1,
        beneficiary=harness.lender.address,
        find_seconds=60,
        answer_seconds=60,
    )


ATTACKS = [
    Attack(
        "another consumer",
        contract=("OfferRefused", Reason.WRONG_CONSUMER),
        vault="warrant.unopened",
        peer="consent.consumer",
        plan=lambda harness, offer_fixture: {"lender": harness.second},
    ),
    Attack(
        "another purpose",
        contract=("OfferRefused", Reason.WRONG_PURPOSE),
        vault="warrant.unopened",
        peer="consent.purpose",
        plan=lambda harness, offer_fixture: {"purpose": purpose_id(MARKETING)},
    ),
    Attack(
        "more operations",
        contract=("OfferRefused", Reason.WRONG_OPERATION),
        vault="warrant.unopened",
        peer="plan.operations",
        plan=lambda harness, offer_fixture: {"operations": 7},
    ),
    Attack(
        "an epoch of the future",
        contract=("EpochChanged", bytes(24)),
        vault="warrant.unopened",
        peer="plan.stale",
        plan=lambda harness, offer_fixture: {"input": {"epoch": b"1" * 24}},
    ),
    Attack(
        "a use that is used up",
        vault="warrant.window",
        peer="plan.stale",
        offer_fixture=lambda harness: {"uses": 1},
        plan=lambda harness, offer_fixture: {"input": {"opens_before": NEVER}},
    ),
    Attack(
        "a deadline after the consents' end",
        vault="warrant.window",
        peer="plan.stale",
        plan=lambda harness, offer_fixture: {
            "deadline": offer_fixture.deadline + 90_000,
            "settle_by": offer_fixture.deadline + 90_600,
        },
    ),
    Attack(
        "a root that nobody computed",
        vault="warrant.root",
        peer="plan.unprepared",
        plan=lambda harness, offer_fixture: {"input": {"lawful_root": secrets.token_bytes(32)}},
    ),
    Attack(
        "a block before the batch",
        vault="warrant.batch",
        peer="plan.stale",
        plan=lambda harness, offer_fixture: {"terms": {"block": offer_fixture.block - 1}},
    ),
    Attack(
        "a block that is not over when the job opens",
        vault="warrant.block",
        peer="peer.early",
        plan=lambda harness, offer_fixture: {"terms": {"block": harness.chain.head().number + 100}},
    ),
    Attack(
        "a party that the scope does not name",
        vault="warrant.stranger",
        peer="consent.stranger",
        offer_fixture=lambda harness: {"asked": False},
        scope=lambda harness: {"parties": (harness.bank.address, harness.lender.address)},
    ),
    Attack(
        "a recipe that the scope does not name",
        vault="warrant.recipe",
        peer="consent.recipe",
        plan=lambda harness, offer_fixture: plan_of_statistics(harness, offer_fixture, 5),
    ),
    Attack(
        "the customer numbers of another bank",
        vault="warrant.namespace",
        peer="consent.namespace",
        plan=lambda harness, offer_fixture: {
            "terms": {
                "parameters": {**CUSTOMER, "namespace": own_namespace(harness.second.address, "customer"), **VALUE}
            }
        },
    ),
    Attack(
        "a recipe that nobody declares",
        vault="plan.recipe",
        peer="plan.recipe",
        plan=lambda harness, offer_fixture: {"terms": {"recipe": "copy-all"}},
    ),
    Attack(
        "a smaller group than the owners were shown",
        vault="warrant.output",
        peer="consent.output",
        offer_fixture=lambda harness: {
            "wanted": statistics(5) | {"parties": (harness.bank.address, harness.lender.address)}
        },
        scope=lambda harness: {"output": "aggregate", "smallest_group": 5, "recipes": ("match-statistics",)},
        plan=lambda harness, offer_fixture: plan_of_statistics(harness, offer_fixture, 4),
    ),
    Attack(
        "a smaller group of two providers than the owners were shown",
        vault="warrant.output",
        peer="consent.output",
        offer_fixture=lambda harness: {"wanted": joint(5)},
        scope=lambda harness: {"output": "aggregate", "smallest_group": 5, "recipes": ("joint-statistics",)},
        plan=lambda harness, offer_fixture: plan_of_joint(harness, offer_fixture, 4),
    ),
    Attack(
        "a random audit of which the owners were told nothing",
        vault="warrant.auditor",
        peer="consent.auditor",
        plan=lambda harness, offer_fixture: {"terms": {"audit": audit_by(harness, harness.auditor)}},
    ),
    Attack(
        "a random audit by another auditor than the one that the owners were told of",
        vault="warrant.auditor",
        peer="consent.auditor",
        scope=lambda harness: {"auditors": (harness.auditor,)},
        plan=lambda harness, offer_fixture: {"terms": {"audit": audit_by(harness, harness.thief.address)}},
    ),
    Attack(
        "a random audit by an institution that takes part anyway",
        vault="warrant.auditor",
        peer="consent.auditor",
        scope=lambda harness: {"auditors": (harness.auditor,)},
        plan=lambda harness, offer_fixture: {"terms": {"audit": audit_by(harness, harness.lender.address)}},
    ),
]


async def test_an_honest_plan_passes_all_three_gates(harness: AttackHarness) -> None:
    """Without this the refusals below could be about anything."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.plan(offer_fixture)
    signed = await harness.agreement.sign(harness.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert signed.signature == agreed.signatures[0]
    harness.open(agreed)
    customers = {person.submission.opening.subject for person in offer_fixture.people if person.submission.opening}
    assert set(await harness.rows(agreed)) == customers


@pytest.mark.parametrize(
    ("name", "honest"),
    [
        ("a smaller group than the owners were shown", plan_of_statistics),
        ("a smaller group of two providers than the owners were shown", plan_of_joint),
    ],
)
async def test_a_group_that_the_owners_were_shown_passes_too(
    harness: AttackHarness, name: str, honest: Callable[[AttackHarness, OfferFixture, int], dict[str, Any]]
) -> None:
    """The same of the attacks on statistics: they are refused for their group alone."""
    attack = next(attack for attack in ATTACKS if attack.name == name)
    offer_fixture = await harness.offer_fixture(
        scope=harness.scope(**attack.scope(harness)), **attack.offer_fixture(harness)
    )
    agreed = harness.plan(offer_fixture, **honest(harness, offer_fixture, 5))
    assert await harness.agreement.sign(harness.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    harness.open(agreed)
    assert len(await harness.rows(agreed)) == 3


async def test_an_auditor_of_whom_the_owners_were_told_passes_too(harness: AttackHarness) -> None:
    """The attacks are refused for the auditor's name alone."""
    offer_fixture = await harness.offer_fixture(scope=harness.scope(auditors=(harness.auditor,)))
    agreed = harness.plan(offer_fixture, terms={"audit": audit_by(harness, harness.auditor)})
    harness.open(agreed)
    assert len(await harness.rows(agreed)) == 3


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
async def test_a_plan_that_no_consent_covers(harness: AttackHarness, attack: Attack) -> None:
    """A consumer asks the bank's node to sign something else than it prepared: an honest peer does not. Then all
    parties sign it: the contract refuses what it can know, and the vault hands out nothing in any case."""
    agreed = await attack.prepare(harness)
    before = len(harness.agreement.store.all())
    with harness.untouched(), pytest.raises(PlacetError) as refusal:
        await harness.agreement.sign(agreed.plan.consumer, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert refusal.value.code == attack.peer
    assert len(harness.agreement.store.all()) == before
    if attack.contract is None:
        harness.open(agreed)
    else:
        error, why = attack.contract
        name, *arguments = harness.refused(harness.open_call(agreed))
        assert name == error
        assert why in arguments
        assert harness.status(agreed) is JobStatus.NONE
    with harness.untouched(), pytest.raises(WarrantError) as caught:
        await harness.rows(agreed)
    assert caught.value.code == attack.vault


async def test_a_use_that_is_used_up_and_says_so(harness: AttackHarness) -> None:
    """The same plan with the true end of its consents: the contract itself counts the openings."""
    offer_fixture = await harness.offer_fixture(uses=1)
    first, second = harness.plan(offer_fixture), harness.plan(offer_fixture)
    harness.open(first)
    assert harness.refused(harness.open_call(second)) == ("OpeningsExhausted", offer_fixture.offer.id, 1, 1)
    with pytest.raises(WarrantError) as caught:
        await harness.rows(second)
    assert caught.value.code == "warrant.unopened"


async def test_two_plans_race_for_a_consent_with_one_use(harness: AttackHarness) -> None:
    """Both are signed by all, and are in the pool at once: one opens, the other fails whole, and its rewards stay with
    the sponsor."""
    reward = 40
    offer_fixture = await harness.offer_fixture(uses=1)
    plans = [harness.plan(offer_fixture, reward=reward) for _ in range(2)]
    escrow = harness.environment.deployment.reward_escrow.address
    harness.mined(harness.calls.approve(harness.token, escrow, 2 * reward), harness.lender)
    purse, held = (harness.chain.balance_of(harness.token, who) for who in (harness.lender.address, escrow))
    harness.environment.anvil.rpc("evm_setAutomine", False)
    try:
        sent = [harness.send(harness.open_call(agreed), harness.thief) for agreed in plans]
        harness.environment.anvil.mine()
    finally:
        harness.environment.anvil.rpc("evm_setAutomine", True)
    receipts = [harness.receipt(transaction) for transaction in sent]
    assert receipts[0]["blockNumber"] == receipts[1]["blockNumber"]
    assert [receipt["status"] for receipt in receipts] == ["0x1", "0x0"]
    assert [harness.status(agreed) for agreed in plans] == [JobStatus.OPEN, JobStatus.NONE]
    assert [harness.chain.escrow(agreed.job).left for agreed in plans] == [reward, 0]
    assert harness.chain.balance_of(harness.token, harness.lender.address) == purse - reward
    assert harness.chain.balance_of(harness.token, escrow) == held + reward
    assert harness.chain.offer(offer_fixture.offer.id).openings == 1
    assert len(await harness.rows(plans[0])) == 3
    with harness.untouched(), pytest.raises(WarrantError) as caught:
        await harness.rows(plans[1])
    assert caught.value.code == "warrant.unopened"


# --------------------------------------------------------------- an institution's own consent, at the contract


NAMED: dict[str, tuple[Callable[[AttackHarness], dict[str, Any]], Reason]] = {
    "expired": (lambda harness: {"not_after": harness.chain.head().timestamp + 500}, Reason.EXPIRED),
    "not yet valid": (lambda harness: {"not_before": harness.chain.head().timestamp + 5000}, Reason.NOT_YET_VALID),
    "for a later opening": (
        lambda harness: {"first_opening": harness.chain.offer(harness.list_offer).openings + 2},
        Reason.NOT_YET_OPEN,
    ),
}


def plan_on(harness: AttackHarness, offer_fixture: OfferFixture, consent: bytes) -> Agreed:
    """The plan with another named consent of the lender, whose end it makes larger than it is."""
    agreed = harness.plan(offer_fixture)
    *others, lender = agreed.plan.parties
    named = lender.inputs[0].model_copy(update={"consent": consent, "opens_before": NEVER})
    parties = (*others, lender.model_copy(update={"inputs": (named,)}))
    return harness.agreed(type(agreed.plan)(**(dict(agreed.plan) | {"parties": parties})), agreed.terms)


@pytest.mark.parametrize("how", NAMED)
async def test_a_named_consent_at_the_wrong_time(harness: AttackHarness, how: str) -> None:
    """The plan names a consent that is given on chain, but not for the time or the opening of this job."""
    changes, reason = NAMED[how]
    consent = harness.own_consent(**changes(harness))
    harness.mined(harness.calls.grant(consent, harness.signed(consent, harness.lender)), harness.thief)
    agreed = plan_on(harness, await harness.offer_fixture(), consent.id)
    assert harness.refused(harness.open_call(agreed)) == ("ConsentRefused", consent.id, reason)


async def test_a_named_consent_that_nobody_gave(harness: AttackHarness) -> None:
    """A consent that was drafted and never granted."""
    consent = harness.own_consent()
    agreed = plan_on(harness, await harness.offer_fixture(), consent.id)
    assert harness.refused(harness.open_call(agreed)) == ("ConsentRefused", consent.id, Reason.UNKNOWN_CONSENT)


async def test_a_named_consent_whose_uses_are_over(harness: AttackHarness) -> None:
    """One use, already opened; the plan claims that there are more."""
    offer_fixture = await harness.offer_fixture()
    consent = harness.own_consent(uses=1)
    harness.mined(harness.calls.grant(consent, harness.signed(consent, harness.lender)), harness.thief)
    harness.open(plan_on(harness, offer_fixture, consent.id))
    agreed = plan_on(harness, offer_fixture, consent.id)
    assert harness.refused(harness.open_call(agreed)) == ("ConsentRefused", consent.id, Reason.EXHAUSTED)


async def test_a_named_consent_to_another_offer(harness: AttackHarness) -> None:
    """A consent of the lender to something else, named for its list."""
    offer_fixture = await harness.offer_fixture()
    other = harness.offer_of(harness.lender, Subjects.OWN)
    consent = harness.own_consent(offer=harness.chain.offer(other).offer)
    harness.mined(harness.calls.grant(consent, harness.signed(consent, harness.lender)), harness.thief)
    agreed = plan_on(harness, offer_fixture, consent.id)
    assert harness.refused(harness.open_call(agreed)) == ("ConsentRefused", consent.id, Reason.WRONG_OFFER)


async def test_a_plan_that_the_provider_did_not_sign(harness: AttackHarness) -> None:
    """Consumer and second bank agree without the bank, or show another signature of it."""
    offer_fixture = await harness.offer_fixture()
    agreed, other = harness.plan(offer_fixture), harness.plan(offer_fixture)
    for stolen in (b"", harness.second.sign(agreed.job), other.signatures[0], bytes(65)):
        call = harness.calls.open(agreed.plan, [stolen, *agreed.signatures[1:]])
        assert harness.refused(call) == ("InvalidSignerSignature", 0)


# ------------------------------------------------------------------------------------------ the peer


async def test_a_peer_prepares_nothing_for_somebody_else(harness: AttackHarness) -> None:
    """The second bank asks for what was offered to the lender; the lender for what the bank never offered."""
    offer_fixture = await harness.offer_fixture()
    bank, second, lender, thief = (one.address for one in (harness.bank, harness.second, harness.lender, harness.thief))
    for asker, changes, code in (
        (harness.second, {"parties": (bank, lender, second)}, "consent.consumer"),
        (harness.second, {}, "plan.roles"),
        (harness.lender, {"recipe": "copy-all"}, "plan.recipe"),
        (harness.lender, {"engine": "gpu"}, "plan.engine"),
        (harness.lender, {"roles": ("provider", "reader", "consumer")}, "plan.roles"),
        (harness.lender, {"parties": (second, thief, lender)}, "plan.parties"),
        (harness.lender, {"parameters": {}}, "plan.parameters"),
        (harness.lender, {"purpose": purpose_id(MARKETING)}, "consent.purpose"),
        (harness.lender, {"parties": (bank, thief, lender)}, "consent.stranger"),
        (harness.lender, {"block": offer_fixture.block + 1000}, "peer.early"),
    ):
        question = harness.question(offer_fixture.offer, offer_fixture.deadline, **changes)
        with harness.untouched(), pytest.raises(PlacetError) as caught:
            await harness.agreement.prepare(asker.address, question)
        assert caught.value.code == code
    wanted = harness.question(offer_fixture.offer, offer_fixture.deadline)
    for offer, code in ((harness.seconds_offer, "consent.provider"), (secrets.token_bytes(32), "not-found")):
        with harness.untouched(), pytest.raises(PlacetError) as caught:
            await harness.agreement.prepare(lender, wanted.model_copy(update={"offer": offer}))
        assert caught.value.code == code


async def test_a_peer_prepares_nothing_outside_scope_and_policy(harness: AttackHarness) -> None:
    """An offer whose scope has another recipe, and one for a purpose that the institution does not serve."""
    for changes, code in (
        ({"recipes": ("copy-all",)}, "consent.recipe"),
        ({"purpose": "https://w3id.org/dpv#LegalCompliance"}, "consent.purpose"),
    ):
        offer, _ = harness.offer(harness.scope(**changes))
        with harness.untouched(), pytest.raises(ConsentError) as caught:
            await harness.prepare(offer, harness.chain.now() + 600)
        assert caught.value.code == code


async def test_a_consumer_frames_the_bank_with_an_end_that_is_too_small(harness: AttackHarness) -> None:
    """The plan's `opensBefore` is below the consents' true end: no row too many, but not what the bank prepared."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.plan(offer_fixture, input={"opens_before": offer_fixture.brought.inputs[0].opens_before - 1})
    with pytest.raises(PlacetError) as caught:
        await harness.agreement.sign(harness.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert caught.value.code == "plan.stale"


async def test_a_consumer_has_two_plans_signed_over_one_seed(harness: AttackHarness) -> None:
    """Whoever re-executes one of the jobs from its seed would know the randomness of the other."""
    offer_fixture = await harness.offer_fixture()
    first, second = harness.plan(offer_fixture), harness.plan(offer_fixture)
    await harness.agreement.sign(harness.lender.address, SignRequest(plan=first.plan, terms=first.terms))
    with pytest.raises(PlacetError) as caught:
        await harness.agreement.sign(harness.lender.address, SignRequest(plan=second.plan, terms=second.terms))
    assert caught.value.code == "plan.unprepared"


async def test_a_peer_hears_nobody_about_a_job_that_is_not_open(harness: AttackHarness) -> None:
    """Signed messages of a party for a job that was agreed but not opened, and for one that was aborted."""
    runner = Runner(harness.agreement.context, RUNS)
    offer_fixture = await harness.offer_fixture()
    agreed = harness.plan(offer_fixture)
    await harness.agreement.sign(harness.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    message = Message(job=agreed.job, attempt=1, sequence=0, sender=2, receiver=0, tag="psi", digest=ZERO32)
    signature = harness.lender.sign(harness.environment.deployment.jobs.digest(message.hash))
    envelope = Envelope(message=message, signature=signature)
    with harness.untouched(), pytest.raises(PlacetError) as caught:
        await runner.message(harness.lender.address, envelope, b"")
    assert caught.value.code == "peer.early"
    harness.open(agreed)
    harness.mined(harness.calls.abort(agreed.job, ZERO32), harness.environment.recorder)
    with harness.untouched(), pytest.raises(PlacetError) as caught:
        await runner.message(harness.lender.address, envelope, b"")
    assert caught.value.code == "peer.late"
    assert harness.agreement.store.messages(agreed.job) == []


# ----------------------------------------------------------------------------------------- the vault


async def refused(harness: AttackHarness, code: str, work: Awaitable[object]) -> None:
    with harness.untouched(), pytest.raises(WarrantError) as caught:
        await work
    assert caught.value.code == code


async def test_rows_before_the_job_is_open_and_after_it_was_cancelled(harness: AttackHarness) -> None:
    """A plan that all have signed is no warrant; nor is one that a signer cancelled."""
    agreed = harness.plan(await harness.offer_fixture())
    await refused(harness, "warrant.unopened", harness.rows(agreed))
    signature = harness.second.sign(harness.environment.deployment.jobs.digest(cancellation_hash(agreed.job)))
    harness.mined(harness.calls.cancel(agreed.plan, 1, signature), harness.thief)
    assert harness.refused(harness.open_call(agreed)) == ("WrongStatus", agreed.job, JobStatus.CANCELLED)
    await refused(harness, "warrant.unopened", harness.rows(agreed))


async def test_rows_of_another_attempt(harness: AttackHarness) -> None:
    """An attempt that is still to come, and one that is over."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.open(harness.plan(offer_fixture))
    for attempt in (0, 2):
        await refused(harness, "warrant.attempt", harness.rows(agreed, attempt=attempt))
    harness.mined(harness.amend_call(agreed, offer_fixture.brought.inputs[0].lawful_root), harness.thief)
    await refused(harness, "warrant.attempt", harness.rows(agreed))
    assert len(await harness.rows(agreed, attempt=2)) == 3


async def test_rows_of_an_attempt_with_somebody_new(harness: AttackHarness) -> None:
    """All parties agree on an amendment that brings a person in who consented after the opening."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.open(harness.plan(offer_fixture))
    late = harness.person(offer_fixture.offer, offer_fixture.scope)
    assert await harness.accept(offer_fixture.offer, offer_fixture.scope, [late]) == ["ok"]
    await harness.anchor(offer_fixture.offer, [late])
    wider = await harness.prepare(offer_fixture.offer, offer_fixture.deadline)
    assert wider.inputs[0].lawful_root != offer_fixture.brought.inputs[0].lawful_root
    harness.mined(harness.amend_call(agreed, wider.inputs[0].lawful_root), harness.thief)
    await refused(harness, "warrant.root", harness.rows(agreed, attempt=2))


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (
            {"parameters": {**CUSTOMER, "value": "remark"}},
            "warrant.columns",
        ),
        (
            {"parameters": {**CUSTOMER, "identifier": "remark", "value": "balance"}},
            "warrant.columns",
        ),
        (
            {
                "parameters": {
                    **CUSTOMER,
                    "value": "balance",
                    "columns": ["remark"],
                }
            },
            "plan.parameters",
        ),
        ({"recipe": "copy-all"}, "plan.recipe"),
        ({"recipe_version": 2}, "plan.version"),
        ({"engine": "abacus"}, "plan.engine"),
        ({"roles": ("reader", "reader", "consumer")}, "plan.roles"),
        ({"on_withdrawal": "abort"}, "plan.withdrawal"),
    ],
)
async def test_terms_beyond_scope_and_catalogue(harness: AttackHarness, terms: dict[str, Any], code: str) -> None:
    """The job is open, all have signed it, and its terms take more than the owners' words name, or are no recipe's."""
    agreed = harness.open(harness.plan(await harness.offer_fixture(), terms=terms))
    await refused(harness, code, harness.rows(agreed))


@pytest.mark.parametrize("told", [False, True])
async def test_values_of_a_column_of_which_owners_were_not_told(harness: AttackHarness, told: bool) -> None:
    """A match by balances, which the scope has as a column: it would tell which ones there are. Where the owners were
    told so it runs."""
    words = {"recipes": ("match",), "output": "matches", "parties": (harness.bank.address,)}
    scope = harness.scope(**words, matched_by=("balance",) if told else ())
    offer, _ = harness.offer(scope, operations=Operation.PSI)
    people = [harness.person(offer, scope) for _ in range(2)]
    assert await harness.accept(offer, scope, people) == ["ok"] * 2
    await harness.anchor(offer, people)
    lawful = await harness.brought(offer)
    rules = {"keys": [{"kind": "text", "column": "balance", "width": "keep", "case": "keep"}], "smallest": 2}
    by_balance = {"identifier": "customer", "alignment": {"type": "placet.alignment", "version": 1} | rules}
    brought = {"lawful_root": lawful.root, "opens_before": lawful.opens_before}
    agreed = harness.open(harness.paired(offer, harness.lender, by_balance, **brought))
    if told:
        assert (await harness.vault.rows(agreed.job, agreed.plan, agreed.terms, 1, 0)).count == 2
    else:
        await refused(harness, "warrant.values", harness.rows(agreed))


async def test_an_operation_less_than_the_recipe_needs(harness: AttackHarness) -> None:
    """PSI alone, for a recipe that computes too."""
    agreed = harness.open(harness.plan(await harness.offer_fixture(), operations=1))
    await refused(harness, "plan.operations", harness.rows(agreed))


async def test_another_plan_under_an_open_jobs_name(harness: AttackHarness) -> None:
    """The warrant of one job with the plan of another, with a later deadline, or with other terms."""
    offer_fixture = await harness.offer_fixture()
    agreed, other = harness.open(harness.plan(offer_fixture)), harness.plan(offer_fixture)
    longer = type(agreed.plan)(**(dict(agreed.plan) | {"deadline": offer_fixture.deadline + 60}))
    await refused(harness, "warrant.plan", harness.vault.rows(agreed.job, longer, agreed.terms, 1, 0))
    await refused(harness, "warrant.plan", harness.vault.rows(agreed.job, other.plan, other.terms, 1, 0))
    await refused(harness, "plan.terms", harness.vault.rows(agreed.job, agreed.plan, other.terms, 1, 0))
    await refused(harness, "warrant.input", harness.vault.rows(agreed.job, agreed.plan, agreed.terms, 1, 1))


async def test_rows_after_an_abort(harness: AttackHarness) -> None:
    """One party has ended the job."""
    agreed = harness.open(harness.plan(await harness.offer_fixture()))
    harness.mined(harness.calls.abort(agreed.job, ZERO32), harness.second)
    await refused(harness, "warrant.closed", harness.rows(agreed))


async def test_rows_after_the_deadline(harness: AttackHarness) -> None:
    """The job is open for ever, if nobody ends it; its data are not."""
    agreed = harness.open(harness.plan(await harness.offer_fixture()))
    assert len(await harness.rows(agreed)) == 3
    harness.pass_time(601)
    assert harness.status(agreed) is JobStatus.OPEN
    await refused(harness, "warrant.deadline", harness.rows(agreed))
    assert harness.refused(harness.seal_call(agreed, [ZERO32] * 3))[0] == "TooLateToSeal"


async def test_consents_that_are_in_no_anchored_batch(harness: AttackHarness) -> None:
    """Accepted by the vault, but the chain holds no batch with them: they are in no lawful set. One whose time has not
    come neither."""
    offer_fixture = await harness.offer_fixture()
    waiting = harness.person(offer_fixture.offer, offer_fixture.scope)
    early = harness.person(offer_fixture.offer, offer_fixture.scope, not_before=harness.chain.now() + 5000)
    assert await harness.accept(offer_fixture.offer, offer_fixture.scope, [waiting, early]) == ["ok", "ok"]
    await harness.anchor(offer_fixture.offer, [early])
    again = await harness.prepare(offer_fixture.offer, offer_fixture.deadline)
    assert again.inputs[0].lawful_root == offer_fixture.brought.inputs[0].lawful_root


BAD: dict[str, tuple[Callable[[AttackHarness], dict[str, Any]], str]] = {
    "expired": (lambda harness: {"not_after": harness.chain.now() - 1}, "consent.expired"),
    "exhausted": (lambda harness: {"first_opening": 0, "uses": 1}, "consent.exhausted"),
    "without an enrolment": (lambda harness: {"named": True}, "consent.unenrolled"),
    "of somebody without a row": (lambda harness: {"customer": "nobody"}, "consent.subject"),
}


@pytest.mark.parametrize("how", BAD)
async def test_a_consent_that_covers_nothing_is_not_taken(harness: AttackHarness, how: str) -> None:
    """A node that hands the vault what it should have refused itself."""
    changes, code = BAD[how]
    offer_fixture = await harness.offer_fixture(1)
    harness.open(harness.plan(offer_fixture))
    bad = harness.person(offer_fixture.offer, offer_fixture.scope, **changes(harness))
    with harness.untouched():
        assert await harness.accept(offer_fixture.offer, offer_fixture.scope, [bad]) == [code]


@pytest.mark.parametrize("other", ["consumer", "purpose", "operations"])
async def test_a_consent_to_another_offer(harness: AttackHarness, other: str) -> None:
    """Given for another consumer, purpose or operation, and handed in for this offer."""
    scope = harness.scope(purpose=MARKETING if other == "purpose" else PURPOSE)
    change = {"consumer": harness.second.address, "operations": 1}
    theirs, _ = harness.offer(scope, **({other: change[other]} if other in change else {}))
    offer_fixture = await harness.offer_fixture(1)
    stray = harness.person(theirs, scope)
    with harness.untouched():
        assert await harness.accept(offer_fixture.offer, offer_fixture.scope, [stray]) == ["signature"]


API: dict[str, tuple[Callable[[AttackHarness], dict[str, Any]], str]] = {
    "by an enroller of nobody": (lambda harness: {"enroller": Key()}, "consent.enroller"),
    "withdrawn before it was given": (lambda harness: {}, "consent.withdrawn"),
    **BAD,
}


@pytest.mark.parametrize("how", API)
async def test_a_consent_that_covers_nothing_at_the_nodes_api(harness: AttackHarness, node: Running, how: str) -> None:
    """The first gate: neither node nor vault keep it, and no transaction is made of it."""
    changes, code = API[how]
    offer, scope = node.offer(**harness.shown)
    if how == "exhausted":
        harness.open(harness.plan(await harness.offer_fixture_on(offer, scope, 1)))
    bad = harness.person(offer, scope, **changes(harness))
    if code == "consent.withdrawn":
        harness.mined(harness.calls.withdraw(bad.consent.grant(), harness.withdrawal(bad)), harness.thief)
    node.node.sync()
    with harness.untouched(node.node):
        answer = await node.client.post("/v1/consents", json=body_of(bad))
        await node.turn()
    assert (answer.status_code, answer.json()["code"]) == (422, code)


# ------------------------------------------------------------------- a node that is broken into, with all of its keys


async def invented(harness: AttackHarness, scope: dict[str, Any], enroller: Key) -> None:
    """Consents of nobody, under keys that the thief just made, to a new offer of the bank to a lender who goes along.
    The vault takes none of them; and no job on a set with them gets a row."""
    opened = harness.scope(
        recipes=("match",), output="matches", columns=("customer",), parties=(harness.bank.address,), **scope
    )
    offer, _ = harness.offer(opened, operations=Operation.PSI)
    people = [harness.person(offer, opened, enroller=enroller) for _ in range(2)]
    assert await harness.accept(offer, opened, people) == ["consent.enroller"] * 2
    await harness.anchor(offer, people)
    leaves = [(person.id, secrets.token_bytes(32)) for person in sorted(people, key=lambda person: person.id)]
    agreed = harness.open(harness.paired(offer, harness.lender, lawful_root=lawful_root(leaves)))
    await refused(harness, "warrant.root", harness.rows(agreed))
    nobody = (await harness.brought(offer)).root
    assert await harness.rows(harness.open(harness.paired(offer, harness.lender, lawful_root=nobody))) == []


async def test_a_stolen_signing_key_with_nobody_else(harness: AttackHarness) -> None:
    """No recipe has the bank as its only party. A consumer that the thief made up is in nobody's trust list, so that
    the vault takes no consent to an offer to it."""
    scope = harness.scope(recipes=("match",), output="matches", columns=("customer",), parties=(harness.bank.address,))
    offer, _ = harness.offer(scope, operations=Operation.PSI, consumer=harness.bank.address)
    assert await harness.accept(offer, scope, [harness.person(offer, scope)]) == ["ok"]
    nobody = (await harness.brought(offer)).root
    mine = Input(offer=offer.id, lawful_root=nobody, epoch=bytes(24), opens_before=NEVER)
    agreed = harness.open(harness.matched((harness._party(harness.bank, mine),)))
    await refused(harness, "plan.roles", harness.rows(agreed))
    offer, _ = harness.offer(scope, operations=Operation.PSI, consumer=harness.thief.address)
    with harness.untouched(), pytest.raises(ConsentError) as caught:
        await harness.accept(offer, scope, [harness.person(offer, scope, names=lambda address: "Credit House")])
    assert caught.value.code == "consent.stranger"
    agreed = harness.open(harness.paired(offer, harness.thief, lawful_root=nobody))
    await refused(harness, "warrant.offer", harness.rows(agreed))


async def test_a_stolen_signing_key_enrols_customers_itself(harness: AttackHarness) -> None:
    """The provider's own word for a key counts nowhere where offer or vault's trust list name enrollers."""
    await invented(harness, {}, harness.bank)
    await invented(harness, {"enrollers": ()}, harness.bank)


async def test_a_stolen_signing_key_appoints_its_own_enroller(harness: AttackHarness) -> None:
    """A new offer whose scope names an enroller of the thief's: the vault's own trust list does not."""
    friend = Key()
    await invented(harness, {"enrollers": (friend.address,)}, friend)


async def test_a_stolen_signing_key_calls_the_customers_table_its_own(harness: AttackHarness) -> None:
    """A new offer says that the table belongs to the institution, whose key consents by name: the whole table would
    be one job away. The vault knows from the import whose rows they are."""
    words = {"recipes": ("match",), "output": "matches", "columns": ("customer",), "parties": (harness.lender.address,)}
    scope = harness.scope(personal=False, enrollers=(), **words)
    customers = harness.environment.dataset.dataset
    offer, _ = harness.offer(scope, dataset=customers, consumer=harness.bank.address, operations=Operation.PSI)
    named = harness.person(offer, scope, key=harness.bank, named=True)
    harness.mined(harness.calls.grant(named.consent, named.submission.signature), harness.bank)
    with harness.untouched(), pytest.raises(ConsentError) as caught:
        await harness.vault.admit(named.consent, scope, named.submission.signature)
    assert caught.value.code == "consent.personal"
    agreed = harness.open(harness.paired(offer, harness.lender, consent=named.id))
    await refused(harness, "warrant.offer", harness.rows(agreed))


async def test_a_stolen_relay_key_anchors_what_the_vault_never_took(harness: AttackHarness) -> None:
    """The recorder may anchor any root; the vault's lawful set knows only consents that it has checked itself."""
    offer_fixture = await harness.offer_fixture()
    forged = harness.person(offer_fixture.offer, offer_fixture.scope)
    bad = forged.submission.model_copy(update={"signature": harness.thief.sign(forged.id)})
    outcomes = await harness.vault.admit_many(offer_fixture.offer, offer_fixture.scope, [bad])
    assert isinstance(outcomes[0], PlacetError)
    assert outcomes[0].code == "signature"
    await harness.anchor(offer_fixture.offer, [forged])
    assert harness.chain.batch(offer_fixture.offer.id, forged.id) > 0
    again = await harness.prepare(offer_fixture.offer, offer_fixture.deadline)
    assert again.inputs[0].lawful_root == offer_fixture.brought.inputs[0].lawful_root
