"""What stakes on audits mean, in plain Python. Accounts are numbers; there is one token.

An action that is not allowed raises `Refused`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from model.reference import Refused
from placet.core.stakes import Fault, StakeStatus, Subject


@dataclass(frozen=True)
class Terms:
    """`job`: a number; a stake is known by all that stands here."""

    job: int
    party: int
    holder: int
    auditor: int
    beneficiary: int
    amount: int
    find_by: int
    answer_seconds: int
    subject: Subject = Subject.PLACES


@dataclass
class Held:
    status: StakeStatus = StakeStatus.NONE
    fault: Fault = Fault.NONE
    until: int = 0


@dataclass
class Stakes:
    """`purses` is who has how much of the token, of which the contract may take all; `unsealed` the jobs that go on,
    `failed` those that ended without a seal: all others are sealed. `recorders`: who signs messages, by job
    and party."""

    purses: dict[int, int]
    unsealed: set[int]
    recorders: dict[tuple[int, int], int]
    failed: set[int] = field(default_factory=set)
    slots: dict[Terms, Held] = field(default_factory=dict)
    owed: dict[int, int] = field(default_factory=dict)

    def slot(self, terms: Terms) -> Held:
        return self.slots.setdefault(terms, Held())

    @property
    def held(self) -> int:
        """What the contract has of the token."""
        lasting = (StakeStatus.HELD, StakeStatus.REPORTED, StakeStatus.ANSWERED)
        return sum(t.amount for t, slot in self.slots.items() if slot.status in lasting) + sum(self.owed.values())

    def deposit(self, terms: Terms, sender: int, now: int) -> None:
        if sender != terms.holder:
            raise Refused("NotHolder")
        if terms.amount == 0 or terms.answer_seconds == 0:
            raise Refused("TermsIncomplete")
        self._demand(terms, StakeStatus.NONE)
        if now > terms.find_by:
            raise Refused("TooLateToReport")
        if self.purses[sender] < terms.amount:
            raise Refused("ERC20InsufficientBalance")
        self.purses[sender] -= terms.amount
        self.slot(terms).status = StakeStatus.HELD

    def report(self, terms: Terms, fault: Fault, signer: int, now: int) -> None:
        slot = self._demand_about(terms, Subject.PLACES, now)
        if fault in (Fault.NONE, Fault.OTHER_CIRCUIT):
            raise Refused("NoFault")
        if terms.job in self.unsealed | self.failed:
            raise Refused("NotSealed")
        if signer != terms.auditor:
            raise Refused("NotAuditor")
        slot.status, slot.fault, slot.until = StakeStatus.REPORTED, fault, now + terms.answer_seconds

    def report_garbling(self, terms: Terms, committed: int, signer: int, now: int) -> None:
        """`committed`: whoever signed what the garbler is said to have committed to."""
        slot = self._demand_about(terms, Subject.GARBLINGS, now)
        if committed != self.recorders.get((terms.job, terms.party)):
            raise Refused("NotCommitted")
        if signer != terms.auditor:
            raise Refused("NotAuditor")
        slot.status, slot.fault, slot.until = StakeStatus.REPORTED, Fault.OTHER_CIRCUIT, now + terms.answer_seconds

    def answer(self, terms: Terms, sender: int, now: int) -> None:
        if sender != terms.holder:
            raise Refused("NotHolder")
        slot = self._demand(terms, StakeStatus.REPORTED)
        if now > slot.until:
            raise Refused("TooLateToAnswer")
        slot.status, slot.until = StakeStatus.ANSWERED, now + terms.answer_seconds

    def uphold(self, terms: Terms, signer: int, now: int) -> None:
        slot = self._demand(terms, StakeStatus.ANSWERED)
        if now > slot.until:
            raise Refused("TooLateToAnswer")
        if signer != terms.auditor:
            raise Refused("NotAuditor")
        self._end(terms, StakeStatus.SLASHED, terms.beneficiary)

    def settle(self, terms: Terms, now: int) -> None:
        """A finding that nobody answered costs the stake; in all other ways it comes back."""
        slot = self.slot(terms)
        if slot.status is StakeStatus.HELD:
            over = now > terms.find_by or (terms.subject is Subject.PLACES and terms.job in self.failed)
        elif slot.status in (StakeStatus.REPORTED, StakeStatus.ANSWERED):
            over = now > slot.until
        else:
            raise Refused("WrongStakeStatus")
        if not over:
            raise Refused("TooEarlyToSettle")
        if slot.status is StakeStatus.REPORTED:
            self._end(terms, StakeStatus.SLASHED, terms.beneficiary)
        else:
            self._end(terms, StakeStatus.RETURNED, terms.holder)

    def claim(self, payee: int) -> None:
        if not self.owed.get(payee):
            raise Refused("NothingOwed")
        self.purses[payee] += self.owed.pop(payee)

    def _demand_about(self, terms: Terms, subject: Subject, now: int) -> Held:
        slot = self._demand(terms, StakeStatus.HELD)
        if terms.subject is not subject:
            raise Refused("WrongSubject")
        if now > terms.find_by:
            raise Refused("TooLateToReport")
        return slot

    def _demand(self, terms: Terms, status: StakeStatus) -> Held:
        slot = self.slot(terms)
        if slot.status is not status:
            raise Refused("WrongStakeStatus")
        return slot

    def _end(self, terms: Terms, status: StakeStatus, payee: int) -> None:
        slot = self.slot(terms)
        slot.status, slot.until = status, 0
        self.owed[payee] = self.owed.get(payee, 0) + terms.amount
