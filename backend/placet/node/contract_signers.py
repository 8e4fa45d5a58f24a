"""Signatures from outside: a key's shows at once, and a contract's (ERC-1271) is asked for on threads of its own.

A stranger's contract, or an endpoint that hangs over it, may take as long as it likes: no signature of a key waits for
it, and no other request. Such questions have a client of the endpoint of their own too, which tries once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from placet.chain.client import erc1271
from placet.chain.rpc import Rpc
from placet.core.errors import LimitError
from placet.core.signatures import Verifiers

THREADS = 4
WAITING = 64
"""Questions at a time, asked or waiting for a thread."""
OF_CLIENT = 2
"""Questions of one client at a time: no client alone keeps all threads."""
SECONDS = 5.0


class ContractSigners:
    """What a deployment accepts (`keys`), with contracts asked at `url`."""

    def __init__(self, url: str, keys: Verifiers, seconds: float = SECONDS) -> None:
        self._keys = keys
        self._all = keys.asking(erc1271(Rpc(url, timeout=seconds, attempts=1)))
        self._threads = ThreadPoolExecutor(THREADS, "contract-signers")
        self._asking: Counter[str] = Counter()

    def of_key(self, signer: bytes, digest: bytes, signature: bytes) -> bytes | None:
        """As `Verifiers.of_key`."""
        return self._keys.of_key(signer, digest, signature)

    async def normal(self, client: str, what: str, signer: bytes, digest: bytes, signature: bytes) -> bytes:
        """As `Verifiers.normal`, for the network `client` of whoever sent it. LimitError `limit.busy` where too many
        contracts are being asked, ChainError where the endpoint does not answer."""
        form = self.of_key(signer, digest, signature)
        if form is not None:
            return form
        if self._asking[client] >= OF_CLIENT or self._asking.total() >= WAITING:
            raise LimitError(
                "the node is asking too many contracts about signatures",
                expected=f"at most {OF_CLIENT} of one address and {WAITING} in all at a time",
                remedy="try again in a few seconds",
                code="limit.busy",
            )
        self._asking[client] += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._all.normal, what, signer, digest, signature)
        finally:
            self._asking[client] -= 1
            self._asking += Counter()

    def close(self) -> None:
        """End the threads as they come back."""
        self._threads.shutdown(wait=False, cancel_futures=True)
