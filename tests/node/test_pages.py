"""What serves the pages: headers, caching, languages, sizes; and that the built files are those of the sources."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from placet.pages.serving import content_security_policy, negotiated, pages_router

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "backend" / "placet" / "pages" / "dist"
WEB = ROOT / "backend" / "web"
LANGUAGES = ("en", "de", "zh")
BUDGETS = {"owner": 60_000, "console": 80_000}
"""Bytes of a page by gzip: HTML, style and program of one language."""
SERVERS = ("https://south.example/placet", "http://127.0.0.1:8611", "https://x.example; script-src *", "https://a b")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' https://south.example http://127.0.0.1:8611; worker-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types placet"
)


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(pages_router(SERVERS))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://node")


def test_the_policy_names_origins_and_nothing_that_a_trust_list_smuggles_in() -> None:
    assert content_security_policy(SERVERS) == POLICY


async def test_html_is_kept_by_nobody_and_has_every_header(client: httpx.AsyncClient) -> None:
    alone = content_security_policy(())  # the console speaks to its own node and to nobody else
    policies = dict.fromkeys(("/owner", "/owner/ask/0x00", "/de/owner", "/zh/owner/consents/0x00"), POLICY)
    for path, policy in (policies | dict.fromkeys(("/console", "/zh/console/jobs/0x00"), alone)).items():
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


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", BUDGETS)
def test_a_page_is_small_and_has_nothing_inline(page: str, language: str) -> None:
    html = (DIST / f"{page}.{language}.html").read_text(encoding="utf-8")
    assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', html)
    assert len(assets) == 2
    files = [html.encode(), *((DIST / name.lstrip("/")).read_bytes() for name in assets)]
    assert sum(len(gzip.compress(content, mtime=0)) for content in files) <= BUDGETS[page]
    assert not re.search(r"<style|style=|\son[a-z]+=|<script(?![^>]*\ssrc=)|https?://", html)


@pytest.mark.parametrize("page", ["common", *BUDGETS])
def test_every_message_is_there_in_every_language_with_the_same_places(page: str) -> None:
    folder = WEB / "src" / page / "messages"
    words = {language: json.loads((folder / f"{language}.json").read_text(encoding="utf-8")) for language in LANGUAGES}
    for language in LANGUAGES:
        assert list(words[language]) == list(words["en"]), language
        for key, text in words["en"].items():
            places = [set(re.findall(r"\{[a-z_]+\}", one)) for one in (text, words[language][key])]
            assert places[0] == places[1], (language, key)
    source = "".join(file.read_text(encoding="utf-8") for file in (WEB / "src" / page).glob("*.ts*"))
    families = ("status.", "outcome.", "error.", "ask.days-", "mine.current", "mine.ended")
    families += ("recipe.", "role.", "ended.", "detail.", "parameter.", "value.", "health.", "menu/")
    families += ("plan.is-", "plans.holds-", "catalogue.kind-", "start.hours-")
    html = (WEB / "src" / "page.html").read_text(encoding="utf-8")
    idle = [k for k in words["en"] if f'"{k}"' not in source and f"{{{{{k}}}}}" not in html]
    assert [key for key in idle if not key.startswith(families)] == []


def test_the_notice_names_what_is_bundled() -> None:
    notice = (DIST / "NOTICE").read_text(encoding="utf-8")
    for name in ("preact", "viem", "@noble/curves", "@noble/hashes"):
        assert re.search(rf"^{name} [0-9.]+ \(MIT\)$", notice, re.MULTILINE), name
    assert notice.count("Permission is hereby granted") >= 4


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
