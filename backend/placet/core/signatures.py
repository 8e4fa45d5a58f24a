"""Who signed: ERC-7913 signers off chain.

An address is tried as an ECDSA key first (a wallet, or an EIP-7702 account, has one) and, if that fails and the caller
can ask the chain, as an ERC-1271 contract. Longer signers are P-256 keys behind a verifier of the deployment.
Signatures must have a low s, as OpenZeppelin's contracts demand.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import coincurve
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from placet.core.errors import SignatureError
from placet.core.hashing import keccak
from placet.core.values import to_hex

SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF = (SECP256K1_N // 2).to_bytes(32, "big")
_V = {27: b"\x00", 28: b"\x01"}
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))

ContractCheck = Callable[[bytes, bytes, bytes], bool]
"""(address, digest, signature) → does the ERC-1271 contract accept it?"""


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
        numbers.public_key().verify(utils.encode_dss_signature(r, s), digest, _PREHASHED)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Verifiers:
    """What a deployment accepts: the addresses of its P-256 verifiers, and how to ask ERC-1271 contracts (or None)."""

    p256: frozenset[bytes]
    contract: ContractCheck | None = None

    def accepts(self, signer: bytes, digest: bytes, signature: bytes) -> bool:
        """Does `signature` over `digest` come from `signer`? False where it can't be checked."""
        if len(signer) == 20:
            if recover(digest, signature) == signer:
                return True
            return self.contract is not None and self.contract(signer, digest, signature)
        return len(signer) == 84 and signer[:20] in self.p256 and p256_valid(signer[20:], digest, signature)

    def demand(self, what: str, signer: bytes, digest: bytes, signature: bytes) -> None:
        """SignatureError unless `accepts`."""
        if not self.accepts(signer, digest, signature):
            found = recover(digest, signature)
            raise SignatureError(
                f"{what} is not signed by its signer",
                expected=to_hex(signer),
                found="no valid signature" if found is None else f"a signature of {to_hex(found)}",
                remedy="sign the exact typed data with the key that is named in it",
            )


class Key:
    """A secp256k1 signing key. Its secret shows neither in `repr` nor in errors."""

    def __init__(self, secret: bytes | None = None) -> None:
        self._key = coincurve.PrivateKey(secret if secret is not None else secrets.token_bytes(32))
        self.address: bytes = keccak(self._key.public_key.format(compressed=False)[1:])[12:]

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r ‖ s ‖ v over a 32-byte digest; deterministic (RFC 6979), low s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])

    @property
    def secret(self) -> bytes:
        """The 32 secret bytes, for a keystore or a transaction signer."""
        return self._key.secret

    def __repr__(self) -> str:
        return f"Key({to_hex(self.address)})"


class P256Key:
    """A P-256 signing key as an ERC-7913 signer behind `verifier`."""

    def __init__(self, verifier: bytes, private: ec.EllipticCurvePrivateKey | None = None) -> None:
        self._private = private or ec.generate_private_key(ec.SECP256R1())
        point = self._private.public_key().public_numbers()
        self.signer: bytes = verifier + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")

    def sign(self, digest: bytes) -> bytes:
        """64 bytes r ‖ s over a 32-byte digest, low s."""
        r, s = utils.decode_dss_signature(self._private.sign(digest, _PREHASHED))
        s = min(s, P256_N - s)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
