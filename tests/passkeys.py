"""A passkey in software: what an authenticator and a browser make of a digest (WebAuthn Level 2, 6.3.3 and 5.8.1)."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from placet.core.ecdsa import P256_N
from placet.core.hashing import sha256
from placet.core.webauthn import Assertion

PRESENT, VERIFIED, MAY_BE_BACKED_UP, IS_BACKED_UP = 1, 4, 8, 16
SYNCED = PRESENT | VERIFIED | MAY_BE_BACKED_UP | IS_BACKED_UP


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Passkey:
    """An ERC-7913 signer behind `verifier`, the deployment's of passkeys."""

    def __init__(self, verifier: bytes, private: ec.EllipticCurvePrivateKey | None = None) -> None:
        self._private = private or ec.generate_private_key(ec.SECP256R1())
        point = self._private.public_key().public_numbers()
        self.signer: bytes = verifier + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")

    def sign(self, digest: bytes) -> bytes:
        """In the contract's form."""
        return self.assertion(digest).low.encode()

    def assertion(
        self, digest: bytes, *, flags: int = SYNCED, client: bytes | None = None, tail: bytes = b""
    ) -> Assertion:
        """With an s that is high or low, as authenticators have it."""
        authenticator = sha256(b"localhost") + bytes([flags]) + (7).to_bytes(4, "big") + tail
        data = client_data(digest) if client is None else client
        return Assertion.of_browser(*self.sign_raw(authenticator, data), authenticator, data)

    def sign_raw(self, authenticator: bytes, client: bytes) -> tuple[int, int]:
        algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)
        return utils.decode_dss_signature(self._private.sign(authenticator + sha256(client), algorithm))

    def browser(self, digest: bytes) -> dict[str, Any]:
        """The JSON of the browser's PublicKeyCredential."""
        one = self.assertion(digest)
        response = {
            "authenticatorData": base64url(one.authenticator_data),
            "clientDataJSON": base64url(one.client_data),
            "signature": base64url(utils.encode_dss_signature(one.r, one.s)),
            "userHandle": None,
        }
        return {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": response, "clientExtensionResults": {}}


def client_data(digest: bytes, kind: str = "webauthn.get", **more: Any) -> bytes:
    """As Chromium writes it."""
    words = {"type": kind, "challenge": base64url(digest), "origin": "http://localhost:8601", "crossOrigin": False}
    return json.dumps(words | more, separators=(",", ":")).encode()


def high(assertion: Assertion) -> Assertion:
    return assertion._replace(s=max(assertion.s, P256_N - assertion.s))
