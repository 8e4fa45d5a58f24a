"""Signed messages between parties: whatever the network or a peer does, what arrives is what was sent, once each."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from examples import examples
from parties import NAMES, JobEnvironment, at_once
from placet.chain.states import JobStatus
from placet.cli import certificates
from placet.core.errors import PeerError, PlacetError, SignatureError
from placet.core.hashing import sha256
from placet.core.signatures import Key
from placet.core.trail import Message, acknowledgement_hash
from placet.core.trust import TrustList
from placet.jobs import link as links
from placet.jobs.answers import PeerAnswers
from placet.jobs.link import Acknowledged, Envelope, Link, pack, unpack
from placet.jobs.messages import AttemptRef, AttemptStatus
from placet.jobs.peer_client import PeerClient
from placet.jobs.runner import Runner
from placet.jobs.settlement import turn_of
from placet.recipes.runs import RUNS

NORTH, SOUTH, FUND, CONSUMER = range(4)
UNREACHABLE = PeerError("a peer went away", code="peer.unreachable")


@dataclass
class Parties:
    """The links of an attempt, wired to each other."""

    environment: JobEnvironment
    job: bytes
    links: list[Link]

    def sign(self, message: Message, by: int) -> Envelope:
        digest = self.environment.deployment.jobs.digest(message.hash)
        return Envelope(message=message, signature=self.environment.recorders[by].sign(digest))

    def message(self, payload: bytes = b"hello", **changes: Any) -> Message:
        values: dict[str, Any] = {
            "job": self.job,
            "attempt": 1,
            "sequence": 0,
            "sender": NORTH,
            "receiver": SOUTH,
            "tag": "psi.points",
            "digest": sha256(payload),
        }
        return Message(**(values | changes))

    def envelope(self, payload: bytes = b"hello", **changes: Any) -> Envelope:
        made = self.message(payload, **changes)
        return self.sign(made, made.sender if made.sender < 4 else NORTH)

    def accepted(self, party: int) -> list[bytes]:
        """The digests of what a party has taken in, as its evidence will show them."""
        return [m.message.digest for m in self.environment.stores[party].messages(self.job, receiver=party)]

    def wire(self, *parties: int) -> None:
        """Peers take messages straight to each other's links."""
        for party in parties or range(4):
            self.environment.wires.handlers[self.environment.address(party)] = self.handler(party)

    def handler(self, party: int) -> Any:
        async def handle(asker: bytes, what: str, body: bytes) -> bytes:
            if what == "alive":
                return AttemptStatus(state="running").model_dump_json().encode()
            await asyncio.sleep(0)
            return Acknowledged(signature=await self.links[party].accept(*unpack(body))).model_dump_json().encode()

        return handle


def parties() -> Parties:
    environment = JobEnvironment()
    job = environment.agreed()
    records = [store.job(job) for store in environment.stores]
    made = zip(environment.contexts, environment.stores, records, strict=True)
    return Parties(environment, job, [Link(context, store, record, 1) for context, store, record in made])


@pytest.fixture
def four() -> Parties:
    return parties()


def acknowledges(four: Parties, envelope: Envelope, signature: bytes, by: int) -> bool:
    digest = four.environment.deployment.jobs.digest(acknowledgement_hash(envelope.message.hash))
    return four.environment.recorders[by].sign(digest) == signature


@given(st.binary(max_size=2000))
def test_what_is_packed_is_unpacked(payload: bytes) -> None:
    message = Message(job=bytes(32), attempt=1, sequence=0, sender=0, receiver=1, tag="a", digest=sha256(payload))
    envelope = Envelope(message=message, signature=bytes(65))
    assert unpack(pack(envelope, payload)) == (envelope, payload)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0\0",
        bytes(4),
        struct.pack(">I", 10) + b"short",
        struct.pack(">I", 4097) + b" " * 5000,
        struct.pack(">I", 2**32 - 1) + b"{}",
        struct.pack(">I", 2) + b"{}",
        struct.pack(">I", 4) + b"\xff\xfe\xfd\xfc",
        struct.pack(">I", 4000) + b"[" * 4000,
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(PlacetError):
        unpack(body)


def test_a_message_is_taken_in_and_acknowledged_by_its_receivers_recorder(four: Parties) -> None:
    envelope = four.envelope()
    acknowledgement = at_once(four.links[SOUTH].accept(envelope, b"hello"))
    assert acknowledges(four, envelope, acknowledgement, SOUTH)
    (kept,) = four.environment.stores[SOUTH].messages(four.job, receiver=SOUTH)
    assert (kept.message, kept.signature, kept.acknowledgement) == (
        envelope.message,
        envelope.signature,
        acknowledgement,
    )
    exchange, payload = at_once(four.links[SOUTH].receive(NORTH, "psi.points", 5))
    assert (payload, exchange.peer, exchange.sequence, exchange.digest) == (b"hello", NORTH, 0, sha256(b"hello"))


@pytest.mark.parametrize(
    ("changes", "by", "payload", "code"),
    [
        ({"receiver": FUND}, NORTH, b"hello", "peer.wrong-party"),
        ({"receiver": NORTH}, NORTH, b"hello", "peer.wrong-party"),
        ({"sender": 4}, NORTH, b"hello", "peer.wrong-party"),
        ({"sender": 2**32 - 1}, NORTH, b"hello", "peer.wrong-party"),
        ({}, FUND, b"hello", "peer.signature"),
        ({"sender": FUND}, NORTH, b"hello", "peer.signature"),
        ({}, NORTH, b"hellO", "peer.digest"),
        ({}, NORTH, b"", "peer.digest"),
        ({"sequence": 1}, NORTH, b"hello", "peer.sequence"),
        ({"sequence": 2**32 - 1}, NORTH, b"hello", "peer.sequence"),
    ],
)
def test_a_bad_message_is_refused_and_leaves_no_trace(
    four: Parties, changes: dict[str, Any], by: int, payload: bytes, code: str
) -> None:
    envelope = four.sign(four.message(**changes), by)
    with pytest.raises(PeerError) as refused:
        at_once(four.links[SOUTH].accept(envelope, payload))
    assert refused.value.code == code
    assert four.accepted(SOUTH) == []
    assert at_once(four.links[SOUTH].accept(four.envelope(), b"hello"))


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\x01" * 65, bytes(64)])
def test_a_signature_that_is_none_is_refused(four: Parties, signature: bytes) -> None:
    envelope = Envelope(message=four.message(), signature=signature)
    with pytest.raises(PeerError) as refused:
        at_once(four.links[SOUTH].accept(envelope, b"hello"))
    assert refused.value.code == "peer.signature"


def test_a_partys_signing_key_is_not_its_recorder(four: Parties) -> None:
    digest = four.environment.deployment.jobs.digest(four.message().hash)
    envelope = Envelope(message=four.message(), signature=four.environment.signers[NORTH].sign(digest))
    with pytest.raises(PeerError) as refused:
        at_once(four.links[SOUTH].accept(envelope, b"hello"))
    assert refused.value.code == "peer.signature"


def test_a_field_changed_after_the_signature_is_refused(four: Parties) -> None:
    good = four.envelope()
    for changes in ({"tag": "other"}, {"attempt": 2}, {"job": bytes(32)}, {"sequence": 1}, {"digest": sha256(b"x")}):
        message = Message(**(good.message.model_dump() | changes))
        with pytest.raises(PeerError) as refused:
            at_once(four.links[SOUTH].accept(Envelope(message=message, signature=good.signature), b"x"))
        assert refused.value.code == "peer.signature"
    assert four.accepted(SOUTH) == []


def test_the_same_message_again_is_the_same_acknowledgement_and_nothing_new(four: Parties) -> None:
    south = four.links[SOUTH]
    first = at_once(south.accept(four.envelope(), b"hello"))
    assert at_once(south.accept(four.envelope(), b"hello")) == first
    assert four.accepted(SOUTH) == [sha256(b"hello")]

    async def both() -> None:
        await south.receive(NORTH, "psi.points", 5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(south.receive(NORTH, "psi.points", 5), 5)

    at_once(both())


def test_another_payload_under_a_used_number_is_refused(four: Parties) -> None:
    south = four.links[SOUTH]
    at_once(south.accept(four.envelope(), b"hello"))
    for payload, changes in ((b"other", {}), (b"hello", {"tag": "psi.other"})):
        with pytest.raises(PeerError) as refused:
            at_once(south.accept(four.envelope(payload, **changes), payload))
        assert refused.value.code == "peer.sequence"
    assert four.accepted(SOUTH) == [sha256(b"hello")]


def test_an_old_message_is_refused_after_the_next(four: Parties) -> None:
    south = four.links[SOUTH]
    for sequence, payload in enumerate((b"one", b"two", b"three")):
        at_once(south.accept(four.envelope(payload, sequence=sequence), payload))
    for sequence, payload in enumerate((b"one", b"two")):
        with pytest.raises(PeerError) as refused:
            at_once(south.accept(four.envelope(payload, sequence=sequence), payload))
        assert refused.value.code == "peer.sequence"
    assert four.accepted(SOUTH) == [sha256(p) for p in (b"one", b"two", b"three")]


def test_senders_have_numbers_of_their_own(four: Parties) -> None:
    consumer = four.links[CONSUMER]
    for sender in (NORTH, SOUTH, FUND):
        payload = bytes([sender])
        at_once(consumer.accept(four.envelope(payload, sender=sender, receiver=CONSUMER), payload))

    async def taken() -> list[bytes]:
        return [(await consumer.receive(sender, "psi.points", 1))[1] for sender in (FUND, NORTH, SOUTH)]

    assert at_once(taken()) == [b"\2", b"\0", b"\1"]


def test_a_message_longer_than_the_protocol_allows_is_refused(four: Parties) -> None:
    south = four.links[SOUTH]
    for sequence in (0, 1):
        at_once(south.accept(four.envelope(b"123456", sequence=sequence), b"123456"))
    assert at_once(south.receive(NORTH, "psi.points", 6))[1] == b"123456"
    with pytest.raises(PeerError) as refused:
        at_once(south.receive(NORTH, "psi.points", 5))
    assert refused.value.code == "peer.oversized"


def test_what_waits_unread_is_bounded_in_number_and_in_bytes(four: Parties, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "UNREAD", 3)
    monkeypatch.setattr(links, "UNREAD_BYTES", 10)
    south = four.links[SOUTH]

    def give(sequence: int, size: int, sender: int = NORTH) -> str:
        envelope = four.envelope(bytes(size), sequence=sequence, sender=sender)
        try:
            at_once(south.accept(envelope, bytes(size)))
        except PeerError as error:
            return error.code
        return "taken"

    assert [give(0, 4), give(1, 7), give(1, 6), give(2, 1)] == ["taken", "peer.early", "taken", "peer.early"]
    assert give(0, 10, sender=FUND) == "taken"
    at_once(south.receive(NORTH, "psi.points", 10))
    assert [give(2, 4), give(3, 1)] == ["taken", "peer.early"]
    for _ in range(2):
        at_once(south.receive(NORTH, "psi.points", 10))
    assert [give(3, 0), give(4, 0), give(5, 0), give(6, 0)] == ["taken"] * 3 + ["peer.early"]


def test_what_is_sent_arrives_and_both_keep_the_same(four: Parties) -> None:
    four.wire()

    async def run() -> list[bytes]:
        async def out() -> None:
            for payload in (b"one", b"two", b""):
                await four.links[NORTH].send(SOUTH, "a", payload)

        sending = asyncio.create_task(out())
        got = [(await four.links[SOUTH].receive(NORTH, "a", 10))[1] for _ in range(3)]
        await sending
        return got

    assert at_once(run()) == [b"one", b"two", b""]
    sent = four.environment.stores[NORTH].messages(four.job, sender=NORTH)
    assert sent == four.environment.stores[SOUTH].messages(four.job, receiver=SOUTH)
    assert all(m.acknowledgement for m in sent)


def test_sends_at_once_keep_their_numbers_apart(four: Parties) -> None:
    four.wire()

    async def run() -> None:
        await asyncio.gather(
            *(four.links[NORTH].send(to, f"t{n}", bytes([n])) for n in range(8) for to in (SOUTH, FUND))
        )

    at_once(run())
    for to in (SOUTH, FUND):
        kept = four.environment.stores[to].messages(four.job, receiver=to)
        assert [m.message.sequence for m in kept] == list(range(8))


def test_a_slow_receiver_holds_up_nobody_else(four: Parties) -> None:
    four.wire()
    arrived: list[int] = []

    async def slow(asker: bytes, what: str, body: bytes) -> bytes:
        await asyncio.sleep(30)
        answer: bytes = await four.handler(SOUTH)(asker, what, body)
        arrived.append(SOUTH)
        return answer

    four.environment.wires.handlers[four.environment.address(SOUTH)] = slow

    async def run() -> None:
        async def to_fund() -> None:
            await four.links[NORTH].send(FUND, "a", b"x")
            arrived.append(FUND)

        await asyncio.gather(four.links[NORTH].send(SOUTH, "a", b"x"), to_fund())

    at_once(run())
    assert arrived == [FUND, SOUTH]


def forged(four: Parties, envelope: Envelope) -> dict[str, bytes]:
    """Acknowledgements of `envelope` that are none of South's."""
    domain = four.environment.deployment.jobs
    digest = domain.digest(acknowledgement_hash(envelope.message.hash))
    other = four.message(b"another")
    return {
        "by nobody": b"",
        "by a third party": four.environment.recorders[FUND].sign(digest),
        "by the sender": four.environment.recorders[NORTH].sign(digest),
        "by the receiver's signer": four.environment.signers[SOUTH].sign(digest),
        "by a stranger": Key().sign(digest),
        "of another message": four.environment.recorders[SOUTH].sign(domain.digest(acknowledgement_hash(other.hash))),
        "of the message itself": four.environment.recorders[SOUTH].sign(domain.digest(envelope.message.hash)),
        "under consents": four.environment.recorders[SOUTH].sign(
            four.environment.deployment.consents.digest(acknowledgement_hash(envelope.message.hash))
        ),
    }


def test_a_forged_acknowledgement_is_refused_and_not_kept() -> None:
    for name in forged(four := parties(), four.envelope()):
        four = parties()

        async def lie(asker: bytes, what: str, body: bytes, four: Parties = four, name: str = name) -> bytes:
            envelope, _ = unpack(body)
            return Acknowledged(signature=forged(four, envelope)[name]).model_dump_json().encode()

        four.environment.wires.handlers[four.environment.address(SOUTH)] = lie
        with pytest.raises(SignatureError):
            at_once(four.links[NORTH].send(SOUTH, "a", b"x"))
        (kept,) = four.environment.stores[NORTH].messages(four.job, sender=NORTH)
        assert kept.acknowledgement == b"", name


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b'{"signature": "0x0"}', b'{"signature": 1}'])
def test_an_acknowledgement_that_is_none_ends_the_send(four: Parties, answer: bytes) -> None:
    async def lie(asker: bytes, what: str, body: bytes) -> bytes:
        return answer

    four.environment.wires.handlers[four.environment.address(SOUTH)] = lie
    with pytest.raises(PlacetError):
        at_once(four.links[NORTH].send(SOUTH, "a", b"x"))


class Flaky:
    """The way to a party, which does with each delivery what the script says: `ok`, `drop` (the question), `lose` (the
    answer), `twice`. After the script all is well."""

    def __init__(self, four: Parties, party: int, script: list[str]) -> None:
        self.script = list(script)
        self.through = four.handler(party)
        self.tried = 0

    async def __call__(self, asker: bytes, what: str, body: bytes) -> bytes:
        self.tried += 1
        fate = self.script.pop(0) if self.script else "ok"
        if fate == "drop":
            raise UNREACHABLE
        answer: bytes = await self.through(asker, what, body)
        if fate == "twice":
            again: bytes = await self.through(asker, what, body)
            assert again == answer
        if fate == "lose":
            raise UNREACHABLE
        return answer


def test_a_send_after_a_lost_acknowledgement_duplicates_nothing(four: Parties) -> None:
    four.wire()
    way = Flaky(four, SOUTH, ["lose", "lose", "twice", "lose"])
    four.environment.wires.handlers[four.environment.address(SOUTH)] = way

    async def run() -> None:
        for payload in (b"one", b"two"):
            await four.links[NORTH].send(SOUTH, "a", payload)

    at_once(run())
    assert way.tried == 5
    assert four.accepted(SOUTH) == [sha256(b"one"), sha256(b"two")]


@pytest.mark.parametrize(("down", "arrives"), [(1, True), (50, True), (130, False)])
def test_a_peer_that_is_away_is_tried_again_for_its_time(four: Parties, down: int, arrives: bool) -> None:
    """Between half a second and one after the first tries."""
    four.wire()
    four.environment.wires.handlers[four.environment.address(SOUTH)] = Flaky(four, SOUTH, ["drop"] * down)
    if arrives:
        at_once(four.links[NORTH].send(SOUTH, "a", b"x"))
        assert four.accepted(SOUTH) == [sha256(b"x")]
    else:
        with pytest.raises(PeerError) as refused:
            at_once(four.links[NORTH].send(SOUTH, "a", b"x"))
        assert refused.value.code == "peer.unreachable"


@pytest.mark.parametrize("code", ["peer.late", "peer.sequence", "peer.wrong-party", "not-found", "internal"])
def test_a_refusal_is_not_tried_again(four: Parties, code: str) -> None:
    asked = []

    async def refuse(asker: bytes, what: str, body: bytes) -> bytes:
        asked.append(what)
        raise PeerError("no", code=code)

    four.environment.wires.handlers[four.environment.address(SOUTH)] = refuse
    with pytest.raises(PeerError) as refused:
        at_once(four.links[NORTH].send(SOUTH, "a", b"x"))
    assert (refused.value.code, asked) == (code, ["message"])


def test_after_a_failed_send_no_other_message_leaves_under_its_number(four: Parties) -> None:
    """Two signed messages with one number would make a liar of an honest sender."""
    heard = []

    async def refuse(asker: bytes, what: str, body: bytes) -> bytes:
        heard.append(unpack(body)[0].message)
        raise PeerError("no", code="peer.late")

    four.environment.wires.handlers[four.environment.address(SOUTH)] = refuse
    for payload in (b"one", b"two"):
        with pytest.raises(Exception):  # noqa: B017 - how it ends matters less than what left
            at_once(four.links[NORTH].send(SOUTH, "a", payload))
    assert len({(m.sequence, m.digest) for m in heard}) == len({m.sequence for m in heard}) >= 1


def answering(four: Parties, *states: str) -> list[str]:
    """Make North say these things when it is asked whether it is alive; the last for ever."""
    told = list(states)
    asked: list[str] = []

    async def handle(asker: bytes, what: str, body: bytes) -> bytes:
        asked.append(what)
        state: Any = told.pop(0) if len(told) > 1 else told[0]
        return AttemptStatus(state=state).model_dump_json().encode()

    four.environment.wires.handlers[four.environment.address(NORTH)] = handle
    return asked


@pytest.mark.parametrize("state", ["running", "waiting"])
def test_a_peer_at_work_may_take_its_time(four: Parties, state: str) -> None:
    asked = answering(four, state)

    async def run() -> bytes:
        async def much_later() -> None:
            await asyncio.sleep(20 * links.PATIENCE)
            await four.links[SOUTH].accept(four.envelope(b"at last"), b"at last")

        later = asyncio.create_task(much_later())
        _, payload = await four.links[SOUTH].receive(NORTH, "psi.points", 10)
        await later
        return payload

    assert at_once(run()) == b"at last"
    assert set(asked) == {"alive"}
    assert len(asked) >= 100


def test_who_waits_for_a_peer_hears_that_it_has_no_free_engine(four: Parties) -> None:
    waits = four.environment.stores[SOUTH].waits

    async def handle(asker: bytes, what: str, body: bytes) -> bytes:
        return AttemptStatus(state="running", lacks="engine").model_dump_json().encode()

    four.environment.wires.handlers[four.environment.address(NORTH)] = handle

    async def run() -> list[dict[str, Any]]:
        receiving = asyncio.create_task(four.links[SOUTH].receive(NORTH, "spu.rows", 10))
        await asyncio.sleep(2 * links.ASK_AGAIN)
        told = waits.of(four.job)
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)
        return told

    [wait] = at_once(run())
    name = four.environment.trust.name(four.environment.address(NORTH))
    assert (wait["for"], wait["why"]) == (
        f"spu.rows from {name}",
        "waits for a free port of its engine (engine.busy)",
    )
    assert waits.of(four.job) == []


@pytest.mark.parametrize("state", ["computed", "failed"])
def test_a_peer_that_is_through_will_send_no_more(four: Parties, state: str) -> None:
    answering(four, "running", "running", state)
    with pytest.raises(PeerError) as refused:
        at_once(four.links[SOUTH].receive(NORTH, "psi.points", 10))
    assert refused.value.code == "peer.late"


def test_a_peer_that_is_gone_is_waited_for_and_given_up(four: Parties) -> None:
    with pytest.raises(PeerError) as refused:
        at_once(four.links[SOUTH].receive(NORTH, "psi.points", 10))
    assert refused.value.code == "peer.unreachable"


def test_what_came_while_the_peer_was_asked_is_not_lost(four: Parties) -> None:
    """Its last message crosses its answer that it is through."""

    async def handle(asker: bytes, what: str, body: bytes) -> bytes:
        await four.links[SOUTH].accept(four.envelope(b"the last"), b"the last")
        return AttemptStatus(state="computed").model_dump_json().encode()

    four.environment.wires.handlers[four.environment.address(NORTH)] = handle
    assert at_once(four.links[SOUTH].receive(NORTH, "psi.points", 10))[1] == b"the last"


Fates = st.lists(st.sampled_from(["ok", "drop", "lose", "twice"]), max_size=12)


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.binary(max_size=8)), min_size=1, max_size=6),
    Fates,
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.binary(max_size=8)), max_size=4),
    Fates,
)
def test_over_a_bad_network_each_side_gets_exactly_what_the_other_sent(
    out: list[tuple[str, bytes]], there: list[str], back: list[tuple[str, bytes]], here: list[str]
) -> None:
    four = parties()
    four.wire()
    four.environment.wires.handlers[four.environment.address(SOUTH)] = Flaky(four, SOUTH, there)
    four.environment.wires.handlers[four.environment.address(NORTH)] = Flaky(four, NORTH, here)

    async def speak(me: int, to: int, what: list[tuple[str, bytes]]) -> None:
        for tag, payload in what:
            await four.links[me].send(to, tag, payload)

    async def hear(me: int, who: int, what: list[tuple[str, bytes]]) -> None:
        for tag, payload in what:
            assert (await four.links[me].receive(who, tag, 8))[1] == payload

    async def run() -> None:
        await asyncio.gather(
            speak(NORTH, SOUTH, out), hear(SOUTH, NORTH, out), speak(SOUTH, NORTH, back), hear(NORTH, SOUTH, back)
        )

    at_once(run())
    assert four.accepted(SOUTH) == [sha256(p) for _, p in out]
    assert four.accepted(NORTH) == [sha256(p) for _, p in back]


class Postman(RuleBasedStateMachine):
    """An adversary who has all that North ever signed for South, and delivers it, or parts of it, as he likes."""

    @initialize()
    def begin(self) -> None:
        self.four = parties()
        self.south = self.four.links[SOUTH]
        self.signed: list[tuple[Envelope, bytes]] = []
        self.taken: list[bytes] = []
        self.acknowledged: dict[int, bytes] = {}

    @rule(payload=st.binary(max_size=4), tag=st.sampled_from(["a", "b"]))
    def sign_the_next(self, payload: bytes, tag: str) -> None:
        envelope = self.four.envelope(payload, sequence=len(self.signed), tag=tag)
        self.signed.append((envelope, payload))

    def deliver(self, number: int) -> bool:
        """Only the next one, or the last one again, is taken."""
        envelope, payload = self.signed[number]
        before = len(self.taken)
        try:
            answer = at_once(self.south.accept(envelope, payload))
        except PeerError as error:
            assert error.code == "peer.sequence"
            assert number not in (before, before - 1)
            return False
        assert number in (before, before - 1)
        assert self.acknowledged.setdefault(number, answer) == answer
        if number == before:
            self.taken.append(payload)
        return True

    @rule(data=st.data())
    def deliver_any(self, data: st.DataObject) -> None:
        if self.signed:
            self.deliver(data.draw(st.integers(0, len(self.signed) - 1)))

    @rule()
    def deliver_the_next(self) -> None:
        if len(self.taken) < len(self.signed):
            assert self.deliver(len(self.taken))

    @rule(data=st.data(), payload=st.binary(max_size=4))
    def deliver_with_another_payload(self, data: st.DataObject, payload: bytes) -> None:
        if self.signed:
            envelope, right = data.draw(st.sampled_from(self.signed))
            if payload != right:
                with pytest.raises(PeerError):
                    at_once(self.south.accept(envelope, payload))

    @rule(data=st.data(), number=st.integers(0, 10))
    def deliver_under_another_number(self, data: st.DataObject, number: int) -> None:
        if self.signed:
            envelope, payload = data.draw(st.sampled_from(self.signed))
            if number != envelope.message.sequence:
                message = Message(**(envelope.message.model_dump() | {"sequence": number}))
                with pytest.raises(PeerError):
                    at_once(self.south.accept(Envelope(message=message, signature=envelope.signature), payload))

    @rule(payload=st.binary(max_size=4), by=st.sampled_from([SOUTH, FUND, CONSUMER]))
    def forge_the_next(self, payload: bytes, by: int) -> None:
        message = self.four.message(payload, sequence=len(self.taken))
        with pytest.raises(PeerError):
            at_once(self.south.accept(self.four.sign(message, by), payload))

    @invariant()
    def south_has_a_prefix_of_what_north_signed(self) -> None:
        if hasattr(self, "four"):
            assert self.taken == [payload for _, payload in self.signed[: len(self.taken)]]
            assert self.four.accepted(SOUTH) == [sha256(payload) for payload in self.taken]

    def teardown(self) -> None:
        if not hasattr(self, "four"):
            return
        tags = [envelope.message.tag for envelope, _ in self.signed[: len(self.taken)]]

        async def drain() -> list[bytes]:
            return [(await self.south.receive(NORTH, tag, 4))[1] for tag in tags]

        assert at_once(drain()) == self.taken


TestPostman = Postman.TestCase
TestPostman.settings = settings(max_examples=examples(25), stateful_step_count=25, deadline=None)


# The node's door, before a link sees anything: the chain decides.


def told(four: Parties, envelope: Envelope, payload: bytes = b"hello", sender: int = NORTH) -> bytes:
    async def run() -> bytes:
        return await runner.message(four.environment.address(sender), envelope, payload)

    runner = Runner(four.environment.contexts[SOUTH], RUNS)
    return asyncio.run(run())


def put(four: Parties, status: JobStatus = JobStatus.OPEN, attempt: int = 1) -> None:
    four.environment.ledger.put(four.environment.stores[SOUTH].job(four.job).plan, four.job, status, attempt)


def refused(four: Parties, envelope: Envelope, sender: int = NORTH) -> str:
    with pytest.raises(PlacetError) as error:
        told(four, envelope, sender=sender)
    assert four.accepted(SOUTH) == []
    return error.value.code


def test_a_message_of_an_open_job_is_taken_in(four: Parties) -> None:
    put(four)
    assert acknowledges(four, four.envelope(), told(four, four.envelope()), SOUTH)


def test_a_message_before_the_opening_is_early(four: Parties) -> None:
    assert refused(four, four.envelope()) == "peer.early"
    put(four)
    four.environment.ledger.head = 91
    assert refused(four, four.envelope()) == "peer.early"
    four.environment.ledger.head = 92
    assert told(four, four.envelope())


def test_a_job_that_is_overdue_is_aborted_by_who_is_no_coordinator_too_in_its_turn(four: Parties) -> None:
    """Else a consumer that never comes back would keep everybody's money."""
    put(four)
    context, said = four.environment.contexts[SOUTH], list[str]()
    record = four.environment.stores[SOUTH].job(four.job)
    runner, turn = Runner(context, RUNS), turn_of(record, context.address)

    async def abort(_: object, why: str) -> None:
        said.append(why)

    runner.coordinator.abort = abort  # type: ignore[method-assign,assignment]
    for late, expected in ((1, []), (turn, []), (turn + 1, ["deadline"])):
        asyncio.run(runner._open(record, context.chain.job(four.job), record.plan.deadline + late))
        assert said == expected
    assert turn > 1


def test_an_opening_stays_deep_until_a_reorganisation_takes_events_back(four: Parties) -> None:
    ledger, envelope = four.environment.ledger, four.envelope()
    put(four)
    runner = Runner(four.environment.contexts[SOUTH], RUNS)

    def told_again() -> bytes:
        return asyncio.run(runner.message(four.environment.address(NORTH), envelope, b"hello"))

    assert told_again()
    ledger.sync = lambda: pytest.fail("asked for what is known")  # type: ignore[method-assign]
    assert told_again()
    del ledger.sync
    ledger.head, ledger.taken_back = 91, 1
    with pytest.raises(PlacetError) as error:
        told_again()
    assert error.value.code == "peer.early"
    ledger.head = 92
    assert told_again()


@pytest.mark.parametrize(
    "status",
    [JobStatus.SEALED, JobStatus.COMPLETED, JobStatus.CLOSED, JobStatus.ABORTED, JobStatus.CANCELLED],
)
def test_a_message_after_the_end_is_late(four: Parties, status: JobStatus) -> None:
    put(four, status)
    assert refused(four, four.envelope()) == "peer.late"


def test_a_message_of_another_attempt_is_early_or_late(four: Parties) -> None:
    put(four, attempt=2)
    assert refused(four, four.envelope(attempt=1)) == "peer.late"
    assert refused(four, four.envelope(attempt=3)) == "peer.early"
    assert told(four, four.envelope(attempt=2))


def test_a_message_through_another_partys_connection_is_refused(four: Parties) -> None:
    put(four)
    for sender in (SOUTH, FUND, CONSUMER):
        assert refused(four, four.envelope(), sender=sender) == "peer.wrong-party"
    assert refused(four, four.sign(four.message(sender=4), NORTH)) == "peer.wrong-party"


def test_a_message_of_an_unknown_job_is_refused(four: Parties) -> None:
    assert refused(four, four.envelope(job=bytes(32))) == "not-found"


def test_an_attempt_whose_messages_went_with_the_process_takes_no_more(four: Parties) -> None:
    put(four)
    told(four, four.envelope())
    with pytest.raises(PeerError) as late:
        told(four, four.envelope(b"two", sequence=1), b"two")
    assert late.value.code == "peer.late"


@pytest.mark.parametrize("ends", ["fail", "computed"])
def test_an_attempt_that_is_over_takes_no_more(four: Parties, ends: str) -> None:
    put(four)
    store = four.environment.stores[SOUTH]
    store.begin(four.job, 1, ())
    _ = store.fail(four.job, 1, "why") if ends == "fail" else store.computed(four.job, 1)
    assert refused(four, four.envelope()) == "peer.late"


# The plan names each party's TLS key; the trust list may have another one by now.


def renewed(four: Parties, at: int, party: int) -> Link:
    """A party's link, with a trust list in which another one has a new certificate: what the peer link goes by."""
    environment = four.environment
    certificate = certificates.make(NAMES[party], ["127.0.0.1"], "only for tests")[1].decode()
    institutions = [
        who.model_copy(update={"certificate": certificate}) if number == party else who
        for number, who in enumerate(environment.trust.institutions)
    ]
    environment.contexts[at] = replace(environment.contexts[at], trust=TrustList(institutions=tuple(institutions)))
    return Link(environment.contexts[at], environment.stores[at], environment.stores[at].job(four.job), 1)


def test_nothing_is_sent_to_a_certificate_that_the_plan_does_not_name(four: Parties) -> None:
    four.wire()
    with pytest.raises(PeerError) as refused:
        at_once(renewed(four, NORTH, SOUTH).send(SOUTH, "a", b"x"))
    assert refused.value.code == "peer.wrong-party"
    assert four.accepted(SOUTH) == []
    assert at_once(four.links[NORTH].send(FUND, "a", b"x"))
    with pytest.raises(PeerError) as refused:
        at_once(renewed(four, NORTH, SOUTH).demand_at_work(SOUTH))
    assert refused.value.code == "peer.wrong-party"


def test_nothing_is_taken_from_a_certificate_that_the_plan_does_not_name(four: Parties) -> None:
    put(four)
    renewed(four, SOUTH, NORTH)
    assert refused(four, four.envelope()) == "peer.wrong-party"
    assert told(four, four.envelope(sender=FUND), sender=FUND)


@pytest.mark.parametrize("what", ["alive", "standing", "roots"])
def test_no_question_of_a_certificate_that_the_plan_does_not_name_is_answered(four: Parties, what: str) -> None:
    about = AttemptRef(job=four.job, attempt=1)
    consumer = four.environment.address(CONSUMER)
    renewed(four, SOUTH, CONSUMER)
    with pytest.raises(PeerError) as wrong:
        at_once(
            PeerAnswers(four.environment.contexts[SOUTH], four.environment.stores[SOUTH], RUNS).answer(
                consumer, what, about
            )
        )
    assert wrong.value.code == "peer.wrong-party"


def test_no_question_is_put_to_a_certificate_that_the_plan_does_not_name(four: Parties) -> None:
    four.wire()
    renewed(four, CONSUMER, NORTH)
    peer_client = PeerClient(PeerAnswers(four.environment.contexts[CONSUMER], four.environment.stores[CONSUMER], RUNS))
    parties = four.environment.stores[CONSUMER].job(four.job).plan.parties
    about = AttemptRef(job=four.job, attempt=1)
    assert at_once(peer_client.ask_party(parties[SOUTH], "alive", about, AttemptStatus)).state == "running"
    with pytest.raises(PeerError) as wrong:
        at_once(peer_client.ask_party(parties[NORTH], "alive", about, AttemptStatus))
    assert wrong.value.code == "peer.wrong-party"
