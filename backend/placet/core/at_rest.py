"""What an institution keeps: AES-256-GCM under a key derived from one of its secrets, for one purpose.

    nonce(12) ‖ ciphertext ‖ tag(16)

The context is associated data, so that what was sealed as one thing does not open as another. Nonces are random:
fine for 2^32 sealings under one secret (NIST SP 800-38D, 8.3). Keys follow from the secret by HKDF-SHA-256 (RFC 5869)
for a vault and by HMAC-SHA-256 for a node's jobs.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from placet.core.errors import ConfigError, StateError
from placet.core.hashing import canonical

NONCE = 12
OVERHEAD = NONCE + 16


def _hkdf(secret: bytes, label: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=label).derive(secret)


def _hmac(secret: bytes, label: bytes) -> bytes:
    return hmac.digest(secret, label, "sha256")


@dataclass(frozen=True)
class Purpose:
    """Which keys are derived, and what is said of bytes that these keys did not seal."""

    derive: Callable[[bytes, bytes], bytes]
    seal: bytes
    tag: bytes
    refusal: str
    code: str
    remedy: str


VAULT = Purpose(
    _hkdf,
    b"placet.vault/seal/1",
    b"placet.vault/tag/1",
    "what is stored is not what this vault sealed",
    "vault.tampered",
    "restore the vault's folder from a backup, or import the table again",
)
"""A vault's tables and consents, under its master key."""

JOBS = Purpose(
    _hmac,
    b"placet.drawer/1",
    b"placet.drawer/tag/1",
    "what the node kept of a job was altered, or is under another key",
    "state",
    "restore the node's database and keys from the same backup, or run the job again",
)
"""What a node keeps of its jobs (seeds, release keys, results), under its HPKE secret."""


def context(*parts: str | int) -> bytes:
    """A context that is made of several: canonical JSON of the list."""
    return canonical(list(parts))


class AtRest:
    """Seals byte strings, each under a context that it can only be opened with."""

    def __init__(self, purpose: Purpose, secret: bytes, earlier: Sequence[bytes] = ()) -> None:
        """`earlier` secrets still open what was sealed under them. ConfigError unless all have 32 bytes."""
        for one in (secret, *earlier):
            if len(one) != 32:
                raise ConfigError("a secret that keys are derived from has 32 bytes", found=f"{len(one)} bytes")
        self._purpose = purpose
        self._secret = secret
        self._ciphers = [AESGCM(purpose.derive(one, purpose.seal)) for one in (secret, *earlier)]

    @cached_property
    def _tag_key(self) -> bytes:
        return self._purpose.derive(self._secret, self._purpose.tag)

    def seal(self, data: bytes, context: bytes) -> bytes:
        """nonce ‖ ciphertext ‖ tag: `OVERHEAD` bytes longer than `data`."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, data, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """StateError, with the purpose's code, unless these bytes were sealed under these keys and context."""
        for cipher in self._ciphers:
            with contextlib.suppress(InvalidTag, ValueError):
                return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], context)
        raise StateError(
            self._purpose.refusal,
            found=context.decode("utf-8", "replace"),
            remedy=self._purpose.remedy,
            code=self._purpose.code,
        )

    def tag(self, context: bytes) -> bytes:
        """A keyed name (HMAC-SHA-256, 32 bytes) under which something can be found without being readable."""
        return hmac.digest(self._tag_key, context, "sha256")
