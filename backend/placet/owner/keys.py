"""A data owner's signing keys: secp256k1 (as wallets have) or P-256, one for each consent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec

from placet.core.ecdsa import P256_N
from placet.core.errors import InputError
from placet.core.signatures import Key, P256Key
from placet.core.values import to_hex


class KeyKind(StrEnum):
    """The curve of an owner's key."""

    SECP256K1 = "secp256k1"
    P256 = "p256"


@dataclass(frozen=True)
class OwnerKey:
    """One key. `signer` is its ERC-7913 form: 20 bytes, or 84 for P-256 behind the deployment's verifier."""

    kind: KeyKind
    secret: bytes = field(repr=False)
    key: Key | P256Key = field(repr=False, compare=False)
    signer: bytes

    def sign(self, digest: bytes) -> bytes:
        """The signature over a 32-byte digest."""
        return self.key.sign(digest)

    def __repr__(self) -> str:
        return f"OwnerKey({self.kind}, {to_hex(self.signer)})"


def new_key(kind: KeyKind, verifier: bytes) -> OwnerKey:
    """A fresh random key; `verifier` is the address of the deployment's P-256 verifier."""
    if kind is KeyKind.SECP256K1:
        key = Key()
        return OwnerKey(kind, key.secret, key, key.address)
    return load_key(kind, (secrets.randbelow(P256_N - 1) + 1).to_bytes(32, "big"), verifier)


def load_key(kind: KeyKind, secret: bytes, verifier: bytes) -> OwnerKey:
    """A key from its 32 secret bytes; InputError if they are none."""
    if len(secret) != 32:
        raise InputError("a secret key has 32 bytes", found=f"{len(secret)} bytes")
    try:
        if kind is KeyKind.SECP256K1:
            plain = Key(secret)
            return OwnerKey(kind, secret, plain, plain.address)
        curve = P256Key(verifier, ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()))
        return OwnerKey(kind, secret, curve, curve.signer)
    except ValueError:
        raise InputError("these 32 bytes are no secret key of the curve", expected=str(kind)) from None
