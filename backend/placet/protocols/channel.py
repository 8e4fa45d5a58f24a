"""What a protocol needs from the link between institutions."""

from __future__ import annotations

import typing


class Channel(typing.Protocol):
    """One party's authenticated, confidential end of the links to its peers, for one attempt of one job.

    Messages with the same sender, receiver and tag arrive in the order in which they were sent, each exactly once.
    Who the sender is, that nobody reads or changes a message, and time limits are the channel's business.
    """

    @property
    def me(self) -> str:
        """This party's name, as its peers use it."""

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        """Hand `payload` over for delivery. Never waits until the peer calls `receive`."""

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        """The next message of `sender` under `tag`; ProtocolError if it is longer than `limit` bytes."""
