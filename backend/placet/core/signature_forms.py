"""One signature in the many encodings that wallets, hardware and key services give it.

Contracts know one form each: for secp256k1 r ‖ s ‖ v of 65 bytes with v 27 or 28, for P-256 r ‖ s of 64 bytes, for a
passkey the assertion as `core/webauthn.py` has it, all with a low s (EIP-2). `normal_form` finds it from v of 0, 1
(Ledger) or 37 and more (EIP-155), from EIP-2098 (64 bytes), from bare r ‖ s (IEEE P1363, as JOSE and Azure have it),
from DER (AWS, Google, Vault's transit engine) and from a high s. Where an encoding leaves something open (the parity,
or whether 64 bytes are EIP-2098), signer and digest decide: one reading at the most is the signer's signature. What is
none is refused by what it is (`refusal`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import utils
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from placet.core.ecdsa import P256_N, SECP256K1_N, p256_valid, recover
from placet.core.errors import SignatureError
from placet.core.hashing import keccak, sha256
from placet.core.values import MAX_SIGNATURE, to_hex
from placet.core.webauthn import LONGEST, Assertion, assertion_valid, decode

_ERC6492 = bytes.fromhex("6492" * 16)
_HALF, _HALF_P256 = ((order // 2).to_bytes(32, "big") for order in (SECP256K1_N, P256_N))
_MAX_TEXT = 3 * MAX_SIGNATURE
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})*)")
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]+={0,2}")
_WORDS_OF_WEBAUTHN = (b"webauthn.get", b"webauthn.create")


class Scheme(Enum):
    """How a signer's key signs: ECDSA with recovery over secp256k1, P-256 over the digest itself, or a passkey's
    assertion around the digest."""

    WALLET = "wallet"
    P256 = "P-256"
    PASSKEY = "passkey"

    def accepts(self, signer: bytes, digest: bytes, signature: bytes) -> bool:
        """Does the key of `signer`, an ERC-7913 signer of this scheme, sign so? Only the contract's form is taken."""
        if self is Scheme.WALLET:
            return recover(digest, signature) == signer
        return (p256_valid if self is Scheme.P256 else assertion_valid)(signer[20:], digest, signature)


def read(value: object) -> bytes:
    """The bytes of a signature as JSON has it: hex with or without 0x, base64 or base64url, an object of r, s and v (or
    yParity), or a passkey's assertion as browsers write it. ValueError says what else it is."""
    if isinstance(value, dict):
        return _of_parts(value)
    if isinstance(value, str):
        value = _of_text(value)
    if not isinstance(value, bytes):
        raise ValueError("expected a signature: hex, base64, an object of r, s and v, or a passkey's assertion")
    if len(value) > MAX_SIGNATURE:
        raise ValueError(f"expected a signature of at most {MAX_SIGNATURE} bytes")
    return value


WalletSignature = Annotated[
    bytes,
    BeforeValidator(read),
    PlainSerializer(to_hex, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "description": "a signature as the wallet or key service gives it: best as 65 bytes in hex",
            "type": "string",
            "pattern": "^0x([0-9a-fA-F]{2})*$",
        }
    ),
]
"""A signature at the door, before `Verifiers.normal` has brought it into its one form."""


def _of_text(text: str) -> bytes:
    if len(text) > _MAX_TEXT:
        raise ValueError(f"expected a signature of at most {MAX_SIGNATURE} bytes")
    text = "".join(text.split()).strip("\"'").removeprefix("vault:v1:")
    digits = _HEX.fullmatch(text)
    if digits is not None:
        return bytes.fromhex(digits[1])
    if text[:2] in ("0x", "0X"):
        raise ValueError("expected a signature in hex: a character is no hex digit, or one is missing")
    if not _BASE64.fullmatch(text):
        raise ValueError("expected a signature in hex or in base64")
    bare = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except (binascii.Error, ValueError):
        raise ValueError("expected a signature in hex or in base64: its end is missing") from None


def _of_parts(parts: dict[Any, Any]) -> bytes:
    if "response" in parts:
        parts = parts["response"] if isinstance(parts["response"], dict) else {}
    if "authenticatorData" in parts or "clientDataJSON" in parts:
        return _of_assertion(parts)
    if "r" not in parts or "s" not in parts:
        raise ValueError("expected a signature: hex, base64, or an object of r, s and v")
    r, s = (_number(parts[name], 16) for name in ("r", "s"))
    v = next((parts[name] for name in ("yParity", "recoveryParam", "v") if parts.get(name) is not None), None)
    if max(r, s) >= 1 << 256:
        raise ValueError("expected r and s of at most 32 bytes")
    if v is None:
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    parity = _parity(_number(v, 10))
    if parity is None:
        raise ValueError("expected v of 0, 1, 27, 28, or 37 and more (EIP-155)")
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])


def _of_assertion(parts: dict[Any, Any]) -> bytes:
    """From the JSON of a PublicKeyCredential (WebAuthn Level 3, 5.1.8): base64url, the signature in DER."""
    names = ("authenticatorData", "clientDataJSON", "signature")
    if not all(isinstance(parts.get(name), str) for name in names):
        raise ValueError("expected a passkey's assertion: authenticatorData, clientDataJSON and signature in base64url")
    authenticator, client, signature = (_of_text(parts[name]) for name in names)
    try:
        r, s = utils.decode_dss_signature(signature)
        if max(r, s) >= 1 << 256:
            raise ValueError
        return Assertion.of_browser(r, s, authenticator, client).encode()
    except ValueError:
        raise ValueError(
            "expected a passkey's assertion: a signature in DER, and client data with a challenge"
        ) from None


def _number(value: object, base: int) -> int:
    """A number or a text of digits: hex where it begins with 0x or has to be."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    text = value.lower() if isinstance(value, str) and len(value) <= 80 else ""
    hexadecimal = text.removeprefix("0x")
    if not re.fullmatch("[0-9a-f]+", hexadecimal, re.ASCII):
        raise ValueError("expected r, s and v as numbers in hex")
    return int(hexadecimal, 16 if base == 16 or text != hexadecimal or not hexadecimal.isdigit() else 10)


class _Reading(NamedTuple):
    """One way to read the bytes: r, s, and the parity of the point R (for v) where the encoding has it."""

    r: int
    s: int
    parity: int | None


def is_wrapped(signature: bytes) -> bool:
    """Does it end with ERC-6492's magic bytes?"""
    return signature.endswith(_ERC6492)


def is_in_form(signer: bytes, signature: bytes) -> bool:
    """Does it look as the contract wants it, whoever signed?"""
    if len(signer) == 20:
        return len(signature) == 65 and signature[64] in (27, 28) and signature[32:64] <= _HALF
    return signature[32:64] <= _HALF_P256 and (len(signature) == 64 or decode(signature) is not None)


def normal_form(scheme: Scheme, signer: bytes, digest: bytes, signature: bytes) -> bytes | None:
    """The signature by `signer`'s own key over `digest` in the contract's one form, or None if it is none."""
    if scheme.accepts(signer, digest, signature):
        return signature
    if scheme is Scheme.WALLET:
        return next((form for form, author in _recovered(digest, signature) if author == signer), None)
    if scheme is Scheme.PASSKEY:
        assertion = decode(signature)
        return assertion.low.encode() if assertion is not None and assertion.low.is_of(signer[20:], digest) else None
    for one in _readings(signature):
        s = min(one.s, P256_N - one.s)
        if one.parity is None and s > 0 and one.r < P256_N:
            form = one.r.to_bytes(32, "big") + s.to_bytes(32, "big")
            if p256_valid(signer[20:], digest, form):
                return form
    return None


def _recovered(digest: bytes, signature: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every form that the bytes can stand for, and whose signature it would be."""
    for one in _readings(signature):
        if not (0 < one.r < SECP256K1_N and 0 < one.s < SECP256K1_N):
            continue
        flip = one.s > SECP256K1_N // 2
        s = SECP256K1_N - one.s if flip else one.s
        for parity in (0, 1) if one.parity is None else (one.parity ^ flip,):
            form = one.r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])
            author = recover(digest, form)
            if author is not None:
                yield form, author


def _readings(signature: bytes) -> Iterator[_Reading]:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    if len(signature) == 64:
        yield _Reading(r, s & ~(1 << 255), s >> 255)  # EIP-2098
        yield _Reading(r, s, None)
    if len(signature) == 65 and (parity := _parity(signature[64])) is not None:
        yield _Reading(r, s, parity)
    if signature[:1] == b"\x30" and len(signature) <= 72:
        try:
            yield _Reading(*utils.decode_dss_signature(signature), None)
        except ValueError:
            return


def _parity(v: int) -> int | None:
    """0 or 1 from v as it is written: 0 or 1, 27 or 28, or EIP-155's 35 + 2 · chain id + parity; else None."""
    if v in (0, 1):
        return v
    if v in (27, 28):
        return v - 27
    return (v - 35) % 2 if v >= 37 else None


def refusal(
    what: str, scheme: Scheme, signer: bytes, digest: bytes, signature: bytes, *, contracts: bool
) -> SignatureError:
    """Why a signature is not taken, by what it is. `contracts`: could the signer's contract have accepted it?"""
    kind, found, remedy = _diagnosis(scheme, signer, digest, signature, contracts=contracts)
    return SignatureError(
        f"{what} is not signed by its signer",
        expected=f"{to_hex(signer)} over {to_hex(digest)}",
        found=found,
        remedy=remedy,
        code=f"signature.{kind}" if kind else "signature",
    )


def _diagnosis(
    scheme: Scheme, signer: bytes, digest: bytes, signature: bytes, *, contracts: bool
) -> tuple[str, str, str]:
    """Kind (none where the bytes alone show nothing), words, and a remedy that whoever signed so has not tried."""
    wallet = scheme is Scheme.WALLET
    if normal_form(scheme, signer, digest, signature) is not None:
        return (
            "form",
            "the signer's signature, in another encoding than the contract's",
            "write it as r, s, v of 65 bytes with v 27 or 28, or r, s of 64 bytes for P-256, with a low s",
        )
    if not signature:
        return "empty", "no signature", "sign the typed data of the draft"
    if is_wrapped(signature):
        return (
            "erc6492",
            "an ERC-6492 signature, of a contract wallet that is not on the chain yet",
            "deploy the contract wallet, or sign with a wallet that has a key of its own",
        )
    if scheme is Scheme.PASSKEY:
        return _of_no_passkey(signer, digest, signature)
    if any(word in signature for word in _WORDS_OF_WEBAUTHN):
        return (
            "webauthn",
            "a passkey's assertion (WebAuthn), which signs other bytes around the digest",
            "name the passkey behind the deployment file's webauthn_verifier, or sign with this signer's key",
        )
    for kind, other, found, remedy in _OTHERS:
        if normal_form(scheme, signer, other(digest), signature) is not None or (
            wallet and normal_form(scheme, signer, other(digest), _of_safe(signature)) is not None
        ):
            return kind, found, remedy
    if wallet:
        authors = [author for _, author in _recovered(digest, signature)]
        if authors:
            whose = f"a signature of {to_hex(authors[0])}" if len(authors) == 1 else "a signature of another key"
            return (
                "",
                f"{whose}, or one over other data",
                "choose the signer's account in the wallet; if it was the one, it signed another hash than that",
            )
        return _formless(signature, contracts=contracts)
    if next(_readings(signature), None) is None:
        return "length", f"{len(signature)} bytes", "give r and s of 32 bytes each, or DER"
    return (
        "",
        "a signature of another key, or one over other data",
        "sign the digest itself with the signer's key; its verifier is the deployment's",
    )


def _of_no_passkey(signer: bytes, digest: bytes, signature: bytes) -> tuple[str, str, str]:
    assertion = decode(signature)
    if assertion is None:
        if len(signature) > LONGEST:
            return (
                "webauthn",
                f"{len(signature)} bytes",
                f"an assertion has at most {LONGEST} bytes as contracts have it",
            )
        return (
            "webauthn",
            "no passkey's assertion (WebAuthn) in the contract's form",
            "give the assertion as the browser has it: authenticatorData, clientDataJSON and signature",
        )
    if normal_form(Scheme.P256, signer, digest, signature[:64]) is not None:
        return "webauthn", "a signature over the digest itself", "have the passkey sign: its challenge is the digest"
    if not assertion.is_user_verified:
        return (
            "webauthn",
            "an assertion without the user's verification",
            'ask the browser for userVerification "required": the device then wants a finger, a face or a PIN',
        )
    return (
        "",
        "a signature of another passkey, or one over other data",
        "the challenge is the digest of the typed data, and the passkey the one that the signer names",
    )


def _formless(signature: bytes, *, contracts: bool) -> tuple[str, str, str]:
    if len(signature) == 65:
        readings = list(_readings(signature))
        if not readings:
            return "v", f"v of {signature[64]}", "v is 27 or 28 (or 0 or 1): ask the wallet's maker what it wrote there"
        return "", "r or s that no signature has", "sign anew: these bytes are damaged"
    if next(_readings(signature), None) is not None:
        return "", "r or s that no signature has", "sign anew: these bytes are damaged"
    if contracts:
        return (
            "contract",
            f"{len(signature)} bytes that the signer's contract does not accept (ERC-1271)",
            "have all that the contract asks for sign the same typed data, on this chain",
        )
    if len(signature) > 72:
        return (
            "contract",
            f"{len(signature)} bytes, as contracts have them (ERC-1271)",
            "sign with a wallet that has a key of its own: contracts' signatures are not taken here",
        )
    return "length", f"{len(signature)} bytes", "give the whole signature: 65 bytes, 64 (EIP-2098), or DER"


def _of_safe(signature: bytes) -> bytes:
    """A Safe marks eth_sign by a v that is greater by four."""
    return signature[:64] + bytes([signature[64] - 4]) if len(signature) == 65 and signature[64] in (31, 32) else b""


def _personal(digest: bytes) -> bytes:
    return keccak(b"\x19Ethereum Signed Message:\n32", digest)


def _personal_text(digest: bytes) -> bytes:
    return keccak(b"\x19Ethereum Signed Message:\n66", to_hex(digest).encode())


_MESSAGE = (
    "personal-message",
    "a signature over a message (personal_sign, eth_sign), not over the typed data",
    "sign with eth_signTypedData_v4, which shows what is signed",
)
_OTHERS = (
    (_MESSAGE[0], _personal, *_MESSAGE[1:]),
    (_MESSAGE[0], _personal_text, *_MESSAGE[1:]),
    (
        "hashed-again",
        sha256,
        "a signature over the SHA-256 of the digest",
        "have the key service sign the digest as it is (AWS: MessageType DIGEST); WebCrypto always hashes again",
    ),
    ("hashed-again", keccak, "a signature over the Keccak-256 of the digest", "have the digest signed as it is"),
)
