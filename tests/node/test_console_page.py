"""The institution's console in a real browser, before a node of canned answers: every state that a page may be in."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from .browser import accessible, chromium, photographed, playwright
from .console_stub import CREDENTIAL, KIND, NORTH, OWN, Stub, empty, number, stub_node
from .test_owner_page import axe

slow = pytest.mark.slow
SECONDS = 60_000
expect = playwright.expect
VIEWS = {
    "overview": "/console",
    "plans": "/console/plans",
    "plan": f"/console/plans/{number(11)}",
    "plan-decided": f"/console/plans/{number(12)}",
    "jobs": "/console/jobs",
    "job": f"/console/jobs/{number(1)}",
    "job-held": f"/console/jobs/{number(2)}",
    "job-completed": f"/console/jobs/{number(3)}",
    "start": "/console/start",
    "catalogue": "/console/catalogue",
    "rewards": "/console/rewards",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture
def stub() -> Iterator[Stub]:
    with stub_node() as one:
        yield one


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An officer's own browser profile. It speaks to the node alone, and nothing stands on its console at the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    one = context.new_page()
    one.set_default_timeout(SECONDS)
    complaints: list[str] = []
    one.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    one.on("pageerror", lambda error: complaints.append(str(error)))
    asked: set[str] = set()
    one.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    yield one
    context.close()
    assert len(asked) <= 1
    assert [words for words in complaints if "Failed to load resource" not in words] == []


def go(page: Any, stub: Stub, path: str, language: str = "en") -> None:
    """To a view, until it shows all that it will."""
    page.goto(f"{stub.url}/{language}{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)


def looked_at(page: Any, name: str) -> None:
    accessible(page, axe)
    photographed(page, f"console-{name}")


@slow
@pytest.mark.parametrize("view", VIEWS)
def test_each_view_reads_well_full_and_empty(page: Any, stub: Stub, view: str) -> None:
    go(page, stub, VIEWS[view])
    looked_at(page, view)
    if view in ("overview", "plans", "jobs", "start", "catalogue", "rewards"):
        stub.answers = empty()
        go(page, stub, VIEWS[view])
        looked_at(page, f"{view}-empty")


@slow
@pytest.mark.parametrize("language", ["de", "zh"])
def test_other_languages_fit(page: Any, stub: Stub, language: str) -> None:
    for view in ("overview", "plan", "job", "start"):
        go(page, stub, VIEWS[view], language)
        looked_at(page, f"{view}-{language}")


@slow
def test_loading_trouble_and_a_node_that_is_not_well_are_said(page: Any, stub: Stub) -> None:
    stub.silent = True
    page.goto(f"{stub.url}/en/console")
    expect(page.locator(".loading")).to_be_visible()
    looked_at(page, "loading")
    stub.silent, stub.failing = False, True
    go(page, stub, "/console")
    expect(page.get_by_text("The chain can't be reached").first).to_be_visible()
    looked_at(page, "trouble")
    stub.failing = False
    page.get_by_role("button", name="Try again").last.click()
    expect(page.get_by_role("heading", name="That did not work")).to_have_count(2)
    stub.answers["/healthz"] |= {"ok": False, "vault": "vault.unreachable"}
    go(page, stub, "/console")
    expect(page.get_by_text("The vault does not answer (vault.unreachable)")).to_be_visible()
    looked_at(page, "unwell")
    stub.cut = True
    expect(page.get_by_text("does not answer at the moment")).to_be_visible()
    looked_at(page, "away")
    go(page, stub, f"/console/jobs/{number(99)}")
    expect(page.get_by_text("That is not here.").first).to_be_visible()
    go(page, stub, "/console/nothing")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")


@slow
def test_login_by_keyboard_and_what_is_typed_outlives_a_session(page: Any, stub: Stub) -> None:
    stub.session = False
    go(page, stub, VIEWS["start"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    looked_at(page, "login")

    def to(role: str, name: str | re.Pattern[str]) -> None:
        """By Tab alone, from where the focus is."""
        there = page.get_by_role(role, name=name)
        for _ in range(40):
            if there.evaluate("one => one === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{name} is not to be reached by Tab")

    to("textbox", "Credential")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not the credential of this institution")
    looked_at(page, "login-wrong")
    to("textbox", "Credential")
    page.keyboard.press("Control+A")
    page.keyboard.type(CREDENTIAL)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Start a job")
    to("button", re.compile("^Customers. total assets"))
    page.keyboard.press("Enter")
    to("combobox", "Column that is added up")
    page.keyboard.type("balance")
    stub.session = False
    expect(page.get_by_role("dialog")).to_be_visible()
    looked_at(page, "session-ended")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_visible()
    to("textbox", "Credential")
    page.keyboard.type(CREDENTIAL)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.get_by_label("Column that is added up").input_value() == "balance"
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out.")).to_be_visible()


def test_a_node_that_went_away_is_said_and_no_event_is_missed_or_doubled(page: Any, stub: Stub) -> None:
    go(page, stub, VIEWS["job"])
    expect(page.locator(".steps li")).to_have_count(6)
    stub.tell(1, "computed")
    expect(page.locator(".steps li")).to_have_count(7)
    expect(page.locator("#news")).to_have_text("A job: computed")
    stub.cut = True
    expect(page.get_by_text("does not answer at the moment")).to_be_visible()
    stub.tell(1, "recorded")
    stub.cut = False
    expect(page.get_by_text("does not answer at the moment")).to_have_count(0)
    expect(page.locator(".steps li")).to_have_count(8)
    assert stub.resumed == [None, "10"]
    numbers = page.locator(".steps li").evaluate_all("all => all.map(one => one.dataset.number)")
    assert numbers == ["1", "2", "5", "7", "8", "9", "10", "11"]


@slow
def test_what_happens_is_announced_once_a_second_at_the_most(page: Any, stub: Stub) -> None:
    go(page, stub, VIEWS["job"])
    page.evaluate(
        """() => {
          window.said = [];
          const watch = new MutationObserver(() => window.said.push(performance.now()));
          watch.observe(document.getElementById("news"), { childList: true });
        }"""
    )
    for status in ("computing", "step", "step", "computed", "recorded", "sealed"):
        stub.tell(1, status)
    expect(page.locator("#news")).to_have_text("A job: sealed by all")
    said = page.evaluate("window.said")
    assert said and all(later - earlier > 900 for earlier, later in itertools.pairwise(said))


@slow
def test_jobs_are_shown_by_how_they_ended(page: Any, stub: Stub) -> None:
    go(page, stub, VIEWS["jobs"])
    page.get_by_label("Show").select_option("Closed without a result")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Show").select_option("Running")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Show").select_option("Cancelled")
    expect(page.get_by_text("There are none of these.")).to_be_visible()


@slow
def test_many_tabs_read_one_stream(browser: Any, page: Any, stub: Stub) -> None:
    go(page, stub, VIEWS["job"])
    tabs = [page.context.new_page() for _ in range(8)]
    for tab in tabs:
        go(tab, stub, VIEWS["job"])
    assert stub.streams == 1  # a browser opens no more than six connections to a host
    page.close()
    stub.tell(1, "computed")
    for tab in tabs:
        expect(tab.locator(".steps li")).to_have_count(7)
    assert stub.streams == 1


@slow
def test_a_plan_is_refused_with_a_reason_and_signed(page: Any, stub: Stub) -> None:
    go(page, stub, "/console/plans")
    page.get_by_role("link", name="Read and decide").click()
    expect(page.get_by_text("0x" + "9" * 40)).to_be_visible()  # what is paid in, before a reward says anything
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_text("is computed with Bank South and Bank North")).to_be_visible()  # of one role or another
    expect(page.get_by_role("dialog").get_by_text("Your institution puts up 500,000 units")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Refuse").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Refuse").click()
    expect(dialog.get_by_text("Write a reason")).to_be_visible()
    looked_at(page, "refuse")
    dialog.get_by_label("Reason").fill("Not\n our  purpose ")
    dialog.get_by_role("button", name="Refuse").click()
    expect(dialog.get_by_text("That is not here.")).to_be_visible()  # the stub has no such route yet
    stub.answers[f"/v1/plans/{number(11)}/refuse"] = stub.answers[f"/v1/plans/{number(12)}"]
    stub.answers[f"/v1/plans/{number(11)}"] = stub.answers[f"/v1/plans/{number(12)}"]
    dialog.get_by_role("button", name="Refuse").click()
    expect(page.get_by_role("heading", name="You refused this plan")).to_be_visible()
    assert stub.posted[-1] == (f"/v1/plans/{number(11)}/refuse", {"reason": "Not our purpose"})


@slow
def test_a_random_audit_is_said_asked_for_and_followed(page: Any, stub: Stub) -> None:
    go(page, stub, VIEWS["plan"])
    for words in ("Court of Audit has up to 460 places", "500,000 units", "0x" + "8" * 40, "1 day"):
        expect(page.locator("main").get_by_text(words).first).to_be_visible()
    go(page, stub, VIEWS["job-completed"])
    expect(page.get_by_text("An auditor has reported something of you")).to_be_visible()
    expect(page.get_by_text("a finding waits for an answer: places were not opened")).to_be_visible()
    expect(page.get_by_text("given back")).to_be_visible()
    go(page, stub, VIEWS["catalogue"])
    expect(page.get_by_role("cell", name="Court of Audit")).to_have_count(2)
    expect(page.get_by_role("cell", name="nobody")).to_have_count(0)  # where no offer of a table names one
    go(page, stub, VIEWS["start"])
    page.get_by_role("button", name=re.compile("^Customers. total assets")).click()
    page.get_by_role("checkbox", name=re.compile("Bank South")).check()
    expect(page.get_by_label("Auditor")).to_have_count(0)
    page.get_by_role("checkbox", name=re.compile("Bank North")).check()
    page.get_by_label("Auditor").select_option("Court of Audit")
    page.get_by_label("Column that is added up").fill("balance")
    page.get_by_role("button", name="Check").click()
    summary = page.get_by_role("alert")
    expect(summary.get_by_role("link", name="Stake of each provider: A whole number above 0.")).to_be_visible()
    page.get_by_label("Stake of each provider").fill("5000")
    page.get_by_label("Token").fill("0x" + "A" * 40)
    looked_at(page, "audit-asked")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Court of Audit; each provider puts up 5,000 units")).to_be_visible()
    audit = {"auditor": "0x" + "5" * 40, "key": number(90), "token": "0x" + "a" * 40, "stake": "5000"}
    asked = stub.posted[-1][1]
    assert asked["audit"] == audit and "token" not in asked


@slow
def test_a_form_says_what_is_wrong_and_makes_the_request(page: Any, stub: Stub) -> None:
    go(page, stub, "/console/start")
    page.get_by_role("button", name="A scorecard from joint data").click()
    looked_at(page, "form")
    page.get_by_role("button", name="Check").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    looked_at(page, "form-faults")
    summary.get_by_role("link", name=re.compile("^Smallest group")).click()
    expect(page.get_by_label("Smallest group")).to_be_focused()
    page.get_by_role("checkbox", name=re.compile("Bank South")).check()
    page.get_by_role("checkbox", name=re.compile("Bank North")).check()
    expect(page.get_by_text("as second provider")).to_be_visible()
    page.get_by_role("button", name="Add to: first provider").click()
    entry = page.locator("#field-parameters-features-first-provider-0")
    entry.get_by_label(re.compile("^Column")).fill("balance")
    page.get_by_label("Column that is learned").fill("defaulted")
    page.get_by_label("Percent to train on").fill("seventy")
    page.get_by_label("Smallest group").fill("1")
    page.get_by_label("Protocol").select_option("aby3")
    page.get_by_role("button", name="Check").click()
    expect(summary.get_by_role("link")).to_have_count(3)  # own rows, whole number, at least 2
    assert stub.posted == []


@slow
def test_questions_have_the_fields_of_their_kind(page: Any, stub: Stub) -> None:
    go(page, stub, "/console/start")
    page.get_by_role("button", name="What a provider's data are like").click()
    page.get_by_role("checkbox", name=re.compile("Bank North")).check()
    page.get_by_role("button", name=re.compile("^Add to: Questions")).click()
    entry = page.locator(".entry").first
    entry.get_by_label("No. 1").select_option("mean")
    entry.get_by_label("Column", exact=True).fill("balance")
    entry.get_by_label("Bounds").fill("0\n5000")
    entry.get_by_label("Privacy budget").fill("1000")
    page.get_by_label("Smallest group").fill("5")
    looked_at(page, "form-questions")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Start this job?")
    request = stub.posted[-1][1]
    question = {"ask": "mean", "column": "balance", "bounds": [0, 5000], "budget": 1000}
    assert request["parameters"]["questions"] == [question] and "own" not in request


@slow
def test_a_model_brings_its_parties_columns_and_parts(page: Any, stub: Stub) -> None:
    origin, commitment = number(80), number(81)
    consumer, provider = OWN["address"], NORTH["address"]
    features = {"first-provider": [{"column": "balance"}], "consumer": [{"column": "segment"}]}
    trained = {"identifier": "customer", "namespace": KIND, "features": features, "protocol": "cheetah", "label": "x"}

    def part(who: str, digit: int) -> dict[str, Any]:
        offers = [{"offer": number(digit), "consent": number(digit + 1)}, {"offer": number(99), "consent": None}]
        return {"institution": who, "dataset": number(1), "commitment": commitment, "card": number(2), "offers": offers}

    stub.answers[f"/v1/jobs/{origin}/model"] = {
        "job": origin,
        "recipe": "joint-scorecard",
        "parameters": trained,
        "roles": {"first-provider": provider, "consumer": consumer},
        "held": "shared",
        "card": {"commitment": commitment},
        "why": None,
        "registered": [part(provider, 82), part(consumer, 84)],
    }
    table, people = stub.answers["/v1/catalogue"]["datasets"]
    people["offers"] = [table["offers"][0] | {"id": number(86), "title": "Applicants", "own_consent": None}]
    stub.answers["/v1/catalogue"]["datasets"].append(table | {"name": "risk", "origin": origin, "offers": []})
    go(page, stub, "/console/start")
    page.get_by_role("button", name="Score applicants by a joint model").click()
    page.get_by_label("Which model").select_option("risk")
    page.get_by_label("What comes out").select_option("score")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Start this job?")
    request = stub.posted[-1][1]
    assert request["model"] == {"offer": number(84), "consent": number(85)}
    assert [(one["address"], one["model"]["offer"]) for one in request["providers"]] == [(provider, number(82))]
    assert request["own"] == {"offer": number(86)}
    wanted = {name: trained[name] for name in ("identifier", "namespace", "features", "protocol")}
    assert request["parameters"] == wanted | {"model": {"job": origin, "commitment": commitment}, "output": "score"}


@slow
def test_what_is_left_of_others_budgets_is_the_smaller_of_offer_and_dataset(page: Any, stub: Stub) -> None:
    go(page, stub, "/console/catalogue")
    tables, offers, unknown = page.get_by_role("table").all()[-3:]
    expect(tables).to_contain_text("Current accounts of private customers")
    expect(tables).to_contain_text("10,000,000 nano-rho")
    expect(offers).to_contain_text("10,000,000 nano-rho")  # its own would reach for 30 million
    expect(unknown).to_contain_text("30,000,000 nano-rho")  # a dataset that its provider shows nobody
    page.goto(f"{stub.url}/de/console/catalogue")
    expect(page.get_by_text("Übriges Privatsphäre-Budget").first).to_be_visible()


@slow
def test_lists_may_be_pasted_or_come_from_a_file(page: Any, stub: Stub) -> None:
    go(page, stub, "/console/start")
    page.get_by_role("button", name="Customers' total assets").click()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_label("Column that is added up").fill("balance")
    page.get_by_text("More that may be set").click()
    edges = page.get_by_label("Edges of levels")
    edges.fill("100\n200,x")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 3: This does not have the right form.")
    page.locator("input[type=file]").set_input_files(
        files=[{"name": "edges.csv", "mimeType": "text/csv", "buffer": b"100\r\n200\r\n300\r\n"}]
    )
    expect(edges).to_have_value("100\n200\n300\n")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Start this job?")
    looked_at(page, "confirm")
    assert stub.posted[-1][1]["parameters"] == {
        "identifier": "customer",
        "namespace": "urn:example:person",
        "value": "balance",
        "edges": ["100", "200", "300"],
    }
    page.get_by_role("button", name="Change something").click()
    expect(page.get_by_label("Column that is added up")).to_have_value("balance")


@slow
def test_a_result_is_downloaded_as_a_table_that_no_spreadsheet_runs(page: Any, stub: Stub) -> None:
    rows = [{"customer": "=1+1", "total": "-5"}, {"customer": 'a,"b"', "total": "7"}]
    stub.answers[f"/v1/jobs/{number(3)}/result"]["rows"] = rows
    go(page, stub, VIEWS["job-completed"])
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as a table").click()
    content = download.value.path().read_bytes()
    assert content == b'customer,total\r\n\'=1+1,-5\r\n"a,""b""",7\r\n'
