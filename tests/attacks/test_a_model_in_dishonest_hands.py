"""Attacks by those who train models and those who hold them, each at the cheapest place that decides it.

The others are where what decides them is tested: a party that shares other rows than it declared in
`tests/protocols/test_boost.py` (sums of other rows than it shows), `tests/protocols/spu/test_engine.py` (other arrays
than announced) and `tests/recipes/joint_scorecard` (cells that are no row's); a consumer that trains on one person
there and in `tests/recipes/joint_trees`; too many withdrawals, forged commitments and payouts beside the metric in
`test_a_model_and_its_money.py`; a whole model that scores, and not otherwise, in `test_a_model_is_used_as_agreed.py`.
"""

from __future__ import annotations

import secrets

import numpy as np
import pytest
from tests.attacks.harness import MARKETING, NEVER, PURPOSE, Agreed, AttackHarness

from declaring import CUSTOMER, declaring
from placet.catalogue.declared import declared
from placet.catalogue.specs import spec_of
from placet.core.consent import Consent, Reason
from placet.core.errors import PlanError, WarrantError
from placet.core.offers import Offer
from placet.core.purposes import Operation, purpose_id
from placet.core.values import ZERO32
from placet.models.choices import Scale
from placet.models.scorecard_fit import FitColumn, Fitted, fit
from placet.recipes.model_score.run import MODEL_SCORE

FEATURES = {role: [{"column": "balance"}] for role in ("first-provider", "consumer")}
SCORING = {
    **CUSTOMER,
    **{"features": FEATURES, "protocol": "cheetah", "output": "score"},
    "model": {"job": "0x" + "11" * 32, "commitment": "0x" + "22" * 32},
}


async def held(harness: AttackHarness, uses: int) -> Consent:
    """The bank's consent to so many uses of its part of a model that a job has made."""
    origin = harness.open(harness.plan(await harness.offer_fixture()))
    harness.record_all(origin)
    harness.mined(harness.seal_call(origin, [secrets.token_bytes(32)] * 3), harness.thief)
    dataset = secrets.token_bytes(32)
    harness.mined(harness.calls.register_model(dataset, origin.job, ZERO32, b"m" * 32, b"c" * 32), harness.bank)
    offer = Offer(
        dataset=dataset, consumer=harness.lender.address, purpose=purpose_id(PURPOSE),
        operations=Operation.PSI | Operation.MPC, scope=ZERO32,
    )  # fmt: skip
    harness.mined(harness.calls.offer(offer), harness.bank)
    consent = harness.own_consent(owner=harness.bank.address, offer=offer, uses=uses)
    harness.mined(harness.calls.grant(consent, harness.signed(consent, harness.bank)), harness.thief)
    return consent


async def scoring(harness: AttackHarness, consent: Consent, purpose: str = PURPOSE) -> Agreed:
    """A job over the bank's part of the model, which all have signed, and which claims that its consent has no end."""
    agreed = harness.plan(await harness.offer_fixture())
    bank, *others = agreed.plan.parties
    part = bank.inputs[0].model_copy(
        update={
            **{"offer": consent.offer.id, "consent": consent.id, "lawful_root": ZERO32},
            **{"epoch": harness.chain.offer(consent.offer.id).epoch, "opens_before": NEVER},
        }
    )
    parties = (bank.model_copy(update={"inputs": (part,), "output": False}), *others)
    plan = agreed.plan.model_copy(update={"parties": parties, "purpose": purpose_id(purpose)})
    return harness.agreed(plan, agreed.terms)


async def test_a_model_scores_no_more_often_than_its_holder_said(harness: AttackHarness) -> None:
    consent = await held(harness, uses=2)
    for _ in range(2):
        harness.open(await scoring(harness, consent))
    beyond = await scoring(harness, consent)
    assert harness.refused(harness.open_call(beyond)) == ("ConsentRefused", consent.id, Reason.EXHAUSTED)


async def test_a_model_is_for_its_holders_purpose_alone(harness: AttackHarness) -> None:
    consent = await held(harness, uses=2)
    other = await scoring(harness, consent, MARKETING)
    assert harness.refused(harness.open_call(other)) == ("OfferRefused", consent.offer.id, Reason.WRONG_PURPOSE)
    harness.open(await scoring(harness, consent))


async def test_a_withdrawn_part_scores_no_more(harness: AttackHarness) -> None:
    consent = await held(harness, uses=2)
    harness.open(await scoring(harness, consent))
    harness.mined(harness.calls.revoke(consent.grant(), ZERO32), harness.bank)
    after = await scoring(harness, consent)
    assert harness.refused(harness.open_call(after)) == ("ConsentRefused", consent.id, Reason.REVOKED)


@pytest.mark.parametrize("alone", [0, 1])
def test_no_holder_scores_alone(alone: int) -> None:
    """A plan in which a party that computes brings no part of the model is no job of the recipe; nor is one of a
    single party. That the shares of one say nothing of the points is the engine's (`protocols/spu/test_engine`)."""
    plan, terms = declaring("model-score", spec_of("model-score").parse(SCORING).to_json(), "spu", 2)
    MODEL_SCORE.demand(declared(plan, terms))
    parties = list(plan.parties)
    parties[1 - alone] = parties[1 - alone].model_copy(update={"inputs": parties[1 - alone].inputs[:1]})
    inputs = [name for number, name in enumerate(terms.inputs) if number != (3 if alone == 0 else 1)]
    for some, words in ((parties, inputs), (parties[alone : alone + 1], terms.inputs[2 * alone : 2 * alone + 2])):
        roles = terms.roles if len(some) == 2 else terms.roles[alone : alone + 1]
        fewer = terms.model_copy(update={"inputs": tuple(words), "roles": roles})
        with pytest.raises(PlanError):
            MODEL_SCORE.demand(declared(plan.model_copy(update={"parties": tuple(some), "terms": fewer.hash}), fewer))


# ------------------------------------------------------------------------------- who flips labels


def scorecard(codes: np.ndarray, labels: np.ndarray) -> Fitted:  # type: ignore[type-arg]
    card = fit(
        codes, labels, [FitColumn(8), FitColumn(8)],
        scale=Scale(base_score=600, pdo=20, base_odds=1, higher=1), smallest=20, steps=6, l2=0.001,
    )  # fmt: skip
    assert card is not None
    return card


def test_a_label_holder_that_flips_one_label_reads_that_ones_cells() -> None:
    """What docs/explanation/protocols.md says: two jobs whose labels differ in one person tell by subtraction where
    that person is in each column. Nothing in one job can see it, which is why uses bound how often."""
    random = np.random.default_rng(3)
    codes, labels = random.integers(0, 6, (900, 2)), random.integers(0, 2, 900)
    victim = 17
    flipped = labels.copy()
    flipped[victim] = 1 - labels[victim]
    one, other = scorecard(codes, labels), scorecard(codes, flipped)
    for column in range(2):
        moved = np.abs(other.weights[column] - one.weights[column])[:6]
        assert moved.argmax() == codes[victim, column]


async def test_who_flips_labels_gets_no_more_jobs_than_its_people_allowed(harness: AttackHarness) -> None:
    """Each try is a job over the same consents: after their uses the contract opens no other, at whatever labels, and
    no vault hands out a row."""
    offer_fixture = await harness.offer_fixture(uses=2)
    tries = [harness.plan(offer_fixture) for _ in range(3)]
    for agreed in tries[:2]:
        harness.open(agreed)
        assert len(await harness.rows(agreed)) == 3
    assert harness.refused(harness.open_call(tries[2])) == ("OpeningsExhausted", offer_fixture.offer.id, 2, 2)
    with pytest.raises(WarrantError) as caught:
        await harness.rows(tries[2])
    assert caught.value.code == "warrant.unopened"
