"""What a browser may do by a session: an owner's reads, the institution's comes from the node's own pages alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from placet.core.errors import ConfigError, LimitError
from placet.core.trust import TrustList
from placet.core.values import to_hex
from placet.node.consents import queries
from placet.node.consents.scopes import Scopes
from placet.node.http import sessions as module
from placet.node.http import sessions_api
from placet.node.http.sessions import Sessions, cookie_of

from .conftest import NodeEnvironment, Owner, Running, node_at

SAME = {"sec-fetch-site": "same-origin"}


async def begin(node: Running, owner: Owner) -> dict[str, str]:
    answer = await node.client.post("/v1/session", headers=owner.headers("POST", "/v1/session"))
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert 14 * 60 < answer.json()["expires"] - time.time() <= 15 * 60
    return {"authorization": f"Session {answer.json()['token']}"}


async def refused(node: Running, method: str, path: str, headers: Mapping[str, str], code: str, **more: object) -> None:
    answer = await node.client.request(method, path, headers=dict(headers), **more)  # type: ignore[arg-type]
    assert answer.json()["code"] == code, answer.text


async def test_an_owners_session_reads_his_own_and_writes_nothing(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    session = await begin(node, owner)
    for path in (f"/v1/consents/{consent}", f"/v1/consents/{consent}/uses", "/v1/consents", "/v1/export"):
        answer = await node.client.get(path, headers=session)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), path
    stranger = Owner(node.environment, owner.customer, type(owner.key)())
    theirs = await begin(node, stranger)
    await refused(node, "GET", f"/v1/consents/{consent}", theirs, "not-found.consent")
    for path in (f"/v1/consents/{consent}/erasure", "/v1/session"):
        await refused(node, "POST", path, session, "access.session-reads")
    await refused(node, "GET", "/metrics", session, "access.institution")
    await refused(node, "GET", "/v1/consents", {"authorization": "Session x"}, "access.session")
    # The institution has no session of this kind, and an owner's token is no cookie.
    await refused(node, "POST", "/v1/session", node.credential, "access.owner")
    cookie = {"cookie": f"{cookie_of(node.node.address)}={session['authorization'].split()[1]}"}
    await refused(node, "GET", "/metrics", cookie | SAME, "access.session")


async def test_a_session_ends_by_time_and_with_the_process(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await begin(node, owner)
    assert (await node.client.get("/v1/consents", headers=session)).status_code == 200
    now = time.time()
    with monkeypatch.context() as patched:
        patched.setattr(module.time, "time", lambda: now + 15 * 60 + 1)
        await refused(node, "GET", "/v1/consents", session, "access.session")
    node.node.sessions = Sessions()  # as after a restart
    await refused(node, "GET", "/v1/consents", session, "access.session")


async def login(node: Running) -> tuple[httpx.Response, dict[str, str]]:
    credential = node.node.credential.decode()
    answer = await node.client.post("/console/login", json={"credential": credential}, headers=SAME)
    assert answer.status_code == 204, answer.text
    node.client.cookies.clear()
    raw = answer.headers["set-cookie"]
    return answer, {"cookie": raw.split(";")[0]}


async def test_the_institutions_cookie_counts_from_its_own_pages_alone(node: Running) -> None:
    answer, cookie = await login(node)
    words = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= words
    assert not any(word.startswith("domain") for word in words)
    assert answer.headers["set-cookie"].startswith(f"__Host-placet-{node.node.address.hex()[:8]}=")
    assert (await node.client.get("/metrics", headers=cookie | SAME)).status_code == 200
    for site in ("cross-site", "same-site", "none", None):
        headers = cookie if site is None else cookie | {"sec-fetch-site": site}
        for method, path in (
            ("GET", "/v1/consents"),
            ("POST", "/v1/session"),
            ("GET", "/metrics"),
        ):
            await refused(node, method, path, headers, "access.origin")
        assert not await tells_rows(node, headers)
    assert await tells_rows(node, cookie | SAME)
    assert (await node.client.post("/console/logout", headers=cookie | SAME)).status_code == 204
    await refused(node, "GET", "/metrics", cookie | SAME, "access.session")
    # To a public route who comes by a cookie of yesterday is anybody; a wrong credential is a mistake to be told.
    assert not await tells_rows(node, cookie | SAME)
    await refused(node, "GET", "/v1/datasets", {"authorization": "Bearer no"}, "access.credential")


async def tells_rows(node: Running, headers: Mapping[str, str]) -> bool:
    """Are numbers of rows told, which are for the institution?"""
    answer = await node.client.get("/v1/datasets", headers=dict(headers))
    assert answer.status_code == 200, answer.text
    datasets = answer.json()["datasets"]
    assert datasets
    return all(one["rows"] is not None for one in datasets)


async def test_only_the_credential_logs_in_and_only_from_the_own_page(node: Running) -> None:
    await refused(node, "POST", "/console/login", SAME, "access.credential", json={"credential": "no"})
    right = {"credential": node.node.credential.decode()}
    await refused(node, "POST", "/console/login", {"sec-fetch-site": "cross-site"}, "access.origin", json=right)
    await refused(node, "POST", "/console/logout", {}, "access.origin")
    codes = set()
    for _ in range(20):  # a minute may begin in between: of these and the one above twenty may be heard
        answer = await node.client.post("/console/login", json={"credential": "no"}, headers=SAME)
        codes.add(answer.status_code)
    assert codes == {401, 429}


async def test_pages_of_other_origins_reach_owners_routes_and_no_others(node: Running, owner: Owner) -> None:
    origin = {"origin": "https://wallet.example"}
    answer = await node.client.get("/v1/offers", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    asked = origin | {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for path in ("/v1/consents/0x00/withdrawal", "/v1/session", "/v1/export", "/v1/owners/0x00/access"):
        preflight = await node.client.options(path, headers=asked)
        assert preflight.headers["access-control-allow-origin"] == "*", path
        assert "access-control-allow-credentials" not in preflight.headers
    for path in ("/console/login", "/healthz", "/metrics", "/v1/consentsx", "/v1/ownersx"):
        for answer in (await node.client.options(path, headers=asked), await node.client.get(path, headers=origin)):
            assert "access-control-allow-origin" not in answer.headers, path


async def test_an_owner_takes_all_with_him_and_erases_what_has_ended(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    other = await node.give(owner, offer)
    await node.turn()
    exported = (await node.get(owner, "/v1/export")).json()
    [entry] = [one for one in exported["consents"] if one["consent"]["id"] == consent]
    assert exported["owner"] == to_hex(owner.signer)
    assert entry["signed"]["details"]["notice"] and entry["notice"] and entry["uses"] == []
    others = [one.model_copy(update={"name": f"{one.name} AG"}) for one in node.node.trust.institutions]
    renamed = TrustList(institutions=tuple(others))
    for lost, value in (("scopes", Scopes(tmp_path)), ("trust", renamed)):  # what the words follow from
        with monkeypatch.context() as now:
            now.setattr(node.node, lost, value)
            exported = (await node.get(owner, "/v1/export")).json()
        assert {one["signed"] or one["notice"] for one in exported["consents"]} == {None}
        assert {one["consent"]["id"] for one in exported["consents"]} == {consent, other}
    path = f"/v1/consents/{consent}/erasure"
    await refused(node, "POST", path, owner.headers("POST", path), "state")
    with monkeypatch.context() as later:  # the chain does not say that it is over: audits demand its record
        later.setattr(queries, "now", lambda: 2**47)
        await refused(node, "POST", path, owner.headers("POST", path), "state")
    captured = owner.headers("POST", "/v1/session")
    assert (await node.client.post("/v1/session", headers=captured)).status_code == 201
    withdrawal = f"/v1/consents/{consent}/withdrawal"
    assert (await node.client.post(withdrawal, json=owner.withdrawal(consent))).status_code == 202
    await node.turn()
    stranger = Owner(node.environment, owner.customer, type(owner.key)())
    await refused(node, "POST", path, stranger.headers("POST", path), "not-found.consent")
    await refused(node, "POST", path, node.credential, "access.owner")
    answer = await node.client.post(path, headers=owner.headers("POST", path))
    assert (answer.status_code, answer.json()) == (200, {"id": consent, "erased": True})
    await refused(
        node, "GET", f"/v1/consents/{consent}", owner.headers("GET", f"/v1/consents/{consent}"), "not-found.consent"
    )
    # His other consent is still read by this key: what was sent before is not taken again.
    assert (await node.get(owner, f"/v1/consents/{other}")).status_code == 200
    await refused(node, "POST", "/v1/session", captured, "access.replayed")


async def test_one_address_opens_so_many_sessions_with_whatever_keys(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_api, "_SESSIONS_PER_MINUTE", 2)
    codes = []
    for _ in range(5):
        stranger = Owner(node.environment, owner.customer, type(owner.key)())
        answer = await node.client.post("/v1/session", headers=stranger.headers("POST", "/v1/session"))
        codes.append(answer.status_code)
    assert codes[0] == 201 and 429 in codes  # a minute may begin in between, so four may be taken


def test_sessions_are_bounded_and_the_oldest_of_one_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions()
    tokens = [sessions.open(b"one")[0] for _ in range(module.MOST_OF_ONE + 2)]
    assert [sessions.of(token) is not None for token in tokens] == [False] * 2 + [True] * module.MOST_OF_ONE
    monkeypatch.setattr(module, "MOST", module.MOST_OF_ONE)
    with pytest.raises(LimitError):
        sessions.open(b"another")
    institutions, _ = sessions.open(None)  # whom strangers' keys don't keep out
    assert sessions.of(institutions) is not None
    sessions.open(b"one")  # his oldest makes room
    assert repr(sessions).count(tokens[-1]) == 0


async def test_a_node_says_of_which_host_its_pages_passkeys_are(
    environment: NodeEnvironment, node: Running, tmp_path: Path
) -> None:
    assert (await node.client.get("/v1/trust")).json()["passkey_rp"] is None
    assert (await node.client.get("/.well-known/webauthn")).status_code == 404
    passkeys = {"rp": "passkeys.example", "origins": ["https://bank.example"]}
    async with node_at(environment, environment.settings(tmp_path / "shared", passkeys=passkeys)) as shared:
        assert (await shared.client.get("/v1/trust")).json()["passkey_rp"] == "passkeys.example"
        assert (await shared.client.get("/.well-known/webauthn")).json() == {"origins": ["https://bank.example"]}
    for wrong in ({"rp": "https://passkeys.example"}, {"rp": ""}, {"origins": ["bank.example"]}):
        with pytest.raises(ConfigError):
            environment.settings(tmp_path / "wrong", passkeys=wrong)
