"""What a wallet of the EU shows of a person: a verifiable presentation that the enroller checks by itself.

SD-JWT: RFC 9901, by its reference implementation (`placet[wallet]`), which checks signatures, disclosures, the key
binding's audience, nonce and hash. SD-JWT VC: types, times, issuers and status are checked here; and that all is in the
compact form, since that implementation reads JSON too, with another header than is read here. What can't be checked is
refused: a status that is no status list, another algorithm than ES256.

What an issuer hid behind a digest (`_sd`) nobody sees to whom the holder does not show it. So a claim that says whether
a credential holds may not be disclosed, nor any part of it. An issuer that hides such a claim all the same, with a
holder who keeps it to himself, is not found out; but where a status is required, its absence is.
"""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict

from placet.core.errors import ConfigError
from placet.core.installed import is_installed
from placet.core.values import Text, Value
from placet.identity.issuers import CredentialSigner, TrustedIssuers, read_issuers
from placet.identity.status_fetch import StatusLists
from placet.identity.status_list import demand_valid, reference_of
from placet.identity.tokens import CLOCK_SECONDS, Time, decoded, header_of, payload_of, refused, shown

if TYPE_CHECKING:
    from jwcrypto.jwk import JWK

MAX_PRESENTATION = 64 << 10
"""Bytes of a presentation; a credential of a person has some thousand."""
FRESH_SECONDS = 300
"""How old a key binding may be."""
TYPES = ("dc+sd-jwt", "vc+sd-jwt")
"""SD-JWT VC's media types: the standard's, and the one that earlier drafts had, which is to be taken still."""
_COMPACT = re.compile(r"[A-Za-z0-9_.~-]*")
_NEVER_DISCLOSED = ("iss", "aud", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status")
"""What an issuer signs in plain (SD-JWT VC, 2.2.2.2; RFC 9901, 9.7): a holder could withhold a disclosure."""


class CredentialClaims(Value):
    """What is read of a credential after its signature was checked; there is much more in one."""

    model_config = ConfigDict(extra="ignore")

    iss: Text | None = None
    vct: Text
    exp: Time
    nbf: Time = 0
    iat: Time = 0
    aud: Text | tuple[Text, ...] | None = None


class BindingClaims(Value):
    """When the holder's key signed for this request (RFC 9901, 4.3)."""

    model_config = ConfigDict(extra="ignore")

    iat: Time


class Wallets:
    """Whose credentials count, of which types, and which claim of them is the identifier that the register has.

    `claim` is a path of names, as in a query of OpenID4VP: `("personal_administrative_number",)`.
    """

    def __init__(
        self,
        issuers: TrustedIssuers,
        types: tuple[str, ...],
        claim: tuple[str, ...],
        lists: StatusLists,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuers, self.types, self.claim = issuers, types, claim
        self._lists, self._clock = lists, clock

    def subject(self, presentation: str, *, audience: str, nonce: str) -> str:
        """The identifier of the person who shows this to `audience`. AccessError `access.presentation`, which says
        what does not hold and nothing of the person; LimitError where too many lists of statuses are asked for."""
        if len(presentation) > MAX_PRESENTATION or not _COMPACT.fullmatch(presentation):
            raise refused("it is too large or no text of base64", f"at most {MAX_PRESENTATION} bytes")
        if "~" not in presentation:
            raise refused("it is no SD-JWT with a key binding", "parts between tildes")
        issued, *disclosed, binding = presentation.split("~")
        header, bound = header_of(issued), header_of(binding)
        if header.typ not in TYPES or bound.typ != "kb+jwt":
            raise refused("it is no SD-JWT VC with a key binding", " or ".join(TYPES))
        signed, now = payload_of(issued), int(self._clock())
        _demand_in_plain(signed)
        referenced = [*_referenced(signed), *_referenced_by(disclosed)]
        if len(set(referenced)) != len(referenced):
            raise refused("it has a disclosure in two places", "each once")
        signer = self._issuers.signer(signed.get("iss"), header, now)
        payload = _verified(presentation, signer.key, audience, nonce)
        if any(name in payload and name not in signed for name in _NEVER_DISCLOSED):
            raise _not_in_plain()
        claims = shown(CredentialClaims, payload)
        if claims.vct not in self.types:
            raise refused("it is of another type", " or ".join(self.types))
        if not max(claims.nbf, claims.iat) - CLOCK_SECONDS <= now < claims.exp:
            raise refused("it has expired, or does not hold yet", "a credential that holds now")
        if claims.aud is not None and audience not in (claims.aud if isinstance(claims.aud, tuple) else (claims.aud,)):
            raise refused("it was issued for others to read (aud)", "this enroller, or nobody in particular")
        if not now - FRESH_SECONDS <= shown(BindingClaims, payload_of(binding)).iat <= now + CLOCK_SECONDS:
            raise refused("it was made for an earlier request", f"at most {FRESH_SECONDS} s old")
        if not _digests(disclosed) <= set(referenced):
            raise refused("it discloses what the credential does not have", "disclosures of the credential")
        person = self._person(payload)
        self._demand_status(payload, signer, now)
        return person

    def _demand_status(self, payload: Mapping[str, Any], signer: CredentialSigner, now: int) -> None:
        """Last, when all else holds, as the draft on status lists has it: else strangers would have lists fetched."""
        if "status" in payload:
            demand_valid(self._lists.status(reference_of(payload["status"]), signer, now))
        elif signer.terms.status == "required":
            raise refused("whether it was revoked can't be learnt: it has no status", "a credential with a status list")

    def _person(self, payload: Mapping[str, Any]) -> str:
        value: object = payload
        for name in self.claim:
            value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(value, str) or not value:
            raise refused("the claim that names the person is not shown", ".".join(self.claim))
        return value


def wallets_of(file: Path, types: tuple[str, ...], claim: tuple[str, ...]) -> Wallets:
    """By the file of issuers (`placet.identity.issuers`). ConfigError where it can't be read or nothing here checks
    SD-JWTs."""
    if not is_installed("sd_jwt"):
        raise ConfigError(
            "nothing here checks what wallets show", remedy="pip install 'placet[wallet]'", code="config.wallet"
        )
    return Wallets(read_issuers(file), types, claim, StatusLists())


def _verified(presentation: str, key: JWK, audience: str, nonce: str) -> dict[str, Any]:
    """The claims, after all signatures and hashes."""
    from jwcrypto.common import JWException
    from sd_jwt.verifier import SDJWTVerifier

    try:
        checked = SDJWTVerifier(presentation, lambda _, __: key, audience, nonce)
        payload = checked.get_verified_payload()
    except (JWException, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # Their words may hold claims of a person.
        raise refused("its signatures or disclosures do not hold", "an SD-JWT with a key binding") from None
    if not isinstance(payload, dict):
        raise refused("its claims are no object", "a JSON object")
    return payload


def _demand_in_plain(signed: Mapping[str, Any]) -> None:
    """AccessError where a part of a claim that has to be in plain is behind a digest."""
    if any(True for name in _NEVER_DISCLOSED for _ in _referenced(signed.get(name))):
        raise _not_in_plain()


def _not_in_plain() -> Exception:
    return refused("it discloses what a credential has to say in plain", "none of " + ", ".join(_NEVER_DISCLOSED))


def _digests(disclosed: list[str]) -> set[str]:
    """RFC 9901, 4.2.3."""
    digests = (sha256(one.encode()).digest() for one in disclosed)
    return {urlsafe_b64encode(digest).decode().rstrip("=") for digest in digests}


def _referenced_by(disclosed: list[str]) -> Iterator[str]:
    for one in disclosed:
        yield from _referenced(decoded(one))


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
