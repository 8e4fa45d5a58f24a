"""Requests to wallets and what they answer: OpenID for Verifiable Presentations 1.0, with `direct_post`.

Who owns a key asks for a request; the wallet posts the presentation here, and gets an access code for exactly that key
and person, which the wallet's browser shows. Who enrols the key gives the code, as it gives any other. So whoever leads
somebody to make a presentation for another's key has nothing by that: the code is shown to who holds the wallet
(OpenID4VP, 13.3: session fixation). All is in memory, for minutes, and used once.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import Field

from placet.core.enrolment import WalletLink
from placet.core.errors import AccessError, InputError, LimitError, NotFoundError
from placet.core.hashing import canonical
from placet.core.values import Signer, Value, parse, to_hex
from placet.identity.register import new_code, normal_code
from placet.identity.tokens import ALGORITHM
from placet.identity.wallet import MAX_PRESENTATION, Wallets

PRESENTATIONS = "/v1/presentations"
SHOWN = "/presented"
SECONDS = 600
MAX_FORM = 3 * MAX_PRESENTATION
"""Bytes of a wallet's answer, whose presentation is percent-encoded."""
_MOST, _TRIES = 50_000, 5
_QUERY = "person"


class PresentationRequest(Value):
    """The body of `POST /v1/presentations`; the request itself is signed by `owner`."""

    owner: Signer


class _Answer(Value):
    person: Annotated[tuple[Annotated[str, Field(max_length=MAX_PRESENTATION)]], Field(min_length=1, max_length=1)]


@dataclass
class _Asked:
    """One request that no wallet has answered yet."""

    owner: bytes
    nonce: str
    until: float
    tries: int = _TRIES


@dataclass(frozen=True)
class _Shown:
    """What an answer gave."""

    owner: bytes
    subject: str
    code: str
    until: float


class Presentations:
    """Of one enroller, which wallets reach at `url`, by https. Threads may share it."""

    def __init__(self, wallets: Wallets, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._wallets, self._url, self._clock = wallets, url.rstrip("/"), clock
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._shown: dict[str, _Shown] = {}
        self._lock = threading.Lock()

    @property
    def audience(self) -> str:
        """Whom a wallet signs for: the client identifier of an unsigned request (OpenID4VP, 5.9.3)."""
        return f"redirect_uri:{self._url}{PRESENTATIONS}/answers"

    def ask(self, owner: bytes) -> WalletLink:
        """A request for a presentation that enrols this key. LimitError where too many are under way."""
        now = self._clock()
        state, nonce = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        with self._lock:
            while self._asked and next(iter(self._asked.values())).until <= now:
                self._asked.popitem(last=False)
            if len(self._asked) >= _MOST:
                raise LimitError("too many presentations at a time", remedy="try again in minutes", code="limit.busy")
            self._asked[state] = _Asked(owner, nonce, now + SECONDS)
        return WalletLink(
            link="openid4vp://?" + urlencode(self._request(state, nonce), quote_via=quote), seconds=SECONDS
        )

    def _request(self, state: str, nonce: str) -> dict[str, str]:
        query = {
            "credentials": [
                {
                    "id": _QUERY,
                    "format": "dc+sd-jwt",
                    "meta": {"vct_values": list(self._wallets.types)},
                    "claims": [{"path": list(self._wallets.claim)}],
                }
            ]
        }
        formats = {"dc+sd-jwt": {"sd-jwt_alg_values": [ALGORITHM], "kb-jwt_alg_values": [ALGORITHM]}}
        return {
            "client_id": self.audience,
            "client_metadata": canonical({"vp_formats_supported": formats}).decode(),
            "response_type": "vp_token",
            "response_mode": "direct_post",
            "response_uri": self.audience.removeprefix("redirect_uri:"),
            "nonce": nonce,
            "state": state,
            "dcql_query": canonical(query).decode(),
        }

    def take(self, form: bytes) -> str | None:
        """A wallet's answer: where its browser goes then, with the code in the fragment, which no server sees. None
        where the person said no. NotFoundError for an answer to nothing, AccessError for what does not hold."""
        fields = _fields(form)
        state = fields.get("state", "")
        with self._lock:
            waiting = self._asked.get(state)
            if waiting is None or waiting.until <= self._clock() or waiting.tries <= 0:
                raise _over()
            if "error" in fields:
                del self._asked[state]
                return None
            waiting.tries -= 1
        answer = parse(_Answer, fields.get("vp_token", ""), limit=MAX_FORM, what="the wallet's answer")
        subject = self._wallets.subject(answer.person[0], audience=self.audience, nonce=waiting.nonce)
        shown = _Shown(waiting.owner, subject, new_code(), waiting.until)
        with self._lock:  # of two answers at once one counts, with its own person and code
            if self._asked.pop(state, None) is None:
                raise _over()
            self._shown[state] = shown
        return f"{self._url}{SHOWN}#{urlencode({'code': shown.code, 'key': to_hex(shown.owner)})}"

    def spends(self, owner: bytes, subject: str, code: str) -> bool:
        """Is this a code that a presentation gave for this key and person? Once: it is gone then."""
        now = self._clock()
        with self._lock:
            self._shown = {state: shown for state, shown in self._shown.items() if shown.until > now}
            for state, shown in self._shown.items():
                if (shown.owner, shown.subject) == (owner, subject) and hmac.compare_digest(
                    normal_code(shown.code).encode(), normal_code(code).encode()
                ):
                    del self._shown[state]
                    return True
        return False


def _over() -> NotFoundError:
    return NotFoundError("no such request, or it is over", remedy="begin anew", code="presentation.unknown")


def _fields(form: bytes) -> dict[str, str]:
    """InputError for what is no form, or names a field twice."""
    try:
        pairs: list[tuple[str, Any]] = parse_qsl(
            form.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=16
        )
    except ValueError:
        raise InputError("the wallet's answer is no form", expected="application/x-www-form-urlencoded") from None
    if len(dict(pairs)) != len(pairs):
        raise InputError("the wallet's answer names a field twice", expected="each once")
    return dict(pairs)


def demand_presentations(presentations: Presentations | None) -> Presentations:
    """AccessError where this enroller takes no presentations."""
    if presentations is None:
        raise AccessError(
            "this enroller takes no presentations of wallets", remedy="ask it for a code", code="access.presentation"
        )
    return presentations
