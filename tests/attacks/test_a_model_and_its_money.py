"""A model is what its job made, under consents that still hold; its money goes by the recorded metrics."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.attacks.stage import Agreed, Deal, Stage

from placet.audit.bundle import Bundle
from placet.audit.case import Case
from placet.audit.chain_facts import facts
from placet.audit.models import ShownModels
from placet.catalogue import specs
from placet.chain.events import JobOpened
from placet.chain.index import Index
from placet.chain.lineage import lineage_at
from placet.core.errors import ConsentError, PlanError
from placet.core.lineage import Lineage, lineage
from placet.core.offers import Offer, Subjects
from placet.core.plan import Seal, key_hash
from placet.core.purposes import Operation, purpose_id
from placet.core.trail import Step
from placet.core.values import ZERO32
from placet.jobs.messages import SealRequest, SignRequest
from placet.jobs.store import Phase
from placet.models.contribution import PROTOCOL, Contribution, Division, sealed_payouts
from placet.vault.endpoint import Endpoint

POT = 1_000
DIVISION = Division("shapley", 2, 100_000)
METRICS = Contribution.of(
    "auc", {frozenset(): 500_000, frozenset({0}): 700_000, frozenset({1}): 600_000, frozenset({0, 1}): 760_000}
)


async def trained(stage: Stage) -> tuple[Deal, Agreed]:
    """A job over the bank's people that is sealed, as one that has made a model."""
    deal = await stage.deal()
    agreed = stage.open(stage.plan(deal))
    stage.record_all(agreed)
    stage.mined(stage.seal_call(agreed, [secrets.token_bytes(32)] * 3), stage.thief)
    return deal, agreed


def registered(stage: Stage, origin: bytes, commitment: bytes = b"m" * 32) -> bytes:
    dataset = secrets.token_bytes(32)
    stage.mined(stage.calls.register_model(dataset, origin, ZERO32, commitment), stage.bank)
    return dataset


def indexed(stage: Stage) -> Index:
    index = stage.attempts.context.index
    index.sync()
    return index


def lineage_of(stage: Stage, dataset: bytes) -> Lineage | None:
    return lineage_at(stage.chain, indexed(stage), dataset)


async def test_whoever_withdraws_after_the_seal_is_counted(stage: Stage) -> None:
    """Each once, proven: by the chain alone, since the plan stands in the transaction that opened the job."""
    deal, agreed = await trained(stage)
    dataset = registered(stage, agreed.job)
    fresh = lineage_of(stage, dataset)
    assert fresh is not None
    assert fresh.origin.parties == tuple(party.signer for party in agreed.plan.parties)
    assert dict(fresh.withdrawn) == {chosen.offer: 0 for chosen in agreed.plan.inputs}
    first, second, _ = deal.people
    stage.withdraw(deal, first)
    stage.mined(stage.calls.withdraw(second.consent.grant(), stage.withdrawal(second)), stage.thief)
    assert lineage_of(stage, dataset).total == 1  # type: ignore[union-attr]
    stage.mined(stage.calls.prove(second.id, deal.offer.id, deal.batch, deal.proof(second)), stage.thief)
    assert dict(lineage_of(stage, dataset).withdrawn)[deal.offer.id] == 2  # type: ignore[union-attr]


async def test_the_vault_counts_until_the_opening_of_the_job_that_asks(stage: Stage) -> None:
    deal, agreed = await trained(stage)
    dataset = registered(stage, agreed.job)
    stage.withdraw(deal, deal.people[0])
    later = stage.open(stage.plan(await stage.deal()))
    stage.withdraw(deal, deal.people[1])
    index = indexed(stage)
    endpoint = Endpoint(stage.chain, index, lambda confirmed: confirmed)
    assert endpoint.lineage(dataset, later.job).total == 1  # type: ignore[union-attr]
    assert endpoint.lineage(dataset, agreed.job) is None, "before its own opening there was no such model"
    assert endpoint.lineage(dataset, secrets.token_bytes(32)) is None
    assert any(isinstance(event, JobOpened) for event in index.job_events(later.job))


async def test_the_auditor_reads_the_same_lineage_from_the_chain(stage: Stage) -> None:
    """A job over the lender's part of a model: its facts have the model, the plan of the origin, and who has ended."""
    deal, origin = await trained(stage)
    dataset = secrets.token_bytes(32)
    stage.mined(stage.calls.register_model(dataset, origin.job, ZERO32, b"m" * 32), stage.lender)
    offer = Offer(
        dataset=dataset, consumer=stage.lender.address, purpose=purpose_id(stage.scope().purpose),
        operations=Operation.PSI | Operation.MPC, scope=ZERO32,
    )  # fmt: skip
    stage.mined(stage.calls.offer(offer), stage.lender)
    stage.withdraw(deal, deal.people[0])
    consent = stage.own_consent(offer=offer)
    stage.mined(stage.calls.grant(consent, stage.signed(consent, stage.lender)), stage.lender)
    drafted = stage.plan(await stage.deal())
    chosen = drafted.plan.inputs[2].model_copy(
        update={"offer": offer.id, "consent": consent.id, "epoch": bytes(24), "opens_before": consent.opens_before}
    )
    lender = drafted.plan.parties[2].model_copy(update={"inputs": (chosen,)})
    plan = drafted.plan.model_copy(update={"parties": (*drafted.plan.parties[:2], lender)})
    scoring = stage.open(stage.agreed(plan, drafted.terms))
    stage.withdraw(deal, deal.people[1])
    stage.world.anvil.mine(stage.world.deployment.confirmations)

    told = facts(stage.chain, scoring.job, scoring.plan)
    assert [(one.id, one.provider, one.origin) for one in told.models] == [(dataset, stage.lender.address, origin.job)]
    assert [(one.job, one.plan) for one in told.origins] == [(origin.job, origin.plan)]
    assert {one.offer.id: len(one.ended) for one in told.lineage} == {
        chosen.offer: 2 * (chosen.offer == deal.offer.id) for chosen in origin.plan.inputs
    }
    bundle = Bundle(
        job=scoring.job, deployment=stage.world.deployment, trust=stage.world.trust, facts=told, evidence=()
    )
    assert told.opened is not None
    shown = lineage(dataset, ShownModels(Case(bundle), told.opened.at))
    assert shown == Endpoint(stage.chain, indexed(stage), int).lineage(dataset, scoring.job)
    assert shown is not None and shown.total == 1
    (made,) = facts(stage.chain, origin.job, origin.plan).made
    assert (made.id, made.commitment) == (dataset, b"m" * 32)


async def test_a_stale_model_is_refused_by_the_node_that_holds_it(stage: Stage) -> None:
    deal, agreed = await trained(stage)
    dataset = registered(stage, agreed.job)
    scope = stage.scope(
        personal=False, enrollers=(), identifier=None, namespace=None, tolerated_withdrawals=1, smallest_gap=None
    )
    offer = Offer(
        dataset=dataset, consumer=stage.lender.address, purpose=purpose_id(scope.purpose),
        operations=Operation.MPC, scope=scope.hash,
    )  # fmt: skip
    stage.mined(stage.calls.offer(offer), stage.bank)
    state, agreement = stage.chain.offer(offer.id), stage.agreement
    stage.withdraw(deal, deal.people[0])
    await agreement._demand_lineage(state, scope)
    stage.withdraw(deal, deal.people[1])
    with stage.untouched(), pytest.raises(ConsentError) as caught:
        await agreement._demand_lineage(state, scope)
    assert (caught.value.code, caught.value.found) == ("model.stale", "2")


async def test_what_was_registered_is_never_another_model(stage: Stage) -> None:
    """The commitment stands for ever, and so does the origin."""
    _, agreed = await trained(stage)
    dataset = registered(stage, agreed.job)
    assert stage.refused(stage.calls.commit(dataset, b"n" * 32), stage.bank) == ("ModelIsFixed", dataset)
    again = stage.calls.register_model(dataset, agreed.job, ZERO32, b"n" * 32)
    assert stage.refused(again, stage.bank) == ("DatasetExists", dataset, stage.bank.address)
    rows = stage.calls.register(secrets.token_bytes(32), Subjects.MODEL, ZERO32, ZERO32)
    assert stage.refused(rows, stage.bank)[0] == "OriginMissing"


@pytest.mark.parametrize("forged", ["a stranger", "before the seal", "no such job"])
async def test_a_model_that_its_job_did_not_make_is_used_by_nobody(stage: Stage, forged: str) -> None:
    """Whoever registers one, names a job, and takes a better commitment."""
    if forged == "before the seal":
        deal = await stage.deal()
        agreed = stage.open(stage.plan(deal))
        dataset = registered(stage, agreed.job)
        stage.record_all(agreed)
        stage.mined(stage.seal_call(agreed, [secrets.token_bytes(32)] * 3), stage.thief)
    else:
        _, agreed = await trained(stage)
        job = secrets.token_bytes(32) if forged == "no such job" else agreed.job
        dataset = secrets.token_bytes(32)
        call = stage.calls.register_model(dataset, job, ZERO32, b"better".ljust(32))
        stage.mined(call, stage.thief if forged == "a stranger" else stage.bank)
    owner = stage.thief if forged == "a stranger" else stage.bank
    offer = Offer(
        dataset=dataset, consumer=stage.lender.address, purpose=purpose_id(stage.scope().purpose),
        operations=Operation.MPC, scope=ZERO32,
    )  # fmt: skip
    stage.mined(stage.calls.offer(offer), owner)
    with pytest.raises(ConsentError) as caught:
        await stage.agreement._demand_lineage(stage.chain.offer(offer.id), None)
    assert caught.value.code == "model.origin"


# ------------------------------------------------------------------------------------------- money


@pytest.fixture
def measured() -> Iterator[None]:
    """As if the recipe measured what each party contributed."""
    spec = specs.spec_of("asset-view")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(specs._BY_NAME, spec.name, replace(spec, pays=lambda parameters, roles: DIVISION))
        yield


async def computed(stage: Stage) -> Agreed:
    """A job with a pot in which the bank has recorded the metrics, and the others something."""
    deal = await stage.deal()
    agreed = stage.plan(deal, token=stage.token, pot=POT)
    agreement = stage.agreement
    await agreement.sign(stage.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    escrow = stage.world.deployment.reward_escrow.address
    stage.mined(stage.calls.approve(stage.token, escrow, POT), stage.lender)
    stage.open(agreed)
    agreement.store.begin(agreed.job, 1, [chosen.lawful_root for chosen in agreed.plan.inputs])
    closed = agreement.at_rest.seal(secrets.token_bytes(32), b"key")
    agreement.store.keep(agreed.job, 1, key=closed, output=b"masked", phase=Phase.COMPUTED.value)
    step = Step(
        job=agreed.job, attempt=1, party=0, index=0, name="contribution", protocol=PROTOCOL,
        parameters=METRICS.to_json(), at=1,
    )  # fmt: skip
    agreement.store.add_step(step)
    stage.mined(stage.calls.record(agreed.job, 1, 0, 0, [step.hash]), stage.world.recorder)
    for number, who in ((1, stage.second), (2, stage.lender)):
        stage.mined(stage.calls.record(agreed.job, 1, number, 0, [secrets.token_bytes(32)]), who)
    return agreed


def seal_of(stage: Stage, agreed: Agreed, payouts: tuple[int, ...]) -> Seal:
    store = stage.agreement.store
    output, due = stage.attempts.outcome(store.job(agreed.job), store.attempts(agreed.job)[0])
    return Seal(
        job=agreed.job,
        attempt=1,
        heads=tuple(stage.chain.trail(agreed.job, 1, number)[0] for number in range(3)),
        outputs=(output, b"\2" * 32, ZERO32),
        keys=(due, key_hash(b"other"), ZERO32),
        epochs=stage.epochs(agreed),
        payouts=payouts,
    )


@pytest.mark.usefixtures("measured")
async def test_payouts_that_differ_from_the_metric_are_signed_by_nobody(stage: Stage) -> None:
    """The lender would rather keep the money, or give it to a friend. The bank says no, the contract takes no seal
    without it, and at the deadline everything goes back."""
    agreed = await computed(stage)
    due = sealed_payouts(POT, DIVISION, stage.agreement.store.steps(agreed.job, 1), 3)
    assert due == (623, 277, 100)
    for payouts in ((0, 0, 0), (0, 900, 100), (622, 278, 100), (623, 277, 0), (623, 277), (623, 277, 100, 0)):
        lie = seal_of(stage, agreed, payouts)
        with stage.untouched(), pytest.raises(PlanError) as caught:
            await stage.attempts.seal(stage.lender.address, SealRequest(seal=lie))
        assert caught.value.code == "plan.payouts"
        digest = stage.world.deployment.jobs.digest(lie.struct_hash())
        signatures = [stage.thief.sign(digest), stage.second.sign(digest), stage.lender.sign(digest), b""]
        assert stage.refused(stage.calls.seal(agreed.plan, lie, signatures)) == ("InvalidSignerSignature", 0)
    honest = seal_of(stage, agreed, due)
    signed = await stage.attempts.seal(stage.lender.address, SealRequest(seal=honest))
    digest = stage.world.deployment.jobs.digest(honest.struct_hash())
    assert signed.signature == stage.bank.sign(digest)
    others = [stage.second.sign(digest), stage.lender.sign(digest), b""]
    altered = stage.calls.seal(agreed.plan, seal_of(stage, agreed, (0, 900, 100)), [signed.signature, *others])
    assert stage.refused(altered) == ("InvalidSignerSignature", 0)
    purse = stage.chain.owed(stage.token, stage.lender.address)
    stage.pass_time(agreed.plan.deadline - stage.chain.head().timestamp + 1)
    stage.mined(stage.calls.abort(agreed.job, b"nobody agreed".ljust(32)), stage.thief)
    assert stage.chain.owed(stage.token, stage.lender.address) == purse + POT


@pytest.mark.usefixtures("measured")
async def test_even_all_of_them_divide_no_more_than_the_pot(stage: Stage) -> None:
    agreed = await computed(stage)
    greedy = seal_of(stage, agreed, (623, 277, 101))
    digest = stage.world.deployment.jobs.digest(greedy.struct_hash())
    signatures = stage.signatures(agreed.plan, agreed.plan.signers[:-1], digest)
    assert stage.refused(stage.calls.seal(agreed.plan, greedy, signatures)) == ("PayoutsExceedPot", POT, POT + 1)


async def test_a_pot_that_nothing_divides_is_agreed_by_nobody(stage: Stage) -> None:
    deal = await stage.deal()
    agreed = stage.plan(deal, token=stage.token, pot=POT)
    with stage.untouched(), pytest.raises(PlanError) as caught:
        await stage.agreement.sign(stage.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert caught.value.code == "plan.pot"
