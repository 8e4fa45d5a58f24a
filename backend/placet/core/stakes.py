"""A stake that a party puts up for a job's audit, and what its auditor signs (contract `AuditStakes`).

The stake's id is the EIP-712 struct hash of its terms. Nobody tells which stake is due: whoever relies on one works the
id out from the plan and the audit that its terms name, and looks for it on chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from placet.core import eip712
from placet.core.ids import JobId, StakeId
from placet.core.plan import AuditStake, GarblingAudit, Plan


class Subject(IntEnum):
    """The contract's `Subject`: what a stake answers for, drawn places or garblings."""

    PLACES = 0
    GARBLINGS = 1


class Fault(IntEnum):
    """The contract's `Fault`: the places were not opened, or an opening is false; another circuit was garbled."""

    NONE = 0
    REFUSED = 1
    FALSE_OPENING = 2
    OTHER_CIRCUIT = 3

    @property
    def word(self) -> str:
        """As documents and commands have it."""
        return self.name.lower().replace("_", "-")


class StakeStatus(IntEnum):
    """The contract's `Status`."""

    NONE = 0
    HELD = 1
    REPORTED = 2
    ANSWERED = 3
    RETURNED = 4
    SLASHED = 5


@dataclass(frozen=True)
class StakeTerms:
    """`holder` deposits, answers and gets the stake back; `beneficiary` gets a lost one. `amount` in the token's
    smallest unit. Until `find_by` (Unix seconds) the auditor may report a fault; for `answer_seconds` the holder may
    then answer, and after an answer the auditor uphold what it found."""

    job: JobId
    party: int
    holder: bytes
    auditor: bytes
    beneficiary: bytes
    token: bytes
    amount: int
    find_by: int
    answer_seconds: int
    subject: Subject = Subject.PLACES

    @property
    def id(self) -> StakeId:
        return StakeId(eip712.STAKE.hash(self))

    @classmethod
    def of(cls, values: Sequence[Any]) -> StakeTerms:
        """`to_tuple` turned back, of what the ABI decodes."""
        return replace(cls(*values), subject=Subject(values[-1]))

    def to_tuple(self) -> tuple[bytes | int, ...]:
        """As the contract's ABI takes it."""
        return (
            self.job,
            self.party,
            self.holder,
            self.auditor,
            self.beneficiary,
            self.token,
            self.amount,
            self.find_by,
            self.answer_seconds,
            int(self.subject),
        )


def stake_of(plan: Plan, audit: AuditStake, job: JobId, party: int) -> StakeTerms:
    """The one that a party of a plan puts up."""
    return StakeTerms(
        job=job,
        party=party,
        holder=plan.parties[party].payee,
        auditor=audit.auditor,
        beneficiary=audit.beneficiary,
        token=audit.token,
        amount=audit.stake,
        find_by=plan.settle_by + audit.find_seconds,
        answer_seconds=audit.answer_seconds,
        subject=Subject.GARBLINGS if isinstance(audit, GarblingAudit) else Subject.PLACES,
    )


def finding_hash(stake: StakeId, fault: Fault, evidence: bytes) -> bytes:
    """EIP-712 struct hash under which an auditor reports a fault; `evidence`: hash of its finding document."""
    return eip712.FINDING.of(stake, int(fault), evidence)


def garbling_finding_hash(stake: StakeId, message: bytes, evidence: bytes) -> bytes:
    """EIP-712 struct hash under which an auditor reports another circuit; `message`: struct hash of the message in
    which the garbler committed to it."""
    return eip712.GARBLING_FINDING.of(stake, message, evidence)


def upholding_hash(stake: StakeId, evidence: bytes) -> bytes:
    """EIP-712 struct hash under which an auditor upholds a finding that was answered."""
    return eip712.UPHOLDING.of(stake, evidence)
