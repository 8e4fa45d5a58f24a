"""Was a credential revoked? By the IETF's Token Status List (draft-ietf-oauth-status-list): a signed list of bits, and
the place in it that the credential names."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field

from placet.core.errors import InputError
from placet.core.values import Value, parse
from placet.identity.tokens import ALGORITHM, CLOCK_SECONDS, Time, TokenHeader, header_of, payload_of, refused, shown

if TYPE_CHECKING:
    from jwcrypto.jwk import JWK

MAX_TOKEN = 4 << 20
"""Bytes of a list's token."""
MAX_LIST = 16 << 20
"""Bytes of a list that was unpacked: 128 million statuses of one bit."""
OLDEST_SECONDS = 86_400
"""How long a list counts that does not say when it expires."""
VALID, INVALID, SUSPENDED = 0, 1, 2
"""The draft's status types that are named in refusals; VALID alone is taken."""
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_URI = re.compile(r"https://(?P<host>[A-Za-z0-9.-]+(?::[0-9]{1,5})?)/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*(?:\?[^#\s\\]*)?")
_WORDS = {INVALID: "it was revoked", SUSPENDED: "it is suspended"}


class StatusReference(Value):
    """Where a credential's status is."""

    model_config = ConfigDict(extra="ignore")

    idx: Annotated[int, Field(ge=0, lt=8 * MAX_LIST, strict=True)]
    uri: Annotated[str, Field(pattern=f"^{_URI.pattern}$", max_length=1_000)]

    @property
    def host(self) -> str:
        """The URI's host, with its port if it names one, in lower case."""
        parts = _URI.fullmatch(self.uri)
        return "" if parts is None else parts["host"].lower()


class StatusClaim(Value):
    """A credential's claim `status`; other mechanisms that stand in it too are left out."""

    model_config = ConfigDict(extra="ignore")

    status_list: StatusReference


class _PackedList(Value):
    model_config = ConfigDict(extra="ignore")

    bits: Literal[1, 2, 4, 8]
    lst: Annotated[str, Field(pattern="^[A-Za-z0-9_-]+$")]


class _ListClaims(Value):
    model_config = ConfigDict(extra="ignore")

    sub: str
    iat: Time
    exp: Time | None = None
    nbf: Time = 0
    ttl: Annotated[float, Field(gt=0, strict=True)] | None = None
    status_list: _PackedList


@dataclass(frozen=True)
class StatusList:
    """A list whose signature holds: `bits` of each status, and the bytes that they are in. `ttl`: for how many seconds
    it may be kept, if it says so."""

    bits: int
    statuses: bytes
    ttl: float | None

    def status(self, index: int) -> int:
        """The value at a place. AccessError beyond the end."""
        each = 8 // self.bits
        if index // each >= len(self.statuses):
            raise refused("its status list has no such place", "a place in the list")
        return self.statuses[index // each] >> (index % each) * self.bits & (1 << self.bits) - 1


def reference_of(claim: Any) -> StatusReference:
    """What a credential's claim `status` says. AccessError for another mechanism."""
    if not isinstance(claim, dict):
        raise refused("whether it was revoked can't be learnt: it says not where", "a status list")
    return shown(StatusClaim, claim).status_list


def list_of(token: str, uri: str, key_of: Callable[[TokenHeader], JWK], now: int) -> StatusList:
    """The list in a token (8.3 of the draft), of the issuer whose key `key_of` tells by the header. AccessError for
    anything that does not hold now."""
    from jwcrypto.common import JWException
    from jwcrypto.jws import JWS

    if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):
        raise _no_list("a JWT in the compact form")
    header = header_of(token)
    if header.typ != "statuslist+jwt":
        raise _no_list("the type statuslist+jwt")
    try:
        JWS().deserialize(token, key_of(header), alg=ALGORITHM)
    except (JWException, ValueError, TypeError):
        raise refused("its status list is signed by somebody else", "its issuer's signature") from None
    try:
        claims = parse(_ListClaims, payload_of(token), what="a status list")
    except InputError as error:
        raise _no_list(error.expected or "another form", found=error.found) from None
    if claims.sub != uri:
        raise refused("its status list is another one", "the list that the credential names (sub)")
    ends = claims.iat + OLDEST_SECONDS if claims.exp is None else claims.exp
    if not max(claims.iat, claims.nbf) - CLOCK_SECONDS <= now < ends:
        raise refused("its status list has expired, or does not hold yet", "a list that holds now")
    try:
        packed = base64.b64decode(claims.status_list.lst + "=" * (-len(claims.status_list.lst) % 4), b"-_", True)
    except binascii.Error:
        raise _no_list("base64url") from None
    return StatusList(claims.status_list.bits, unpacked(packed), claims.ttl)


def demand_valid(status: int) -> None:
    """AccessError for every other status than VALID."""
    if status != VALID:
        raise refused(_WORDS.get(status, "its issuer does not call it valid"), "the status VALID")


def unpacked(packed: bytes) -> bytes:
    """A list out of DEFLATE in zlib's format. AccessError for what is none, and for more than `MAX_LIST` bytes, which
    are not unpacked further."""
    inflater = zlib.decompressobj()
    try:
        statuses = inflater.decompress(packed, MAX_LIST + 1)
    except zlib.error:
        raise _no_list("zlib") from None
    if len(statuses) > MAX_LIST:
        raise _no_list(f"at most {MAX_LIST} bytes, unpacked")
    if not inflater.eof or inflater.unused_data:
        raise _no_list("zlib, whole and nothing after it")
    return statuses


def _no_list(expected: str, *, found: str | None = None) -> Exception:
    return refused("its status list is none", expected, found=found)
