"""How an output is kept back: encrypted to whom it is for (HPKE, RFC 9180), then masked under a release key.

Nobody opens it before the key is on chain, and nobody but its receiver opens it then. All randomness is the caller's,
so that a party can be asked to make its masked output again; the library that opens it has no such door for who seals.
A receiver that was given something wrong can show this one output to somebody else by its `shared_secret`, and keeps
its own secret.
"""

from __future__ import annotations

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from placet.core.errors import InputError

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
"""The one HPKE suite of all formats."""
_NONCE = bytes(12)
_KEM = 32
"""Bytes of the encryption's own public key, which come first."""


def _info(job: bytes, attempt: int, party: int) -> bytes:
    return b"placet.output/1" + job + attempt.to_bytes(4, "big") + party.to_bytes(4, "big")


def mask(part: bytes, *, key: bytes, ephemeral: bytes, consumer: bytes, job: bytes, attempt: int, party: int) -> bytes:
    """A party's part of the output for the consumer's X25519 key (32 bytes), masked under `key` (32 bytes).
    `ephemeral`: 32 random bytes for this one output, HPKE's ephemeral secret. Neither of the two is used again."""
    info = _info(job, attempt, party)
    return AESGCM(key).encrypt(_NONCE, _sealed(part, consumer, ephemeral, info), info)


def _sealed(part: bytes, receiver: bytes, ephemeral: bytes, info: bytes) -> bytes:
    """`SUITE.encrypt` (RFC 9180, sections 4.1, 5.1 and 6.1, mode base) by a given ephemeral secret: enc ‖ ciphertext.
    ValueError for a receiver's key of small order."""
    secret = x25519.X25519PrivateKey.from_private_bytes(ephemeral)
    sender = secret.public_key().public_bytes_raw()
    common = secret.exchange(x25519.X25519PublicKey.from_public_bytes(receiver))
    key, nonce = _key_schedule(common, sender + receiver, info)
    return sender + ChaCha20Poly1305(key).encrypt(nonce, part, b"")


def _key_schedule(common: bytes, ends: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Key and nonce of what X25519 gave the two `ends`, the sender's and the receiver's public keys."""
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"
    drawn = _extract(kem, b"", b"eae_prk", common)
    shared = _expand(kem, drawn, b"shared_secret", ends, 32)
    schedule = b"\0" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", info)
    derived = _extract(suite, shared, b"secret", b"")
    return _expand(suite, derived, b"key", schedule, 32), _expand(suite, derived, b"base_nonce", schedule, 12)


def _extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    """LabeledExtract."""
    return hmac.digest(salt, b"HPKE-v1" + suite + label + material, "sha256")


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """LabeledExpand."""
    labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(hashes.SHA256(), size, labelled).derive(key)


def unmask(masked: bytes, *, key: bytes, secret: bytes, job: bytes, attempt: int, party: int) -> bytes:
    """The part behind a masked output; InputError if key or secret don't open it."""
    info = _info(job, attempt, party)
    inner = _inner(masked, key, info, party)
    try:
        return SUITE.decrypt(inner, x25519.X25519PrivateKey.from_private_bytes(secret), info=info)
    except (InvalidTag, ValueError):
        raise _unopened(party) from None


def shared_secret(masked: bytes, *, key: bytes, secret: bytes, job: bytes, attempt: int, party: int) -> bytes:
    """What opens this one masked output beside its `key`, and no other: X25519 of the encryption's own key and `secret`
    (32 bytes). InputError where `key` does not unmask it."""
    peer = x25519.X25519PublicKey.from_public_bytes(_inner(masked, key, _info(job, attempt, party), party)[:_KEM])
    return x25519.X25519PrivateKey.from_private_bytes(secret).exchange(peer)


def unmask_shared(
    masked: bytes, *, key: bytes, consumer: bytes, shared: bytes, job: bytes, attempt: int, party: int
) -> bytes:
    """As `unmask`, by the output's `shared_secret` in place of the secret of `consumer`, the public key. InputError
    where these don't open it. Who has neither made the output nor its secret finds no other `shared` that does: it
    would have to guess an authentication tag."""
    info = _info(job, attempt, party)
    inner = _inner(masked, key, info, party)
    aead_key, nonce = _key_schedule(shared, inner[:_KEM] + consumer, info)
    try:
        return ChaCha20Poly1305(aead_key).decrypt(nonce, inner[_KEM:], None)
    except InvalidTag:
        raise _unopened(party) from None


def _inner(masked: bytes, key: bytes, info: bytes, party: int) -> bytes:
    try:
        inner = AESGCM(key).decrypt(_NONCE, masked, info)
    except (InvalidTag, ValueError):
        raise _unopened(party) from None
    if len(inner) < _KEM:
        raise _unopened(party)
    return inner


def _unopened(party: int) -> InputError:
    return InputError("the masked output does not open", found=f"the output of party {party}")


def public_key(secret: bytes) -> bytes:
    """The X25519 public key (32 bytes) of an HPKE secret."""
    return x25519.X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
