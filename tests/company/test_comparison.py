"""Two companies have documents compared: what each gets, what the service holds, and how it ends when it can't."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks._contracts import synthetic
from benchmarks._documents import make

from comparison_harness import AFTER, BEFORE, FEE, ComparisonHarness
from in_a_browser import judged
from placet.audit import browser
from placet.audit.bundle import read_bundle
from placet.audit.findings import Uncheckable
from placet.audit.sections import Sections
from placet.chain.states import JobStatus
from placet.company.company import Company
from placet.company.withdrawing import withdraw as sent
from placet.comparison.compare import compare
from placet.core.consent import Status as ConsentStatus
from placet.core.errors import AccessError, AttestationError, ConfigError, PeerError, PlanError, Reverted
from placet.core.hashing import canonical
from placet.core.values import from_hex, to_hex
from placet.core.withdrawal import withdrawal_hash
from placet.jobs.messages import SealRequest
from placet.recipes.contract_compare.sessions import EnclaveSession

pytestmark = pytest.mark.asyncio(loop_scope="module")
PHRASE = "quintuple indemnity for the wandering lighthouse"


def same(result: dict[str, Any] | None, before: tuple[bytes, str], after: tuple[bytes, str]) -> None:
    assert result == json.loads(compare(*before, *after).model_dump_json())


def refused(*words: object) -> None:
    raise Uncheckable("cryptography.x509 is not there in a browser: not checked in a browser")


def incomplete_in_a_browser(report: dict[str, Any]) -> None:
    """What can't be checked there is lacking, and neither passed nor failed; the rest is judged."""
    assert report["verdict"] == "incomplete"
    lacking = {one["name"]: one for one in report["results"] if one["incomplete"]}
    assert lacking.keys() == {"enclave.evidence", "enclave.accepted"}
    assert all(one["status"] == "skipped" and "not checked in a browser" in one["reason"] for one in lacking.values())
    assert [one["name"] for one in report["results"] if one["status"] in ("failed", "disputed")] == []


async def test_both_companies_get_the_comparison_and_the_service_holds_nothing_of_it(
    harness: ComparisonHarness, a: Company, b: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = BEFORE + f"\n3. There is a {PHRASE}.\n", AFTER + f"\n3. There is no {PHRASE}.\n"
    money = harness.chain.balance_of(from_hex(harness.made.token), harness.address("service"))
    ended = await harness.compare(harness.document("old.md", old), harness.document("new.md", new), a=a, b=b)
    assert ended.how == "completed", ended.moments
    for result in ended.results.values():
        same(result, (old.encode(), "old.md"), (new.encode(), "new.md"))
    assert harness.chain.balance_of(from_hex(harness.made.token), harness.address("service")) == money + FEE
    file = harness.made.folder / "compared.bundle"
    audit = await asyncio.to_thread(harness.audited, ended.job, file)
    assert audit["verdict"] == "intact"
    assert any("simulated" in note for note in audit["notes"])
    own = [(harness.made.folder / name).read_bytes() for name in ("deployment.json", "trust.json")]
    with monkeypatch.context() as without:
        without.setattr("placet.protocols.enclave.evidence.verify.verify", refused)
        judgement, _ = await asyncio.to_thread(browser.judge, file.read_bytes(), *own)
    assert judgement.report is not None
    incomplete_in_a_browser(judgement.report.to_json())
    words = [PHRASE.encode(), b"Supplier", b"old.md", zlib.compress(PHRASE.encode())[2:-4]]
    for place in ("service", "service-vault"):
        for file in (harness.made.folder / place).rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            assert not [word for word in words if word in content], file
    async with asyncio.timeout(60):  # the service may see the job's end after the companies
        while list((harness.made.folder / "service/enclaves").iterdir()):
            await asyncio.sleep(0.1)
    for role in ("before", "after"):
        shown = (harness.made.folder / f"out-{role}/evidence.json").read_bytes()
        assert not [word for word in words if word in shown]
        assert not list((harness.made.folder / role / "documents").glob("*.locked"))


@pytest.mark.slow
async def test_an_auditors_browser_calls_a_job_with_an_enclave_incomplete(
    harness: ComparisonHarness, a: Company, b: Company, tmp_path: Path
) -> None:
    ended = await harness.compare(harness.document("old.md", BEFORE), harness.document("new.md", AFTER), a=a, b=b)
    file = tmp_path / "job.bundle"
    assert (await asyncio.to_thread(harness.audited, ended.job, file))["verdict"] == "intact"
    with file.open("rb") as source:
        bundle = read_bundle(source, Sections())

    (answer,) = await asyncio.to_thread(judged, tmp_path, [(bundle, True)])
    assert answer["judgement"]["failure"] is None
    incomplete_in_a_browser(answer["judgement"]["report"])


@pytest.mark.slow
async def test_a_pdf_against_a_docx(harness: ComparisonHarness, a: Company, b: Company) -> None:
    rng = random.Random(5)
    items = synthetic(600, rng)
    old, new = make(items, "pdf", rng), make(items[1:], "docx", rng)
    ended = await harness.compare(harness.document("old.pdf", old), harness.document("new.docx", new), a=a, b=b)
    assert ended.how == "completed", ended.moments
    same(ended.results["after"], (old, "old.pdf"), (new, "new.docx"))


@pytest.mark.slow  # `comparison/test_hostile` and `enclave/test_platform` have its documents by default
async def test_a_hostile_document_ends_the_job_at_once_and_the_fee_comes_back(
    harness: ComparisonHarness, a: Company, b: Company
) -> None:
    from tests.protocols.enclave.hostile import DOCUMENTS

    name, content, code = DOCUMENTS["bomb"]
    token, sponsor = from_hex(harness.made.token), harness.address("before")
    money = harness.chain.balance_of(token, sponsor)
    ended = await harness.compare(harness.document("old.md", BEFORE), harness.document(name, content()), a=a, b=b)
    assert ended.how == "aborted"
    assert harness.chain.job(ended.job).attempt == 1
    told = harness.app.state.runner.store.moments(ended.job)
    assert code in {str(moment.get("code")) for _, moment in told}
    for moments in ended.moments.values():
        assert [moment["code"] for moment in moments if moment["status"] == "abort-reason"] == [code]
    assert harness.chain.balance_of(token, sponsor) == money
    assert ended.results == {"before": None, "after": None}
    assert (await asyncio.to_thread(harness.audited, ended.job))["verdict"] == "intact"


async def withdraw(here: Company, consent: bytes) -> None:
    record = here.documents.of(consent)
    full = record.consent.expand(record.offer, record.scope, here.context.trust.name)
    signature = here.context.signer.sign(here.context.deployment.consents.digest(withdrawal_hash(consent)))
    await here.runner.intents.carry(f"withdraw:{consent.hex()}", here.context.calls.withdraw(full.grant(), signature))


@pytest.mark.slow  # the withdrawal while it runs stands for it
async def test_a_withdrawal_before_the_keys_leaves_the_enclave_without_any(
    harness: ComparisonHarness, a: Company, b: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The partner withdraws when both documents are there: no company gives its key."""
    theirs = await harness.offer(b, "after", harness.document("new.md", AFTER))
    mine = await harness.offer(a, "before", harness.document("old.md", BEFORE))
    prove = EnclaveSession.prove

    async def late(case: EnclaveSession, nonce: bytes) -> Any:
        if (await asyncio.to_thread(harness.chain.consent, theirs)).status.name == "GIVEN":
            await withdraw(b, theirs)
        return await prove(case, nonce)

    monkeypatch.setattr(EnclaveSession, "prove", late)
    record = await a.propose(harness.request(mine), patience=120)
    ended = await harness.ended(record.job, a=a, b=b)
    assert ended.how == "aborted"
    for here in (a, b, harness.app.state):
        sent = here.runner.store.messages(record.job)
        assert "enclave.keys" not in {one.message.tag for one in sent}


async def test_a_withdrawal_while_it_runs_ends_the_enclave(
    harness: ComparisonHarness, a: Company, b: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = await harness.offer(b, "after", harness.document("new.md", AFTER))
    mine = await harness.offer(a, "before", harness.document("old.md", BEFORE))
    running = asyncio.Event()
    enclaves = []

    async def never(case: EnclaveSession, *_: Any, **__: Any) -> Any:
        enclaves.append(case.enclave)
        running.set()
        await asyncio.sleep(600)

    monkeypatch.setattr(EnclaveSession, "compute", never)
    record = await a.propose(harness.request(mine), patience=120)
    async with asyncio.timeout(240):
        await running.wait()
    await withdraw(b, theirs)
    ended = await harness.ended(record.job, a=a, b=b)
    assert ended.how == "aborted"
    assert harness.chain.job(record.job).status is JobStatus.ABORTED
    with pytest.raises(Exception, match="ended"):
        await enclaves[0].prove(bytes(32))
    assert (await asyncio.to_thread(harness.audited, ended.job))["verdict"] == "intact"


@pytest.mark.slow
async def test_a_company_withdraws_after_it_has_computed_and_leaves(harness: ComparisonHarness, a: Company) -> None:
    """The other one ends the job, and does not wait for its deadline."""
    mine = await harness.offer(a, "before", harness.document("old.md", BEFORE))
    async with harness.company("after") as gone:
        theirs = await harness.offer(gone, "after", harness.document("new.md", AFTER))
        held = asyncio.Event()

        async def no_seal(*_: Any) -> Any:
            held.set()
            raise PeerError("not now", code="peer.early")

        gone.runner.answers._questions["seal"] = (SealRequest, no_seal)
        record = await a.propose(harness.request(mine), patience=120)
        async with asyncio.timeout(240):
            await held.wait()
    await sent(harness.settings("after"), theirs, seconds=120)
    async with asyncio.timeout(100):  # the deadline is 300 seconds away
        assert await a.ended(record.job, lambda _: None) == "aborted"


@pytest.mark.slow
async def test_a_client_that_was_ended_goes_on_with_a_new_attempt(
    harness: ComparisonHarness, b: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proposer's client is gone while the enclave runs, and comes back."""
    theirs = await harness.offer(b, "after", harness.document("new.md", AFTER))
    compute, first = EnclaveSession.compute, asyncio.Event()

    async def slow(case: EnclaveSession, *words: Any, **more: Any) -> Any:
        if case.attempt == 1:
            first.set()
            await asyncio.sleep(600)
        return await compute(case, *words, **more)

    monkeypatch.setattr(EnclaveSession, "compute", slow)
    async with harness.company("before") as gone:
        mine = await harness.offer(gone, "before", harness.document("old.md", BEFORE))
        record = await gone.propose(harness.request(mine), patience=120)
        async with asyncio.timeout(240):
            await first.wait()
    async with harness.company("before") as back:
        ended = await harness.ended(record.job, a=back, b=b)
    assert theirs in {chosen.consent for chosen in record.plan.inputs}
    assert ended.how == "completed", ended.moments
    assert harness.chain.job(record.job).attempt == 2
    same(ended.results["before"], (BEFORE.encode(), "old.md"), (AFTER.encode(), "new.md"))
    assert (await asyncio.to_thread(harness.audited, ended.job))["verdict"] == "intact"


@pytest.mark.slow
async def test_a_service_that_was_ended_goes_on_with_a_new_attempt_and_nothing_old(
    harness: ComparisonHarness, a: Company, b: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its node is gone while the enclave runs: the enclave and all ciphertexts go with it."""
    await harness.offer(b, "after", harness.document("new.md", AFTER))
    mine = await harness.offer(a, "before", harness.document("old.md", BEFORE))
    compute, first = EnclaveSession.compute, asyncio.Event()
    enclaves = []

    async def slow(case: EnclaveSession, *words: Any, **more: Any) -> Any:
        if case.attempt == 1:
            enclaves.append(case.enclave)
            first.set()
            await asyncio.sleep(600)
        return await compute(case, *words, **more)

    monkeypatch.setattr(EnclaveSession, "compute", slow)
    record = await a.propose(harness.request(mine), patience=120)
    async with asyncio.timeout(240):
        await first.wait()
    folder = harness.made.folder / "service/enclaves" / f"{record.job.hex()}-1"
    held = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert set(held) == {"before.locked", "after.locked"}
    await harness.stop()
    with pytest.raises(Exception, match="ended"):
        await enclaves[0].prove(bytes(32))
    await harness.start()
    ended = await harness.ended(record.job, a=a, b=b)
    assert ended.how == "completed", ended.moments
    assert harness.chain.job(record.job).attempt == 2
    same(ended.results["after"], (BEFORE.encode(), "old.md"), (AFTER.encode(), "new.md"))
    assert not folder.exists()


async def test_a_folder_has_one_client_and_a_withdrawal_gets_through_beside_it(
    harness: ComparisonHarness, a: Company
) -> None:
    mine = await harness.offer(a, "before", harness.document("old.md", BEFORE))
    with pytest.raises(ConfigError) as caught:
        async with harness.company("before"):
            pass
    assert caught.value.code == "client.busy"
    await sent(harness.settings("before"), mine, seconds=120)
    assert harness.chain.consent(mine).status is ConsentStatus.WITHDRAWN
    await sent(harness.settings("before"), mine, seconds=1)


async def test_a_withdrawal_that_was_refused_can_be_given_again(harness: ComparisonHarness) -> None:
    """The contract refuses one for an offer that it does not know yet; later it takes it."""
    file = harness.document("old.md", BEFORE)
    async with harness.company("before") as here:
        record = here._draft(file, harness.wish("before"), harness.address("before"), here.context.chain.now() + 86_400)
    with pytest.raises(Reverted):
        await sent(harness.settings("before"), record.id, seconds=120)
    async with harness.company("before") as here:
        assert await harness.offer(here, "before", file) == record.id
    await sent(harness.settings("before"), record.id, seconds=120)
    assert harness.chain.consent(record.id).status is ConsentStatus.WITHDRAWN


async def test_a_withdrawal_needs_no_client(harness: ComparisonHarness) -> None:
    async with harness.company("before") as here:
        mine = await harness.offer(here, "before", harness.document("old.md", BEFORE))
    await sent(harness.settings("before"), mine, seconds=120)
    assert harness.chain.consent(mine).status is ConsentStatus.WITHDRAWN


async def test_a_consent_is_given_once_for_a_document(harness: ComparisonHarness, a: Company) -> None:
    """What was not used yet is used, whatever happened in between."""
    file = harness.document("old.md", BEFORE)
    first = await harness.offer(a, "before", file)
    assert await harness.offer(a, "before", file) == first
    file.write_text(AFTER)
    assert await harness.offer(a, "before", file) != first


async def test_a_company_refuses_what_it_did_not_wish_for(harness: ComparisonHarness, b: Company) -> None:
    """Hardware was asked for; another program was named; the other role, partner or purpose."""
    theirs = await harness.offer(b, "after", harness.document("new.md", AFTER))
    assert theirs
    wishes: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"classes": frozenset({"hardware"})}, AttestationError, "attestation.kind"),
        ({"measurements": frozenset({bytes(32)})}, AttestationError, "attestation.measurement"),
        ({"classes": frozenset({"hardware"}), "measurements": frozenset()}, AttestationError, "attestation.kind"),
        ({"partner": harness.address("service")}, PlanError, "plan.entry"),
        ({"role": "after"}, PlanError, "plan.entry"),
    ]
    for changed, kind, code in wishes:
        async with harness.company("before", **changed) as here:
            mine = await harness.offer(here, "before", harness.document("old.md", BEFORE))
            with pytest.raises(kind) as caught:
                await here.propose(harness.request(mine), patience=0)
            assert caught.value.code == code  # type: ignore[attr-defined]


@pytest.mark.slow  # by default node/test_enclave_access: who may use a job's enclave
async def test_nobody_but_a_company_of_the_job_uses_its_enclave(
    harness: ComparisonHarness, a: Company, b: Company
) -> None:
    """Another institution's signed requests are refused, and each company may only touch its own document."""
    mine, theirs = await asyncio.gather(
        harness.offer(a, "before", harness.document("old.md", BEFORE)),
        harness.offer(b, "after", harness.document("new.md", AFTER)),
    )
    record = await a.propose(harness.request(mine), patience=120)
    service = a.context.trust.institution(harness.address("service"))
    stranger = dataclasses.replace(a.node, keys=harness.app.state.node.keys)
    from placet.company.service import HttpEnclaves

    outside = HttpEnclaves(service, stranger.keys.signer, a.context.deployment.consents)
    file = harness.document("x", b"x" * 100)
    for call in (
        outside.prove(record.job, bytes(32)),
        outside.download(record.job, 0, size=1),
        HttpEnclaves(service, a.node.keys.signer, a.context.deployment.consents).download(record.job, 1, size=1),
    ):
        with pytest.raises(AccessError) as caught:
            await call
        assert caught.value.code == "access.party"
    inside = HttpEnclaves(service, a.node.keys.signer, a.context.deployment.consents)
    with pytest.raises(AccessError):
        await inside.upload(record.job, 1, "after", file)
    async with httpx.AsyncClient(base_url=service.api, trust_env=False) as http:
        path, body = "/v1/enclave/jobs", canonical({"job": to_hex(record.job)})
        header = {"Authorization": inside.signer.header("POST", path, body)}
        for _ in range(600):
            begun = await http.post(path, content=body, headers=header | {"Content-Type": "application/json"})
            if begun.status_code == 201:
                break
            assert begun.json()["code"] in ("enclave.early", "access.replayed")
            header = {"Authorization": inside.signer.header("POST", path, body)}
            await asyncio.sleep(0.1)
        assert begun.json()["attempt"] == 1
    ended = await harness.ended(record.job, a=a, b=b)
    assert ended.how == "completed"
    assert theirs
