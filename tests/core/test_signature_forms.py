"""One signature in every encoding that wallets, hardware and key services give it becomes one form, or has a name."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from placet.core.ecdsa import P256_N, SECP256K1_N
from placet.core.errors import SignatureError
from placet.core.hashing import keccak, sha256
from placet.core.signature_forms import WalletSignature, is_in_form
from placet.core.signatures import Key, P256Key, Verifiers

DIGEST = keccak(b"what is signed")
VERIFIER = bytes(19) + b"\x07"
WALLET = Verifiers()
P256 = Verifiers(frozenset({VERIFIER}))
READ = TypeAdapter(WalletSignature).validate_python
# One key whose signature over DIGEST has parity 0, and one with parity 1: every encoding is tried with both.
KEYS = {
    v: next(k for k in map(Key, (bytes([n]) * 32 for n in range(1, 99))) if k.sign(DIGEST)[64] == v) for v in (27, 28)
}


def parts(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")


def joined(r: int, s: int, tail: bytes = b"") -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + tail


BYTES: dict[str, Callable[[int, int, int], bytes]] = {
    "the form itself": lambda r, s, v: joined(r, s, bytes([v])),
    "Ledger: v of 0 or 1": lambda r, s, v: joined(r, s, bytes([v - 27])),
    "EIP-155, chain 1": lambda r, s, v: joined(r, s, bytes([v - 27 + 37])),
    "EIP-155, chain 110": lambda r, s, v: (
        joined(r, s, bytes([v - 27 + 35 + 220])) if v == 27 else joined(r, s, b"\xfe")
    ),
    "EIP-2098": lambda r, s, v: joined(r, s | (v - 27) << 255),
    "r and s alone": lambda r, s, v: joined(r, s),
    "r and a high s": lambda r, s, v: joined(r, SECP256K1_N - s),
    "high s, v flipped": lambda r, s, v: joined(r, SECP256K1_N - s, bytes([55 - v])),
    "high s, v of 1 or 0": lambda r, s, v: joined(r, SECP256K1_N - s, bytes([28 - v])),
    "DER": lambda r, s, v: utils.encode_dss_signature(r, s),
    "DER, high s": lambda r, s, v: utils.encode_dss_signature(r, SECP256K1_N - s),
}
TEXTS: dict[str, Callable[[bytes], str]] = {
    "0x": lambda raw: "0x" + raw.hex(),
    "bare": lambda raw: raw.hex(),
    "upper case": lambda raw: raw.hex().upper(),
    "0X": lambda raw: "0X" + raw.hex().upper(),
    "with a line end": lambda raw: f" 0x{raw.hex()}\r\n",
    "in quotes": lambda raw: f'"0x{raw.hex()}"',
    "base64": lambda raw: base64.b64encode(raw).decode(),
    "base64 in lines": lambda raw: base64.encodebytes(raw).decode(),
    "base64url": lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
    "Vault": lambda raw: "vault:v1:" + base64.b64encode(raw).decode(),
}


@pytest.mark.parametrize("v", [27, 28])
@pytest.mark.parametrize("encoding", BYTES)
def test_every_encoding_of_a_wallet_becomes_the_contracts_form(encoding: str, v: int) -> None:
    key = KEYS[v]
    form = key.sign(DIGEST)
    raw = BYTES[encoding](*parts(form), v)
    for text in TEXTS.values():
        assert WALLET.normal("it", key.address, DIGEST, READ(text(raw))) == form
    assert is_in_form(key.address, raw) == (raw == form)
    with pytest.raises(SignatureError) as other:
        WALLET.normal("it", Key().address, DIGEST, raw)
    assert other.value.code == "signature"


@pytest.mark.parametrize("v", [27, 28])
def test_objects_of_libraries_become_the_contracts_form(v: int) -> None:
    key = KEYS[v]
    form = key.sign(DIGEST)
    r, s = parts(form)
    wide = {"r": "0x" + form[:32].hex(), "s": "0x" + form[32:64].hex()}
    for given_ in (
        {**wide, "v": v},
        {**wide, "v": str(v), "yParity": v - 27},  # viem
        {**wide, "v": hex(v)},
        {**wide, "v": v, "_type": "signature", "networkV": None},  # ethers
        {**wide, "recoveryParam": v - 27, "v": v},  # ethers 5
        {"r": form[:32].hex(), "s": form[32:64].hex(), "v": v - 27},  # Ledger
        {"r": f"{r:x}", "s": f"{s:x}", "v": f"{v:x}"},
        {**wide, "v": str(35 + 2 * 31337 + v - 27)},
        {**wide, "v": f"0x{35 + 2 * 31337 + v - 27:x}"},
        wide,
    ):
        assert WALLET.normal("it", key.address, DIGEST, READ(given_)) == form


@given(st.binary(min_size=32, max_size=32), st.sampled_from(list(BYTES)))
def test_any_digest(digest: bytes, encoding: str) -> None:
    key = KEYS[27]
    form = key.sign(digest)
    assert WALLET.normal("it", key.address, digest, BYTES[encoding](*parts(form), form[64])) == form


@given(st.binary(min_size=32, max_size=32))
def test_any_digest_of_p256(digest: bytes) -> None:
    key = P256Key(VERIFIER, ec.derive_private_key(7, ec.SECP256R1()))
    form = key.sign(digest)
    r, s = parts(form)
    for raw in (
        form,
        joined(r, P256_N - s),
        utils.encode_dss_signature(r, s),
        utils.encode_dss_signature(r, P256_N - s),
    ):
        assert P256.normal("it", key.signer, digest, raw) == form


def refused(verifiers: Verifiers, signer: bytes, signature: bytes) -> SignatureError:
    with pytest.raises(SignatureError) as caught:
        verifiers.normal("it", signer, DIGEST, signature)
    assert caught.value.remedy
    assert caught.value.found
    return caught.value


def test_what_is_none_is_refused_by_its_name() -> None:
    key = KEYS[27]
    good = key.sign(DIGEST)
    message = key.sign(keccak(b"\x19Ethereum Signed Message:\n32", DIGEST))
    cases = {
        "erc6492": good + bytes.fromhex("6492" * 16),
        "webauthn": bytes(300) + b'{"type":"webauthn.get","challenge":"AAAA"}' + bytes(100),
        "empty": b"",
        "personal-message": message,
        "hashed-again": key.sign(sha256(DIGEST)),
        "v": good[:64] + b"\x05",
        "length": good + b"\0",
        "contract": good + good,
    }
    for kind, signature in cases.items():
        assert refused(WALLET, key.address, signature).code == f"signature.{kind}", kind
    for signature in (joined(0, 5, b"\x1b"), joined(SECP256K1_N, 5, b"\x1b"), Key().sign(DIGEST)):
        assert refused(WALLET, key.address, signature).code == "signature"
    safe = message[:64] + bytes([message[64] + 4])
    assert refused(WALLET, key.address, safe).code == "signature.personal-message"
    text = key.sign(keccak(b"\x19Ethereum Signed Message:\n66", f"0x{DIGEST.hex()}".encode()))
    assert refused(WALLET, key.address, text).code == "signature.personal-message"
    assert refused(WALLET, key.address, good[:40]).code == "signature.length"


def test_what_is_none_of_p256_is_refused_by_its_name() -> None:
    private = ec.derive_private_key(7, ec.SECP256R1())
    key = P256Key(VERIFIER, private)
    good = key.sign(DIGEST)
    cases = {
        "hashed-again": private.sign(DIGEST, ec.ECDSA(SHA256())),  # as WebCrypto does
        "webauthn": good + b'{"type":"webauthn.get"}',
        "length": good[:63],
        "empty": b"",
    }
    for kind, signature in cases.items():
        assert refused(P256, key.signer, signature).code == f"signature.{kind}", kind
    assert refused(P256, key.signer, P256Key(VERIFIER).sign(DIGEST)).code == "signature"
    assert refused(WALLET, key.signer, good).code == "signature.verifier"


def test_a_contracts_signature_stays_as_it_is_and_is_never_a_wrapped_one() -> None:
    wrapped = bytes(96) + bytes.fromhex("6492" * 16)
    accepting = Verifiers(contract=lambda *_: True)
    assert accepting.normal("it", bytes(20), DIGEST, b"\x01" * 130) == b"\x01" * 130
    assert refused(accepting, bytes(20), wrapped).code == "signature.erc6492"
    refusing = Verifiers(contract=lambda *_: False)
    assert refused(refusing, bytes(20), b"\x01" * 130).code == "signature.contract"


def test_the_strict_door_says_that_the_encoding_is_another() -> None:
    key = KEYS[28]
    good = key.sign(DIGEST)
    with pytest.raises(SignatureError) as caught:
        WALLET.demand("it", key.address, DIGEST, good[:64] + b"\x01")
    assert caught.value.code == "signature.form"


NO_SIGNATURE: tuple[object, ...] = (
    *("0x0g", "0x123", "not a signature!", "a", "00" * 5000, "A" * 20000),
    *(5, None, [], {}, {"r": "0x1"}, {"r": -1, "s": 1}, {"r": 1, "s": True}, {"r": 1 << 256, "s": 1}),
    *({"r": "0x1", "s": "0x2", "v": 5}, {"authenticatorData": "AA"}),
)


@pytest.mark.parametrize("value", NO_SIGNATURE)
def test_what_is_no_signature_at_all(value: object) -> None:
    with pytest.raises(ValidationError, match=r"signature|r, s and v|r and s|v of 0"):
        READ(value)
