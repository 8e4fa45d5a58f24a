"""What the job ledger means, in plain Python: no storage, no hashes, no gas.

Accounts, steps and keys are numbers. `now` is the block's time. An action that is not allowed raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from model.escrow import Escrow
from model.reference import Epoch, Input, Refused, Registry
from placet.chain.states import JobStatus

GRACE = 86_400
"""Seconds after `settle_by` in which steps may still be told."""

PURPOSE, OPERATIONS = 0, 3
"""Of every offer and every plan here: what else there may be, the registry's own histories show."""

Signed: TypeAlias = Sequence[int | None]
"""Who has signed, at each place of a list of signers; None for an empty signature."""


@dataclass(frozen=True)
class Party:
    signer: int
    recorder: int
    payee: int
    reward: int
    output: bool
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class Plan:
    """`number` tells two with the same content apart, and is the job's name."""

    number: int
    consumer: int
    sponsor: int
    open_by: int
    deadline: int
    settle_by: int
    parties: tuple[Party, ...]
    pot: int = 0

    @property
    def signers(self) -> tuple[int, ...]:
        return (*(party.signer for party in self.parties), self.consumer, self.sponsor)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return tuple(used for party in self.parties for used in party.inputs)

    @property
    def funding(self) -> int:
        return sum(party.reward for party in self.parties) + self.pot


@dataclass(frozen=True)
class Seal:
    """What is agreed at the end: one trail, output, key (0: none) and share of the pot a party, one epoch an input.
    `rest` comes beside it: what each trail on chain lacks, by its sender's word."""

    attempt: int
    trails: tuple[tuple[int, ...], ...]
    outputs: tuple[bool, ...]
    keys: tuple[int, ...]
    epochs: tuple[Epoch, ...]
    payouts: tuple[int, ...]
    rest: tuple[tuple[int, ...], ...]


@dataclass
class Job:
    """`trails` by attempt and party; `due` are the keys that parties still owe, `payouts` the sealed ones."""

    status: JobStatus = JobStatus.NONE
    attempt: int = 0
    opened_at: int = 0
    sealed_at: int = 0
    trails: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    due: dict[int, int] = field(default_factory=dict)
    payouts: tuple[int, ...] = ()

    def trail(self, attempt: int, party: int) -> list[int]:
        return self.trails.setdefault((attempt, party), [])


class Ledger:
    def __init__(self, registry: Registry, escrow: Escrow) -> None:
        self.registry, self.escrow = registry, escrow
        self.jobs: dict[int, Job] = {}
        self.lists: dict[int, list[int]] = {}
        """By signer, the plans that were opened under its signature, in order."""

    def job(self, plan: Plan) -> Job:
        return self.jobs.setdefault(plan.number, Job())

    def open(self, plan: Plan, signed: Signed, now: int) -> None:
        job = self._demand(plan, JobStatus.NONE)
        self._demand_well_formed(plan, now)
        self._demand_signed(plan, signed, len(plan.signers))
        self.registry.open(plan.inputs, plan.consumer, PURPOSE, OPERATIONS, now, plan.deadline)
        try:
            if plan.funding:
                self.escrow.fund(plan.number, plan.sponsor, plan.funding)
        except Refused:
            for used in plan.inputs:
                self.registry.offers[used.offer].openings -= 1
            raise
        job.status, job.attempt, job.opened_at = JobStatus.OPEN, 1, now
        for signer in set(plan.signers):
            self.lists.setdefault(signer, []).append(plan.number)

    def cancel(self, plan: Plan, place: int, sender: int, signed: int | None) -> None:
        """By one signer alone, before the opening, for ever."""
        job = self._demand(plan, JobStatus.NONE)
        if place >= len(plan.signers):
            raise Refused("UnknownSigner")
        if plan.signers[place] not in (sender, signed):
            raise Refused("InvalidSignerSignature")
        job.status = JobStatus.CANCELLED

    def record(
        self, plan: Plan, attempt: int, party: int, sender: int, start: int, steps: Sequence[int], now: int
    ) -> None:
        """What was done is always told, but for the sealed attempt, which is complete."""
        job = self.job(plan)
        if job.status in (JobStatus.NONE, JobStatus.CANCELLED):
            raise Refused("WrongStatus")
        if not 1 <= attempt <= job.attempt:
            raise Refused("WrongAttempt")
        if attempt == job.attempt and job.status not in (JobStatus.OPEN, JobStatus.ABORTED):
            raise Refused("TrailFrozen")
        if now > plan.settle_by + GRACE:
            raise Refused("TooLateToRecord")
        if party >= len(plan.parties) or plan.parties[party].recorder != sender:
            raise Refused("NotRecorder")
        if not steps:
            raise Refused("NothingToRecord")
        if start != len(job.trail(attempt, party)):
            raise Refused("TrailGap")
        job.trail(attempt, party).extend(steps)

    def amend(self, plan: Plan, rooted: Sequence[bool], epochs: Sequence[Epoch], signed: Signed, now: int) -> None:
        """The next attempt; `rooted`: which inputs have a lawful set again."""
        job = self._demand(plan, JobStatus.OPEN)
        if now > plan.deadline:
            raise Refused("TooLateToSeal")
        self._demand_signed(plan, signed, len(plan.parties))
        _demand_one_each(plan.inputs, rooted)
        if any(given != (used.consent is None) for used, given in zip(plan.inputs, rooted, strict=True)):
            raise Refused("WrongRoot")
        self._demand_live(plan, epochs)
        job.attempt += 1

    def seal(self, plan: Plan, seal: Seal, signed: Signed, now: int) -> None:
        job = self._demand(plan, JobStatus.OPEN)
        if seal.attempt != job.attempt:
            raise Refused("WrongAttempt")
        if now > plan.deadline:
            raise Refused("TooLateToSeal")
        self._demand_signed(plan, signed, len(plan.parties) + 1)
        self._demand_live(plan, seal.epochs)
        for listed in (seal.rest, seal.trails, seal.outputs, seal.keys):
            _demand_one_each(plan.parties, listed)
        trails = [[*job.trail(job.attempt, place), *rest] for place, rest in enumerate(seal.rest)]
        for place, party in enumerate(plan.parties):
            if not trails[place]:
                raise Refused("TrailEmpty")
            if list(seal.trails[place]) != trails[place]:
                raise Refused("WrongHead")
            if not seal.outputs[place] == (seal.keys[place] != 0) == party.output:
                raise Refused("WrongOutput")
        _demand_one_each(plan.parties, seal.payouts)
        if sum(seal.payouts) > plan.pot:
            raise Refused("PayoutsExceedPot")
        job.trails |= {(job.attempt, place): trail for place, trail in enumerate(trails)}
        job.status, job.sealed_at, job.payouts = JobStatus.SEALED, now, seal.payouts
        job.due = {place: key for place, key in enumerate(seal.keys) if key}
        self._complete_without_due(plan)

    def release(self, plan: Plan, party: int, key: int, now: int) -> None:
        """By anybody who has the key; the last one pays."""
        job = self._demand(plan, JobStatus.SEALED)
        if now > plan.settle_by:
            raise Refused("TooLateToRelease")
        if party not in job.due:
            raise Refused("NoKeyDue")
        if job.due[party] != key:
            raise Refused("WrongKey")
        del job.due[party]
        self._complete_without_due(plan)

    def close(self, plan: Plan, now: int) -> None:
        """Without the keys that did not come; who owes one is not paid."""
        job = self._demand(plan, JobStatus.SEALED)
        if now <= plan.settle_by:
            raise Refused("TooEarlyToClose")
        self._end(plan, JobStatus.CLOSED, [place for place in range(len(plan.parties)) if place not in job.due])

    def abort(self, plan: Plan, sender: int, now: int) -> None:
        self._demand(plan, JobStatus.OPEN)
        if now <= plan.deadline and sender not in [party.recorder for party in plan.parties]:
            raise Refused("NotRecorder")
        self._end(plan, JobStatus.ABORTED, [])

    def abort_for_consent(self, plan: Plan, number: int) -> None:
        """By anybody, at any time, once the consent that the input names has ended."""
        self._demand(plan, JobStatus.OPEN)
        if number >= len(plan.inputs):
            raise Refused("UnknownInput")
        named = plan.inputs[number].consent
        if named is None or not self.registry.state(named).ended:
            raise Refused("ConsentStillLive")
        self._end(plan, JobStatus.ABORTED, [])

    def _complete_without_due(self, plan: Plan) -> None:
        if not self.job(plan).due:
            self._end(plan, JobStatus.COMPLETED, range(len(plan.parties)))

    def _end(self, plan: Plan, how: JobStatus, earners: Sequence[int]) -> None:
        self.job(plan).status = how
        if plan.funding:
            payouts = self.job(plan).payouts
            earned = [(plan.parties[i].payee, plan.parties[i].reward + payouts[i]) for i in earners]
            self.escrow.settle(plan.number, earned)

    def _demand(self, plan: Plan, status: JobStatus) -> Job:
        job = self.job(plan)
        if job.status != status:
            raise Refused("WrongStatus")
        return job

    def _demand_live(self, plan: Plan, epochs: Sequence[Epoch]) -> None:
        _demand_one_each(plan.inputs, epochs)
        self.registry.demand_live(plan.inputs, epochs)

    @staticmethod
    def _demand_well_formed(plan: Plan, now: int) -> None:
        if now > plan.open_by:
            raise Refused("TooLateToOpen")
        if not plan.open_by <= plan.deadline <= plan.settle_by:
            raise Refused("TimesOutOfOrder")
        recorders = [party.recorder for party in plan.parties]
        if len(set(recorders)) != len(recorders):
            raise Refused("DuplicateRecorder")

    @staticmethod
    def _demand_signed(plan: Plan, signed: Signed, count: int) -> None:
        """The first `count` of parties, consumer, sponsor. Consumer and sponsor need not sign a second time."""
        _demand_one_each(plan.signers[:count], signed)
        for place, signer in enumerate(plan.signers[:count]):
            again = place >= len(plan.parties) and signer in plan.signers[:place]
            if signed[place] != signer and not (signed[place] is None and again):
                raise Refused("InvalidSignerSignature")


def _demand_one_each(expected: Sequence[object], found: Sequence[object]) -> None:
    if len(expected) != len(found):
        raise Refused("LengthMismatch")
