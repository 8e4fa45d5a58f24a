"""Whose credentials count: the enroller's file of issuers, by their keys or by anchors of their certificates.

An issuer that the file names has the keys that stand there, and no certificate counts for it: who shows a credential
does not choose how it is checked (SD-JWT VC, “Ecosystem-specific Public Key Verification Methods”). All others need a
chain (`x5c`) up to an anchor. Who they are is then what the certificate says: `iss`, which SD-JWT VC no longer demands
there, has to agree with it where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from cryptography import x509
from pydantic import ConfigDict, Field, model_validator

from placet.core.encodings import text_of
from placet.core.errors import ConfigError
from placet.core.values import Text, Value, parse
from placet.identity.certificates import Anchors, demand_named, read_anchors, signing_key
from placet.identity.tokens import TokenHeader, refused

if TYPE_CHECKING:
    from jwcrypto.jwk import JWK

MAX_ISSUERS_FILE = 1 << 20
Host = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$", max_length=260)]


class IssuerKey(Value):
    """A P-256 key as a JWK (RFC 7517). Members beside these are left out."""

    model_config = ConfigDict(extra="ignore")

    kty: Annotated[str, Field(pattern="^EC$")]
    crv: Annotated[str, Field(pattern="^P-256$")]
    x: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]
    y: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]
    kid: Text | None = None


class StatusTerms(Value):
    """What is asked of credentials' status: whether each needs one, and at which hosts (`host` or `host:port`, by
    https) its issuers keep their lists. No other host is ever asked."""

    status: Literal["required", "optional"] = "optional"
    status_hosts: Annotated[tuple[Host, ...], Field(max_length=64)] = ()


class IssuerKeys(StatusTerms):
    """A JWK set, and what is asked of credentials that are signed by its keys."""

    keys: Annotated[tuple[IssuerKey, ...], Field(min_length=1, max_length=64)]


class AnchorFile(StatusTerms):
    """A file of CA certificates (PEM), beside the file of issuers or by its whole path."""

    pem: Path


class Issuers(Value):
    """Who may say who a person is: JWK sets by the issuer's identifier (`iss`), and anchors of certificates."""

    issuers: Annotated[dict[Text, IssuerKeys], Field(default_factory=dict, max_length=1_000)]
    anchors: Annotated[tuple[AnchorFile, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.issuers and not self.anchors:
            raise ValueError("expected an issuer or anchors")
        return self


@dataclass(frozen=True)
class CredentialSigner:
    """Who has signed a credential. `list_key`: whose signature counts on its status list, by the list's header."""

    key: JWK
    terms: StatusTerms
    list_key: Callable[[TokenHeader], JWK]


class TrustedIssuers:
    """The file of issuers, with its files of anchors by what is asked under them."""

    def __init__(self, issuers: Issuers, anchors: Mapping[x509.Certificate, StatusTerms] | None = None) -> None:
        self._issuers, self._anchors = issuers.issuers, dict(anchors or {})
        self._all = Anchors(tuple(self._anchors)) if self._anchors else None

    def signer(self, issuer: object, header: TokenHeader, now: int) -> CredentialSigner:
        """By the credential's `iss`, if it has one, and its header. AccessError for strangers."""
        known = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if known is not None:
            return CredentialSigner(_named_key(known, header), known, lambda of_list: _named_key(known, of_list))
        if self._all is None or header.x5c is None:
            raise refused(
                "nobody here takes its issuer's word", "an issuer of the enroller's list, or a certificate (x5c)"
            )
        leaf, *_, anchor = self._all.chain(header.x5c, now)
        if issuer is not None:
            demand_named(leaf, str(issuer))
        key = _jwk(leaf)

        def list_key(of_list: TokenHeader) -> JWK:
            # Without certificates, the credential's own key; with some, whoever the same anchor certifies.
            return key if of_list.x5c is None else _jwk(Anchors((anchor,)).chain(of_list.x5c, now)[0])

        return CredentialSigner(key, self._anchors[anchor], list_key)


def read_issuers(file: Path) -> TrustedIssuers:
    """The file of issuers, and the files of anchors that it names. ConfigError `config.wallet` where one can't be read,
    InputError where it is malformed."""
    issuers = parse(Issuers, text_of(_read(file), "file of issuers"), limit=MAX_ISSUERS_FILE, what=str(file))
    anchors: dict[x509.Certificate, StatusTerms] = {}
    for one in issuers.anchors:
        path = file.parent / one.pem
        certificates = read_anchors(_read(path), str(path))
        if not anchors.keys().isdisjoint(certificates):
            raise ConfigError("an anchor stands in two files", found=str(path), code="config.wallet")
        anchors |= dict.fromkeys(certificates, one)
    return TrustedIssuers(issuers, anchors)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(
            "the file of issuers, or one that it names, can't be read",
            found=f"{file}: {error.strerror}",
            code="config.wallet",
        ) from None


def _named_key(known: IssuerKeys, header: TokenHeader) -> JWK:
    """The key that a header means: the one it names, or the only one."""
    fitting = [key for key in known.keys if header.kid is None or key.kid in (None, header.kid)]
    if len(fitting) != 1:
        raise refused("it names a key that its issuer does not have here", "a key of the enroller's list")
    return _key_of(fitting[0].model_dump(exclude_none=True))


def _key_of(members: Mapping[str, Any]) -> JWK:
    from jwcrypto.jwk import JWK

    return JWK(**members)


def _jwk(certificate: x509.Certificate) -> JWK:
    from jwcrypto.jwk import JWK

    return JWK.from_pyca(signing_key(certificate))
