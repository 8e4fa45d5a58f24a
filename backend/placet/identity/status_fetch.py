"""Status lists from where their issuers keep them: https, of hosts that the enroller's file names, within limits."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from placet.core.errors import LimitError
from placet.identity.issuers import CredentialSigner
from placet.identity.status_list import MAX_TOKEN, StatusList, StatusReference, list_of
from placet.identity.tokens import refused

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("placet.identity")
SECONDS = 10.0
"""How long a host may take for one list, all in all."""
KEPT_SECONDS = 300.0
"""For how long a list is kept at most, whatever its `ttl`: a revocation is heard of after that."""
_KEPT, _AT_A_TIME = 8, 3
MEDIA_TYPE = "application/statuslist+jwt"


class StatusLists:
    """Lists of many issuers, each kept for its `ttl`. Threads may share it, which have no event loop of their own."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tls, self._clock = tls, clock
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock, self._places = threading.Lock(), threading.BoundedSemaphore(_AT_A_TIME)

    def status(self, reference: StatusReference, signer: CredentialSigner, now: int) -> int:
        """What a credential's issuer says of it now. AccessError where its list is at a host that the issuer's entry
        does not name, can't be had, or does not hold; LimitError where too many are being asked for."""
        if reference.host not in signer.terms.status_hosts:
            raise refused(
                "its status list is at a host that the enroller's file does not name",
                "one of this issuer's status_hosts",
                remedy="the enroller's operator adds the host to the file of issuers, if it is the issuer's",
            )
        known = self._known(reference.uri)
        token = self._fetched(reference) if known is None else known
        status_list = list_of(token, reference.uri, signer.list_key, now)
        status = status_list.status(reference.idx)
        if known is None:
            self._keep(reference.uri, token, status_list)
        return status

    def _known(self, uri: str) -> str | None:
        with self._lock:
            until, token = self._kept.get(uri, (0.0, ""))
            return token if until > self._clock() else None

    def _keep(self, uri: str, token: str, status_list: StatusList) -> None:
        if status_list.ttl is None:
            return
        with self._lock:
            self._kept[uri] = self._clock() + min(status_list.ttl, KEPT_SECONDS), token
            self._kept.move_to_end(uri)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _fetched(self, reference: StatusReference) -> str:
        import httpx

        if not self._places.acquire(blocking=False):
            raise LimitError(
                "too many status lists are being asked for", remedy="try again in a minute", code="limit.busy"
            )
        try:
            return asyncio.run(asyncio.wait_for(self._get(reference.uri), SECONDS))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, _UnusableError, OSError) as error:
            # The list's address and place would tell whose credential it is; its host does not.
            reason = str(error) if isinstance(error, _UnusableError) else type(error).__name__
            log.warning("no status list from %s: %s", reference.host, reason)
            raise refused(
                "whether it was revoked can't be learnt now",
                f"a status list from {reference.host}",
                found=reason,
                remedy="try again later, or ask the enroller for an access code",
            ) from None
        finally:
            self._places.release()

    async def _get(self, uri: str) -> str:
        import httpx

        tls = self._tls if self._tls is not None else ssl.create_default_context()
        headers = {"Accept": MEDIA_TYPE, "Accept-Encoding": "identity"}
        async with (
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=SECONDS, verify=tls) as http,
            http.stream("GET", uri, headers=headers) as answer,
        ):
            return (await _body(answer)).decode("ascii")


class _UnusableError(Exception):
    """An answer that is no list's; its words are ours."""


async def _body(answer: httpx.Response) -> bytes:
    if answer.status_code != 200:
        raise _UnusableError(f"status {answer.status_code}")
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise _UnusableError("another media type")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise _UnusableError("a packed answer, which was not asked for")
    body = bytearray()
    async for chunk in answer.aiter_raw(1 << 16):
        body += chunk
        if len(body) > MAX_TOKEN:
            raise _UnusableError(f"more than {MAX_TOKEN} bytes")
    if not body.isascii():
        raise _UnusableError("no text")
    return bytes(body)
