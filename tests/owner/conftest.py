"""A small environment for owners: a provider and a consumer, an enroller as a real server, a node that may lie."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from placet.chain.local import free_port
from placet.core.consent import Consent, ConsentFields, derive
from placet.core.enrolment import NO_ENROLMENT
from placet.core.hashing import keccak
from placet.core.merkle import batch_levels, batch_proof
from placet.core.notice import notice
from placet.core.offers import Offer, Scope
from placet.core.purposes import purpose_id
from placet.core.receipts import ReceiptBlock, ReceiptFacts, ReceiptGiven, issue
from placet.core.requests import Credential, RequestParts, demand_request
from placet.core.signatures import Key
from placet.core.trust import Contract, Deployment, Enroller, Institution, TrustList
from placet.core.values import from_hex, parse, to_hex
from placet.core.withdrawal import withdrawal_hash, withdrawal_typed_data
from placet.identity.app import create_app
from placet.identity.register import Register, add_persons
from placet.identity.service import Enrolling

NAMESPACE = "urn:example:person"
PURPOSE = "https://w3id.org/dpv#CreditChecking"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def contract(number: int) -> Contract:
    return Contract(address=bytes([number]) * 20, code_hash=bytes(32))


DEPLOYMENT = Deployment(
    chain_id=31337,
    block=1,
    genesis=bytes(32),
    confirmations=0,
    finality="blocks",
    evm="osaka",
    dataset_registry=contract(1),
    consent_registry=contract(2),
    job_ledger=contract(3),
    reward_escrow=contract(4),
    p256_verifier=contract(5),
    webauthn_verifier=contract(7),
    enclave_registry=contract(6),
    ceremonies=contract(8),
    groth16_verifier=contract(9),
    statements=contract(10),
    statement_escrow=contract(11),
    audit_stakes=contract(8),
    consent_trees=contract(12),
)
VERIFIERS = DEPLOYMENT.verifiers


@pytest.fixture
def serve() -> Iterator[Callable[[FastAPI], str]]:
    """Serve an app on loopback and get its URL."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: FastAPI) -> str:
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < deadline, "the test's server did not start"
            time.sleep(0.01)
        running.append((server, thread))
        return f"http://127.0.0.1:{port}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(120)
        assert not thread.is_alive(), "the server goes on"


@dataclass
class OwnerEnvironment:
    provider: Key = field(default_factory=Key)
    consumer: Key = field(default_factory=Key)
    enroller: Key = field(default_factory=Key)

    def __post_init__(self) -> None:
        self.trust = TrustList(
            institutions=tuple(
                Institution(address=k.address, name=n, api="http://a", peer="http://a", certificate=CERTIFICATE)
                for k, n in ((self.provider, "Bank A"), (self.consumer, "Lender"))
            ),
            enrollers=(Enroller(address=self.enroller.address, name="Registry", namespaces=(NAMESPACE,)),),
        )
        self.scope = Scope(
            title="Accounts",
            provider=self.provider.address,
            purpose=PURPOSE,
            columns=("customer", "balance"),
            identifier="customer",
            namespace=NAMESPACE,
            output="total",
            recipes=("asset-view",),
            parties=(self.provider.address, self.consumer.address),
            enrollers=(self.enroller.address,),
            salt=bytes(32),
        )
        self.offer = Offer(
            dataset=bytes([7]) * 32,
            consumer=self.consumer.address,
            purpose=purpose_id(PURPOSE),
            operations=3,
            scope=self.scope.hash,
        )

    def enrolling(self, folder: Path, **codes: str) -> Enrolling:
        register = folder / "register.csv"
        codes.update(add_persons(register, ["ada", 'zoë, née "x"']))
        self.codes = codes
        return Enrolling(self.enroller, Register(register), NAMESPACE, DEPLOYMENT.consents, VERIFIERS)


class FakeNode:
    """A node without a chain; `lie` changes its answers on the way out."""

    def __init__(self, environment: OwnerEnvironment) -> None:
        self.environment = environment
        self.accepted: dict[bytes, dict[str, Any]] = {}
        self.withdrawn: set[bytes] = set()
        self.lie: Callable[[str, Any], Any] = lambda _what, answer: answer
        self.app = FastAPI()
        self.refusals = 0
        self._routes()

    async def signer(self, request: Request) -> bytes:
        credential = Credential.from_header(request.headers["authorization"])
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        demand_request(
            credential,
            RequestParts(self.environment.provider.address, request.method, target, await request.body()),
            now=int(time.time()),
            domain=DEPLOYMENT.consents,
            verifiers=VERIFIERS,
        )
        return credential.signer

    def _routes(self) -> None:
        environment = self.environment

        def route(method: str, path: str, what: str) -> Callable[[Callable[[Request], Awaitable[Any]]], None]:
            def add(answer: Callable[[Request], Awaitable[Any]]) -> None:
                async def endpoint(request: Request) -> JSONResponse:
                    if self.refusals > 0:
                        self.refusals -= 1
                        return JSONResponse({"code": "chain"}, status_code=503, headers={"Retry-After": "0"})
                    return JSONResponse(self.lie(what, await answer(request)))

                self.app.add_api_route(path, endpoint, methods=[method])

            return add

        async def offers(_: Request) -> Any:
            one = {
                "id": to_hex(environment.offer.id),
                "offer": environment.offer.to_json(),
                "scope": environment.scope.to_json(),
            }
            return {"offers": [{**one, "openings": 3, "texts": {}}]}

        async def draft(request: Request) -> Any:
            asked = await request.json()
            times = {"not_before": asked["not_before"], "not_after": asked["not_after"], "uses": asked["uses"]}
            fields = ConsentFields(
                owner=from_hex(asked["owner"]),
                first_opening=3,
                enrolment=from_hex(asked["enrolment"]) if "enrolment" in asked else NO_ENROLMENT,
                salt=bytes([9]) * 32,
                **times,
            )
            consent = derive(fields, environment.offer, environment.scope, environment.trust.name)
            return {
                "id": to_hex(consent.id),
                "consent": consent.to_json(),
                "notice": notice(environment.offer, environment.scope, environment.trust.name, *times.values()),
                "typed_data": consent.typed_data(DEPLOYMENT.consents),
            }

        async def submit(request: Request) -> Any:
            body = await request.json()
            consent = parse(Consent, body["consent"])
            VERIFIERS.demand(
                "consent", consent.owner, DEPLOYMENT.consents.digest(consent.id), from_hex(body["signature"])
            )
            self.accepted[consent.id] = body
            return {"id": to_hex(consent.id), "status": "pending"}

        async def show(request: Request) -> Any:
            owner = await self.signer(request)
            return self._shown(from_hex(request.path_params["id"]), owner)

        async def listing(request: Request) -> Any:
            owner = await self.signer(request)
            assert "owner" not in request.query_params
            mine = [i for i, b in self.accepted.items() if from_hex(b["consent"]["owner"]) == owner]
            return {"consents": [self._shown(i, owner) for i in mine], "cursor": None}

        async def uses(request: Request) -> Any:
            await self.signer(request)
            return {
                "uses": [{"job": "0x" + "ab" * 32, "nth": 1, "attempt": 1, "at": 5, "outcome": "completed", "block": 9}]
            }

        async def receipt(request: Request) -> Any:
            owner = await self.signer(request)
            return self.receipt(from_hex(request.path_params["id"]), owner, environment.provider)

        async def withdrawal_draft(request: Request) -> Any:
            consent = from_hex(request.path_params["id"])
            return {"typed_data": withdrawal_typed_data(consent, DEPLOYMENT.consents)}

        async def withdrawal(request: Request) -> Any:
            consent = from_hex(request.path_params["id"])
            body = await request.json()
            owner = parse(Consent, body["consent"]).owner
            digest = DEPLOYMENT.consents.digest(withdrawal_hash(consent))
            VERIFIERS.demand("withdrawal", owner, digest, from_hex(body["signature"]))
            self.withdrawn.add(consent)
            return {"id": to_hex(consent), "status": "withdrawing"}

        route("GET", "/v1/offers", "offers")(offers)
        route("POST", "/v1/consents/draft", "draft")(draft)
        route("POST", "/v1/consents", "submit")(submit)
        route("GET", "/v1/consents/{id}", "show")(show)
        route("GET", "/v1/consents", "list")(listing)
        route("GET", "/v1/consents/{id}/uses", "uses")(uses)
        route("GET", "/v1/consents/{id}/receipt", "receipt")(receipt)
        route("POST", "/v1/consents/{id}/withdrawal/draft", "withdrawal-draft")(withdrawal_draft)
        route("POST", "/v1/consents/{id}/withdrawal", "withdrawal")(withdrawal)

    def receipt(self, consent: bytes, owner: bytes, key: Key) -> Any:
        shown = self._shown(consent, owner)
        place = {"block": 12, "block_hash": bytes(32), "at": 1_800_000_000}
        facts = ReceiptFacts(
            chain_id=DEPLOYMENT.chain_id,
            registry=DEPLOYMENT.consent_registry.address,
            api="http://a",
            created=1_800_000_000,
            as_of=ReceiptBlock(**place),
            openings=3,
            consent=parse(Consent, self.accepted[consent]["consent"]),
            scope=self.environment.scope,
            given=ReceiptGiven(**place, transaction=bytes(32), batch=from_hex(shown["batch"]["root"])),
        )
        return issue(facts, self.environment.trust.name, DEPLOYMENT.receipts, key.sign).to_json()

    def _shown(self, consent: bytes, owner: bytes) -> Any:
        body = self.accepted[consent]["consent"]
        assert from_hex(body["owner"]) == owner
        leaves = sorted({*self.accepted, keccak(b"somebody else")})
        levels = batch_levels(leaves)
        compact = {
            "owner": body["owner"],
            "not_before": body["not_before"],
            "not_after": body["not_after"],
            "first_opening": body["first_opening"],
            "uses": body["uses"],
            "enrolment": body["details"]["enrolment"],
            "salt": body["details"]["salt"],
            "language": body["details"]["language"],
        }
        return {
            "id": to_hex(consent),
            "status": "withdrawn" if consent in self.withdrawn else "given",
            "offer": to_hex(self.environment.offer.id),
            "consent": compact,
            "leaf": to_hex(consent),
            "batch": {
                "root": to_hex(levels[-1][0]),
                "proof": [to_hex(p) for p in batch_proof(levels, leaves.index(consent))],
                "block": 12,
            },
            "block": 12,
        }


@pytest.fixture
def environment() -> OwnerEnvironment:
    return OwnerEnvironment()


@pytest.fixture
def node(environment: OwnerEnvironment) -> FakeNode:
    return FakeNode(environment)


@pytest.fixture
def node_url(node: FakeNode, serve: Callable[[FastAPI], str]) -> str:
    return serve(node.app)


@pytest.fixture
def enroller_url(environment: OwnerEnvironment, tmp_path: Path, serve: Callable[[FastAPI], str]) -> str:
    return serve(create_app(environment.enrolling(tmp_path), "Registry"))


@pytest.fixture
def later() -> int:
    return int(time.time()) + 86_400


@pytest.fixture
def deployment() -> Deployment:
    return DEPLOYMENT
