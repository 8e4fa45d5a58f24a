"""What an institution asks before it starts a job: who offers it what, and what a request would mean."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from placet.core.offers import Offer
from placet.core.purposes import Operation, purpose_id
from placet.core.values import to_hex
from placet.node.jobs import offered_api

from .browser import bound, served
from .conftest import NAMESPACE, PURPOSE, NodeEnvironment, Running, node_at

PARAMETERS = {"identifier": "customer", "namespace": NAMESPACE, "value": "balance"}


def shown(environment: NodeEnvironment, consumer: bytes, title: str, **scope: Any) -> dict[str, Any]:
    """An offer of the second bank as its node shows it."""
    opened = environment.scope(title=title, provider=environment.second.address, **scope)
    offer = Offer(
        dataset=secrets.token_bytes(32),
        consumer=consumer,
        purpose=purpose_id(PURPOSE),
        operations=Operation.PSI | Operation.MPC,
        scope=opened.hash,
    )
    return {"id": to_hex(offer.id), "offer": offer.to_json(), "scope": opened.to_json(), "openings": 2, "more": "words"}


@pytest.fixture
def second_bank(environment: NodeEnvironment) -> Iterator[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]]:
    """The URL of a node that shows these offers and datasets and no more."""
    offers: list[dict[str, Any]] = []
    datasets: list[dict[str, Any]] = []
    app = FastAPI()

    @app.get("/v1/offers")
    async def listed() -> JSONResponse:
        return JSONResponse({"offers": offers})

    @app.get("/v1/datasets")
    async def tables(request: Request) -> JSONResponse:
        assert request.headers["authorization"].startswith("Placet ")
        return JSONResponse({"datasets": datasets})

    door = bound()
    with served(app, door):
        yield f"http://127.0.0.1:{door.getsockname()[1]}", offers, datasets


async def test_the_node_asks_the_others_and_believes_what_holds_together(
    environment: NodeEnvironment, second_bank: tuple[str, list[dict[str, Any]], list[dict[str, Any]]], tmp_path: Path
) -> None:
    url, offers, datasets = second_bank
    own = environment.provider.address
    good = shown(environment, own, "Savings")
    altered = shown(environment, own, "Altered")
    altered["scope"]["title"] = "Another one"
    renamed = shown(environment, own, "Renamed") | {"id": to_hex(bytes(32))}
    not_its_own = shown(environment, own, "Not its own")
    not_its_own["scope"]["provider"] = to_hex(own)
    offers += [good, altered, renamed, not_its_own, shown(environment, environment.consumer.address, "For another")]
    first, consumer, second = environment.trust.institutions
    table = {"name": "savings", "id": to_hex(bytes(32)), "columns": ["customer", "balance"], "identifier": "customer"}
    table |= {"namespace": NAMESPACE, "decimals": {"balance": 2}, "personal": True, "origin": None}
    stolen = table | {"name": "stolen", "id": to_hex(environment.dataset.dataset)}
    datasets += [table | {"budget": 5, "spent": 1, "rows": 9}, stolen]
    away = bound()
    gone = f"http://127.0.0.1:{away.getsockname()[1]}"
    away.close()  # nobody listens there
    listed = (first, consumer.model_copy(update={"api": gone}), second.model_copy(update={"api": url}))
    trust = environment.trust.model_copy(update={"institutions": listed})
    (tmp_path / "trust.json").write_text(trust.model_dump_json())
    settings = environment.settings(tmp_path / "node", trust=tmp_path / "trust.json")
    async with node_at(environment, settings) as node:
        answer = (await node.client.get("/v1/offered", headers=node.credential)).json()["offered"]
        assert (await node.client.get("/v1/offered")).status_code == 401
    assert [(one["provider"]["name"], one["error"]) for one in answer] == [
        ("Credit House", "peer.unreachable"),
        ("Second Bank", None),
    ]
    assert answer[0]["offers"] == []
    told = {name: good[name] for name in ("id", "offer", "scope", "openings")}
    assert answer[1]["offers"] == [told | {"spent": None}], "an offer that the chain does not have"
    nothing = {"budget": None, "spent": None, "about": None, "refreshed": None, "meanings": {}}
    assert answer[1]["datasets"] == [table | nothing, stolen | nothing], "budgets are the chain's, of its provider"


async def test_a_request_is_checked_and_nobody_is_asked(node: Running, environment: NodeEnvironment) -> None:
    providers = [
        {"address": to_hex(key.address), "offer": to_hex(bytes(32))}
        for key in (environment.second, environment.consumer)
    ]
    own = {"offer": to_hex(bytes(32)), "consent": to_hex(bytes(32))}
    request = {"recipe": "asset-view", "purpose": PURPOSE, "parameters": PARAMETERS, "providers": providers, "own": own}

    async def checked(**changes: Any) -> Any:
        return await node.client.post("/v1/jobs/check", json=request | changes, headers=node.credential)

    answer = (await checked()).json()
    assert [(one["name"], one["role"]) for one in answer["parties"]] == [
        ("Second Bank", "provider"),
        ("Credit House", "provider"),
        ("First Bank", "consumer"),
    ]
    assert "total" in answer["parties"][-1]["learns"] and answer["cost"] is None
    for changes, code in (
        ({"recipe": "nothing"}, "plan.recipe"),
        ({"engine": "steam"}, "plan.engine"),
        ({"providers": providers[:1]}, "plan.roles"),
        ({"parameters": PARAMETERS | {"decimals": 99}}, "plan.parameters"),
    ):
        refused = await checked(**changes)
        assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_what_another_node_answers_is_bounded_and_keeps_nobody_waiting(
    environment: NodeEnvironment, second_bank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is read and hashed beside the thread that serves all others; one of too many offers is none."""
    url, offers, *_ = second_bank
    own = environment.provider.address
    second = environment.trust.institutions[2].model_copy(update={"api": url})
    offers += [shown(environment, own, "Savings")]
    threads: list[int] = []
    whole = offered_api._believed
    monkeypatch.setattr(offered_api, "_believed", lambda *a: (threads.append(threading.get_ident()), whole(*a))[1])
    monkeypatch.setattr(offered_api, "_signed", lambda *_: {})
    node: Any = SimpleNamespace(address=own)

    async def asked() -> offered_api.OfferedBy:
        async with httpx.AsyncClient(trust_env=False) as http:
            return await offered_api._offered_by(node, http, asyncio.Semaphore(1), second)

    assert [one.scope.title for one in (await asked()).offers] == ["Savings"]
    assert threads and threading.get_ident() not in threads
    offers *= 1001
    refused = await asked()
    assert (refused.offers, refused.error) == ([], "input")
