"""What serves the pages: headers, caching, languages, sizes; and that the built files are those of the sources."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
import secrets
import shutil
import subprocess
import zipfile
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from fastapi import FastAPI

from placet.core.languages import Language
from placet.pages import serving
from placet.pages.serving import (
    PageLanguage,
    content_security_policy,
    explorer_digest,
    explorer_router,
    negotiated,
    pages_router,
)
from placet.pages.verifier import Verifier, archive, packed_file

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "backend" / "placet" / "pages" / "dist"
WEB = ROOT / "backend" / "web"
LANGUAGES = ("en", "de", "zh")
BUDGETS = {"owner": 62_000, "console": 80_000, "audit": 80_000, "proof": 65_000}
"""Bytes of a page by gzip: HTML, style and program of one language; what the auditor's loads but the verifier; and
with what checks proofs, where that is loaded."""
SERVERS = ("https://south.example/placet", "http://127.0.0.1:8611", "https://x.example; script-src *", "https://a b")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' https://south.example http://127.0.0.1:8611; worker-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types placet"
)


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(pages_router(SERVERS, "First Bank"))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://node")


def test_the_policy_names_origins_and_nothing_that_a_trust_list_smuggles_in() -> None:
    assert content_security_policy(SERVERS) == POLICY


async def test_html_is_kept_by_nobody_and_has_every_header(client: httpx.AsyncClient) -> None:
    alone = content_security_policy(())  # console and doors speak to nobody but their own node
    policies = dict.fromkeys(("/owner", "/owner/ask/0x00", "/de/owner", "/zh/owner/consents/0x00"), POLICY)
    for path, policy in (
        policies | dict.fromkeys(("/console", "/zh/console/jobs/0x00", "/", "/en/", "/zh/"), alone)
    ).items():
        answer = await client.get(path)
        assert answer.status_code == 200, path
        headers = dict(answer.headers)
        assert headers["content-security-policy"] == policy
        assert headers["cache-control"] == "no-store"
        for name, value in {
            "x-frame-options": "DENY",
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "cross-origin-embedder-policy": "require-corp",
        }.items():
            assert headers[name] == value
        assert "publickey-credentials-get=(self)" in headers["permissions-policy"]


async def test_assets_are_kept_for_ever_and_strangers_are_not_found(client: httpx.AsyncClient) -> None:
    for file in (DIST / "assets").iterdir():
        answer = await client.get(f"/assets/{file.name}")
        assert answer.content == file.read_bytes()
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        plain = await client.get(f"/assets/{file.name}", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers and plain.content == file.read_bytes()
    assert (await client.get("/assets/owner.en.0123456789abcdef.js")).status_code == 404
    for name in ("..%2f__init__.py", "NOTICE", "owner.en.html", "%2e%2e/serving.py"):
        assert (await client.get(f"/assets/{name}")).status_code in (404, 422), name
    assert (await client.get("/fr/owner")).status_code == 422


@pytest.mark.parametrize(
    ("accept", "language"),
    [("", "en"), ("de-CH,de;q=0.9,en;q=0.8", "de"), ("fr, en;q=0.2, zh-Hans;q=0.5", "zh"), ("de;q=0, en", "en")],
)
async def test_the_first_visit_is_in_the_readers_language(
    client: httpx.AsyncClient, accept: str, language: str
) -> None:
    assert negotiated(accept) == language
    answer = await client.get("/owner", headers={"accept-language": accept})
    assert f'<html lang="{language}">' in answer.text and answer.headers["content-language"] == language


def test_pages_speak_the_languages_of_the_core() -> None:
    """They may not import it: what is signed must be in a language that the page has."""
    assert get_args(PageLanguage) == get_args(Language) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_three_doors_are_read_without_a_script(client: httpx.AsyncClient, language: str) -> None:
    text = (await client.get("/", headers={"accept-language": language})).text
    assert text == (await client.get(f"/{language}/")).text == (DIST / f"doors.{language}.html").read_text("utf-8")
    assert re.findall(r'href="(/[a-z]{2}/(?:owner|console|audit|proof))"', text) == [
        f"/{language}/{page}" for page in ("owner", "console", "audit", "proof")
    ]
    assert "<script" not in text and not re.search(r"<style|style=|\son[a-z]+=|https?://", text)
    assert f'hreflang="{language}" aria-current="true"' in text and text.count('aria-current="true"') == 1
    assert len(gzip.compress(text.encode(), mtime=0)) < 1_200


async def test_what_is_nowhere_is_not_found_beside_the_doors(client: httpx.AsyncClient) -> None:
    assert {(await client.get(path)).status_code for path in ("/nowhere", "/nowhere/", "/fr/")} == {404}


@pytest.mark.parametrize("page", BUDGETS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_small_and_has_nothing_inline(page: str, language: str) -> None:
    html = (DIST / f"{page}.{language}.html").read_text(encoding="utf-8")
    assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', html)
    assert len(assets) == 2
    program = (DIST / assets[1].lstrip("/")).read_text(encoding="utf-8")
    assets += re.findall(r"/assets/(?:report|worker|pairing)\.[0-9a-f]{16}\.(?:css|js)", program)
    assert len(assets) == 2 + {"audit": 2, "proof": 1}.get(page, 0)
    files = [html.encode(), *((DIST / name.lstrip("/")).read_bytes() for name in assets)]
    assert sum(len(gzip.compress(content, mtime=0)) for content in files) <= BUDGETS[page]
    assert not re.search(r"<style|style=|\son[a-z]+=|<script(?![^>]*\ssrc=)|https?://", html)


def test_who_wants_no_motion_gets_none_and_chinese_has_its_fonts() -> None:
    style = (WEB / "src" / "style.css").read_text(encoding="utf-8")
    moving = "prefers-reduced-motion: no-preference"
    still = re.sub(r"@media \(" + moving + r"\) \{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", style)
    assert moving in style and not re.search(r"transition|animation|scroll-behavior", still)
    assert '"PingFang SC", "Noto Sans CJK SC"' in style


@pytest.mark.parametrize("page", ["common", *BUDGETS, "doors"])
def test_every_message_is_there_in_every_language_with_the_same_places(page: str) -> None:
    folder = WEB / "src" / page / "messages"
    words = {language: json.loads((folder / f"{language}.json").read_text(encoding="utf-8")) for language in LANGUAGES}
    for language in LANGUAGES:
        assert list(words[language]) == list(words["en"]), language
        for key, text in words["en"].items():
            places = [set(re.findall(r"\{[a-z_]+\}", one)) for one in (text, words[language][key])]
            assert places[0] == places[1], (language, key)
    source = "".join(file.read_text(encoding="utf-8") for file in (WEB / "src" / page).glob("*.ts*"))
    families = ("status.", "outcome.", "waits.", "error.", "ask.days-", "mine.current", "mine.ended")
    families += ("recipe.", "role.", "ended.", "detail.", "parameter.", "value.", "health.", "menu/")
    families += ("plan.is-", "plans.holds-", "catalogue.kind-", "start.hours-")
    families += ("verdict.", "wrong.", "file.", "failed.")
    families += ("check.", "state.", "whose.", "words.", "consent.words.", "consent.tree.", "stake.", "fault-found.")
    own = WEB / "src" / page / "page.html"
    html = (own if own.exists() else WEB / "src" / "page.html").read_text(encoding="utf-8")
    idle = [k for k in words["en"] if f'"{k}"' not in source and f"{{{{{k}}}}}" not in html]
    assert [key for key in idle if not key.startswith(families)] == []


def test_the_notice_names_what_is_bundled() -> None:
    notice = (DIST / "NOTICE").read_text(encoding="utf-8")
    for name in ("preact", "viem", "@noble/curves", "@noble/hashes"):
        assert re.search(rf"^{name} [0-9.]+ \(MIT\)$", notice, re.MULTILINE), name
    assert re.search(r"^qr [0-9.]+ \(\(MIT OR Apache-2.0\)\)$", notice, re.MULTILINE)
    assert notice.count("Permission is hereby granted") >= 4


EXPLORER = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types placet; sandbox allow-scripts allow-downloads allow-modals"
)

PROOF = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; sandbox allow-scripts allow-modals"
)


async def test_the_auditors_page_runs_webassembly_and_is_an_origin_of_its_own(client: httpx.AsyncClient) -> None:
    for path in ("/audit", "/de/audit", f"/en/audit/0x{'ab' * 32}"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["content-security-policy"]) == (200, EXPLORER), path
        assert answer.headers["cache-control"] == "no-store"
    assert "wasm" not in (await client.get("/owner")).headers["content-security-policy"]


async def test_the_page_of_proofs_is_an_origin_of_its_own_and_speaks_to_its_node_alone(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/proof", "/de/proof"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["content-security-policy"]) == (200, PROOF), path
        assert answer.headers["cache-control"] == "no-store"


async def test_a_node_without_the_verifier_says_so_and_whose_page_it_is(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "verifier", lambda: None)
    answer = await client.get("/verifier/manifest.json")
    assert answer.json() == {"name": "First Bank", "verifier": None}
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await client.get(f"/verifier/{'0' * 16}/pyodide.mjs")).status_code == 404


async def test_the_verifiers_files_are_served_under_what_they_are(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: Verifier = packed({"pyodide.asm.wasm": bytes(100_000), "placet.zip": archive()})
    monkeypatch.setattr(serving, "verifier", lambda: served)
    manifest = (await client.get("/verifier/manifest.json")).json()["verifier"]
    assert manifest["folder"] == served.folder and set(manifest["files"]) == {"pyodide.asm.wasm", "placet.zip"}
    for encoding in ("gzip", "identity"):
        answer = await client.get(f"/verifier/{served.folder}/pyodide.asm.wasm", headers={"accept-encoding": encoding})
        assert answer.content == bytes(100_000)
        assert answer.headers["content-type"] == "application/wasm"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert manifest["files"]["pyodide.asm.wasm"] < 1000
    for strange in (f"{'0' * 16}/placet.zip", f"{served.folder}/other.zip", f"{served.folder}/..%2fserving.py"):
        assert (await client.get(f"/verifier/{strange}")).status_code in (404, 422), strange


async def test_megabytes_go_in_pieces_so_that_slow_readers_get_them_and_idle_ones_keep_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server ends a connection whose answer is not read for ten seconds: what is one piece would have to be read
    wholly by then."""
    content = {"pyodide.asm.wasm": bytes(1_000_000), "placet.zip": secrets.token_bytes(1_000_000)}
    served: Verifier = packed(content)
    monkeypatch.setattr(serving, "verifier", lambda: served)
    app = FastAPI()
    app.include_router(explorer_router())
    for name, whole in content.items():
        pieces: list[bytes] = []

        async def take(message: MutableMapping[str, Any], into: list[bytes] = pieces) -> None:
            into.append(message.get("body", b""))

        async def nothing() -> MutableMapping[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

        path = f"/verifier/{served.folder}/{name}"
        scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1"}
        scope |= {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": []}
        await app(scope, nothing, take)
        assert b"".join(pieces) == whole
        assert max(map(len, pieces)) <= 1 << 16
    wasm = served.files["pyodide.asm.wasm"]
    assert wasm.packed and wasm.plain is wasm.plain  # unpacked once, however many ask


def test_the_verifiers_python_is_packed_the_same_each_time_and_has_what_it_needs() -> None:
    first = archive()
    assert first == archive()
    with zipfile.ZipFile(io.BytesIO(first)) as packed_:
        names = set(packed_.namelist())
        assert packed_.read("placet/audit/verify.py") == (ROOT / "backend/placet/audit/verify.py").read_bytes()
    assert {"placet/__init__.py", "placet/audit/browser.py", "placet/audit/templates/report.jinja"} <= names
    other_rooms = ("placet/node", "placet/chain/", "placet/vault", "placet/cli")
    of_events = {f"placet/chain/{name}.py" for name in ("__init__", "events", "event_types")}
    assert {name for name in names if name.startswith(other_rooms)} <= of_events


async def test_the_auditors_own_machine_serves_his_page_alone() -> None:
    app = FastAPI()
    app.include_router(explorer_router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as own:
        assert (await own.get("/en/audit")).status_code == 200
        assert (await own.get("/verifier/manifest.json")).json()["name"] is None
        assert (await own.get("/owner")).status_code == 404
    assert re.fullmatch("[0-9a-f]{64}", explorer_digest())


def test_the_digest_of_the_page_changes_with_each_of_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"audit.en.html": b"1", "assets/worker.0.js": b"2", "assets/report.0.css": b"3", "owner.en.html": b"4"}
    seen = set()
    for changed in ("nothing", "owner.en.html", *files):
        now = {name: (content + b"!" * (name == changed), b"") for name, content in files.items()}
        monkeypatch.setattr(serving, "_files", lambda now=now: now)
        monkeypatch.setattr(serving, "verifier", lambda: None)
        seen.add(explorer_digest())
    monkeypatch.setattr(serving, "verifier", lambda: packed({"placet.zip": b"x"}))
    seen.add(explorer_digest())
    assert len(seen) == 1 + 3 + 1  # the owner's page is not in it


def packed(contents: dict[str, bytes]) -> Verifier:
    return Verifier("0123456789abcdef", {name: packed_file(name, content) for name, content in contents.items()})


def _web(*words: str) -> str:
    if shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed")
    answer = subprocess.run(
        [str(ROOT / "scripts" / "web"), *words], capture_output=True, text=True, timeout=600, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.slow
def test_a_rebuild_gives_the_same_bytes(tmp_path: Path) -> None:
    _web("build", str(tmp_path / "dist"))
    built, kept = (
        {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in (tmp_path / "dist", DIST)
    )
    assert built.keys() == kept.keys()
    assert [name for name in kept if built[name] != kept[name]] == []


@pytest.mark.slow
def test_types_fit_and_the_client_library_passes_the_shared_vectors() -> None:
    _web("check")
    assert "# fail 0" in _web("test")
