"""What the gates let through, the audit passes; what the audit would call unlawful, no gate lets through.

The real code of all three is asked about the same job: the vault's gate, the node's agreement and the audit's checks of
plan, offers and scopes. The chain allows everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from drafts import (
    AUDITORS,
    LAWFUL,
    SEALING,
    STAKE,
    TOKEN,
    WAYS,
    Draft,
    Job,
    change,
    drafts,
    lawful,
    made,
    stays_lawful,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from examples import examples
from parties import NOW, JobEnvironment
from placet.audit.bundle import Bundle, PartyEvidence
from placet.audit.case import Case
from placet.audit.checks import plan as checks
from placet.audit.facts import ChainFacts, DatasetFact, Ending, ModelFact, Moment, OfferFact, Opened
from placet.audit.findings import CheckStatus
from placet.catalogue.specs import NAMES
from placet.chain.states import DatasetState, OfferState
from placet.core.errors import ConfigError, ConsentError, PlanError, WarrantError
from placet.core.evidence import Evidence, InputEvidence, SignedEvidence
from placet.core.hashing import document_hash
from placet.core.lawful import ModelRef
from placet.core.lineage import Lineage, Origin, Registration
from placet.core.purposes import PURPOSES
from placet.core.trail import evidence_hash
from placet.core.trust import Auditor
from placet.core.values import ZERO32
from placet.jobs.agreement import Agreement
from placet.jobs.plan_policy import PlanPolicy
from placet.protocols.flower.extra import FlowerEngine
from placet.protocols.spu import extra
from placet.recipes.runs import RUNS
from placet.vault.chain_view import ChainSnapshot, JobFacts, OfferFacts
from placet.vault.gate import RowRequest, demand_open, demand_warrant, own_input
from placet.vault.records import OfferBinding

ENVIRONMENT = JobEnvironment()
PEOPLE = [ENVIRONMENT.address(party) for party in range(4)]
TLS = {context.address: context.tls_key for context in ENVIRONMENT.contexts}
AUDITED = ENVIRONMENT.trust.model_copy(
    update={
        "auditors": tuple(
            Auditor(address=one, name=f"Auditor {number}", key=SEALING) for number, one in enumerate(AUDITORS)
        )
    }
)
LINEAGES: dict[bytes, Lineage] = {}
"""By dataset: of models that nobody of those behind them has withdrawn from."""
RECORDERS = {context.address: context.recorder.address for context in ENVIRONMENT.contexts}


@pytest.fixture(autouse=True, scope="module")
def engines() -> Iterator[None]:
    """Whether SPU or Flower is installed here, and who has withdrawn since a model was made, is no part of the rule."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extra, "require", lambda: None)
        patch.setattr(FlowerEngine, "require", lambda engine: engine.python)
        patch.setattr(PlanPolicy, "_lineage", lambda _, dataset: LINEAGES.get(dataset))
        yield


@dataclass(frozen=True)
class Verdicts:
    """Of whom the vault hands out all inputs, who signs at its node, whom the audit blames; `passed`: nobody."""

    vault: frozenset[bytes]
    node: frozenset[bytes]
    blamed: frozenset[bytes]
    passed: bool


def vault_allows(job: Job, number: int, signer: bytes) -> bool:
    """At the gate of the vault of the party that brings the input."""
    domain = ENVIRONMENT.deployment.jobs
    asked = RowRequest(job.plan.job(domain), job.plan, job.terms, attempt=1, input=number)
    facts = JobFacts(True, 1, job.plan.terms, (0,) * len(job.plan.inputs), (), 91, 91, NOW)
    offer = OfferFacts(
        job.offers[number], job.providers[number], bytes(24), 0, job.subjects[number], job.models[number]
    )
    bound = OfferBinding(offer=job.offers[number], scope=job.scopes[number], dataset="accounts")
    try:
        opened = demand_open(asked, facts, ChainSnapshot(100, 98, NOW, NOW))
        demand_warrant(asked, own_input(asked, signer, domain), bound, opened, offer)
    except WarrantError:
        return False
    return True


def node_allows(job: Job, signer: bytes) -> bool:
    """Before the party's node signs."""
    scopes = dict(zip((offer.id for offer in job.offers), job.scopes, strict=True))
    place = PEOPLE.index(signer)
    context = replace(
        ENVIRONMENT.contexts[place],
        scope=lambda offer: scopes[offer.id],
        purposes=tuple(PURPOSES),
        trust=AUDITED,
        stakes={TOKEN: STAKE},
    )
    ENVIRONMENT.ledger.balances = {(TOKEN, context.address): STAKE}
    ENVIRONMENT.ledger.offers = {
        offer.id: OfferState(offer, provider, bytes(24), 0, bytes(24))
        for offer, provider in zip(job.offers, job.providers, strict=True)
    }
    ENVIRONMENT.ledger.datasets = {
        offer.dataset: DatasetState(provider, subjects, 2**48 - 1, 0, ZERO32, *_model(model))
        for offer, provider, subjects, model in zip(job.offers, job.providers, job.subjects, job.models, strict=True)
    }
    LINEAGES.clear()
    for offer, provider, model in zip(job.offers, job.providers, job.models, strict=True):
        if model is not None:
            registration = Registration(offer.dataset, provider, model.origin, model.commitment, (2, 0))
            LINEAGES[offer.dataset] = Lineage(registration, Origin(model.origin, (provider,), (), (1, 0)), ())
    try:
        asyncio.run(Agreement(context, ENVIRONMENT.stores[place], RUNS).policy.demand_plan(job.plan, job.terms))
    except (PlanError, ConsentError):
        return False
    return True


def _model(model: ModelRef | None) -> tuple[bytes, bytes]:
    """Commitment and origin, as the registry has them."""
    return (ZERO32, ZERO32) if model is None else (model.commitment, model.origin)


def bundle_of(job: Job) -> Bundle:
    """Each party's signed evidence, as it would stand after the opening."""
    plan, ident = job.plan, job.plan.job(ENVIRONMENT.deployment.jobs)
    early, late = (Moment(block=block, index=0, timestamp=NOW) for block in (10, 91))
    entries = []
    for number, party in enumerate(plan.parties):
        own = range(plan.input_offset(number), plan.input_offset(number) + len(party.inputs))
        inputs = tuple(InputEvidence(input=i, attempt=1, offer=job.offers[i], scope=job.scopes[i]) for i in own)
        evidence = Evidence(job=ident, party=number, plan=plan, terms=job.terms, plan_signatures=(), inputs=inputs)
        digest = ENVIRONMENT.deployment.jobs.digest(evidence_hash(ident, number, evidence.hash))
        signature = ENVIRONMENT.recorders[PEOPLE.index(party.signer)].sign(digest)
        signed = SignedEvidence(evidence=evidence, signature=signature)
        entries.append(PartyEvidence(institution=party.signer, evidence=signed))
    facts = ChainFacts(
        job=ident,
        deployment=document_hash(ENVIRONMENT.deployment),
        chain_id=31337,
        head=late,
        status=Ending.OPEN,
        attempt=1,
        opened=Opened(
            at=late,
            block_hash=bytes(32),
            openings=(0,) * len(plan.inputs),
            **{
                name: getattr(plan, name)
                for name in ("consumer", "sponsor", "terms", "open_by", "deadline", "settle_by")
            },
        ),
        offers=tuple(
            OfferFact(id=offer.id, offer=offer, provider=provider, made=early, epoch=bytes(24), unproven=bytes(24))
            for offer, provider in zip(job.offers, job.providers, strict=True)
        ),
        datasets=tuple(
            DatasetFact(id=offer.dataset, provider=provider, subjects=subjects, registered=early)
            for offer, provider, subjects in zip(job.offers, job.providers, job.subjects, strict=True)
        ),
        models=tuple(
            ModelFact(
                id=offer.dataset,
                provider=provider,
                origin=model.origin,
                commitment=model.commitment,
                card=b"c" * 32,
                registered=early,
            )
            for offer, provider, model in zip(job.offers, job.providers, job.models, strict=True)
            if model is not None
        ),
    )
    return Bundle(
        job=ident, deployment=ENVIRONMENT.deployment, trust=ENVIRONMENT.trust, facts=facts, evidence=tuple(entries)
    )


def verdicts(job: Job) -> Verdicts:
    owners = [party.signer for party in job.plan.parties for _ in party.inputs]
    case = Case(bundle_of(job))
    results = [check.result(case) for check in (checks.terms, checks.offers, checks.scope)]
    names = {name for result in results for name in result.named}
    refused = {signer for number, signer in enumerate(owners) if not vault_allows(job, number, signer)}
    return Verdicts(
        frozenset(owners) - refused,
        frozenset(party.signer for party in job.plan.parties if node_allows(job, party.signer)),
        frozenset(party.signer for party in job.plan.parties if ENVIRONMENT.trust.name(party.signer) in names),
        all(result.status is CheckStatus.PASSED for result in results),
    )


def demand_agreement(draft: Draft) -> Verdicts:
    """The three say the same of each party that brings an input, and of the job as a whole, and it is right. A node
    also refuses what the chain shows it of another's input."""
    try:
        job = made(draft, TLS, RECORDERS)
    except ValidationError:
        assume(False)
        raise
    told = verdicts(job)
    signers = {party.signer for party in job.plan.parties}
    bringing = {party.signer for party in job.plan.parties if party.inputs}
    assert told.vault == bringing - told.blamed, "the vault and the audit"
    assert told.node <= signers - told.blamed, "the node and the audit"
    assert told.blamed or told.node == signers, "what the audit passes, every node signs"
    assert told.passed == (not told.blamed)
    assert stays_lawful(lawful(draft.name, PEOPLE), draft) in (told.passed, None), "all three, and this test"
    return told


def test_every_recipe_has_a_lawful_draft() -> None:
    assert {recipe for recipe, *_ in LAWFUL.values()} == set(NAMES)


@pytest.mark.parametrize("name", LAWFUL)
def test_what_is_lawful_passes_everywhere(name: str) -> None:
    assert demand_agreement(lawful(name, PEOPLE)).passed


def test_a_node_without_flower_signs_no_plan_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def require(_: FlowerEngine) -> None:
        raise ConfigError("there is none", code="flower.missing")

    monkeypatch.setattr(FlowerEngine, "require", require)
    job = made(lawful("federated network", PEOPLE), TLS, RECORDERS)
    with pytest.raises(ConfigError):
        node_allows(job, PEOPLE[0])
    other = made(lawful("pooled model", PEOPLE), TLS, RECORDERS)
    assert node_allows(other, PEOPLE[0])


@settings(
    max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(drafts(PEOPLE))
def test_gates_and_audit_say_the_same(draft: Draft) -> None:
    demand_agreement(draft)


@pytest.mark.parametrize(("place", "name"), WAYS)
@settings(
    max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(data=st.data())
def test_each_thing_that_can_be_wrong(place: str, name: str, data: st.DataObject) -> None:
    draft = lawful(data.draw(st.sampled_from(sorted(LAWFUL))), PEOPLE)
    change(data.draw, draft, place, name)
    demand_agreement(draft)
