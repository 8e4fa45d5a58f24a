"""Job ledger, escrow and their model side by side: what must be equal after every step, and at a history's end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from model import jobs as model
from model.accounts import KEYS, OFFERS, SIGNERS, Who, epoch_of, word
from model.escrow import Escrow
from model.reference import Epoch, Input, Offer, Registry, Terms, another
from model.sides import BothSides
from placet.chain import events
from placet.chain.calls import Call
from placet.chain.client import Chain
from placet.chain.states import JobStatus
from placet.core import plan as core_plan
from placet.core.job_list import FIRST_HEAD, list_head, signer_key
from placet.core.trail import trail_head, trail_start
from placet.core.values import ZERO20

MONEY = 400
ENDS = (events.JobCompleted, events.JobClosed, events.JobAborted, events.JobCancelled)


class JobSides(BothSides):
    """A ledger and its model, with the plans of both."""

    def __init__(self, chain: Chain, token: bytes) -> None:
        super().__init__(chain)
        self.token, self.first_block = token, chain.head().number + 1
        self.made = 0
        self.given: tuple[list[Terms], list[Terms]] = ([], [])
        self.registry = Registry([Offer(Who.CONSUMER, model.PURPOSE, model.OPERATIONS) for _ in OFFERS])
        self.escrow = Escrow(dict.fromkeys(Who, 0) | {Who.CONSUMER: MONEY, Who.SPONSOR: MONEY})
        self.ledger = model.Ledger(self.registry, self.escrow)
        self.ids: dict[model.Plan, tuple[core_plan.Plan, bytes]] = {}
        self.heads: dict[tuple[bytes, int, int], tuple[bytes, int]] = {}

    def plans_in(self, *statuses: JobStatus) -> list[model.Plan]:
        return [plan for plan in self.ids if self.ledger.job(plan).status in statuses]

    def step(self, plan: model.Plan, sender: Who, call: Call, action: Any, *arguments: Any) -> bool:
        """Both do it or refuse it. What is refused is not even sent, so only what is done can differ."""
        done = self.same(KEYS[sender], call, action, *arguments)
        if done:
            self.agree_on(plan)
            if plan.funding:
                self.agree_on_money()
        return done

    def agree_on(self, plan: model.Plan) -> None:
        (_, job), chain, expected = self.ids[plan], self.chain, self.ledger.job(plan)
        found, opened = chain.job(job), expected.opened_at > 0
        assert (found.status, found.attempt) == (expected.status, expected.attempt)
        assert (found.opened_at, found.sealed_at) == (expected.opened_at, expected.sealed_at)
        assert (found.parties, found.rewarded) == ((len(plan.parties), plan.funding > 0) if opened else (0, False))
        assert found.keys_missing == len(expected.due)
        for place in range(len(plan.parties) + 1):
            due = expected.due.get(place)
            assert chain.key_due(job, place) == (None if due is None else core_plan.key_hash(word(due)))
            assert chain.payout(job, place) == (expected.payouts[place] if place < len(expected.payouts) else 0)
            for attempt in range(1, expected.attempt + 1):
                self.agree_on_trail(job, attempt, place, expected.trail(attempt, place))
        account = self.escrow.accounts.get(plan.number)
        on_chain = chain.escrow(job)
        if account is None:
            assert (on_chain.token, on_chain.funded, on_chain.left) == (ZERO20, 0, 0)
        else:
            assert (on_chain.token, on_chain.sponsor) == (self.token, KEYS[account.sponsor].address)
            assert (on_chain.funded, on_chain.left) == (account.funded, account.left)

    def agree_on_trail(self, job: bytes, attempt: int, place: int, steps: Sequence[int]) -> None:
        """Equal to the model's, and grown out of what it was when last seen."""
        head, count = self.chain.trail(job, attempt, place)
        before, known = self.heads.get((job, attempt, place), (trail_start(job, attempt, place), 0))
        assert (head, count) == (trail_head(before, [word(step) for step in steps[known:]]), len(steps))
        self.heads[job, attempt, place] = head, count

    def agree_on_money(self) -> None:
        address = self.chain.deployment.reward_escrow.address
        assert self.chain.balance_of(self.token, address) == self.escrow.held
        for who in (*SIGNERS, Who.SPONSOR):
            assert self.chain.owed(self.token, KEYS[who].address) == self.escrow.owed[who]
            assert self.chain.balance_of(self.token, KEYS[who].address) == self.escrow.purses[who]

    def agree_at_last(self) -> None:
        """What the chain's own events say: no job pays out more than was paid in, and none ends twice."""
        for plan in self.ids:
            self.agree_on(plan)
        for offer, expected in zip(OFFERS, self.registry.offers, strict=True):
            found = self.chain.offer(offer.id)
            assert (found.epoch, found.openings) == (epoch_of(expected.epoch), expected.openings)
        self.agree_on_lists()
        paid_in: Counter[bytes] = Counter()
        paid_out: Counter[bytes] = Counter()
        ends: Counter[bytes] = Counter()
        for event in self.chain.events((events.Funded, events.Credited, events.Refunded, *ENDS), self.first_block):
            if isinstance(event, events.Funded):
                paid_in[event.job] += event.amount
            elif isinstance(event, events.Credited | events.Refunded):
                paid_out[event.job] += event.amount
                assert paid_out[event.job] <= paid_in[event.job]
            else:
                ends[event.job] += 1
        ended = [job for plan, (_, job) in self.ids.items() if self.ledger.job(plan).status > JobStatus.SEALED]
        assert ends == Counter(ended)
        assert all(paid_out[job] == paid_in[job] for job in ended)

    def agree_on_lists(self) -> None:
        """Each signer's list is the model's, and its head chains the jobs and the blocks of their openings."""
        ids = {plan.number: job for plan, (_, job) in self.ids.items()}
        told = self.chain.events([events.JobListed], self.first_block)
        opened = {event.job: event.block for event in self.chain.events([events.JobOpened], self.first_block)}
        for who in Who:
            key, head = signer_key(KEYS[who].address), FIRST_HEAD
            jobs = [ids[number] for number in self.ledger.lists.get(who, ())]
            listed = [event for event in told if event.signer == key]
            assert [(event.number, event.job) for event in listed] == list(enumerate(jobs, 1))
            for event in listed:
                head = list_head(head, event.job, opened[event.job])
                assert event.head == head
            assert self.chain.job_list(KEYS[who].address) == (len(jobs), head)

    def wait(self, moment: int, before: int | None) -> None:
        """Let the next block stand so many seconds before one after `moment`, unless it is later; None: don't."""
        if before is not None:
            self.now = max(self.now, moment - before)

    def any_owed(self) -> bool:
        return any(self.escrow.owed.values())

    def epochs(self, plan: model.Plan, stale: bool) -> list[Epoch]:
        return [self.epoch(used.offer, stale) for used in plan.inputs]

    def epoch(self, offer: int, stale: bool) -> Epoch:
        now = self.registry.offers[offer].epoch
        return another(now) if stale else now

    def input(self, offer: int, named: bool, stale: bool) -> Input:
        """The newest consent to an offer that has not ended, if there is one, or a lawful set."""
        newest = max(self.given[offer], key=lambda terms: (not self.registry.state(terms).ended, terms.number))
        consent = newest if named else None
        now = self.registry.offers[offer]
        return Input(offer, consent, self.epoch(offer, stale), now.openings + 5)
