"""Lists of what issuers have revoked: the draft's own vectors, what is wrong with a token, and how one is fetched."""

from __future__ import annotations

import base64
import json
import logging
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from tests.identity.test_certificates import HERE, MIDDLE, ROOT
from tests.identity.test_presentations import ByWallet
from tests.identity.test_wallet import AUDIENCE, ISSUERS, NONCE, refused
from tests.identity.wallets import CLAIM, TYPE, Issuer, Wallet, certify, signed, status_list

from placet.core.errors import AccessError, LimitError
from placet.core.signatures import Key
from placet.core.values import parse
from placet.identity import status_fetch
from placet.identity.issuers import CredentialSigner, Issuers, StatusTerms, TrustedIssuers
from placet.identity.status_fetch import KEPT_SECONDS, MEDIA_TYPE, StatusLists
from placet.identity.status_list import (
    MAX_LIST,
    MAX_TOKEN,
    OLDEST_SECONDS,
    StatusList,
    StatusReference,
    demand_valid,
    list_of,
    reference_of,
    unpacked,
)
from placet.identity.tokens import TokenHeader
from placet.identity.wallet import Wallets, wallets_of

CASES = json.loads((Path(__file__).parent / "vectors" / "status_list.json").read_text())["cases"]
URI = "https://status.example.eu/lists/1"
NOW = int(time.time())


def _packed(case: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64decode(case["lst"] + "=" * (-len(case["lst"]) % 4))


@pytest.mark.parametrize("case", CASES, ids=[one["name"] for one in CASES])
def test_the_drafts_vectors(case: dict[str, Any]) -> None:
    statuses = unpacked(_packed(case))
    read = StatusList(case["bits"], statuses, None)
    wanted = {int(place): value for place, value in case["statuses"].items()}
    beside = {place + step: wanted.get(place + step, 0) for place in [*wanted][:12] for step in (-1, 1)}
    for place, value in (beside | wanted).items():
        if 0 <= place < case["size"]:
            assert read.status(place) == value, place
    with pytest.raises(AccessError, match="no such place"):
        read.status(8 // case["bits"] * len(statuses))


def test_one_status_counts() -> None:
    demand_valid(0)
    for status, said in (
        (1, "it was revoked"),
        (2, "it is suspended"),
        (3, "does not call it valid"),
        (255, "does not"),
    ):
        with pytest.raises(AccessError, match=said):
            demand_valid(status)


def read(token: str, issuer: Issuer = ISSUERS) -> StatusList:
    now = int(time.time())
    trusted = TrustedIssuers(parse(Issuers, ISSUERS.keys()))
    signer = trusted.signer(issuer.name, parse(TokenHeader, {"alg": "ES256", "typ": "dc+sd-jwt", "kid": "one"}), now)
    return list_of(token, URI, signer.list_key, now)


def test_a_list_is_its_issuers_and_of_this_address() -> None:
    token = ISSUERS.list(status_list(URI, b"\x02", ttl=60))
    assert (read(token).status(1), read(token).ttl) == (1, 60)
    assert read(ISSUERS.list(status_list(URI, b"\x00", iss="https://anybody.example", more=1))).status(7) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sub": "https://status.example.eu/lists/2"}, "is another one"),
        ({"sub": None}, "is none"),
        ({"iat": None}, "is none"),
        ({"iat": NOW + 10**7}, "has expired, or does not hold yet"),
        ({"nbf": NOW + 10**7}, "has expired, or does not hold yet"),
        ({"exp": NOW - 1}, "has expired, or does not hold yet"),
        ({"exp": None, "iat": NOW - OLDEST_SECONDS - 1}, "has expired, or does not hold yet"),
        ({"ttl": 0}, "is none"),
        ({"ttl": -5}, "is none"),
        ({"ttl": "60"}, "is none"),
        ({"status_list": None}, "is none"),
        ({"status_list": {"bits": 3, "lst": "eNrbuRgAAhcBXQ"}}, "is none"),
        ({"status_list": {"bits": 1, "lst": "eNrbuRgAAhcBX!"}}, "is none"),
        ({"status_list": {"bits": 1, "lst": "eNrbu"}}, "is none"),
    ],
)
def test_a_list_that_does_not_hold(changes: dict[str, Any], said: str) -> None:
    token = ISSUERS.list(status_list(URI, b"\x00", **changes))
    with pytest.raises(AccessError, match=said):
        read(token)


def test_a_list_of_somebody_else_or_none() -> None:
    right = status_list(URI, b"\x00")
    token = ISSUERS.list(right)
    for wrong, said in (
        (Issuer().list(right), "signed by somebody else"),
        (token[:-8] + "AAAAAAAA", "signed by somebody else"),
        (ISSUERS.list(right, typ="jwt"), "is none"),
        (ISSUERS.list(right, typ="dc+sd-jwt"), "is none"),
        (ISSUERS.list(right, kid="two"), "a key that its issuer does not have"),
        (token + "~", "is none"),
        (" " + token, "is none"),
        (json.dumps({"payload": "e30", "signatures": []}), "is none"),
        ("a" * (MAX_TOKEN + 1), "is none"),
        ("", "is none"),
    ):
        with pytest.raises(AccessError, match=said):
            read(wrong)


def test_a_small_list_does_not_become_a_large_one() -> None:
    """One that unpacks to a thousand times its size; and what stands behind a list, or is cut off."""
    bomb = zlib.compress(bytes(MAX_LIST + 1), 9)
    assert len(bomb) < 20_000
    token = ISSUERS.list(status_list(URI, bytes(MAX_LIST + 1)))
    with pytest.raises(AccessError, match="at most"):
        read(token)
    whole = zlib.compress(bytes(range(256)))
    for packed, said in ((bomb, f"at most {MAX_LIST}"), (whole + b"x", "whole"), (whole[:-1], "whole"), (b"", "whole")):
        with pytest.raises(AccessError, match=said):
            unpacked(packed)
    assert len(unpacked(zlib.compress(bytes(MAX_LIST), 1))) == MAX_LIST


@pytest.mark.parametrize(
    "uri",
    [
        "http://status.example.eu/1",
        "https://status.example.eu@thief.example/1",
        "https://thief.example\\@status.example.eu/1",
        "https://status.example.eu:80:80/1",
        "https://status.example.eu",
        "https://status.example.eu/1#2",
        "https://status.example.eu/ 1",
        "https://[::1]/1",
        "file:///etc/passwd",
        "https:///1",
        "",
    ],
)
def test_addresses_that_are_none(uri: str) -> None:
    with pytest.raises(AccessError, match="has to be there"):
        reference_of({"status_list": {"idx": 0, "uri": uri}})


@pytest.mark.parametrize("idx", [-1, 2**40, "0", 0.5, True, None])
def test_places_that_are_none(idx: object) -> None:
    with pytest.raises(AccessError, match="has to be there"):
        reference_of({"status_list": {"idx": idx, "uri": URI}})


# What follows has lists over https, from this machine.


class Host:
    """A host of status lists. `answers`: by path, what it says: status, headers, body."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.late = threading.Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                if self.path == "/late":
                    host.late.wait(30)
                status, headers, body = host.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.path == "/drip":
                    while body and not host.late.wait(0.05):
                        self.wfile.write(body[:1])
                        body = body[1:]
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Who asked has hung up."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def url(self, path: str) -> str:
        return f"https://{self.name}{path}"

    def has(self, path: str, token: str, **headers: str) -> None:
        said = {"Content-Type": MEDIA_TYPE} | {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = 200, said, token.encode()


HOSTS = certify("hosts", ca=True)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The host's, and that of who believes it."""
    own = certify("host", HOSTS, names=[x509.IPAddress(IPv4Address("127.0.0.1"))])
    file = tmp_path_factory.mktemp("tls") / "host.pem"
    private = own.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + own.pem())
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(file)
    return theirs, ssl.create_default_context(cadata=HOSTS.pem().decode())


@pytest.fixture
def host(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Host]:
    made = Host()
    made.server.socket = tls[0].wrap_socket(made.server.socket, server_side=True)
    made.thread.start()
    yield made
    made.late.set()
    made.server.shutdown()
    made.server.server_close()
    made.thread.join(30)


@pytest.fixture
def lists(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> StatusLists:
    return StatusLists(tls[1])


def wallets(lists: StatusLists, hosts: list[str], issuer: Issuer = ISSUERS, **terms: Any) -> Wallets:
    said = {"status": "required", "status_hosts": hosts} | terms
    if issuer.certified is None:
        return Wallets(TrustedIssuers(parse(Issuers, issuer.keys(**said))), (TYPE,), CLAIM, lists)
    nobody = parse(Issuers, Issuer("https://another.example").keys())
    anchors = {ROOT.certificate: parse(StatusTerms, said)}
    return Wallets(TrustedIssuers(nobody, anchors), (TYPE,), CLAIM, lists)


def shown(uri: str, idx: int = 1, issuer: Issuer = ISSUERS, **claims: Any) -> str:
    status = {"status_list": {"idx": idx, "uri": uri}}
    return Wallet(issuer, "ada", status=status, **claims).shows(AUDIENCE, NONCE)


def taken(presentation: str, wallets: Wallets) -> bool:
    return wallets.subject(presentation, audience=AUDIENCE, nonce=NONCE) == "ada"


def test_a_credential_counts_until_it_is_revoked(host: Host, lists: StatusLists) -> None:
    url, here = host.url("/lists/1"), wallets(lists, [host.name])
    host.has("/lists/1", ISSUERS.list(status_list(url, b"\x00")))
    assert taken(shown(url), here)
    assert host.asked[0][1]["accept"] == MEDIA_TYPE
    assert not host.asked[0][1].keys() & {"cookie", "authorization", "referer"}
    host.has("/lists/1", ISSUERS.list(status_list(url, b"\x02")))
    assert "it was revoked" in refused(shown(url), here)
    assert taken(shown(url, 0), here)
    host.has("/lists/1", ISSUERS.list(status_list(url, b"\x08", bits=2)))
    assert "it is suspended" in refused(shown(url), here)


def test_a_list_under_certificates(host: Host, lists: StatusLists) -> None:
    """Signed by the credential's own key, or by whoever the same anchor certifies."""
    issuer = Issuer(None, certify("PID provider", MIDDLE))
    url, here = host.url("/lists/2"), wallets(lists, [host.name], issuer)
    claims = status_list(url, b"\x00")
    of_lists, strangers = certify("lists", ROOT), certify("lists", certify("Stranger", ca=True))
    for token in (issuer.list(claims), Issuer(None, of_lists).list(claims)):
        host.has("/lists/2", token)
        assert taken(shown(url, issuer=issuer), here)
    host.has("/lists/2", signed(claims, issuer.key, typ="statuslist+jwt", kid="mine"))
    assert taken(shown(url, issuer=issuer), here)
    for token, said in (
        (Issuer(None, strangers).list(claims), "certificates do not hold"),
        (Issuer(None, certify("lists", ROOT, days=(-9, -1))).list(claims), "certificates do not hold"),
        (signed(claims, Issuer().key, typ="statuslist+jwt"), "signed by somebody else"),
        (signed(claims, Issuer().key, typ="statuslist+jwt", x5c=of_lists.x5c()), "signed by somebody else"),
    ):
        host.has("/lists/2", token)
        assert said in refused(shown(url, issuer=issuer), here)


def test_a_list_under_another_anchor_of_the_same_enroller(host: Host, lists: StatusLists) -> None:
    """What one state's anchor certifies says nothing of another state's credentials."""
    other = certify("Another state", ca=True)
    issuer = Issuer(None, certify("PID provider", ROOT, names=HERE))
    terms = parse(StatusTerms, {"status": "required", "status_hosts": [host.name]})
    anchors = {ROOT.certificate: terms, other.certificate: terms}
    here = Wallets(TrustedIssuers(parse(Issuers, Issuer("https://x.example").keys()), anchors), (TYPE,), CLAIM, lists)
    url = host.url("/lists/3")
    host.has("/lists/3", Issuer(None, certify("lists", other)).list(status_list(url, b"\x00")))
    assert "certificates do not hold" in refused(shown(url, issuer=issuer), here)


def test_hosts_that_the_file_does_not_name_are_never_asked(host: Host, lists: StatusLists) -> None:
    url = host.url("/lists/1")
    host.has("/lists/1", ISSUERS.list(status_list(url, b"\x00")))
    for hosts in ([], ["127.0.0.1"], ["status.example.eu"]):
        assert "does not name" in refused(shown(url), wallets(lists, hosts))
    assert host.asked == []


def test_nothing_is_fetched_for_what_does_not_hold_otherwise(host: Host, lists: StatusLists) -> None:
    url, here = host.url("/lists/1"), wallets(lists, [host.name])
    host.has("/lists/1", ISSUERS.list(status_list(url, b"\x00")))
    for wrong in (
        shown(url, issuer=Issuer()),
        shown(url, exp=NOW - 1),
        shown(url, vct="urn:eudi:mdl:1"),
        shown(url, aud="https://other.example"),
    ):
        refused(wrong, here)
    refused(shown(url), here, nonce="another")
    assert host.asked == []


def test_answers_that_are_no_lists(host: Host, lists: StatusLists, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is wrong, nobody is enrolled; and who runs the enroller hears of which host, not of whose list."""
    caplog.set_level(logging.WARNING, "placet.identity")
    url, here = host.url("/lists/1"), wallets(lists, [host.name])
    token = ISSUERS.list(status_list(url, b"\x00"))
    right = {"Content-Type": MEDIA_TYPE}
    for (status, headers, body), said in (
        ((404, right, b""), "status 404"),
        ((500, right, token.encode()), "status 500"),
        ((302, right | {"Location": host.url("/lists/9")}, b""), "status 302"),
        ((200, {"Content-Type": "text/html"}, token.encode()), "another media type"),
        ((200, {}, token.encode()), "another media type"),
        ((200, right | {"Content-Encoding": "gzip"}, token.encode()), "was not asked for"),
        ((200, right, "é".encode()), "no text"),
        ((200, right | {"Content-Length": str(len(token) + 9)}, token.encode()), "RemoteProtocolError"),
        ((200, right, b"a" * (MAX_TOKEN + 1)), "more than"),
    ):
        host.answers["/lists/1"] = status, headers, body
        host.has("/lists/9", token)
        message = refused(shown(url), here)
        assert "can't be learnt now" in message
        assert said in message
    assert [path for path, _ in host.asked if path == "/lists/9"] == []
    assert host.name in caplog.text and "/lists" not in caplog.text


def test_a_host_that_can_not_be_reached_or_believed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_fetch, "SECONDS", 2.0)
    url = host.url("/lists/1")
    host.has("/lists/1", ISSUERS.list(status_list(url, b"\x00")))
    error = "ConnectError"  # its certificate is of nobody who is believed here
    assert error in refused(shown(url), wallets(StatusLists(), [host.name]))
    gone = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    gone.server_close()
    name = f"127.0.0.1:{gone.server_port}"
    assert error in refused(shown(f"https://{name}/lists/1"), wallets(StatusLists(), [name]))
    assert host.asked == []


def test_a_slow_host_has_so_long_and_few_wait_for_it(
    host: Host, lists: StatusLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_fetch, "SECONDS", 0.3)
    here = wallets(lists, [host.name])
    assert "Timeout" in refused(shown(host.url("/late")), here)
    host.has("/drip", "a" * 40)  # never silent for long
    assert "Timeout" in refused(shown(host.url("/drip")), here)
    for _ in range(status_fetch._AT_A_TIME):
        assert lists._places.acquire(blocking=False)
    with pytest.raises(LimitError) as busy:
        here.subject(shown(host.url("/late")), audience=AUDIENCE, nonce=NONCE)
    assert busy.value.code == "limit.busy"
    for _ in range(status_fetch._AT_A_TIME):
        lists._places.release()


def test_a_list_is_kept_for_its_time(host: Host, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """`ttl`, but no longer than some minutes; one without is fetched each time. What is kept is checked anew."""
    now = [0.0]
    lists = StatusLists(tls[1], clock=lambda: now[0])
    here, url = wallets(lists, [host.name]), host.url("/lists/1")

    def asked_for(ttl: float | None, *times: float) -> int:
        now[0] += 10 * KEPT_SECONDS
        host.asked.clear()
        host.has("/lists/1", ISSUERS.list(status_list(url, b"\x00", ttl=ttl)))
        begin = now[0]
        for after in times:
            now[0] = begin + after
            assert taken(shown(url), here)
        return len(host.asked)

    assert asked_for(None, 0, 0) == 2
    assert asked_for(60, 0, 59, 61) == 2
    assert asked_for(86_400, 0, KEPT_SECONDS - 1, KEPT_SECONDS + 1) == 2
    now[0] += 10 * KEPT_SECONDS
    host.has("/lists/1", ISSUERS.list(status_list(url, b"\x02", ttl=60)))
    for _ in range(2):
        assert "it was revoked" in refused(shown(url), here)
    other = Issuer()
    assert "signed by somebody else" in refused(shown(url, issuer=other), wallets(lists, [host.name], other))


def test_many_lists_are_not_all_kept() -> None:
    lists = StatusLists()
    for n in range(50):
        lists._keep(f"{URI}{n}", "token", StatusList(1, b"", 60))
    assert len(lists._kept) == status_fetch._KEPT
    assert lists._known(f"{URI}49") == "token"
    assert lists._known(f"{URI}0") is None


def test_a_list_is_checked_by_the_credentials_own_signer(lists: StatusLists) -> None:
    """Not by whoever else it was kept for."""
    terms = parse(StatusTerms, {"status_hosts": ["status.example.eu"]})
    signer = CredentialSigner(Issuer().key, terms, lambda _: Issuer().key)
    lists._keep(URI, ISSUERS.list(status_list(URI, b"\x00")), StatusList(1, b"", 60))
    with pytest.raises(AccessError, match="somebody else"):
        lists.status(StatusReference(idx=0, uri=URI), signer, int(time.time()))


async def test_an_enrolment_under_a_certificate_until_it_is_revoked(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the enroller's files to the owner's enrolment, with what this machine believes for TLS."""
    for name, pem in (("pid.pem", ROOT.pem()), ("hosts.pem", HOSTS.pem())):
        (tmp_path / name).write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "hosts.pem"))
    file = tmp_path / "issuers.json"
    file.write_text(json.dumps({"anchors": [{"pem": "pid.pem", "status": "required", "status_hosts": [host.name]}]}))
    by_wallet = ByWallet(tmp_path / "service", wallets_of(file, (TYPE,), CLAIM))
    by_wallet.issuer = Issuer(None, certify("PID provider", MIDDLE))
    url, key = host.url("/lists/1"), Key()
    status = {"status_list": {"idx": 9, "uri": url}}
    host.has("/lists/1", by_wallet.issuer.list(status_list(url, bytes(2))))
    code = await by_wallet.code(key, "ada", status=status)
    assert (await by_wallet.service.ask(key, "ada", code)).status_code == 200
    host.has("/lists/1", by_wallet.issuer.list(status_list(url, b"\x00\x02")))
    revoked = await by_wallet.answer(await by_wallet.link(key), Wallet(by_wallet.issuer, "ada", status=status))
    assert (revoked.status_code, revoked.json()["code"]) == (403, "access.presentation")
    assert "revoked" in revoked.json()["detail"]
    host.answers.clear()
    unknown = await by_wallet.answer(await by_wallet.link(key), Wallet(by_wallet.issuer, "ada", status=status))
    assert (unknown.status_code, unknown.json()["found"]) == (403, "status 404")
    assert "access code" in unknown.json()["remedy"]
    await by_wallet.service.http.aclose()
