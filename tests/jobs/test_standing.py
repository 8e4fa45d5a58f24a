"""Standing plans: agreed once, opened within count and window, and what each party refuses at an opening."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from parties import CONSUMER, NOW, JobEnvironment, LinkedParties
from placet.core.errors import PlacetError, SignatureError
from placet.core.plan import OpeningRef, Plan, Terms, demand_signatures
from placet.core.signatures import Key
from placet.core.standing import StandingPlan
from placet.jobs.messages import (
    SignedByAll,
    SignRequest,
    StandingSigned,
    StandRequest,
)
from placet.jobs.peer_client import PeerClient
from placet.jobs.proposal import propose
from placet.jobs.records import JobRecord
from placet.jobs.standing_proposal import propose_opening

NORTH, SOUTH, FUND = range(3)


@pytest.fixture
def parties() -> Iterator[LinkedParties]:
    yield LinkedParties(JobEnvironment())


async def refused(work: Any, code: str = "plan.standing") -> PlacetError:
    with pytest.raises(PlacetError) as error:
        await work
    assert error.value.code == code, error.value
    return error.value


async def test_one_agreement_and_many_openings(parties: LinkedParties) -> None:
    environment = parties.environment
    record = await parties.stand()
    assert record.signed and record.used == 0
    digest = record.plan.digest(environment.deployment.jobs)
    demand_signatures("it", record.plan.signers, record.signatures, digest, environment.ledger.verifiers)
    for party in range(4):
        kept = environment.agreements[party].standing.store.known(record.plan.hash)
        assert (kept.signatures, kept.agreed, kept.ended) == (record.signatures, True, False)
    jobs, roots = [], []
    for number in range(3):
        parties.new_roots()
        job = await parties.open(record)
        assert job.terms.standing == OpeningRef(plan=record.plan.hash, number=number)
        signers, verifiers = job.plan.signers, environment.ledger.verifiers
        demand_signatures("the plan", signers, job.signatures, job.job, verifiers)  # each root by its own party
        roots.append([one.lawful_root for one in job.plan.inputs])
        assert roots[-1][:3] == [shelf.root for shelf in environment.shelves[:3]]
        jobs.append(job.job)
    assert len(set(jobs)) == 3 and len({tuple(one) for one in roots}) == 3
    await refused(parties.open(record))  # beyond its count
    for party in range(4):
        assert environment.agreements[party].standing.store.known(record.plan.hash).used == 3


async def test_an_opening_outside_the_window_is_refused(parties: LinkedParties) -> None:
    record = await parties.stand(seconds=600)
    await parties.open(record)
    parties.environment.ledger.time = NOW + 500  # openBy would be after it
    await refused(parties.open(record))
    parties.environment.ledger.time = NOW + 601
    await refused(parties.open(record))


async def test_any_party_ends_it_by_itself(parties: LinkedParties) -> None:
    record = await parties.stand()
    await parties.open(record)
    for party in (NORTH, CONSUMER):
        await parties.environment.agreements[party].standing.end(record.plan.hash)
        await refused(parties.open(record))
        with pytest.raises(PlacetError):  # for ever
            await parties.environment.agreements[party].standing.agree(record.plan.hash)


async def test_only_its_consumer_opens_it(parties: LinkedParties) -> None:
    """Another party has no request for it; and what it proposes as its own job is no opening."""
    environment = parties.environment
    record = await parties.stand()
    south = PeerClient(environment.answers[SOUTH])
    await refused(propose_opening(south, record.plan.hash))
    job = await parties.open(record)
    plan, terms = _opening(job, OpeningRef(plan=record.plan.hash, number=1))
    theirs = plan.model_copy(update={"consumer": environment.address(SOUTH), "sponsor": environment.address(SOUTH)})
    asked = SignRequest(plan=theirs, terms=terms)
    with pytest.raises(PlacetError):
        await environment.agreements[NORTH].sign(environment.address(SOUTH), asked)
    with pytest.raises(PlacetError):
        await environment.agreements[NORTH].sign(environment.consumer, asked)


async def test_a_number_is_signed_once(parties: LinkedParties) -> None:
    """A consumer that forgot, or would rather, proposes the same number again: each provider has written it down."""
    environment = parties.environment
    record = await parties.stand()
    job = await parties.open(record)
    await refused(propose(parties.client, parties.request(), OpeningRef(plan=record.plan.hash, number=0)))
    for party in (NORTH, SOUTH, FUND):
        store = environment.agreements[party].standing.store
        store.use(record.plan.hash, 0, job.job)  # the same again: after a crash
        with pytest.raises(PlacetError):
            store.use(record.plan.hash, 0, secrets.token_bytes(32))


async def test_a_signature_of_one_opening_is_none_of_another(parties: LinkedParties) -> None:
    """Replay: what a party signed at opening 0 does not open number 1, nor does another party's root."""
    environment = parties.environment
    record = await parties.stand()
    job = await parties.open(record)
    plan, terms = _opening(job, OpeningRef(plan=record.plan.hash, number=1))
    other = plan.job(environment.deployment.jobs)
    with pytest.raises(SignatureError):
        demand_signatures("the plan", plan.signers, job.signatures, other, environment.ledger.verifiers)
    with pytest.raises(PlacetError):
        await environment.agreements[NORTH].agreed(
            environment.consumer, SignedByAll(job=other, signatures=job.signatures)
        )
    await refused(
        environment.agreements[NORTH].sign(environment.consumer, SignRequest(plan=plan, terms=terms)), "plan.unprepared"
    )  # its root was for opening 0: a new seed, and a new root, are prepared for each


async def test_another_job_under_its_name_is_refused(parties: LinkedParties) -> None:
    record = await parties.stand()
    opening = OpeningRef(plan=record.plan.hash, number=0)
    rewarded = [one.model_dump() | {"reward": 0} for one in parties.request().providers][:2]
    await refused(propose(parties.client, parties.request(providers=rewarded), opening))
    unknown = OpeningRef(plan=secrets.token_bytes(32), number=0)
    await refused(propose(parties.client, parties.request(), unknown))


async def test_a_party_may_serve_under_standing_plans_alone(parties: LinkedParties) -> None:
    """People agree once, at one place, and the openings follow by themselves."""
    parties.by_hand(NORTH)
    await refused(propose(parties.client, parties.request()))
    record = await parties.stand()
    assert not record.signed and not record.signatures[NORTH]
    await refused(parties.open(record))
    north = parties.environment.agreements[NORTH].standing
    assert not north.store.known(record.plan.hash).agreed
    await north.agree(record.plan.hash)
    assert (await parties.open(record)).terms.standing is not None
    assert (await parties.open(record)).terms.standing is not None


async def test_nobody_signs_a_standing_plan_that_is_not_its_own(parties: LinkedParties) -> None:
    environment = parties.environment
    plan = (await parties.stand()).plan
    north = environment.agreements[NORTH]

    async def asked(other: StandingPlan, asker: bytes = environment.consumer) -> None:
        with pytest.raises(PlacetError):
            await north.stand(asker, StandRequest(plan=other))

    def fixed(**changes: Any) -> StandingPlan:
        return plan.model_copy(update={"fixed": plan.fixed.model_copy(update=changes)})

    await asked(plan, environment.address(SOUTH))
    await asked(fixed(consumer=environment.address(SOUTH)))
    await asked(fixed(sponsor=environment.address(SOUTH)))
    await asked(fixed(parties=plan.fixed.parties[1:]))
    await asked(fixed(purpose=secrets.token_bytes(32)))
    await asked(plan.model_copy(update={"not_after": NOW - 1, "not_before": NOW - 2}))
    await asked(plan.model_copy(update={"not_after": NOW + 400 * 86_400}))
    swapped = plan.fixed.parties[0].model_copy(update={"inputs": plan.fixed.parties[1].inputs})
    await asked(fixed(parties=(swapped, *plan.fixed.parties[1:])))
    await asked(fixed(parties=(plan.fixed.parties[0].model_copy(update={"inputs": ()}), *plan.fixed.parties[1:])))
    environment.rescope(NORTH, recipes=("match",))
    own = plan.fixed.parties[0].inputs[0].model_copy(update={"offer": environment.offers[NORTH]})
    await asked(fixed(parties=(plan.fixed.parties[0].model_copy(update={"inputs": (own,)}), *plan.fixed.parties[1:])))


async def test_signatures_of_all_or_none(parties: LinkedParties) -> None:
    environment = parties.environment
    record = await parties.stand()
    north, plan = environment.agreements[NORTH].standing, record.plan
    good = record.signatures
    stranger = Key().sign(plan.digest(environment.deployment.jobs))
    for signatures in ((stranger, *good[1:]), (b"", *good[1:]), good[:-1], (good[1], *good[1:])):
        with pytest.raises(PlacetError):
            await north.stood(environment.consumer, StandingSigned(plan=plan.hash, signatures=signatures))
    with pytest.raises(PlacetError):
        await north.stood(environment.address(SOUTH), StandingSigned(plan=plan.hash, signatures=good))


def _opening(job: JobRecord, opening: OpeningRef) -> tuple[Plan, Terms]:
    terms = job.terms.model_copy(update={"standing": opening})
    return job.plan.model_copy(update={"terms": terms.hash}), terms
