"""`scripts/demo` as a program would run it: its one line, its report, attacks that count only as what they are, and
what it leaves for a browser."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from demo import links
from demo_attacks import ATTACKS, GOT_THROUGH, Scene, met

from interrupting import hears_ctrl_c
from placet.chain.client import Chain
from placet.core.consent import Status
from placet.core.errors import ConfigError
from placet.core.ids import ConsentId
from placet.core.trust import Deployment
from placet.core.values import from_hex
from placet.sandbox.consortium import Consortium, SandboxInstitution, healthy, wait
from sandbox_home import living

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "backend" / "placet" / "pages" / "dist"


@pytest.mark.slow  # the tutorials' sandbox and `tests/attacks` have its parts by default
def test_the_demo_completes_and_refuses_six_attacks(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "examples" / "demo.py"), "--json", "--report", str(report)],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": "/tmp"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert list(summary) == ["job", "verdict", "customers", "consenting", "attacks_refused", "seconds"]
    assert re.fullmatch(r"0x[0-9a-f]{64}", summary["job"])
    assert (summary["verdict"], summary["attacks_refused"]) == ("intact", 6)
    assert 0 < summary["consenting"] < summary["customers"] == 40
    assert list(summary["seconds"]) == ["all", "start", "consents", "job", "audit", "attacks"]
    assert all(seconds > 0 for seconds in summary["seconds"].values())
    page = report.read_text()
    assert summary["job"] in page and "Intact: " in page
    assert not re.search(r"https?://", re.sub(r'xmlns="[^"]*"', "", page))


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), ConfigError("x"), RuntimeError("x")])
def test_a_process_that_does_not_answer_is_no_refusal(error: Exception) -> None:
    def broken(_: Scene) -> str:
        raise error

    nowhere: Scene = object()  # type: ignore[assignment]
    assert met(broken, nowhere) not in {refusal for _, refusal in ATTACKS.values()}
    assert GOT_THROUGH not in {refusal for _, refusal in ATTACKS.values()}
    assert len(ATTACKS) == 6


def test_each_of_the_three_is_led_to_his_page() -> None:
    made: Consortium = Consortium(Path("/made"), object())  # type: ignore[arg-type]
    for key, port in (("north", 1), ("consumer", 2)):
        made.members[key] = SandboxInstitution(Path("/made") / key, key, "0x00", f"http://localhost:{port}")
    made.offers["north"], made.codes["P0000"] = "0x0ffe", "a-code"
    ways = links(made, "0x10b", "P0000")
    assert ways["owner"] == {"url": "http://localhost:1/owner/ask/0x0ffe", "number": "P0000", "code": "a-code"}
    assert ways["institution"]["credential_file"] == "/made/consumer/credential"
    assert [one["url"] for one in (ways["institution"], ways["auditor"])] == [
        "http://localhost:2/console",
        "http://localhost:2/audit/0x10b",
    ]


def api(made: Path, key: str) -> str:
    entry: dict[str, str] = json.loads((made / key / "entry.json").read_text())
    return entry["api"]


def killed(made: Path) -> bool:
    """SIGKILL to the node of the North, in the middle of its work; the consent is on its way to it."""
    os.kill(json.loads((made / "run" / "north-node.json").read_text())["pid"], signal.SIGKILL)
    until(lambda: not healthy(api(made, "north")))
    return True


@contextlib.contextmanager
def node(made: Path, key: str) -> Iterator[None]:
    """It starts once more, as its operator would start it, and ends with the block."""
    config = str(made / key / "node.toml")
    environ = os.environ | {"PLACET_PASSPHRASE_FILE": str(made / "passphrase")}
    process = subprocess.Popen([sys.executable, "-m", "placet.cli", "node", "--config", config], cwd=made, env=environ)
    try:
        until(lambda: healthy(api(made, key)))
        yield
    finally:
        process.terminate()
        process.wait(60)


def refreshed(page: Any) -> str:
    page.get_by_role("button", name="Show the newest state").click()
    return str(page.get_by_role("article").locator("header strong").inner_text())


def on_chain(made: Path, consent: str) -> Status:
    settings = tomllib.loads((made / "north" / "node.toml").read_text())
    deployment = Deployment.model_validate_json((made / "deployment.json").read_bytes())
    return Chain(settings["chain_url"], deployment).consent(ConsentId(from_hex(consent))).status


def until(ready: Callable[[], object]) -> None:
    wait(ready, "change of what was waited for", None, 120)


@pytest.mark.slow
def test_what_is_served_works_in_a_browser_and_ends_by_ctrl_c_with_nothing_left(tmp_path: Path) -> None:
    from tests.node.browser import chromium, passkeys, playwright  # skips where playwright is not installed

    words = ["--serve", "--json", "--report", str(tmp_path / "report.html")]
    demo = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "examples" / "demo.py"), *words],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": "/tmp"},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=hears_ctrl_c,
    )
    assert demo.stdout is not None
    try:
        ways = json.loads(demo.stdout.readline())
        made = Path(ways["auditor"]["trust"]).parent
        assert all(Path(ways["auditor"][name]).is_file() for name in ("bundle", "deployment", "trust"))
        with chromium() as browser:
            page = browser.new_page(locale="en-GB")
            page.set_default_timeout(60_000)
            passkeys(page, prf=True)
            page.goto(ways["owner"]["url"])
            page.get_by_role("button", name="Allow").click()
            page.get_by_label("Your number at Bank North").fill(ways["owner"]["number"])
            page.get_by_label("Code from Registry").fill(ways["owner"]["code"])
            page.route("**/v1/consents", lambda route: killed(made) and route.continue_())
            page.get_by_role("button", name="Passkey on this device").click()
            playwright.expect(page.get_by_role("alert").get_by_text("Bank North does not answer")).to_be_visible()
            page.unroute("**/v1/consents")
            with node(made, "north"):
                page.goto(ways["owner"]["url"].partition("/owner")[0] + "/en/owner")
                page.get_by_role("button", name="Send again").click()
                playwright.expect(page.get_by_role("button", name="Send again")).to_have_count(0)
                page.get_by_role("link", name="Details").click()
                page.get_by_role("button", name="Sign the slip").click()
                with page.expect_download() as download:
                    page.get_by_role("button", name="Save the slip").click()
                slip = tmp_path / "slip.json"
                download.value.save_as(slip)
                given = json.loads(slip.read_text())["id"]
                page.get_by_role("link", name="Overview").click()
                until(lambda: refreshed(page) == "given")
            page.goto(f"{api(made, 'south')}/en/owner/slip")  # another institution's, and the own one is gone
            page.get_by_label("The saved slip").set_input_files(slip)
            page.get_by_role("button", name="Withdraw").click()
            playwright.expect(page.get_by_text("Withdrawn.")).to_be_visible()
            until(lambda: on_chain(made, given) is Status.WITHDRAWN)
        for way, page_name in (("institution", "console"), ("auditor", "audit")):
            built = (DIST / f"{page_name}.en.html").exists()
            assert httpx.get(ways[way]["url"], timeout=60).status_code == (200 if built else 404), way
        credential = Path(ways["institution"]["credential_file"]).read_text().strip()
        host = ways["institution"]["url"].removesuffix("/console")
        jobs = httpx.get(f"{host}/v1/jobs", headers={"Authorization": f"Bearer {credential}"}, timeout=60).json()
        assert ways["auditor"]["url"].endswith(jobs["jobs"][0]["id"]) and jobs["jobs"][0]["ended"] == "completed"
    finally:
        demo.send_signal(signal.SIGINT)
        code = demo.wait(120)
    assert code == 0
    assert not made.exists() and living(made) == []
