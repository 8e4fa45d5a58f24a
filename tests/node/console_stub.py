"""A node that answers the console's questions from a dictionary: every state of a page without a chain, at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse, StreamingResponse

from placet.catalogue.specs import SPECS
from placet.pages.serving import pages_router

from .browser import bound, served

OWN, NORTH, SOUTH = (
    {"address": "0x" + digit * 40, "name": name}
    for digit, name in zip("123", ("Family Office", "Bank North", "Bank South"), strict=True)
)
AUDITOR = {"address": "0x" + "5" * 40, "name": "Court of Audit"}
PURPOSE = "https://w3id.org/dpv#CreditChecking"
KIND = "urn:example:person"
CREDENTIAL = "right"


def number(digit: int) -> str:
    return f"0x{digit:064x}"


def job(digit: int, **changes: Any) -> dict[str, Any]:
    at = int(time.time())
    return {
        "id": number(digit),
        "recipe": "asset-view",
        "party": 2,
        "status": "computing",
        "ended": None,
        "attempt": 1,
        "deadline": at + 7500,
        "settle_by": at + 12_000,
        "nth": 1,
        "consumer": OWN,
        "role": "consumer",
        "purpose": PURPOSE,
        "parties": [NORTH, SOUTH, OWN],
        "created": at - 400 * digit,
        "open_by": at + 3600,
        "waits": [{"for": "psi.rows from Bank South", "seconds": 12, "rows": [512, 9000]}],
    } | changes


def plan(digit: int, **changes: Any) -> dict[str, Any]:
    at = int(time.time())
    learns = "how many customers are asked for; nothing of the others' rows"
    return {
        "job": number(digit),
        "state": "waiting",
        "consumer": NORTH,
        "recipe": "asset-view",
        "does": "The consumer learns each of its customers' total over all providers, and no provider's part of it.",
        "engine": "embedded",
        "parameters": {"identifier": "customer", "namespace": KIND, "value": "balance"},
        "purpose": PURPOSE,
        "operations": "matching records (private set intersection), computing on secret shares",
        "learns": {"provider": learns, "consumer": "the totals"},
        "role": "provider",
        "parties": [
            OWN | {"role": "provider", "learns": learns, "reward": "1000"},
            SOUTH | {"role": "provider", "learns": learns, "reward": "1000"},
            NORTH
            | {"role": "consumer", "learns": "each of its customers' total, once all have released", "reward": "0"},
        ],
        "budget": 2_000_000,
        "rows": 412,
        "consents": 418,
        "table_rows": 9000,
        "reward": "1000",
        "pot": "0",
        "token": "0x" + "9" * 40,
        "audit": {
            "auditor": AUDITOR,
            "places": 460,
            "token": "0x" + "8" * 40,
            "stake": "500000",
            "beneficiary": NORTH,
            "find_by": at + 700_000,
            "answer_seconds": 86_400,
        },
        "asked": at - 500,
        "open_by": at + 80_000,
        "deadline": at + 90_000,
        "settle_by": at + 99_000,
        "decided": None,
        "by": None,
        "reason": None,
    } | changes


def stake(who: dict[str, str], status: str) -> dict[str, Any]:
    at = int(time.time())
    return {
        "id": number(85),
        "party": 0,
        "institution": who,
        "auditor": AUDITOR["address"],
        "beneficiary": NORTH,
        "token": "0x" + "8" * 40,
        "amount": "500000",
        "status": status,
        "fault": "refused" if status == "reported" else "none",
        "find_by": at + 700_000,
        "until": at + 80_000 if status == "reported" else 0,
    }


def offered(who: dict[str, str], title: str, recipes: list[str]) -> dict[str, Any]:
    scope = {
        "title": title,
        "provider": who["address"],
        "purpose": PURPOSE,
        "columns": ["balance", "limit"],
        "identifier": "customer",
        "namespace": KIND,
        "output": "total",
        "smallest_group": 5,
        "recipes": recipes,
        "personal": True,
        **({"auditors": [AUDITOR["address"]]} if who is NORTH else {}),
    }
    place = int(who["address"][2])
    offer = {"dataset": number(place + 80), "budget": 50_000_000}
    return {"id": number(place + 70), "offer": offer, "scope": scope, "openings": 3, "spent": 20_000_000}


def known(who: dict[str, str], spent: int) -> dict[str, Any]:
    """The dataset behind that offer."""
    return {
        "name": "accounts",
        "id": number(int(who["address"][2]) + 80),
        "columns": ["balance", "limit"],
        "about": "Current accounts of private customers",
        "budget": 80_000_000,
        "spent": spent,
    }


def recipe(spec: Any) -> dict[str, Any]:
    roles = [
        {
            "name": one.name,
            "learns": one.learns,
            "rows": one.alias,
            "persons": one.persons,
            "model": one.model,
            "least": one.least,
            "most": one.most,
        }
        for one in spec.roles
    ]
    return {
        "recipe": spec.name,
        "does": spec.does,
        "operations": "",
        "engines": list(spec.engines),
        "json_schema": spec.parameters.model_json_schema(),
        "roles": roles,
        "served": True,
        "standing": False,
        "divides": spec.name == "joint-scorecard",
    }


def full() -> dict[str, Any]:
    """Answers of a node at which everything there may be is there."""
    at = int(time.time())
    ended = ("completed", "aborted", "closed", "completed", "refused")
    jobs = [job(1), job(2, status="held"), *(job(3 + n, ended=end, status=end) for n, end in enumerate(ended))]
    moments = [
        {"id": 1, "status": "agreed", "at": at - 60.5},
        {"id": 2, "status": "opening", "at": at - 55.1},
        {"id": 5, "status": "computing", "at": at - 50, "attempt": 1},
        {"id": 7, "status": "lawful-rows", "at": at - 49, "rows": 412, "of": 9000, "consents": 418, "without_row": 6},
        {"id": 8, "status": "step", "at": at - 40, "name": "psi-place"},
        {"id": 9, "status": "waiting", "at": at - 30, "code": "peer.unreachable", "why": "Bank South does not answer"},
    ]
    recipes = [recipe(spec) for spec in SPECS]
    names = [spec.name for spec in SPECS]
    list_ = {
        "id": number(61),
        "title": "Our customers",
        "consumer": OWN,
        "purpose": PURPOSE,
        "recipes": names,
        "auditors": [],
        "openings": 4,
        "budget": 0,
        "spent": 0,
        "consents": {"coming": 0, "current": 1, "ended": 0, "batches": 0},
        "own_consent": number(62),
    }
    datasets = [
        {
            "name": "customers",
            "id": number(51),
            "columns": ["customer", "segment"],
            "identifier": "customer",
            "namespace": KIND,
            "personal": False,
            "origin": None,
            "budget": None,
            "spent": None,
            "rows": 300,
            "offers": [list_],
        },
        {
            "name": "accounts",
            "id": number(52),
            "columns": ["customer", "balance"],
            "identifier": "customer",
            "namespace": KIND,
            "personal": True,
            "origin": None,
            "budget": 5_000_000,
            "spent": 1_250_000,
            "rows": 9000,
            "offers": [
                list_
                | {
                    "id": number(63),
                    "title": "Current accounts",
                    "consumer": NORTH,
                    "own_consent": None,
                    "auditors": [AUDITOR],
                    "budget": 50_000_000,
                    "spent": 2_000_000,
                    "consents": {"coming": 2, "current": 418, "ended": 23, "batches": 7},
                }
            ],
        },
    ]
    days = [
        {"day": time.strftime("%Y-%m-%d", time.gmtime(at - 86_400 * (90 - n))), "given": (n * 7) % 23, "ended": n % 5}
        for n in range(91)
    ]
    rewards = [
        {
            "job": number(3),
            "recipe": "asset-view",
            "token": "0x" + "9" * 40,
            "ended": "completed",
            "sponsor": NORTH,
            "reward": "1000",
            "credited": "1000",
            "refunded": "0",
            "withheld": [],
        },
        {
            "job": number(5),
            "recipe": "match",
            "token": "0x" + "9" * 40,
            "ended": "closed",
            "sponsor": OWN,
            "reward": "0",
            "credited": "0",
            "refunded": "1000",
            "withheld": [SOUTH],
        },
    ]
    who = {"institutions": [OWN, NORTH, SOUTH], "auditors": [AUDITOR | {"key": number(90)}]}
    return {
        "/v1/trust": {"institution": OWN["address"], "deployment": {}, "trust": who},
        "/v1/jobs": {"jobs": jobs, "cursor": number(7)},
        **{f"/v1/jobs/{one['id']}": one for one in jobs},
        **{f"/v1/jobs/{one['id']}/moments": {"moments": moments} for one in jobs},
        **{f"/v1/jobs/{one['id']}/stakes": {"stakes": []} for one in jobs},
        f"/v1/jobs/{number(3)}/stakes": {"stakes": [stake(OWN, "reported"), stake(SOUTH, "returned")]},
        f"/v1/jobs/{number(3)}/result": {
            "rows": [{"customer": f"C{n:04}", "total": f"{n * 1000 - 500}"} for n in range(25)],
            "report": {"customers": 25, "provider_rows": [412, 390]},
            "disclosed_in_protocol": [],
        },
        "/v1/plans": {
            "plans": [
                plan(11),
                plan(12, state="refused", decided=at - 4000, by="M. Keller", reason="The purpose is not ours."),
                plan(13, state="signed", decided=at - 9000, by="the console"),
            ],
            "holds": "all",
        },
        f"/v1/plans/{number(11)}": plan(11),
        f"/v1/plans/{number(12)}": plan(
            12, state="refused", decided=at - 4000, by="M. Keller", reason="The purpose is not ours."
        ),
        "/v1/outcomes": {"going": 2, "ended": {"completed": 12, "closed": 1, "aborted": 3, "refused": 2}},
        "/v1/rewards": {
            "tokens": [{"token": "0x" + "9" * 40, "owed": "1000", "claimed": "123456789012345678901234"}],
            "jobs": rewards,
        },
        "/v1/consents/timeline": {"days": days},
        "/v1/catalogue": {"datasets": datasets},
        "/v1/offered": {
            "offered": [
                {
                    "provider": NORTH,
                    "offers": [offered(NORTH, "Current accounts", names)],
                    "datasets": [known(NORTH, 70_000_000)],
                    "error": None,
                },
                {"provider": SOUTH, "offers": [offered(SOUTH, "Savings", names)], "datasets": [], "error": None},
            ]
        },
        "/v1/recipes": {"recipes": recipes},
        "/v1/jobs/check": {
            "parties": [
                one | {"role": "provider", "learns": "nothing of the others' rows"} for one in (NORTH, SOUTH, OWN)
            ],
            "cost": None,
        },
        "/healthz": {
            "ok": True,
            "chain": "ok",
            "vault": "ok",
            "storage": "ok",
            "head": 9,
            "indexed": 9,
            "lag": 0,
            "loops": {"relay": "ok"},
            "words": {"vault": "what the vault said"},
        },
    }


def empty() -> dict[str, Any]:
    """Answers of a node at which nothing is yet."""
    return full() | {
        "/v1/jobs": {"jobs": [], "cursor": None},
        "/v1/plans": {"plans": [], "holds": "none"},
        "/v1/outcomes": {"going": 0, "ended": {}},
        "/v1/rewards": {"tokens": [], "jobs": []},
        "/v1/consents/timeline": {"days": [{"day": f"2026-09-{n:02}", "given": 0, "ended": 0} for n in range(1, 31)]},
        "/v1/catalogue": {"datasets": []},
        "/v1/offered": {"offered": [{"provider": NORTH, "offers": [], "datasets": [], "error": None}]},
    }


@dataclass
class Stub:
    """`answers` by path; `posted` has what came in; `silent` keeps questions waiting; `session` false is nobody's."""

    url: str
    answers: dict[str, Any]
    session: bool = True
    silent: bool = False
    failing: bool = False
    posted: list[tuple[str, Any]] = field(default_factory=list)
    resumed: list[str | None] = field(default_factory=list)
    moments: list[dict[str, Any]] = field(default_factory=list)
    streams: int = 0
    cut: bool = False
    """Ends all streams, and takes none."""

    def tell(self, digit: int, status: str, **details: Any) -> None:
        """Something happens in a job."""
        moment = {"id": len(self.moments) + 10, "status": status, "at": time.time(), **details}
        self.answers[f"/v1/jobs/{number(digit)}/moments"]["moments"].append(moment)
        self.moments.append({"job": number(digit), **moment})


def _app(stub: Stub) -> FastAPI:
    app = FastAPI()
    app.include_router(pages_router((), "Family Office"))

    @app.get("/v1/events")
    async def events(request: Request) -> Response:
        if not stub.session:
            return _nobody()
        if stub.cut:
            return JSONResponse({"code": "chain.unreachable", "detail": "away"}, 503)
        last = request.headers.get("last-event-id")
        stub.resumed.append(last)
        return StreamingResponse(_stream(stub, last), media_type="text/event-stream")

    @app.post("/console/login")
    async def login(request: Request) -> Response:
        if (await request.json())["credential"] != CREDENTIAL:
            return JSONResponse({"code": "access.credential", "detail": "no"}, 401)
        stub.session = True
        return Response(status_code=204)

    @app.post("/console/logout")
    async def logout() -> Response:
        stub.session = False
        return Response(status_code=204)

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def anything(request: Request, path: str) -> Response:
        while stub.silent:
            await asyncio.sleep(0.02)
        name = f"/{path}"
        if name not in ("/v1/trust", "/healthz") and not stub.session:
            return _nobody()
        if stub.failing and name not in ("/v1/trust", "/v1/jobs"):
            return JSONResponse({"code": "chain.unreachable", "detail": "no chain"}, 503)
        if request.method == "POST":
            stub.posted.append((name, json.loads(await request.body() or b"null")))
        if name not in stub.answers:
            return JSONResponse({"code": "not-found", "detail": "no such thing"}, 404)
        content = stub.answers[name]
        if "ended" in request.query_params:
            wanted = request.query_params["ended"].replace("going", "")
            content = {"jobs": [one for one in content["jobs"] if (one["ended"] or "") == wanted], "cursor": None}
        if name.endswith("/moments"):
            after = int(request.query_params.get("after", 0))
            content = {"moments": [one for one in content["moments"] if one["id"] > after]}
        return JSONResponse(content, 200 if content.get("ok", True) else 503)

    return app


def _nobody() -> Response:
    return JSONResponse({"code": "access.session", "detail": "the session has ended"}, 401)


async def _stream(stub: Stub, last: str | None) -> AsyncIterator[str]:
    after = len(stub.moments) + 9 if last is None else int(last)
    stub.streams += 1
    try:
        yield f"id: {after}\n\n"
        while not stub.cut and stub.session:
            for moment in stub.moments:
                if moment["id"] > after:
                    after = moment["id"]
                    yield f"id: {after}\nevent: moment\ndata: {json.dumps(moment)}\n\n"
            await asyncio.sleep(0.02)
    finally:
        stub.streams -= 1


@contextlib.contextmanager
def stub_node() -> Iterator[Stub]:
    """One for the length of a `with` block, at `http://localhost`."""
    door = bound()
    stub = Stub(f"http://localhost:{door.getsockname()[1]}", full())
    with served(_app(stub), door):
        try:
            yield stub
        finally:
            stub.cut, stub.silent = True, False
