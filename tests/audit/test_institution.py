"""An institution's jobs: what is whole is called so, each gap has its own name, and nobody's word is enough."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from block_chain import proven
from institutions import BLOCK, INSTITUTION, listed, reports, simulations, storage_of, whole
from simulator import CONSUMER, NAMES, Simulation, h
from typer.testing import CliRunner

from placet.audit.gaps import GapKind
from placet.audit.institution import InstitutionReport, UnreadBundle, judge_institution
from placet.audit.institution_report import html, lines
from placet.audit.job_list import InstitutionJobs, checked, parse_list
from placet.audit.outcome import Basis, Verdict
from placet.audit.verify import verify
from placet.cli import confined
from placet.cli.main import app
from placet.core.errors import InputError
from placet.core.job_list import list_head
from placet.core.values import to_hex
from state_tries import contract_state

DEPLOYMENT, TRUST = simulations()[0].deployment, simulations()[0].trust


def opened_in(shown: InstitutionJobs, block: int) -> dict[str, Any]:
    """The list with another block of its last job's opening, heads and all."""
    last = shown.jobs[-1]
    head = list_head(shown.jobs[-2].head, last.job, block)
    jobs = (*shown.jobs[:-1], last.model_copy(update={"block": block, "head": head}))
    return {"jobs": jobs, "list_head": head, "proof": None}


def judged(shown: InstitutionJobs | None = None, **changes: Any) -> InstitutionReport:
    own, trusted = whole()
    given = {"reports": reports(), "unread": (), "trusted": trusted} | changes
    kept = (given.pop("reports"), given.pop("unread"))
    return judge_institution(shown or own, *kept, DEPLOYMENT, TRUST, **given)


def kinds(report: InstitutionReport) -> list[GapKind]:
    return [gap.kind for gap in report.gaps]


def test_an_institution_whose_jobs_are_all_there_is_complete_under_one_hash() -> None:
    report = judged()
    assert (report.verdict, report.basis, report.gaps) == (Verdict.INTACT, Basis.PROVEN, ())
    assert report.headline.startswith(f"Complete: all 3 jobs of {NAMES[0]} up to block {BLOCK}")
    assert [(line.number, line.job) for line in report.jobs] == [
        (number, simulation.job) for number, simulation in enumerate(simulations(), 1)
    ]
    assert parse_list(whole()[0].model_dump_json().encode()) == whole()[0]
    assert lines(report)[0] == f"COMPLETE  {NAMES[0]} {to_hex(INSTITUTION)}"


EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&"


class Page(HTMLParser):
    """The names of all elements and attributes of a page, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_its_page_shows_each_number_and_each_gap() -> None:
    report = judged()
    page = Page(html(report))
    for line in report.jobs:
        assert to_hex(line.job) in page.texts and str(line.number) in page.texts
    assert {"Complete", report.headline, to_hex(INSTITUTION)} <= set(page.texts)
    gaps = judged(reports=reports()[1:])
    texts = set(Page(html(gaps)).texts)
    assert {"What is missing, or is not so", "no bundle"} <= texts and gaps.gaps[0].words in texts


def test_nothing_in_its_page_is_read_as_html() -> None:
    """Names of the trust list, parties, recipes, files and reasons are others' words."""
    report = judged(unread=(UnreadBundle(name=EVIL, words=EVIL),))
    plain = Page(html(report))
    gaps = tuple(gap.model_copy(update={"parties": (EVIL, EVIL), "words": EVIL}) for gap in report.gaps)
    jobs = tuple(line.model_copy(update={"recipe": EVIL}) for line in report.jobs)
    fields = {"name": EVIL, "headline": EVIL, "gaps": gaps, "jobs": jobs, "notes": (EVIL,)}
    evil = Page(html(report.model_copy(update=fields)))
    assert evil.elements <= plain.elements | {"ul", "li"} and evil.attributes <= plain.attributes
    assert (
        "script" not in evil.elements and sum(EVIL in text for text in evil.texts) == 2 + 2 * len(gaps) + len(jobs) + 1
    )


def test_its_page_ends_where_nobody_reads_on() -> None:
    report = judged()
    many = report.model_copy(update={"jobs": report.jobs * 2_000})
    page = html(many)
    assert "and 1,000 more" in page and len(page) < 5 << 20


def test_an_institution_without_jobs_is_complete() -> None:
    """Nothing stands in the ledger at its place, which nodes show too."""
    other = simulations()[0].signers[CONSUMER].address
    shown = whole()[0].model_copy(update={"institution": other, "count": 0, "list_head": bytes(24), "jobs": ()})
    report = judged(shown, reports=())
    assert (report.verdict, report.count) == (Verdict.INTACT, 0)


def test_by_the_collectors_word_nothing_is_complete_and_by_ones_own_endpoint_it_is() -> None:
    report = judged(trusted=None)
    assert (report.verdict, report.basis, kinds(report)) == (Verdict.INCOMPLETE, Basis.OWN_FILES, [GapKind.PROOF])
    report = judged(trusted=None, live=True)
    assert (report.verdict, report.basis) == (Verdict.INTACT, Basis.LIVE_CHAIN)
    bare = whole()[0].model_copy(update={"proof": None})
    assert judged(bare, trusted=None, live=True).verdict is Verdict.INTACT
    report = judged(bare, live=True)
    assert (report.verdict, report.basis, kinds(report)) == (Verdict.INCOMPLETE, Basis.LIVE_CHAIN, [GapKind.PROOF])


@pytest.mark.parametrize("left", range(3))
def test_each_missing_bundle_is_named(left: int) -> None:
    report = judged(reports=[one for one in reports() if one.job != simulations()[left].job])
    (gap,) = report.gaps
    assert (report.verdict, gap.kind, gap.number) == (Verdict.INCOMPLETE, GapKind.BUNDLE, left + 1)
    assert (gap.job, gap.block) == (simulations()[left].job, simulations()[left].bundle().facts.opened.at.block)


def test_a_party_without_evidence_is_named_with_its_job() -> None:
    report = judged(reports=[*reports()[1:], verify(simulations()[0].bundle(without=(2,)))])
    assert report.verdict is Verdict.INCOMPLETE
    assert [(gap.kind, gap.number, gap.parties) for gap in report.gaps if gap.kind is GapKind.EVIDENCE] == [
        (GapKind.EVIDENCE, 1, (NAMES[2],))
    ]


def test_a_bad_bundle_is_not_made_good_by_another_of_the_same_job() -> None:
    bundle = simulations()[0].bundle()
    false = bundle.facts.model_copy(update={"recorded": bundle.facts.recorded[:-1]})
    bad = verify(bundle.model_copy(update={"facts": false}))
    assert bad.verdict is Verdict.TAMPERED
    for order in ([bad, *reports()], [*reports(), bad]):
        report = judged(reports=order)
        assert report.verdict is Verdict.TAMPERED
        assert [gap.number for gap in report.gaps if gap.kind is GapKind.VERDICT] == [1]


def test_a_bundle_of_another_job_is_named() -> None:
    """By who hands it out, the institution took part in it; by the ledger it did not."""
    report = judged(reports=[*reports(), verify(Simulation(people=5).bundle())])
    assert (report.verdict, [gap.kind for gap in report.gaps]) == (Verdict.INCOMPLETE, [GapKind.UNLISTED])


def test_what_cannot_be_judged_is_told() -> None:
    job = simulations()[1].job
    failed = UnreadBundle(job=job, name=to_hex(job), words="the chain knows no such job")
    report = judged(reports=[reports()[0], reports()[2]], unread=[failed, UnreadBundle(name="notes", words="not JSON")])
    assert [(gap.kind, gap.number) for gap in report.gaps] == [(GapKind.BUNDLE, 2), (GapKind.FILE, None)]
    assert "the chain knows no such job" in report.gaps[0].words


FALSE: dict[str, Callable[[InstitutionJobs], dict[str, Any]]] = {
    "a job of another block": lambda shown: {"jobs": (shown.jobs[0].model_copy(update={"block": 7}), *shown.jobs[1:])},
    "another job": lambda shown: {"jobs": (*shown.jobs[:2], shown.jobs[2].model_copy(update={"job": h("other")}))},
    "another order": lambda shown: {"jobs": tuple(reversed(shown.jobs))},
    "one number twice": lambda shown: {"jobs": (shown.jobs[0], *shown.jobs)},
    "one more than the ledger has": lambda shown: {
        "jobs": (*shown.jobs, shown.jobs[2].model_copy(update={"number": 4})),
    },
    "fewer, by a count of its own": lambda shown: {"count": 2, "jobs": shown.jobs[:2]},
    "fewer, by count and head": lambda shown: {"count": 2, "jobs": shown.jobs[:2], "list_head": shown.jobs[1].head},
    "a job above the list's block": lambda shown: opened_in(shown, BLOCK + 1),
    "a job below the one before": lambda shown: opened_in(shown, 0),
    "another head": lambda shown: {"list_head": bytes(24), "proof": None},
    "another ending": lambda shown: {
        "jobs": (
            *shown.jobs[:2],
            shown.jobs[2].model_copy(update={"progress": shown.jobs[0].progress}),
        )
    },
    "another time": lambda shown: {"jobs": (shown.jobs[0].model_copy(update={"opened_at": 5}), *shown.jobs[1:])},
    "another block's time": lambda shown: {"head": shown.head.model_copy(update={"timestamp": 5})},
    "another ledger": lambda shown: {"deployment": h("other")},
}


@pytest.mark.parametrize("lie", FALSE)
def test_a_list_that_says_something_else_than_the_ledger_is_tampered(lie: str) -> None:
    shown = whole()[0].model_copy(update=FALSE[lie](whole()[0]))
    report = judged(shown)
    assert report.verdict is Verdict.TAMPERED
    assert GapKind.LIST in kinds(report)


def test_as_many_other_jobs_are_not_the_ledgers() -> None:
    """One job in the place of another, its heads and all."""
    bundles = [simulation.bundle() for simulation in simulations()]
    shown = listed([bundles[0], bundles[1], bundles[1]])[0].model_copy(update={"proof": whole()[0].proof})
    gaps = checked(shown, DEPLOYMENT, whole()[1])
    assert [gap.kind for gap in gaps] == [GapKind.LIST] and "3 jobs under the head" in gaps[0].words


def test_a_proof_without_a_node_or_with_a_changed_header_proves_nothing() -> None:
    shown, trusted = whole()
    assert shown.proof is not None
    chance, needed = random.Random(3), 0
    for place in range(len(shown.proof.nodes)):
        nodes = (*shown.proof.nodes[:place], *shown.proof.nodes[place + 1 :])
        less = shown.proof.model_copy(update={"nodes": nodes})
        gaps = checked(shown.model_copy(update={"proof": less}), DEPLOYMENT, trusted)
        needed += bool(gaps)
        assert {gap.kind for gap in gaps} <= {GapKind.PROOF}
    assert needed == len(shown.proof.nodes) - 1, "all but another account's"
    raw = shown.proof.header
    for at in range(0, len(raw), 5):
        flipped = raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]
        other = shown.proof.model_copy(update={"header": flipped})
        assert checked(shown.model_copy(update={"proof": other}), DEPLOYMENT, trusted) != ()


def test_a_ledger_with_more_attempts_than_are_looked_for_is_not_followed() -> None:
    """A state of somebody's own making, which would have a reader look for trails for ever."""
    bundle = simulations()[0].bundle()
    crafted = bundle.model_copy(update={"facts": bundle.facts.model_copy(update={"attempt": 2**32 - 1})})
    shown, trusted = listed([crafted])
    assert [gap.kind for gap in checked(shown, DEPLOYMENT, trusted)] == [GapKind.PROOF]
    assert [gap.kind for gap in checked(shown, DEPLOYMENT, whole()[1])] == [GapKind.LIST], "nor one of no block at all"


def test_a_count_that_nobody_can_spell_out_is_one_gap() -> None:
    shown = whole()[0].model_copy(update={"count": 2**53 - 1, "proof": None})
    (gap,) = checked(shown, DEPLOYMENT, None)
    assert (gap.kind, gap.number, gap.until) == (GapKind.JOB, 4, 2**53 - 1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """An auditor's folder with one job's bundle and list, both as of one block, and what to say of that block."""
    simulation = Simulation(people=1)
    bundle = simulation.bundle()
    state, _ = contract_state(bundle.deployment.job_ledger.address, storage_of([bundle]))
    bundle, trusted = proven(simulation, state)
    assert bundle.proof is not None
    shown, _ = listed([bundle], bundle.facts.head.block, bundle.proof.blocks[-1].header)
    kept = tmp_path / "kept"
    kept.mkdir()
    for name, document in (
        ("kept/one.bundle", bundle),
        ("kept/job-list.json", shown),
        ("deployment.json", simulation.deployment),
        ("trust.json", simulation.trust),
    ):
        (tmp_path / name).write_text(document.model_dump_json())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(confined, "judge", lambda request: confined.judge_here(request, lambda _: None))
    for variable in ("PLACET_CHAIN_URL", "PLACET_DEPLOYMENT", "PLACET_TRUST"):
        monkeypatch.delenv(variable, raising=False)
    ((number, hash_),) = trusted.hashes.items()
    return kept, f"{number}={to_hex(hash_)}"


def audit(*options: str, as_json: bool = True) -> Any:
    words = ["audit", "institution", to_hex(INSTITUTION), "--deployment", "deployment.json", "--trust", "trust.json"]
    saved = ["--list", "kept/job-list.json", "--bundles", "kept"]
    return CliRunner().invoke(app, [*words, *saved, *options, *(["--json"] if as_json else [])])


def test_offline_from_one_folder_and_one_hash(folder: tuple[Path, str]) -> None:
    kept, block = folder
    answer = audit("--block", block)
    report = json.loads(answer.stdout)
    assert (answer.exit_code, report["verdict"], report["basis"], report["gaps"]) == (0, "intact", "proven", [])
    answer = audit("--block", block, as_json=False)
    assert answer.stdout.startswith("COMPLETE  ") and "Complete: all 1 job of" in answer.stdout
    audit("--block", block, "--html", "list.html")
    assert Path("list.html").read_text().startswith("<!doctype html>")
    answer = audit()
    assert (answer.exit_code, json.loads(answer.stdout)["verdict"]) == (5, "incomplete")
    (kept / "notes.txt").write_text("nothing")
    answer = audit("--block", block)
    assert answer.exit_code == 5
    assert [gap["kind"] for gap in json.loads(answer.stdout)["gaps"]] == ["file"]
    (kept / "notes.txt").unlink()
    (kept / "one.bundle").unlink()
    answer = audit("--block", block, as_json=False)
    assert answer.exit_code == 5 and "✗ bundle number 1" in answer.stdout


def test_a_list_of_another_institution_or_of_nobody_is_refused(folder: tuple[Path, str]) -> None:
    kept, block = folder
    document = json.loads((kept / "job-list.json").read_text())
    (kept / "job-list.json").write_text(json.dumps(document | {"institution": to_hex(h("other")[:20])}))
    answer = audit("--block", block)
    assert answer.exit_code == 1 and "another institution" in answer.stderr
    (kept / "job-list.json").write_text("{}")
    assert audit("--block", block).exit_code == 1
    with pytest.raises(InputError):
        parse_list(b"[]")


def test_hashes_of_several_blocks_ask_for_the_newest(folder: tuple[Path, str]) -> None:
    _, block = folder
    answer = audit("--block", block, "--block", f"9999={to_hex(h('later'))}")
    assert answer.exit_code == 5
    assert any("up to block 9999 is not shown" in gap["words"] for gap in json.loads(answer.stdout)["gaps"])
