"""Who is let in: exactly the certificates of the network's parties, on both sides of every connection."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from placet.core.errors import ConfigError, PeerError, PlacetError, ProtocolError
from placet.protocols.spu import Network
from placet.protocols.spu.process import link_of
from placet.protocols.spu.tunnel import Tunnel, socket_of

Networks = Callable[..., list[Network]]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Network], Tunnel]]:
    """A party's tunnel, not yet open, in a folder of its own; closed at the end."""
    made: list[Tunnel] = []

    def make(network: Network, lost: Any = lambda error: None, doubted: Any = lambda rank: None) -> Tunnel:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        key = folder / "tls.key"
        key.write_bytes(network.key)
        made.append(Tunnel(link_of(network), folder, key, lost, doubted))
        return made[-1]

    yield make
    for tunnel in made:
        if tunnel._thread.is_alive():
            tunnel.close()


def together(*tunnels: Tunnel, seconds: Sequence[float] = (60, 60)) -> list[PlacetError | None]:
    """Open all at once, each for so long; what each ended with. Who has ended listens on until it is closed."""
    ended: list[PlacetError | None] = [None] * len(tunnels)

    def open_one(place: int) -> None:
        try:
            tunnels[place].open(seconds[place])
        except PlacetError as error:
            ended[place] = error

    threads = [threading.Thread(target=open_one, args=(place,)) for place in range(len(tunnels))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(seconds) + 30)
    return ended


def client(*shown: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if shown:
        context.load_cert_chain(*shown)
    return context


def knock(network: Network, context: ssl.SSLContext | None, hello: bytes, *, rank: int = 0) -> bytes:
    """What a caller with this identity is answered by party `rank`."""
    member = network.members[rank]
    with socket.create_connection((member.host, member.port), timeout=60) as plain:
        try:
            caller = plain if context is None else context.wrap_socket(plain)
            caller.sendall(hello)
            return caller.recv(1)
        except (ssl.SSLError, ConnectionError):
            return b""


def files(folder: Path, certificate: str, key: bytes) -> tuple[Path, Path]:
    (folder / "c.pem").write_text(certificate)
    (folder / "k.pem").write_bytes(key)
    return folder / "c.pem", folder / "k.pem"


def leaf(issuer: str, issuer_key: bytes) -> tuple[str, bytes]:
    """A certificate that a party signed with its own key: its chain is good, it is nobody's."""
    signer: Any = serialization.load_pem_private_key(issuer_key, None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "branch")]))
        .issuer_name(x509.load_pem_x509_certificate(issuer.encode()).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(signer, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private


def test_only_parties_are_let_in(networks: Networks, opened: Any, identities: Any, tmp_path: Path) -> None:
    """While a party of the network is, on the same port, and at the same time."""
    ours, theirs = networks(2)
    assert together(opened(ours), opened(theirs)) == [None, None]
    party, stranger = identities["telecom"], identities["stranger"]
    session = ours.session
    assert knock(ours, client(*files(tmp_path, party.certificate, party.key)), session) == b"\x01"
    assert knock(ours, client(*files(tmp_path, party.certificate, party.key)), bytes(32)) == b""
    assert knock(ours, client(*files(tmp_path, stranger.certificate, stranger.key)), session) == b""
    assert knock(ours, client(*files(tmp_path, *leaf(party.certificate, party.key))), session) == b""
    assert knock(ours, client(), session) == b""
    assert knock(ours, None, session) in (b"", b"\x15")  # a TLS alert, or nothing at all


def test_old_versions_of_tls_are_refused(networks: Networks, opened: Any, identities: Any, tmp_path: Path) -> None:
    ours, theirs = networks(2)
    assert together(opened(ours), opened(theirs)) == [None, None]
    party = identities["telecom"]
    context = client(*files(tmp_path, party.certificate, party.key))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert knock(ours, context, ours.session) == b""


@pytest.mark.parametrize("who", ["stranger", "another party"])
def test_another_one_in_a_partys_place_is_refused_at_once(
    networks: Networks, opened: Any, identities: Any, who: str
) -> None:
    """A stranger, and another party of the same network, that answers at party 1's address."""
    ours, theirs, _ = networks(3)
    name = "stranger" if who == "stranger" else "tax"
    members = list(theirs.members)
    members[1], members[2] = (
        type(members[1])("x", members[1].host, members[1].port, identities[name].certificate),
        type(members[2])("y", members[2].host, members[2].port, identities["telecom"].certificate),
    )
    impostor = Network(tuple(members), 1, b"job/0/step", identities[name].key)
    first, second = together(opened(ours), opened(impostor), seconds=(60, 1))
    assert isinstance(first, PeerError) and first.code == "spu.stranger" and second is not None


@pytest.mark.parametrize("later", [0, 1])
def test_sessions_do_not_mix(networks: Networks, opened: Any, later: int) -> None:
    """Who comes to a party of another session, which listens, is not let in."""
    ours, theirs = networks(2)
    parties = [ours, Network(theirs.members, 1, b"job/1/step", theirs.key)]
    assert together(opened(parties[1 - later]), seconds=(1,)) != [None]
    (ended,) = together(opened(parties[later]), seconds=(1,))
    assert ended is not None and ended.code == "spu.refused"


def test_nobody_there(networks: Networks, opened: Any) -> None:
    (ended,) = together(opened(networks(2)[0]), seconds=(1,))
    assert isinstance(ended, PeerError) and ended.code == "spu.unreachable"


def test_a_taken_port(networks: Networks, opened: Any) -> None:
    ours = networks(2)[0]
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((ours.members[0].host, ours.members[0].port))
        taken.listen()
        (ended,) = together(opened(ours))
    assert isinstance(ended, ProtocolError) and ended.code == "spu.port"


def test_a_key_of_another_is_ours_to_mend(networks: Networks, opened: Any) -> None:
    ours, theirs = networks(2)
    with pytest.raises(ConfigError, match="don't fit"):
        opened(Network(ours.members, 0, b"", theirs.key))


def test_bytes_pass_both_ways_and_a_lost_party_is_reported(
    networks: Networks, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = networks(2)
    gone = threading.Event()
    found: list[PlacetError] = []

    def lost(error: PlacetError) -> None:
        found.append(error)
        gone.set()

    doubts: list[int | None] = []
    one, other = opened(ours, lost, doubts.append), opened(theirs)
    assert together(one, other) == [None, None]
    payload = bytes(range(256)) * 4096
    with socket.socket(socket.AF_UNIX) as inside:
        inside.bind(str(tmp_path / "1" / socket_of(1)))
        inside.listen()
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(60)
            caller.connect(str(tmp_path / "0" / socket_of(1)))
            sender = threading.Thread(target=caller.sendall, args=(payload,))
            sender.start()
            answerer, _ = inside.accept()
            with answerer:
                answerer.settimeout(60)
                received = bytearray()
                while len(received) < len(payload):
                    received += answerer.recv(65536)
                assert received == payload
                answerer.sendall(b"thanks")
                assert caller.recv(16) == b"thanks"
            sender.join()
    assert not found and doubts in ([], [1], [1, None])
    other.close()
    monkeypatch.setattr("placet.protocols.spu.tunnel._GONE", 1.0)  # from here on: nobody is there who could be late
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(tmp_path / "0" / socket_of(1)))
        assert gone.wait(60)
    assert [error.code for error in found] == ["spu.lost"] and doubts[-1] == 1
