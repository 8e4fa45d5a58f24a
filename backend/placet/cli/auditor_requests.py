"""What an auditor asks of an institution's node under his own signature."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from placet.core.errors import NotFoundError, PeerError

if TYPE_CHECKING:
    from placet.core.eip712 import Domain
    from placet.core.signatures import Key
    from placet.core.trust import TrustList

SECONDS = 240.0
"""For which a node is waited for."""


class NodeOfInstitution:
    """As the trust list has it. PeerError for an institution that it has not."""

    def __init__(self, trust: TrustList, address: bytes) -> None:
        from placet.core.values import to_hex

        try:
            self._base = trust.institution(address).api.rstrip("/")
        except NotFoundError:
            raise PeerError("the trust list has no such institution", found=to_hex(address)) from None
        self._address = address

    def ask(self, auditor: Key, consents: Domain, method: str, path: str, body: bytes = b"", *, limit: int) -> bytes:
        """What it answers, of at most `limit` bytes. PlacetError where it refuses, PeerError where nothing comes."""
        import httpx

        from placet.core.requests import RequestParts, signed_request
        from placet.owner.wire import refusal

        url = self._base + path
        request = RequestParts(self._address, method, urlsplit(url).path, body)
        expiry = int(time.time()) + int(SECONDS)
        header = signed_request(auditor.address, auditor.sign, request, expiry=expiry, domain=consents).header()
        headers = {"Authorization": header, "Accept-Encoding": "identity", "Content-Type": "application/json"}
        content = bytearray()
        try:
            with (
                httpx.Client(timeout=httpx.Timeout(SECONDS, connect=5.0), trust_env=False) as client,
                client.stream(method, url, headers=headers, content=body) as answer,
            ):
                for piece in answer.iter_raw():
                    content += piece
                    if len(content) > limit:
                        raise PeerError("the answer is too large", expected=f"at most {limit} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PeerError("the party's node does not answer", found=type(error).__name__) from None
        if answer.status_code != 200:
            raise refusal(answer.status_code, bytes(content), self._base)
        return bytes(content)
