"""A model is what its job made, under consents that still hold; its money goes by the recorded metrics."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.attacks.harness import Agreed, AttackHarness, OfferFixture, recorded

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
from placet.jobs.records import Phase
from placet.models.contribution import PROTOCOL, Contribution, Division, sealed_payouts
from placet.vault.endpoint import Endpoint

POT, CARD = 1_000, b"c" * 32
DIVISION = Division("shapley", 2, 100_000)
METRICS = Contribution.of(
    "auc", {frozenset(): 500_000, frozenset({0}): 700_000, frozenset({1}): 600_000, frozenset({0, 1}): 760_000}
)


async def trained(harness: AttackHarness) -> tuple[OfferFixture, Agreed]:
    """A job over the bank's people that is sealed, as one that has made a model."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.open(harness.plan(offer_fixture))
    harness.record_all(agreed)
    harness.mined(harness.seal_call(agreed, [secrets.token_bytes(32)] * 3), harness.thief)
    return offer_fixture, agreed


def registered(harness: AttackHarness, origin: bytes, commitment: bytes = b"m" * 32) -> bytes:
    dataset = secrets.token_bytes(32)
    harness.mined(harness.calls.register_model(dataset, origin, ZERO32, commitment, CARD), harness.bank)
    return dataset


def indexed(harness: AttackHarness) -> Index:
    index = harness.attempts.context.index
    index.sync()
    return index


def lineage_of(harness: AttackHarness, dataset: bytes) -> Lineage | None:
    return lineage_at(harness.chain, indexed(harness), dataset)


async def test_whoever_withdraws_after_the_seal_is_counted(harness: AttackHarness) -> None:
    """Each once, proven: by the chain alone, since the plan stands in the transaction that opened the job."""
    offer_fixture, agreed = await trained(harness)
    dataset = registered(harness, agreed.job)
    fresh = lineage_of(harness, dataset)
    assert fresh is not None
    assert fresh.origin.parties == tuple(party.signer for party in agreed.plan.parties)
    assert dict(fresh.withdrawn) == {chosen.offer: 0 for chosen in agreed.plan.inputs}
    first, second, _ = offer_fixture.people
    harness.withdraw(offer_fixture, first)
    harness.mined(harness.calls.withdraw(second.consent.grant(), harness.withdrawal(second)), harness.thief)
    assert lineage_of(harness, dataset).total == 1  # type: ignore[union-attr]
    harness.mined(
        harness.calls.prove(second.id, offer_fixture.offer.id, offer_fixture.batch, offer_fixture.proof(second)),
        harness.thief,
    )
    assert dict(lineage_of(harness, dataset).withdrawn)[offer_fixture.offer.id] == 2  # type: ignore[union-attr]


async def test_the_vault_counts_until_the_opening_of_the_job_that_asks(harness: AttackHarness) -> None:
    offer_fixture, agreed = await trained(harness)
    dataset = registered(harness, agreed.job)
    harness.withdraw(offer_fixture, offer_fixture.people[0])
    later = harness.open(harness.plan(await harness.offer_fixture()))
    harness.withdraw(offer_fixture, offer_fixture.people[1])
    index = indexed(harness)
    endpoint = Endpoint(harness.chain, index, lambda confirmed: confirmed)
    assert endpoint.lineage(dataset, later.job).total == 1  # type: ignore[union-attr]
    assert endpoint.lineage(dataset, agreed.job) is None, "before its own opening there was no such model"
    assert endpoint.lineage(dataset, secrets.token_bytes(32)) is None
    assert any(isinstance(event, JobOpened) for event in index.job_events(later.job))


async def test_the_auditor_reads_the_same_lineage_from_the_chain(harness: AttackHarness) -> None:
    """A job over the lender's part of a model: its facts have the model, the plan of the origin, and who has ended."""
    offer_fixture, origin = await trained(harness)
    dataset = secrets.token_bytes(32)
    harness.mined(harness.calls.register_model(dataset, origin.job, ZERO32, b"m" * 32, CARD), harness.lender)
    offer = Offer(
        dataset=dataset, consumer=harness.lender.address, purpose=purpose_id(harness.scope().purpose),
        operations=Operation.PSI | Operation.MPC, scope=ZERO32,
    )  # fmt: skip
    harness.mined(harness.calls.offer(offer), harness.lender)
    harness.withdraw(offer_fixture, offer_fixture.people[0])
    consent = harness.own_consent(offer=offer)
    harness.mined(harness.calls.grant(consent, harness.signed(consent, harness.lender)), harness.lender)
    drafted = harness.plan(await harness.offer_fixture())
    chosen = drafted.plan.inputs[2].model_copy(
        update={"offer": offer.id, "consent": consent.id, "epoch": bytes(24), "opens_before": consent.opens_before}
    )
    lender = drafted.plan.parties[2].model_copy(update={"inputs": (chosen,)})
    plan = drafted.plan.model_copy(update={"parties": (*drafted.plan.parties[:2], lender)})
    scoring = harness.open(harness.agreed(plan, drafted.terms))
    harness.withdraw(offer_fixture, offer_fixture.people[1])
    harness.environment.anvil.mine(harness.environment.deployment.confirmations)

    told = facts(harness.chain, scoring.job, scoring.plan)
    assert [(one.id, one.provider, one.origin) for one in told.models] == [
        (dataset, harness.lender.address, origin.job)
    ]
    assert [(one.job, one.plan) for one in told.origins] == [(origin.job, origin.plan)]
    assert {one.offer.id: len(one.ended) for one in told.lineage} == {
        chosen.offer: 2 * (chosen.offer == offer_fixture.offer.id) for chosen in origin.plan.inputs
    }
    bundle = Bundle(
        job=scoring.job,
        deployment=harness.environment.deployment,
        trust=harness.environment.trust,
        facts=told,
        evidence=(),
    )
    assert told.opened is not None
    shown = lineage(dataset, ShownModels(Case(bundle), told.opened.at))
    assert shown == Endpoint(harness.chain, indexed(harness), int).lineage(dataset, scoring.job)
    assert shown is not None and shown.total == 1
    (made,) = facts(harness.chain, origin.job, origin.plan).made
    assert (made.id, made.commitment) == (dataset, b"m" * 32)


async def test_a_stale_model_is_refused_by_the_node_that_holds_it(harness: AttackHarness) -> None:
    offer_fixture, agreed = await trained(harness)
    dataset = registered(harness, agreed.job)
    scope = harness.scope(
        personal=False, enrollers=(), identifier=None, namespace=None, tolerated_withdrawals=1, smallest_gap=None
    )
    offer = Offer(
        dataset=dataset, consumer=harness.lender.address, purpose=purpose_id(scope.purpose),
        operations=Operation.MPC, scope=scope.hash,
    )  # fmt: skip
    harness.mined(harness.calls.offer(offer), harness.bank)
    state, policy = harness.chain.offer(offer.id), harness.agreement.policy
    harness.withdraw(offer_fixture, offer_fixture.people[0])
    await policy.demand_lineage(state, scope)
    harness.withdraw(offer_fixture, offer_fixture.people[1])
    with harness.untouched(), pytest.raises(ConsentError) as caught:
        await policy.demand_lineage(state, scope)
    assert (caught.value.code, caught.value.found) == ("model.stale", "2")


async def test_what_was_registered_is_never_another_model(harness: AttackHarness) -> None:
    """The commitment stands for ever, and so does the origin."""
    _, agreed = await trained(harness)
    dataset = registered(harness, agreed.job)
    assert harness.refused(harness.calls.commit(dataset, b"n" * 32), harness.bank) == ("ModelIsFixed", dataset)
    again = harness.calls.register_model(dataset, agreed.job, ZERO32, b"n" * 32, CARD)
    assert harness.refused(again, harness.bank) == ("DatasetExists", dataset, harness.bank.address)
    rows = harness.calls.register(secrets.token_bytes(32), Subjects.MODEL, ZERO32, ZERO32)
    assert harness.refused(rows, harness.bank)[0] == "OriginMissing"


@pytest.mark.parametrize("forged", ["a stranger", "before the seal", "no such job"])
async def test_a_model_that_its_job_did_not_make_is_used_by_nobody(harness: AttackHarness, forged: str) -> None:
    """Whoever registers one, names a job, and takes a better commitment."""
    if forged == "before the seal":
        offer_fixture = await harness.offer_fixture()
        agreed = harness.open(harness.plan(offer_fixture))
        dataset = registered(harness, agreed.job)
        harness.record_all(agreed)
        harness.mined(harness.seal_call(agreed, [secrets.token_bytes(32)] * 3), harness.thief)
    else:
        _, agreed = await trained(harness)
        job = secrets.token_bytes(32) if forged == "no such job" else agreed.job
        dataset = secrets.token_bytes(32)
        call = harness.calls.register_model(dataset, job, ZERO32, b"better".ljust(32), CARD)
        harness.mined(call, harness.thief if forged == "a stranger" else harness.bank)
    owner = harness.thief if forged == "a stranger" else harness.bank
    offer = Offer(
        dataset=dataset, consumer=harness.lender.address, purpose=purpose_id(harness.scope().purpose),
        operations=Operation.MPC, scope=ZERO32,
    )  # fmt: skip
    harness.mined(harness.calls.offer(offer), owner)
    with pytest.raises(ConsentError) as caught:
        await harness.agreement.policy.demand_lineage(harness.chain.offer(offer.id), None)
    assert caught.value.code == "model.origin"


# ------------------------------------------------------------------------------------------- money


@pytest.fixture
def measured() -> Iterator[None]:
    """As if the recipe measured what each party contributed."""
    spec = specs.spec_of("asset-view")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(specs._BY_NAME, spec.name, replace(spec, pays=lambda parameters, roles: DIVISION))
        yield


async def computed(harness: AttackHarness) -> Agreed:
    """A job with a pot in which the bank has recorded the metrics, and the others something."""
    offer_fixture = await harness.offer_fixture()
    agreed = harness.plan(offer_fixture, token=harness.token, pot=POT)
    agreement = harness.agreement
    await agreement.sign(harness.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    escrow = harness.environment.deployment.reward_escrow.address
    harness.mined(harness.calls.approve(harness.token, escrow, POT), harness.lender)
    harness.open(agreed)
    agreement.store.begin(agreed.job, 1, [chosen.lawful_root for chosen in agreed.plan.inputs])
    closed = agreement.at_rest.seal(secrets.token_bytes(32), b"key")
    agreement.store.keep(agreed.job, 1, key=closed, output=b"masked", phase=Phase.COMPUTED.value)
    step = Step(
        job=agreed.job, attempt=1, party=0, index=0, name="contribution", protocol=PROTOCOL,
        parameters=METRICS.to_json(), at=1,
    )  # fmt: skip
    agreement.store.add_step(step)
    harness.mined(harness.calls.record(agreed.job, 1, 0, 0, [step.hash]), harness.environment.recorder)
    for number, who in ((1, harness.second), (2, harness.lender)):
        harness.mined(harness.calls.record(agreed.job, 1, number, 0, [secrets.token_bytes(32)]), who)
    return agreed


def seal_of(harness: AttackHarness, agreed: Agreed, payouts: tuple[int, ...]) -> Seal:
    store = harness.agreement.store
    output, due = harness.attempts.outcome(store.job(agreed.job), store.attempts(agreed.job)[0])
    return Seal(
        job=agreed.job,
        attempt=1,
        heads=tuple(harness.chain.trail(agreed.job, 1, number)[0] for number in range(3)),
        outputs=(output, b"\2" * 32, ZERO32),
        keys=(due, key_hash(b"other"), ZERO32),
        epochs=harness.epochs(agreed),
        payouts=payouts,
    )


@pytest.mark.usefixtures("measured")
async def test_payouts_that_differ_from_the_metric_are_signed_by_nobody(harness: AttackHarness) -> None:
    """The lender would rather keep the money, or give it to a friend. The bank says no, the contract takes no seal
    without it, and at the deadline everything goes back."""
    agreed = await computed(harness)
    due = sealed_payouts(POT, DIVISION, harness.agreement.store.steps(agreed.job, 1), 3)
    assert due == (623, 277, 100)
    for payouts in ((0, 0, 0), (0, 900, 100), (622, 278, 100), (623, 277, 0), (623, 277), (623, 277, 100, 0)):
        lie = seal_of(harness, agreed, payouts)
        with harness.untouched(), pytest.raises(PlanError) as caught:
            await harness.attempts.seal(harness.lender.address, SealRequest(seal=lie))
        assert caught.value.code == "plan.payouts"
        digest = harness.environment.deployment.jobs.digest(lie.struct_hash())
        signatures = [harness.thief.sign(digest), harness.second.sign(digest), harness.lender.sign(digest), b""]
        assert harness.refused(harness.calls.seal(agreed.plan, lie, recorded(agreed), signatures)) == (
            "InvalidSignerSignature",
            0,
        )
    honest = seal_of(harness, agreed, due)
    signed = await harness.attempts.seal(harness.lender.address, SealRequest(seal=honest))
    digest = harness.environment.deployment.jobs.digest(honest.struct_hash())
    assert signed.signature == harness.bank.sign(digest)
    others = [harness.second.sign(digest), harness.lender.sign(digest), b""]
    other = seal_of(harness, agreed, (0, 900, 100))
    altered = harness.calls.seal(agreed.plan, other, recorded(agreed), [signed.signature, *others])
    assert harness.refused(altered) == ("InvalidSignerSignature", 0)
    purse = harness.chain.owed(harness.token, harness.lender.address)
    harness.pass_time(agreed.plan.deadline - harness.chain.head().timestamp + 1)
    harness.mined(harness.calls.abort(agreed.job, b"nobody agreed".ljust(32)), harness.thief)
    assert harness.chain.owed(harness.token, harness.lender.address) == purse + POT


@pytest.mark.usefixtures("measured")
async def test_even_all_of_them_divide_no_more_than_the_pot(harness: AttackHarness) -> None:
    agreed = await computed(harness)
    greedy = seal_of(harness, agreed, (623, 277, 101))
    digest = harness.environment.deployment.jobs.digest(greedy.struct_hash())
    signatures = harness.signatures(agreed.plan, agreed.plan.signers[:-1], digest)
    call = harness.calls.seal(agreed.plan, greedy, recorded(agreed), signatures)
    assert harness.refused(call) == ("PayoutsExceedPot", POT, POT + 1)


async def test_a_pot_that_nothing_divides_is_agreed_by_nobody(harness: AttackHarness) -> None:
    offer_fixture = await harness.offer_fixture()
    agreed = harness.plan(offer_fixture, token=harness.token, pot=POT)
    with harness.untouched(), pytest.raises(PlanError) as caught:
        await harness.agreement.sign(harness.lender.address, SignRequest(plan=agreed.plan, terms=agreed.terms))
    assert caught.value.code == "plan.pot"
