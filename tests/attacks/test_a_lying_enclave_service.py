"""Promise 1 and 2 where an enclave computes: a service that lies gets no key, no seal and no fee; nor does a company
that lies about its consent get a result.

All that the service tells the companies is HTTP and the peer link, so a lie is what these carry.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import x25519

from comparison_harness import AFTER, BEFORE, ComparisonHarness, Ended, accept, founded
from placet.catalogue.contract_compare import ContractCompareParameters
from placet.chain.states import JobStatus
from placet.company.company import Company
from placet.company.service import HttpEnclaves
from placet.core.consent import Status
from placet.core.enclave_policy import Role
from placet.core.errors import PlacetError
from placet.core.hashing import canonical
from placet.core.values import from_hex
from placet.jobs.step_recorder import StepRecorder as Stage_
from placet.protocols.enclave.evidence.model import measurement_id
from placet.protocols.enclave.platform.simulated import SimulatedEnclave
from placet.protocols.enclave.platform.swtpm import Swtpm
from placet.protocols.enclave.sealed.task import Task
from placet.recipes.contract_compare import proposal as comparison_plan
from placet.recipes.contract_compare import run as contract_compare
from placet.recipes.contract_compare.sessions import EnclaveSession, Proof

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ComparisonHarness]:
    with founded(tmp_path_factory.mktemp("comparing")) as made:
        async with made.serving():
            await accept(made)
            yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def a(trio: ComparisonHarness) -> AsyncIterator[Company]:
    async with trio.company("before") as here:
        yield here


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def b(trio: ComparisonHarness) -> AsyncIterator[Company]:
    async with trio.company("after") as here:
        yield here


async def compared(harness: ComparisonHarness, a: Company, b: Company, **request: Any) -> Ended:
    return await harness.compare(
        harness.document("old.md", BEFORE), harness.document("new.md", AFTER), a=a, b=b, **request
    )


async def demand_nothing(harness: ComparisonHarness, ended: Ended, money: int, *, keys: bool | None) -> None:
    """No result, no fee, an honest trail; and, where the lie came before, no key left a company."""
    assert ended.how == "aborted", ended.moments
    assert harness.chain.job(ended.job).status is JobStatus.ABORTED
    assert ended.results == {"before": None, "after": None}
    assert harness.chain.balance_of(from_hex(harness.made.token), harness.address("before")) == money
    audit = await asyncio.to_thread(harness.audited, ended.job)
    assert audit["verdict"] == "intact"
    given = [m for m in harness.app.state.runner.store.messages(ended.job) if m.message.tag == "enclave.keys"]
    assert keys is None or bool(given) is keys


@pytest_asyncio.fixture(loop_scope="module")
async def money(trio: ComparisonHarness) -> int:
    return trio.chain.balance_of(from_hex(trio.made.token), trio.address("before"))


@pytest.mark.slow
async def test_positive_control(trio: ComparisonHarness, a: Company, b: Company) -> None:
    assert (await compared(trio, a, b)).how == "completed"


@pytest.mark.slow
async def test_an_old_quote_is_replayed(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence of this very enclave, over an earlier nonce."""
    prove = EnclaveSession.prove

    async def replay(case: EnclaveSession, nonce: bytes) -> Proof:
        return await prove(case, bytes(32))

    monkeypatch.setattr(EnclaveSession, "prove", replay)
    ended = await compared(trio, a, b)
    assert "attestation.binding" in ended.codes()
    await demand_nothing(trio, ended, money, keys=False)


async def test_the_service_offers_its_own_key(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """True evidence of a true enclave, and a key that the service can open."""
    prove = EnclaveSession.prove
    own = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()

    async def swap(case: EnclaveSession, nonce: bytes) -> Proof:
        return (await prove(case, nonce)).model_copy(update={"key": own})

    monkeypatch.setattr(EnclaveSession, "prove", swap)
    ended = await compared(trio, a, b)
    assert "attestation.binding" in ended.codes()
    await demand_nothing(trio, ended, money, keys=False)


@pytest.mark.slow
async def test_another_tpm_quotes_the_measurement(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """A TPM that the plan does not name signs whatever it is asked to, for the service's own key."""
    from placet.protocols.enclave.evidence.binding import Binding
    from placet.protocols.enclave.evidence.model import EnclaveEvidence

    own = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
    (rule,) = trio.sessions.policy.rules
    tpm = await asyncio.to_thread(Swtpm, tmp_path / "tpm")
    try:

        async def forge(case: EnclaveSession, nonce: bytes) -> Proof:
            chain = trio.chain.deployment.chain_id
            bound = Binding(chain=chain, job=case.job, key=own, nonce=nonce, issued=0).digest()
            statement = await asyncio.to_thread(tpm.quote, rule.measurements[0], bound)
            return Proof(key=own, evidence=EnclaveEvidence(statement=statement))

        monkeypatch.setattr(EnclaveSession, "prove", forge)
        monkeypatch.setattr(SimulatedEnclave, "key", own)
        ended = await compared(trio, a, b)
    finally:
        await asyncio.to_thread(tpm.close)
    assert "attestation.key" in ended.codes()
    await demand_nothing(trio, ended, money, keys=False)


@pytest.mark.slow
async def test_the_enclave_is_swapped_after_it_has_proven_itself(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys that were sealed to one enclave open in no other."""
    compute = EnclaveSession.compute

    async def swap(case: EnclaveSession, task: Task, keys: Mapping[Role, bytes], seconds: float) -> Any:
        other = await trio.sessions._platform.start(chain=task.chain, job=task.job)
        true, case.enclave = case.enclave, other
        try:
            return await compute(case, task, keys, seconds)
        finally:
            case.enclave = true

    monkeypatch.setattr(EnclaveSession, "compute", swap)
    ended = await compared(trio, a, b)
    told = trio.app.state.runner.store.moments(ended.job)
    assert "enclave.key" in {moment.get("code") for _, moment in told}
    await demand_nothing(trio, ended, money, keys=True)


@pytest.mark.parametrize(
    "lie", ["recipient", *(pytest.param(lie, marks=pytest.mark.slow) for lie in ("another", "swapped"))]
)
async def test_the_enclave_is_fed_something_else(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """Another document, the two in the other order, or a task with a recipient of the service's own."""
    compute = EnclaveSession.compute
    code = "enclave.key" if lie == "recipient" else "enclave.document"

    async def feed(case: EnclaveSession, task: Task, keys: Mapping[Role, bytes], seconds: float) -> Any:
        before, after = case._file("before"), case._file("after")
        if lie == "another":
            content = before.read_bytes()
            before.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        elif lie == "swapped":
            one, two = before.read_bytes(), after.read_bytes()
            before.write_bytes(two)
            after.write_bytes(one)
        else:
            own = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
            mine = (task.recipients[0].model_copy(update={"key": own}), task.recipients[1])
            task = task.model_copy(update={"recipients": mine})
        return await compute(case, task, keys, seconds)

    monkeypatch.setattr(EnclaveSession, "compute", feed)
    ended = await compared(trio, a, b)
    told = trio.app.state.runner.store.moments(ended.job)
    assert code in {moment.get("code") for _, moment in told}
    await demand_nothing(trio, ended, money, keys=True)


@pytest.mark.slow
async def test_the_output_is_kept_back(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service has the keys, computes, and says nothing: at the deadline the fee goes back, and it holds a masked
    result that nobody ever releases."""
    compute = EnclaveSession.compute

    async def keep(case: EnclaveSession, task: Task, keys: Mapping[Role, bytes], seconds: float) -> Any:
        await compute(case, task, keys, seconds)
        await asyncio.sleep(300)

    monkeypatch.setattr(EnclaveSession, "compute", keep)
    ended = await compared(trio, a, b, open_seconds=5, deadline_seconds=20)
    await demand_nothing(trio, ended, money, keys=True)


@pytest.mark.parametrize(
    "told",
    [pytest.param(False, id="after-it-was-told", marks=pytest.mark.slow), pytest.param(True, id="before-it-was-told")],
)
async def test_one_byte_of_a_result_is_changed(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """No company seals a result that is not the enclave's, even where the service signs for the changed one."""
    compute = EnclaveSession.compute

    async def change(case: EnclaveSession, task: Task, keys: Mapping[Role, bytes], seconds: float) -> Any:
        results = await compute(case, task, keys, seconds)
        changed = bytearray(results[0])
        changed[len(changed) // 2] ^= 1
        case.result_file(0).write_bytes(changed)
        return results | {0: bytes(changed)} if told else results

    monkeypatch.setattr(EnclaveSession, "compute", change)
    ended = await compared(trio, a, b)
    assert "enclave.result" in ended.codes()
    await demand_nothing(trio, ended, money, keys=True)


@pytest.mark.slow  # the changed byte of a result stands for it
async def test_each_company_is_told_of_another_result(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lists, each true for its reader: their hashes are both sealed outputs, and no company seals two."""
    send = Stage_.send

    async def two(self: Stage_, to: str, tag: str, payload: bytes) -> None:
        if tag == "enclave.results" and to == "party-1":
            told = json.loads(payload)
            told["results"][0]["masked"] = "0x" + "11" * 32
            payload = canonical(told)
        await send(self, to, tag, payload)

    monkeypatch.setattr(Stage_, "send", two)
    ended = await compared(trio, a, b)
    assert ended.how == "aborted"
    assert ended.results == {"before": None, "after": None}
    assert trio.chain.balance_of(from_hex(trio.made.token), trio.address("before")) == money
    audit = await asyncio.to_thread(trio.audited, ended.job)
    assert set(audit["named"]) <= {"Trust Centre"}


@pytest.mark.slow
async def test_a_company_that_keeps_others_waiting_loses_the_place(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_compare, "ARRIVAL", 3)
    prove = HttpEnclaves.prove

    async def late(self: HttpEnclaves, job: bytes, nonce: bytes) -> Proof:
        await asyncio.sleep(60)
        return await prove(self, job, nonce)

    monkeypatch.setattr(HttpEnclaves, "prove", late)
    ended = await compared(trio, a, b)
    told = trio.app.state.runner.store.moments(ended.job)
    assert "enclave.idle" in {moment.get("code") for _, moment in told}
    await demand_nothing(trio, ended, money, keys=False)


@pytest.mark.parametrize("lie", ["another-key", "left-out"])
async def test_the_proposer_takes_the_partners_result(
    trio: ComparisonHarness, a: Company, b: Company, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """A plan without the partner among the recipients, or under a key that is not its own, is not signed."""
    own = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()

    def parameters(**given: Any) -> ContractCompareParameters:
        mine, theirs = given["recipients"]
        given["recipients"] = (mine, theirs.model_copy(update={"key": own})) if lie == "another-key" else (mine,)
        return ContractCompareParameters(**given)

    monkeypatch.setattr(comparison_plan, "ContractCompareParameters", parameters)
    mine = await trio.offer(a, "before", trio.document("old.md", BEFORE))
    await trio.offer(b, "after", trio.document("new.md", AFTER))
    with pytest.raises(PlacetError) as caught:
        await a.propose(trio.request(mine), patience=20)
    assert caught.value.code == "plan.recipient"


async def test_the_partner_is_made_to_compare_an_earlier_document(
    trio: ComparisonHarness, a: Company, b: Company
) -> None:
    """What it has prepared for a document is worth nothing once it offers another one."""
    mine = await trio.offer(a, "before", trio.document("old.md", BEFORE))
    await trio.offer(b, "after", trio.document("new.md", AFTER))
    ask, peer_client = a.runner.peer_client.ask, a.runner.peer_client

    async def later(party: bytes, what: str, *words: Any) -> Any:
        if what == "sign" and party == b.context.address:
            await trio.offer(b, "after", trio.document("newer.md", AFTER + "3. More.\n"))
        return await ask(party, what, *words)

    peer_client.ask = later  # type: ignore[method-assign]
    try:
        with pytest.raises(PlacetError) as caught:
            await a.propose(trio.request(mine), patience=20)
    finally:
        del peer_client.ask
    assert caught.value.code == "plan.stale"


async def test_a_company_lies_about_its_consent(
    trio: ComparisonHarness, a: Company, b: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names a consent that it never gave on chain: the job does not open, and nobody is asked for a key."""
    true = b.context.chain

    class Lying:
        def __getattr__(self, name: str) -> Any:
            return getattr(true, name)

        def consent(self, consent: bytes, **more: Any) -> Any:
            return dataclasses.replace(true.consent(consent, **more), status=Status.GIVEN, uses=1)

    carry = b.runner.intents.carry

    async def all_but_the_grant(name: str, *words: Any) -> Any:
        return None if name.startswith("grant:") else await carry(name, *words)

    monkeypatch.setattr(b.runner.intents, "carry", all_but_the_grant)
    object.__setattr__(b.context, "chain", Lying())
    try:
        mine = await trio.offer(a, "before", trio.document("old.md", BEFORE))
        await trio.offer(b, "after", trio.document("new.md", AFTER))
        record = await a.propose(trio.request(mine), patience=20)
        ended = await trio.ended(record.job, a=a, b=b)
    finally:
        object.__setattr__(b.context, "chain", true)
    assert ended.how == "cancelled", ended.moments
    assert trio.chain.job(record.job).status is JobStatus.CANCELLED
    assert not trio.app.state.runner.store.messages(record.job)


@pytest.mark.slow  # by default recipes/contract_compare/test_sessions: the service takes no such document
async def test_a_company_uploads_another_document_than_it_told(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service takes the document alone whose hash both sides agreed to."""
    upload = HttpEnclaves.upload

    async def other(self: HttpEnclaves, job: bytes, attempt: int, role: Role, file: Any) -> None:
        if role == "after":
            held = file.read_bytes()
            file.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
        await upload(self, job, attempt, role, file)

    monkeypatch.setattr(HttpEnclaves, "upload", other)
    ended = await compared(trio, a, b)
    assert "enclave.document" in ended.codes()
    await demand_nothing(trio, ended, money, keys=None)


@pytest.mark.slow  # by default protocols/enclave/test_release: a retired measurement gets no key
async def test_the_measurement_is_retired_while_the_job_runs(
    trio: ComparisonHarness, a: Company, b: Company, money: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its block on it gets no keys, although plan and evidence are as they were. The last test here: it is for
    ever."""
    (rule,) = trio.sessions.policy.rules
    ident = measurement_id(rule.kind, rule.measurements[0])
    prove, context = EnclaveSession.prove, trio.app.state.runner.context

    async def late(case: EnclaveSession, nonce: bytes) -> Proof:
        await trio.app.state.runner.intents.carry("retire", context.calls.retire(ident), context.address)
        return await prove(case, nonce)

    monkeypatch.setattr(EnclaveSession, "prove", late)
    ended = await compared(trio, a, b)
    assert "attestation.retired" in ended.codes()
    await demand_nothing(trio, ended, money, keys=False)
