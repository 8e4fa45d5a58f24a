"""Assertions of passkeys (WebAuthn Level 2, 6.3.3) as signatures, judged as `contracts/WebAuthnVerifier.sol` does.

A signature is the ABI encoding of six values, r, s, the places of challenge and type in the client data, the
authenticator's data and the client data, in its one form. The challenge is the digest. Neither origin nor relying party
is looked at: the contract does not, and what a node would refuse beyond it could be granted beside the node.
"""

from __future__ import annotations

import base64
from typing import NamedTuple

from placet.core.ecdsa import P256_N, p256_valid
from placet.core.hashing import sha256

LONGEST = 1024
"""Bytes of an encoded assertion at most; browsers' have some 480."""
_HEAD = 6 * 32
SHORTEST = _HEAD + 64
_SHORTEST_DATA = 37
_PRESENT, _VERIFIED, _MAY_BE_BACKED_UP, _IS_BACKED_UP = 1, 4, 8, 16
_TYPE = b'"type":"webauthn.get"'
_CHALLENGE = b'"challenge":"'


class Assertion(NamedTuple):
    """What an authenticator signed, and its signature; the places are bytes from the client data's first."""

    r: int
    s: int
    challenge_at: int
    type_at: int
    authenticator_data: bytes
    client_data: bytes

    @classmethod
    def of_browser(cls, r: int, s: int, authenticator_data: bytes, client_data: bytes) -> Assertion:
        """From an assertion's parts. ValueError where the client data have neither type nor challenge."""
        return cls(r, s, client_data.index(_CHALLENGE), client_data.index(b'"type":'), authenticator_data, client_data)

    @property
    def low(self) -> Assertion:
        """The same with a low s: both verify, and the contract takes this one."""
        return self._replace(s=min(self.s, P256_N - self.s)) if 0 < self.s < P256_N else self

    def encode(self) -> bytes:
        """The one form. The numbers are below 2²⁵⁶."""
        first = _bytes(self.authenticator_data)
        words = (self.r, self.s, self.challenge_at, self.type_at, _HEAD, _HEAD + len(first))
        return b"".join((*(word.to_bytes(32, "big") for word in words), first, _bytes(self.client_data)))

    @property
    def is_user_verified(self) -> bool:
        """Do the authenticator's flags say that the user was there and verified, and nothing impossible?"""
        if len(self.authenticator_data) < _SHORTEST_DATA:
            return False
        flags = self.authenticator_data[32]
        backed_up = not flags & _IS_BACKED_UP or bool(flags & _MAY_BE_BACKED_UP)
        return bool(flags & _PRESENT and flags & _VERIFIED) and backed_up

    def is_of(self, key: bytes, digest: bytes) -> bool:
        """Did `key` (x ‖ y) sign `digest` with it, the user being there and verified?"""
        if not self.is_user_verified:
            return False
        challenge = _CHALLENGE + base64.urlsafe_b64encode(digest).rstrip(b"=") + b'"'
        for place, expected in ((self.type_at, _TYPE), (self.challenge_at, challenge)):
            if self.client_data[place : place + len(expected)] != expected:
                return False
        signed = sha256(self.authenticator_data + sha256(self.client_data))
        return p256_valid(key, signed, self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big"))


def decode(signature: bytes) -> Assertion | None:
    """The assertion whose one form these bytes are, or None."""
    if not SHORTEST <= len(signature) <= LONGEST:
        return None
    r, s, challenge_at, type_at, first, second = (
        int.from_bytes(signature[at : at + 32], "big") for at in range(0, _HEAD, 32)
    )
    if first != _HEAD or second > len(signature) - 32:
        return None
    assertion = Assertion(r, s, challenge_at, type_at, _at(signature, first), _at(signature, second))
    return assertion if assertion.encode() == signature else None


def assertion_valid(key: bytes, digest: bytes, signature: bytes) -> bool:
    """A passkey's signature over a 32-byte digest; key is x ‖ y."""
    assertion = decode(signature)
    return assertion is not None and assertion.is_of(key, digest)


def _at(signature: bytes, place: int) -> bytes:
    size = int.from_bytes(signature[place : place + 32], "big")
    return signature[place + 32 : place + 32 + size]


def _bytes(data: bytes) -> bytes:
    return len(data).to_bytes(32, "big") + data + bytes(-len(data) % 32)
