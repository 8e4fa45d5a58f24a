"""What parties of a comparison ask each other before there is a plan; what a company asks its own client for."""

from __future__ import annotations

from placet.core.enclave_policy import EnclavePolicy, Role
from placet.core.ids import ConsentId
from placet.core.plan import Input
from placet.core.values import U96, Address, Bytes32, Text, Value
from placet.jobs.messages import PartyEntry, Sponsorship


class DocumentRequest(Value):
    """Would you have a document compared with mine, for this purpose, in that service's enclave?"""

    purpose: Text
    service: Address


class DocumentResponse(Value):
    """With the X25519 key under which this company gets the result."""

    entry: PartyEntry
    input: Input
    key: Bytes32


class EnclaveRequest(Value):
    """Would you run the enclave?"""


class EnclaveResponse(Value):
    """`policy` is what the plan must ask of the enclave so that it can run there."""

    entry: PartyEntry
    policy: EnclavePolicy


class ComparisonRequest(Sponsorship):
    """What a company asks its own client for, as sponsor and consumer."""

    consent: ConsentId
    role: Role
    partner: Address
    service: Address
    reward: U96 = 0
