"""Promise 1: no consent, no data. Three gates that don't share a fate: the contract, the peer, the vault.

Each attack is a node whose own checks are switched off: it signs what it likes, and asks the next gate itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.attacks.stage import MARKETING, Agreed, Deal, Stage, body_of
from tests.node.conftest import PURPOSE, Running

from declaring import CUSTOMER
from placet.chain.client import JobStatus
from placet.core.consent import Reason
from placet.core.errors import ConsentError, PlacetError, WarrantError
from placet.core.merkle import lawful_root
from placet.core.namespace import own_namespace
from placet.core.offers import Subjects
from placet.core.plan import Input, cancellation_hash
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
    deal: Callable[[Stage], dict[str, Any]] = lambda stage: {}
    scope: Callable[[Stage], dict[str, Any]] = lambda stage: {}
    plan: Callable[[Stage, Deal], dict[str, Any]] = lambda stage, deal: {}

    async def prepare(self, stage: Stage) -> Agreed:
        deal = await stage.deal(scope=stage.scope(**self.scope(stage)), **self.deal(stage))
        if self.name == "a use that is used up":
            stage.open(stage.plan(deal))
        return stage.plan(deal, **self.plan(stage, deal))


VALUE = {"value": "balance"}


def statistics(smallest: int) -> dict[str, Any]:
    columns = {**CUSTOMER, "value": "balance"}
    pair = {"roles": ("provider", "consumer"), "inputs": ("accounts", "customers"), "engine": "spu"}
    asked = {"smallest_group": smallest, "protocol": "cheetah"}
    return {"recipe": "match-statistics", "parameters": columns | asked, **pair}


def plan_of_statistics(stage: Stage, deal: Deal, smallest: int) -> dict[str, Any]:
    bank, _, lender = stage.plan(deal).plan.parties
    return {"terms": statistics(smallest), "parties": (bank, lender)}


def joint(smallest: int) -> dict[str, Any]:
    columns = {**CUSTOMER, "values": ["balance", "balance"]}
    asked = {"statistics": ["sums"], "smallest_group": smallest, "protocol": "cheetah"}
    roles = {"roles": ("first-provider", "second-provider", "consumer"), "engine": "spu"}
    return {"recipe": "joint-statistics", "parameters": columns | asked, **roles}


def plan_of_joint(stage: Stage, deal: Deal, smallest: int) -> dict[str, Any]:
    return {"terms": joint(smallest)}


ATTACKS = [
    Attack(
        "another consumer",
        contract=("OfferRefused", Reason.WRONG_CONSUMER),
        vault="warrant.unopened",
        peer="consent.consumer",
        plan=lambda stage, deal: {"lender": stage.second},
    ),
    Attack(
        "another purpose",
        contract=("OfferRefused", Reason.WRONG_PURPOSE),
        vault="warrant.unopened",
        peer="consent.purpose",
        plan=lambda stage, deal: {"purpose": purpose_id(MARKETING)},
    ),
    Attack(
        "more operations",
        contract=("OfferRefused", Reason.WRONG_OPERATION),
        vault="warrant.unopened",
        peer="plan.operations",
        plan=lambda stage, deal: {"operations": 7},
    ),
    Attack(
        "an epoch of the future",
        contract=("EpochChanged", bytes(24)),
        vault="warrant.unopened",
        peer="plan.stale",
        plan=lambda stage, deal: {"input": {"epoch": b"1" * 24}},
    ),
    Attack(
        "a use that is used up",
        vault="warrant.window",
        peer="plan.stale",
        deal=lambda stage: {"uses": 1},
        plan=lambda stage, deal: {"input": {"opens_before": NEVER}},
    ),
    Attack(
        "a deadline after the consents' end",
        vault="warrant.window",
        peer="plan.stale",
        plan=lambda stage, deal: {"deadline": deal.deadline + 90_000, "settle_by": deal.deadline + 90_600},
    ),
    Attack(
        "a root that nobody computed",
        vault="warrant.root",
        peer="plan.unprepared",
        plan=lambda stage, deal: {"input": {"lawful_root": secrets.token_bytes(32)}},
    ),
    Attack(
        "a block before the batch",
        vault="warrant.batch",
        peer="plan.stale",
        plan=lambda stage, deal: {"terms": {"block": deal.block - 1}},
    ),
    Attack(
        "a block that is not over when the job opens",
        vault="warrant.block",
        peer="peer.early",
        plan=lambda stage, deal: {"terms": {"block": stage.chain.head().number + 100}},
    ),
    Attack(
        "a party that the scope does not name",
        vault="warrant.stranger",
        peer="consent.stranger",
        deal=lambda stage: {"asked": False},
        scope=lambda stage: {"parties": (stage.bank.address, stage.lender.address)},
    ),
    Attack(
        "a recipe that the scope does not name",
        vault="warrant.recipe",
        peer="consent.recipe",
        plan=lambda stage, deal: plan_of_statistics(stage, deal, 5),
    ),
    Attack(
        "the customer numbers of another bank",
        vault="warrant.namespace",
        peer="consent.namespace",
        plan=lambda stage, deal: {
            "terms": {"parameters": {**CUSTOMER, "namespace": own_namespace(stage.second.address, "customer"), **VALUE}}
        },
    ),
    Attack(
        "a recipe that nobody declares",
        vault="plan.recipe",
        peer="plan.recipe",
        plan=lambda stage, deal: {"terms": {"recipe": "copy-all"}},
    ),
    Attack(
        "a smaller group than the owners were shown",
        vault="warrant.output",
        peer="consent.output",
        deal=lambda stage: {"wanted": statistics(5) | {"parties": (stage.bank.address, stage.lender.address)}},
        scope=lambda stage: {"output": "aggregate", "smallest_group": 5, "recipes": ("match-statistics",)},
        plan=lambda stage, deal: plan_of_statistics(stage, deal, 4),
    ),
    Attack(
        "a smaller group of two providers than the owners were shown",
        vault="warrant.output",
        peer="consent.output",
        deal=lambda stage: {"wanted": joint(5)},
        scope=lambda stage: {"output": "aggregate", "smallest_group": 5, "recipes": ("joint-statistics",)},
        plan=lambda stage, deal: plan_of_joint(stage, deal, 4),
    ),
]


async def test_an_honest_plan_passes_all_three_gates(stage: Stage) -> None:
    """Without this the refusals below could be about anything."""
    deal = await stage.deal()
    agreed = stage.plan(deal)
    signed = await stage.agreement.sign(stage.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert signed.signature == agreed.signatures[0]
    stage.open(agreed)
    customers = {person.submission.opening.subject for person in deal.people if person.submission.opening}
    assert set(await stage.rows(agreed)) == customers


@pytest.mark.parametrize(
    ("name", "honest"),
    [
        ("a smaller group than the owners were shown", plan_of_statistics),
        ("a smaller group of two providers than the owners were shown", plan_of_joint),
    ],
)
async def test_a_group_that_the_owners_were_shown_passes_too(
    stage: Stage, name: str, honest: Callable[[Stage, Deal, int], dict[str, Any]]
) -> None:
    """The same of the attacks on statistics: they are refused for their group alone."""
    attack = next(attack for attack in ATTACKS if attack.name == name)
    deal = await stage.deal(scope=stage.scope(**attack.scope(stage)), **attack.deal(stage))
    agreed = stage.plan(deal, **honest(stage, deal, 5))
    assert await stage.agreement.sign(stage.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    stage.open(agreed)
    assert len(await stage.rows(agreed)) == 3


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
async def test_a_plan_that_no_consent_covers(stage: Stage, attack: Attack) -> None:
    """A consumer asks the bank's node to sign something else than it prepared: an honest peer does not. Then all
    parties sign it: the contract refuses what it can know, and the vault hands out nothing in any case."""
    agreed = await attack.prepare(stage)
    before = len(stage.agreement.store.all())
    with stage.untouched(), pytest.raises(PlacetError) as refusal:
        await stage.agreement.sign(agreed.plan.consumer, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert refusal.value.code == attack.peer
    assert len(stage.agreement.store.all()) == before
    if attack.contract is None:
        stage.open(agreed)
    else:
        error, why = attack.contract
        name, *arguments = stage.refused(stage.open_call(agreed))
        assert name == error
        assert why in arguments
        assert stage.status(agreed) is JobStatus.NONE
    with stage.untouched(), pytest.raises(WarrantError) as caught:
        await stage.rows(agreed)
    assert caught.value.code == attack.vault


async def test_a_use_that_is_used_up_and_says_so(stage: Stage) -> None:
    """The same plan with the true end of its consents: the contract itself counts the openings."""
    deal = await stage.deal(uses=1)
    first, second = stage.plan(deal), stage.plan(deal)
    stage.open(first)
    assert stage.refused(stage.open_call(second)) == ("OpeningsExhausted", deal.offer.id, 1, 1)
    with pytest.raises(WarrantError) as caught:
        await stage.rows(second)
    assert caught.value.code == "warrant.unopened"


async def test_two_plans_race_for_a_consent_with_one_use(stage: Stage) -> None:
    """Both are signed by all, and are in the pool at once: one opens, the other fails whole, and its rewards stay with
    the sponsor."""
    reward = 40
    deal = await stage.deal(uses=1)
    plans = [stage.plan(deal, reward=reward) for _ in range(2)]
    escrow = stage.world.deployment.reward_escrow.address
    stage.mined(stage.calls.approve(stage.token, escrow, 2 * reward), stage.lender)
    purse, held = (stage.chain.balance_of(stage.token, who) for who in (stage.lender.address, escrow))
    stage.world.anvil.rpc("evm_setAutomine", False)
    try:
        sent = [stage.send(stage.open_call(agreed), stage.thief) for agreed in plans]
        stage.world.anvil.mine()
    finally:
        stage.world.anvil.rpc("evm_setAutomine", True)
    receipts = [stage.receipt(transaction) for transaction in sent]
    assert receipts[0]["blockNumber"] == receipts[1]["blockNumber"]
    assert [receipt["status"] for receipt in receipts] == ["0x1", "0x0"]
    assert [stage.status(agreed) for agreed in plans] == [JobStatus.OPEN, JobStatus.NONE]
    assert [stage.chain.escrow(agreed.job).left for agreed in plans] == [reward, 0]
    assert stage.chain.balance_of(stage.token, stage.lender.address) == purse - reward
    assert stage.chain.balance_of(stage.token, escrow) == held + reward
    assert stage.chain.offer(deal.offer.id).openings == 1
    assert len(await stage.rows(plans[0])) == 3
    with stage.untouched(), pytest.raises(WarrantError) as caught:
        await stage.rows(plans[1])
    assert caught.value.code == "warrant.unopened"


# --------------------------------------------------------------- an institution's own consent, at the contract


NAMED: dict[str, tuple[Callable[[Stage], dict[str, Any]], Reason]] = {
    "expired": (lambda stage: {"not_after": stage.chain.head().timestamp + 500}, Reason.EXPIRED),
    "not yet valid": (lambda stage: {"not_before": stage.chain.head().timestamp + 5000}, Reason.NOT_YET_VALID),
    "for a later opening": (
        lambda stage: {"first_opening": stage.chain.offer(stage.list_offer).openings + 2},
        Reason.NOT_YET_OPEN,
    ),
}


def plan_on(stage: Stage, deal: Deal, consent: bytes) -> Agreed:
    """The plan with another named consent of the lender, whose end it makes larger than it is."""
    agreed = stage.plan(deal)
    *others, lender = agreed.plan.parties
    named = lender.inputs[0].model_copy(update={"consent": consent, "opens_before": NEVER})
    parties = (*others, lender.model_copy(update={"inputs": (named,)}))
    return stage.agreed(type(agreed.plan)(**(dict(agreed.plan) | {"parties": parties})), agreed.terms)


@pytest.mark.parametrize("how", NAMED)
async def test_a_named_consent_at_the_wrong_time(stage: Stage, how: str) -> None:
    """The plan names a consent that is given on chain, but not for the time or the opening of this job."""
    changes, reason = NAMED[how]
    consent = stage.own_consent(**changes(stage))
    stage.mined(stage.calls.grant(consent, stage.signed(consent, stage.lender)), stage.thief)
    agreed = plan_on(stage, await stage.deal(), consent.id)
    assert stage.refused(stage.open_call(agreed)) == ("ConsentRefused", consent.id, reason)


async def test_a_named_consent_that_nobody_gave(stage: Stage) -> None:
    """A consent that was drafted and never granted."""
    consent = stage.own_consent()
    agreed = plan_on(stage, await stage.deal(), consent.id)
    assert stage.refused(stage.open_call(agreed)) == ("ConsentRefused", consent.id, Reason.UNKNOWN_CONSENT)


async def test_a_named_consent_whose_uses_are_over(stage: Stage) -> None:
    """One use, already opened; the plan claims that there are more."""
    deal = await stage.deal()
    consent = stage.own_consent(uses=1)
    stage.mined(stage.calls.grant(consent, stage.signed(consent, stage.lender)), stage.thief)
    stage.open(plan_on(stage, deal, consent.id))
    agreed = plan_on(stage, deal, consent.id)
    assert stage.refused(stage.open_call(agreed)) == ("ConsentRefused", consent.id, Reason.EXHAUSTED)


async def test_a_named_consent_to_another_offer(stage: Stage) -> None:
    """A consent of the lender to something else, named for its list."""
    deal = await stage.deal()
    other = stage.offer_of(stage.lender, Subjects.OWN)
    consent = stage.own_consent(offer=stage.chain.offer(other).offer)
    stage.mined(stage.calls.grant(consent, stage.signed(consent, stage.lender)), stage.thief)
    agreed = plan_on(stage, deal, consent.id)
    assert stage.refused(stage.open_call(agreed)) == ("ConsentRefused", consent.id, Reason.WRONG_OFFER)


async def test_a_plan_that_the_provider_did_not_sign(stage: Stage) -> None:
    """Consumer and second bank agree without the bank, or show another signature of it."""
    deal = await stage.deal()
    agreed, other = stage.plan(deal), stage.plan(deal)
    for stolen in (b"", stage.second.sign(agreed.job), other.signatures[0], bytes(65)):
        call = stage.calls.open(agreed.plan, [stolen, *agreed.signatures[1:]])
        assert stage.refused(call) == ("InvalidSignerSignature", 0)


# ------------------------------------------------------------------------------------------ the peer


async def test_a_peer_prepares_nothing_for_somebody_else(stage: Stage) -> None:
    """The second bank asks for what was offered to the lender; the lender for what the bank never offered."""
    deal = await stage.deal()
    bank, second, lender, thief = (one.address for one in (stage.bank, stage.second, stage.lender, stage.thief))
    for asker, changes, code in (
        (stage.second, {"parties": (bank, lender, second)}, "consent.consumer"),
        (stage.second, {}, "plan.roles"),
        (stage.lender, {"recipe": "copy-all"}, "plan.recipe"),
        (stage.lender, {"engine": "gpu"}, "plan.engine"),
        (stage.lender, {"roles": ("provider", "reader", "consumer")}, "plan.roles"),
        (stage.lender, {"parties": (second, thief, lender)}, "plan.parties"),
        (stage.lender, {"parameters": {}}, "plan.parameters"),
        (stage.lender, {"purpose": purpose_id(MARKETING)}, "consent.purpose"),
        (stage.lender, {"parties": (bank, thief, lender)}, "consent.stranger"),
        (stage.lender, {"block": deal.block + 1000}, "peer.early"),
    ):
        question = stage.question(deal.offer, deal.deadline, **changes)
        with stage.untouched(), pytest.raises(PlacetError) as caught:
            await stage.agreement.prepare(asker.address, question)
        assert caught.value.code == code
    wanted = stage.question(deal.offer, deal.deadline)
    for offer, code in ((stage.seconds_offer, "consent.provider"), (secrets.token_bytes(32), "not-found")):
        with stage.untouched(), pytest.raises(PlacetError) as caught:
            await stage.agreement.prepare(lender, wanted.model_copy(update={"offer": offer}))
        assert caught.value.code == code


async def test_a_peer_prepares_nothing_outside_scope_and_policy(stage: Stage) -> None:
    """An offer whose scope has another recipe, and one for a purpose that the institution does not serve."""
    for changes, code in (
        ({"recipes": ("copy-all",)}, "consent.recipe"),
        ({"purpose": "https://w3id.org/dpv#LegalCompliance"}, "consent.purpose"),
    ):
        offer, _ = stage.offer(stage.scope(**changes))
        with stage.untouched(), pytest.raises(ConsentError) as caught:
            await stage.prepare(offer, stage.chain.now() + 600)
        assert caught.value.code == code


async def test_a_consumer_frames_the_bank_with_an_end_that_is_too_small(stage: Stage) -> None:
    """The plan's `opensBefore` is below the consents' true end: no row too many, but not what the bank prepared."""
    deal = await stage.deal()
    agreed = stage.plan(deal, input={"opens_before": deal.brought.inputs[0].opens_before - 1})
    with pytest.raises(PlacetError) as caught:
        await stage.agreement.sign(stage.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert caught.value.code == "plan.stale"


async def test_a_consumer_has_two_plans_signed_over_one_seed(stage: Stage) -> None:
    """Whoever re-executes one of the jobs from its seed would know the randomness of the other."""
    deal = await stage.deal()
    first, second = stage.plan(deal), stage.plan(deal)
    await stage.agreement.sign(stage.lender.address, SignRequest(plan=first.plan, terms=first.terms))
    with pytest.raises(PlacetError) as caught:
        await stage.agreement.sign(stage.lender.address, SignRequest(plan=second.plan, terms=second.terms))
    assert caught.value.code == "plan.unprepared"


async def test_a_peer_hears_nobody_about_a_job_that_is_not_open(stage: Stage) -> None:
    """Signed messages of a party for a job that was agreed but not opened, and for one that was aborted."""
    runner = Runner(stage.agreement.context, RUNS)
    deal = await stage.deal()
    agreed = stage.plan(deal)
    await stage.agreement.sign(stage.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    message = Message(job=agreed.job, attempt=1, sequence=0, sender=2, receiver=0, tag="psi", digest=ZERO32)
    signature = stage.lender.sign(stage.world.deployment.jobs.digest(message.hash))
    envelope = Envelope(message=message, signature=signature)
    with stage.untouched(), pytest.raises(PlacetError) as caught:
        await runner.message(stage.lender.address, envelope, b"")
    assert caught.value.code == "peer.early"
    stage.open(agreed)
    stage.mined(stage.calls.abort(agreed.job, ZERO32), stage.world.recorder)
    with stage.untouched(), pytest.raises(PlacetError) as caught:
        await runner.message(stage.lender.address, envelope, b"")
    assert caught.value.code == "peer.late"
    assert stage.agreement.store.messages(agreed.job) == []


# ----------------------------------------------------------------------------------------- the vault


async def refused(stage: Stage, code: str, work: Awaitable[object]) -> None:
    with stage.untouched(), pytest.raises(WarrantError) as caught:
        await work
    assert caught.value.code == code


async def test_rows_before_the_job_is_open_and_after_it_was_cancelled(stage: Stage) -> None:
    """A plan that all have signed is no warrant; nor is one that a signer cancelled."""
    agreed = stage.plan(await stage.deal())
    await refused(stage, "warrant.unopened", stage.rows(agreed))
    signature = stage.second.sign(stage.world.deployment.jobs.digest(cancellation_hash(agreed.job)))
    stage.mined(stage.calls.cancel(agreed.plan, 1, signature), stage.thief)
    assert stage.refused(stage.open_call(agreed)) == ("WrongStatus", agreed.job, JobStatus.CANCELLED)
    await refused(stage, "warrant.unopened", stage.rows(agreed))


async def test_rows_of_another_attempt(stage: Stage) -> None:
    """An attempt that is still to come, and one that is over."""
    deal = await stage.deal()
    agreed = stage.open(stage.plan(deal))
    for attempt in (0, 2):
        await refused(stage, "warrant.attempt", stage.rows(agreed, attempt=attempt))
    stage.mined(stage.amend_call(agreed, deal.brought.inputs[0].lawful_root), stage.thief)
    await refused(stage, "warrant.attempt", stage.rows(agreed))
    assert len(await stage.rows(agreed, attempt=2)) == 3


async def test_rows_of_an_attempt_with_somebody_new(stage: Stage) -> None:
    """All parties agree on an amendment that brings a person in who consented after the opening."""
    deal = await stage.deal()
    agreed = stage.open(stage.plan(deal))
    late = stage.person(deal.offer, deal.scope)
    assert await stage.accept(deal.offer, deal.scope, [late]) == ["ok"]
    await stage.anchor(deal.offer, [late])
    wider = await stage.prepare(deal.offer, deal.deadline)
    assert wider.inputs[0].lawful_root != deal.brought.inputs[0].lawful_root
    stage.mined(stage.amend_call(agreed, wider.inputs[0].lawful_root), stage.thief)
    await refused(stage, "warrant.root", stage.rows(agreed, attempt=2))


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
async def test_terms_beyond_scope_and_catalogue(stage: Stage, terms: dict[str, Any], code: str) -> None:
    """The job is open, all have signed it, and its terms take more than the owners' words name, or are no recipe's."""
    agreed = stage.open(stage.plan(await stage.deal(), terms=terms))
    await refused(stage, code, stage.rows(agreed))


@pytest.mark.parametrize("told", [False, True])
async def test_values_of_a_column_of_which_owners_were_not_told(stage: Stage, told: bool) -> None:
    """A match by balances, which the scope has as a column: it would tell which ones there are. Where the owners were
    told so it runs."""
    words = {"recipes": ("match",), "output": "matches", "parties": (stage.bank.address,)}
    scope = stage.scope(**words, matched_by=("balance",) if told else ())
    offer, _ = stage.offer(scope, operations=Operation.PSI)
    people = [stage.person(offer, scope) for _ in range(2)]
    assert await stage.accept(offer, scope, people) == ["ok"] * 2
    await stage.anchor(offer, people)
    lawful = await stage.brought(offer)
    rules = {"keys": [{"kind": "text", "column": "balance", "width": "keep", "case": "keep"}], "smallest": 2}
    by_balance = {"identifier": "customer", "alignment": {"type": "placet.alignment", "version": 1} | rules}
    brought = {"lawful_root": lawful.root, "opens_before": lawful.opens_before}
    agreed = stage.open(stage.paired(offer, stage.lender, by_balance, **brought))
    if told:
        assert (await stage.vault.rows(agreed.job, agreed.plan, agreed.terms, 1, 0)).count == 2
    else:
        await refused(stage, "warrant.values", stage.rows(agreed))


async def test_an_operation_less_than_the_recipe_needs(stage: Stage) -> None:
    """PSI alone, for a recipe that computes too."""
    agreed = stage.open(stage.plan(await stage.deal(), operations=1))
    await refused(stage, "plan.operations", stage.rows(agreed))


async def test_another_plan_under_an_open_jobs_name(stage: Stage) -> None:
    """The warrant of one job with the plan of another, with a later deadline, or with other terms."""
    deal = await stage.deal()
    agreed, other = stage.open(stage.plan(deal)), stage.plan(deal)
    longer = type(agreed.plan)(**(dict(agreed.plan) | {"deadline": deal.deadline + 60}))
    await refused(stage, "warrant.plan", stage.vault.rows(agreed.job, longer, agreed.terms, 1, 0))
    await refused(stage, "warrant.plan", stage.vault.rows(agreed.job, other.plan, other.terms, 1, 0))
    await refused(stage, "plan.terms", stage.vault.rows(agreed.job, agreed.plan, other.terms, 1, 0))
    await refused(stage, "warrant.input", stage.vault.rows(agreed.job, agreed.plan, agreed.terms, 1, 1))


async def test_rows_after_an_abort(stage: Stage) -> None:
    """One party has ended the job."""
    agreed = stage.open(stage.plan(await stage.deal()))
    stage.mined(stage.calls.abort(agreed.job, ZERO32), stage.second)
    await refused(stage, "warrant.closed", stage.rows(agreed))


async def test_rows_after_the_deadline(stage: Stage) -> None:
    """The job is open for ever, if nobody ends it; its data are not."""
    agreed = stage.open(stage.plan(await stage.deal()))
    assert len(await stage.rows(agreed)) == 3
    stage.pass_time(601)
    assert stage.status(agreed) is JobStatus.OPEN
    await refused(stage, "warrant.deadline", stage.rows(agreed))
    assert stage.refused(stage.seal_call(agreed, [ZERO32] * 3))[0] == "TooLateToSeal"


async def test_consents_that_are_in_no_anchored_batch(stage: Stage) -> None:
    """Accepted by the vault, but the chain holds no batch with them: they are in no lawful set. One whose time has not
    come neither."""
    deal = await stage.deal()
    waiting = stage.person(deal.offer, deal.scope)
    early = stage.person(deal.offer, deal.scope, not_before=stage.chain.now() + 5000)
    assert await stage.accept(deal.offer, deal.scope, [waiting, early]) == ["ok", "ok"]
    await stage.anchor(deal.offer, [early])
    again = await stage.prepare(deal.offer, deal.deadline)
    assert again.inputs[0].lawful_root == deal.brought.inputs[0].lawful_root


BAD: dict[str, tuple[Callable[[Stage], dict[str, Any]], str]] = {
    "expired": (lambda stage: {"not_after": stage.chain.now() - 1}, "consent.expired"),
    "exhausted": (lambda stage: {"first_opening": 0, "uses": 1}, "consent.exhausted"),
    "without an enrolment": (lambda stage: {"named": True}, "consent.unenrolled"),
    "of somebody without a row": (lambda stage: {"customer": "nobody"}, "consent.subject"),
}


@pytest.mark.parametrize("how", BAD)
async def test_a_consent_that_covers_nothing_is_not_taken(stage: Stage, how: str) -> None:
    """A node that hands the vault what it should have refused itself."""
    changes, code = BAD[how]
    deal = await stage.deal(1)
    stage.open(stage.plan(deal))
    bad = stage.person(deal.offer, deal.scope, **changes(stage))
    with stage.untouched():
        assert await stage.accept(deal.offer, deal.scope, [bad]) == [code]


@pytest.mark.parametrize("other", ["consumer", "purpose", "operations"])
async def test_a_consent_to_another_offer(stage: Stage, other: str) -> None:
    """Given for another consumer, purpose or operation, and handed in for this offer."""
    scope = stage.scope(purpose=MARKETING if other == "purpose" else PURPOSE)
    change = {"consumer": stage.second.address, "operations": 1}
    theirs, _ = stage.offer(scope, **({other: change[other]} if other in change else {}))
    deal = await stage.deal(1)
    stray = stage.person(theirs, scope)
    with stage.untouched():
        assert await stage.accept(deal.offer, deal.scope, [stray]) == ["signature"]


API: dict[str, tuple[Callable[[Stage], dict[str, Any]], str]] = {
    "by an enroller of nobody": (lambda stage: {"enroller": Key()}, "consent.enroller"),
    "withdrawn before it was given": (lambda stage: {}, "consent.withdrawn"),
    **BAD,
}


@pytest.mark.parametrize("how", API)
async def test_a_consent_that_covers_nothing_at_the_nodes_api(stage: Stage, node: Running, how: str) -> None:
    """The first gate: neither node nor vault keep it, and no transaction is made of it."""
    changes, code = API[how]
    offer, scope = node.offer(**stage.shown)
    if how == "exhausted":
        stage.open(stage.plan(await stage.deal_on(offer, scope, 1)))
    bad = stage.person(offer, scope, **changes(stage))
    if code == "consent.withdrawn":
        stage.mined(stage.calls.withdraw(bad.consent.grant(), stage.withdrawal(bad)), stage.thief)
    node.node.sync()
    with stage.untouched(node.node):
        answer = await node.client.post("/v1/consents", json=body_of(bad))
        await node.turn()
    assert (answer.status_code, answer.json()["code"]) == (422, code)


# ------------------------------------------------------------------- a node that is broken into, with all of its keys


async def invented(stage: Stage, scope: dict[str, Any], enroller: Key) -> None:
    """Consents of nobody, under keys that the thief just made, to a new offer of the bank to a lender who goes along.
    The vault takes none of them; and no job on a set with them gets a row."""
    opened = stage.scope(
        recipes=("match",), output="matches", columns=("customer",), parties=(stage.bank.address,), **scope
    )
    offer, _ = stage.offer(opened, operations=Operation.PSI)
    people = [stage.person(offer, opened, enroller=enroller) for _ in range(2)]
    assert await stage.accept(offer, opened, people) == ["consent.enroller"] * 2
    await stage.anchor(offer, people)
    leaves = [(person.id, secrets.token_bytes(32)) for person in sorted(people, key=lambda person: person.id)]
    agreed = stage.open(stage.paired(offer, stage.lender, lawful_root=lawful_root(leaves)))
    await refused(stage, "warrant.root", stage.rows(agreed))
    nobody = (await stage.brought(offer)).root
    assert await stage.rows(stage.open(stage.paired(offer, stage.lender, lawful_root=nobody))) == []


async def test_a_stolen_signing_key_with_nobody_else(stage: Stage) -> None:
    """No recipe has the bank as its only party. A consumer that the thief made up is in nobody's trust list, so that
    the vault takes no consent to an offer to it."""
    scope = stage.scope(recipes=("match",), output="matches", columns=("customer",), parties=(stage.bank.address,))
    offer, _ = stage.offer(scope, operations=Operation.PSI, consumer=stage.bank.address)
    assert await stage.accept(offer, scope, [stage.person(offer, scope)]) == ["ok"]
    nobody = (await stage.brought(offer)).root
    mine = Input(offer=offer.id, lawful_root=nobody, epoch=bytes(24), opens_before=NEVER)
    agreed = stage.open(stage.matched((stage._party(stage.bank, mine),)))
    await refused(stage, "plan.roles", stage.rows(agreed))
    offer, _ = stage.offer(scope, operations=Operation.PSI, consumer=stage.thief.address)
    with stage.untouched(), pytest.raises(ConsentError) as caught:
        await stage.accept(offer, scope, [stage.person(offer, scope, names=lambda address: "Credit House")])
    assert caught.value.code == "consent.stranger"
    agreed = stage.open(stage.paired(offer, stage.thief, lawful_root=nobody))
    await refused(stage, "warrant.offer", stage.rows(agreed))


async def test_a_stolen_signing_key_enrols_customers_itself(stage: Stage) -> None:
    """The provider's own word for a key counts nowhere where offer or vault's trust list name enrollers."""
    await invented(stage, {}, stage.bank)
    await invented(stage, {"enrollers": ()}, stage.bank)


async def test_a_stolen_signing_key_appoints_its_own_enroller(stage: Stage) -> None:
    """A new offer whose scope names an enroller of the thief's: the vault's own trust list does not."""
    friend = Key()
    await invented(stage, {"enrollers": (friend.address,)}, friend)


async def test_a_stolen_signing_key_calls_the_customers_table_its_own(stage: Stage) -> None:
    """A new offer says that the table belongs to the institution, whose key consents by name: the whole table would
    be one job away. The vault knows from the import whose rows they are."""
    words = {"recipes": ("match",), "output": "matches", "columns": ("customer",), "parties": (stage.lender.address,)}
    scope = stage.scope(personal=False, enrollers=(), **words)
    customers = stage.world.dataset.dataset
    offer, _ = stage.offer(scope, dataset=customers, consumer=stage.bank.address, operations=Operation.PSI)
    named = stage.person(offer, scope, key=stage.bank, named=True)
    stage.mined(stage.calls.grant(named.consent, named.submission.signature), stage.bank)
    with stage.untouched(), pytest.raises(ConsentError) as caught:
        await stage.vault.admit(named.consent, scope, named.submission.signature)
    assert caught.value.code == "consent.personal"
    agreed = stage.open(stage.paired(offer, stage.lender, consent=named.id))
    await refused(stage, "warrant.offer", stage.rows(agreed))


async def test_a_stolen_relay_key_anchors_what_the_vault_never_took(stage: Stage) -> None:
    """The recorder may anchor any root; the vault's lawful set knows only consents that it has checked itself."""
    deal = await stage.deal()
    forged = stage.person(deal.offer, deal.scope)
    bad = forged.submission.model_copy(update={"signature": stage.thief.sign(forged.id)})
    outcomes = await stage.vault.admit_many(deal.offer, deal.scope, [bad])
    assert isinstance(outcomes[0], PlacetError)
    assert outcomes[0].code == "signature"
    await stage.anchor(deal.offer, [forged])
    assert stage.chain.batch(deal.offer.id, forged.id) > 0
    again = await stage.prepare(deal.offer, deal.deadline)
    assert again.inputs[0].lawful_root == deal.brought.inputs[0].lawful_root
