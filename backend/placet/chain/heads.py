"""New blocks as the endpoint pushes them: `eth_subscribe` to `newHeads` over a WebSocket under the endpoint's own
address (https://geth.ethereum.org/docs/interacting-with-geth/rpc/pubsub). Anvil, Hardhat and hosted endpoints have it
there; where there is none, or it breaks off, who follows the chain asks for its head instead.

A pushed header is a hint. It says when to look, and its Bloom filter (Yellow Paper, 4.4.3) may say that there is
nothing of ours to see; nothing is decided by it that a reading of the chain does not confirm soon after.
"""

from __future__ import annotations

import asyncio
import json
import logging

from pydantic_core import from_json
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from placet.chain.blocks import BlockHeader
from placet.chain.signals import Signal
from placet.core.errors import ChainError

AGAIN = 15.0
"""Seconds between two tries to subscribe."""
_SUBSCRIBE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
_OPEN_SECONDS = 5.0
_MAX_MESSAGE = 64 << 10
_MAX_WAITING = 256

log = logging.getLogger(__name__)
logging.getLogger("websockets").setLevel(logging.INFO)  # below that it logs each handshake's path and headers


class Heads:
    """The blocks that one endpoint pushes. `arrived` is sent for each, and when the pushing begins or ends."""

    def __init__(self, url: str) -> None:
        self._url = "ws" + url.removeprefix("http")
        self._waiting: list[BlockHeader] = []
        self.arrived = Signal()
        self.pushed = False
        """Does the endpoint push now?"""

    def take(self) -> list[BlockHeader]:
        """What arrived since the last time, in order."""
        headers, self._waiting = self._waiting, []
        return headers

    async def run(self) -> None:
        """Subscribe, again and again, until cancelled."""
        reported = False
        while True:
            try:
                await self._subscribe()
            except (OSError, EOFError, WebSocketException, ChainError, ValueError) as error:
                if self.pushed or not reported:
                    log.info("the endpoint pushes no blocks (%s): it is asked for them", type(error).__name__)
                    reported = True
            self._lose()
            await asyncio.sleep(AGAIN)

    def _hear(self, header: BlockHeader | None) -> None:
        if header is not None:
            self._waiting.append(header)
            del self._waiting[:-_MAX_WAITING]
        self.pushed = True
        self.arrived.send()

    def _lose(self) -> None:
        if self.pushed:
            self.pushed = False
            self.arrived.send()

    async def _subscribe(self) -> None:
        """Hear what is pushed, until the connection ends."""
        async with connect(
            self._url, proxy=None, compression=None, max_size=_MAX_MESSAGE, open_timeout=_OPEN_SECONDS
        ) as socket:
            await socket.send(_SUBSCRIBE)
            async with asyncio.timeout(_OPEN_SECONDS):
                agreed = _object(await socket.recv())
            if not isinstance(agreed.get("result"), str):
                raise ChainError("the endpoint knows no subscription")
            self._hear(None)
            async for message in socket:
                parameters = _object(message).get("params")
                if isinstance(parameters, dict):
                    self._hear(BlockHeader.read(parameters.get("result")))


def _object(message: str | bytes) -> dict[str, object]:
    content = from_json(message)
    if not isinstance(content, dict):
        raise ChainError("the endpoint pushed something malformed", expected="an object")
    return content
