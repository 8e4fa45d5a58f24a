"""Malformed input to every endpoint of a node and of an enrolling service: an answer below 500, a problem document, and
nothing happens.

Schemathesis makes requests from their own OpenAPI documents, right and wrong ones; the cases below are what it would
not think of. Node and service are the module's: what answers the last case has lived through all others.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from tests.identity.test_identity import Service
from tests.node.conftest import NodeEnvironment, Owner, Running, node_at, signed

from parties import JobEnvironment
from placet.core.offers import Offer
from placet.core.plan import Input
from placet.core.signatures import Key
from placet.core.values import to_hex
from placet.identity.service import Enrolling
from placet.jobs.records import JobRecord
from placet.jobs.store import JobStore
from placet.node.service import Node
from placet.node.state import batches, consents, withdrawals

FEW, MANY = 2, 10
"""Requests of one operation of each sort: with and without a credential, right and wrong, about every job."""
QUIET = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
by_examples = pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
in_modules_loop = pytest.mark.asyncio(loop_scope="module")
GENEROUS = {"drafts_per_client_minute": 10**6, "requests_per_client_minute": 10**6}


@pytest.fixture
def served(environment: NodeEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A node that has an offer. Each test has its own: schemathesis ends what it has started with the test."""
    from placet.node.app import create_app

    folder = tmp_path_factory.mktemp("malformed")
    made = environment.settings(folder / "node", limits=GENEROUS)
    app = create_app(made)
    offer, _ = environment.offer(made.path(made.scopes))
    app.state.node.sync()
    app.state.known = {state: _job(app.state.node, offer, ended=state == "ended") for state in ("ended", "going")}
    yield app
    app.state.node.engine.dispose()


def _job(node: Node, offer: Offer, *, ended: bool) -> str:
    """A job that the node has signed, with itself as a provider; the chain has not opened it."""
    parties = JobEnvironment()
    own = Input(offer=offer.id, lawful_root=secrets.token_bytes(32), epoch=bytes(24), opens_before=1000)
    mine = parties.party(0, signer=node.address, recorder=node.keys.recorder.address, inputs=(own,))
    terms, at = parties.terms(), int(time.time())
    plan = parties.plan(
        terms,
        parties=(mine, *(parties.party(other) for other in range(1, 4))),
        open_by=at + 3_600,
        deadline=at + 7_200,
        settle_by=at + 10_800,
    )
    job = plan.job(node.deployment.jobs)
    store = JobStore(node.engine)
    store.add(JobRecord(job, plan, terms, (bytes(65),) * 6, 0, b"", None, None, at))
    store.note(job, "agreed")
    if ended:
        store.end(job, "aborted")
    return to_hex(job)


@pytest.fixture
def openapi(served: Any) -> Any:
    return _document(served)


def _document(app: Any) -> Any:
    import schemathesis  # late: all workers read this file, and one needs it

    return schemathesis.openapi.from_asgi("/openapi.json", app)


@by_examples
def test_no_request_that_openapi_can_express_is_an_error_of_the_server(
    openapi: Any, served: Any, examples: int
) -> None:
    credential = {"Authorization": "Bearer " + served.state.node.credential.decode()}
    operations = [operation.ok() for operation in openapi.get_all_operations()]
    seen = {one.label: _attack(one, examples, credential, served.state.known) for one in operations}
    assert {label.split()[1] for label, statuses in seen.items() if statuses} == set(openapi.raw_schema["paths"])
    found = {label: statuses & {200, 202, 409} for label, statuses in seen.items() if "{job}" in label}
    assert found == {
        "GET /v1/jobs/{job}": {200},
        "GET /v1/jobs/{job}/events": {200},
        "GET /v1/jobs/{job}/moments": {200},
        "GET /v1/jobs/{job}/trail": {200},
        "GET /v1/jobs/{job}/result": {409},
        "GET /v1/jobs/{job}/model": {409},
        "GET /v1/jobs/{job}/request": {409},
        "POST /v1/jobs/{job}/cancel": {202},
        "POST /v1/jobs/{job}/noise": {409},  # neither has noise that could be opened
        # Neither plan names an audit: there are no stakes to show or settle, and nothing to open or answer.
        "GET /v1/jobs/{job}/certificate": set(),
        "GET /v1/jobs/{job}/stakes": {200},
        "POST /v1/jobs/{job}/stakes/settle": {200},
        "POST /v1/jobs/{job}/stakes/answer": {409},
        "POST /v1/jobs/{job}/sample": {409},
        "POST /v1/jobs/{job}/finding": {409},
        # Of jobs on chain; these two are on none.
        "GET /v1/proofs/jobs/{job}": set(),
        # For the companies of a comparison, who sign each request; here there are none.
        "POST /v1/enclave/jobs/{job}/evidence": set(),
        "PUT /v1/enclave/jobs/{job}/documents/{role}": set(),
        "GET /v1/enclave/jobs/{job}/events": set(),
        "GET /v1/enclave/jobs/{job}/results/{party}": set(),
        # For plans that wait for a person; these two are jobs.
        "GET /v1/plans/{job}": set(),
        "POST /v1/plans/{job}/sign": set(),
        "POST /v1/plans/{job}/refuse": set(),
    }


class Signing:
    """The node behind a proxy that signs each request as it comes, whatever is in it, with somebody's key."""

    def __init__(self, app: Any, environment: NodeEnvironment, key: Key) -> None:
        self.app, self.environment, self.key = app, environment, key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        query = scope["query_string"]
        target = (scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1")
        header = signed(self.environment, self.key, self.key.address, scope["method"], target, body)
        headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Any:
            return waiting.pop() if waiting else await receive()

        await self.app({**scope, "headers": [*headers, (b"authorization", header.encode())]}, replay, send)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["auditor", "owner"])
def test_no_signed_request_that_openapi_can_express_is_an_error_of_the_server(
    served: Any, environment: NodeEnvironment, who: str
) -> None:
    """Past authentication every route reads more of what it is sent."""
    asyncio.run(served.state.node.probe_vault())
    key = environment.auditor if who == "auditor" else Key()
    document = _document(Signing(served, environment, key))
    operations = [operation.ok() for operation in document.get_all_operations()]
    seen = {one.label: _attack(one, MANY, None, served.state.known) for one in operations}
    trail = seen["GET /v1/jobs/{job}/trail"]
    assert (200 in trail) == (who == "auditor"), trail
    assert 200 in seen["GET /v1/consents"] and 403 in seen["GET /v1/jobs"]
    assert not any(401 in statuses for statuses in seen.values())


def _attack(
    operation: Any, examples: int, credential: dict[str, str] | None, known: dict[str, str] | None = None
) -> set[int]:
    """Send right and wrong requests of one operation, with `known` about jobs that exist too; the answers' statuses."""
    from schemathesis import GenerationMode

    jobs = [None, *(known or {}).items()] if "{job}" in operation.path else [None]
    if operation.path.endswith("/events"):  # of a job that goes on they come for an hour
        jobs = [job for job in jobs if job is None or job[0] == "ended"]
    modes = (GenerationMode.POSITIVE, *((GenerationMode.NEGATIVE,) if operation.body else ()))
    seen: set[int] = set()
    credentials = ({},) if credential is None else ({}, credential)
    for headers, mode, job in itertools.product(credentials, modes, jobs):
        _send(operation.as_strategy(generation_mode=mode), examples, headers, job, seen)
    return seen


def _send(requests: Any, examples: int, headers: dict[str, str], job: tuple[str, str] | None, seen: set[int]) -> None:
    """So many of these requests under these headers, about this job unless it is None; the statuses go to `seen`."""

    @settings(QUIET, max_examples=examples)
    @given(case=requests)
    def attempt(case: Any) -> None:
        if job is not None:
            case.path_parameters["job"] = job[1]
        answer = case.call(headers=headers)
        _demand_problem(answer.status_code, dict(answer.headers), answer.content)
        seen.add(answer.status_code)

    attempt()


def _demand_problem(status: int, headers: dict[str, Any], content: bytes) -> None:
    assert status < 500, content
    if status < 400:
        return
    kind = headers.get("content-type", "")
    assert "application/problem+json" in kind, (status, kind, content)
    problem = json.loads(content)
    assert problem["status"] == status
    assert problem["code"] and problem["title"] and problem["detail"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(environment: NodeEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    settings_of_it = environment.settings(tmp_path_factory.mktemp("flooded") / "node", limits=GENEROUS)
    async with node_at(environment, settings_of_it) as running_node:
        yield running_node


@pytest.fixture(scope="module")
def offer(node: Running) -> Offer:
    return node.offer()[0]


@pytest.fixture
def owner(environment: NodeEnvironment) -> Owner:
    return Owner(environment, next(environment.customers), Key())


DEEP = b"[" * 100_000
BODIES = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"{}",
    b"\xff\xfe",
    b"\x00",
    DEEP,
    b'{"a":' * 50_000,
    b'{"owner": "\\ud800"}',
    b'{"uses": ' + b"9" * 5_000 + b"}",
    b'{"uses": 1e400}',
    b'{"uses": NaN}',
    b'{"uses": true}',
    b'{"uses": 1.5}',
    b'{"uses": -1}',
    b'{"uses": "1"}',
    b'{"owner": null, "owner": {}}',
    b'{"consent": {"owner": "0x"}}',
]
POSTS = [
    "/v1/consents",
    "/v1/consents/draft",
    f"/v1/consents/0x{'00' * 32}/withdrawal",
    f"/v1/consents/0x{'00' * 32}/withdrawal/draft",
]


@pytest.mark.parametrize("path", POSTS)
@in_modules_loop
async def test_a_key_that_stands_twice(node: Running, path: str) -> None:
    """Whoever reads the body first, and whoever acts on it, read one and the same."""
    for body in (b'{"owner": null, "owner": {}}', b'{"a": [{"uses": 1, "\\u0075ses": 2}]}'):
        answer = await node.client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "input.duplicate")
        assert "once" in answer.json()["remedy"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", "", "a/b; é"])
@pytest.mark.parametrize("path", POSTS)
@in_modules_loop
async def test_bodies_that_are_none(node: Running, path: str, kind: str) -> None:
    for body in BODIES:
        answer = await node.client.post(path, content=body, headers={"Content-Type": kind.encode("latin-1")})
        _demand_problem(answer.status_code, dict(answer.headers), answer.content)
        assert b"Traceback" not in answer.content
        if not path.endswith("/draft") or path == "/v1/consents/draft":
            assert answer.status_code >= 400


PLACES = [
    ("consent",),
    ("signature",),
    ("enrolment",),
    ("consent", "owner"),
    ("consent", "offer"),
    ("consent", "offer", "dataset"),
    ("consent", "offer", "operations"),
    ("consent", "not_before"),
    ("consent", "not_after"),
    ("consent", "first_opening"),
    ("consent", "uses"),
    ("consent", "details"),
    ("consent", "details", "columns"),
    ("consent", "details", "enrolment"),
    ("consent", "details", "salt"),
    ("consent", "details", "language"),
    ("enrolment", "enroller"),
    ("enrolment", "subject"),
    ("enrolment", "signature"),
    ("enrolment", "opening"),
    ("enrolment", "opening", "subject"),
    ("enrolment", "opening", "salt"),
]
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    2**32,
    2**48,
    2**256,
    1.5,
    "",
    "0x",
    "0x" + "00" * 20,
    "0x" + "zz" * 32,
    "0x" + "ff" * 5_000,
    "\u0000",
    "é" * 300,
    [],
    {},
    [[]] * 100,
]


@pytest.mark.parametrize("place", PLACES, ids=".".join)
@in_modules_loop
async def test_a_right_consent_with_one_strange_value(
    node: Running, offer: Offer, owner: Owner, place: tuple[str, ...]
) -> None:
    before = _kept(node)
    good = owner.submission(await node.draft(owner, offer))
    for value in STRANGE:
        spoiled = json.loads(json.dumps(good))
        parent = spoiled
        for name in place[:-1]:
            parent = parent[name]
        if parent[place[-1]] == value:
            continue
        parent[place[-1]] = value
        answer = await node.client.post("/v1/consents", json=spoiled)
        _demand_problem(answer.status_code, dict(answer.headers), answer.content)
        assert answer.status_code >= 400, value
        assert owner.customer.encode() not in answer.content
    assert _kept(node) == before
    assert (await node.client.post("/v1/consents", json=good)).status_code == 202
    assert _kept(node) != before


def _kept(node: Running) -> list[list[Any]]:
    """All rows of consents, batches and withdrawals."""
    with node.node.engine.connect() as connection:
        return [list(connection.execute(sa.select(table))) for table in (consents, batches, withdrawals)]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/consents/0x",
        "/v1/consents/0x" + "0" * 63,
        "/v1/consents/%00",
        "/v1/consents/%ff",
        "/v1/consents/..%2f..%2fetc",
        "/v1/consents/" + "a" * 20_000,
        "/v1/consents?owner=0x12",
        "/v1/consents?owner=%00",
        "/v1/consents?status=nonsense",
        "/v1/consents?cursor=0x",
        "/v1/consents?cursor=%F0%9F%92%A9",
        "/v1/consents?" + "owner=0x&" * 1_000,
        "/",
        "//",
        "/v1",
        "/openapi.json/x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "BREW"])
@in_modules_loop
async def test_paths_and_methods(node: Running, path: str, method: str) -> None:
    answer = await node.client.request(method, path, headers=node.credential)
    assert answer.status_code < 500
    if answer.status_code >= 400 and method != "HEAD":
        _demand_problem(answer.status_code, dict(answer.headers), answer.content)


WIRES = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    b"POST /v1/consents HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /v1/consents HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/consents HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/consents HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n",
    b"GET /v1/consents/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x00" * 10_000,
]


@in_modules_loop
async def test_what_is_not_http(environment: NodeEnvironment, tmp_path: Path) -> None:
    """On a real socket: refused or cut, and the node goes on serving."""
    import uvicorn

    from placet.node.__main__ import server_options
    from placet.node.app import create_app

    place = socket.create_server(("127.0.0.1", 0))
    port = place.getsockname()[1]
    made = environment.settings(tmp_path / "node")
    server = uvicorn.Server(uvicorn.Config(create_app(made), **server_options(made)))
    task = asyncio.create_task(server.serve([place]))
    try:
        for raw in WIRES:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(65_536), 120)
            writer.close()
            assert not answer or answer.split(b" ")[1][:1] in (b"2", b"4"), answer
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            deadline = time.monotonic() + 120
            while (await client.get("/healthz")).status_code != 200:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
    finally:
        server.should_exit = True
        await task
        place.close()


# The enrolling service.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    service = Service(tmp_path_factory.mktemp("registry"), a_day=10**6)
    yield service
    await service.http.aclose()


@by_examples
def test_no_request_that_the_enrolling_services_openapi_can_express_is_its_error(tmp_path: Path, examples: int) -> None:
    document = _document(Service(tmp_path).app)
    operations = [operation.ok() for operation in document.get_all_operations()]
    seen = {one.path: _attack(one, examples, {}) for one in operations}
    assert set(seen) == set(document.raw_schema["paths"]) and all(seen.values())


@in_modules_loop
async def test_signed_bodies_that_are_no_enrolment(registry: Service) -> None:
    key = Key()
    good = json.loads(registry.body(key.address))
    spoiled = [{**good, place: value} for place in good for value in STRANGE]
    for body in [*BODIES, *(json.dumps(one).encode() for one in [*spoiled, {**good, "more": 1}])]:
        answer = await registry.post(body, registry.header(key, body))
        _demand_problem(answer.status_code, dict(answer.headers), answer.content)
        assert answer.status_code >= 400
        assert b"ada" not in answer.content
    body = registry.body(key.address)
    assert (await registry.post(body, registry.header(key, body))).status_code == 200


@pytest.mark.parametrize("header", ["", "Placet", "Placet !", "Placet " + "A" * 20_000, "Bearer x", "Placet e30"])
@in_modules_loop
async def test_an_enrolment_without_a_credential(registry: Service, header: str) -> None:
    answer = await registry.post(registry.body(Key().address), header)
    _demand_problem(answer.status_code, dict(answer.headers), answer.content)
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize(
    "path", ["/", "/v1/enrolments", "/v1/enrolments/", "/v1", "/healthz", "/%00", "/%ff", "/nothing"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "BREW"])
@in_modules_loop
async def test_paths_and_methods_of_the_enrolling_service(registry: Service, path: str, method: str) -> None:
    answer = await registry.http.request(method, path)
    _demand_problem(answer.status_code, dict(answer.headers), answer.content)


@in_modules_loop
async def test_a_mistake_of_the_enrolling_service_names_nobody(
    registry: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def stumble(*_: object) -> None:
        raise KeyError("ada")

    monkeypatch.setattr(Enrolling, "enrol", stumble)
    answer = await registry.ask(Key())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "KeyError" in caplog.text and "ada" not in caplog.text + answer.text
