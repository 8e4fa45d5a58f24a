"""Stakes on audits: contract and model go through the same histories and must agree after every step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from model import stakes as model
from model.accounts import KEYS, PURPOSE, Who, word
from model.sides import BothSides, by_histories, go_through_histories
from placet.chain.client import Chain
from placet.chain.deploy import deploy, deploy_token
from placet.chain.local import LocalChain
from placet.core.garbling import COMMITTED
from placet.core.plan import Party, Plan, Seal
from placet.core.stakes import (
    Fault,
    StakeStatus,
    StakeTerms,
    Subject,
    finding_hash,
    garbling_finding_hash,
    upholding_hash,
)
from placet.core.trail import Message, SignedMessage, trail_head, trail_start
from placet.core.values import ZERO20, ZERO32

MONEY = 50
HOLDERS, AUDITOR = (Who.NORTH, Who.SOUTH), Who.SPONSOR
SEALED, OPEN, ABORTED = range(3)
seldom = st.sampled_from([False] * 7 + [True])
edges = st.sampled_from([None] * 5 + [1, 0])
"""When a step comes: now, or in the last second of its time, or in the first one after it."""


def plan_of(number: int, now: int) -> Plan:
    """Of the consumer alone: stakes ask the ledger for nothing but how a job ended."""
    signer = KEYS[Who.CONSUMER].address
    return Plan(
        terms=ZERO32, consumer=signer, purpose=PURPOSE, operations=3, sponsor=signer, token=ZERO20, open_by=now + 10**6,
        deadline=now + 10**6, settle_by=now + 10**6, salt=word(number),
        parties=(Party(signer=signer, recorder=signer, payee=signer, tls_key=ZERO32, seed=ZERO32, output=False),),
    )  # fmt: skip


class Machine(BothSides):
    """Two holders, one auditor, three jobs: sealed, open, aborted."""

    def __init__(self, chain: Chain, token: bytes) -> None:
        super().__init__(chain)
        self.token = token
        purses = dict.fromkeys(Who, 0) | dict.fromkeys(HOLDERS, MONEY)
        self.stakes = model.Stakes(
            purses, {SEALED, OPEN, ABORTED}, {(job, 0): Who.CONSUMER for job in (SEALED, OPEN, ABORTED)}
        )
        self.terms: dict[model.Terms, StakeTerms] = {}
        self.plans = [plan_of(number, self.now) for number in range(3)]
        self.jobs = [plan.job(chain.deployment.jobs) for plan in self.plans]
        self.address = chain.deployment.audit_stakes.address
        for who in HOLDERS:
            assert self.tell(KEYS[who], self.calls.approve(token, self.address, 2**255)) is None

    def agree_at_last(self) -> None:
        for terms in self.terms:
            self.agree_on(terms)

    def agree_on(self, terms: model.Terms) -> None:
        slot, expected = self.chain.stake(self.terms[terms]), self.stakes.slot(terms)
        assert (slot.status, slot.fault, slot.until) == (expected.status, expected.fault, expected.until)
        assert self.chain.balance_of(self.token, self.address) == self.stakes.held
        for who in (*HOLDERS, Who.CONSUMER):
            assert self.chain.stakes_owed(self.token, KEYS[who].address) == self.stakes.owed.get(who, 0)
            assert self.chain.balance_of(self.token, KEYS[who].address) == self.stakes.purses[who]

    def at(self, moment: int, before: int | None) -> None:
        if before is not None:
            self.now = max(self.now, moment - before)

    def in_status(self, *statuses: StakeStatus) -> list[model.Terms]:
        return [terms for terms in self.terms if self.stakes.slot(terms).status in statuses]

    # What happens.

    @initialize()
    def begin(self) -> None:
        """The jobs come so far, and a stake is in."""
        consumer = KEYS[Who.CONSUMER]
        for number, (plan, job) in enumerate(zip(self.plans, self.jobs, strict=True)):
            assert self.tell(consumer, self.calls.open(plan, [consumer.sign(job), b"", b""])) is None
            if number == SEALED:
                assert self.tell(consumer, self.calls.record(job, 1, 0, 0, [word(1)])) is None
                head = trail_head(trail_start(job, 1, 0), [word(1)])
                seal = Seal(
                    job=job, attempt=1, heads=(head,), outputs=(ZERO32,), keys=(ZERO32,), epochs=(), payouts=(0,)
                )
                digest = self.chain.deployment.jobs.digest(seal.struct_hash())
                assert self.tell(consumer, self.calls.seal(plan, seal, [[]], [consumer.sign(digest), b""])) is None
                self.stakes.unsealed.discard(SEALED)
        self.deposit(self.draft(SEALED, 0, 10, 60, 20), False)

    def draft(
        self, job: int, party: int, amount: int, seconds: int, answer: int, subject: Subject = Subject.PLACES
    ) -> model.Terms:
        holder = HOLDERS[party]
        terms = model.Terms(job, party, holder, AUDITOR, Who.CONSUMER, amount, self.now + seconds, answer, subject)
        self.terms[terms] = StakeTerms(
            self.jobs[job], party, KEYS[holder].address, KEYS[AUDITOR].address, KEYS[Who.CONSUMER].address, self.token,
            amount, terms.find_by, answer, subject,
        )  # fmt: skip
        return terms

    @precondition(lambda machine: len(machine.terms) < 8)
    @rule(
        job=st.sampled_from([SEALED, SEALED, SEALED, OPEN, ABORTED]),
        party=st.integers(0, 1),
        amount=st.sampled_from([10, 10, 10, 20, 60, 0]),
        seconds=st.sampled_from([60, 60, 5, 1, 0]),
        answer=st.sampled_from([20, 20, 20, 2, 0]),
        subject=st.sampled_from(Subject),
        stranger=seldom,
    )
    def another(
        self, job: int, party: int, amount: int, seconds: int, answer: int, subject: Subject, stranger: bool
    ) -> None:
        self.deposit(self.draft(job, party, amount, seconds, answer, subject), stranger)

    def deposit(self, terms: model.Terms, stranger: bool) -> None:
        sender = Who.STRANGER if stranger else Who(terms.holder)
        call = self.calls.deposit(self.terms[terms])
        self.same(KEYS[sender], call, self.stakes.deposit, terms, sender, self.now + 1)
        self.agree_on(terms)

    @rule(data=st.data(), stranger=seldom)
    def deposit_again(self, data: st.DataObject, stranger: bool) -> None:
        self.deposit(data.draw(st.sampled_from([*self.terms])), stranger)

    @rule(
        data=st.data(),
        fault=st.sampled_from([Fault.REFUSED, Fault.FALSE_OPENING] * 4 + [Fault.NONE, Fault.OTHER_CIRCUIT]),
        stranger=seldom,
        edge=edges,
    )
    def report(self, data: st.DataObject, fault: Fault, stranger: bool, edge: int | None) -> None:
        terms = data.draw(st.sampled_from([*self.terms, *self.in_status(StakeStatus.HELD) * 8]))
        self.at(terms.find_by, edge)
        signer, stake = Who.STRANGER if stranger else AUDITOR, self.terms[terms]
        signature = KEYS[signer].sign(self.chain.deployment.stakes.digest(finding_hash(stake.id, fault, word(1))))
        call = self.calls.report(stake, fault, word(1), signature)
        self.same(KEYS[Who.STRANGER], call, self.stakes.report, terms, fault, signer, self.now + 1)
        self.agree_on(terms)

    @rule(data=st.data(), forged=seldom, stranger=seldom, edge=edges)
    def report_garbling(self, data: st.DataObject, forged: bool, stranger: bool, edge: int | None) -> None:
        """`forged`: what the garbler is said to have committed to is signed by the auditor."""
        garbling = [terms for terms in self.in_status(StakeStatus.HELD) if terms.subject is Subject.GARBLINGS]
        terms = data.draw(st.sampled_from([*self.terms, *garbling * 8]))
        self.at(terms.find_by, edge)
        signer, author = Who.STRANGER if stranger else AUDITOR, AUDITOR if forged else Who.CONSUMER
        stake, domains = self.terms[terms], self.chain.deployment
        message = Message(
            job=stake.job, attempt=1, sequence=2, sender=stake.party, receiver=3, tag=COMMITTED, digest=word(4)
        )
        signed = SignedMessage(message=message, signature=KEYS[author].sign(domains.jobs.digest(message.hash)))
        struct = garbling_finding_hash(stake.id, message.hash, word(1))
        call = self.calls.report_garbling(stake, signed, word(1), KEYS[signer].sign(domains.stakes.digest(struct)))
        self.same(KEYS[Who.STRANGER], call, self.stakes.report_garbling, terms, author, signer, self.now + 1)
        self.agree_on(terms)

    @rule(data=st.data(), stranger=seldom, edge=edges)
    def answer(self, data: st.DataObject, stranger: bool, edge: int | None) -> None:
        terms = data.draw(st.sampled_from([*self.terms, *self.in_status(StakeStatus.REPORTED) * 8]))
        self.at(self.stakes.slot(terms).until, edge)
        sender = Who.STRANGER if stranger else Who(terms.holder)
        call = self.calls.answer(self.terms[terms], word(2))
        self.same(KEYS[sender], call, self.stakes.answer, terms, sender, self.now + 1)
        self.agree_on(terms)

    @rule(data=st.data(), stranger=seldom, edge=edges)
    def uphold(self, data: st.DataObject, stranger: bool, edge: int | None) -> None:
        terms = data.draw(st.sampled_from([*self.terms, *self.in_status(StakeStatus.ANSWERED) * 8]))
        self.at(self.stakes.slot(terms).until, edge)
        signer, stake = Who.STRANGER if stranger else AUDITOR, self.terms[terms]
        signature = KEYS[signer].sign(self.chain.deployment.stakes.digest(upholding_hash(stake.id, word(3))))
        call = self.calls.uphold(stake, word(3), signature)
        self.same(KEYS[Who.STRANGER], call, self.stakes.uphold, terms, signer, self.now + 1)
        self.agree_on(terms)

    @rule(data=st.data(), edge=edges)
    def settle(self, data: st.DataObject, edge: int | None) -> None:
        lasting = self.in_status(StakeStatus.HELD, StakeStatus.REPORTED, StakeStatus.ANSWERED)
        terms = data.draw(st.sampled_from([*self.terms, *lasting * 8]))
        self.at(self.stakes.slot(terms).until or terms.find_by, edge)
        self.same(
            KEYS[Who.STRANGER], self.calls.settle_stake(self.terms[terms]), self.stakes.settle, terms, self.now + 1
        )
        self.agree_on(terms)

    @precondition(lambda machine: ABORTED in machine.stakes.unsealed)
    @rule()
    def abort(self) -> None:
        assert self.tell(KEYS[Who.CONSUMER], self.calls.abort(self.jobs[ABORTED], ZERO32)) is None
        self.stakes.unsealed.discard(ABORTED)
        self.stakes.failed.add(ABORTED)

    @rule(payee=st.sampled_from([*HOLDERS, Who.CONSUMER]))
    def claim(self, payee: Who) -> None:
        call = self.calls.claim_stake(self.token, KEYS[payee].address)
        self.same(KEYS[Who.STRANGER], call, self.stakes.claim, payee)

    @rule(seconds=st.integers(1, 30))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds


@pytest.fixture
def chain(anvil: LocalChain) -> Any:
    with anvil.snapshot():
        yield Chain(anvil.url, deploy(anvil.url, KEYS[Who.STRANGER], 0))


@pytest.fixture
def token(chain: Chain, anvil: LocalChain) -> bytes:
    return deploy_token(anvil.url, KEYS[Who.STRANGER], {KEYS[who].address: MONEY for who in HOLDERS})


@by_histories
def test_stakes_and_model_agree(chain: Chain, token: bytes, histories: int) -> None:
    go_through_histories(lambda: Machine(chain, token), histories)
