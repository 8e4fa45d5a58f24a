"""A party's word: it signs what it prepared, computed and sees on its own chain endpoint, and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from declaring import CUSTOMER
from parties import CONSUMER, EVENT, NOW, PURPOSE, JobEnvironment, changed
from placet.chain.events import JobAmended
from placet.chain.states import JobStatus
from placet.core.consent import Status
from placet.core.errors import LimitError, PlacetError
from placet.core.hashing import sha256
from placet.core.masking import public_key
from placet.core.offers import Subjects
from placet.core.plan import Amendment, Input, Plan, RandomAudit, Seal, Terms, key_hash
from placet.core.purposes import PURPOSES, purpose_id
from placet.core.signatures import Key
from placet.core.trail import Step, trail_head, trail_start
from placet.core.values import ZERO32, to_hex
from placet.core.withdrawal import FIRST_EPOCH
from placet.jobs.askers import Askers
from placet.jobs.messages import (
    AmendRequest,
    AttemptRef,
    PrepareRequest,
    PrepareResponse,
    SealRequest,
    SignedByAll,
    SignRequest,
)
from placet.jobs.plan_policy import LONGEST, LONGEST_OPENING
from placet.jobs.randomness import seed_commitment
from placet.protocols.spu import extra

NORTH, SOUTH, FUND = range(3)
TOKEN = b"\3" * 20
OTHER = b"1" * 24
"""Another epoch than the first."""
OTHER_PURPOSE = next(name for name in PURPOSES if name != PURPOSE)
MATCH = {**CUSTOMER, "psi": "ecdh", "receiver": "provider"}


@pytest.fixture
def environment() -> JobEnvironment:
    return JobEnvironment()


async def refused(code: str, work: Any) -> PlacetError:
    with pytest.raises(PlacetError) as error:
        await work
    assert error.value.code == code, error.value
    return error.value


# What a party brings.


def wanted(environment: JobEnvironment, **changes: Any) -> PrepareRequest:
    """`changes` of the request, or of its terms."""
    values = {
        "offer": environment.offers[NORTH],
        "terms": environment.terms(**{k: v for k, v in changes.items() if k in Terms.model_fields}),
        "purpose": purpose_id(PURPOSE),
        "parties": tuple(map(environment.address, range(4))),
        "deadline": NOW + 1000,
    }
    return PrepareRequest(**(values | {k: v for k, v in changes.items() if k not in Terms.model_fields}))


async def test_a_party_brings_its_lawful_set_and_its_own_keys(
    environment: JobEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    """And its log says how often this consumer has computed over the offer."""
    caplog.set_level("INFO", logger="placet.jobs")
    north = environment.agreements[NORTH]
    brought = await north.prepare(environment.consumer, wanted(environment))
    shelf = environment.shelves[NORTH]
    assert shelf.asked == [(environment.offers[NORTH], 90, NOW + 1000)]
    input = {"lawful_root": shelf.root, "epoch": FIRST_EPOCH, "opens_before": 1000}
    assert brought.inputs == (Input(offer=environment.offers[NORTH], **input),)
    assert (brought.recorder, brought.payee) == (environment.recorders[NORTH].address, environment.address(NORTH))
    assert brought.tls_key == environment.contexts[NORTH].tls_key
    assert f"job 1 of {to_hex(environment.consumer)} over offer {to_hex(environment.offers[NORTH])}" in caplog.text
    kept = environment.stores[NORTH].prepared(brought.seed)
    assert kept is not None
    seed = north.at_rest.open(bytes(kept["seed"]), b"seed")
    assert seed_commitment(seed) == brought.seed
    assert seed not in bytes(kept["seed"])


async def test_each_preparation_has_a_seed_of_its_own(environment: JobEnvironment) -> None:
    north = environment.agreements[NORTH]
    assert len({(await north.prepare(environment.consumer, wanted(environment))).seed for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"recipe": "credit-score"}, "plan.recipe"),
        ({"recipe_version": 2}, "plan.version"),
        ({"engine": "gpu"}, "plan.engine"),
        ({"engine": "spu"}, "plan.engine"),  # totals are added on the embedded engine
        ({"on_withdrawal": "abort"}, "plan.withdrawal"),
        ({"roles": ("provider", "provider", "provider", "receiver")}, "plan.roles"),
        ({"roles": ("consumer", "provider", "provider", "provider")}, "plan.roles"),
        ({"inputs": ("accounts", "accounts", "customers", "customers")}, "plan.inputs"),
        ({"parameters": {}}, "plan.parameters"),
        ({"purpose": purpose_id(OTHER_PURPOSE)}, "consent.purpose"),
        ({"block": 99}, "peer.early"),
        ({"offer": bytes(32)}, "not-found"),
        ({"consent": bytes([7]) * 32}, "plan.inputs"),  # persons' rows come under their consents, not under the bank's
    ],
)
async def test_a_party_brings_nothing_for_an_unfit_request(
    environment: JobEnvironment, changes: dict[str, Any], code: str
) -> None:
    await refused(code, environment.agreements[NORTH].prepare(environment.consumer, wanted(environment, **changes)))
    assert environment.shelves[NORTH].asked == []


async def test_a_party_brings_nothing_of_others_or_for_others(environment: JobEnvironment) -> None:
    await refused("consent.provider", environment.agreements[SOUTH].prepare(environment.consumer, wanted(environment)))
    await refused("plan.roles", environment.agreements[NORTH].prepare(environment.address(SOUTH), wanted(environment)))


async def test_a_party_brings_nothing_to_a_job_of_others(environment: JobEnvironment) -> None:
    """Whoever is no party, or a stranger to the scope."""
    north, others = environment.agreements[NORTH], tuple(map(environment.address, (SOUTH, FUND, CONSUMER)))
    seats = {"roles": ("provider", "provider", "consumer"), "inputs": ("accounts", "accounts", "customers")}
    await refused("plan.parties", north.prepare(environment.consumer, wanted(environment, parties=others, **seats)))
    parties = (environment.address(NORTH), secrets.token_bytes(20), environment.consumer)
    await refused(
        "consent.stranger", north.prepare(environment.consumer, wanted(environment, parties=parties, **seats))
    )
    parties, seats = (environment.address(NORTH), environment.consumer), {"roles": ("provider", "consumer")}
    match = seats | {"recipe": "match", "parameters": MATCH, "inputs": ("accounts", "customers")}
    await refused("consent.recipe", north.prepare(environment.consumer, wanted(environment, parties=parties, **match)))


async def test_a_party_brings_nothing_that_its_scope_or_policy_does_not_allow(environment: JobEnvironment) -> None:
    north = environment.agreements[NORTH]
    north.policy.context = replace(environment.contexts[NORTH], purposes=(OTHER_PURPOSE,))
    await refused("consent.purpose", north.prepare(environment.consumer, wanted(environment)))
    north.policy.context = replace(environment.contexts[NORTH], recipes=())
    await refused("plan.recipe", north.prepare(environment.consumer, wanted(environment)))
    north.policy.context = replace(environment.contexts[NORTH], scope=lambda _: environment.scopes[SOUTH])
    await refused("consent.provider", north.prepare(environment.consumer, wanted(environment)))
    other = changed(environment.scopes[NORTH], recipes=("another", "asset-view"))
    north.policy.context = replace(environment.contexts[NORTH], scope=lambda _: other)
    await refused("consent.scope", north.prepare(environment.consumer, wanted(environment)))
    north.policy.context = environment.contexts[NORTH]
    environment.rescope(NORTH, recipes=("another",))
    await refused("consent.recipe", north.prepare(environment.consumer, wanted(environment)))
    assert environment.shelves[NORTH].asked == []


async def test_provider_and_consumer_need_no_name_in_the_scope_and_all_others_do(environment: JobEnvironment) -> None:
    """At the request as in the plan."""
    north, terms = environment.agreements[NORTH], environment.terms()
    environment.rescope(NORTH, parties=(environment.address(SOUTH), environment.address(FUND)))
    assert await north.prepare(environment.consumer, wanted(environment))
    await north.policy.demand_plan(environment.plan(terms), terms)
    environment.rescope(NORTH, parties=(environment.address(SOUTH),))
    for work in (
        north.prepare(environment.consumer, wanted(environment)),
        north.policy.demand_plan(environment.plan(terms), terms),
    ):
        assert (await refused("consent.stranger", work)).found == to_hex(environment.address(FUND))


async def test_drawn_rows_are_opened_to_the_auditors_own_key_alone(environment: JobEnvironment) -> None:
    """The consumer proposes plans. By a key of its own beside the auditor's address it would read the rows, and be owed
    the stakes of honest parties, whose openings the auditor could not read."""
    auditor, key, own = Key(), public_key(b"\1" * 32), public_key(b"\2" * 32)
    north, trust = environment.agreements[NORTH], environment.contexts[NORTH].trust
    environment.ledger.balances[(TOKEN, environment.contexts[NORTH].address)] = 5
    environment.rescope(NORTH, auditors=(auditor.address,))

    async def asked(listed: dict[str, str], proposed: bytes) -> None:
        entry = {"address": to_hex(auditor.address), "name": "Court of Auditors", **listed}
        limits = {"trust": trust.with_entry("auditors", entry), "stakes": {TOKEN: 5}}
        north.policy.context = replace(environment.contexts[NORTH], **limits)
        terms = environment.terms(
            audit=RandomAudit(
                auditor=auditor.address,
                key=proposed,
                places=3,
                delay=1,
                token=TOKEN,
                stake=5,
                beneficiary=environment.consumer,
                find_seconds=60,
                answer_seconds=60,
            )
        )
        await north.policy.demand_plan(environment.plan(terms), terms)

    await asked({"key": to_hex(key)}, key)
    await refused("plan.audit", asked({"key": to_hex(key)}, own))
    await refused("plan.audit", asked({}, key))
    environment.ledger.balances.clear()
    await refused("stake.balance", asked({"key": to_hex(key)}, key))


async def test_no_rows_are_brought_to_an_audit_by_whom_owners_were_not_told_of(environment: JobEnvironment) -> None:
    """At the request, before a lawful set is made; and in the plan, whose auditor may be another one by then."""
    north, told, other = environment.agreements[NORTH], Key().address, Key().address
    trust = environment.contexts[NORTH].trust
    for number, one in enumerate((told, other)):
        entry = {"address": to_hex(one), "name": f"Auditor {number}", "key": to_hex(b"\1" * 32)}
        trust = trust.with_entry("auditors", entry)
    north.policy.context = replace(environment.contexts[NORTH], trust=trust, stakes={TOKEN: 5})
    environment.ledger.balances[(TOKEN, environment.contexts[NORTH].address)] = 5
    audits = {
        one: RandomAudit(
            auditor=one,
            key=b"\1" * 32,
            places=3,
            delay=1,
            token=TOKEN,
            stake=5,
            beneficiary=environment.consumer,
            find_seconds=60,
            answer_seconds=60,
        )
        for one in (told, other)
    }
    for named, allowed in (((), ()), ((told,), (told,)), ((told, other), (told, other))):
        environment.rescope(NORTH, auditors=named)
        assert await north.prepare(environment.consumer, wanted(environment))
        environment.shelves[NORTH].asked.clear()
        for auditor, audit in audits.items():
            terms = environment.terms(audit=audit)
            for work in (
                north.prepare(environment.consumer, wanted(environment, audit=audit)),
                north.policy.demand_plan(environment.plan(terms), terms),
            ):
                if auditor in allowed:
                    await work
                else:
                    assert (await refused("consent.auditor", work)).found == to_hex(auditor)
        assert bool(environment.shelves[NORTH].asked) is bool(allowed)


async def test_persons_rows_are_brought_under_their_own_consents(environment: JobEnvironment) -> None:
    """Whatever a provider calls its table: the scope and the dataset's entry on chain both say whose rows they are."""
    north, terms = environment.agreements[NORTH], environment.terms()
    state = environment.ledger.offers[environment.offers[NORTH]]
    entry = environment.ledger.datasets[state.offer.dataset]
    for subjects in (Subjects.OWN, Subjects.UNKNOWN):
        environment.ledger.datasets[state.offer.dataset] = replace(entry, subjects=subjects)
        for work in (
            north.prepare(environment.consumer, wanted(environment)),
            north.policy.demand_plan(environment.plan(terms), terms),
        ):
            error = await refused("consent.subjects", work)
            assert (error.expected, error.found) == (Subjects.PERSONS.words, subjects.words)
    environment.rescope(NORTH, personal=False)
    for work in (
        north.prepare(environment.consumer, wanted(environment)),
        north.policy.demand_plan(environment.plan(terms), terms),
    ):
        await refused("consent.subjects", work)
    assert environment.shelves[NORTH].asked == []


async def test_nobody_computes_over_persons_rows_that_another_calls_its_own(environment: JobEnvironment) -> None:
    """What the chain shows of the others' inputs: whose rows they are, and for whom and what they are offered."""
    north, terms = environment.agreements[NORTH], environment.terms()
    offer = environment.ledger.offers[environment.offers[SOUTH]]
    entry = environment.ledger.datasets[offer.offer.dataset]
    environment.ledger.datasets[offer.offer.dataset] = replace(entry, subjects=Subjects.OWN)
    await refused("consent.subjects", north.policy.demand_plan(environment.plan(terms), terms))
    environment.ledger.datasets[offer.offer.dataset] = entry
    lawful = environment.plan(terms)
    south = lawful.parties[SOUTH]
    named = south.inputs[0].model_copy(update={"consent": south.inputs[0].lawful_root, "lawful_root": ZERO32})
    parties = tuple(p if p is not south else p.model_copy(update={"inputs": (named,)}) for p in lawful.parties)
    await refused("consent.subjects", north.policy.demand_plan(lawful.model_copy(update={"parties": parties}), terms))
    elsewhere = replace(offer, offer=offer.offer.model_copy(update={"consumer": environment.address(FUND)}))
    environment.ledger.offers[environment.offers[SOUTH]] = elsewhere
    await refused("consent.consumer", north.policy.demand_plan(lawful, terms))
    del environment.ledger.offers[environment.offers[SOUTH]]
    await refused("peer.early", north.policy.demand_plan(lawful, terms))
    environment.ledger.offers[environment.offers[SOUTH]] = offer
    await north.policy.demand_plan(lawful, terms)


async def test_a_party_brings_nothing_for_columns_outside_its_scope(environment: JobEnvironment) -> None:
    columns = {**CUSTOMER, "value": "salary"}
    error = await refused(
        "consent.columns",
        environment.agreements[NORTH].prepare(environment.consumer, wanted(environment, parameters=columns)),
    )
    assert (error.expected, error.found) == ("customer, balance", "salary")
    assert environment.shelves[NORTH].asked == []


async def test_levels_are_no_finer_than_the_offer_says(environment: JobEnvironment) -> None:
    environment.rescope(NORTH, output="level", smallest_gap=1000)
    north = environment.agreements[NORTH]
    assert await north.prepare(environment.consumer, wanted(environment, engine="spu", parameters=LEVELS))
    for changes, found in (({"edges": ["0", "1500"]}, "1500"), ({"bound": "1000001"}, "1000001")):
        parameters = LEVELS | changes
        error = await refused(
            "consent.gap", north.prepare(environment.consumer, wanted(environment, engine="spu", parameters=parameters))
        )
        assert (error.expected, error.found) == ("edges and bound at multiples of 1000", found)
        terms = environment.terms(engine="spu", parameters=parameters)
        await refused("consent.gap", north.policy.demand_plan(environment.plan(terms), terms))


async def test_each_party_has_the_columns_that_its_role_reads(environment: JobEnvironment) -> None:
    """The consumer's list needs no balances."""
    terms = environment.terms()
    consumer = environment.agreements[CONSUMER]
    await consumer.policy.demand_plan(environment.plan(terms), terms)
    environment.rescope(CONSUMER, columns=("balance",))
    await refused("consent.columns", consumer.policy.demand_plan(environment.plan(terms), terms))


# The plan.


@dataclass
class Proposal:
    """A plan that holds what North prepared, and what is asked of North about it."""

    environment: JobEnvironment
    brought: PrepareResponse
    terms: Terms
    plan: Plan

    async def sign(self, asker: bytes | None = None) -> bytes:
        asked = SignRequest(plan=self.plan, terms=self.terms)
        return (await self.environment.agreements[NORTH].sign(asker or self.environment.consumer, asked)).signature

    def change(self, **changes: Any) -> None:
        self.plan = self.environment.plan(self.terms, **({"parties": self.plan.parties} | changes))

    def change_terms(self, **changes: Any) -> None:
        self.terms = self.environment.terms(**changes)
        self.change()

    def change_party(self, number: int, **changes: Any) -> None:
        parties = list(self.plan.parties)
        parties[number] = parties[number].model_copy(update=changes)
        self.change(parties=tuple(parties))

    def change_input(self, **changes: Any) -> None:
        self.change_party(NORTH, inputs=(self.brought.inputs[0].model_copy(update=changes),))


async def proposal(environment: JobEnvironment) -> Proposal:
    brought = await environment.agreements[NORTH].prepare(environment.consumer, wanted(environment))
    terms = environment.terms()
    north = environment.party(NORTH, seed=brought.seed, inputs=(brought.inputs[0],))
    parties = (north, *(environment.party(i) for i in (SOUTH, FUND, CONSUMER)))
    return Proposal(environment, brought, terms, environment.plan(terms, parties=parties))


async def test_a_party_signs_what_it_prepared_and_keeps_it_first(environment: JobEnvironment) -> None:
    asked = await proposal(environment)
    signature = await asked.sign()
    job = asked.plan.job(environment.deployment.jobs)
    assert environment.ledger.verifiers.accepts(environment.address(NORTH), job, signature)
    kept = environment.stores[NORTH].job(job)
    assert (kept.plan, kept.terms, kept.party) == (asked.plan, asked.terms, NORTH)
    assert kept.signatures == (signature, b"", b"", b"", b"", b"")
    assert seed_commitment(environment.agreements[NORTH].at_rest.open(kept.seed, b"seed")) == asked.brought.seed
    assert await asked.sign() == signature


LEVELS = {
    **CUSTOMER,
    "value": "balance",
    "edges": ["0", "1000"],
    "bound": "1000000",
    "protocol": "aby3",
}
CHANGES: dict[str, tuple[str, Callable[[Proposal], Any]]] = {
    "another lawful root": ("plan.unprepared", lambda p: p.change_input(lawful_root=secrets.token_bytes(32))),
    "another offer": ("not-found", lambda p: p.change_input(offer=secrets.token_bytes(32))),
    "a seed of somebody else's": ("plan.unprepared", lambda p: p.change_party(NORTH, seed=secrets.token_bytes(32))),
    "a named consent instead": (
        "consent.subjects",
        lambda p: p.change_input(lawful_root=ZERO32, consent=secrets.token_bytes(32)),
    ),
    "another epoch": ("plan.stale", lambda p: p.change_input(epoch=OTHER)),
    "more uses than consented": ("plan.stale", lambda p: p.change_input(opens_before=1001)),
    "another recorder": ("plan.entry", lambda p: p.change_party(NORTH, recorder=secrets.token_bytes(20))),
    "another payee": ("plan.entry", lambda p: p.change_party(NORTH, payee=secrets.token_bytes(20))),
    "another TLS key of its own": ("plan", lambda p: p.change_party(NORTH, tls_key=secrets.token_bytes(32))),
    "another TLS key of a peer": ("plan", lambda p: p.change_party(SOUTH, tls_key=secrets.token_bytes(32))),
    "the TLS key of another peer": (
        "plan",
        lambda p: p.change_party(SOUTH, tls_key=p.plan.parties[FUND].tls_key),
    ),
    "a peer that nobody trusts": ("not-found", lambda p: p.change_party(SOUTH, signer=secrets.token_bytes(20))),
    "another consumer": ("plan", lambda p: p.change(consumer=p.environment.address(SOUTH))),
    "another sponsor": ("plan", lambda p: p.change(sponsor=p.environment.address(SOUTH))),
    "an opening in the past": ("plan", lambda p: p.change(open_by=NOW - 1)),
    "an opening in some days": (
        "plan",
        lambda p: p.change(
            **dict.fromkeys(("open_by", "deadline"), NOW + LONGEST_OPENING + 1), settle_by=NOW + LONGEST
        ),
    ),
    "no time to release keys": ("plan.settle", lambda p: p.change(settle_by=p.plan.deadline + 21)),
    "a settlement in a month and a bit": ("plan", lambda p: p.change(settle_by=NOW + LONGEST + 1)),
    "a purpose that it does not serve": (
        "plan",
        lambda p: p.change(purpose=purpose_id(next(name for name in PURPOSES if name != PURPOSE))),
    ),
    "an unknown purpose": ("plan", lambda p: p.change(purpose=secrets.token_bytes(32))),
    "other operations": ("plan.operations", lambda p: p.change(operations=1)),
    "more operations": ("plan.operations", lambda p: p.change(operations=7)),
    "terms of another plan": ("plan.terms", lambda p: setattr(p, "terms", p.environment.terms(block=91))),
    "an unknown recipe": ("plan.recipe", lambda p: p.change_terms(recipe="credit-score")),
    "a recipe of tomorrow": ("plan.version", lambda p: p.change_terms(recipe_version=2)),
    "another engine": ("plan.engine", lambda p: p.change_terms(engine="spu")),
    "levels on the small engine": ("plan.engine", lambda p: p.change_terms(parameters=LEVELS)),
    "levels by a protocol that is refused": (
        "plan.parameters",
        lambda p: p.change_terms(engine="spu", parameters=LEVELS | {"protocol": "semi2k"}),
    ),
    "levels by a protocol for another number": (
        "spu.protocol",
        lambda p: p.change_terms(engine="spu", parameters=LEVELS | {"protocol": "cheetah"}),
    ),
    "levels that its offer does not name": (
        "consent.output",
        lambda p: p.change_terms(engine="spu", parameters=LEVELS),
    ),
    "another word on withdrawals": ("plan.withdrawal", lambda p: p.change_terms(on_withdrawal="abort")),
    "a value outside its scope": (
        "consent.columns",
        lambda p: p.change_terms(parameters={**CUSTOMER, "value": "salary"}),
    ),
    "an identifier outside its scope": (
        "consent.columns",
        lambda p: p.change_terms(parameters={**CUSTOMER, "identifier": "name", "value": "balance"}),
    ),
    "no column": (
        "plan.parameters",
        lambda p: p.change_terms(parameters=CUSTOMER),
    ),
    "a column that is no name": (
        "plan.parameters",
        lambda p: p.change_terms(parameters={**CUSTOMER, "value": ["balance"]}),
    ),
    "two consumers": ("plan.roles", lambda p: p.change_terms(roles=("provider", "provider", "consumer", "consumer"))),
    "the provider as consumer": (
        "plan.roles",
        lambda p: p.change_terms(roles=("consumer", "provider", "provider", "provider")),
    ),
    "too few roles": ("plan.terms", lambda p: p.change_terms(roles=("provider", "provider", "consumer"))),
    "too few inputs": ("plan.terms", lambda p: p.change_terms(inputs=("accounts", "accounts", "customers"))),
    "an input by another name": ("plan.inputs", lambda p: p.change_terms(inputs=("accounts",) * 3 + ("secrets",))),
    "a consumer with an output": ("plan.inputs", lambda p: p.change_party(CONSUMER, output=True)),
    "itself without an output": ("plan.inputs", lambda p: p.change_party(NORTH, output=False)),
    "itself with two inputs": (
        "plan.terms",
        lambda p: p.change_party(
            NORTH,
            inputs=(p.brought.inputs[0], p.brought.inputs[0].model_copy(update={"offer": secrets.token_bytes(32)})),
        ),
    ),
    "a plan without it": (
        "plan.terms",
        lambda p: p.change(parties=tuple(p.environment.party(i) for i in (SOUTH, FUND, CONSUMER))),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_party_does_not_sign(environment: JobEnvironment, what: str) -> None:
    asked = await proposal(environment)
    code, change = CHANGES[what]
    change(asked)
    await refused(code, asked.sign(asked.plan.consumer))
    assert environment.stores[NORTH].all() == []


async def test_a_party_without_the_engine_does_not_sign(
    environment: JobEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await proposal(environment)
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    asked.change_terms(engine="spu", parameters=LEVELS)
    error = await refused("spu.missing", asked.sign())
    assert "placet[spu]" in str(error.expected)
    assert error.remedy


async def test_a_party_signs_for_the_consumer_alone(environment: JobEnvironment) -> None:
    asked = await proposal(environment)
    for stranger in (environment.address(SOUTH), environment.address(NORTH), secrets.token_bytes(20)):
        await refused("plan", asked.sign(stranger))
    assert environment.stores[NORTH].all() == []


async def test_a_party_does_not_sign_a_lawful_set_that_has_changed(environment: JobEnvironment) -> None:
    asked = await proposal(environment)
    shelf = environment.shelves[NORTH]
    root, shelf.root = shelf.root, secrets.token_bytes(32)
    await refused("plan.stale", asked.sign())
    shelf.root, shelf.epoch = root, OTHER
    await refused("plan.stale", asked.sign())
    shelf.epoch, shelf.opens_before = FIRST_EPOCH, 999
    await refused("plan.stale", asked.sign())
    assert environment.stores[NORTH].all() == []
    assert shelf.kept == []
    shelf.opens_before = 1000
    assert await asked.sign()
    assert shelf.kept == [shelf.root]


async def test_a_preparation_of_yesterday_is_forgotten(environment: JobEnvironment) -> None:
    asked = await proposal(environment)
    environment.ledger.time += 86_401
    await environment.agreements[NORTH].prepare(
        environment.consumer, wanted(environment, deadline=environment.ledger.time + 1000)
    )
    asked.change(
        open_by=environment.ledger.time + 100,
        deadline=environment.ledger.time + 1000,
        settle_by=environment.ledger.time + 2000,
    )
    await refused("plan.unprepared", asked.sign())


# The signed plan.


async def test_a_party_keeps_the_plan_that_all_have_signed(environment: JobEnvironment) -> None:
    asked = await proposal(environment)
    await asked.sign()
    job = asked.plan.job(environment.deployment.jobs)
    good = (*(key.sign(job) for key in environment.signers), b"", b"")
    north = environment.agreements[NORTH]
    bad = {
        "another's": (good[1], *good[1:]),
        "none": (b"", *good[1:]),
        "too few": good[:-1],
        "too many": (*good, b""),
        "a stranger's": (good[0], Key().sign(job), *good[2:]),
        "a recorder's": (environment.recorders[NORTH].sign(job), *good[1:]),
        "of another job": (*good[:2], environment.signers[FUND].sign(bytes(32)), *good[3:]),
    }
    for signatures in bad.values():
        with pytest.raises(PlacetError):
            await north.agreed(environment.consumer, SignedByAll(job=job, signatures=signatures))
    assert environment.stores[NORTH].job(job).signatures[1:] == (b"",) * 5
    await refused("plan", north.agreed(environment.address(SOUTH), SignedByAll(job=job, signatures=good)))
    await refused("not-found", north.agreed(environment.consumer, SignedByAll(job=bytes(32), signatures=good)))
    await north.agreed(environment.consumer, SignedByAll(job=job, signatures=good))
    assert environment.stores[NORTH].job(job).signatures == good


# How far a party is.


@dataclass
class Computed:
    """A job that all have computed and recorded in attempt 1."""

    environment: JobEnvironment
    job: bytes
    plan: Plan
    keys: list[bytes]
    outputs: list[bytes]
    heads: list[bytes]

    def seal(self, **changes: Any) -> SealRequest:
        values: dict[str, Any] = {
            "job": self.job,
            "attempt": 1,
            "heads": tuple(self.heads),
            "outputs": (*(sha256(o) for o in self.outputs), ZERO32),
            "keys": (*(key_hash(k) for k in self.keys), ZERO32),
            "epochs": (FIRST_EPOCH,) * 4,
            "payouts": (0,) * len(self.plan.parties),
        }
        return SealRequest(seal=Seal(**(values | changes)))

    def put(self, field: str, place: int, value: Any) -> SealRequest:
        """The seal with one entry changed."""
        entries = list(getattr(self.seal().seal, field))
        entries[place] = value
        return self.seal(**{field: tuple(entries)})

    async def sealed_by(self, party: int, asked: SealRequest, asker: bytes | None = None) -> bytes:
        return (await self.environment.attempts[party].seal(asker or self.environment.consumer, asked)).signature


def computed(environment: JobEnvironment) -> Computed:
    job = environment.agreed()
    plan = environment.stores[NORTH].job(job).plan
    environment.ledger.put(plan, job)
    keys = [bytes([7 + i]) * 32 for i in range(3)]
    outputs = [b"masked %d" % i for i in range(3)]
    roots = tuple(i.lawful_root for i in plan.inputs)
    heads = []
    for party, store in enumerate(environment.stores):
        store.begin(job, 1, roots)
        for index in range(2):
            store.add_step(Step(job=job, attempt=1, party=party, index=index, name="a-step", protocol="none/1", at=NOW))
        if party == CONSUMER:
            framed = b"".join(i.to_bytes(4, "big") + len(o).to_bytes(8, "big") + o for i, o in enumerate(outputs))
            store.keep(job, 1, output=framed, private=b"closed")
        else:
            store.keep(
                job, 1, key=environment.agreements[party].at_rest.seal(keys[party], b"key"), output=outputs[party]
            )
        store.computed(job, 1)
        steps = [step.hash for step in store.steps(job, 1)]
        heads.append(trail_head(trail_start(job, 1, party), steps))
        environment.ledger.trails[job, 1, party] = heads[party], len(steps)
    return Computed(environment, job, plan, keys, outputs, heads)


async def test_standing_tells_the_consumer_how_far_a_party_is(environment: JobEnvironment) -> None:
    job = environment.agreed()
    north, store = environment.attempts[NORTH], environment.stores[NORTH]
    about = AttemptRef(job=job, attempt=1)
    assert (await north.standing(environment.consumer, about)).state == "waiting"
    store.begin(job, 1, ())
    assert (await north.standing(environment.consumer, about)).state == "running"
    store.fail(job, 1, "peer.late")
    failed = await north.standing(environment.consumer, about)
    assert (failed.state, failed.why) == ("failed", "peer.late")
    for stranger in (environment.address(SOUTH), secrets.token_bytes(20)):
        await refused("plan", north.standing(stranger, about))
    await refused("not-found", north.standing(environment.consumer, AttemptRef(job=bytes(32), attempt=1)))


async def test_standing_has_head_output_and_key_once_computed(environment: JobEnvironment) -> None:
    done = computed(environment)
    found = await environment.attempts[SOUTH].standing(environment.consumer, AttemptRef(job=done.job, attempt=1))
    hashes = [step.hash for step in environment.stores[SOUTH].steps(done.job, 1)]
    assert (found.state, found.steps, list(found.last)) == ("computed", 2, hashes)
    assert found.head == trail_head(trail_start(done.job, 1, SOUTH), hashes)
    assert (found.output, found.key) == (sha256(done.outputs[SOUTH]), key_hash(done.keys[SOUTH]))
    own = await environment.attempts[CONSUMER].standing(environment.consumer, AttemptRef(job=done.job, attempt=1))
    assert (own.output, own.key) == (ZERO32, ZERO32)


async def test_every_party_and_nobody_else_hears_whether_a_party_is_alive(environment: JobEnvironment) -> None:
    done = computed(environment)
    north, about = environment.attempts[NORTH], AttemptRef(job=done.job, attempt=1)
    for party in range(4):
        told = await north.alive(environment.address(party), about)
        assert (told.state, told.head, told.output, told.key) == ("computed", ZERO32, ZERO32, ZERO32)
    assert (await north.alive(environment.consumer, AttemptRef(job=done.job, attempt=2))).state == "waiting"
    await refused("peer.wrong-party", north.alive(secrets.token_bytes(20), about))
    await refused("not-found", north.alive(environment.consumer, AttemptRef(job=bytes(32), attempt=1)))


# A new attempt.


def amended(environment: JobEnvironment, job: bytes, attempt: int, roots: tuple[bytes, ...]) -> None:
    """The chain tells of a new attempt."""
    environment.ledger.events.append(
        JobAmended(**EVENT, job=job, attempt=attempt, roots=roots, epochs=(FIRST_EPOCH,) * 4)
    )
    environment.ledger.put(environment.stores[NORTH].job(job).plan, job, attempt=attempt)


async def test_roots_are_what_was_used_less_what_has_died(environment: JobEnvironment) -> None:
    job = environment.agreed()
    environment.ledger.put(environment.stores[NORTH].job(job).plan, job)
    shelf = environment.shelves[NORTH]
    assert (await environment.attempts[NORTH].roots(environment.consumer, AttemptRef(job=job, attempt=2))).roots == (
        shelf.root,
    )
    less, lesser = secrets.token_bytes(32), secrets.token_bytes(32)
    shelf.left = {shelf.root: less, less: lesser}
    assert (await environment.attempts[NORTH].roots(environment.consumer, AttemptRef(job=job, attempt=2))).roots == (
        less,
    )
    own = await environment.attempts[CONSUMER].roots(environment.consumer, AttemptRef(job=job, attempt=2))
    assert own.roots == (ZERO32,)
    await refused("peer.early", environment.attempts[NORTH].roots(environment.consumer, AttemptRef(job=job, attempt=3)))
    await refused("peer.early", environment.attempts[NORTH].roots(environment.consumer, AttemptRef(job=job, attempt=1)))
    amended(environment, job, 2, (less, *(environment.shelves[i].root for i in (SOUTH, FUND)), ZERO32))
    assert (await environment.attempts[NORTH].roots(environment.consumer, AttemptRef(job=job, attempt=3))).roots == (
        lesser,
    )
    assert shelf.kept == []
    await refused("plan", environment.attempts[NORTH].roots(environment.address(SOUTH), AttemptRef(job=job, attempt=2)))


def amendment(environment: JobEnvironment, job: bytes, **changes: Any) -> AmendRequest:
    roots = (
        *(environment.shelves[i].left.get(environment.shelves[i].root, environment.shelves[i].root) for i in range(3)),
        ZERO32,
    )
    values: dict[str, Any] = {"job": job, "attempt": 2, "roots": roots, "epochs": (FIRST_EPOCH,) * 4}
    return AmendRequest(amendment=Amendment(**(values | changes)))


async def running(environment: JobEnvironment) -> bytes:
    """A job in its first attempt at North, where a customer has withdrawn."""
    job = environment.agreed()
    environment.ledger.put(environment.stores[NORTH].job(job).plan, job)
    environment.stores[NORTH].begin(job, 1, ())
    environment.shelves[NORTH].left = {environment.shelves[NORTH].root: secrets.token_bytes(32)}
    return job


async def test_a_party_signs_a_new_attempt_without_the_dead_and_ends_its_own(environment: JobEnvironment) -> None:
    job = await running(environment)
    asked = amendment(environment, job)
    for party in range(4):
        signature = (await environment.attempts[party].amend(environment.consumer, asked)).signature
        digest = environment.deployment.jobs.digest(asked.amendment.struct_hash())
        assert environment.ledger.verifiers.accepts(environment.address(party), digest, signature)
    found = environment.stores[NORTH].attempt(job, 1)
    assert found is not None
    assert (found.phase.value, found.why) == ("failed", "amended")
    assert environment.shelves[NORTH].kept == [asked.amendment.roots[NORTH]]


async def test_a_party_does_not_sign_an_attempt_that_keeps_a_dead_row(environment: JobEnvironment) -> None:
    job = await running(environment)
    good = amendment(environment, job).amendment.roots
    north = environment.attempts[NORTH]
    for roots in (
        (environment.shelves[NORTH].root, *good[1:]),
        (secrets.token_bytes(32), *good[1:]),
        (ZERO32, *good[1:]),
        (good[1], good[0], *good[2:]),
        (),
    ):
        await refused("plan.stale", north.amend(environment.consumer, amendment(environment, job, roots=roots)))
    found = environment.stores[NORTH].attempt(job, 1)
    assert found is not None
    assert found.phase.value == "running"


@pytest.mark.parametrize("attempt", [0, 1, 3, 2**32 - 1])
async def test_only_the_next_attempt_is_signed(environment: JobEnvironment, attempt: int) -> None:
    job = await running(environment)
    await refused(
        "state", environment.attempts[NORTH].amend(environment.consumer, amendment(environment, job, attempt=attempt))
    )


@pytest.mark.parametrize("status", [s for s in JobStatus if s is not JobStatus.OPEN])
async def test_only_an_open_job_gets_a_new_attempt(environment: JobEnvironment, status: JobStatus) -> None:
    job = await running(environment)
    environment.ledger.put(environment.stores[NORTH].job(job).plan, job, status)
    await refused("state", environment.attempts[NORTH].amend(environment.consumer, amendment(environment, job)))


async def test_a_new_attempt_names_every_epoch_of_the_chain(environment: JobEnvironment) -> None:
    job = await running(environment)
    north = environment.attempts[NORTH]
    state = environment.ledger.offers[environment.offers[SOUTH]]
    environment.ledger.offers[environment.offers[SOUTH]] = replace(state, epoch=OTHER)
    first = FIRST_EPOCH
    for epochs in ((first,) * 4, (first, OTHER, first), (OTHER, OTHER, first, first), ()):
        await refused("peer.epoch", north.amend(environment.consumer, amendment(environment, job, epochs=epochs)))
    assert await north.amend(environment.consumer, amendment(environment, job, epochs=(first, OTHER, first, first)))


@pytest.mark.parametrize("why", ["psi.scalar", "psi.list", "ot.check", "sums.share", "data"])
async def test_who_caught_a_cheat_gives_it_no_other_try(environment: JobEnvironment, why: str) -> None:
    """A consumer that guesses bits of a provider's secret asks for its 32 attempts whatever the provider says."""
    job = await running(environment)
    environment.stores[NORTH].fail(job, 1, why)
    await refused("peer.ended", environment.attempts[NORTH].amend(environment.consumer, amendment(environment, job)))


async def test_who_failed_by_accident_tries_again(environment: JobEnvironment) -> None:
    job = await running(environment)
    environment.stores[NORTH].fail(job, 1, "peer.silent")
    assert await environment.attempts[NORTH].amend(environment.consumer, amendment(environment, job))


async def test_only_the_consumer_asks_for_a_new_attempt(environment: JobEnvironment) -> None:
    job = await running(environment)
    for stranger in (environment.address(SOUTH), environment.address(NORTH), secrets.token_bytes(20)):
        await refused("plan", environment.attempts[NORTH].amend(stranger, amendment(environment, job)))
    await refused(
        "not-found", environment.attempts[NORTH].amend(environment.consumer, amendment(environment, bytes(32)))
    )


# The seal.


@pytest.mark.parametrize("party", range(4))
async def test_each_party_signs_a_seal_that_is_true(environment: JobEnvironment, party: int) -> None:
    done = computed(environment)
    asked = done.seal()
    digest = environment.deployment.jobs.digest(asked.seal.struct_hash())
    assert environment.ledger.verifiers.accepts(environment.address(party), digest, await done.sealed_by(party, asked))


@pytest.mark.parametrize("field", ["heads", "outputs", "keys"])
async def test_a_party_does_not_sign_a_seal_with_something_else_of_its_own(
    environment: JobEnvironment, field: str
) -> None:
    done = computed(environment)
    for party in range(4):
        value = secrets.token_bytes(32)
        await refused("plan.seal", done.sealed_by(party, done.put(field, party, value)))
    theirs = getattr(done.seal().seal, field)[SOUTH]
    await refused("plan.seal", done.sealed_by(NORTH, done.put(field, NORTH, theirs)))


async def test_others_trails_are_theirs_to_sign_and_the_contracts_to_record(environment: JobEnvironment) -> None:
    """A party signs its own head, on chain or not yet: the contract seals nothing that no steps lead to."""
    done = computed(environment)
    environment.ledger.trails.clear()
    for asked in (done.seal(), done.put("heads", SOUTH, secrets.token_bytes(32))):
        digest = environment.deployment.jobs.digest(asked.seal.struct_hash())
        signature = await done.sealed_by(NORTH, asked)
        assert environment.ledger.verifiers.accepts(environment.address(NORTH), digest, signature)


async def test_the_consumer_does_not_sign_for_an_output_that_it_has_not_received(environment: JobEnvironment) -> None:
    done = computed(environment)
    for party in range(3):
        changed = done.put("outputs", party, secrets.token_bytes(32))
        await refused("plan.seal", done.sealed_by(CONSUMER, changed))


@pytest.mark.parametrize("field", ["heads", "outputs", "keys"])
async def test_a_seal_speaks_of_every_party(environment: JobEnvironment, field: str) -> None:
    done = computed(environment)
    entries = getattr(done.seal().seal, field)
    for wrong in (entries[:-1], (*entries, ZERO32), ()):
        await refused("plan", done.sealed_by(NORTH, done.seal(**{field: wrong})))


async def test_a_seal_names_every_epoch_of_the_chain(environment: JobEnvironment) -> None:
    done, first = computed(environment), FIRST_EPOCH
    await refused("peer.epoch", done.sealed_by(NORTH, done.seal(epochs=(first, first, OTHER, first))))
    await refused("peer.epoch", done.sealed_by(NORTH, done.seal(epochs=(first,) * 3)))
    state = environment.ledger.offers[environment.offers[FUND]]
    environment.ledger.offers[environment.offers[FUND]] = replace(state, epoch=OTHER)
    await refused("peer.epoch", done.sealed_by(NORTH, done.seal()))
    assert await done.sealed_by(NORTH, done.seal(epochs=(first, first, OTHER, first)))


async def test_a_party_signs_no_epoch_but_that_of_the_list_it_looked_through(environment: JobEnvironment) -> None:
    """The node's endpoint is a reorganisation ahead of the vault's: as many have withdrawn, but others."""
    job = await running(environment)
    done, north = computed(environment), environment.attempts[NORTH]
    offer = environment.offers[NORTH]
    epochs = (OTHER, FIRST_EPOCH, FIRST_EPOCH, FIRST_EPOCH)
    environment.ledger.offers[offer] = replace(environment.ledger.offers[offer], epoch=OTHER)
    await refused("peer.epoch", north.amend(environment.consumer, amendment(environment, job, epochs=epochs)))
    await refused("peer.epoch", done.sealed_by(NORTH, done.seal(epochs=epochs)))
    environment.shelves[NORTH].epoch = OTHER
    assert await north.amend(environment.consumer, amendment(environment, job, epochs=epochs))
    assert await done.sealed_by(NORTH, done.seal(epochs=epochs))


async def test_nobody_signs_a_seal_over_a_dead_consent(environment: JobEnvironment) -> None:
    done = computed(environment)
    environment.shelves[NORTH].ended = {environment.shelves[NORTH].root: [secrets.token_bytes(32)]}
    error = await refused("consent.withdrawn", done.sealed_by(NORTH, done.seal()))
    assert "withdrawn" in error.message
    assert await done.sealed_by(SOUTH, done.seal())
    for status in (Status.WITHDRAWN, Status.REVOKED, Status.NONE):
        environment.ledger.consents[environment.consent] = status
        await refused("consent.withdrawn", done.sealed_by(CONSUMER, done.seal()))


async def test_what_counts_at_the_seal_are_the_attempts_own_roots(environment: JobEnvironment) -> None:
    """A consent that died in the plan's set, but is not in the amended one, is in no result."""
    done = computed(environment)
    environment.shelves[NORTH].ended = {secrets.token_bytes(32): [secrets.token_bytes(32)]}
    assert await done.sealed_by(NORTH, done.seal())


@pytest.mark.parametrize("status", [s for s in JobStatus if s is not JobStatus.OPEN])
async def test_only_an_open_job_is_sealed(environment: JobEnvironment, status: JobStatus) -> None:
    done = computed(environment)
    environment.ledger.put(done.plan, done.job, status)
    await refused("state", done.sealed_by(NORTH, done.seal()))


async def test_only_the_attempt_that_the_chain_is_in_is_sealed(environment: JobEnvironment) -> None:
    done = computed(environment)
    await refused("state", done.sealed_by(NORTH, done.seal(attempt=2)))
    environment.ledger.put(done.plan, done.job, attempt=2)
    await refused("state", done.sealed_by(NORTH, done.seal()))
    await refused("peer.early", done.sealed_by(NORTH, done.seal(attempt=2)))


@pytest.mark.parametrize("phase", ["running", "failed"])
async def test_an_attempt_that_is_not_computed_is_not_sealed(environment: JobEnvironment, phase: str) -> None:
    done = computed(environment)
    environment.ledger.put(done.plan, done.job, attempt=2)
    environment.stores[NORTH].begin(done.job, 2, ())
    if phase == "failed":
        environment.stores[NORTH].fail(done.job, 2, "why")
    await refused("peer.early", done.sealed_by(NORTH, done.seal(attempt=2)))


async def test_only_the_consumer_asks_for_a_seal(environment: JobEnvironment) -> None:
    done = computed(environment)
    for stranger in (environment.address(SOUTH), environment.address(NORTH), secrets.token_bytes(20)):
        await refused("plan", done.sealed_by(NORTH, done.seal(), stranger))
    await refused("not-found", done.sealed_by(NORTH, done.seal(job=bytes(32))))


# By name, as peers ask.


async def test_questions_go_by_their_names_and_in_their_form(environment: JobEnvironment) -> None:
    done = computed(environment)
    north = environment.answers[NORTH]
    about = AttemptRef(job=done.job, attempt=1).model_dump_json().encode()
    assert (await north.answer(environment.consumer, "alive", about)).to_json()["state"] == "computed"
    for name in ("secrets", "", "keep", "answer", "__init__"):
        await refused("peer.question", north.answer(environment.consumer, name, about))
    for body in (b"", b"{}", b"[]", b"null", about[:-1], about.replace(b"1", b'"1"'), b'{"job":1}'):
        await refused("input", north.answer(environment.consumer, "standing", body))
    await refused("limit", north.answer(environment.consumer, "standing", b" " * (5 << 20)))


@pytest.mark.parametrize("seconds", [-1, 0, LONGEST + 1, 10 * LONGEST])
async def test_what_one_would_bring_is_told_for_deadlines_near_now(environment: JobEnvironment, seconds: int) -> None:
    """Else whoever asks for many deadlines learns when consents end, without one job."""
    asked = wanted(environment, deadline=NOW + seconds)
    await refused("plan", environment.agreements[NORTH].prepare(environment.consumer, asked))


async def test_what_one_would_bring_is_told_so_often_an_hour_to_each_that_asks() -> None:
    clock = [3600.0 * 5 + 10]
    askers = Askers(3, lambda: clock[0])
    for _ in range(3):
        askers.take(b"one")
    with pytest.raises(LimitError, match="too often") as too_often:
        askers.take(b"one")
    assert too_often.value.code == "limit.rate" and "3590 seconds" in str(too_often.value.remedy)
    askers.take(b"another")
    clock[0] += 3590
    askers.take(b"one")


async def test_a_party_that_is_asked_without_end_answers_no_more(environment: JobEnvironment) -> None:
    north = environment.agreements[NORTH]
    north._askers = Askers(2)
    for _ in range(2):
        await north.prepare(environment.consumer, wanted(environment))
    await refused("limit.rate", north.prepare(environment.consumer, wanted(environment)))
