"""Signatures of artefacts: what a key signed, and nothing that only says so."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet.core.errors import InputError, LimitError, SignatureError
from placet.interchange.aggregator_mapping import from_aggregator
from placet.interchange.jws import MAX_JWS, read_jws
from placet.interchange.open_banking_mapping import from_open_banking

from .test_consent_systems import changed, sample

KEY = rsa.generate_private_key(65_537, 2048)
RS256 = {"alg": "RS256", "kid": "aa-key-1"}
DETACHED = {"alg": "PS256", "b64": False, "crit": ["b64"]}


def pem(key: Any) -> bytes:
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


PEM = pem(KEY)


def encoded(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def jws(header: dict[str, Any], payload: bytes, *, detached: bool = False, alg: str | None = None) -> str:
    first = encoded(json.dumps(header).encode())
    body = payload if header.get("b64") is False else encoded(payload)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    scheme = pss if (alg or header["alg"]) == "PS256" else padding.PKCS1v15()
    signature = KEY.sign(first + b"." + body, scheme, hashes.SHA256())
    return b".".join((first, b"" if detached else body, encoded(signature))).decode()


def signed_artefact(header: dict[str, Any] = RS256, **changes: Any) -> bytes:
    detail = json.dumps(json.loads(changed("aa-artefact", **changes))["ConsentDetail"]).encode()
    return changed("aa-artefact", ConsentDetail=None, signedConsent=jws(header, detail))


def test_a_signed_artefact_is_read_and_its_signature_checked() -> None:
    raw = signed_artefact()
    assert from_aggregator(raw).signature == "unchecked"
    request = from_aggregator(raw, PEM)
    assert request.signature == "verified"
    same = from_aggregator(sample("aa-artefact"))
    assert request == same.model_copy(update={"signature": "verified", "artefact": request.artefact})


def test_a_detached_signature_is_over_the_file_as_it_is() -> None:
    raw = sample("uk-consent")
    for header in (DETACHED, {"alg": "PS256"}, RS256):
        signature = jws(header, raw, detached=True)
        assert from_open_banking(raw, PEM, signature).signature == "verified"
        with pytest.raises(SignatureError):
            from_open_banking(raw.replace(b"\n", b" ", 1), PEM, signature)


def test_no_signature_by_the_key_is_none() -> None:
    raw = signed_artefact()
    other = json.loads(raw)
    first, _, last = other["signedConsent"].split(".")
    forged = json.loads(signed_artefact(ConsentDetail__DataLife={"unit": "INF", "value": 0}))["signedConsent"].split(
        "."
    )[1]
    other["signedConsent"] = f"{first}.{forged}.{last}"
    stranger = pem(rsa.generate_private_key(65_537, 2048))
    for artefact, key in ((json.dumps(other).encode(), PEM), (raw, stranger), (sample("aa-artefact"), PEM)):
        with pytest.raises(SignatureError):
            from_aggregator(artefact, key)
    with pytest.raises(SignatureError):
        from_open_banking(sample("uk-consent"), PEM)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"alg": "RS256", "crit": ["http://openbanking.org.uk/iat"]},
        {"alg": "RS256", "crit": ["b64"]},
        {"alg": "RS256", "b64": False},
        {"alg": "RS256", "b64": "false", "crit": ["b64"]},
        {"alg": "PS256", "b64": False, "crit": ["b64"]},
    ],
)
def test_a_header_that_asks_for_more_is_refused(header: dict[str, Any]) -> None:
    detail = json.dumps(json.loads(sample("aa-artefact"))["ConsentDetail"]).encode()
    text = jws({**header, "b64": True} if header.get("b64") is False else header, detail, alg="RS256")
    first = encoded(json.dumps(header).encode()).decode()
    raw = changed("aa-artefact", ConsentDetail=None, signedConsent=".".join((first, *text.split(".")[1:])))
    with pytest.raises(SignatureError):
        from_aggregator(raw, PEM)


def test_a_key_of_another_kind_is_refused() -> None:
    raw = signed_artefact()
    for key in (b"no key", pem(ec.generate_private_key(ec.SECP256R1())), pem(rsa.generate_private_key(65_537, 1024))):  # noqa: S505 - too small
        with pytest.raises(InputError):
            from_aggregator(raw, key)


def test_what_is_no_jws_is_refused() -> None:
    for text in ("", "a.b", "a.b.c.d", "!.b.c", "e30=.e30.e30", "W10.e30.e30", "e31.e30.e30"):
        with pytest.raises(InputError):
            read_jws(text)
    with pytest.raises(LimitError):
        read_jws("a" * (MAX_JWS + 1))
    for text in (jws(RS256, b"{}"), jws(RS256, b"{}", detached=True)):
        with pytest.raises(InputError):
            from_aggregator(changed("aa-artefact", ConsentDetail=None, signedConsent=text))
