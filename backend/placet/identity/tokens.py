"""Signed tokens of wallets, issuers and status lists: JWS in the compact form (RFC 7515), taken apart before a library
checks their signatures. And how a presentation is refused: what does not hold is said, and nothing of the person."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field

from placet.core.errors import AccessError, InputError
from placet.core.json_text import read_json
from placet.core.values import Text, Value, parse

ALGORITHM = "ES256"
CLOCK_SECONDS = 60
"""How far another's clock may be ahead."""
MAX_CHAIN = 5
"""Certificates in a header, the anchor's own among them if it is there."""
V = TypeVar("V", bound=Value)
Time = Annotated[int, Field(ge=0, lt=2**53)]
"""Seconds since 1970 (RFC 7519's NumericDate, whole)."""


class TokenHeader(Value):
    """Of a JWS that is about to be checked: what says how."""

    model_config = ConfigDict(extra="ignore")

    alg: Text
    typ: Text
    kid: Text | None = None
    x5c: (
        Annotated[tuple[Annotated[str, Field(max_length=6_000)], ...], Field(min_length=1, max_length=MAX_CHAIN)] | None
    ) = None
    crit: None = None


def refused(what: str, expected: str, *, found: str | None = None, remedy: str | None = None) -> AccessError:
    """AccessError `access.presentation`. `what` and `found` name no person."""
    return AccessError(
        f"this presentation is not taken: {what}",
        expected=expected,
        found=found,
        remedy=remedy,
        code="access.presentation",
    )


def header_of(token: str) -> TokenHeader:
    """The protected header, unchecked; of the one algorithm that counts here."""
    header = shown(TokenHeader, _part(token, 0))
    if header.alg != ALGORITHM:
        raise refused("it is signed by another algorithm", ALGORITHM)
    return header


def payload_of(token: str) -> dict[str, Any]:
    """The claims, unchecked."""
    return _part(token, 1)


def _part(token: str, place: int) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        raise refused("it is no SD-JWT with a key binding", "three parts between points")
    part = decoded(parts[place])
    if not isinstance(part, dict):
        raise refused("a part of it is no object", "a JSON object")
    return part


def decoded(text: str) -> Any:
    """JSON in base64url without padding."""
    try:
        return read_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "a part of a presentation")
    except (ValueError, binascii.Error, InputError):
        raise refused("a part of it is no JSON in base64url", "base64url of JSON") from None


def shown(model: type[V], part: dict[str, Any]) -> V:
    """What is read of a part."""
    try:
        return parse(model, part, what="a part of a presentation")
    except InputError as error:
        raise refused(
            "a claim that has to be there is not, or is malformed", error.expected or "", found=error.found
        ) from None
