"""A bank's officer in a real browser, before real nodes, vaults and a chain: one starts a job by the form, the other
signs it by keyboard alone, the first one's node dies in the middle, and the result comes down."""

from __future__ import annotations

import concurrent.futures
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from live import LiveConsortium, live
from placet.sandbox.consortium import SandboxInstitution

from .browser import accessible, chromium, photographed, playwright
from .test_owner_page import axe

pytestmark = pytest.mark.slow
SECONDS = 120_000
expect = playwright.expect
PAGES = 50


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveConsortium]:
    """Bank North has a person sign."""
    with live(tmp_path_factory.mktemp("officers")) as group:
        settings = group.made.members["north"].folder / "node.toml"
        settings.write_text(settings.read_text().replace("[policy]\n", '[policy]\nhold = "all"\n'))
        group.made.end("north-node")
        group.made.start_node("north")
        group.made.wait_healthy("north")
        yield group


def url_of(member: SandboxInstitution) -> str:
    return member.api.replace("127.0.0.1", "localhost")


def credential(member: SandboxInstitution) -> str:
    return member.authorization["Authorization"].removeprefix("Bearer ")


class Officer:
    """A browser profile of an institution's officer, who logs in."""

    def __init__(self, browser: Any, member: SandboxInstitution) -> None:
        self.member = member
        context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", accept_downloads=True)
        self.page = context.new_page()
        self.page.set_default_timeout(SECONDS)
        self.resumed: list[str | None] = []
        self.page.on("request", self._see)
        self.page.goto(f"{url_of(member)}/en/console")
        self.login()

    def _see(self, request: Any) -> None:
        if request.url.endswith("/v1/events"):
            self.resumed.append(request.headers.get("last-event-id"))

    def login(self) -> None:
        self.page.get_by_label("Credential").fill(credential(self.member))
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_label("Credential")).to_have_count(0)

    def menu(self, name: str) -> None:
        self.page.get_by_role("navigation", name="Console").get_by_role("link", name=name).click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)


def to(page: Any, role: str, name: str, within: Any = None) -> None:
    """By Tab alone, from where the focus is."""
    there = (within or page).get_by_role(role, name=name).first
    for _ in range(60):
        if there.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not to be reached by Tab")


def seen(page: Any, name: str) -> None:
    accessible(page, axe)
    photographed(page, f"officer-{name}")


def test_a_job_is_started_signed_followed_over_a_nodes_death_and_downloaded(
    banks: LiveConsortium, browser: Any, tmp_path: Path
) -> None:
    made = banks.made
    consumer = Officer(browser, made.members["consumer"])
    page = consumer.page
    consumer.menu("Start a job")
    page.get_by_role("button", name=re.compile("^Customers. total assets")).click()
    for name in ("Bank North", "Bank South"):
        page.get_by_role("checkbox", name=re.compile(name)).check()
    page.get_by_label("Column that is added up").fill("balance")
    page.get_by_label("Reward for each provider").fill("1000")
    page.get_by_label("Token", exact=False).fill(made.token)
    seen(page, "form")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Start this job?")
    expect(page.get_by_role("cell", name="Bank North")).to_be_visible()
    page.get_by_role("button", name="Start the job").click()
    expect(page.get_by_text("Waits for Bank North to agree to the plan")).to_be_visible()
    job = page.url.rpartition("/")[2]
    seen(page, "job-held")

    north = Officer(browser, made.members["north"])
    expect(north.page.get_by_role("link", name=re.compile("^1\\s*Plans waiting"))).to_be_visible()
    seen(north.page, "overview")
    to(north.page, "link", "Plans to sign")
    north.page.keyboard.press("Enter")
    to(north.page, "link", "Read and decide")
    north.page.keyboard.press("Enter")
    expect(north.page.get_by_role("heading", level=1)).to_have_text("Family Office asks for: Customers' total assets")
    seen(north.page, "plan")
    to(north.page, "button", "Sign")
    north.page.keyboard.press("Enter")
    to(north.page, "button", "Sign", north.page.get_by_role("dialog"))
    north.page.keyboard.press("Enter")
    expect(north.page.get_by_role("heading", name="You signed this plan")).to_be_visible()

    expect(page.locator(".steps li", has_text="opens on the chain")).to_be_visible()
    made.kill("consumer-node")
    expect(page.get_by_text("does not answer at the moment")).to_be_visible()
    made.start_node("consumer")
    made.wait_healthy("consumer")
    expect(page.get_by_role("dialog")).to_be_visible()
    consumer.login()
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    seen(page, "job-completed")

    events = made.members["consumer"].get(f"/v1/jobs/{job}/moments")["moments"]
    numbers = page.locator(".steps li").evaluate_all("all => all.map(one => Number(one.dataset.number))")
    assert numbers == [one["id"] for one in events]
    before, after = consumer.resumed[0], [one for one in consumer.resumed[1:] if one is not None]
    assert before is None and after, consumer.resumed  # the first stream begins now, each later one where it broke off
    assert all(int(one) > 0 for one in after)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download the result").click()
    file = tmp_path / "result.json"
    download.value.save_as(file)
    result = json.loads(file.read_text())
    assert result == made.members["consumer"].get(f"/v1/jobs/{job}/result")
    assert {row["customer"]: int(row["total"]) for row in result["rows"]} == banks.expected(("north", "south"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the evidence").click()
    assert download.value.suggested_filename.startswith("placet-trail-")
    assert page.get_by_role("link", name="Audit this job").get_attribute("href") == f"/en/audit/{job}"
    consumer.menu("Catalogue")
    expect(page.get_by_role("article", name="customers")).to_be_visible()
    expect(page.get_by_role("heading", name="Bank North")).to_be_visible()
    seen(page, "catalogue")
    consumer.menu("Jobs")
    expect(page.get_by_role("cell", name="completed", exact=True)).to_be_visible()
    north.menu("Rewards")
    expect(
        north.page.get_by_role("row", name=re.compile("^Customers. total assets Family Office completed 1,000 1,000"))
    ).to_be_visible()
    seen(north.page, "rewards")


def test_a_plan_is_refused_with_a_reason_that_the_other_side_reads(banks: LiveConsortium, browser: Any) -> None:
    made = banks.made
    job = made.begin(made.request())
    north = Officer(browser, made.members["north"])
    north.page.goto(f"{url_of(made.members['north'])}/en/console/plans/{job}")
    north.page.get_by_role("button", name="Refuse").click()
    north.page.get_by_role("dialog").get_by_label("Reason").fill("Not before the audit")
    north.page.get_by_role("dialog").get_by_role("button", name="Refuse").click()
    expect(north.page.get_by_role("heading", name="You refused this plan")).to_be_visible()
    consumer = Officer(browser, made.members["consumer"])
    consumer.page.goto(f"{url_of(made.members['consumer'])}/en/console/jobs/{job}")
    expect(consumer.page.get_by_text("Not before the audit").first).to_be_visible()
    expect(consumer.page.get_by_role("heading", name="Refused")).to_be_visible()


def test_fifty_open_pages_hold_a_node(banks: LiveConsortium) -> None:
    member = banks.made.members["south"]
    with httpx.Client(base_url=url_of(member), headers={"sec-fetch-site": "same-origin"}, trust_env=False) as http:
        cookie = (
            http.post("/console/login", json={"credential": credential(member)}).headers["set-cookie"].split(";")[0]
        )
    headers = {"sec-fetch-site": "same-origin", "cookie": cookie}

    def opened(_: int) -> httpx.Response:
        http = httpx.Client(timeout=60, trust_env=False)
        return http.send(http.build_request("GET", f"{member.api}/v1/events", headers=headers), stream=True)

    with concurrent.futures.ThreadPoolExecutor(PAGES) as threads:
        streams = list(threads.map(opened, range(PAGES)))
    try:
        assert [one.status_code for one in streams] == [200] * PAGES
        begun = time.monotonic()
        assert banks.ask("south", "/v1/jobs").status_code == 200
        print(f"a question beside {PAGES} streams: {time.monotonic() - begun:.2f} s")
        banks.made.begin(banks.made.request(providers=[_provider(banks, "south"), _provider(banks, "fund")]))
        for one in streams:
            assert any("agreed" in line for line in one.iter_lines())  # each hears of the job
    finally:
        for one in streams:
            one.close()


def _provider(banks: LiveConsortium, key: str) -> dict[str, str]:
    return {"address": banks.made.members[key].address, "offer": banks.made.offers[key], "reward": "1000"}
