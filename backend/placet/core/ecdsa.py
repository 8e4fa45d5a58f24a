"""ECDSA over a 32-byte digest as the contracts verify it: secp256k1 with recovery, and P-256; low s alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT
from coincurve.flags import EC_UNCOMPRESSED
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from placet.core.hashing import keccak_256

SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF = (SECP256K1_N // 2).to_bytes(32, "big")
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


class _Own(threading.local):
    """What libsecp256k1 writes into, each thread's own: it works without the interpreter's lock."""

    def __init__(self) -> None:
        point = ffi.new("unsigned char[65]")
        self.parsed = ffi.new("secp256k1_ecdsa_recoverable_signature *")
        self.key = ffi.new("secp256k1_pubkey *")
        self.size = ffi.new("size_t *", 65)
        self.point, self.coordinates = point, ffi.buffer(point + 1, 64)


_own = _Own()


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The address whose ECDSA signature this is (65 bytes r ‖ s ‖ v, v 27 or 28, low s), or None."""
    return recover_many((digest,), (signature,))[0]


def recover_many(digests: Iterable[bytes], signatures: Iterable[bytes]) -> list[bytes | None]:
    """The same of many digests and signatures, one each."""
    parsed, key, size, point, coordinates = _own.parsed, _own.key, _own.size, _own.point, _own.coordinates
    context, addresses = GLOBAL_CONTEXT.ctx, list[bytes | None]()
    for digest, signature in zip(digests, signatures, strict=True):
        if (
            len(signature) == 65
            and len(digest) == 32
            and signature[32:64] <= _HALF
            and (parity := signature[64] - 27) in (0, 1)
            and _parse(context, parsed, signature, parity)
            and _recover(context, key, parsed, digest)
            and _serialize(context, point, size, key, EC_UNCOMPRESSED)
        ):
            addresses.append(keccak_256(coordinates).digest()[12:])
        else:
            addresses.append(None)
    return addresses


_parse = lib.secp256k1_ecdsa_recoverable_signature_parse_compact
_recover = lib.secp256k1_ecdsa_recover
_serialize = lib.secp256k1_ec_pubkey_serialize


def p256_valid(key: bytes, digest: bytes, signature: bytes) -> bool:
    """P-256 over a 32-byte digest; key is x ‖ y, signature r ‖ s with low s."""
    if len(key) != 64 or len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < P256_N and 0 < s <= P256_N // 2):
        return False
    try:
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big"), ec.SECP256R1()
        )
        numbers.public_key().verify(utils.encode_dss_signature(r, s), digest, PREHASHED)
    except (InvalidSignature, ValueError):
        return False
    return True
