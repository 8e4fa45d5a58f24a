"""A withdrawal: how an owner ends a consent, and the lists in which the chain keeps what has ended."""

from __future__ import annotations

from typing import Any

from placet.core import eip712
from placet.core.hashing import keccak
from placet.core.ids import ConsentId
from placet.core.values import to_hex


def withdrawal_hash(consent: ConsentId) -> bytes:
    """EIP-712 struct hash of a withdrawal."""
    return eip712.WITHDRAWAL.of(consent)


def withdrawal_typed_data(consent: ConsentId, domain: eip712.Domain) -> dict[str, Any]:
    """What a wallet signs to withdraw."""
    return domain.typed_data("Withdrawal", {"consent": to_hex(consent)})


FIRST_EPOCH = bytes(24)
"""The epoch of an offer of which no proven consent has ended, and the head of an empty list of unproven ends."""


def withdrawal_head(head: bytes, consent: ConsentId) -> bytes:
    """The next head (24 bytes) of a list of ended consents: an offer's proven ones, whose head is its epoch, or those
    that were unproven when they came."""
    return keccak(head, consent)[:24]
