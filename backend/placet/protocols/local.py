"""Parties in one process, joined by queues: for a garbling that is made again, tests, benchmarks and examples."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from placet.core.errors import InputError, ProtocolError


@dataclass
class LocalNetwork:
    """Links between the named parties. `sent` keeps every message as (sender, receiver, tag, payload), in order.

    A repr has no messages: `asyncio.run` makes one of what it returns, and would spell out every byte.
    """

    names: tuple[str, ...]
    sent: list[tuple[str, str, str, bytes]] = field(default_factory=list, repr=False)
    queues: defaultdict[tuple[str, str, str], asyncio.Queue[bytes]] = field(
        default_factory=lambda: defaultdict(asyncio.Queue), repr=False
    )

    def channel(self, me: str) -> LocalChannel:
        """The end that belongs to party `me`."""
        self.require(me)
        return LocalChannel(self, me)

    def require(self, name: str) -> None:
        """InputError unless `name` is a party of this network."""
        if name not in self.names:
            raise InputError("no such party", expected=", ".join(self.names), found=name)


@dataclass(frozen=True)
class LocalChannel:
    """A `Channel` over a `LocalNetwork`."""

    network: LocalNetwork
    me: str

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        self.network.require(to)
        self.network.sent.append((self.me, to, tag, payload))
        self.network.queues[self.me, to, tag].put_nowait(payload)

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        self.network.require(sender)
        payload = await self.network.queues[sender, self.me, tag].get()
        if len(payload) > limit:
            raise ProtocolError(
                f"{sender}'s message {tag} is too long", expected=f"at most {limit} bytes", found=len(payload)
            )
        return payload
