"""Signatures of other systems' artefacts: JWS (RFC 7515), attached or detached (RFC 7797), by RSA.

ReBIT's artefacts are signed with RS256, Open Banking's messages with PS256. A key is the caller's own copy: none is
fetched, and no header that brings or names one is believed.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal, NamedTuple

from placet.core.errors import InputError, LimitError, SignatureError
from placet.core.json_text import read_json

MAX_JWS = 96 << 10
_LEAST_BITS = 2048
_ALGORITHMS = ("RS256", "PS256")


class Jws(NamedTuple):
    """A JWS in its compact form, taken apart and unchecked. `payload` is None where it is detached."""

    header: dict[str, Any]
    payload: bytes | None
    signature: bytes
    protected: bytes


def read_jws(text: str) -> Jws:
    """InputError for what is none, LimitError for more than `MAX_JWS` characters."""
    if len(text) > MAX_JWS:
        raise LimitError("the signature is too large", expected=f"at most {MAX_JWS} characters", found=len(text))
    parts = text.strip().split(".")
    if len(parts) != 3:
        raise _malformed("three parts with dots between them", f"{len(parts)} parts")
    header = read_json(_octets(parts[0]), "the header of the JWS")
    if not isinstance(header, dict):
        raise _malformed("a header that is a JSON object", type(header).__name__)
    return Jws(header, _octets(parts[1]) if parts[1] else None, _octets(parts[2]), parts[0].encode())


def demand_signed(jws: Jws, key: bytes, content: bytes | None = None) -> None:
    """SignatureError unless the holder of `key` (PEM, a public RSA key or a certificate) signed the payload; `content`
    is what a detached one is over. A certificate's own signature and dates are not looked at."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    signer, detached = _rsa_key(key), jws.payload is None
    body = content if jws.payload is None else jws.payload
    if body is None or (content is not None and not detached):
        raise SignatureError("the signature is detached, or not, otherwise than what it is over", code="signature.jws")
    algorithm, plain = jws.header.get("alg"), jws.header.get("b64", True)
    if algorithm not in _ALGORITHMS:
        raise SignatureError(
            "the JWS has another algorithm", expected=" or ".join(_ALGORITHMS), found=algorithm, code="signature.jws"
        )
    # RFC 7797: who says b64 says so in crit, too. Whatever else is critical must be understood (RFC 7515, 4.1.11).
    if jws.header.get("crit", []) != ([] if "b64" not in jws.header else ["b64"]) or not isinstance(plain, bool):
        raise SignatureError("the JWS has critical parameters that are not known here", code="signature.jws")
    if not plain and not detached:
        raise SignatureError("a payload that is not encoded stands beside its JWS, not in it", code="signature.jws")
    signed = jws.protected + b"." + (base64.urlsafe_b64encode(body).rstrip(b"=") if plain else body)
    scheme = padding.PKCS1v15() if algorithm == "RS256" else padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
    try:
        signer.verify(jws.signature, signed, scheme, hashes.SHA256())
    except InvalidSignature:
        raise SignatureError(
            "the artefact's signature does not verify", expected="one by the given key", code="signature.jws"
        ) from None


def checked_signature(
    attached: Jws | None, content: bytes, key: bytes | None, detached: str | None
) -> Literal["verified", "unchecked"]:
    """Whether the holder of `key` signed a file, in itself or, where it is `detached`, beside it. Without a key nothing
    is looked at. SignatureError where there is a key, and no signature by it; InputError."""
    if key is None:
        return "unchecked"
    if detached is not None:
        demand_signed(read_jws(detached), key, content)
    elif attached is not None:
        demand_signed(attached, key)
    else:
        raise SignatureError(
            "the artefact is not signed",
            expected="a JWS in it, or a detached one beside it",
            remedy="leave the key out: the request then says that nobody's signature was checked",
            code="signature.jws",
        )
    return "verified"


def _rsa_key(pem: bytes) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        certificate = b"BEGIN CERTIFICATE" in pem
        key = x509.load_pem_x509_certificate(pem).public_key() if certificate else load_pem_public_key(pem)
    except Exception:  # the library raises errors of many kinds for what is no key
        raise InputError("the signer's key can't be read", expected="PEM: a public key or a certificate") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < _LEAST_BITS:
        raise InputError("the signer's key is of another kind", expected=f"RSA of at least {_LEAST_BITS} bits")
    return key


def _octets(text: str) -> bytes:
    """base64url without padding, in its one spelling."""
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("base64url without padding", "other characters") from None
    if base64.urlsafe_b64encode(octets).rstrip(b"=").decode() != text:
        raise _malformed("base64url without padding", "another spelling")
    return octets


def _malformed(expected: str, found: str) -> InputError:
    return InputError("the JWS is malformed", expected=expected, found=found, code="input.jws")
