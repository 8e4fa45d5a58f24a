"""The peer link over real TLS on loopback: who gets in, and what neither side can do to the other."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from placet.chain.local import free_port
from placet.cli import certificates
from placet.core.at_rest import JOBS, AtRest
from placet.core.errors import ConfigError, ConsentError, PeerError, PlacetError
from placet.core.trust import Institution, TrustList
from placet.jobs.answers import PeerAnswers
from placet.jobs.store import JobStore
from placet.node import lifetime as running
from placet.node.jobs import peers
from placet.node.jobs.peers import PeerLink, PeerServer, tls_context

PASSPHRASE = "only for tests"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Somebody:
    """Somebody with a TLS key and certificate in a folder, whether trusted or not."""

    name: str
    address: bytes
    folder: Path

    @property
    def certificate(self) -> str:
        return (self.folder / "tls.crt").read_text()

    def at(self, port: int) -> Institution:
        return Institution(
            address=self.address,
            name=self.name,
            api=f"http://{HOST}:1",
            peer=f"https://{HOST}:{port}",
            certificate=self.certificate,
        )

    def tls_context(self, trust: TrustList, *, server: bool) -> ssl.SSLContext:
        return tls_context(self.folder, PASSPHRASE, trust, server=server)


def somebody(folder: Path, name: str, number: int) -> Somebody:
    key, certificate = certificates.make(name, [HOST], PASSPHRASE)
    return _keep(folder, name, number, key, certificate)


def _keep(folder: Path, name: str, number: int, key: bytes, certificate: bytes) -> Somebody:
    home = folder / name.replace(" ", "-")
    home.mkdir()
    (home / "tls.key").write_bytes(key)
    (home / "tls.crt").write_bytes(certificate)
    return Somebody(name, bytes([number]) * 20, home)


def issued_by(issuer: Somebody, folder: Path, *, ended: bool = False) -> Somebody:
    """A fresh key under a certificate that a trusted institution signed (for itself if `ended`: over since a day)."""
    ca = x509.load_pem_x509_certificate(issuer.certificate.encode())
    ca_key = serialization.load_pem_private_key((issuer.folder / "tls.key").read_bytes(), PASSPHRASE.encode())
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ca_key if ended else ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    subject = ca.subject if ended else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Minted")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * day)
        .not_valid_after(now - day if ended else now + day)
        .add_extension(x509.BasicConstraints(ca=ended, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(PASSPHRASE.encode()),
    )
    name = "Ended" if ended else "Minted"
    return _keep(folder, name, issuer.address[0], encrypted, made.public_bytes(serialization.Encoding.PEM))


@dataclass
class Ring:
    """Alice, Bob and Carol trust each other; Mallory is nobody's institution but knows them all."""

    folder: Path
    alice: Somebody
    bob: Somebody
    carol: Somebody
    mallory: Somebody

    @property
    def trust(self) -> TrustList:
        return TrustList(institutions=tuple(who.at(1) for who in (self.alice, self.bob, self.carol)))


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Ring:
    folder = tmp_path_factory.mktemp("ring")
    named = enumerate(("Alice", "Bob", "Carol", "Mallory"), 1)
    return Ring(folder, *(somebody(folder, name, number) for number, name in named))


class Asked:
    """A handler that keeps what it was asked."""

    def __init__(self, answer: bytes | Exception = b"yes") -> None:
        self.answer = answer
        self.questions: list[tuple[bytes, str, bytes]] = []

    async def __call__(self, asker: bytes, what: str, body: bytes) -> bytes:
        self.questions.append((asker, what, body))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@contextlib.asynccontextmanager
async def bob_serving(ring: Ring, handler: Any, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Institution]:
    server = await PeerServer(ring.trust, handler).start(HOST, 0, tls or ring.bob.tls_context(ring.trust, server=True))
    async with server:
        yield ring.bob.at(server.sockets[0].getsockname()[1])


@contextlib.asynccontextmanager
async def speaking(who: Somebody, trust: TrustList, speak: Callable[..., Any]) -> AsyncIterator[Institution]:
    """A peer that says what it likes; `speak` gets reader and writer."""
    tls = who.tls_context(trust, server=True)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await speak(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, HOST, 0, ssl=tls)
    async with server:
        yield who.at(server.sockets[0].getsockname()[1])


def link(who: Somebody, trust: TrustList) -> PeerLink:
    return PeerLink(who.tls_context(trust, server=False))


@contextlib.asynccontextmanager
async def raw(ring: Ring, at: Institution, tls: ssl.SSLContext | None = None) -> AsyncIterator[Any]:
    """Alice's own connection, to write whatever into it."""
    port = int(at.peer.rpartition(":")[2])
    reader, writer = await asyncio.open_connection(
        HOST, port, ssl=tls or ring.alice.tls_context(ring.trust, server=False), ssl_handshake_timeout=120
    )
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    status, size = struct.unpack(">BI", await asyncio.wait_for(reader.readexactly(5), 120))
    return status, await asyncio.wait_for(reader.readexactly(size), 120)


def frame(what: bytes, body: bytes) -> bytes:
    return struct.pack(">B", len(what)) + what + struct.pack(">I", len(body)) + body


@pytest.mark.parametrize("body", [b"", b"{}", bytes(range(256)) * 4096])
async def test_a_question_arrives_with_its_asker_and_is_answered(ring: Ring, body: bytes) -> None:
    handler = Asked(body[::-1])
    async with bob_serving(ring, handler) as bob:
        assert await link(ring.alice, ring.trust).call(bob, "standing", body, limit=len(body)) == body[::-1]
        assert await link(ring.carol, ring.trust).call(bob, "roots", body, limit=len(body)) == body[::-1]
    assert handler.questions == [(ring.alice.address, "standing", body), (ring.carol.address, "roots", body)]


async def test_many_questions_at_once_get_each_their_own_answer(ring: Ring) -> None:
    async def echo(asker: bytes, what: str, body: bytes) -> bytes:
        await asyncio.sleep(0.001 * (body[0] % 7))
        return asker + what.encode() + body

    async with bob_serving(ring, echo) as bob:
        alice, carol = link(ring.alice, ring.trust), link(ring.carol, ring.trust)
        asked = [(alice if n % 2 else carol, f"q{n}", bytes([n])) for n in range(24)]
        answers = await asyncio.gather(*(who.call(bob, what, body, limit=100) for who, what, body in asked))
    expected = [
        (ring.alice if n % 2 else ring.carol).address + f"q{n}".encode() + bytes([n]) for n in range(len(asked))
    ]
    assert answers == expected


async def test_a_stranger_never_reaches_the_handler(ring: Ring) -> None:
    handler = Asked()
    async with bob_serving(ring, handler) as bob:
        with pytest.raises(PeerError) as refused:
            await link(ring.mallory, ring.trust).call(bob, "standing", b"{}", limit=100)
        assert refused.value.code == "peer.unreachable"
        assert await link(ring.alice, ring.trust).call(bob, "standing", b"{}", limit=100) == b"yes"
    assert handler.questions == [(ring.alice.address, "standing", b"{}")]


async def test_without_a_certificate_nobody_reaches_the_handler(ring: Ring) -> None:
    handler = Asked()
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    async with bob_serving(ring, handler) as bob:
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            async with raw(ring, bob, tls) as (reader, writer):
                writer.write(frame(b"standing", b"{}"))
                await asyncio.wait_for(reader.readexactly(1), 120)
    assert handler.questions == []


async def test_a_stranger_in_a_peers_place_hears_nothing(ring: Ring) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, _: Any) -> None:
        heard.append(await reader.read(100))

    async with speaking(ring.mallory, ring.trust, listen) as mallory:
        with pytest.raises(PeerError) as refused:
            await link(ring.alice, ring.trust).call(
                replace_url(ring.bob.at(1), mallory.peer), "sign", b"a secret", limit=100
            )
        await asyncio.sleep(0.05)
    assert refused.value.code == "peer.unreachable"
    assert [h for h in heard if h] == []


def replace_url(institution: Institution, url: str) -> Institution:
    return Institution(**{**institution.model_dump(), "peer": url})


async def test_a_trusted_institution_in_anothers_place_hears_nothing(ring: Ring) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.write(struct.pack(">BI", 0, 3) + b"yes")
        await writer.drain()

    async with speaking(ring.carol, ring.trust, listen) as carol:
        with pytest.raises(PeerError) as refused:
            await link(ring.alice, ring.trust).call(
                replace_url(ring.bob.at(1), carol.peer), "sign", b"a secret", limit=100
            )
        await asyncio.sleep(0.05)
    assert refused.value.code == "peer.stranger"
    assert heard in ([], [b""])


async def test_a_certificate_minted_by_a_trusted_institution_is_a_stranger(ring: Ring, tmp_path: Path) -> None:
    """Trust list certificates are roots of the handshake: what counts is the key."""
    minted = issued_by(ring.carol, tmp_path)
    handler = Asked()
    async with bob_serving(ring, handler) as bob:
        with pytest.raises(PeerError) as refused:
            await link(minted, ring.trust).call(bob, "standing", b"{}", limit=8192)
    assert (refused.value.code, handler.questions) == ("peer.stranger", [])

    async def obliging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(struct.pack(">BI", 0, 3) + b"yes")
        await writer.drain()
        await reader.read(100)

    async with speaking(minted, ring.trust, obliging) as there:
        with pytest.raises(PeerError) as answered:
            await link(ring.alice, ring.trust).call(
                replace_url(ring.carol.at(1), there.peer), "standing", b"{}", limit=100
            )
    assert answered.value.code == "peer.stranger"


async def test_a_certificate_that_has_ended_is_refused(ring: Ring, tmp_path: Path) -> None:
    ended = issued_by(ring.carol, tmp_path, ended=True)
    trust = ring.trust.with_entry("institutions", ended.at(1).to_json())
    handler = Asked()
    async with bob_serving(ring, handler, tls=ring.bob.tls_context(trust, server=True)) as bob:
        with pytest.raises(PeerError) as refused:
            await link(ended, trust).call(bob, "standing", b"{}", limit=100)
    assert (refused.value.code, handler.questions) == ("peer.unreachable", [])


async def test_tls_1_2_is_refused_by_both_sides(ring: Ring) -> None:
    handler = Asked()
    old = ring.alice.tls_context(ring.trust, server=False)
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with bob_serving(ring, handler) as bob:
        with pytest.raises((OSError, ssl.SSLError)):
            async with raw(ring, bob, old):
                pass
    older = ring.bob.tls_context(ring.trust, server=True)
    older.minimum_version = ssl.TLSVersion.TLSv1_2
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    async with bob_serving(ring, handler, tls=older) as bob:
        with pytest.raises(PeerError) as refused:
            await link(ring.alice, ring.trust).call(bob, "standing", b"{}", limit=100)
    assert (refused.value.code, handler.questions) == ("peer.unreachable", [])


async def test_an_oversized_question_is_refused_before_it_is_read(ring: Ring) -> None:
    handler = Asked()
    async with bob_serving(ring, handler) as bob, raw(ring, bob) as (reader, writer):
        writer.write(b"\x07message" + struct.pack(">I", peers.MAX_BODY + 1))
        status, told = await answer_of(reader)
        assert (status, json.loads(told)["code"]) == (1, "peer.oversized")
        assert await reader.read() == b""
    assert handler.questions == []


async def test_the_largest_question_is_read(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "MAX_BODY", 5000)
    handler = Asked()
    async with bob_serving(ring, handler) as bob:
        alice = link(ring.alice, ring.trust)
        assert await alice.call(bob, "message", bytes(5000), limit=10) == b"yes"
        with pytest.raises(PlacetError) as refused:
            await alice.call(bob, "message", bytes(5001), limit=10)
    assert refused.value.code == "peer.oversized"
    assert [len(body) for _, _, body in handler.questions] == [5000]


async def test_messages_that_wait_for_the_handler_are_bounded_and_hold_up_nobody_else(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "AT_ONCE", 2)
    held: list[bytes] = []
    full, go = asyncio.Event(), asyncio.Event()

    async def handle(asker: bytes, what: str, body: bytes) -> bytes:
        if what == "message":
            held.append(asker)
            if held.count(ring.alice.address) == 2:
                full.set()
            await go.wait()
        return b"yes"

    async with bob_serving(ring, handle) as bob:
        alice, carol = link(ring.alice, ring.trust), link(ring.carol, ring.trust)
        sending = [asyncio.create_task(alice.call(bob, "message", bytes(1000), limit=10)) for _ in range(6)]
        await asyncio.wait_for(full.wait(), 120)
        # Each of these comes after a message of Alice's could have come in too.
        assert await alice.call(bob, "alive", b"", limit=10) == b"yes"
        carols = asyncio.create_task(carol.call(bob, "message", b"", limit=10))
        assert await carol.call(bob, "alive", b"", limit=10) == b"yes"
        async with asyncio.timeout(60):
            while ring.carol.address not in held:
                await asyncio.sleep(0.01)
        assert sorted(held) == sorted([ring.alice.address] * 2 + [ring.carol.address])
        go.set()
        assert await asyncio.gather(*sending, carols) == [b"yes"] * 7
    assert held.count(ring.alice.address) == 6


async def test_an_oversized_answer_is_refused_before_it_is_read(ring: Ring) -> None:
    read: list[bool] = []

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(struct.pack(">BI", 0, 2**32 - 1))
        await writer.drain()
        read.append(await reader.read() is not None)

    async with speaking(ring.bob, ring.trust, endless) as bob:
        with pytest.raises(PeerError) as refused:
            await asyncio.wait_for(link(ring.alice, ring.trust).call(bob, "standing", b"{}", limit=1000), 120)
    assert refused.value.code == "peer.oversized"
    async with bob_serving(ring, Asked(bytes(1001))) as bob:
        with pytest.raises(PeerError) as longer:
            await link(ring.alice, ring.trust).call(bob, "standing", b"{}", limit=1000)
    assert longer.value.code == "peer.oversized"


async def test_an_unknown_question_is_refused_by_its_name(ring: Ring) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    context, store = SimpleNamespace(at_rest=AtRest(JOBS, bytes(32)), extensions=(), engine=engine), JobStore(engine)
    runner = SimpleNamespace(answers=PeerAnswers(context, store, {}), message=None)  # type: ignore[arg-type]

    async def answer(asker: bytes, what: str, body: bytes) -> bytes:
        return await running.answer_peer(runner, asker, what, body)  # type: ignore[arg-type]

    async with bob_serving(ring, answer) as bob:
        alice = link(ring.alice, ring.trust)
        for what in ("secrets", "", "x" * 255, "__class__", "prepare\0"):
            with pytest.raises(PeerError) as refused:
                await alice.call(bob, what, b"{}", limit=1000)
            assert refused.value.code == "peer.question"
            assert len(refused.value.found or "") <= 40
        for body in (b"", b"[]", b"nonsense", b"\xff\xfe", b'{"job": 1}', b"[" * 100_000):
            with pytest.raises(PeerError) as malformed:
                await alice.call(bob, "standing", body, limit=1000)
            assert malformed.value.code == "input"
        for code, message in {"limit": b"\0\0\xff\xff{}", "input": b"\0\0\0\x03{}"}.items():
            with pytest.raises(PeerError) as framed:
                await alice.call(bob, "message", message, limit=1000)
            assert framed.value.code == code


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00",
        b"\x08standing",
        b"\x08standing\x00\x00\x00\x05{}",
        b"GET / HTTP/1.1\r\nHost: placet\r\n\r\n",
        b"\xff" * 300,
        bytes(4),
    ],
)
async def test_garbage_and_halves_end_the_connection_and_nothing_else(ring: Ring, sent: bytes) -> None:
    handler = Asked()
    async with bob_serving(ring, handler) as bob:
        async with raw(ring, bob) as (_, writer):
            writer.write(sent)
            await writer.drain()
        assert handler.questions == []
        assert await link(ring.alice, ring.trust).call(bob, "standing", b"{}", limit=100) == b"yes"


async def test_a_name_that_is_no_ascii_is_only_an_unknown_question(ring: Ring) -> None:
    handler = Asked()
    async with bob_serving(ring, handler) as bob, raw(ring, bob) as (reader, writer):
        writer.write(frame(b"\xff\x00\xfe", b""))
        assert await answer_of(reader) == (0, b"yes")
    assert handler.questions[0][1] == "\N{REPLACEMENT CHARACTER}\0\N{REPLACEMENT CHARACTER}"


async def test_one_connection_answers_one_question(ring: Ring) -> None:
    handler = Asked()
    async with bob_serving(ring, handler) as bob, raw(ring, bob) as (reader, writer):
        writer.write(frame(b"standing", b"1") + frame(b"standing", b"2"))
        assert await answer_of(reader) == (0, b"yes")
        assert await asyncio.wait_for(reader.read(), 120) == b""
    assert [body for _, _, body in handler.questions] == [b"1"]


async def test_a_peer_that_never_answers_is_given_up(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "SECONDS", 0.2)

    async def silent(reader: asyncio.StreamReader, _: Any) -> None:
        await reader.read()

    async def halting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(struct.pack(">BI", 0, 10) + b"half")
        await writer.drain()
        await reader.read()

    for speak in (silent, halting):
        async with speaking(ring.bob, ring.trust, speak) as bob:
            with pytest.raises(PeerError) as refused:
                await asyncio.wait_for(link(ring.alice, ring.trust).call(bob, "standing", b"{}", limit=100), 120)
            assert refused.value.code == "peer.unreachable"


async def test_a_peer_that_never_shakes_hands_is_given_up(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_CONNECT", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, HOST, 0)
    async with server:
        bob = ring.bob.at(server.sockets[0].getsockname()[1])
        with pytest.raises(PeerError) as refused:
            await asyncio.wait_for(link(ring.alice, ring.trust).call(bob, "standing", b"{}", limit=100), 120)
    assert refused.value.code == "peer.unreachable"


async def test_nobody_there_is_unreachable(ring: Ring) -> None:
    with pytest.raises(PeerError) as refused:
        await link(ring.alice, ring.trust).call(ring.bob.at(free_port()), "standing", b"{}", limit=100)
    assert (refused.value.code, refused.value.found) == ("peer.unreachable", "Bob: ConnectionRefusedError")


async def test_an_asker_that_never_finishes_is_given_up(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "SECONDS", 0.1)
    handler = Asked()
    async with bob_serving(ring, handler) as bob, raw(ring, bob) as (reader, writer):
        writer.write(b"\x08standing\x00\x00\x00\x05{}")
        with contextlib.suppress(OSError):
            assert await asyncio.wait_for(reader.read(), 120) == b""
    assert handler.questions == []


async def test_a_refusal_travels_with_its_code_and_in_bounds(ring: Ring) -> None:
    refusal = ConsentError("no" * 1000, expected="e" * 1000, found=b"f" * 1000, remedy="r" * 1000, code="consent.dead")
    async with bob_serving(ring, Asked(refusal)) as bob:
        with pytest.raises(PeerError) as told:
            await link(ring.alice, ring.trust).call(bob, "prepare", b"{}", limit=8192)
    error = told.value
    assert error.code == "consent.dead"
    assert error.message == "Bob: " + ("no" * 1000)[:400]
    assert (error.expected, error.remedy) == ("e" * 400, "r" * 400)
    assert len(error.found or "") == 400


LONG = {"code": "peer", "message": "m" * 401}


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"not json",
        b"[" * 5000,
        json.dumps(LONG).encode(),
        json.dumps(LONG | {"message": "m", "code": "c" * 65}).encode(),
        json.dumps({"message": "m"}).encode(),
        json.dumps({"code": "peer", "message": "m", "more": 1}).encode(),
        json.dumps({"code": "peer", "message": 5}).encode(),
    ],
)
async def test_a_peers_malformed_refusal_is_an_error_of_ours(ring: Ring, told: bytes) -> None:
    async def lying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(struct.pack(">BI", 1, len(told)) + told)
        await writer.drain()
        await reader.read()

    async with speaking(ring.bob, ring.trust, lying) as bob:
        with pytest.raises(PlacetError) as refused:
            await asyncio.wait_for(link(ring.alice, ring.trust).call(bob, "standing", b"{}", limit=8192), 120)
    assert len(str(refused.value)) < 600


async def test_a_mistake_in_the_handler_ends_one_connection_only(ring: Ring) -> None:
    handler = Asked(ValueError("a mistake"))
    async with bob_serving(ring, handler) as bob:
        alice = link(ring.alice, ring.trust)
        with pytest.raises(PeerError) as refused:
            await alice.call(bob, "standing", b"{}", limit=100)
        assert "a mistake" not in str(refused.value)
        handler.answer = b"yes"
        assert await alice.call(bob, "standing", b"{}", limit=100) == b"yes"


def test_a_key_that_does_not_open_is_the_operators_problem(ring: Ring, tmp_path: Path) -> None:
    other = replace(ring.alice, folder=tmp_path)
    with pytest.raises(ConfigError):
        other.tls_context(ring.trust, server=True)
    with pytest.raises(ConfigError):
        tls_context(ring.alice.folder, "another passphrase", ring.trust, server=False)
