"""Certificate authorities of a manufacturer's own, as tests need them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding

NOW = 1_800_000_000
DAY = 86_400
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


@dataclass(frozen=True)
class Issuer:
    """A key and its certificate. `issue` makes the next one down."""

    key: Key
    certificate: x509.Certificate
    hash: hashes.HashAlgorithm = field(default_factory=hashes.SHA384)

    @classmethod
    def root(cls, common: str, key: Key, algorithm: hashes.HashAlgorithm, begin: int = NOW - 900 * DAY) -> Issuer:
        made = _builder(common, key, ca=True, path=None, begin=begin, end=NOW + 3000 * DAY)
        certificate = _sign(made.issuer_name(name(common)), key, algorithm)
        return cls(key, certificate, algorithm)

    def issue(
        self,
        common: str,
        key: Key,
        *,
        ca: bool = False,
        path: int | None = None,
        begin: int = NOW - 30 * DAY,
        end: int = NOW + 300 * DAY,
        extensions: dict[str, bytes] | None = None,
        critical: bool = False,
        algorithm: hashes.HashAlgorithm | None = None,
        cert_sign: bool | None = None,
        serial: int | None = None,
    ) -> Issuer:
        made = _builder(common, key, ca=ca, path=path, begin=begin, end=end, cert_sign=cert_sign, serial=serial)
        made = made.issuer_name(self.certificate.subject)
        made = made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        for oid, value in (extensions or {}).items():
            made = made.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=critical)
        return Issuer(key, _sign(made, self.key, algorithm or self.hash), self.hash)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def raw_signature(self, data: bytes, order: str, size: int) -> bytes:
        """r and s, each of so many bytes."""
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        pair = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(self.hash)))
        return b"".join(one.to_bytes(size, order) for one in pair)  # type: ignore[arg-type]


def _builder(
    common: str,
    key: Key,
    *,
    ca: bool,
    path: int | None,
    begin: int,
    end: int,
    cert_sign: bool | None = None,
    serial: int | None = None,
) -> x509.CertificateBuilder:
    signs = ca if cert_sign is None else cert_sign
    usage: dict[str, Any] = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(at(begin))
        .not_valid_after(at(end))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not ca, key_cert_sign=signs, crl_sign=ca, decipher_only=False, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(made: x509.CertificateBuilder, key: Key, algorithm: Any) -> x509.Certificate:
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
        return made.sign(key, algorithm, rsa_padding=pss)
    return made.sign(key, algorithm)


def with_serial_zero(certificate: x509.Certificate, issuer: Issuer) -> bytes:
    """The same certificate in DER, issued with the serial number that AMD's have and that no library writes. The one
    given has a serial of one byte."""
    assert isinstance(issuer.key, rsa.RSAPrivateKey) and certificate.serial_number == 1
    der, signed = certificate.public_bytes(Encoding.DER), certificate.tbs_certificate_bytes
    at_serial = signed.index(b"\xa0\x03\x02\x01\x02\x02\x01\x01") + 7
    changed = signed[:at_serial] + b"\x00" + signed[at_serial + 1 :]
    pss = padding.PSS(padding.MGF1(issuer.hash), issuer.hash.digest_size)
    signature = issuer.key.sign(changed, pss, issuer.hash)
    return der.replace(signed, changed).removesuffix(certificate.signature) + signature


def crl(issuer: Issuer, *, begin: int, end: int, revoked: tuple[x509.Certificate, ...] = ()) -> bytes:
    """A CRL in DER."""
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(at(begin))
        .next_update(at(end))
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number)
        made = made.add_revoked_certificate(entry.revocation_date(at(begin) - timedelta(days=1)).build())
    return made.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER element of fewer than 64 KiB."""
    body = b"".join(parts)
    size = len(body)
    length = (
        bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    )
    return bytes([tag]) + length + body


def oid(dotted: str) -> bytes:
    """An object identifier in DER."""
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = bytes([40 * first + second])
    for part in rest:
        digits = [part & 0x7F]
        while part := part >> 7:
            digits.append(part & 0x7F | 0x80)
        body += bytes(reversed(digits))
    return tlv(0x06, body)


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))
