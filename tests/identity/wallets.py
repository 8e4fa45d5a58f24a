"""An issuer of credentials and a wallet, by SD-JWT's reference implementation: what the enroller's other side is. And
CAs that certify issuers, and lists of what an issuer has revoked."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer

ISSUER, TYPE, CLAIM = "https://pid.example.eu", "urn:eudi:pid:1", ("personal_administrative_number",)


@dataclass
class Certified:
    """A certificate, its key, and who issued it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    issuer: Certified | None = None

    def x5c(self, *, anchor: bool = False) -> list[str]:
        """The chain as a header has it; the last one, which has no issuer, only as an `anchor`."""
        own = [base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()]
        if self.issuer is None:
            return own if anchor else []
        return own + self.issuer.x5c(anchor=anchor)

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def certify(
    name: str,
    issuer: Certified | None = None,
    *,
    ca: bool = False,
    path: int | None = None,
    days: tuple[int, int] = (-1, 30),
    names: Sequence[x509.GeneralName] = (),
    purposes: Sequence[ObjectIdentifier] = (),
    usage: str | None = None,
    curve: ec.EllipticCurve | None = None,
    critical: bool = False,
) -> Certified:
    """A certificate by `issuer`, or by itself. `usage`: the one key usage, else what a CA or a signer has."""
    key, now = ec.generate_private_key(curve or ec.SECP256R1()), datetime.now(UTC)
    by = key if issuer is None else issuer.key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    used = usage or ("key_cert_sign" if ca else "digital_signature")
    usages = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usages += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca, path), critical=True)
        .add_extension(x509.KeyUsage(**{one: one == used for one in usages}), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if critical:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), critical=True
        )
    return Certified(builder.sign(by, hashes.SHA256()), key, issuer)


def signed(claims: Mapping[str, Any], key: JWK, **header: Any) -> str:
    """A JWT, in the compact form."""
    made = JWS(json.dumps(claims))
    made.add_signature(key, alg="ES256", protected=json.dumps({"alg": "ES256"} | header))
    return str(made.serialize(compact=True))


def status_list(uri: str, statuses: bytes, *, bits: int = 1, **claims: Any) -> dict[str, Any]:
    """The claims of a status list token; `claims` that are None are left out."""
    packed = base64.urlsafe_b64encode(zlib.compress(statuses, 9)).decode().rstrip("=")
    now = int(time.time())
    whole = {"sub": uri, "iat": now - 5, "exp": now + 3600, "status_list": {"bits": bits, "lst": packed}} | claims
    return {name: value for name, value in whole.items() if value is not None}


class Issuer:
    """Who says who persons are: by a key that is handed on, or by one that is certified."""

    def __init__(
        self, name: str | None = ISSUER, certified: Certified | None = None, x5c: list[str] | None = None
    ) -> None:
        self.name, self.certified, self.x5c = name, certified, x5c
        self.key = JWK.generate(kty="EC", crv="P-256", kid="one") if certified is None else _jwk(certified)

    @property
    def header(self) -> dict[str, Any]:
        """What a header says of whose key it is."""
        if self.certified is None:
            return {"kid": "one"}
        return {"x5c": self.certified.x5c() if self.x5c is None else self.x5c}

    def keys(self, **terms: Any) -> dict[str, Any]:
        """As the file of issuers has them."""
        return {"issuers": {self.name: {"keys": [json.loads(self.key.export_public())]} | terms}}

    def credential(self, subject: str, holder: JWK, typ: str = "dc+sd-jwt", **claims: Any) -> str:
        said = {"iss": self.name, "vct": TYPE, "iat": int(time.time()) - 10, "exp": int(time.time()) + 3600} | claims
        shown = {SDObj(CLAIM[0]): subject, SDObj("family_name"): "Lovelace", SDObj("nationalities"): [SDObj("EE")]}
        payload = {name: value for name, value in said.items() if value is not None} | shown
        made = SDJWTIssuer(payload, self.key, holder, extra_header_parameters={"typ": typ} | self.header)
        issued: str = made.sd_jwt_issuance
        return issued

    def list(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A status list token."""
        return signed(claims, self.key, **{"typ": "statuslist+jwt"} | self.header | header)


def _jwk(certified: Certified) -> JWK:
    return JWK.from_pyca(certified.key)


class Wallet:
    """A person's key, and the credential that names it."""

    def __init__(self, issuer: Issuer, subject: str, **claims: Any) -> None:
        self.key = JWK.generate(kty="EC", crv="P-256")
        self.credential = issuer.credential(subject, JWK.from_json(self.key.export_public()), **claims)

    def shows(self, audience: str, nonce: str, disclosed: dict[str, Any] | None = None) -> str:
        holder = SDJWTHolder(self.credential)
        holder.create_presentation(
            {CLAIM[0]: True} if disclosed is None else disclosed, nonce=nonce, aud=audience, holder_key=self.key
        )
        presentation: str = holder.sd_jwt_presentation
        return presentation
