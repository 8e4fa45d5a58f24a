"""Jobs and their money: contracts and model go through the same histories and must agree after every step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from model import jobs as model
from model.accounts import (
    KEYS,
    OFFERS,
    OWNER,
    RECORDERS,
    SIGNERS,
    Who,
    consent_id,
    epoch_of,
    grant_of,
    sign,
    typed,
    word,
)
from model.job_sides import MONEY, JobSides
from model.reference import Sender, Terms
from model.sides import by_histories, go_through_histories, tell
from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.deploy import deploy, deploy_token
from placet.chain.local import LocalChain
from placet.chain.states import JobStatus
from placet.core import plan as core_plan
from placet.core import withdrawal
from placet.core.offers import Subjects
from placet.core.trail import trail_head, trail_start
from placet.core.values import ZERO32

seldom = st.sampled_from([False] * 7 + [True])
parties = st.sampled_from([0, 1, 2, 0, 1, 2, 3])
somebody = st.sampled_from(Who)
flaws = st.sampled_from([None] * 9 + ["another", "empty", "missing", "stale"])
places = st.integers(0, 5)
edges = st.sampled_from([None] * 5 + [1, 0])
"""When a step comes: now, or in the last second of its time, or in the first one after it."""
ahead = st.sampled_from([90] * 6 + [2, 0, -1])


def plans(*statuses: JobStatus) -> st.SearchStrategy[model.Plan]:
    """Any plan, but mostly one whose job stands so."""
    return st.runner().flatmap(lambda machine: st.sampled_from([*machine.ids, *machine.plans_in(*statuses) * 8]))


def there_is(*statuses: JobStatus) -> Any:
    """Only while a job stands so: without one there would be nothing but refusals."""
    return precondition(lambda machine: bool(machine.plans_in(*statuses)))


NONE, OPEN, SEALED, ABORTED = JobStatus.NONE, JobStatus.OPEN, JobStatus.SEALED, JobStatus.ABORTED


class Machine(JobSides):
    """Two providers with an offer each and a consumer, in jobs of one to three parties. Numbers stand for hashes."""

    # Before a job.

    @initialize(
        acknowledged=st.tuples(st.booleans(), st.booleans()),
        named=st.booleans(),
        output=st.tuples(*[st.booleans()] * 3),
        stage=st.sampled_from([3, 2, 1, 0]),
        pot=st.sampled_from([0, 60]),
    )
    def begin(
        self, acknowledged: tuple[bool, bool], named: bool, output: tuple[bool, ...], stage: int, pot: int = 0
    ) -> None:
        """A consent to each offer, money, and a job of all three that has come so far: else most are about nothing."""
        for offer, known in enumerate(acknowledged):
            self.consent(offer, 3, 1000, known)
        for who in (Who.CONSUMER, Who.SPONSOR):
            self.allow(10**6, who)
        plan = self.draft((0, 1, 2), (10, 0, 20), output, (named, not named), (60, 60, 60), True, pot=pot)
        if stage > 0:
            self.open(plan, None, 0, Who.STRANGER, None)
        if stage > 1:
            self.work(plan)
        if stage > 2:
            self.seal(plan, None, 0, False, False, None)

    @precondition(lambda machine: sum(map(len, machine.given)) < 6)
    @rule(offer=st.integers(0, 1), uses=st.integers(1, 3), seconds=st.sampled_from([30, 300]), known=st.booleans())
    def consent(self, offer: int, uses: int, seconds: int, known: bool) -> None:
        """Brought by the provider, which so acknowledges it, or by somebody else."""
        self.made += 1
        openings = self.registry.offers[offer].openings
        terms = Terms(self.made, 0, offer, self.now - 10, self.now + seconds, openings, uses)
        signature = OWNER.sign(self.chain.deployment.consents.digest(consent_id(terms)))
        call = self.calls._consent("grant", grant_of(terms), signature)
        sender = SIGNERS[offer] if known else Who.STRANGER
        by = Sender.PROVIDER if known else Sender.STRANGER
        assert self.same(KEYS[sender], call, self.registry.grant, terms, by, True, self.now + 1)
        self.given[offer].append(terms)

    @there_is(OPEN)
    @rule(offer=st.integers(0, 1), pick=st.integers(0, 9))
    def withdraw(self, offer: int, pick: int) -> None:
        terms = self.given[offer][pick % len(self.given[offer])]
        struct_hash = withdrawal.withdrawal_hash(consent_id(terms))
        signature = OWNER.sign(self.chain.deployment.consents.digest(struct_hash))
        call = self.calls.withdraw(grant_of(terms), signature)
        self.same(KEYS[Who.STRANGER], call, self.registry.withdraw, terms, True, None)

    def allow(self, amount: int, who: Who) -> None:
        escrow = self.chain.deployment.reward_escrow.address
        assert self.tell(KEYS[who], self.calls.approve(self.token, escrow, amount)) is None
        self.escrow.allowed[who] = amount

    @rule(
        among=st.sampled_from([(0, 1, 2), (0, 1, 2), (0, 1), (0, 2), (0,)]),
        rewards=st.tuples(*[st.sampled_from([0, 5, 90, 300])] * 3),
        output=st.tuples(*[st.booleans()] * 3),
        named=st.tuples(st.booleans(), st.booleans()),
        times=st.tuples(ahead, ahead, ahead),
        own=st.booleans(),
        stale=seldom,
        shared=seldom,
        pot=st.sampled_from([0, 0, 0, 60, 500]),
        kept=seldom,
        allowed=st.sampled_from([None] * 5 + [0, 30]),
    )
    def propose(self, kept: bool, allowed: int | None, **chosen: Any) -> None:
        """A new plan, opened at once unless it is `kept` for later."""
        plan = self.draft(**chosen)
        if allowed is not None:
            self.allow(allowed, Who(plan.sponsor))
        if not kept:
            self.open(plan, None, 0, Who.STRANGER, None)

    def draft(
        self, among: tuple[int, ...], rewards: tuple[int, ...], output: tuple[bool, ...], named: tuple[bool, ...],
        times: tuple[int, int, int], own: bool, stale: bool = False, shared: bool = False, pot: int = 0,
    ) -> model.Plan:  # fmt: skip
        """`own`: the consumer pays; `shared`: two parties name the same recorder."""
        self.made += 1
        open_by = self.now + times[0]
        deadline = open_by + times[1]
        members = tuple(
            model.Party(
                signer=SIGNERS[i],
                recorder=RECORDERS[0] if shared else RECORDERS[i],
                payee=SIGNERS[i],
                reward=rewards[i],
                output=output[i],
                inputs=(self.input(i, named[i], stale),) if i < len(OFFERS) else (),
            )
            for i in among
        )
        sponsor = Who.CONSUMER if own else Who.SPONSOR
        plan = model.Plan(self.made, Who.CONSUMER, sponsor, open_by, deadline, deadline + times[2], members, pot)
        on_chain = typed(plan, self.token)
        self.ids[plan] = on_chain, on_chain.job(self.chain.deployment.jobs)
        return plan

    # What happens to one.

    @there_is(NONE)
    @rule(plan=plans(NONE), flaw=flaws, at=places, sender=somebody, edge=edges)
    def open(self, plan: model.Plan, flaw: str | None, at: int, sender: Who, edge: int | None) -> None:
        self.wait(plan.open_by, edge)
        on_chain, job = self.ids[plan]
        signed, signatures = sign(plan.signers, job, flaw, at)
        self.step(plan, sender, self.calls.open(on_chain, signatures), self.ledger.open, plan, signed, self.now + 1)

    @there_is(NONE)
    @rule(plan=plans(NONE), at=places, sender=somebody, by=st.none() | somebody)
    def cancel(self, plan: model.Plan, at: int, sender: Who, by: Who | None) -> None:
        on_chain, job = self.ids[plan]
        digest = self.chain.deployment.jobs.digest(core_plan.cancellation_hash(job))
        call = self.calls.cancel(on_chain, at, b"" if by is None else KEYS[by].sign(digest))
        self.step(plan, sender, call, self.ledger.cancel, plan, at, sender, by)

    @there_is(OPEN, ABORTED)
    @rule(
        plan=plans(OPEN, ABORTED), place=parties, number=st.sampled_from([1, 2, 3, 0]), late=seldom, gap=seldom,
        sender=st.none() | somebody, edge=st.sampled_from([None] * 12 + [1, 0]),
    )  # fmt: skip
    def record(
        self, plan: model.Plan, place: int, number: int, late: bool = False, gap: bool = False,
        sender: Who | None = None, edge: int | None = None,
    ) -> None:  # fmt: skip
        """Steps of the current attempt or (`late`) of the one before it."""
        self.wait(plan.settle_by + model.GRACE, edge)
        state = self.ledger.job(plan)
        attempt = max(state.attempt - late, 0)
        start = len(state.trail(attempt, place)) + gap
        steps = [self.made * 1000 + start + i for i in range(number)]
        by = RECORDERS[min(place, 2)] if sender is None else sender
        call = self.calls.record(self.ids[plan][1], attempt, place, start, [word(step) for step in steps])
        self.step(plan, by, call, self.ledger.record, plan, attempt, place, by, start, steps, self.now + 1)

    @there_is(OPEN)
    @rule(plan=plans(OPEN))
    def work(self, plan: model.Plan) -> None:
        """Every party's next step."""
        for place, member in enumerate(plan.parties):
            self.record(plan, place, 1, sender=Who(member.recorder))

    @there_is(OPEN)
    @rule(plan=plans(OPEN), flaw=flaws, at=places, stale=seldom, wrong=seldom, edge=edges)
    def amend(self, plan: model.Plan, flaw: str | None, at: int, stale: bool, wrong: bool, edge: int | None) -> None:
        self.wait(plan.deadline, edge)
        on_chain, job = self.ids[plan]
        epochs, rooted = self.epochs(plan, stale), [(used.consent is None) != wrong for used in plan.inputs]
        roots = tuple(b"\2" * 32 if given else ZERO32 for given in rooted)
        attempt = self.ledger.job(plan).attempt + 1
        content = core_plan.Amendment(job=job, attempt=attempt, roots=roots, epochs=tuple(map(epoch_of, epochs)))
        digest = self.chain.deployment.jobs.digest(content.struct_hash())
        signed, signatures = sign(plan.signers[: len(plan.parties)], digest, flaw, at)
        call = self.calls.amend(on_chain, content, signatures)
        self.step(plan, Who.STRANGER, call, self.ledger.amend, plan, rooted, epochs, signed, self.now + 1)

    @there_is(OPEN)
    @rule(
        plan=plans(OPEN), flaw=flaws, at=places, stale=seldom, ready=st.sampled_from([True, True, True, False]),
        wrong=st.sampled_from([None] * 9 + ["attempt", "trail", "rest", "output", "key", "keys", "pot", "payouts"]),
        edge=edges, shares=st.tuples(*[st.integers(0, 20)] * 3), left=st.tuples(*[st.integers(0, 2)] * 3),
    )  # fmt: skip
    def seal(
        self, plan: model.Plan, flaw: str | None, at: int, stale: bool, ready: bool, wrong: str | None,
        edge: int | None = None, shares: tuple[int, int, int] = (7, 0, 9), left: tuple[int, int, int] = (0, 1, 2),
    ) -> None:  # fmt: skip
        """`ready`: the parties record a step first; `shares` of a pot, if there is one; `left`: how many steps of each
        the seal records."""
        if ready and self.ledger.job(plan).status is JobStatus.OPEN:
            self.work(plan)
        self.wait(plan.deadline, edge)
        on_chain, job = self.ids[plan]
        attempt = self.ledger.job(plan).attempt + (wrong == "attempt")
        rest = [tuple(range(20, 20 + number)) for number, _ in zip(left, plan.parties, strict=False)]
        trails = [(*self.ledger.job(plan).trail(attempt, place), *steps) for place, steps in enumerate(rest)]
        if wrong == "rest":
            rest[at % len(rest)] += (8,)
        if wrong == "trail":
            trails[at % len(trails)] += (7,)
        outputs = [member.output != (wrong == "output") for member in plan.parties]
        keys = [(i + 1) * (member.output != (wrong == "key")) for i, member in enumerate(plan.parties)]
        if wrong == "keys":
            keys.pop()
        payouts = [share if plan.pot else 0 for share, _ in zip(shares, plan.parties, strict=False)]
        if wrong == "pot":
            payouts[at % len(payouts)] = plan.pot + 1
        if wrong == "payouts":
            payouts.append(0)
        epochs = tuple(self.epochs(plan, stale))
        content = core_plan.Seal(
            job=job,
            attempt=attempt,
            heads=tuple(
                trail_head(trail_start(job, attempt, place), map(word, steps)) for place, steps in enumerate(trails)
            ),
            outputs=tuple(word(given) for given in outputs),
            keys=tuple(core_plan.key_hash(word(key)) if key else ZERO32 for key in keys),
            epochs=tuple(map(epoch_of, epochs)),
            payouts=tuple(payouts),
        )
        digest = self.chain.deployment.jobs.digest(content.struct_hash())
        signed, signatures = sign(plan.signers[:-1], digest, flaw, at)
        agreed = model.Seal(attempt, tuple(trails), tuple(outputs), tuple(keys), epochs, tuple(payouts), tuple(rest))
        call = self.calls.seal(on_chain, content, [list(map(word, steps)) for steps in rest], signatures)
        self.step(plan, Who.STRANGER, call, self.ledger.seal, plan, agreed, signed, self.now + 1)

    @there_is(SEALED)
    @rule(plan=plans(SEALED), place=parties, wrong=seldom, sender=somebody, edge=edges)
    def release(self, plan: model.Plan, place: int, wrong: bool, sender: Who, edge: int | None = None) -> None:
        self.wait(plan.settle_by, edge)
        key = 99 if wrong else place + 1
        call = self.calls.release(self.ids[plan][1], place, word(key))
        self.step(plan, sender, call, self.ledger.release, plan, place, key, self.now + 1)

    @there_is(SEALED)
    @rule(plan=plans(SEALED))
    def release_all(self, plan: model.Plan) -> None:
        for place in list(self.ledger.job(plan).due):
            self.release(plan, place, False, Who.STRANGER)

    @there_is(SEALED)
    @rule(plan=plans(SEALED), edge=st.sampled_from([0, 0, 1, None]), sender=somebody)
    def close(self, plan: model.Plan, edge: int | None, sender: Who) -> None:
        self.wait(plan.settle_by, edge)
        self.step(plan, sender, self.calls.close(self.ids[plan][1]), self.ledger.close, plan, self.now + 1)

    @there_is(OPEN)
    @rule(plan=plans(OPEN), edge=edges, sender=somebody)
    def abort(self, plan: model.Plan, edge: int | None, sender: Who) -> None:
        self.wait(plan.deadline, edge)
        call = self.calls.abort(self.ids[plan][1], ZERO32)
        self.step(plan, sender, call, self.ledger.abort, plan, sender, self.now + 1)

    @there_is(OPEN)
    @rule(plan=plans(OPEN), number=st.integers(0, 2), withdrawn=st.booleans())
    def abort_for_consent(self, plan: model.Plan, number: int, withdrawn: bool) -> None:
        """Also by a stranger; `withdrawn`: after the consent's withdrawal."""
        named = plan.inputs[number].consent if number < len(plan.inputs) else None
        if withdrawn and named is not None:
            self.withdraw(named.offer, self.given[named.offer].index(named))
        call = self.calls.abort_for_consent(self.ids[plan][0], number, ZERO32)
        self.step(plan, Who.STRANGER, call, self.ledger.abort_for_consent, plan, number)

    @precondition(lambda machine: machine.any_owed())
    @rule(payee=st.sampled_from([*SIGNERS, Who.SPONSOR]), own=st.booleans())
    def claim(self, payee: Who, own: bool) -> None:
        call = self.calls.claim(self.token) if own else self.calls.claim_for(self.token, KEYS[payee].address)
        self.same(KEYS[payee if own else Who.STRANGER], call, self.escrow.claim, payee)
        self.agree_on_money()

    @rule(seconds=st.integers(1, 30))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds


@pytest.fixture
def chain(anvil: LocalChain) -> Any:
    with anvil.snapshot():
        yield Chain(anvil.url, deploy(anvil.url, KEYS[Who.STRANGER], 0))


@pytest.fixture
def token(chain: Chain, anvil: LocalChain) -> bytes:
    """Two offers, and a token of which consumer and sponsor have some."""
    calls, now = Calls(chain.deployment), chain.head().timestamp
    for who, offer in zip(SIGNERS, OFFERS, strict=False):
        now += 2
        registration = calls.register(offer.dataset, Subjects.PERSONS, ZERO32, ZERO32)
        assert tell(chain, KEYS[who], registration, now - 1) is None
        assert tell(chain, KEYS[who], calls.offer(offer), now) is None
    return deploy_token(anvil.url, KEYS[Who.STRANGER], {KEYS[w].address: MONEY for w in (Who.CONSUMER, Who.SPONSOR)})


@by_histories
def test_jobs_and_model_agree(chain: Chain, token: bytes, histories: int) -> None:
    go_through_histories(lambda: Machine(chain, token), histories)


def test_every_end_is_within_reach(chain: Chain, token: bytes) -> None:
    """One history told on purpose, in which the machine's own steps bring a job to each end."""
    machine = Machine(chain, token)
    machine.begin((True, False), True, (True, True, False), 3)
    (completed,) = machine.ids

    def another(named: bool) -> model.Plan:
        return machine.draft((0, 1, 2), (10, 0, 20), (True, True, True), (named, False), (300, 300, 300), True)

    machine.release(completed, 1, True, Who.STRANGER)
    machine.release(completed, 0, False, Who.STRANGER)
    closed, aborted, overdue, dead, cancelled, refused = (another(i == 3) for i in range(6))
    machine.cancel(cancelled, 4, Who.STRANGER, Who.CONSUMER)
    for plan in (dead, closed, aborted, overdue, cancelled):
        machine.open(plan, None, 0, Who.STRANGER, None)
    machine.allow(0, Who.CONSUMER)
    machine.open(refused, None, 0, Who.STRANGER, None)
    machine.amend(closed, None, 0, stale=False, wrong=False, edge=None)
    machine.seal(closed, None, 0, stale=False, ready=True, wrong=None)
    machine.release(closed, 0, False, Who.STRANGER)
    machine.abort(aborted, None, Who.RECORDER_1)
    machine.record(aborted, 0, 2)
    machine.abort_for_consent(dead, 0, True)
    machine.release(completed, 1, False, Who.STRANGER, edge=1)
    machine.abort(overdue, 1, Who.STRANGER)
    machine.abort(overdue, 0, Who.STRANGER)
    machine.close(closed, 1, Who.STRANGER)
    machine.close(closed, 0, Who.STRANGER)
    machine.claim(Who.NORTH, False)
    machine.record(aborted, 1, 2, edge=1)
    machine.record(aborted, 1, 1, edge=0)
    ends = (completed, closed, aborted, overdue, dead, cancelled, refused)
    assert [machine.ledger.job(plan).status for plan in ends] == [
        JobStatus.COMPLETED, JobStatus.CLOSED, ABORTED, ABORTED, ABORTED, JobStatus.CANCELLED, NONE,
    ]  # fmt: skip
    assert len(machine.ledger.job(aborted).trail(1, 1)) == 2
    assert (machine.escrow.purses[Who.NORTH], machine.escrow.owed[Who.CONSUMER]) == (10 + 10, 20 + 20 + 3 * 30)
    machine.teardown()


def test_every_time_ends_in_its_last_second(chain: Chain, token: bytes) -> None:
    machine = Machine(chain, token)
    machine.begin((True, True), False, (True, True, False), 0)
    (plan,) = machine.ids
    state = machine.ledger.job(plan)
    machine.open(plan, None, 0, Who.STRANGER, edge=1)
    assert state.status is OPEN
    machine.work(plan)
    machine.amend(plan, None, 0, stale=False, wrong=False, edge=None)
    machine.work(plan)
    machine.seal(plan, None, 0, stale=False, ready=False, wrong=None, edge=1)
    assert (state.status, state.attempt) == (SEALED, 2)
    machine.record(plan, 0, 1, late=True)
    machine.record(plan, 0, 1)
    machine.release(plan, 0, False, Who.STRANGER, edge=1)
    machine.release(plan, 1, False, Who.STRANGER, edge=0)
    assert list(state.due) == [1]
    machine.close(plan, 0, Who.STRANGER)
    assert state.status is JobStatus.CLOSED
    machine.teardown()
