"""Passkeys' assertions: one form each, and what tests/vectors/webauthn.json says; tests/chain asks the contract."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from placet.core.errors import SignatureError
from placet.core.signature_forms import WalletSignature, is_in_form
from placet.core.signatures import Key, P256Key, Verifiers
from placet.core.values import from_hex
from placet.core.webauthn import LONGEST, SHORTEST, Assertion, assertion_valid, decode

from ..passkeys import PRESENT, Passkey, base64url, client_data, high
from .webauthn_vectors import FILE

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
KEY, DIGEST = from_hex(VECTORS["key"]), from_hex(VECTORS["digest"])
VERIFIER, P256 = bytes(19) + b"\x07", bytes(19) + b"\x05"
VERIFIERS = Verifiers(frozenset({P256}), frozenset({VERIFIER}))
READ = TypeAdapter(WalletSignature).validate_python


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    signature = from_hex(case["signature"])
    assert assertion_valid(KEY, DIGEST, signature) == case["accepted"]
    assert VERIFIERS.accepts(VERIFIER + KEY, DIGEST, signature) == case["accepted"]
    assert not VERIFIERS.accepts(P256 + KEY, DIGEST, signature)
    assert not Verifiers(frozenset({P256})).accepts(VERIFIER + KEY, DIGEST, signature)


def test_no_flipped_bit_is_accepted() -> None:
    good = next(from_hex(case["signature"]) for case in VECTORS["cases"] if case["accepted"])
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert not assertion_valid(KEY, DIGEST, bytes(bad)), bit


@given(st.binary(min_size=32, max_size=32))
def test_what_browsers_give_becomes_the_one_form(digest: bytes) -> None:
    key = Passkey(VERIFIER, ec.derive_private_key(7, ec.SECP256R1()))
    credential = key.browser(digest)
    for json_ in (credential, credential["response"]):
        form = VERIFIERS.normal("it", key.signer, digest, READ(json_))
        assert VERIFIERS.accepts(key.signer, digest, form) and is_in_form(key.signer, form)
        assert decode(form) is not None
    raised = high(key.assertion(digest)).encode()
    assert not is_in_form(key.signer, raised)
    assert not VERIFIERS.accepts(key.signer, digest, raised)
    assert VERIFIERS.accepts(key.signer, digest, VERIFIERS.normal("it", key.signer, digest, raised))


NUMBERS = st.integers(0, 2**256 - 1)


@given(st.builds(Assertion, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.binary(max_size=200), st.binary(max_size=400)))
def test_what_is_written_is_read(assertion: Assertion) -> None:
    raw = assertion.encode()
    assert decode(raw) == assertion
    assert decode(raw + b"\0") is decode(raw[:-1]) is None


@given(st.binary(max_size=2 * SHORTEST) | st.binary(min_size=LONGEST, max_size=LONGEST + 64))
def test_what_is_read_has_no_other_form(raw: bytes) -> None:
    assertion = decode(raw)
    assert assertion is None or assertion.encode() == raw


def refusal(signature: bytes, signer: bytes) -> SignatureError:
    with pytest.raises(SignatureError) as caught:
        VERIFIERS.normal("it", signer, DIGEST, signature)
    assert caught.value.remedy
    return caught.value


def test_what_is_none_is_refused_by_its_name() -> None:
    key = Passkey(VERIFIER)
    unverified = key.assertion(DIGEST, flags=PRESENT).encode()
    assert refusal(unverified, key.signer).code == "signature.webauthn"
    assert "required" in str(refusal(unverified, key.signer).remedy)
    assert refusal(P256Key(VERIFIER).sign(DIGEST), key.signer).code == "signature.webauthn"
    assert refusal(Key().sign(DIGEST), key.signer).code == "signature.webauthn"
    assert refusal(Passkey(VERIFIER).sign(DIGEST), key.signer).code == "signature"
    assert refusal(key.assertion(DIGEST, client=client_data(DIGEST) + b" " * 900).encode(), key.signer).code == (
        "signature.webauthn"
    )
    assert refusal(b"", key.signer).code == "signature.empty"
    bare = P256Key(P256)
    assert refusal(key.sign(DIGEST), bare.signer).code == "signature.webauthn"
    assert refusal(bare.sign(DIGEST), P256[:-1] + b"\x09" + bare.signer[20:]).code == "signature.verifier"


@pytest.mark.parametrize(
    "change",
    [
        {"signature": None},
        {"signature": base64url(b"no DER")},
        {"clientDataJSON": base64url(b"{}")},
        {"authenticatorData": 5},
        {"authenticatorData": "not base64!"},
        {"signature": base64url(b"0\x26\x02\x22\x01" + bytes(33) + b"\x02\x00")},
    ],
)
def test_what_is_no_assertion(change: dict[str, Any]) -> None:
    response = Passkey(VERIFIER).browser(DIGEST)["response"] | change
    with pytest.raises(ValidationError, match=r"assertion|signature"):
        READ({"response": response})
    with pytest.raises(ValidationError, match="r, s and v"):
        READ({"response": 7})
