"""The report says what the verifier found, runs nothing, and lets no name break out of its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from html.parser import HTMLParser
from typing import Any

import pytest
from malicious import CORPUS
from pydantic import BaseModel
from simulator import NAMES, Simulation, h

from placet.audit.bundle import Bundle
from placet.audit.facts import Ending
from placet.audit.findings import Result
from placet.audit.outcome import AuditReport, Verdict
from placet.audit.report import html, text, to_json
from placet.audit.verify import CHECKS, verify
from placet.core.trust import TrustList
from placet.core.values import parse, to_hex

VOID = {"meta", "link", "br", "img"}
EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&"


class Page(HTMLParser):
    """Elements, attributes and text; complains about tags that are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


JOBS: dict[str, dict[str, Any]] = {
    "amended": {"withdraw": (1,)},
    "aborted": {"ending": Ending.ABORTED},
    "closed": {"ending": Ending.CLOSED, "withholds": (1,)},
}


def demand_inert(page: Page) -> None:
    assert not {"script", "img", "link", "iframe", "object", "embed", "form", "base", "a"} & set(page.tags)
    assert [n for n, _ in page.attributes if n.startswith("on") or n in ("src", "href", "xlink:href", "srcset")] == []
    style = "".join(page.texts)
    assert "@import" not in style
    assert "url(" not in style


@pytest.mark.parametrize("job", JOBS)
def test_one_inert_page(job: str) -> None:
    report = verify(Simulation(**JOBS[job]).bundle())
    page = Page(html(report))
    demand_inert(page)
    assert report.headline in page.text
    assert report.ended in page.text
    assert to_hex(report.job) in page.text
    assert all(check.title in page.text for check in CHECKS)
    assert all(name in page.text for name in NAMES)
    assert page.tags.count("rect") > 3
    assert html(report) == html(report)


class Evil(Simulation):
    """Institutions, datasets, recipes and steps whose names are markup wherever a name is free text."""

    verifies = False

    def make_trust(self) -> TrustList:
        plain = super().make_trust().to_json()
        for i, institution in enumerate(plain["institutions"]):
            institution["name"] = EVIL + str(i)
        return parse(TrustList, plain)

    def make_scope(self, provider: int) -> Any:
        return type(super().make_scope(provider))(**super().make_scope(provider).model_dump() | {"title": EVIL})

    def make_step(self, fields: dict[str, Any]) -> Any:
        return super().make_step(fields | {"protocol": EVIL[:80]})


def test_own_data_are_so_by_a_partys_own_word_and_every_form_says_so() -> None:
    report = verify(Simulation().bundle())
    words = f"{NAMES[3]} declared the rows its own, by its own word"
    assert any(line.endswith(words) for line in text(report))
    assert any(note.endswith(words) for note in to_json(report)["notes"])
    assert words in Page(html(report)).text


class Third(Simulation):
    """The third job over each offer, by consents of which the oldest were there for the second."""

    def window(self, provider: int, number: int) -> dict[str, int]:
        return super().window(provider, number) | {"first_opening": 1 + number % 2}

    def _open(self) -> None:
        super()._open()
        self.opened = self.opened.model_copy(update={"openings": (2,) * len(self.plan.inputs)})


def test_how_often_the_consumer_has_computed_is_told_as_a_fact() -> None:
    """In every form, and of nobody's evidence but what the chain says where leaves are not shown."""
    report = verify(Third().bundle())
    assert report.verdict is Verdict.INTACT
    sentence = f"job number 3 of {NAMES[3]} over this offer of {NAMES[0]}, and number 2 at the most over these consents"
    assert sentence in text(report)
    assert to_json(report)["repetitions"][0] == {"provider": NAMES[0], "consumer": NAMES[3], "nth": 3, "over": 2}
    assert sentence in Page(html(report)).text
    unshown = verify(Third().bundle(without=(0,))).repetitions
    assert [(one.provider, one.nth, one.over) for one in unshown][:2] == [(NAMES[0], 3, None), (NAMES[1], 3, 2)]


def test_names_stay_names() -> None:
    simulation = Evil(ending=Ending.CLOSED, withholds=(1,))
    for bundle in (simulation.bundle(), simulation.bundle(without=(2,))):
        bundle = bundle.model_copy(
            update={
                "evidence": tuple(
                    e.model_copy(update={"missing": EVIL}) if e.missing is not None else e for e in bundle.evidence
                )
            }
        )
        report = verify(bundle)
        page = Page(html(report))
        demand_inert(page)
        assert EVIL + "1" in page.text
    assert report.verdict is Verdict.INCOMPLETE
    assert EVIL in report.headline


def poisoned(value: Any) -> Any:
    """The value with markup in place of every free text in it, however deep; other fields stay."""
    if isinstance(value, StrEnum) or not isinstance(value, str | tuple | BaseModel):
        return value
    if isinstance(value, str):
        return f"{EVIL}{value}"
    if isinstance(value, tuple):
        return tuple(map(poisoned, value))
    kept = {"type", "kind", "name"} if isinstance(value, Result) else {"type", "kind"}  # a check's name is ours
    return value.model_copy(update={name: poisoned(inner) for name, inner in value if name not in kept})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Simulation(ending=Ending.CLOSED, withholds=(1,)).bundle(without=(2,)),
        lambda: Simulation(ending=Ending.ABORTED).bundle(),
        lambda: CORPUS["a_receiver_that_hides_what_it_acknowledged"].bundle,
    ],
    ids=["closed and incomplete", "aborted", "completed and tampered"],
)
def test_no_text_of_a_report_breaks_out_wherever_it_stands(make: Callable[[], Bundle]) -> None:
    report = verify(make())
    plain, page = Page(html(report)), Page(html(poisoned(report)))
    demand_inert(page)
    assert page.tags.count("details") == plain.tags.count("details")
    assert [n for n, _ in page.attributes if n not in {name for name, _ in plain.attributes}] == []
    for words in (report.headline, report.ended, report.recipe, report.parties[0].role, report.results[0].rule):
        assert f"{EVIL}{words}" in page.text
    assert all(f"{EVIL}{happening.what}" in page.text for happening in report.timeline)
    assert page.text.count("alert(1)") > 2 * len(report.results)


def test_what_is_wrong_stands_first() -> None:
    report = verify(CORPUS["a_receiver_that_hides_what_it_acknowledged"].bundle)
    page = html(report)
    assert page.index("What is wrong") < page.index("What happened") < page.index("What was checked")
    (problem,) = next(r for r in report.results if r.name == "exchange.both-ends").problems
    shown = Page(page).text
    assert problem.expected in shown
    assert problem.found in shown
    assert "What is wrong" not in html(verify(Simulation().bundle()))
    assert "What is missing" in html(verify(Simulation().bundle(without=(0,))))


def test_text() -> None:
    lines = text(verify(CORPUS["a_forged_consent"].bundle))
    assert lines[0].startswith("TAMPERED  job 0x")
    assert NAMES[1] in lines[1]
    place = next(i for i, line in enumerate(lines) if line.startswith("✗ consent.signatures"))
    assert "expected: leaf" in lines[place + 1]
    assert lines[place + 2].endswith(f"a signature that does not verify  ({NAMES[1]})")
    assert sum(line[0] in "✓✗?–" for line in lines) == len(CHECKS)
    assert any("note: " in line for line in text(verify(Simulation(ending=Ending.CLOSED, withholds=(1,)).bundle())))


def test_json_goes_there_and_back() -> None:
    report = verify(Simulation(withdraw=(1,)).bundle())
    assert parse(AuditReport, json.dumps(to_json(report))) == report


def test_times_beyond_the_calendar_do_not_break_it() -> None:
    bundle = Simulation().bundle()
    head = bundle.facts.head.model_copy(update={"timestamp": 2**48 - 1})
    report = verify(bundle.model_copy(update={"facts": bundle.facts.model_copy(update={"head": head, "job": h("x")})}))
    assert "Unix time" in Page(html(report)).text
