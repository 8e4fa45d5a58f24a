"""Points for ECDH PSI on Curve25519: hashing to the curve, blinding, and what is accepted from a peer.

A point is its u-coordinate on v² = u³ + 486662·u² + u over the field of p = 2^255 - 19, as 32 bytes little-endian
(RFC 7748, section 5). One u stands for P and -P; both have the same multiples' u, so nothing is lost by that.

*Hashing* is try-and-increment (Boneh, Lynn, Shacham 2001). For counter = 0, 1, 2, …

    u = SHA-256("placet.psi.curve/1" ‖ length(context) ‖ context ‖ counter ‖ identifier)

with the length in 4 bytes, big-endian, and the counter in one. The digest is read as little-endian with the highest bit
cleared, and the first valid point is taken. Half of all u lie on the curve, so two tries are needed on average. The
number of tries depends on the identifier: only its holder hashes it, so the time that shows is his own.

*Valid* is: canonical (u < p), on the curve and not on its twist (u³ + 486662·u² + u is a nonzero square), not of low
order. Curve25519 is twist-secure (Bernstein 2006), so a twist point would yield little; it is refused all the same,
since no honest party sends one and every refusal is one case less to reason about.

*Cofactor and clamping.* The curve has 8·l points, l prime. X25519 clamps a scalar to 8·m with 2^251 <= m < 2^252.
The factor 8 takes a point into the subgroup of order l, whatever small-order part it had, so a peer can't learn the
scalar modulo 8, and multiplication still commutes: a·(b·P) = b·(a·P) holds for any two clamped scalars. Two different
valid points may differ only by a small-order part and then coincide after blinding; so the parties refuse duplicates
among what they received *and* among what they made of it. The four u of points whose order divides 8 on the curve
(0, 1 and two of order 8) would blind to zero and are refused. Clamped scalars are not uniform modulo l, as in every
use of X25519; Diffie-Hellman there is assumed hard for them.

Blinding is OpenSSL's X25519, constant-time in the scalar. The Jacobi symbol here is plain Python and is not; it only
sees hashes of a party's own identifiers and points that a peer has sent.
"""

from __future__ import annotations

import hashlib
import secrets

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from placet.core.errors import InputError, ProtocolError
from placet.core.framing import frame
from placet.protocols.order import Entropy

P = 2**255 - 19
A = 486662
POINT_BYTES = 32
HASH_DOMAIN = b"placet.psi.curve/1"
LOW_ORDER = frozenset(
    {
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    }
)
"""The u of the curve's points of order 1, 2, 4 and 8 (that of order 4 on the twist, u = -1, is not on the curve)."""


def is_square(value: int) -> bool:
    """Whether `value` is a nonzero square modulo p: its Jacobi symbol is 1.

    Reciprocity by remainders; four times as fast as Euler's criterion with `pow`.
    """
    a, n, symbol = value % P, P, 1
    while a:
        twos = (a & -a).bit_length() - 1
        a >>= twos
        if twos & 1 and n & 7 in (3, 5):
            symbol = -symbol
        if a & n & 3 == 3:
            symbol = -symbol
        a, n = n % a, a
    return n == 1 and symbol == 1


def is_on_curve(u: int) -> bool:
    """Whether a point with this u and a nonzero v lies on the curve (else on the twist, or u = 0)."""
    return is_square(u * (u * u + A * u + 1))


def is_valid(u: int) -> bool:
    """Whether `u` is canonical, on the curve, and not of low order."""
    return u < P and u not in LOW_ORDER and is_on_curve(u)


def require_point(point: bytes, sender: str) -> None:
    """ProtocolError unless these bytes, which `sender` sent, are a valid point."""
    if len(point) != POINT_BYTES:
        raise ProtocolError(f"{sender} sent a point of the wrong length", expected=POINT_BYTES, found=len(point))
    u = int.from_bytes(point, "little")
    if u >= P:
        raise ProtocolError(f"{sender} sent a point that is not canonical", expected="u < 2^255 - 19")
    if u in LOW_ORDER:
        raise ProtocolError(f"{sender} sent a point of low order", expected="an order that does not divide 8")
    if not is_on_curve(u):
        raise ProtocolError(
            f"{sender} sent a point that is not on Curve25519", expected="u³ + 486662·u² + u a nonzero square"
        )


def hash_to_curve(identifier: bytes, context: bytes) -> bytes:
    """The point of `identifier` in `context` (32 bytes), as this module's docstring defines it."""
    prefix = hashlib.sha256(HASH_DOMAIN + frame(context))
    for counter in range(256):
        attempt = prefix.copy()
        attempt.update(bytes((counter,)) + identifier)
        u = int.from_bytes(attempt.digest(), "little") & (2**255 - 1)
        if is_valid(u):
            return u.to_bytes(POINT_BYTES, "little")
    raise InputError("no point found for an identifier, which happens once in 2^256", remedy="use another context")


class Blinding:
    """One secret X25519 scalar: made for one pair of parties and one attempt, used there, and forgotten."""

    def __init__(self, entropy: Entropy = secrets.token_bytes) -> None:
        self._scalar = X25519PrivateKey.from_private_bytes(entropy(POINT_BYTES))

    def __call__(self, point: bytes) -> bytes:
        """The multiple of a valid point by this scalar, clamped (RFC 7748's X25519 function)."""
        return self._scalar.exchange(X25519PublicKey.from_public_bytes(point))
