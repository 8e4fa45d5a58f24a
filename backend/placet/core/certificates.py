"""A garbling's certificate by itself, for who has nothing else of the job: with the plan, its terms, and what the
garbler signed. And what an auditor finds by it, and the accused's answer.

A certificate tells of no person: numbers of rows, hashes and seeds of an attempt that nobody used.
"""

from __future__ import annotations

from typing import Literal

from placet.core.garbling import GarblingComplaint
from placet.core.hashing import document_hash
from placet.core.ids import JobId, StakeId
from placet.core.plan import Plan, Terms
from placet.core.stakes import Fault
from placet.core.trail import SignedMessage
from placet.core.values import U32, Address, Bytes32, Value

MAX_CERTIFICATE = 4 << 20
"""Bytes of one, and of a finding that has one in it."""


class GarblingCertificate(Value):
    """`committed`: the message in which the accused committed to the complaint's payload, as it signed it."""

    type: Literal["placet.garbling-certificate"] = "placet.garbling-certificate"
    version: Literal[1] = 1
    plan: Plan
    terms: Terms
    committed: SignedMessage
    complaint: GarblingComplaint


class GarblingFinding(Value):
    """That a certificate convinces the auditor: `party` garbled another circuit. Whoever has the finding judges the
    certificate again."""

    type: Literal["placet.garbling-finding"] = "placet.garbling-finding"
    version: Literal[1] = 1
    job: JobId
    party: U32
    stake: StakeId
    auditor: Address
    certificate: GarblingCertificate

    @property
    def fault(self) -> Fault:
        """As the contract has it."""
        return Fault.OTHER_CIRCUIT

    def hash(self) -> bytes:
        return document_hash(self)


class GarblingAnswer(Value):
    """What the accused says to it: that the certificate in `finding` (its hash) is none; or, by None, that no finding
    was shown."""

    type: Literal["placet.garbling-answer"] = "placet.garbling-answer"
    version: Literal[1] = 1
    job: JobId
    party: U32
    stake: StakeId
    finding: Bytes32 | None

    def hash(self) -> bytes:
        return document_hash(self)
