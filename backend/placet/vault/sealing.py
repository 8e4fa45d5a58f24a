"""Sealing at rest: AES-256-GCM under keys derived from the vault's master key (HKDF-SHA-256)."""

from __future__ import annotations

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from placet.core.errors import ConfigError, StateError
from placet.core.hashing import canonical

NONCE = 12
OVERHEAD = NONCE + 16


class AtRest:
    """Seals byte strings, each under a context (strings and small integers) that it can only be opened with.

    Nonces are random: fine for 2^32 sealings under one master key (NIST SP 800-38D, 8.3).
    """

    def __init__(self, master: bytes) -> None:
        if len(master) != 32:
            raise ConfigError("a vault's master key has 32 bytes", found=f"{len(master)} bytes")
        self._cipher = AESGCM(_derive(master, b"placet.vault/seal/1"))
        self._tags = _derive(master, b"placet.vault/tag/1")

    def seal(self, data: bytes, *context: str | int) -> bytes:
        """nonce ‖ ciphertext ‖ tag: `OVERHEAD` bytes longer than `data`."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._cipher.encrypt(nonce, data, canonical(list(context)))

    def open(self, sealed: bytes, *context: str | int) -> bytes:
        """StateError unless these bytes were sealed under this key and context."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], canonical(list(context)))
        except (InvalidTag, ValueError):
            raise StateError(
                f"what is stored as {' '.join(map(str, context))} is not what this vault sealed",
                remedy="restore the vault's folder from a backup, or import the table again",
                code="vault.tampered",
            ) from None

    def tag(self, *parts: str) -> bytes:
        """A keyed name (HMAC-SHA-256, 32 bytes) under which something can be found without being readable."""
        return hmac.digest(self._tags, canonical(list(parts)), "sha256")


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(master)
