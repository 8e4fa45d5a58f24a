"""HTTP requests signed by owners and auditors (EIP-712 `Request`)."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from placet.core import eip712
from placet.core.errors import AccessError, SignatureError
from placet.core.hashing import canonical, sha256
from placet.core.signature_forms import WalletSignature
from placet.core.signatures import Verifiers
from placet.core.times import UnixTime
from placet.core.values import Bytes32, Signer, Value, parse, to_hex

REQUEST = "the request"
"""What is signed, in errors."""
MAX_LIFETIME = 300
"""Seconds that a signed request may stay valid at the most."""


class Credential(Value):
    """The content of an `Authorization: Placet …` header."""

    signer: Signer
    nonce: Bytes32
    expiry: UnixTime
    signature: WalletSignature

    def header(self) -> str:
        return "Placet " + base64.urlsafe_b64encode(canonical(self.to_json())).decode()

    @classmethod
    def from_header(cls, header: str) -> Credential:
        """AccessError for anything that is not such a header."""
        scheme, _, value = header.partition(" ")
        if scheme != "Placet" or len(value) > 16_384:
            raise AccessError("the request is not signed", expected="Authorization: Placet …", code="access.unsigned")
        try:
            raw = base64.urlsafe_b64decode((value + "=" * (-len(value) % 4)).encode("ascii"))
        except (binascii.Error, UnicodeEncodeError, ValueError):
            raise AccessError("the Authorization header is malformed", code="access.unsigned") from None
        return parse(cls, raw, limit=16_384, what="Authorization header")


class RequestParts(NamedTuple):
    """What a signed request names beside nonce and expiry. `receiver` is the address of the institution or enroller
    that it is for, `path` has the query string as sent, `body` is the raw body."""

    receiver: bytes
    method: str
    path: str
    body: bytes


def request_hash(receiver: bytes, method: str, path: str, body: bytes, nonce: bytes, expiry: int) -> bytes:
    """EIP-712 struct hash of these `RequestParts`."""
    return eip712.REQUEST.of(receiver, method, path, sha256(body), nonce, expiry)


def signed_request(
    signer: bytes, sign: Callable[[bytes], bytes], request: RequestParts, *, expiry: int, domain: eip712.Domain
) -> Credential:
    """By whom `sign` signs a digest, until `expiry` (Unix seconds), good once."""
    nonce = secrets.token_bytes(32)
    signature = sign(domain.digest(request_hash(*request, nonce, expiry)))
    return Credential(signer=signer, nonce=nonce, expiry=expiry, signature=signature)


def request_typed_data(
    receiver: bytes, method: str, path: str, body: bytes, nonce: bytes, expiry: int, domain: eip712.Domain
) -> dict[str, Any]:
    """What a wallet signs for one request."""
    return domain.typed_data(
        "Request",
        {
            "receiver": to_hex(receiver),
            "method": method,
            "path": path,
            "body": to_hex(sha256(body)),
            "nonce": to_hex(nonce),
            "expiry": expiry,
        },
    )


def demand_request(
    credential: Credential,
    request: RequestParts,
    *,
    now: int,
    domain: eip712.Domain,
    verifiers: Verifiers,
) -> None:
    """AccessError unless the credential signs exactly this request, whose receiver is the caller itself, and is
    fresh. Who was sent a request can't send it on: at any other receiver its signature does not verify. The caller
    remembers nonces."""
    digest = fresh_digest(credential, request, now=now, domain=domain)
    try:
        verifiers.normal(REQUEST, credential.signer, digest, credential.signature)
    except SignatureError as error:
        raise not_signed(error, request) from None


def fresh_digest(credential: Credential, request: RequestParts, *, now: int, domain: eip712.Domain) -> bytes:
    """What the credential signs if it is of this request. AccessError unless it is fresh."""
    if not now < credential.expiry <= now + MAX_LIFETIME:
        raise AccessError(
            "the signed request is not fresh",
            expected=f"an expiry within {MAX_LIFETIME} seconds from now",
            found=f"{credential.expiry - now} seconds from now",
            code="access.stale",
        )
    return domain.digest(request_hash(*request, credential.nonce, credential.expiry))


def not_signed(error: SignatureError, request: RequestParts) -> AccessError:
    """Why a credential is not of this request."""
    return AccessError(
        error.message,
        expected=f"{error.expected}: this very request, to {to_hex(request.receiver)}",
        found=error.found,
        remedy=error.remedy,
        code="access.signature",
    )
