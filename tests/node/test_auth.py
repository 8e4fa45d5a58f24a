"""Who may ask what: the institution's credential, and requests signed by owners and auditors."""

from __future__ import annotations

import secrets
from typing import Annotated

import httpx
import pytest
import sqlalchemy as sa
from fastapi import Depends

from placet.core.signatures import Key
from placet.node.http.auth import Caller, institution_or_auditor
from placet.node.state import nonces

from .conftest import Owner, Running, signed

PATH = "/v1/consents"


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_signed_request_works_once(node: Running, owner: Owner) -> None:
    headers = owner.headers("GET", PATH)
    assert (await node.client.get(PATH, headers=headers)).status_code == 200
    assert _code(await node.client.get(PATH, headers=headers)) == (401, "access.replayed")


async def test_base64url_without_padding_will_do(node: Running, owner: Owner) -> None:
    header = owner.headers("GET", PATH)["Authorization"]
    assert header.endswith("=")
    assert (await node.client.get(PATH, headers={"Authorization": header.rstrip("=")})).status_code == 200


async def test_nonces_are_forgotten_once_they_have_expired(node: Running, owner: Owner) -> None:
    old = {"signer": owner.signer, "nonce": bytes(32), "expiry": 5}
    with node.node.engine.begin() as connection:
        connection.execute(sa.insert(nonces).values(**old))
    assert (await node.client.get(PATH, headers=owner.headers("GET", PATH))).status_code == 200
    with node.node.engine.connect() as connection:
        assert [n for n in connection.execute(sa.select(nonces.c.nonce)).scalars() if bytes(n) == bytes(32)] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "expires", "code"),
    [
        ("POST", PATH, b"", 60, "access.signature"),
        ("GET", PATH + "?status=given", b"", 60, "access.signature"),
        ("GET", PATH, b"{}", 60, "access.signature"),
        ("GET", PATH, b"", -1, "access.stale"),
        ("GET", PATH, b"", 100_000, "access.stale"),
    ],
)
async def test_a_signature_is_for_one_fresh_request(
    node: Running, owner: Owner, method: str, path: str, body: bytes, expires: int, code: str
) -> None:
    headers = owner.headers(method, path, body, expires=expires)
    assert _code(await node.client.get(PATH, headers=headers)) == (401, code)


async def test_a_signature_of_another_key(node: Running, owner: Owner) -> None:
    header = signed(node.environment, Key(), owner.signer, "GET", PATH)
    assert _code(await node.client.get(PATH, headers={"Authorization": header})) == (401, "access.signature")


@pytest.mark.parametrize(
    "header", ["", "Placet", "Placet !!!", "Placet AAAA", "Basic YTpi", "Placet " + "A" * 20_000, "placet é"]
)
async def test_headers_that_are_none(node: Running, header: str) -> None:
    answer = await node.client.get(PATH, headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code in (401, 422)
    assert answer.json()["code"] in ("access.unsigned", "input")


async def test_the_institutions_credential(node: Running, owner: Owner) -> None:
    assert (await node.client.get("/metrics", headers=node.credential)).status_code == 200
    wrong = {"Authorization": "Bearer " + secrets.token_urlsafe(32)}
    refused = await node.client.get("/metrics", headers=wrong)
    assert _code(refused) == (401, "access.credential")
    assert refused.headers["www-authenticate"]
    assert _code(await node.client.get("/metrics", headers=owner.headers("GET", "/metrics"))) == (
        403,
        "access.institution",
    )


async def test_auditors_of_the_trust_list(node: Running, owner: Owner) -> None:
    @node.app.get("/only-auditors")
    async def only_auditors(caller: Annotated[Caller, Depends(institution_or_auditor)]) -> bool:
        return caller.institution

    auditor = node.environment.auditor
    header = signed(node.environment, auditor, auditor.address, "GET", "/only-auditors")
    assert (await node.client.get("/only-auditors", headers={"Authorization": header})).json() is False
    assert (await node.client.get("/only-auditors", headers=node.credential)).json() is True
    assert _code(await node.get(owner, "/only-auditors")) == (403, "access.auditor")
