"""ECDSA over a 32-byte digest as the contracts verify it: secp256k1 with recovery, and P-256; low s alone."""

from __future__ import annotations

import functools

import coincurve
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from placet.core.hashing import keccak

SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF = (SECP256K1_N // 2).to_bytes(32, "big")
_V = {27: b"\x00", 28: b"\x01"}
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The address whose ECDSA signature this is (65 bytes r ‖ s ‖ v, v 27 or 28, low s), or None."""
    if len(signature) != 65 or signature[32:64] > _HALF or (v := _V.get(signature[64])) is None:
        return None
    try:
        key = coincurve.PublicKey.from_signature_and_message(signature[:64] + v, digest, hasher=None)
    except ValueError:
        return None
    except Exception as error:  # coincurve raises a bare Exception for a point that can't be recovered
        if type(error) is not Exception:
            raise
        return None
    return _address(key.format(compressed=False))


@functools.lru_cache(maxsize=256)
def _address(point: bytes) -> bytes:
    return keccak(point[1:])[12:]


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
