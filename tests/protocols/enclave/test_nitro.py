"""AWS Nitro: the real document, which is of a debug run, every field changed; and documents of an AWS of our own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from placet.core.enclave_policy import EnclavePolicy, NitroRule
from placet.core.errors import AttestationError, ConfigError
from placet.protocols.enclave.evidence import nitro, roots
from placet.protocols.enclave.evidence.model import EnclaveEvidence, NitroStatement
from placet.protocols.enclave.evidence.verify import verify

from . import real
from .making import DAY, NOW, Issuer
from .nitro_maker import PCRS, PROTECTED, Nitro, p384
from .platforms import BINDING, PCR_012, evidence, makers, policy

cbor2 = pytest.importorskip("cbor2", reason="no cbor2 here: pip install 'placet[tee]'")


def refused(statement: NitroStatement, now: int = NOW, root: x509.Certificate | None = None) -> str:
    """The reason for which it is refused."""
    with pytest.raises(AttestationError) as caught:
        nitro.examine(statement, now, root or makers().nitro.root.certificate)
    return caught.value.code.removeprefix("attestation.")


def of(document: bytes) -> NitroStatement:
    return NitroStatement(kind="nitro", document=document)


# The real document.


def real_refused(document: bytes, now: int = real.NITRO_TIME) -> str:
    return refused(of(document), now, roots.pinned().nitro)


@real.needed
def test_the_real_document_is_authentic_and_of_a_debug_run() -> None:
    """Debugging is judged last, so all else about it holds: chain, dates, signature, structure."""
    assert real_refused(real.nitro().document) == "debug"


@real.needed
def test_no_policy_accepts_the_real_document() -> None:
    zeros = NitroRule(kind="nitro", measurements=(bytes(48),))
    binding = BINDING.model_copy(update={"issued": real.NITRO_TIME - 60})
    with pytest.raises(AttestationError) as caught:
        verify(
            EnclaveEvidence(statement=real.nitro()),
            EnclavePolicy(max_age=300, rules=(zeros,)),
            binding,
            real.NITRO_TIME,
        )
    assert caught.value.code == "attestation.debug"


@pytest.mark.slow
@real.needed
def test_every_third_byte_of_the_real_document_counts() -> None:
    for document in real.flipped(real.nitro().document, real.sampled(3)):
        assert real_refused(document) != "debug"


REAL_FIELDS = (
    "module_id",
    "digest",
    "timestamp",
    "pcrs",
    "certificate",
    "cabundle",
    "public_key",
    "user_data",
    "nonce",
)


@real.needed
@pytest.mark.parametrize("field", REAL_FIELDS)
def test_every_field_of_the_real_document_is_signed(field: str) -> None:
    protected, header, payload, signature = cbor2.loads(real.nitro().document)
    claims = cbor2.loads(payload)
    assert set(claims) == set(REAL_FIELDS)
    others: dict[str, Any] = {
        "module_id": "i-0000000000000000-enc0000000000000000",
        "digest": "SHA256",
        "timestamp": claims["timestamp"] + 1,
        "pcrs": PCRS,
        "certificate": makers().nitro.enclave.der,
        "cabundle": claims["cabundle"][:-1],
        "public_key": b"\x01" * 32,
        "user_data": BINDING.digest(),
        "nonce": BINDING.nonce,
    }
    changed = cbor2.dumps(claims | {field: others[field]})
    expected = {"digest": "format", "certificate": "expired", "cabundle": "chain"}.get(field, "signature")
    assert real_refused(cbor2.dumps([protected, header, changed, signature])) == expected


@real.needed
def test_the_real_document_holds_for_the_hours_of_its_certificates() -> None:
    document = real.nitro().document
    leaf = x509.load_der_x509_certificate(cbor2.loads(cbor2.loads(document)[2])["certificate"])
    begin, end = int(leaf.not_valid_before_utc.timestamp()), int(leaf.not_valid_after_utc.timestamp())
    assert [real_refused(document, moment) for moment in (begin, end)] == ["debug", "debug"]
    assert [real_refused(document, moment) for moment in (begin - 1, end + 1, NOW)] == ["expired"] * 3


@real.needed
def test_the_real_document_does_not_hold_under_our_own_root() -> None:
    assert refused(real.nitro(), real.NITRO_TIME) == "chain"


# Documents of an AWS of our own.


def test_what_a_document_says() -> None:
    made = makers().nitro
    claims = nitro.examine(made.statement(user_data=b"hello", nonce=b"n", public_key=b"k"), NOW, made.root.certificate)
    assert (claims.user_data, claims.nonce, claims.public_key) == (b"hello", b"n", b"k")
    assert claims.measurement == PCR_012
    assert claims.made_at == NOW - 5
    assert claims.expires == int(made.enclave.certificate.not_valid_after_utc.timestamp())


def test_key_and_nonce_in_their_own_fields_are_the_bound_ones() -> None:
    def check(**fields: bytes) -> str:
        return verify(evidence("nitro", **fields), policy("nitro"), BINDING, NOW, roots=makers().roots).kind

    assert check(nonce=BINDING.nonce, public_key=BINDING.key) == "nitro"
    for fields in ({"nonce": b"\x00" * 32}, {"public_key": b"\x00" * 32}, {"nonce": b""}):
        with pytest.raises(AttestationError) as caught:
            check(**fields)
        assert caught.value.code == "attestation.binding"


@pytest.mark.parametrize(
    "changed",
    [
        {"digest": "SHA512"},
        {"timestamp": -1},
        {"timestamp": True},
        {"timestamp": 1.5},
        {"timestamp": 2**63},
        {"module_id": b"i-0"},
        {"module_id": ""},
        {"pcrs": {}},
        {"pcrs": {0: b"\x01" * 32, 1: b"\x01" * 32, 2: b"\x01" * 32}},
        {"pcrs": dict(PCRS) | {32: bytes(48)}},
        {"pcrs": dict(PCRS) | {"0": bytes(48)}},
        {"pcrs": [bytes(48)] * 3},
        {"cabundle": []},
        {"cabundle": b""},
        {"certificate": b""},
        {"certificate": b"\x30\x03\x02\x01\x01"},
        {"user_data": b"\x01" * 1025},
        {"user_data": "text"},
        {"nonce": 7},
        {"more": 1},
    ],
)
def test_documents_are_read_strictly(changed: dict[str, Any]) -> None:
    """Each is signed as it must be: only its content is wrong."""
    assert refused(makers().nitro.statement(**changed)) == "format"


@pytest.mark.parametrize("field", REAL_FIELDS)
def test_every_field_must_be_there(field: str) -> None:
    claims = makers().nitro.claims()
    del claims[field]
    assert refused(makers().nitro.signed(cbor2.dumps(claims))) == "format"


def test_a_missing_pcr_counts_as_zeros() -> None:
    pcrs = {number: value for number, value in PCRS.items() if number != 1}
    assert refused(makers().nitro.statement(pcrs=pcrs)) == "debug"


def twice(payload: bytes) -> bytes:
    """The map with its first pair once more at its end."""
    pair = cbor2.dumps("digest") + cbor2.dumps("SHA384")
    assert payload[0] == 0xA9
    return b"\xaa" + payload[1:] + pair


def endless(payload: bytes) -> bytes:
    return b"\xbf" + payload[1:] + b"\xff"


def long_head(payload: bytes) -> bytes:
    """The map's size in two bytes where one does."""
    return b"\xb8\x09" + payload[1:]


@pytest.mark.parametrize("spoil", [twice, endless, long_head, lambda p: p + b"\x00", lambda p: p[:-1], lambda p: b""])
def test_only_one_spelling_of_cbor_is_read(spoil: Callable[[bytes], bytes]) -> None:
    made = makers().nitro
    assert refused(made.signed(spoil(cbor2.dumps(made.claims())))) == "format"


def test_the_envelope_is_read_strictly() -> None:
    made = makers().nitro
    good = made.statement().document
    protected, header, payload, signature = cbor2.loads(good)
    for parts in (
        [protected, {4: b"kid"}, payload, signature],
        [protected, header, payload],
        [protected, header, payload, signature, b""],
        [protected, header, payload, signature[:-1]],
        [protected, header, payload, "x" * 96],
        [b"", header, payload, signature],
        [bytes.fromhex("a10126"), header, payload, signature],
        [bytes.fromhex("a1f53822"), header, payload, signature],
        {"protected": protected},
        cbor2.CBORTag(18, [protected, header, payload, signature]),
    ):
        assert refused(of(cbor2.dumps(parts))) == "format"
    for document in (good + b"\x00", good[:-1], b"", b"\x9f" + good[1:] + b"\xff", b"\x81" * 30_000):
        assert refused(of(document)) == "format"


def test_another_signature_or_algorithm_is_refused() -> None:
    made = makers().nitro
    payload = cbor2.dumps(made.claims())
    assert refused(made.signed(payload, by=made.instance)) == "signature"
    assert refused(made.signed(payload, by=Nitro().enclave)) == "signature"
    assert refused(made.signed(payload, protected=bytes.fromhex("a10126"))) == "format"
    zeros = cbor2.dumps([PROTECTED, {}, payload, bytes(96)])
    assert refused(of(zeros)) == "signature"


def leaf(parent: Issuer, **changed: Any) -> Issuer:
    return parent.issue("Test enclave", changed.pop("key", None) or p384(), **changed)


def shown(made: Nitro, enclave: Issuer, bundle: list[Issuer]) -> NitroStatement:
    claims = made.claims(certificate=enclave.der, cabundle=[one.der for one in bundle])
    return made.signed(cbor2.dumps(claims), by=enclave)


def test_chains_that_do_not_hold() -> None:
    made = makers().nitro
    root, region, instance, enclave = made.root, made.region, made.instance, made.enclave
    good = [root, region, instance]
    assert refused(shown(made, enclave, [root, instance])) == "chain"
    assert refused(shown(made, enclave, [region, instance])) == "chain"
    assert refused(shown(made, enclave, [root, instance, region])) == "chain"
    assert refused(shown(made, enclave, [root])) == "chain"
    assert refused(shown(made, instance, [root, region])) == "chain"  # an issuer signs itself
    # An enclave's own certificate issues another.
    assert refused(shown(made, leaf(enclave), [*good, enclave])) == "chain"
    # Deeper than the region's path length allows.
    deep = instance.issue("Test deep", p384(), ca=True)
    assert refused(shown(made, leaf(deep), [*good, deep])) == "chain"
    # An issuer without the right to sign certificates.
    barred = region.issue("Test instance", p384(), ca=True, path=0, cert_sign=False)
    assert refused(shown(made, leaf(barred), [root, region, barred])) == "chain"
    # A critical extension that nobody here understands.
    odd = leaf(instance, extensions={"1.2.3.4": b"\x05\x00"}, critical=True)
    assert refused(shown(made, odd, good)) == "chain"
    # A weaker hash.
    weak = leaf(instance, algorithm=hashes.SHA256())
    assert refused(shown(made, weak, good)) == "chain"
    # Certificates that are not valid now.
    for window in ({"end": NOW - 1}, {"begin": NOW + 1}):
        assert refused(shown(made, leaf(instance, **window), good)) == "expired"
        old = region.issue("Test instance", p384(), ca=True, path=0, **window)
        assert refused(shown(made, leaf(old), [root, region, old])) == "expired"
    # The same names under another root.
    other = Nitro()
    assert refused(shown(other, other.enclave, [other.root, other.region, other.instance])) == "chain"
    assert refused(shown(other, other.enclave, [root, other.region, other.instance])) == "chain"


def test_the_leafs_key_is_of_p384() -> None:
    made = makers().nitro
    enclave = leaf(made.instance, key=ec.generate_private_key(ec.SECP256R1()))
    claims = made.claims(certificate=enclave.der)
    assert refused(made.signed(cbor2.dumps(claims))) == "signature"


def test_a_verification_ends_with_the_first_certificate() -> None:
    made = makers().nitro
    enclave = leaf(made.instance, end=NOW + 60)
    claims = made.claims(certificate=enclave.der, user_data=BINDING.digest())
    statement = made.signed(cbor2.dumps(claims), by=enclave)
    found = verify(EnclaveEvidence(statement=statement), policy("nitro"), BINDING, NOW, roots=makers().roots)
    assert found.valid_until == NOW + 60
    assert refused(statement, NOW + DAY) == "expired"


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    statement = makers().nitro.statement()
    monkeypatch.setitem(sys.modules, "cbor2", None)
    with pytest.raises(ConfigError) as caught:
        nitro.examine(statement, NOW, makers().nitro.root.certificate)
    assert caught.value.code == "config.extra" and "placet[tee]" in str(caught.value)
