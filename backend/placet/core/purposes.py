"""Purposes (W3C Data Privacy Vocabulary) and operations, as they are named to people and hashed on chain."""

from __future__ import annotations

from enum import IntFlag

from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.languages import ENGLISH, Language, words_of
from placet.core.values import to_hex

_DPV = "https://w3id.org/dpv#"

PURPOSES = words_of(ENGLISH).purposes
"""IRI to the words a person reads, in English."""


class Operation(IntFlag):
    """What may be done with the data; flags of `Offer.operations` and `Plan.operations`."""

    PSI = 1
    MPC = 2
    FL = 4
    HE = 8
    DP = 16
    TEE = 32
    ZK = 64


ALL_OPERATIONS = sum(Operation)


def purpose_iri(text: str) -> str:
    """A purpose as a person gives it: its IRI, or its last word as in CreditChecking."""
    return text if ":" in text else _DPV + text


def purpose_id(iri: str) -> bytes:
    """The purpose on chain: keccak256 of the IRI; InputError for an IRI that is not in the list."""
    if iri not in PURPOSES:
        raise InputError("unknown purpose", expected="one of " + ", ".join(sorted(PURPOSES)), found=iri[:120])
    return keccak(iri.encode())


def operation_words(operations: int, language: Language = ENGLISH) -> str:
    """The operations as a person reads them; InputError for none or unknown flags."""
    if operations <= 0 or operations & ~ALL_OPERATIONS:
        raise InputError("unknown operations", expected=f"flags within {ALL_OPERATIONS}", found=operations)
    words = words_of(language)
    return words.list(words.operations[str(flag.name)] for flag in Operation if operations & flag)


def purpose_words(purpose: bytes) -> str:
    """The IRI behind a purpose's hash; of an unknown one the hash in hex."""
    return next((iri for iri in PURPOSES if purpose_id(iri) == purpose), to_hex(purpose))
