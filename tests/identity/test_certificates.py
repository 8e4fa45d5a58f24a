"""Certificates of issuers: chains up to the enroller's anchors, and each thing that is wrong with one."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from tests.identity.test_wallet import AUDIENCE, NONCE, refused
from tests.identity.wallets import CLAIM, ISSUER, TYPE, Certified, Issuer, Wallet, certify

from placet.core.errors import ConfigError, InputError
from placet.core.values import parse
from placet.identity.issuers import Issuers, StatusTerms, TrustedIssuers
from placet.identity.status_fetch import StatusLists
from placet.identity.tokens import MAX_CHAIN
from placet.identity.wallet import Wallets, wallets_of

HERE = (x509.UniformResourceIdentifier(ISSUER),)
ROOT = certify("Anchor", ca=True)
MIDDLE = certify("Issuers of the state", ROOT, ca=True, path=0)
LEAF = certify("PID provider", MIDDLE, names=HERE)
EMPTY = parse(Issuers, {"issuers": Issuer("https://another.example").keys()["issuers"]})


def known(*anchors: Certified) -> Wallets:
    terms = dict.fromkeys((one.certificate for one in anchors or (ROOT,)), StatusTerms())
    return Wallets(TrustedIssuers(EMPTY, terms), (TYPE,), CLAIM, StatusLists())


def shown(leaf: Certified, *, name: str | None = ISSUER, x5c: list[str] | None = None) -> str:
    """A presentation of a credential that is signed under this certificate."""
    return Wallet(Issuer(name, leaf, x5c), "ada").shows(AUDIENCE, NONCE)


def taken(presentation: str, wallets: Wallets | None = None) -> bool:
    return (wallets or known()).subject(presentation, audience=AUDIENCE, nonce=NONCE) == "ada"


def test_a_chain_up_to_an_anchor_is_taken() -> None:
    assert taken(shown(LEAF))
    assert taken(shown(LEAF, x5c=LEAF.x5c(anchor=True)))  # HAIP leaves the anchor out; some have it
    assert taken(shown(certify("PID provider", ROOT, names=HERE)))
    assert taken(shown(LEAF), known(certify("Another", ca=True), ROOT))
    assert taken(shown(LEAF, x5c=LEAF.x5c()[:1]), known(MIDDLE))  # an anchor that is no root


def test_whom_a_certificate_names() -> None:
    """As a URI, or as the host of an https address; whoever the anchor certifies where the credential names none."""
    assert taken(shown(certify("by host", ROOT, names=[x509.DNSName("PID.example.eu")])))
    assert taken(shown(certify("by host", ROOT, names=[x509.DNSName("pid.example.eu")]), name=f"{ISSUER}/estonia"))
    assert taken(shown(certify("nobody", ROOT), name=None))
    for names in ((), [x509.DNSName("*.example.eu")], [x509.DNSName("example.eu")], [x509.RFC822Name("a@pid.example")]):
        assert "is another's" in refused(shown(certify("other", ROOT, names=names)), known())
    both = certify("other", ROOT, names=[*HERE, x509.DNSName("pid.example.eu")])
    for name in ("https://thief.example", "http://pid.example.eu", f"{ISSUER}:8443", f"{ISSUER}@thief.example"):
        assert "is another's" in refused(shown(both, name=name), known())


def _expired_middle() -> Certified:
    return certify("leaf", certify("middle", ROOT, ca=True, days=(-9, -1)), names=HERE)


def _no_ca_in_the_middle() -> Certified:
    return certify("leaf", certify("middle", ROOT, names=HERE), names=HERE)


def _too_long_a_path() -> Certified:
    return certify("leaf", certify("below", MIDDLE, ca=True), names=HERE)


def _too_deep() -> Certified:
    issuer = ROOT
    for depth in range(MAX_CHAIN - 1):
        issuer = certify(f"CA {depth}", issuer, ca=True)
    return certify("leaf", issuer, names=HERE)


TLS = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: certify("expired", ROOT, names=HERE, days=(-9, -1)), "not valid at validation time"),
        (lambda: certify("not yet", ROOT, names=HERE, days=(1, 9)), "not valid at validation time"),
        (_expired_middle, "not valid at validation time"),
        (lambda: certify("leaf", certify("Stranger", ca=True), names=HERE), "no anchor has issued them"),
        (lambda: certify("leaf", certify("Anchor", ca=True), names=HERE), "signature does not match"),
        (_no_ca_in_the_middle, "basicConstraints.cA must be asserted"),
        (lambda: certify("leaf", certify("m", ROOT, ca=True, usage="crl_sign"), names=HERE), "keyUsage.keyCertSign"),
        (_too_long_a_path, "path length constraint violated"),
        (lambda: certify("a CA", ROOT, ca=True, names=HERE), "basicConstraints.cA must not be asserted"),
        (lambda: certify("leaf", ROOT, names=HERE, usage="key_agreement"), "not for digital signatures"),
        (lambda: certify("leaf", ROOT, names=HERE, purposes=TLS), "for other purposes, such as TLS"),
        (lambda: certify("leaf", certify("m", ROOT, ca=True, purposes=TLS), names=HERE), "for other purposes"),
        (lambda: certify("leaf", ROOT, names=HERE, critical=True), "unaccounted-for critical extensions"),
        (_too_deep, "exceeds max depth"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_chains_that_do_not_hold(made: Callable[[], Certified], said: str) -> None:
    assert said in refused(shown(made()), known())


def test_a_certificate_holds_at_the_enrollers_time() -> None:
    day = 86_400
    for days in (-2, 40):
        later = Wallets(
            TrustedIssuers(EMPTY, {ROOT.certificate: StatusTerms()}),
            (TYPE,),
            CLAIM,
            StatusLists(),
            clock=lambda days=days: time.time() + days * day,  # type: ignore[misc]
        )
        assert "not valid at validation time" in refused(shown(LEAF), later)


def test_a_certificate_that_its_holder_made() -> None:
    """Signed by its own key, with the anchor's name, and handed over as leaf, as middle and as anchor."""
    alone = certify("PID provider", names=HERE)
    forged = certify("PID provider", certify("Anchor", ca=True), names=HERE)
    for leaf, x5c in (
        (alone, alone.x5c(anchor=True)),
        (forged, forged.x5c(anchor=True)),
        (forged, [*forged.x5c(), *ROOT.x5c(anchor=True)]),
        (alone, LEAF.x5c()),  # another's certificates
    ):
        assert "do not hold" in refused(shown(leaf, x5c=x5c), known())


def test_a_purpose_of_credentials_is_taken() -> None:
    """As ISO 18013-5 has one for documents; beside it there may be others."""
    documents = ObjectIdentifier("1.0.18013.5.1.2")
    assert taken(shown(certify("leaf", ROOT, names=HERE, purposes=[documents])))
    assert taken(shown(certify("leaf", ROOT, names=HERE, purposes=[*TLS, documents])))


def test_a_key_that_cant_sign_es256() -> None:
    leaf = certify("leaf", ROOT, names=HERE, curve=ec.SECP384R1())
    assert "key of another kind" in refused(shown(LEAF, x5c=leaf.x5c()), known())


def test_certificates_that_are_none_or_no_chain() -> None:
    right = LEAF.x5c()
    other = certify("leaf", MIDDLE, names=HERE).x5c()[:1]
    for x5c, said in (
        ([], "at least 1 item"),
        (["A" * 6_001, *right], "at most 6000"),
        (right[:1] * (MAX_CHAIN + 1), f"at most {MAX_CHAIN} items"),
        (["!", *right], "is none"),
        ([base64.b64encode(b"no certificate").decode()], "is none"),
        ([right[0][:-8], right[1]], "is none"),
        ([right[0], *other, right[1]], "no chain"),
        (right[:1], "no anchor has issued them"),
        ([right[1], right[0]], "do not hold"),
        ([*right, *certify("Stranger", ca=True).x5c(anchor=True)], "no chain"),
    ):
        assert said in refused(shown(LEAF, x5c=x5c), known()), x5c


def test_who_shows_a_credential_does_not_choose_how_it_is_checked() -> None:
    """An issuer whose keys the file has is not taken by a certificate, nor one that it does not have by a key."""
    by_key = Issuer()
    terms = {ROOT.certificate: StatusTerms()}
    both = Wallets(TrustedIssuers(parse(Issuers, by_key.keys()), terms), (TYPE,), CLAIM, StatusLists())
    assert "do not hold" in refused(shown(LEAF), both)
    assert taken(Wallet(by_key, "ada").shows(AUDIENCE, NONCE), both)
    assert "nobody here takes its issuer's word" in refused(Wallet(by_key, "ada").shows(AUDIENCE, NONCE), known())
    no_anchors = Wallets(TrustedIssuers(EMPTY), (TYPE,), CLAIM, StatusLists())
    assert "nobody here takes its issuer's word" in refused(shown(LEAF), no_anchors)


def test_files_of_anchors(tmp_path: Path) -> None:
    file, pem = tmp_path / "issuers.json", tmp_path / "pid.pem"

    def read(**more: Any) -> Wallets:
        file.write_text(json.dumps({"anchors": [{"pem": "pid.pem"} | more]}))
        return wallets_of(file, (TYPE,), CLAIM)

    with pytest.raises(ConfigError, match="can't be read"):
        read()
    pem.write_bytes(ROOT.pem() + certify("Another", ca=True).pem())
    assert taken(shown(LEAF), read())
    assert "it has no status" in refused(shown(LEAF), read(status="required"))
    for wrong in (b"", b"no PEM", LEAF.pem(), ROOT.pem() + LEAF.pem(), ROOT.pem()[:200]):
        pem.write_bytes(wrong)
        with pytest.raises(ConfigError, match="a file of anchors is none"):
            read()
    pem.write_bytes(ROOT.pem())
    file.write_text(json.dumps({"anchors": [{"pem": "pid.pem"}, {"pem": "pid.pem", "status": "required"}]}))
    with pytest.raises(ConfigError, match="in two files"):
        wallets_of(file, (TYPE,), CLAIM)
    file.write_text(json.dumps({"anchors": [{"pem": "pid.pem", "path": 1}]}))
    with pytest.raises(InputError):
        wallets_of(file, (TYPE,), CLAIM)
