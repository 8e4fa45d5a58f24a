"""Signed messages between the parties of an attempt: each is signed by its sender and acknowledged by its receiver.

A message and its acknowledgement are in the database before they leave, so that nobody is caught without what he
signed. Payloads live in memory: an attempt that loses them is lost, and the job goes on with a new one. What came in is
kept beside, sealed, where the attempt can be replayed; no attempt goes on from that.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, wait_exponential_jitter

from placet.catalogue.determinism import why_not_again
from placet.core.ecdsa import recover
from placet.core.errors import PeerError, PlacetError, SignatureError
from placet.core.framing import FrameReader, frame
from placet.core.hashing import canonical, sha256
from placet.core.plan import Party
from placet.core.trail import Exchange, Message, acknowledgement_hash
from placet.core.values import Signature, Value, parse
from placet.jobs.certificates import institution_of
from placet.jobs.context import JobContext
from placet.jobs.messages import AttemptRef, AttemptStatus
from placet.jobs.progress import SCARCE_WORDS
from placet.jobs.records import JobRecord
from placet.jobs.store import JobStore

MAX_PAYLOAD = 64 << 20
MAX_ENVELOPE = 4096
PATIENCE = 60.0
"""Seconds for which a peer that is not there is tried again."""
SLOWEST = 1.0
"""Seconds between two tries at the most: a peer that starts again is met soon."""
UNREAD = 16
"""Messages of a peer that wait to be read; more of them are refused."""
UNREAD_BYTES = 2 * MAX_PAYLOAD
"""What they may weigh together."""
ASK_AGAIN = 10.0
"""Seconds of silence after which a peer is asked whether it is still at work."""


class Envelope(Value):
    """What travels before a payload."""

    message: Message
    signature: Signature


class Acknowledged(Value):
    """What comes back."""

    signature: Signature


def pack(envelope: Envelope, payload: bytes) -> bytes:
    """A frame with the envelope in canonical JSON, and the payload."""
    return frame(canonical(envelope.to_json())) + payload


def unpack(body: bytes) -> tuple[Envelope, bytes]:
    """InputError or LimitError for anything else."""
    reader = FrameReader(body, "a peer's message")
    return parse(Envelope, reader.frame(MAX_ENVELOPE)), reader.rest()


class Link:
    """One party's end of all links in one attempt."""

    def __init__(self, context: JobContext, store: JobStore, record: JobRecord, attempt: int) -> None:
        self.context = context
        self.store = store
        self.record = record
        self.attempt = attempt
        self._inbox: dict[tuple[int, str], asyncio.Queue[tuple[Message, bytes]]] = defaultdict(asyncio.Queue)
        self._unread: dict[int, list[int]] = defaultdict(list)
        self._sent: dict[int, int] = defaultdict(int)
        self._expected: dict[int, int] = defaultdict(int)
        self._last: dict[int, bytes] = {}
        self._broken: set[int] = set()
        self._closed = False
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._accepting = asyncio.Lock()
        self._kept = None if why_not_again(record.terms) else context.payloads

    async def send(self, receiver: int, tag: str, payload: bytes) -> Exchange:
        """Sign, keep, deliver until acknowledged. PeerError if the peer refuses, or stays away for `PATIENCE` s."""
        party = self.record.plan.parties[receiver]
        async with self._locks[receiver]:
            if receiver in self._broken:
                raise PeerError("an earlier message did not arrive", found=f"party {receiver}", code="peer.late")
            self._broken.add(receiver)
            message = Message(
                job=self.record.job,
                attempt=self.attempt,
                sequence=self._sent[receiver],
                sender=self.record.party,
                receiver=receiver,
                tag=tag,
                digest=sha256(payload),
            )
            domain = self.context.deployment.jobs
            signature = self.context.recorder.sign(domain.digest(message.hash))
            await self.store.threaded.add_message(message, signature)
            body = pack(Envelope(message=message, signature=signature), payload)
            with self.store.waits.waiting(self.record.job, f"{self._name(receiver)} to take {tag}"):
                answer = await self._deliver(party, "message", body)
            acknowledgement = parse(Acknowledged, answer, limit=8192).signature
            if recover(domain.digest(acknowledgement_hash(message.hash)), acknowledgement) != party.recorder:
                raise SignatureError("the acknowledgement is not the receiver's", found=f"party {receiver}")
            await self.store.threaded.acknowledge(message, acknowledgement)
            self._sent[receiver] += 1
            self._broken.discard(receiver)
        return Exchange(peer=receiver, sequence=message.sequence, tag=tag, digest=message.digest)

    async def _deliver(self, to: Party, what: str, body: bytes) -> bytes:
        peer = institution_of(to, self.context.trust)
        return await patiently(PATIENCE)(self.context.peers.call, peer, what, body, limit=8192)

    async def accept(self, envelope: Envelope, payload: bytes) -> bytes:
        """A message came in: our acknowledgement. PeerError if it is forged, replayed, out of order or not for us."""
        async with self._accepting:
            return await self._accept(envelope, payload)

    async def _accept(self, envelope: Envelope, payload: bytes) -> bytes:
        message = envelope.message
        parties = self.record.plan.parties
        if message.receiver != self.record.party or message.sender >= len(parties):
            raise PeerError("a message for another party", code="peer.wrong-party")
        domain = self.context.deployment.jobs
        if recover(domain.digest(message.hash), envelope.signature) != parties[message.sender].recorder:
            raise PeerError("the message is not signed by its sender", code="peer.signature")
        if sha256(payload) != message.digest:
            raise PeerError("the payload is not the one that was signed", code="peer.digest")
        mine = self.context.recorder.sign(domain.digest(acknowledgement_hash(message.hash)))
        expected = self._expected[message.sender]
        if message.sequence == expected - 1 and self._last.get(message.sender) == message.hash:
            return mine
        if self._closed:
            raise PeerError("this attempt takes no more messages", code="peer.late")
        unread = self._unread[message.sender]
        if len(unread) >= UNREAD or sum(unread) + len(payload) > UNREAD_BYTES:
            raise PeerError(
                "too many messages wait unread",
                expected=f"at most {UNREAD}, of {UNREAD_BYTES} bytes together",
                code="peer.early",
            )
        if message.sequence != expected:
            raise PeerError(
                "a message replayed or out of order", expected=expected, found=message.sequence, code="peer.sequence"
            )
        await self.store.threaded.add_message(message, envelope.signature, mine)
        if self._kept is not None:
            await asyncio.to_thread(self._kept.keep, message, payload)
        self._expected[message.sender] = expected + 1
        self._last[message.sender] = message.hash
        unread.append(len(payload))
        self._inbox[message.sender, message.tag].put_nowait((message, payload))
        return mine

    async def close(self) -> None:
        """The attempt is computed: nothing more is acknowledged, so that nobody is shown to hold what he never used.
        PeerError if a message came that no step asked for."""
        async with self._accepting:
            self._closed = True
        unasked = [(sender, tag) for (sender, tag), inbox in self._inbox.items() if not inbox.empty()]
        if unasked:
            raise PeerError("a message that no step asked for", found=f"party {unasked[0][0]}", code="peer.unasked")

    async def receive(self, sender: int, tag: str, limit: int) -> tuple[Exchange, bytes]:
        """The next message of a party under a tag; PeerError if the party has given up or gone, or it is too long."""
        inbox = self._inbox[sender, tag]
        with self.store.waits.waiting(self.record.job, f"{tag} from {self._name(sender)}") as wait:
            while inbox.empty():
                try:
                    async with asyncio.timeout(ASK_AGAIN):
                        message, payload = await inbox.get()
                        break
                except TimeoutError:
                    wait.why = await self._demand_alive(sender, tag)
            else:
                message, payload = inbox.get_nowait()
        self._unread[sender].remove(len(payload))
        if len(payload) > limit:
            raise PeerError(
                "a peer's message is too long", expected=f"at most {limit}", found=len(payload), code="peer.oversized"
            )
        return Exchange(peer=sender, sequence=message.sequence, tag=tag, digest=message.digest), payload

    async def _demand_alive(self, sender: int, tag: str) -> str | None:
        """A party that works on its part may take its time: the job's deadline ends what nobody else does. What it
        says that it lacks, in words."""
        status = await self._status(sender)
        state = status.state
        if state in ("computed", "failed") and self._inbox[sender, tag].empty():
            raise PeerError("a peer's message will not come", found=f"party {sender}, {tag}: {state}", code="peer.late")
        return lacking(status)

    async def demand_at_work(self, party: int) -> None:
        """PeerError if a party has given this attempt up."""
        if (await self._status(party)).state == "failed":
            raise PeerError("a peer has given up", found=f"party {party}", code="peer.late")

    def _name(self, party: int) -> str:
        return self.context.trust.name(self.record.plan.parties[party].signer)

    async def _status(self, party: int) -> AttemptStatus:
        about = AttemptRef(job=self.record.job, attempt=self.attempt).model_dump_json().encode()
        answer = await self._deliver(self.record.plan.parties[party], "alive", about)
        return parse(AttemptStatus, answer, limit=8192)


def lacking(status: AttemptStatus) -> str | None:
    """What a party says that it waits for at home, in words."""
    return None if status.lacks is None else SCARCE_WORDS[status.lacks]


def patiently(seconds: float) -> AsyncRetrying:
    """Tries a peer again for a while where it is only not there yet: soon at first, since most are in a moment, when
    they see our block."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    return AsyncRetrying(
        retry=retry_if_exception(_not_ready),
        stop=lambda _: loop.time() >= end,
        wait=wait_exponential_jitter(multiplier=0.05, max=SLOWEST, jitter=0.05),
        reraise=True,
    )


def _not_ready(error: BaseException) -> bool:
    return isinstance(error, PlacetError) and error.code in ("peer.unreachable", "peer.early")


def problem(error: PlacetError) -> dict[str, Any]:
    """An error as it travels to a peer."""
    return {
        "code": error.code,
        "message": error.message,
        "expected": error.expected,
        "found": error.found,
        "remedy": error.remedy,
    }
