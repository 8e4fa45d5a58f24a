"""What a wallet of the EU shows of a person: a verifiable presentation that the enroller checks by itself.

SD-JWT: RFC 9901, by its reference implementation (`placet[wallet]`), which checks signatures, disclosures, the key
binding's audience, nonce and hash. SD-JWT VC: types, times, issuers are checked here; and that all is in the compact
form, since that implementation reads JSON too, with another header than is read here. What can't be checked is refused:
a credential that has a status list, which nobody here reads; another algorithm than ES256.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field

from placet.core.encodings import text_of
from placet.core.errors import AccessError, ConfigError, InputError
from placet.core.installed import is_installed
from placet.core.json_text import read_json
from placet.core.values import Text, Value, parse

MAX_PRESENTATION = 64 << 10
"""Bytes of a presentation; a credential of a person has some thousand."""
MAX_ISSUERS_FILE = 1 << 20
FRESH_SECONDS, CLOCK_SECONDS = 300, 60
"""How old a key binding may be, and how far a wallet's clock may be ahead."""
TYPES = ("dc+sd-jwt", "vc+sd-jwt")
"""SD-JWT VC's media types: the standard's, and the one that earlier drafts had, which is to be taken still."""
ALGORITHM = "ES256"
_COMPACT = re.compile(r"[A-Za-z0-9_.~-]*")
_NEVER_DISCLOSED = ("iss", "nbf", "exp", "cnf", "vct", "status")
"""What the issuer's signature says in plain (SD-JWT VC, 2.2.2.2): a holder could withhold a disclosure."""
V = TypeVar("V", bound=Value)
_LARGEST_TIME = 2**53


class IssuerKey(Value):
    """A P-256 key as a JWK (RFC 7517). Members beside these are left out."""

    model_config = ConfigDict(extra="ignore")

    kty: Annotated[str, Field(pattern="^EC$")]
    crv: Annotated[str, Field(pattern="^P-256$")]
    x: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]
    y: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]
    kid: Text | None = None


class IssuerKeys(Value):
    """A JWK set."""

    model_config = ConfigDict(extra="ignore")

    keys: Annotated[tuple[IssuerKey, ...], Field(min_length=1, max_length=64)]


class Issuers(Value):
    """Who may say who a person is: JWK sets by the issuer's identifier (`iss`)."""

    issuers: Annotated[dict[Text, IssuerKeys], Field(min_length=1, max_length=1_000)]


class CredentialClaims(Value):
    """What is read of a credential after its signature was checked; there is much more in one."""

    model_config = ConfigDict(extra="ignore")

    iss: Text
    vct: Text
    exp: Annotated[int, Field(ge=0, lt=_LARGEST_TIME)]
    nbf: Annotated[int, Field(ge=0, lt=_LARGEST_TIME)] = 0
    iat: Annotated[int, Field(ge=0, lt=_LARGEST_TIME)] = 0


class BindingClaims(Value):
    """When the holder's key signed for this request (RFC 9901, 4.3)."""

    model_config = ConfigDict(extra="ignore")

    iat: Annotated[int, Field(ge=0, lt=_LARGEST_TIME)]


class TokenHeader(Value):
    """Of a JWS that is about to be checked: what says how."""

    model_config = ConfigDict(extra="ignore")

    alg: Text
    typ: Text
    kid: Text | None = None
    crit: None = None


class Wallets:
    """Whose credentials count, of which types, and which claim of them is the identifier that the register has.

    `claim` is a path of names, as in a query of OpenID4VP: `("personal_administrative_number",)`.
    """

    def __init__(
        self,
        issuers: Issuers,
        types: tuple[str, ...],
        claim: tuple[str, ...],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuers, self.types, self.claim, self._clock = issuers.issuers, types, claim, clock

    def subject(self, presentation: str, *, audience: str, nonce: str) -> str:
        """The identifier of the person who shows this to `audience`. AccessError `access.presentation`, which says
        what does not hold and nothing of the person."""
        if len(presentation) > MAX_PRESENTATION or not _COMPACT.fullmatch(presentation):
            raise _refused("it is too large or no text of base64", f"at most {MAX_PRESENTATION} bytes")
        if "~" not in presentation:
            raise _refused("it is no SD-JWT with a key binding", "parts between tildes")
        issued, *disclosed, binding = presentation.split("~")
        header, bound = _header(issued), _header(binding)
        if header.typ not in TYPES or bound.typ != "kb+jwt":
            raise _refused("it is no SD-JWT VC with a key binding", " or ".join(TYPES))
        signed = _payload(issued)
        referenced = [*_referenced(signed), *_referenced_by(disclosed)]
        if len(set(referenced)) != len(referenced):
            raise _refused("it has a disclosure in two places", "each once")
        payload = self._verified(presentation, audience, nonce)
        if any(name in payload and name not in signed for name in _NEVER_DISCLOSED):
            raise _refused(
                "it discloses what a credential has to say in plain", "none of " + ", ".join(_NEVER_DISCLOSED)
            )
        claims = _shown(CredentialClaims, payload)
        now = int(self._clock())
        if claims.vct not in self.types:
            raise _refused("it is of another type", " or ".join(self.types))
        if not max(claims.nbf, claims.iat) - CLOCK_SECONDS <= now < claims.exp:
            raise _refused("it has expired, or does not hold yet", "a credential that holds now")
        if "status" in payload:
            raise _refused("whether it was revoked can't be checked here", "a credential without a status list")
        if not now - FRESH_SECONDS <= _shown(BindingClaims, _payload(binding)).iat <= now + CLOCK_SECONDS:
            raise _refused("it was made for an earlier request", f"at most {FRESH_SECONDS} s old")
        if not _digests(disclosed) <= set(referenced):
            raise _refused("it discloses what the credential does not have", "disclosures of the credential")
        return self._person(payload)

    def _verified(self, presentation: str, audience: str, nonce: str) -> dict[str, Any]:
        """The claims, after all signatures and hashes."""
        from jwcrypto.common import JWException
        from sd_jwt.verifier import SDJWTVerifier

        try:
            checked = SDJWTVerifier(presentation, self._key, audience, nonce)
            payload = checked.get_verified_payload()
        except (JWException, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            # Their words may hold claims of a person.
            raise _refused("its signatures or disclosures do not hold", "an SD-JWT with a key binding") from None
        if not isinstance(payload, dict):
            raise _refused("its claims are no object", "a JSON object")
        return payload

    def _key(self, issuer: object, header: Mapping[str, Any]) -> Any:
        """The issuer's key that a header means: the one it names, or the only one."""
        from jwcrypto.jwk import JWK

        known = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if known is None:
            raise _refused("nobody here takes its issuer's word", "an issuer of the enroller's list")
        name = header.get("kid")
        fitting = [key for key in known.keys if name is None or key.kid in (None, name)]
        if len(fitting) != 1:
            raise _refused("it names a key that its issuer does not have here", "a key of the enroller's list")
        return JWK(**fitting[0].model_dump(exclude_none=True))

    def _person(self, payload: Mapping[str, Any]) -> str:
        value: object = payload
        for name in self.claim:
            value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(value, str) or not value:
            raise _refused("the claim that names the person is not shown", ".".join(self.claim))
        return value


def wallets_of(file: Path, types: tuple[str, ...], claim: tuple[str, ...]) -> Wallets:
    """By the file of issuers: `{"issuers": {ISSUER: JWK SET, …}}`. ConfigError where it can't be read or nothing here
    checks SD-JWTs."""
    if not is_installed("sd_jwt"):
        raise ConfigError(
            "nothing here checks what wallets show", remedy="pip install 'placet[wallet]'", code="config.wallet"
        )
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            "the file of issuers can't be read", found=f"{file}: {error.strerror}", code="config.wallet"
        ) from None
    issuers = parse(Issuers, text_of(raw, "file of issuers"), limit=MAX_ISSUERS_FILE, what=str(file))
    return Wallets(issuers, types, claim)


def _refused(what: str, expected: str) -> AccessError:
    return AccessError(f"this presentation is not taken: {what}", expected=expected, code="access.presentation")


def _header(token: str) -> TokenHeader:
    header = _shown(TokenHeader, _part(token, 0))
    if header.alg != ALGORITHM:
        raise _refused("it is signed by another algorithm", ALGORITHM)
    return header


def _payload(token: str) -> dict[str, Any]:
    return _part(token, 1)


def _part(token: str, place: int) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        raise _refused("it is no SD-JWT with a key binding", "three parts between points")
    part = _decoded(parts[place])
    if not isinstance(part, dict):
        raise _refused("a part of it is no object", "a JSON object")
    return part


def _decoded(text: str) -> Any:
    try:
        return read_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "a part of a presentation")
    except (ValueError, binascii.Error, InputError):
        raise _refused("a part of it is no JSON in base64url", "base64url of JSON") from None


def _shown(model: type[V], part: dict[str, Any]) -> V:
    try:
        return parse(model, part, what="a part of a presentation")
    except InputError as error:
        raise _refused("a claim that has to be there is not, or is malformed", error.expected or "") from None


def _digests(disclosed: list[str]) -> set[str]:
    """RFC 9901, 4.2.3."""
    digests = (sha256(one.encode()).digest() for one in disclosed)
    return {base64.urlsafe_b64encode(digest).decode().rstrip("=") for digest in digests}


def _referenced_by(disclosed: list[str]) -> Iterator[str]:
    for one in disclosed:
        yield from _referenced(_decoded(one))


def _referenced(value: Any) -> Iterator[str]:
    """All digests of disclosures inside: what nobody refers to may not be shown (RFC 9901, 7.1)."""
    if isinstance(value, list):
        for one in value:
            yield from _referenced(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name == "_sd" and isinstance(one, list):
                yield from (digest for digest in one if isinstance(digest, str))
            elif name == "..." and isinstance(one, str):
                yield one
            else:
                yield from _referenced(one)
