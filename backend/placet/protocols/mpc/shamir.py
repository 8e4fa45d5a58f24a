"""Shamir's secret sharing (1979) of 32 bytes: any `threshold` shares give the secret, fewer say nothing about it.

Over the integers modulo the prime 2^256 + 297, the next one after all secrets. A share is the polynomial's value at a
party's place, counted from 1.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from placet.core.errors import InputError, ProtocolError
from placet.protocols.order import Entropy

PRIME = 2**256 + 297
SECRET, SHARE = 32, 33
"""Bytes of a secret and of a share."""
MAX_SHARES = 255


def split(secret: bytes, parties: int, threshold: int, entropy: Entropy = secrets.token_bytes) -> list[bytes]:
    """One share for each party, in order. InputError for another secret or impossible numbers."""
    if len(secret) != SECRET or not 1 <= threshold <= parties <= MAX_SHARES:
        raise InputError(
            "a secret can't be shared so",
            expected=f"{SECRET} bytes, 1 to {MAX_SHARES} parties and no larger threshold",
            found=f"{len(secret)} bytes, {threshold} of {parties}",
        )
    # 16 bytes more than the prime has: within 2^-128 of uniform
    polynomial = [int.from_bytes(secret, "big")]
    polynomial += [int.from_bytes(entropy(SHARE + 16), "big") % PRIME for _ in range(threshold - 1)]
    return [_value(polynomial, place).to_bytes(SHARE, "big") for place in range(1, parties + 1)]


def _value(polynomial: list[int], place: int) -> int:
    total = 0
    for coefficient in reversed(polynomial):
        total = (total * place + coefficient) % PRIME
    return total


def join(shares: Mapping[int, bytes], threshold: int) -> bytes:
    """The secret, by shares under their parties' indices, counted from 0. ProtocolError for too few, for shares of no
    form, and where they lie on no polynomial of that degree or give no secret: then one of them is wrong."""
    if len(shares) < threshold:
        raise ProtocolError("too few shares of a secret", expected=threshold, found=len(shares))
    points = {index + 1: int.from_bytes(share, "big") for index, share in shares.items() if len(share) == SHARE}
    if len(points) != len(shares) or any(value >= PRIME for value in points.values()):
        raise ProtocolError("a share has another form", expected=f"{SHARE} bytes below the prime")
    first = dict(sorted(points.items())[:threshold])
    for place, value in points.items():
        if place not in first and _interpolated(first, place) != value:
            raise ProtocolError("the shares are of no one secret", code="peer.share")
    secret = _interpolated(first, 0)
    if secret >> (8 * SECRET):
        raise ProtocolError("the shares are of no one secret", code="peer.share")
    return secret.to_bytes(SECRET, "big")


def _interpolated(points: Mapping[int, int], at: int) -> int:
    """Lagrange's value of the polynomial through the points."""
    total = 0
    for place, value in points.items():
        above, below = 1, 1
        for other in points:
            if other != place:
                above = above * (at - other) % PRIME
                below = below * (place - other) % PRIME
        total = (total + value * above * pow(below, -1, PRIME)) % PRIME
    return total
