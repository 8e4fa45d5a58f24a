"""The owner's page in a real browser before a real node, vault and chain."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .browser import Bank, Wallet, accessible, axe, bank, chromium, passkeys, photographed, playwright
from .conftest import NodeEnvironment

SECONDS = 60_000
expect = playwright.expect


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def north(environment: NodeEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with bank(environment, tmp_path_factory.mktemp("pages") / "node") as one:
        yield one


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A visitor's own browser profile, on a phone. Nothing may stand on its console at the end."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    one = context.new_page()
    one.set_default_timeout(SECONDS)
    complaints: list[str] = []
    one.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    one.on("pageerror", lambda error: complaints.append(str(error)))
    asked: set[str] = set()
    one.on("request", lambda request: asked.add(urlsplit(request.url).hostname or "localhost"))
    yield one
    context.close()
    assert asked <= {"localhost"}  # the node and the enroller, nobody else
    assert [words for words in complaints if "Failed to load resource" not in words] == []


def ask(page: Any, north: Bank, offer: str, language: str = "en") -> None:
    page.goto(f"{north.url}/{language}/owner/ask/{offer}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def identify(page: Any, north: Bank, code: str | None = None) -> str:
    """Allow, and fill in number and code; the number."""
    subject, right = north.person()
    page.get_by_role("button", name="Allow").click()
    page.get_by_label("Your number at First Bank").fill(subject)
    page.get_by_label("Code from Register").fill(code or right)
    return subject


def kept(page: Any) -> dict[str, Any]:
    """What the page keeps on the device."""
    content: dict[str, Any] = json.loads(page.evaluate("localStorage.getItem('placet.owner/1')"))
    return content


def _lie(answer: dict[str, Any], what: str) -> None:
    if what == "consumer":
        answer["consent"]["details"]["consumer"] = answer["typed_data"]["message"]["details"]["consumer"] = "Nice Bank"
    elif what == "notice":
        answer["notice"] = answer["notice"].replace("at most 1 time", "at most 9 times")
    elif what == "id":
        answer["id"] = "0x" + "77" * 32
    else:
        answer["typed_data"]["domain"]["chainId"] = 1


@contextlib.contextmanager
def lied_to(page: Any, what: str, honest: int = 0) -> Iterator[None]:
    """The node lies in its drafts, after so many honest ones."""
    drafts = 0

    def lying(route: Any) -> None:
        nonlocal drafts
        drafts += 1
        answer = route.fetch()
        content = answer.json()
        if drafts > honest:
            _lie(content, what)
        route.fulfill(response=answer, json=content)

    page.route("**/v1/consents/draft", lying)
    yield
    page.unroute("**/v1/consents/draft")


@pytest.mark.parametrize("prf", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["prf", "assertion"])
def test_a_person_allows_sees_and_withdraws_by_passkey(page: Any, north: Bank, prf: bool) -> None:
    offer = north.offer()
    passkeys(page, prf=prf)
    with lied_to(page, "consumer"):
        ask(page, north, offer)
        expect(page.get_by_role("heading", level=1)).to_have_text("Stop: don't sign")
    begun = time.monotonic()
    ask(page, north, offer)
    identify(page, north)
    page.get_by_role("button", name="Passkey on this device").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Given")
    print(f"link to given: {time.monotonic() - begun:.1f} s")
    (record,) = kept(page)["records"]
    assert record["signer"]["kind"] == ("key" if prf else "passkey")
    assert record["slip"]["signature"] and record["unsent"] is None
    page.get_by_role("button", name="See what I have allowed").click()
    card = page.get_by_role("article", name="Credit House")
    expect(card.get_by_text("given", exact=True)).to_be_visible()
    begun = time.monotonic()
    card.get_by_role("button", name="Withdraw").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("article")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Ended")).click()
    ended = page.get_by_role("article", name="Credit House")
    expect(ended.get_by_text("withdrawn")).to_be_visible()
    limit = time.monotonic() + 60
    while not ended.get_by_text("withdrawn", exact=True).is_visible() and time.monotonic() < limit:
        page.get_by_role("button", name="Show the newest state").click()
        page.wait_for_timeout(200)
    expect(ended.get_by_text("withdrawn", exact=True)).to_be_visible()
    print(f"withdrawn: {time.monotonic() - begun:.1f} s")
    ended.get_by_role("button", name="Erase").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    expect(page.get_by_role("article")).to_have_count(0)
    assert kept(page)["records"] == []


@pytest.mark.slow
def test_a_wallet_signs_three_times_and_is_asked_by_its_announcement_alone(page: Any, north: Bank) -> None:
    wallet = Wallet(north.environment.deployment.chain_id)
    wallet.announce(page)
    ask(page, north, north.offer(), "de")
    subject, code = north.person()
    page.get_by_role("button", name="Erlauben").click()
    page.get_by_label("Ihre Nummer bei First Bank").fill(subject)
    page.get_by_label("Code von Register").fill(code)
    page.get_by_role("button", name="Test Wallet").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Erteilt")
    (record,) = kept(page)["records"]
    assert record["consent"]["owner"] == wallet.account.address.lower()
    assert record["notice"].startswith("Sie erlauben First Bank")
    assert wallet.signatures == 3  # enrolment, consent, slip


@pytest.mark.slow
def test_a_slip_withdraws_from_another_device_by_keyboard_alone(
    page: Any, browser: Any, north: Bank, tmp_path: Path
) -> None:
    passkeys(page, prf=True)
    ask(page, north, north.offer())
    subject, code = north.person()

    def to(role: str, name: str) -> None:
        """By Tab alone, from where the focus is."""
        there = page.get_by_role(role, name=name)
        for _ in range(40):
            if there.evaluate("one => one === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{name} is not to be reached by Tab")

    to("button", "Allow")
    page.keyboard.press("Enter")
    to("textbox", "Your number at First Bank")
    page.keyboard.type(subject)
    to("textbox", "Code from Register")
    page.keyboard.type(code)
    to("button", "Passkey on this device")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Given")
    to("button", "Save the slip")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    slip = tmp_path / "slip.json"
    download.value.save_as(slip)
    with contextlib.closing(browser.new_context()) as other:
        fresh = other.new_page()
        fresh.goto(f"{north.url}/en/owner/slip")
        strange = tmp_path / "strange.json"
        strange.write_text(slip.read_text().replace('"uses": 1', '"uses": 2'))
        fresh.get_by_label("The saved slip").set_input_files(strange)
        expect(fresh.get_by_text("This is not a withdrawal slip")).to_be_visible()
        fresh.get_by_label("The saved slip").set_input_files(slip)
        expect(fresh.get_by_text("Credit House")).to_be_visible()
        assert axe(fresh) == []
        fresh.get_by_role("button", name="Withdraw").click()
        expect(fresh.get_by_text("Withdrawn.")).to_be_visible()


@pytest.mark.slow
def test_a_withdrawal_goes_to_another_institution_where_the_own_does_not_answer(page: Any, north: Bank) -> None:
    passkeys(page, prf=False)
    ask(page, north, north.offer())
    identify(page, north)
    page.get_by_role("button", name="Passkey on this device").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Given")
    page.get_by_role("button", name="See what I have allowed").click()
    page.route(f"{north.url}/v1/**", lambda route: route.abort())
    page.get_by_role("button", name="Withdraw").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("First Bank does not answer. Another institution")).to_be_visible()
    accessible(page, axe)
    photographed(page, "elsewhere")
    page.get_by_role("button", name="Credit House").click()
    expect(page.get_by_role("article")).to_have_count(0)
    assert kept(page)["records"][0]["status"] in ("withdrawing", "withdrawn")


@pytest.mark.slow
def test_a_passkey_finds_its_consents_on_a_device_that_knows_nothing(page: Any, north: Bank) -> None:
    passkeys(page, prf=True)
    offer = north.offer()
    for _ in range(2):
        ask(page, north, offer)
        identify(page, north)
        page.get_by_role("button", name="Passkey on this device").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Given")
    first, second = kept(page)["records"]
    assert first["consent"]["owner"] != second["consent"]["owner"]  # nobody can tell that both are one person's
    page.evaluate("localStorage.clear()")
    page.goto(f"{north.url}/en/owner")
    page.get_by_role("button", name="Find it with my passkey").click()
    expect(page.get_by_text("2 found.")).to_be_visible()
    again = {record["id"]: record["notice"] for record in kept(page)["records"]}
    assert again == {record["id"]: record["notice"] for record in (first, second)}
    page.get_by_role("button", name="Withdraw").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("article")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="For programs (JSON)").click()
    content = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert {one["consent"]["id"] for told in content["told"] for one in told["consents"]} == set(again)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("You said no on your device", {"refuse": {"eth_signTypedData_v4": 4001}}),
        ("does not know this network", {"chain": 1, "refuse": {"wallet_switchEthereumChain": 4902}}),
        ("is on another network", {"chain": 1, "refuse": {"wallet_switchEthereumChain": 4001}}),
        ("Another account answered", {"stranger": True}),
    ],
)
def test_what_goes_wrong_with_a_wallet_is_said_and_nothing_is_sent(
    page: Any, north: Bank, words: str, wrong: dict[str, Any]
) -> None:
    wallet = Wallet(wrong.get("chain", north.environment.deployment.chain_id))
    wallet.refuse = wrong.get("refuse", {})
    if "stranger" in wrong:
        wallet.signs_by = Wallet(1).account
    wallet.announce(page)
    sent: list[str] = []
    page.on(
        "request", lambda one: sent.append(one.url) if one.url.endswith(("/v1/consents", "/v1/enrolments")) else None
    )
    ask(page, north, north.offer())
    identify(page, north)
    page.get_by_role("button", name="Test Wallet").click()
    expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    assert sent == []


@pytest.mark.slow
@pytest.mark.parametrize("when", ["first", "later"])
@pytest.mark.parametrize("what", ["consumer", "notice", "id", "typed data"])
def test_a_lying_node_gets_a_red_page_and_no_prompt(page: Any, north: Bank, what: str, when: str) -> None:
    wallet = Wallet(north.environment.deployment.chain_id)
    wallet.announce(page)
    with lied_to(page, what, honest=when == "later"):
        ask(page, north, north.offer())
        if when == "later":
            identify(page, north)
            page.get_by_role("button", name="Test Wallet").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Stop: don't sign")
    assert page.get_by_role("button").count() == 0
    assert wallet.signatures == 0
    if (what, when) == ("consumer", "first"):
        accessible(page, axe)
        photographed(page, "altered")


@pytest.mark.slow
def test_a_page_is_shown_in_no_frame_and_takes_no_strings_for_html_or_scripts(page: Any, north: Bank) -> None:
    visited = page.context.new_page()
    visited.goto(f"{north.url}/en/owner")
    expect(visited.get_by_role("heading", name="What you have allowed")).to_be_visible()
    for attempt in (
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.createElement('script').textContent = '1'",
        "new Worker('/assets/x.js')",
    ):
        assert visited.evaluate(f"() => {{ try {{ {attempt} }} catch (e) {{ return e.name }} }}") == "TypeError", (
            attempt
        )
    blocked = visited.evaluate("fetch('http://127.0.0.1:9/').then(() => '', (error) => error.message)")
    assert "violates" in blocked or "Failed to fetch" in blocked
    body = f'<iframe src="{north.url}/en/owner"></iframe>'
    visited.route("https://evil.example/", lambda route: route.fulfill(content_type="text/html", body=body))
    visited.goto("https://evil.example/")
    assert "Your data" not in visited.frames[-1].content()


@pytest.mark.slow
def test_names_are_pinned_at_the_first_visit(page: Any, north: Bank) -> None:
    page.goto(f"{north.url}/owner")
    expect(page.get_by_role("heading", name="What you have allowed")).to_be_visible()

    def renamed(route: Any) -> None:
        answer = route.fetch()
        content = answer.json()
        content["trust"]["institutions"][1]["name"] = "Nice Bank"
        route.fulfill(response=answer, json=content)

    page.route("**/v1/trust", renamed)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stop: don't sign")
    expect(page.get_by_text("has changed since your last visit")).to_be_visible()


@pytest.mark.slow
def test_every_screen_is_accessible_and_photographed(page: Any, north: Bank) -> None:
    passkeys(page, prf=True)
    offer = north.offer()
    page.goto(f"{north.url}/owner")
    expect(page.get_by_role("heading", name="First Bank asks you")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Credit House")).first).to_be_visible()
    accessible(page, axe)
    photographed(page, "home-empty")
    ask(page, north, offer)
    page.get_by_text("Check it yourself").click()
    accessible(page, axe)
    photographed(page, "asked")
    page.get_by_role("button", name="Not now").click()
    accessible(page, axe)
    photographed(page, "declined")
    for language in ("de", "zh"):
        ask(page, north, offer, language)
        accessible(page, axe)
        photographed(page, f"asked-{language}", ("light",))
    ask(page, north, offer)
    identify(page, north, "wrong-code")
    accessible(page, axe)
    photographed(page, "who")
    page.get_by_role("button", name="Passkey on this device").click()
    expect(page.get_by_role("alert").filter(has_text="Number and code do not fit")).to_be_visible()
    accessible(page, axe)
    photographed(page, "wrong-code")
    ask(page, north, offer)
    identify(page, north)
    page.get_by_role("button", name="Passkey on this device").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Given")
    accessible(page, axe)
    photographed(page, "given")
    page.get_by_role("button", name="See what I have allowed").click()
    expect(page.get_by_text("never, as First Bank tells it")).to_be_visible()
    accessible(page, axe)
    photographed(page, "mine")
    page.get_by_role("button", name="Withdraw").click()
    accessible(page, axe)
    photographed(page, "withdraw")
    page.get_by_role("button", name="Keep it").click()
    use = {"job": "0x" + "5a" * 32, "nth": 1, "attempt": 0, "at": 1_900_000_000, "outcome": "completed", "block": 7}
    page.route("**/uses", lambda route: route.fulfill(json={"uses": [use]}))
    page.get_by_role("link", name="Details").click()
    expect(page.get_by_role("cell", name="completed")).to_be_visible()
    accessible(page, axe)
    photographed(page, "details")
    page.route("**/v1/**", lambda route: route.abort())
    page.goto(f"{north.url}/owner")
    expect(page.get_by_role("alert")).to_be_visible()
    accessible(page, axe)
    photographed(page, "offline")
