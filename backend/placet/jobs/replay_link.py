"""A replay's messages: what others sent in an attempt, as it is kept, and numbers for what would be sent."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from placet.core.ecdsa import recover
from placet.core.errors import PeerError, PlacetError, SignatureError, StateError, unforeseen
from placet.core.hashing import sha256
from placet.core.trail import Exchange, SignedMessage, Step
from placet.jobs.context import JobContext
from placet.jobs.link import Link
from placet.jobs.records import JobRecord
from placet.jobs.replay_report import ReplayFinding
from placet.jobs.store import JobStore

SAME = ReplayFinding(outcome="same")


class NotCoveredError(StateError):
    """What a replay can't go on without is not here, or may not be opened."""

    code = "replay.not-covered"


def why_of(error: BaseException) -> str:
    """An error in a line, without anything that came in."""
    if not isinstance(error, PlacetError):
        return unforeseen(error)[:400]
    words = error.message if isinstance(error, NotCoveredError) else f"{error.code}: {error.message}"
    return (words if error.found is None else f"{words} ({error.found})")[:400]


class ReplayLink(Link):
    """What others sent, as it is kept; what is sent goes nowhere, under the number that the trail has for it."""

    def __init__(
        self, context: JobContext, store: JobStore, record: JobRecord, attempt: int, steps: Sequence[Step]
    ) -> None:
        super().__init__(context, store, record, attempt)
        self._numbers: dict[tuple[int, str], deque[int]] = defaultdict(deque)
        for step in steps:
            for one in step.sent:
                self._numbers[one.peer, one.tag].append(one.sequence)
        self._came: dict[tuple[int, str], deque[SignedMessage]] = defaultdict(deque)
        self._sealed = None if context.payloads is None else context.payloads.of(record.job, attempt)
        self._heard = [m for m in store.messages(record.job, receiver=record.party) if m.message.attempt == attempt]
        for signed in self._heard:
            self._came[signed.message.sender, signed.message.tag].append(signed)

    async def send(self, receiver: int, tag: str, payload: bytes) -> Exchange:
        """One that the trail does not have gets a number that no message has."""
        numbers = self._numbers[receiver, tag]
        number = numbers.popleft() if numbers else 2**32 - 1
        return Exchange(peer=receiver, sequence=number, tag=tag, digest=sha256(payload))

    async def receive(self, sender: int, tag: str, limit: int) -> tuple[Exchange, bytes]:
        """NotCoveredError for a payload that is not here as it was signed; PeerError where none came."""
        if not self._came[sender, tag]:
            raise PeerError("no such message was received", found=f"{tag} of party {sender}", code="peer.late")
        signed = self._came[sender, tag].popleft()
        payload = self.payload(signed)
        if len(payload) > limit:
            raise PeerError("a peer's message is too long", expected=limit, found=len(payload), code="peer.oversized")
        message = signed.message
        return Exchange(peer=sender, sequence=message.sequence, tag=tag, digest=message.digest), payload

    async def demand_at_work(self, party: int) -> None:
        """All were."""

    def payload(self, signed: SignedMessage) -> bytes:
        """A payload as its sender signed it. NotCoveredError."""
        message = signed.message
        what = f"{message.tag} of party {message.sender}, number {message.sequence}"
        if self._sealed is None or self.context.payloads is None:
            raise NotCoveredError("the payloads of this attempt are not kept, or no longer (replay.days)", found=what)
        if not self._sealed:
            raise NotCoveredError(
                "the payloads of this attempt were too many to be kept (replay.attempt_bytes, replay.total_bytes)",
                found=what,
            )
        if message.hash not in self._sealed:
            raise NotCoveredError("a payload is not among those that are kept", found=what)
        try:
            signer = recover(self.context.deployment.jobs.digest(message.hash), signed.signature)
            payload = self.context.payloads.open(message, self._sealed[message.hash])
        except (StateError, SignatureError):
            raise NotCoveredError("a payload that is kept was altered", found=what) from None
        if sha256(payload) != message.digest or signer != self.record.plan.parties[message.sender].recorder:
            raise NotCoveredError("a payload that is kept is not the one that its sender signed", found=what)
        return payload

    def received(self, steps: Sequence[Step]) -> ReplayFinding:
        """Of each message that a trail says to have come: is it what its sender signed, and its payload here?"""
        by_number = {(m.message.sender, m.message.sequence): m for m in self._heard}
        lacking: list[str] = []
        for one in (exchange for step in steps for exchange in step.received):
            signed = by_number.get((one.peer, one.sequence))
            if signed is None or (signed.message.tag, signed.message.digest) != (one.tag, one.digest):
                where = f"{one.tag} of party {one.peer}, number {one.sequence}"
                return ReplayFinding(outcome="differs", why=f"{where}: the trail has what the sender never signed")
            try:
                self.payload(signed)
            except NotCoveredError as error:
                lacking.append(why_of(error))
        if not lacking:
            return SAME
        return ReplayFinding(outcome="not-covered", why=f"{len(lacking)} messages, the first: {lacking[0]}"[:400])
