"""A party's word: it signs what it prepared, computed and sees on its own chain endpoint, and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from declaring import CUSTOMER
from parties import CONSUMER, EVENT, NOW, PURPOSE, World, changed
from placet.chain.client import JobStatus
from placet.chain.events import JobAmended
from placet.core.consent import Status
from placet.core.errors import LimitError, PlacetError
from placet.core.hashing import sha256
from placet.core.offers import Subjects
from placet.core.plan import Amendment, Input, Plan, Seal, Terms, key_hash
from placet.core.purposes import PURPOSES, purpose_id
from placet.core.signatures import Key
from placet.core.trail import Step, trail_head, trail_start
from placet.core.values import ZERO32, to_hex
from placet.core.withdrawal import FIRST_EPOCH
from placet.jobs.agreement import LONGEST, LONGEST_OPENING
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
from placet.jobs.randomness import seed_commitment
from placet.protocols.spu import extra

NORTH, SOUTH, FUND = range(3)
OTHER = b"1" * 24
"""Another epoch than the first."""
OTHER_PURPOSE = next(name for name in PURPOSES if name != PURPOSE)
MATCH = {**CUSTOMER, "psi": "ecdh", "receiver": "provider"}


@pytest.fixture
def world() -> World:
    return World()


async def refused(code: str, work: Any) -> PlacetError:
    with pytest.raises(PlacetError) as error:
        await work
    assert error.value.code == code, error.value
    return error.value


# What a party brings.


def wanted(world: World, **changes: Any) -> PrepareRequest:
    """`changes` of the request, or of its terms."""
    values = {
        "offer": world.offers[NORTH],
        "terms": world.terms(**{k: v for k, v in changes.items() if k in Terms.model_fields}),
        "purpose": purpose_id(PURPOSE),
        "parties": tuple(map(world.address, range(4))),
        "deadline": NOW + 1000,
    }
    return PrepareRequest(**(values | {k: v for k, v in changes.items() if k not in Terms.model_fields}))


async def test_a_party_brings_its_lawful_set_and_its_own_keys(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """And its log says how often this consumer has computed over the offer."""
    caplog.set_level("INFO", logger="placet.jobs")
    north = world.agreements[NORTH]
    brought = await north.prepare(world.consumer, wanted(world))
    shelf = world.shelves[NORTH]
    assert shelf.asked == [(world.offers[NORTH], 90, NOW + 1000)]
    input = {"lawful_root": shelf.root, "epoch": FIRST_EPOCH, "opens_before": 1000}
    assert brought.inputs == (Input(offer=world.offers[NORTH], **input),)
    assert (brought.recorder, brought.payee) == (world.recorders[NORTH].address, world.address(NORTH))
    assert brought.tls_key == world.contexts[NORTH].tls_key
    assert f"job 1 of {to_hex(world.consumer)} over offer {to_hex(world.offers[NORTH])}" in caplog.text
    kept = world.stores[NORTH].prepared(brought.seed)
    assert kept is not None
    seed = north.at_rest.open(bytes(kept["seed"]), b"seed")
    assert seed_commitment(seed) == brought.seed
    assert seed not in bytes(kept["seed"])


async def test_each_preparation_has_a_seed_of_its_own(world: World) -> None:
    north = world.agreements[NORTH]
    assert len({(await north.prepare(world.consumer, wanted(world))).seed for _ in range(5)}) == 5


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
    ],
)
async def test_a_party_brings_nothing_for_an_unfit_request(world: World, changes: dict[str, Any], code: str) -> None:
    await refused(code, world.agreements[NORTH].prepare(world.consumer, wanted(world, **changes)))
    assert world.shelves[NORTH].asked == []


async def test_a_party_brings_nothing_of_others_or_for_others(world: World) -> None:
    await refused("consent.provider", world.agreements[SOUTH].prepare(world.consumer, wanted(world)))
    await refused("plan.roles", world.agreements[NORTH].prepare(world.address(SOUTH), wanted(world)))


async def test_a_party_brings_nothing_to_a_job_of_others(world: World) -> None:
    """Whoever is no party, or a stranger to the scope."""
    north, others = world.agreements[NORTH], tuple(map(world.address, (SOUTH, FUND, CONSUMER)))
    seats = {"roles": ("provider", "provider", "consumer"), "inputs": ("accounts", "accounts", "customers")}
    await refused("plan.parties", north.prepare(world.consumer, wanted(world, parties=others, **seats)))
    parties = (world.address(NORTH), secrets.token_bytes(20), world.consumer)
    await refused("consent.stranger", north.prepare(world.consumer, wanted(world, parties=parties, **seats)))
    parties, seats = (world.address(NORTH), world.consumer), {"roles": ("provider", "consumer")}
    match = seats | {"recipe": "match", "parameters": MATCH, "inputs": ("accounts", "customers")}
    await refused("consent.recipe", north.prepare(world.consumer, wanted(world, parties=parties, **match)))


async def test_a_party_brings_nothing_that_its_scope_or_policy_does_not_allow(world: World) -> None:
    north = world.agreements[NORTH]
    north.context = replace(world.contexts[NORTH], purposes=(OTHER_PURPOSE,))
    await refused("consent.purpose", north.prepare(world.consumer, wanted(world)))
    north.context = replace(world.contexts[NORTH], recipes=())
    await refused("plan.recipe", north.prepare(world.consumer, wanted(world)))
    north.context = replace(world.contexts[NORTH], scope=lambda _: world.scopes[SOUTH])
    await refused("consent.provider", north.prepare(world.consumer, wanted(world)))
    other = changed(world.scopes[NORTH], recipes=("another", "asset-view"))
    north.context = replace(world.contexts[NORTH], scope=lambda _: other)
    await refused("consent.scope", north.prepare(world.consumer, wanted(world)))
    north.context = world.contexts[NORTH]
    world.rescope(NORTH, recipes=("another",))
    await refused("consent.recipe", north.prepare(world.consumer, wanted(world)))
    assert world.shelves[NORTH].asked == []


async def test_provider_and_consumer_need_no_name_in_the_scope_and_all_others_do(world: World) -> None:
    """At the request as in the plan."""
    north, terms = world.agreements[NORTH], world.terms()
    world.rescope(NORTH, parties=(world.address(SOUTH), world.address(FUND)))
    assert await north.prepare(world.consumer, wanted(world))
    await north.demand_plan(world.plan(terms), terms)
    world.rescope(NORTH, parties=(world.address(SOUTH),))
    for work in (north.prepare(world.consumer, wanted(world)), north.demand_plan(world.plan(terms), terms)):
        assert (await refused("consent.stranger", work)).found == to_hex(world.address(FUND))


async def test_persons_rows_are_brought_under_their_own_consents(world: World) -> None:
    """Whatever a provider calls its table: the scope and the dataset's entry on chain both say whose rows they are."""
    north, terms = world.agreements[NORTH], world.terms()
    state = world.ledger.offers[world.offers[NORTH]]
    entry = world.ledger.datasets[state.offer.dataset]
    for subjects in (Subjects.OWN, Subjects.UNKNOWN):
        world.ledger.datasets[state.offer.dataset] = replace(entry, subjects=subjects)
        for work in (north.prepare(world.consumer, wanted(world)), north.demand_plan(world.plan(terms), terms)):
            error = await refused("consent.subjects", work)
            assert (error.expected, error.found) == (Subjects.PERSONS.words, subjects.words)
    world.rescope(NORTH, personal=False)
    for work in (north.prepare(world.consumer, wanted(world)), north.demand_plan(world.plan(terms), terms)):
        await refused("consent.subjects", work)
    assert world.shelves[NORTH].asked == []


async def test_nobody_computes_over_persons_rows_that_another_calls_its_own(world: World) -> None:
    """What the chain shows of the others' inputs: whose rows they are, and for whom and what they are offered."""
    north, terms = world.agreements[NORTH], world.terms()
    offer = world.ledger.offers[world.offers[SOUTH]]
    entry = world.ledger.datasets[offer.offer.dataset]
    world.ledger.datasets[offer.offer.dataset] = replace(entry, subjects=Subjects.OWN)
    await refused("consent.subjects", north.demand_plan(world.plan(terms), terms))
    world.ledger.datasets[offer.offer.dataset] = entry
    lawful = world.plan(terms)
    south = lawful.parties[SOUTH]
    named = south.inputs[0].model_copy(update={"consent": south.inputs[0].lawful_root, "lawful_root": ZERO32})
    parties = tuple(p if p is not south else p.model_copy(update={"inputs": (named,)}) for p in lawful.parties)
    await refused("consent.subjects", north.demand_plan(lawful.model_copy(update={"parties": parties}), terms))
    elsewhere = replace(offer, offer=offer.offer.model_copy(update={"consumer": world.address(FUND)}))
    world.ledger.offers[world.offers[SOUTH]] = elsewhere
    await refused("consent.consumer", north.demand_plan(lawful, terms))
    del world.ledger.offers[world.offers[SOUTH]]
    await refused("peer.early", north.demand_plan(lawful, terms))
    world.ledger.offers[world.offers[SOUTH]] = offer
    await north.demand_plan(lawful, terms)


async def test_a_party_brings_nothing_for_columns_outside_its_scope(world: World) -> None:
    columns = {**CUSTOMER, "value": "salary"}
    error = await refused(
        "consent.columns", world.agreements[NORTH].prepare(world.consumer, wanted(world, parameters=columns))
    )
    assert (error.expected, error.found) == ("customer, balance", "salary")
    assert world.shelves[NORTH].asked == []


async def test_levels_are_no_finer_than_the_offer_says(world: World) -> None:
    world.rescope(NORTH, output="level", smallest_gap=1000)
    north = world.agreements[NORTH]
    assert await north.prepare(world.consumer, wanted(world, engine="spu", parameters=LEVELS))
    for changes, found in (({"edges": ["0", "1500"]}, "1500"), ({"bound": "1000001"}, "1000001")):
        parameters = LEVELS | changes
        error = await refused(
            "consent.gap", north.prepare(world.consumer, wanted(world, engine="spu", parameters=parameters))
        )
        assert (error.expected, error.found) == ("edges and bound at multiples of 1000", found)
        terms = world.terms(engine="spu", parameters=parameters)
        await refused("consent.gap", north.demand_plan(world.plan(terms), terms))


async def test_each_party_has_the_columns_that_its_role_reads(world: World) -> None:
    """The consumer's list needs no balances."""
    terms = world.terms()
    consumer = world.agreements[CONSUMER]
    await consumer.demand_plan(world.plan(terms), terms)
    world.rescope(CONSUMER, columns=("balance",))
    await refused("consent.columns", consumer.demand_plan(world.plan(terms), terms))


# The plan.


@dataclass
class Proposal:
    """A plan that holds what North prepared, and what is asked of North about it."""

    world: World
    brought: PrepareResponse
    terms: Terms
    plan: Plan

    async def sign(self, asker: bytes | None = None) -> bytes:
        asked = SignRequest(plan=self.plan, terms=self.terms)
        return (await self.world.agreements[NORTH].sign(asker or self.world.consumer, asked)).signature

    def change(self, **changes: Any) -> None:
        self.plan = self.world.plan(self.terms, **({"parties": self.plan.parties} | changes))

    def change_terms(self, **changes: Any) -> None:
        self.terms = self.world.terms(**changes)
        self.change()

    def change_party(self, number: int, **changes: Any) -> None:
        parties = list(self.plan.parties)
        parties[number] = parties[number].model_copy(update=changes)
        self.change(parties=tuple(parties))

    def change_input(self, **changes: Any) -> None:
        self.change_party(NORTH, inputs=(self.brought.inputs[0].model_copy(update=changes),))


async def proposal(world: World) -> Proposal:
    brought = await world.agreements[NORTH].prepare(world.consumer, wanted(world))
    terms = world.terms()
    north = world.party(NORTH, seed=brought.seed, inputs=(brought.inputs[0],))
    parties = (north, *(world.party(i) for i in (SOUTH, FUND, CONSUMER)))
    return Proposal(world, brought, terms, world.plan(terms, parties=parties))


async def test_a_party_signs_what_it_prepared_and_keeps_it_first(world: World) -> None:
    asked = await proposal(world)
    signature = await asked.sign()
    job = asked.plan.job(world.deployment.jobs)
    assert world.ledger.verifiers.accepts(world.address(NORTH), job, signature)
    kept = world.stores[NORTH].job(job)
    assert (kept.plan, kept.terms, kept.party) == (asked.plan, asked.terms, NORTH)
    assert kept.signatures == (signature, b"", b"", b"", b"", b"")
    assert seed_commitment(world.agreements[NORTH].at_rest.open(kept.seed, b"seed")) == asked.brought.seed
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
    "another consumer": ("plan", lambda p: p.change(consumer=p.world.address(SOUTH))),
    "another sponsor": ("plan", lambda p: p.change(sponsor=p.world.address(SOUTH))),
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
    "terms of another plan": ("plan.terms", lambda p: setattr(p, "terms", p.world.terms(block=91))),
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
        lambda p: p.change(parties=tuple(p.world.party(i) for i in (SOUTH, FUND, CONSUMER))),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_party_does_not_sign(world: World, what: str) -> None:
    asked = await proposal(world)
    code, change = CHANGES[what]
    change(asked)
    await refused(code, asked.sign(asked.plan.consumer))
    assert world.stores[NORTH].all() == []


async def test_a_party_without_the_engine_does_not_sign(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = await proposal(world)
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    asked.change_terms(engine="spu", parameters=LEVELS)
    error = await refused("spu.missing", asked.sign())
    assert "placet[spu]" in str(error.expected)
    assert error.remedy


async def test_a_party_signs_for_the_consumer_alone(world: World) -> None:
    asked = await proposal(world)
    for stranger in (world.address(SOUTH), world.address(NORTH), secrets.token_bytes(20)):
        await refused("plan", asked.sign(stranger))
    assert world.stores[NORTH].all() == []


async def test_a_party_does_not_sign_a_lawful_set_that_has_changed(world: World) -> None:
    asked = await proposal(world)
    shelf = world.shelves[NORTH]
    root, shelf.root = shelf.root, secrets.token_bytes(32)
    await refused("plan.stale", asked.sign())
    shelf.root, shelf.epoch = root, OTHER
    await refused("plan.stale", asked.sign())
    shelf.epoch, shelf.opens_before = FIRST_EPOCH, 999
    await refused("plan.stale", asked.sign())
    assert world.stores[NORTH].all() == []
    assert shelf.kept == []
    shelf.opens_before = 1000
    assert await asked.sign()
    assert shelf.kept == [shelf.root]


async def test_a_preparation_of_yesterday_is_forgotten(world: World) -> None:
    asked = await proposal(world)
    world.ledger.time += 86_401
    await world.agreements[NORTH].prepare(world.consumer, wanted(world, deadline=world.ledger.time + 1000))
    asked.change(open_by=world.ledger.time + 100, deadline=world.ledger.time + 1000, settle_by=world.ledger.time + 2000)
    await refused("plan.unprepared", asked.sign())


# The signed plan.


async def test_a_party_keeps_the_plan_that_all_have_signed(world: World) -> None:
    asked = await proposal(world)
    await asked.sign()
    job = asked.plan.job(world.deployment.jobs)
    good = (*(key.sign(job) for key in world.signers), b"", b"")
    north = world.agreements[NORTH]
    bad = {
        "another's": (good[1], *good[1:]),
        "none": (b"", *good[1:]),
        "too few": good[:-1],
        "too many": (*good, b""),
        "a stranger's": (good[0], Key().sign(job), *good[2:]),
        "a recorder's": (world.recorders[NORTH].sign(job), *good[1:]),
        "of another job": (*good[:2], world.signers[FUND].sign(bytes(32)), *good[3:]),
    }
    for signatures in bad.values():
        with pytest.raises(PlacetError):
            await north.agreed(world.consumer, SignedByAll(job=job, signatures=signatures))
    assert world.stores[NORTH].job(job).signatures[1:] == (b"",) * 5
    await refused("plan", north.agreed(world.address(SOUTH), SignedByAll(job=job, signatures=good)))
    await refused("not-found", north.agreed(world.consumer, SignedByAll(job=bytes(32), signatures=good)))
    await north.agreed(world.consumer, SignedByAll(job=job, signatures=good))
    assert world.stores[NORTH].job(job).signatures == good


# How far a party is.


@dataclass
class Computed:
    """A job that all have computed and recorded in attempt 1."""

    world: World
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
        return (await self.world.attempts[party].seal(asker or self.world.consumer, asked)).signature


def computed(world: World) -> Computed:
    job = world.agreed()
    plan = world.stores[NORTH].job(job).plan
    world.ledger.put(plan, job)
    keys = [bytes([7 + i]) * 32 for i in range(3)]
    outputs = [b"masked %d" % i for i in range(3)]
    roots = tuple(i.lawful_root for i in plan.inputs)
    heads = []
    for party, store in enumerate(world.stores):
        store.begin(job, 1, roots)
        for index in range(2):
            store.add_step(Step(job=job, attempt=1, party=party, index=index, name="a-step", protocol="none/1", at=NOW))
        if party == CONSUMER:
            framed = b"".join(i.to_bytes(4, "big") + len(o).to_bytes(8, "big") + o for i, o in enumerate(outputs))
            store.keep(job, 1, output=framed, private=b"closed")
        else:
            store.keep(job, 1, key=world.agreements[party].at_rest.seal(keys[party], b"key"), output=outputs[party])
        store.computed(job, 1)
        steps = [step.hash for step in store.steps(job, 1)]
        heads.append(trail_head(trail_start(job, 1, party), steps))
        world.ledger.trails[job, 1, party] = heads[party], len(steps)
    return Computed(world, job, plan, keys, outputs, heads)


async def test_standing_tells_the_consumer_how_far_a_party_is(world: World) -> None:
    job = world.agreed()
    north, store = world.attempts[NORTH], world.stores[NORTH]
    about = AttemptRef(job=job, attempt=1)
    assert (await north.standing(world.consumer, about)).state == "waiting"
    store.begin(job, 1, ())
    assert (await north.standing(world.consumer, about)).state == "running"
    store.fail(job, 1, "peer.late")
    failed = await north.standing(world.consumer, about)
    assert (failed.state, failed.why) == ("failed", "peer.late")
    for stranger in (world.address(SOUTH), secrets.token_bytes(20)):
        await refused("plan", north.standing(stranger, about))
    await refused("not-found", north.standing(world.consumer, AttemptRef(job=bytes(32), attempt=1)))


async def test_standing_has_head_output_and_key_once_computed(world: World) -> None:
    done = computed(world)
    found = await world.attempts[SOUTH].standing(world.consumer, AttemptRef(job=done.job, attempt=1))
    hashes = [step.hash for step in world.stores[SOUTH].steps(done.job, 1)]
    assert (found.state, found.steps) == ("computed", 2)
    assert found.head == trail_head(trail_start(done.job, 1, SOUTH), hashes)
    assert (found.output, found.key) == (sha256(done.outputs[SOUTH]), key_hash(done.keys[SOUTH]))
    own = await world.attempts[CONSUMER].standing(world.consumer, AttemptRef(job=done.job, attempt=1))
    assert (own.output, own.key) == (ZERO32, ZERO32)


async def test_every_party_and_nobody_else_hears_whether_a_party_is_alive(world: World) -> None:
    done = computed(world)
    north, about = world.attempts[NORTH], AttemptRef(job=done.job, attempt=1)
    for party in range(4):
        told = await north.alive(world.address(party), about)
        assert (told.state, told.head, told.output, told.key) == ("computed", ZERO32, ZERO32, ZERO32)
    assert (await north.alive(world.consumer, AttemptRef(job=done.job, attempt=2))).state == "waiting"
    await refused("peer.wrong-party", north.alive(secrets.token_bytes(20), about))
    await refused("not-found", north.alive(world.consumer, AttemptRef(job=bytes(32), attempt=1)))


# A new attempt.


def amended(world: World, job: bytes, attempt: int, roots: tuple[bytes, ...]) -> None:
    """The chain tells of a new attempt."""
    world.ledger.events.append(JobAmended(**EVENT, job=job, attempt=attempt, roots=roots, epochs=(FIRST_EPOCH,) * 4))
    world.ledger.put(world.stores[NORTH].job(job).plan, job, attempt=attempt)


async def test_roots_are_what_was_used_less_what_has_died(world: World) -> None:
    job = world.agreed()
    world.ledger.put(world.stores[NORTH].job(job).plan, job)
    shelf = world.shelves[NORTH]
    assert (await world.attempts[NORTH].roots(world.consumer, AttemptRef(job=job, attempt=2))).roots == (shelf.root,)
    less, lesser = secrets.token_bytes(32), secrets.token_bytes(32)
    shelf.left = {shelf.root: less, less: lesser}
    assert (await world.attempts[NORTH].roots(world.consumer, AttemptRef(job=job, attempt=2))).roots == (less,)
    own = await world.attempts[CONSUMER].roots(world.consumer, AttemptRef(job=job, attempt=2))
    assert own.roots == (ZERO32,)
    await refused("peer.early", world.attempts[NORTH].roots(world.consumer, AttemptRef(job=job, attempt=3)))
    await refused("peer.early", world.attempts[NORTH].roots(world.consumer, AttemptRef(job=job, attempt=1)))
    amended(world, job, 2, (less, *(world.shelves[i].root for i in (SOUTH, FUND)), ZERO32))
    assert (await world.attempts[NORTH].roots(world.consumer, AttemptRef(job=job, attempt=3))).roots == (lesser,)
    assert shelf.kept == []
    await refused("plan", world.attempts[NORTH].roots(world.address(SOUTH), AttemptRef(job=job, attempt=2)))


def amendment(world: World, job: bytes, **changes: Any) -> AmendRequest:
    roots = (*(world.shelves[i].left.get(world.shelves[i].root, world.shelves[i].root) for i in range(3)), ZERO32)
    values: dict[str, Any] = {"job": job, "attempt": 2, "roots": roots, "epochs": (FIRST_EPOCH,) * 4}
    return AmendRequest(amendment=Amendment(**(values | changes)))


async def running(world: World) -> bytes:
    """A job in its first attempt at North, where a customer has withdrawn."""
    job = world.agreed()
    world.ledger.put(world.stores[NORTH].job(job).plan, job)
    world.stores[NORTH].begin(job, 1, ())
    world.shelves[NORTH].left = {world.shelves[NORTH].root: secrets.token_bytes(32)}
    return job


async def test_a_party_signs_a_new_attempt_without_the_dead_and_ends_its_own(world: World) -> None:
    job = await running(world)
    asked = amendment(world, job)
    for party in range(4):
        signature = (await world.attempts[party].amend(world.consumer, asked)).signature
        digest = world.deployment.jobs.digest(asked.amendment.struct_hash())
        assert world.ledger.verifiers.accepts(world.address(party), digest, signature)
    found = world.stores[NORTH].attempt(job, 1)
    assert found is not None
    assert (found.phase.value, found.why) == ("failed", "amended")
    assert world.shelves[NORTH].kept == [asked.amendment.roots[NORTH]]


async def test_a_party_does_not_sign_an_attempt_that_keeps_a_dead_row(world: World) -> None:
    job = await running(world)
    good = amendment(world, job).amendment.roots
    north = world.attempts[NORTH]
    for roots in (
        (world.shelves[NORTH].root, *good[1:]),
        (secrets.token_bytes(32), *good[1:]),
        (ZERO32, *good[1:]),
        (good[1], good[0], *good[2:]),
        (),
    ):
        await refused("plan.stale", north.amend(world.consumer, amendment(world, job, roots=roots)))
    found = world.stores[NORTH].attempt(job, 1)
    assert found is not None
    assert found.phase.value == "running"


@pytest.mark.parametrize("attempt", [0, 1, 3, 2**32 - 1])
async def test_only_the_next_attempt_is_signed(world: World, attempt: int) -> None:
    job = await running(world)
    await refused("state", world.attempts[NORTH].amend(world.consumer, amendment(world, job, attempt=attempt)))


@pytest.mark.parametrize("status", [s for s in JobStatus if s is not JobStatus.OPEN])
async def test_only_an_open_job_gets_a_new_attempt(world: World, status: JobStatus) -> None:
    job = await running(world)
    world.ledger.put(world.stores[NORTH].job(job).plan, job, status)
    await refused("state", world.attempts[NORTH].amend(world.consumer, amendment(world, job)))


async def test_a_new_attempt_names_every_epoch_of_the_chain(world: World) -> None:
    job = await running(world)
    north = world.attempts[NORTH]
    state = world.ledger.offers[world.offers[SOUTH]]
    world.ledger.offers[world.offers[SOUTH]] = replace(state, epoch=OTHER)
    first = FIRST_EPOCH
    for epochs in ((first,) * 4, (first, OTHER, first), (OTHER, OTHER, first, first), ()):
        await refused("peer.epoch", north.amend(world.consumer, amendment(world, job, epochs=epochs)))
    assert await north.amend(world.consumer, amendment(world, job, epochs=(first, OTHER, first, first)))


async def test_only_the_consumer_asks_for_a_new_attempt(world: World) -> None:
    job = await running(world)
    for stranger in (world.address(SOUTH), world.address(NORTH), secrets.token_bytes(20)):
        await refused("plan", world.attempts[NORTH].amend(stranger, amendment(world, job)))
    await refused("not-found", world.attempts[NORTH].amend(world.consumer, amendment(world, bytes(32))))


# The seal.


@pytest.mark.parametrize("party", range(4))
async def test_each_party_signs_a_seal_that_is_true(world: World, party: int) -> None:
    done = computed(world)
    asked = done.seal()
    digest = world.deployment.jobs.digest(asked.seal.struct_hash())
    assert world.ledger.verifiers.accepts(world.address(party), digest, await done.sealed_by(party, asked))


@pytest.mark.parametrize("field", ["heads", "outputs", "keys"])
async def test_a_party_does_not_sign_a_seal_with_something_else_of_its_own(world: World, field: str) -> None:
    done = computed(world)
    for party in range(4):
        value = secrets.token_bytes(32)
        await refused("plan.seal", done.sealed_by(party, done.put(field, party, value)))
    theirs = getattr(done.seal().seal, field)[SOUTH]
    await refused("plan.seal", done.sealed_by(NORTH, done.put(field, NORTH, theirs)))


async def test_a_party_does_not_sign_a_head_that_is_not_on_chain(world: World) -> None:
    done = computed(world)
    await refused("plan.seal", done.sealed_by(NORTH, done.put("heads", SOUTH, secrets.token_bytes(32))))
    world.ledger.trails[done.job, 1, FUND] = (secrets.token_bytes(32), 2)
    for party in range(3):
        await refused("plan.seal", done.sealed_by(party, done.seal()))
    del world.ledger.trails[done.job, 1, FUND]
    await refused("plan.seal", done.sealed_by(NORTH, done.seal()))


async def test_a_party_whose_own_trail_is_not_on_chain_yet_does_not_sign(world: World) -> None:
    done = computed(world)
    world.ledger.trails[done.job, 1, NORTH] = (trail_start(done.job, 1, NORTH), 0)
    await refused("plan.seal", done.sealed_by(NORTH, done.seal()))


async def test_the_consumer_does_not_sign_for_an_output_that_it_has_not_received(world: World) -> None:
    done = computed(world)
    for party in range(3):
        changed = done.put("outputs", party, secrets.token_bytes(32))
        await refused("plan.seal", done.sealed_by(CONSUMER, changed))


@pytest.mark.parametrize("field", ["heads", "outputs", "keys"])
async def test_a_seal_speaks_of_every_party(world: World, field: str) -> None:
    done = computed(world)
    entries = getattr(done.seal().seal, field)
    for wrong in (entries[:-1], (*entries, ZERO32), ()):
        await refused("plan", done.sealed_by(NORTH, done.seal(**{field: wrong})))


async def test_a_seal_names_every_epoch_of_the_chain(world: World) -> None:
    done, first = computed(world), FIRST_EPOCH
    await refused("peer.epoch", done.sealed_by(NORTH, done.seal(epochs=(first, first, OTHER, first))))
    await refused("peer.epoch", done.sealed_by(NORTH, done.seal(epochs=(first,) * 3)))
    state = world.ledger.offers[world.offers[FUND]]
    world.ledger.offers[world.offers[FUND]] = replace(state, epoch=OTHER)
    await refused("peer.epoch", done.sealed_by(NORTH, done.seal()))
    assert await done.sealed_by(NORTH, done.seal(epochs=(first, first, OTHER, first)))


async def test_a_party_signs_no_epoch_but_that_of_the_list_it_looked_through(world: World) -> None:
    """The node's endpoint is a reorganisation ahead of the vault's: as many have withdrawn, but others."""
    job = await running(world)
    done, north = computed(world), world.attempts[NORTH]
    offer = world.offers[NORTH]
    epochs = (OTHER, FIRST_EPOCH, FIRST_EPOCH, FIRST_EPOCH)
    world.ledger.offers[offer] = replace(world.ledger.offers[offer], epoch=OTHER)
    await refused("peer.epoch", north.amend(world.consumer, amendment(world, job, epochs=epochs)))
    await refused("peer.epoch", done.sealed_by(NORTH, done.seal(epochs=epochs)))
    world.shelves[NORTH].epoch = OTHER
    assert await north.amend(world.consumer, amendment(world, job, epochs=epochs))
    assert await done.sealed_by(NORTH, done.seal(epochs=epochs))


async def test_nobody_signs_a_seal_over_a_dead_consent(world: World) -> None:
    done = computed(world)
    world.shelves[NORTH].ended = {world.shelves[NORTH].root: [secrets.token_bytes(32)]}
    error = await refused("consent.withdrawn", done.sealed_by(NORTH, done.seal()))
    assert "withdrawn" in error.message
    assert await done.sealed_by(SOUTH, done.seal())
    for status in (Status.WITHDRAWN, Status.REVOKED, Status.NONE):
        world.ledger.consents[world.consent] = status
        await refused("consent.withdrawn", done.sealed_by(CONSUMER, done.seal()))


async def test_what_counts_at_the_seal_are_the_attempts_own_roots(world: World) -> None:
    """A consent that died in the plan's set, but is not in the amended one, is in no result."""
    done = computed(world)
    world.shelves[NORTH].ended = {secrets.token_bytes(32): [secrets.token_bytes(32)]}
    assert await done.sealed_by(NORTH, done.seal())


@pytest.mark.parametrize("status", [s for s in JobStatus if s is not JobStatus.OPEN])
async def test_only_an_open_job_is_sealed(world: World, status: JobStatus) -> None:
    done = computed(world)
    world.ledger.put(done.plan, done.job, status)
    await refused("state", done.sealed_by(NORTH, done.seal()))


async def test_only_the_attempt_that_the_chain_is_in_is_sealed(world: World) -> None:
    done = computed(world)
    await refused("state", done.sealed_by(NORTH, done.seal(attempt=2)))
    world.ledger.put(done.plan, done.job, attempt=2)
    await refused("state", done.sealed_by(NORTH, done.seal()))
    await refused("peer.early", done.sealed_by(NORTH, done.seal(attempt=2)))


@pytest.mark.parametrize("phase", ["running", "failed"])
async def test_an_attempt_that_is_not_computed_is_not_sealed(world: World, phase: str) -> None:
    done = computed(world)
    world.ledger.put(done.plan, done.job, attempt=2)
    world.stores[NORTH].begin(done.job, 2, ())
    if phase == "failed":
        world.stores[NORTH].fail(done.job, 2, "why")
    await refused("peer.early", done.sealed_by(NORTH, done.seal(attempt=2)))


async def test_only_the_consumer_asks_for_a_seal(world: World) -> None:
    done = computed(world)
    for stranger in (world.address(SOUTH), world.address(NORTH), secrets.token_bytes(20)):
        await refused("plan", done.sealed_by(NORTH, done.seal(), stranger))
    await refused("not-found", done.sealed_by(NORTH, done.seal(job=bytes(32))))


# By name, as peers ask.


async def test_questions_go_by_their_names_and_in_their_form(world: World) -> None:
    done = computed(world)
    north = world.answers[NORTH]
    about = AttemptRef(job=done.job, attempt=1).model_dump_json().encode()
    assert (await north.answer(world.consumer, "alive", about)).to_json()["state"] == "computed"
    for name in ("secrets", "", "keep", "answer", "__init__"):
        await refused("peer.question", north.answer(world.consumer, name, about))
    for body in (b"", b"{}", b"[]", b"null", about[:-1], about.replace(b"1", b'"1"'), b'{"job":1}'):
        await refused("input", north.answer(world.consumer, "standing", body))
    await refused("limit", north.answer(world.consumer, "standing", b" " * (5 << 20)))


@pytest.mark.parametrize("seconds", [-1, 0, LONGEST + 1, 10 * LONGEST])
async def test_what_one_would_bring_is_told_for_deadlines_near_now(world: World, seconds: int) -> None:
    """Else whoever asks for many deadlines learns when consents end, without one job."""
    asked = wanted(world, deadline=NOW + seconds)
    await refused("plan", world.agreements[NORTH].prepare(world.consumer, asked))


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


async def test_a_party_that_is_asked_without_end_answers_no_more(world: World) -> None:
    north = world.agreements[NORTH]
    north._askers = Askers(2)
    for _ in range(2):
        await north.prepare(world.consumer, wanted(world))
    await refused("limit.rate", north.prepare(world.consumer, wanted(world)))
