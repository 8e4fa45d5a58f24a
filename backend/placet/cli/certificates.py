"""Self-signed certificates for the peer link. What counts is the key, whose hash stands in every plan."""

from __future__ import annotations

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from placet.core.errors import ConfigError, InputError
from placet.core.hashing import sha256

_YEARS = datetime.timedelta(days=3650)


def make(name: str, hosts: list[str], passphrase: str) -> tuple[bytes, bytes]:
    """A fresh P-256 key (PEM, PKCS #8, encrypted) and its certificate (PEM) for server and client use. InputError for a
    name or host that no certificate can hold."""
    try:
        return _make(name, hosts, passphrase)
    except ValueError:
        raise InputError(
            "no certificate can be made out in this name, for this host",
            expected="a name, and a host's name or address in ASCII",
            found=f"name {name[:40]!r}, hosts {', '.join(hosts)[:200]!r}",
        ) from None


def _make(name: str, hosts: list[str], passphrase: str) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    uses = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(uses, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in dict.fromkeys(hosts)]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    return encrypted, certificate.public_bytes(serialization.Encoding.PEM)


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _load(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise InputError("a certificate can't be read", expected="one X.509 certificate in PEM") from None


def fingerprint(pem: str) -> bytes:
    """SHA-256 of a certificate's DER SubjectPublicKeyInfo: `Party.tlsKey`."""
    return sha256(_spki(_load(pem).public_key()))


def expiry(pem: str) -> int:
    """When a certificate ends, Unix seconds."""
    return int(_load(pem).not_valid_after_utc.timestamp())


def key_fingerprint(pem: bytes, passphrase: str) -> bytes:
    """The same hash from an encrypted private key; ConfigError if the passphrase does not open it."""
    try:
        key = serialization.load_pem_private_key(pem, passphrase.encode())
    except (ValueError, TypeError):
        raise ConfigError(
            "the TLS key does not open", remedy="check the passphrase file, or restore keys/tls.key"
        ) from None
    return sha256(_spki(key.public_key()))


def _spki(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise InputError("a certificate has a key of another kind", expected="an elliptic-curve key")
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
