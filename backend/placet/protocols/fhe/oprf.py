"""The oblivious pseudorandom function in front of FHE PSI: OPRF(ristretto255, SHA-512) of RFC 9497.

F(x) = SHA-512(x ‖ k·H(x), framed) under the sender's secret scalar k. The receiver blinds each H(x) with a scalar of
its own, so that the sender learns nothing at all of x; without the sender nobody computes F of anything, and the sender
counts what it answers. 2HashDH: Jarecki, Kiayias, Krawczyk, "Round-optimal password-protected secret sharing", 2014;
pseudorandom by one-more gap Diffie-Hellman, SHA-512 taken as a random oracle. It is not verifiable: a sender that uses
another scalar for one point makes that one miss, as it may by leaving out the row.
"""

from __future__ import annotations

import hashlib

from placet.core.framing import frame
from placet.core.hashing import sha256
from placet.protocols.psi.ristretto import Blinding, hash_to_ristretto255

OUTPUT_BYTES = 64
SUITE = b"OPRFV1-\0-ristretto255-SHA512"
TAG = b"HashToGroup-" + SUITE
_WIDTH = 2


def input_of(identifier: bytes, context: bytes) -> bytes:
    """What the function is computed of: the two, framed so that neither can be shifted into the other, hashed."""
    return sha256(b"placet.psi.fhe/1", frame(context), identifier)


def point_of(value: bytes) -> bytes:
    """H(x)."""
    return hash_to_ristretto255(value, TAG)


def output_of(value: bytes, multiple: bytes) -> bytes:
    """F(x) of k·H(x), 64 bytes (RFC 9497, section 3.3.1)."""
    return hashlib.sha512(frame(value, _WIDTH) + frame(multiple, _WIDTH) + b"Finalize").digest()


def evaluate(key: Blinding, value: bytes) -> bytes:
    """F(x) by the one who has the key."""
    return output_of(value, key(point_of(value)))


class Blinded:
    """One x on its way: `point` goes to the sender, who sees a uniform element whatever x is."""

    def __init__(self, value: bytes, blinding: Blinding) -> None:
        """`blinding`: this one's alone."""
        self._value = value
        self._blinding = blinding
        self.point = blinding(point_of(value))

    def output(self, multiple: bytes) -> bytes:
        """F(x) of the sender's multiple of `point`, a valid point."""
        return output_of(self._value, self._blinding.undo(multiple))
