"""A real browser before a real node: Debian's Chromium, a software passkey by CDP, a wallet that announces itself."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import pytest
import uvicorn
from eth_account import Account
from eth_account.messages import encode_typed_data
from fastapi import FastAPI

from placet.core.trust import TrustList
from placet.identity.app import create_app as enrolling_app
from placet.identity.register import CodeHash, Register, new_code
from placet.identity.service import Enrolling
from placet.node.app import create_app
from placet.node.config import NodeSettings

from .conftest import NAMESPACE, NodeEnvironment

CHROMIUM = shutil.which("chromium")
SCREENS = Path(__file__).resolve().parents[1] / "pages" / "screens"
WIDTHS = {"phone": 320, "desk": 1280}
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
playwright.expect.set_options(timeout=60_000)


@contextlib.contextmanager
def served(app: FastAPI, door: socket.socket, lifespan: Literal["on", "off"] = "on") -> Iterator[None]:
    """An app behind a bound socket, in a thread, with its lifespan or beside who runs that."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2, lifespan=lifespan))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(120)
        assert not thread.is_alive(), "the server goes on"


def bound() -> socket.socket:
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    door.listen()
    return door


@dataclass
class Bank:
    """A node that serves pages, and the enroller of its persons."""

    environment: NodeEnvironment
    settings: NodeSettings
    url: str
    codes: dict[str, str] = field(default_factory=dict)

    def offer(self, **changes: Any) -> str:
        offer, _ = self.environment.offer(self.settings.path(self.settings.scopes), **changes)
        return "0x" + offer.id.hex()

    def person(self) -> tuple[str, str]:
        """A customer's number, and the code of his letter."""
        subject = next(self.environment.customers)
        code = new_code()
        with (self.settings.folder / "register.csv").open("a") as register:
            register.write(f"{subject},{CodeHash.of(code)}\n")
        return subject, code


@contextlib.contextmanager
def bank(environment: NodeEnvironment, folder: Path) -> Iterator[Bank]:
    """A node under `http://localhost`, where passkeys work, and an enroller that lets its pages ask. At the URL that
    the trust list has for another institution the same node answers: to a page that is another origin."""
    door, letters, elsewhere = bound(), bound(), bound()
    url = f"http://localhost:{door.getsockname()[1]}"
    (enroller,) = environment.trust.enrollers
    reachable = enroller.model_copy(update={"api": f"http://localhost:{letters.getsockname()[1]}"})
    first, second, *others = environment.trust.institutions
    moved = second.model_copy(update={"api": f"http://localhost:{elsewhere.getsockname()[1]}"})
    changes = {"enrollers": (reachable,), "institutions": (first, moved, *others)}
    trust: TrustList = environment.trust.model_copy(update=changes)
    folder.mkdir()
    (folder / "trust.json").write_text(trust.model_dump_json())
    settings = environment.settings(folder, trust=folder / "trust.json", public_url=url)
    (folder / "register.csv").write_text("subject,code\n")
    domain, verifiers = environment.deployment.consents, environment.deployment.verifiers
    enrolling = Enrolling(environment.enroller, Register(folder / "register.csv"), NAMESPACE, domain, verifiers)
    app = create_app(settings)
    with (
        served(app, door),
        served(app, elsewhere, "off"),
        served(enrolling_app(enrolling, "Register", (url,)), letters),
    ):
        yield Bank(environment, settings, url)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Playwright's handle of a Chromium; skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


def passkeys(page: Any, *, prf: bool) -> None:
    """A software authenticator that says yes by itself."""
    protocol = page.context.new_cdp_session(page)
    protocol.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        "hasPrf": prf,
    }
    protocol.send("WebAuthn.addVirtualAuthenticator", {"options": options})


_SHIM = """(() => {
 const provider = Object.freeze({
  request: async (asked) => {
   const answer = JSON.parse(await window.__wallet(JSON.stringify(asked)));
   if (answer.code) throw Object.assign(new Error("wallet"), { code: answer.code });
   return answer.result;
  },
 });
 const icon = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";
 const uuid = "350670db-19fa-4704-a166-e52e178b59d2";
 const info = Object.freeze({ uuid, name: "Test Wallet", icon, rdns: "org.example.test" });
 const detail = Object.freeze({ info, provider });
 const announce = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
 window.addEventListener("eip6963:requestProvider", announce);
 announce();
})();"""


class Wallet:
    """What a wallet answers, and what it was asked. `refuse` has codes by method."""

    def __init__(self, chain: int) -> None:
        self.account = Account.create()
        self.chain = chain
        self.asked: list[str] = []
        self.refuse: dict[str, int] = {}
        self.signs_by = self.account

    @property
    def signatures(self) -> int:
        return self.asked.count("eth_signTypedData_v4")

    def announce(self, page: Any) -> None:
        page.expose_function("__wallet", self._answer)
        page.add_init_script(_SHIM)

    def _answer(self, text: str) -> str:
        asked = json.loads(text)
        method = asked["method"]
        self.asked.append(method)
        if method in self.refuse:
            return json.dumps({"code": self.refuse[method]})
        if method == "eth_requestAccounts":
            return json.dumps({"result": [self.account.address]})
        if method == "eth_chainId":
            return json.dumps({"result": hex(self.chain)})
        if method == "eth_signTypedData_v4":
            data = json.loads(asked["params"][1])
            signature = self.signs_by.sign_message(encode_typed_data(full_message=data)).signature
            return json.dumps({"result": "0x" + bytes(signature).hex()})
        return json.dumps({"code": 4200})


def photographed(page: Any, name: str, themes: tuple[str, ...] = ("light", "dark")) -> None:
    """A screen at two widths and in both themes, into a folder that git does not see."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        for width, pixels in WIDTHS.items():
            page.set_viewport_size({"width": pixels, "height": 800})
            page.screenshot(path=str(SCREENS / f"{name}-{width}-{theme}.png"), full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(size)


@functools.cache
def _axe() -> str:
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def axe(page: Any) -> list[str]:
    """What axe finds wrong with a page as it stands."""
    page.evaluate(_axe())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    answer = page.evaluate("tags => axe.run(document, { runOnly: tags })", tags)
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}" for one in answer["violations"]]


def accessible(page: Any, axe: Callable[[Any], Any]) -> None:
    """No violation that axe finds, and nothing wider than the screen, at 320 and 1280 in both themes."""
    size = page.viewport_size
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for pixels in WIDTHS.values():
            page.set_viewport_size({"width": pixels, "height": 800})
            violations = axe(page)
            assert violations == [], (theme, pixels, violations)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (theme, pixels, wide)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(size)
