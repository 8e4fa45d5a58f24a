"""Purposes (W3C Data Privacy Vocabulary) and operations, as they are named to people and hashed on chain."""

from __future__ import annotations

from enum import IntFlag

from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.values import to_hex

_DPV = "https://w3id.org/dpv#"

PURPOSES: dict[str, str] = {
    _DPV + "CreditChecking": "checking creditworthiness",
    _DPV + "CustomerSolvencyMonitoring": "monitoring solvency",
    _DPV + "CustomerManagement": "managing the customer relation",
    _DPV + "DirectMarketing": "direct marketing",
    _DPV + "PersonalisedAdvertising": "personalised advertising",
    _DPV + "FraudPreventionAndDetection": "preventing and detecting fraud",
    _DPV + "LegalCompliance": "complying with the law",
    _DPV + "RequestedServiceProvision": "providing a service that was asked for",
    _DPV + "ResearchAndDevelopment": "research and development",
    _DPV + "FulfilmentOfContractualObligation": "fulfilling a contract",
}
"""IRI to the words a person reads."""


class Operation(IntFlag):
    """What may be done with the data; flags of `Offer.operations` and `Plan.operations`."""

    PSI = 1
    MPC = 2
    FL = 4
    HE = 8
    DP = 16
    TEE = 32
    ZK = 64


_OPERATION_WORDS = {
    Operation.PSI: "matching records (private set intersection)",
    Operation.MPC: "computing on secret shares",
    Operation.FL: "training a model together (federated learning)",
    Operation.HE: "computing on encrypted values",
    Operation.DP: "publishing noisy statistics (differential privacy)",
    Operation.TEE: "computing in a sealed enclave",
    Operation.ZK: "proving a statement (zero knowledge)",
}
ALL_OPERATIONS = sum(Operation)


def purpose_iri(text: str) -> str:
    """A purpose as a person gives it: its IRI, or its last word as in CreditChecking."""
    return text if ":" in text else _DPV + text


def purpose_id(iri: str) -> bytes:
    """The purpose on chain: keccak256 of the IRI; InputError for an IRI that is not in the list."""
    if iri not in PURPOSES:
        raise InputError("unknown purpose", expected="one of " + ", ".join(sorted(PURPOSES)), found=iri[:120])
    return keccak(iri.encode())


def operation_words(operations: int) -> str:
    """The operations as a person reads them; InputError for none or unknown flags."""
    if operations <= 0 or operations & ~ALL_OPERATIONS:
        raise InputError("unknown operations", expected=f"flags within {ALL_OPERATIONS}", found=operations)
    return ", ".join(words for flag, words in _OPERATION_WORDS.items() if operations & flag)


def purpose_words(purpose: bytes) -> str:
    """The IRI behind a purpose's hash; of an unknown one the hash in hex."""
    return next((iri for iri in PURPOSES if purpose_id(iri) == purpose), to_hex(purpose))
