"""Points for ECDH PSI and for base oblivious transfers: the prime-order group ristretto255 (RFC 9496), computed by
libsodium, which `rbcl` brings.

A point is an element's one encoding, 32 bytes. The group has prime order l, so there is no cofactor to clear and no
point of low order but the identity: a multiple of a valid point by a scalar is valid, and two points that differ still
differ once blinded.

*Hashing* is hash_to_ristretto255 of RFC 9380, appendix B: expand_message_xmd with SHA-512 to 64 bytes, which the map of
RFC 9496, section 4.3.4, takes to a uniform element. Its time depends on the identifier's length alone.

*Valid* is what RFC 9496 decodes, except the identity: no honest party sends it, since nobody can find an identifier
that hashes to it. libsodium 1.0.18, which `rbcl` 1.1 brings, ignores the highest bit of an encoding, so it is looked at
here: else one point could be sent twice.

A scalar is uniform modulo l, reduced from 64 random bytes. libsodium's multiplication is constant-time in it, and so
are its operations on scalars.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from placet.core.errors import ProtocolError
from placet.core.framing import frame
from placet.protocols.order import Entropy

POINT_BYTES = 32
WIDE_BYTES = 64
HASH_BLOCK_BYTES = 128
TAG = b"placet.psi.ecdh-ristretto255/2-with-ristretto255_XMD:SHA-512_R255MAP_RO_"
IDENTITY = bytes(POINT_BYTES)
HIGHEST_BIT = 0x80


@functools.cache
def _rbcl() -> ModuleType:
    """The library, loaded when it is first needed, as that takes a tenth of a second.

    It unpacks libsodium into a file of the temporary folder and leaves that there; once loaded, the file can go.
    """
    import rbcl

    Path(rbcl._sodium._name).unlink(missing_ok=True)
    module: ModuleType = rbcl
    return module


def require_point(point: bytes, sender: str) -> None:
    """ProtocolError unless these bytes, which `sender` sent, are a valid point."""
    if len(point) != POINT_BYTES:
        raise ProtocolError(f"{sender} sent a point of the wrong length", expected=POINT_BYTES, found=len(point))
    if point == IDENTITY:
        raise ProtocolError(f"{sender} sent the identity as a point", expected="any other element of the group")
    if point[-1] & HIGHEST_BIT or not _rbcl().crypto_core_ristretto255_is_valid_point(point):
        raise ProtocolError(
            f"{sender} sent bytes that are no point", expected="a canonical encoding of ristretto255 (RFC 9496)"
        )


def hash_to_ristretto255(message: bytes, tag: bytes) -> bytes:
    """The element that `message` hashes to under the domain separation tag `tag`, of at most 255 bytes (RFC 9380)."""
    suffix = tag + bytes((len(tag),))
    length = WIDE_BYTES.to_bytes(2, "big")
    first = hashlib.sha512(bytes(HASH_BLOCK_BYTES) + message + length + b"\0" + suffix).digest()
    return to_point(hashlib.sha512(first + b"\1" + suffix).digest())


def to_point(uniform: bytes) -> bytes:
    """The uniform element that 64 uniform bytes are mapped to: nobody knows its logarithm."""
    point: bytes = _rbcl().crypto_core_ristretto255_from_hash(uniform)
    return point


def add(first: bytes, second: bytes) -> bytes:
    """The sum of two valid points."""
    total: bytes = _rbcl().crypto_core_ristretto255_add(first, second)
    return total


def subtract(first: bytes, second: bytes) -> bytes:
    """The first point less the second: each valid, or the identity."""
    rest: bytes = _rbcl().crypto_core_ristretto255_sub(first, second)
    return rest


def hash_to_group(identifier: bytes, context: bytes) -> bytes:
    """The point of `identifier` in `context`: of the two, framed so that neither can be shifted into the other."""
    return hash_to_ristretto255(frame(context) + identifier, TAG)


def total(points: Sequence[bytes]) -> bytes:
    """The sum of valid points; the identity, if there are none."""
    return functools.reduce(_rbcl().crypto_core_ristretto255_add, points) if points else IDENTITY


class Blinding:
    """One secret scalar: made for one attempt, used there, and forgotten."""

    def __init__(self, entropy: Entropy = secrets.token_bytes) -> None:
        self._scalar: bytes = _rbcl().crypto_core_ristretto255_scalar_reduce(entropy(WIDE_BYTES))

    @classmethod
    def _of(cls, scalar: bytes) -> Blinding:
        key = cls.__new__(cls)
        key._scalar = scalar
        return key

    def __call__(self, point: bytes) -> bytes:
        """The multiple of a valid point, or of the identity, by this scalar."""
        if point == IDENTITY:
            return IDENTITY
        multiple: bytes = _rbcl().crypto_scalarmult_ristretto255(self._scalar, point)
        return multiple

    def undo(self, multiple: bytes) -> bytes:
        """The valid point of which this is the multiple."""
        point: bytes = _rbcl().crypto_scalarmult_ristretto255(
            _rbcl().crypto_core_ristretto255_scalar_invert(self._scalar), multiple
        )
        return point

    def public(self) -> bytes:
        """The multiple of the group's generator by this scalar."""
        multiple: bytes = _rbcl().crypto_scalarmult_ristretto255_base(self._scalar)
        return multiple

    @staticmethod
    def inverses(keys: Sequence[Blinding]) -> list[Blinding]:
        """What undoes each of `keys`: one inversion and three multiplications a key (Montgomery, Mathematics of
        Computation 48, 1987)."""
        if not keys:
            return []
        multiply = _rbcl().crypto_core_ristretto255_scalar_mul
        products = [keys[0]._scalar]
        for key in keys[1:]:
            products.append(multiply(products[-1], key._scalar))
        rest: bytes = _rbcl().crypto_core_ristretto255_scalar_invert(products[-1])
        undoing: list[Blinding] = []
        for product, key in zip(reversed(products[:-1]), reversed(keys), strict=False):
            undoing.append(Blinding._of(multiply(rest, product)))
            rest = multiply(rest, key._scalar)
        return [Blinding._of(rest), *reversed(undoing)]
