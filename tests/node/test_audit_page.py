"""The auditor's page in a real browser: what it says of a bundle is what the program says, and nothing leaves it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import tests.audit.conftest as _simulator_beside_its_tests  # noqa: F401 - lets these modules import each other
from fastapi import FastAPI
from simulator import Simulation
from tests.audit.malicious import CORPUS

from in_a_browser import installed
from placet.audit import browser as verifying
from placet.audit.bundle import Bundle
from placet.core.values import to_hex
from placet.node.http.cross_origin import OwnersFromAnywhere
from placet.pages import serving
from placet.pages.serving import explorer_router, pages_router

from .browser import accessible, axe, bound, chromium, photographed, playwright, served

pytestmark = pytest.mark.slow
SECONDS = 120_000
BY_THE_TOOLS = "Applying inline style violates"
"""What axe and the photographs try on a page that is an origin of its own; the page itself has no inline style."""
expect = playwright.expect


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


def _hosted(app: FastAPI) -> Iterator[str]:
    door = bound()
    with served(app, door):
        yield f"http://localhost:{door.getsockname()[1]}"


TRANSACTION = "0x" + "77" * 32


def _about(number: str) -> dict[str, list[str]]:
    """What a node says of transactions; that a real one does is in tests/node/test_consents_api.py."""
    return {"jobs": [to_hex(Simulation().job)] if number == TRANSACTION else [], "consents": []}


PROOFS, CONSENTS = (
    json.loads((Path(__file__).parents[1] / "vectors" / name).read_text(encoding="utf-8"))
    for name in ("proofs.json", "consent_proofs.json")
)
BANK, OTHER_BANK = PROOFS["institutions"]


def _who() -> dict[str, Any]:
    contracts = {name: {"address": PROOFS[name]} for name in ("statements", "consent_trees")}
    deployment = {"type": "placet.deployment", "chain_id": 8453, **contracts}
    return {
        "institution": OTHER_BANK["address"],
        "deployment": deployment,
        "trust": {"type": "placet.trust", "institutions": [BANK, OTHER_BANK]},
    }


def _case(name: str) -> dict[str, Any]:
    case: dict[str, Any] = next(one for one in PROOFS["cases"] if one["name"] == name)
    return case


def _of_consent(name: str) -> dict[str, Any]:
    case: dict[str, Any] = next(one for one in CONSENTS["cases"] if one["name"] == name)
    return case


def _key(key: str) -> dict[str, Any]:
    """What a node says of keys, jobs and consents; that a real one does is in tests/cli/test_consent_proofs.py."""
    for cases, keys in ((_case, PROOFS["keys"]), (_of_consent, CONSENTS["keys"])):
        for case in map(cases, ("holds", "a sandbox's key")):
            if case["proof"]["statement"]["key"] == key:
                answer: dict[str, Any] = case["key"] | {"key": keys[case["key"]["key"]]}
                return answer
    raise LookupError(key)


def _consent(statement: str, key: str, offer: str, root: str, nullifier: str) -> dict[str, Any]:
    case = _of_consent("holds")
    words = case["proof"]["statement"]
    assert (key, offer, root, nullifier) == tuple(words[name] for name in ("key", "offer", "root", "nullifier"))
    assert statement == CONSENTS["texts"][0]["statement_id"]
    answer: dict[str, Any] = case["consent"]
    return answer


def _job(job: str) -> dict[str, Any]:
    case = _case("holds")
    assert job == case["proof"]["statement"]["job"]
    answer: dict[str, Any] = case["job"]
    return answer


@pytest.fixture(scope="module")
def north() -> Iterator[str]:
    """A bank's node, as far as its pages go."""
    installed()
    app = FastAPI()
    app.include_router(pages_router((), "North Bank"))
    app.add_api_route("/v1/transactions/{number}", _about)
    app.add_api_route("/v1/trust", _who)
    app.add_api_route("/v1/proofs/keys/{key}", _key)
    app.add_api_route("/v1/proofs/jobs/{job}", _job)
    app.add_api_route("/v1/proofs/consents/{statement}", _consent)
    app.add_middleware(OwnersFromAnywhere)
    yield from _hosted(app)


@pytest.fixture(scope="module")
def own() -> Iterator[str]:
    """`placet audit --page`."""
    installed()
    app = FastAPI()
    app.include_router(explorer_router())
    yield from _hosted(app)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A visitor's own browser profile. Nothing may stand on its console at the end, and nobody else was asked."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    one = context.new_page()
    one.set_default_timeout(SECONDS)
    expect.set_options(timeout=SECONDS)
    complaints: list[str] = []
    one.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    one.on("pageerror", lambda error: complaints.append(str(error)))
    asked: list[Any] = []
    one.on("request", lambda request: asked.append(request))
    yield one
    context.close()
    assert {urlsplit(request.url).hostname for request in asked} <= {"localhost", None}
    assert {request.method for request in asked} == {"GET"}
    assert [words for words in complaints if not words.startswith(BY_THE_TOOLS)] == []


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Path]]:
    """A bundle, and the auditor's own files with it."""

    def write(bundle: Bundle | bytes, *names: str) -> list[Path]:
        paths = [tmp_path / "job.bundle"]
        paths[0].write_bytes(bundle if isinstance(bundle, bytes) else bundle.model_dump_json().encode())
        for name in names:
            paths.append(tmp_path / f"{name}.json")
            paths[-1].write_text(getattr(bundle, name).model_dump_json())
        return paths

    return write


def check(page: Any, paths: list[Path], button: str = "Check") -> None:
    page.locator("input[type=file]").set_input_files(paths)
    page.get_by_role("button", name=button, exact=True).click()


def report(page: Any) -> dict[str, Any]:
    """What the page hands out for programs."""
    with page.expect_download() as download:
        page.get_by_role("button", name="For programs (JSON)").click()
    content: dict[str, Any] = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    return content


def here(bundle: Bundle, *, own: bool = True) -> dict[str, Any]:
    both = (bundle.deployment, bundle.trust) if own else (None, None)
    raw = [None if one is None else one.model_dump_json().encode() for one in both]
    judgement, _ = verifying.judge(bundle.model_dump_json().encode(), *raw)
    assert judgement.report is not None
    return judgement.report.to_json()


def test_an_auditor_drops_verifies_and_sees_a_tampered_bundle_for_what_it_is(
    page: Any, north: str, files: Callable[..., list[Path]]
) -> None:
    simulation = Simulation()
    intact = simulation.bundle()
    page.goto(f"{north}/en/audit/{to_hex(intact.job)}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check a job")
    expect(page.get_by_text("This page comes from North Bank. So it proves nothing about North Bank")).to_be_visible()
    expect(page.get_by_label("Job, transaction or consent")).to_have_value(to_hex(intact.job))
    assert page.evaluate("origin") == "null"
    accessible(page, axe)
    photographed(page, "audit-start")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Choose a bundle.")
    expect(page.get_by_text(f"placet audit {to_hex(intact.job)}")).to_be_visible()

    check(page, files(intact, "deployment", "trust"))
    expect(page.get_by_role("heading", name="Intact", level=1)).to_be_visible()
    assert report(page) == here(intact)
    expect(page.get_by_text("The job completed: every key was released.")).to_be_visible()
    expect(page.get_by_role("img", name="Steps of 4 parties")).to_be_visible()
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("cell", name="sum.share").first).to_be_visible()
    accessible(page, axe)
    photographed(page, "audit-intact")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the report").click()
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert "<script" not in saved and "The job completed" in saved

    page.get_by_role("button", name="Check another").click()
    page.get_by_label("Job, transaction or consent").fill(to_hex(simulation.people[0][0].consent.id))
    check(page, files(intact))
    expect(page.get_by_text("Without your own deployment file")).to_be_visible()
    expect(page.get_by_role("heading", name="Incomplete", level=1)).to_be_visible()
    expect(page.get_by_text("The consent that you named was used in this job.")).to_be_visible()
    assert report(page) == here(intact, own=False)

    page.get_by_role("button", name="Check another").click()
    page.get_by_label("Job, transaction or consent").fill(TRANSACTION)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text(f"placet audit {to_hex(intact.job)}")).to_be_visible()
    check(page, files(intact, "deployment", "trust"))
    expect(page.get_by_text("The transaction that you named is this job's, by the word of the node")).to_be_visible()

    changed = CORPUS["a_step_changed_after_it_was_recorded"]
    lie = changed.bundle
    page.get_by_role("button", name="Check another").click()
    page.get_by_label("Job, transaction or consent").fill("")
    check(page, files(lie, "deployment", "trust"))
    expect(page.get_by_role("heading", name="Tampered", level=1)).to_be_visible()
    answer = report(page)
    assert answer == here(lie)
    assert answer["named"] == list(changed.culprits)
    assert [one["name"] for one in answer["results"] if one["status"] == "failed"] == [changed.check]
    heading = page.get_by_role("heading", name="What is wrong")
    expect(heading).to_be_visible()
    accessible(page, axe)
    photographed(page, "audit-tampered")


def test_nonsense_is_no_verdict_and_the_page_lives_on(page: Any, own: str, files: Callable[..., list[Path]]) -> None:
    page.goto(f"{own}/audit")
    expect(page.get_by_text("This page comes from your own machine.").first).to_be_visible()
    for nonsense in (b"nonsense", b"", b"\xff" * 1000, b'{"type": "placet.bundle", "version": 1}'):
        check(page, files(nonsense))
        expect(page.get_by_role("heading", name="No verdict")).to_be_visible()
        expect(page.get_by_text("Nothing is decided about the job.")).to_be_visible()
    accessible(page, axe)
    photographed(page, "audit-nonsense")
    page.get_by_label("Job, transaction or consent").fill("0x12")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text("That is no number of a job, a transaction or a consent")).to_be_visible()
    page.get_by_label("Job, transaction or consent").fill("0x" + "12" * 32)
    check(page, files(Simulation(people=2).bundle(), "deployment", "trust"))
    expect(page.get_by_role("heading", name="Intact", level=1)).to_be_visible()
    expect(page.get_by_text("neither this job nor a consent used in it")).to_be_visible()


def test_files_are_dropped_anywhere_and_judged_by_keyboard_alone_in_german(
    page: Any, own: str, files: Callable[..., list[Path]]
) -> None:
    bundle = Simulation(people=2).bundle()
    page.goto(f"{own}/de/audit")
    expect(page.get_by_role("heading", level=1)).to_have_text("Einen Auftrag prüfen")
    contents = {path.name: path.read_text() for path in files(bundle, "deployment", "trust")}
    dropped = page.evaluate_handle(
        "files => { const all = new DataTransfer(); "
        "for (const [name, text] of Object.entries(files)) all.items.add(new File([text], name)); return all; }",
        contents,
    )
    page.dispatch_event("h1", "drop", {"dataTransfer": dropped})
    expect(page.get_by_text("job.bundle")).to_be_visible()
    expect(page.get_by_text("trust.json")).to_be_visible()
    page.get_by_label("Auftrag, Transaktion oder Einwilligung").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Unversehrt", level=1)).to_be_focused()
    accessible(page, axe)


def test_a_bundle_can_put_nothing_into_the_page_but_text(page: Any, own: str, files: Callable[..., list[Path]]) -> None:
    bundle = Simulation(people=2).bundle()
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    named = bundle.trust.institutions[0].model_copy(update={"name": evil})
    trust = bundle.trust.model_copy(update={"institutions": (named, *bundle.trust.institutions[1:])})
    page.on("dialog", lambda dialog: pytest.fail("a bundle's script ran"))
    page.goto(f"{own}/en/audit")
    check(page, files(bundle.model_copy(update={"trust": trust})))
    expect(page.locator(".report").get_by_text(evil).first).to_be_visible()
    for name in ("img", "script", "a", "iframe", "style"):
        assert page.locator(f".report {name}").count() == 0


def test_a_page_in_a_sandbox_reaches_nobody_and_runs_no_strings(page: Any, north: str) -> None:
    page.goto(f"{north}/en/audit")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check a job")
    visited = page.context.new_page()
    visited.goto(f"{north}/en/audit")
    expect(visited.get_by_role("heading", level=1)).to_have_text("Check a job")
    for attempt in (
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "new Worker('/assets/worker.js')",
        "new Worker(URL.createObjectURL(new Blob(['1'])))",
        "localStorage.getItem('placet.owner/1')",
        "document.cookie",
    ):
        refused = visited.evaluate(f"() => {{ try {{ {attempt}; return '' }} catch (e) {{ return e.name }} }}")
        assert refused in ("TypeError", "SecurityError"), attempt
    blocked = visited.evaluate("fetch('http://127.0.0.1:9/').then(() => '', (error) => error.message)")
    assert blocked


def test_where_the_verifier_is_not_installed_the_page_names_the_program(
    page: Any, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "verifier", lambda: None)
    page.goto(f"{own}/en/audit")
    expect(page.get_by_role("heading", name="The verifier is not installed at this node")).to_be_visible()
    expect(page.get_by_text(re.compile("^placet audit --bundle job.bundle"))).to_be_visible()
    assert page.locator("input").count() == 0
    accessible(page, axe)
    photographed(page, "audit-absent")


def _states(page: Any) -> dict[str, str]:
    """What the page says of each check."""
    states = page.locator("[data-check]").evaluate_all(
        "all => Object.fromEntries(all.map((one) => [one.dataset.check, one.querySelector('.tag').textContent]))"
    )
    return dict(states)


def test_a_person_shows_a_proof_as_a_code_and_a_lender_checks_its_photo(page: Any, north: str, tmp_path: Path) -> None:
    case = _case("holds")
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(case["proof"]))
    page.goto(f"{north}/en/proof")
    expect(page.get_by_role("heading", level=1)).to_have_text("Show or check a proof")
    assert page.evaluate("origin") == "null"
    accessible(page, axe)
    photographed(page, "proof-start")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("heading", name="Not all could be checked")).to_be_visible()  # for whom it is was not said
    assert {name for name, state in _states(page).items() if state != "Yes"} == {"reader"}
    page.get_by_role("button", name="Show as a QR code").click()
    code = page.get_by_role("img", name="QR code of the proof: at least 10000.00")
    expect(code).to_be_visible()
    accessible(page, axe)
    photographed(page, "proof-code")
    photo = tmp_path / "photo.png"
    code.screenshot(path=str(photo))

    lender = page.context.new_page()
    lender.goto(f"{north}/en/proof")
    lender.get_by_label("Your address, if the proof is for you").fill(case["reader"])
    lender.locator("input[type=file]").set_input_files(photo)
    expect(lender.get_by_role("heading", name="The proof holds")).to_be_visible()
    assert set(_states(lender).values()) == {"Yes"}
    for words in (
        "Bank signed that the total is this person's",
        "Other Bank answers for the chain",
        "The key was made by Bank, Other Bank.",
        "at least 10000.00",
        "a lease",
    ):
        expect(lender.locator("main").get_by_text(words).first).to_be_visible()
    accessible(lender, axe)
    photographed(lender, "proof-holds")
    lender.get_by_label("Your address, if the proof is for you").fill("0x" + "09" * 20)
    expect(lender.get_by_role("heading", name="The proof does not hold")).to_be_visible()
    assert {name for name, state in _states(lender).items() if state == "No"} == {"reader"}
    lender.get_by_label("Your address, if the proof is for you").fill("0x09")
    expect(lender.get_by_role("alert").get_by_text("That is no address")).to_be_visible()


def _pasted(page: Any, north: str, proof: dict[str, Any] | str) -> None:
    """A visit of the page in German by the vectors' lender, who pastes."""
    page.goto(f"{north}/de/proof")
    page.get_by_label("Ihre Adresse, falls").fill(_case("holds")["reader"])
    page.locator("summary", has_text="Stattdessen den Text einfügen").click()
    text = proof if isinstance(proof, str) else json.dumps(proof)
    page.get_by_label("Text des Nachweises oder seines QR-Codes").fill(text)


def test_a_proof_that_fails_a_check_does_not_hold(page: Any, north: str) -> None:
    _pasted(page, north, "PLACET1:NOT A PROOF")
    expect(page.get_by_role("alert").get_by_text("Das ist kein Nachweis")).to_be_visible()
    _pasted(page, north, _case("more than was proven")["proof"])
    expect(page.get_by_role("heading", name="Der Nachweis stimmt nicht")).to_be_visible()
    assert {name for name, state in _states(page).items() if state == "Nein"} == {"proof"}
    accessible(page, axe)
    photographed(page, "proof-false")
    sandbox = _who() | {"deployment": _who()["deployment"] | {"chain_id": 31337}}
    page.route("**/v1/trust", lambda route: route.fulfill(json=sandbox, headers={"Access-Control-Allow-Origin": "*"}))
    _pasted(page, north, _case("a sandbox's key")["proof"])
    expect(page.get_by_role("heading", name="Ein Schlüssel zum Ausprobieren: Das beweist nichts")).to_be_visible()
    accessible(page, axe)
    photographed(page, "proof-sandbox")


def test_a_proof_does_not_hold_where_a_check_could_not_be_made(browser: Any, north: str, tmp_path: Path) -> None:
    page = browser.new_page()
    busy = {"json": {"code": "chain.slow", "detail": ""}, "headers": {"Access-Control-Allow-Origin": "*"}}
    page.route("**/v1/proofs/**", lambda route: route.fulfill(status=503, **busy))
    _pasted(page, north, _case("holds")["proof"])
    expect(page.get_by_role("heading", name="Nicht alles konnte geprüft werden")).to_be_visible()
    assert {n for n, state in _states(page).items() if state != "Ja"} == {"key", "ceremony", "proof", "job"}
    expect(page.get_by_text("hat nichts über die Chain geantwortet")).to_be_visible()
    page.unroute("**/v1/proofs/**")
    _pasted(page, north, _case("holds")["proof"])
    expect(page.get_by_role("heading", name="Der Nachweis stimmt")).to_be_visible()
    # What a node says of one chain is no word on another, which the reader's own file names.
    own = {"deployment": _who()["deployment"] | {"block": 1}, "trust": _who()["trust"]}
    for name, document in own.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    page.locator("input[type=file]").set_input_files([tmp_path / f"{name}.json" for name in own])
    expect(page.get_by_role("heading", name="Nicht alles konnte geprüft werden")).to_be_visible()
    expect(page.get_by_text("verwendet andere Verträge als Ihre Deployment-Datei")).to_be_visible()
    page.route("**/assets/pairing.*", lambda route: route.abort())
    _pasted(page, north, _case("holds")["proof"])
    expect(page.get_by_role("heading", name="Nicht geprüft")).to_be_visible()
    page.close()


def test_a_consent_is_shown_as_a_code_and_checked_by_its_photo(page: Any, north: str, tmp_path: Path) -> None:
    case = _of_consent("holds")
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(case["proof"]))
    page.goto(f"{north}/en/proof")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("heading", name="Not all could be checked")).to_be_visible()
    assert {name for name, state in _states(page).items() if state != "Yes"} == {"reader"}
    page.get_by_role("button", name="Show as a QR code").click()
    code = page.get_by_role("img", name="QR code of the proof: a consent to the offer 0xf1f1f1f1…")
    expect(code).to_be_visible()
    accessible(page, axe)
    photographed(page, "proof-consent")
    photo = tmp_path / "photo.png"
    code.screenshot(path=str(photo))

    sponsor = page.context.new_page()
    sponsor.goto(f"{north}/en/proof")
    sponsor.get_by_label("Your address, if the proof is for you").fill(case["reader"])
    sponsor.locator("input[type=file]").set_input_files(photo)
    expect(sponsor.get_by_role("heading", name="The proof holds")).to_be_visible()
    assert set(_states(sponsor).values()) == {"Yes"} and len(_states(sponsor)) == 9
    statement = case["proof"]["statement"]
    for words in (
        "One of 3. How many there are is the provider's word.",
        "Made by Bank.",
        statement["offer"],
        statement["job"],
        statement["nullifier"],
        "Live in block 77",
        "Bank published the tree.",
        "Have it recorded before you act on it",
        "The key was made by Bank, Other Bank.",
    ):
        expect(sponsor.locator("main").get_by_text(words).first).to_be_visible()
    accessible(sponsor, axe)
    photographed(sponsor, "proof-consent-holds")


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("an ended tree", "Der Nachweis stimmt nicht"),
        ("used in another statement", "Der Nachweis stimmt nicht"),
        ("a stranger's tree", "Der Nachweis stimmt nicht"),
        ("recorded in the last block, and its tree ended", "Nicht alles konnte geprüft werden"),
        ("recorded before its tree was ended", "Der Nachweis stimmt"),
    ],
)
def test_what_the_chain_says_of_a_consent_decides(page: Any, north: str, name: str, heading: str) -> None:
    case = _of_consent(name)
    headers = {"Access-Control-Allow-Origin": "*"}
    page.route("**/v1/proofs/consents/**", lambda route: route.fulfill(json=case["consent"], headers=headers))
    _pasted(page, north, case["proof"])
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    marks = {"Ja": "ok", "Nein": "failed", "Nicht geprüft": "unknown"}
    assert {check: marks[state] for check, state in _states(page).items()} == case["states"]


def test_a_nodes_silence_or_nonsense_about_a_consent_is_no_check(browser: Any, north: str) -> None:
    page, case = browser.new_page(), _of_consent("holds")
    answers: list[dict[str, Any]] = [
        {"json": case["consent"] | {"state": "alive"}},
        {"status": 503, "json": {"code": "chain.slow", "detail": ""}},
    ]
    open_ = {"Access-Control-Allow-Origin": "*"}
    page.route("**/v1/proofs/consents/**", lambda route: route.fulfill(headers=open_, **answers.pop()))
    while answers:
        _pasted(page, north, case["proof"])
        expect(page.get_by_role("heading", name="Nicht alles konnte geprüft werden")).to_be_visible()
        assert {n for n, state in _states(page).items() if state != "Ja"} == {"publisher", "tree", "use"}
    page.close()
