"""A step while it runs: the channel of its protocol's messages, and what it made, as the trail will have it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from placet.core.hashing import canonical, commit_digest, sha256
from placet.core.trail import Artefact, Exchange
from placet.jobs.link import Link
from placet.protocols.noise import DrawnNoise
from placet.protocols.order import Entropy


def name_of(party: int) -> str:
    """A party's name in protocols."""
    return f"party-{party}"


@dataclass
class StepRecorder:
    """A step while it runs: what it sent, received and made."""

    name: str
    party: int
    link: Link
    entropy: Callable[..., Entropy]
    sent: list[Exchange] = field(default_factory=list)
    received: list[Exchange] = field(default_factory=list)
    outputs: list[Artefact] = field(default_factory=list)
    noise: list[JsonValue] = field(default_factory=list)

    @property
    def me(self) -> str:
        return name_of(self.party)

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        """Channel: deliver to a party by its name in protocols."""
        self.sent.append(await self.link.send(_index(to), tag, payload))

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        """Channel: the next message of a party under a tag."""
        exchange, payload = await self.link.receive(_index(sender), tag, limit)
        self.received.append(exchange)
        return payload

    def output(self, name: str, content: bytes) -> Artefact:
        """Commit to something that this step made; the salt follows from the party's seed."""
        return self._commit(name, sha256(content))

    def _commit(self, name: str, digest: bytes) -> Artefact:
        salt = self.entropy(b"salt", self.name.encode(), name.encode())(32)
        return self.public(name, commit_digest(salt, digest))

    def drew(self, *drawn: DrawnNoise) -> None:
        """Noise that this party adds: what it hides stands in the step, and what binds to the numbers."""
        for one in drawn:
            self.noise.append(one.release.to_json())
            self.public(f"noise/{one.release.what}", one.commitment)

    async def output_of(self, name: str, make: Callable[[], Any]) -> Artefact:
        """The same of plain JSON data that may be large: made, written and hashed in a thread."""
        return await self.output_written(name, lambda: canonical(make()))

    async def output_written(self, name: str, write: Callable[[], bytes]) -> Artefact:
        """The same of content that may be large: written and hashed in a thread."""
        return self._commit(name, await asyncio.to_thread(lambda: sha256(write())))

    def public(self, name: str, commitment: bytes) -> Artefact:
        """An output whose hash is public."""
        artefact = Artefact(name=name, commitment=commitment)
        self.outputs.append(artefact)
        return artefact


def _index(name: str) -> int:
    return int(name.removeprefix("party-"))
