"""What a bundle may cost: time linear in it, memory bounded by it, and numbers that stand in one place."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, cast

import pytest
from growing import grown
from simulator import Simulation
from test_collect import Replay, honest, whole
from typer.testing import CliRunner

from placet.audit import collect as collecting
from placet.audit.bundle import Bundle
from placet.audit.collect import collect
from placet.audit.outcome import Verdict
from placet.audit.sections import Sections
from placet.audit.verify import verify
from placet.chain import events
from placet.chain.client import Chain
from placet.cli import confined
from placet.cli.main import app
from placet.core.errors import ChainError, LimitError, PlacetError
from placet.core.hashing import document_bytes, document_hash, sha256
from placet.core.plan import MAX_INPUTS, MAX_PARTIES, MAX_RECORD
from placet.core.trust import Institution, TrustList

CONTRACT = Path(__file__).resolve().parents[2] / "contracts" / "JobLedger.sol"


def test_contract_and_models_have_the_same_numbers() -> None:
    numbers = dict(re.findall(r"uint256 private constant (MAX_[A-Z]+) = (\d+);", CONTRACT.read_text()))
    assert numbers == {
        "MAX_PARTIES": str(MAX_PARTIES),
        "MAX_INPUTS": str(MAX_INPUTS),
        "MAX_RECORD": str(MAX_RECORD),
    }


class Endless(Replay):
    """A chain of contracts that take more inputs than ours do."""

    def __init__(self, simulation: Simulation, **changed: Any) -> None:
        super().__init__(simulation)
        place = next(i for i, event in enumerate(self.log) if isinstance(event, events.JobOpened))
        self.log[place] = replace(self.log[place], **changed)


def _collected(chain: Replay, simulation: Simulation) -> Bundle:
    return collect(cast(Chain, chain), simulation.trust, simulation.job, whole(honest(simulation)), Sections())


def test_a_job_with_257_inputs_ends_in_a_verdict() -> None:
    simulation = Simulation()
    bundle = _collected(Endless(simulation, openings=tuple(range(257))), simulation)
    report = verify(bundle)
    assert report.verdict is Verdict.TAMPERED
    assert "chain.limits" in {result.name for result in report.results if result.status == "failed"}


def test_a_number_that_no_contract_can_tell_is_the_endpoints_fault() -> None:
    simulation = Simulation()
    with pytest.raises(ChainError) as caught:
        _collected(Endless(simulation, deadline=2**48), simulation)
    assert caught.value.code == "chain.impossible"


# Time.


def _work(bundle: Bundle) -> int:
    """How many instructions of Python the verifier takes: the same on every machine."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        verify(bundle)
    finally:
        sys.settrace(before)
    return count


def test_the_work_grows_with_the_bundle_and_no_faster() -> None:
    """Twice the attempts, steps, messages, records and withdrawals: twice the work, not four times."""
    some, twice, four_times = (_work(grown(n)) for n in (10, 20, 40))
    assert four_times - twice <= 2.2 * (twice - some)


# Memory.


def test_a_long_document_is_hashed_item_by_item_to_the_same() -> None:
    bundle = grown(200)
    for document in (bundle, bundle.facts, *(entry.evidence for entry in bundle.evidence if entry.evidence)):
        assert document_hash(document) == sha256(document_bytes(document))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "bundle.json"
    file.write_text(Simulation().bundle().model_dump_json())
    return file


def test_a_bundle_that_takes_more_memory_than_its_size_allows_gets_no_verdict(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty lists by the hundred thousand are 60 bytes each in memory, and 3 in the file."""
    document = json.loads(saved.read_text())
    document["evidence"][0]["evidence"]["evidence"]["steps"][0]["parameters"] = {"x": [[]] * 700_000}
    saved.write_text(json.dumps(document, separators=(",", ":")))
    monkeypatch.setattr(confined, "EMPTY", 60 << 20)
    answer = CliRunner().invoke(app, ["audit", "--bundle", str(saved), "--json"])
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert isinstance(answer.exception, LimitError) or "cannot be judged within the limits" in answer.stderr


@pytest.mark.parametrize("program", ["raise SystemExit(0)", "import os; os.kill(os.getpid(), 11)", "print('{}')"])
def test_a_process_that_ends_without_an_answer_is_no_verdict(
    saved: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    start = confined.start_child

    def other(command: list[str], **options: Any) -> Any:
        return start([command[0], "-c", program], **options)

    monkeypatch.setattr(confined, "start_child", other)
    with pytest.raises(LimitError) as caught:
        confined.judge(confined.AuditRequest(file=str(saved)))
    assert caught.value.code == "audit.limits"


def test_a_process_that_never_ends_is_ended(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does whose library waits for itself after it got no memory."""
    start, started = confined.start_child, []

    def other(command: list[str], **options: Any) -> Any:
        started.append(start([command[0], "-c", "import signal; signal.pause()"], **options))
        return started[0]

    monkeypatch.setattr(confined, "start_child", other)
    monkeypatch.setattr(confined, "SECONDS", 0)
    monkeypatch.setattr(confined, "PER_MEGABYTE", 0)
    with pytest.raises(LimitError) as caught:
        confined.judge(confined.AuditRequest(file=str(saved)))
    assert caught.value.code == "audit.limits"
    assert started[0].returncode is not None


def test_a_request_is_told_wholly_however_slowly_its_process_reads(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trust list of many institutions is more than a pipe holds, and on a busy machine even a small request is not
    written within one tick."""
    certificate = "-----BEGIN CERTIFICATE-----" + "x" * 8000
    institutions = tuple(
        Institution(address=bytes([n]) * 20, name=f"Bank {n}", api="http://a", peer="http://b", certificate=certificate)
        for n in range(1, 61)
    )
    trust = TrustList(institutions=institutions)
    monkeypatch.setattr(confined, "_TICK", 1e-3)
    monkeypatch.setattr(confined, "SECONDS", 60)
    with pytest.raises(PlacetError) as caught:
        confined.judge(confined.AuditRequest(file=str(saved), trust=trust))
    assert caught.value.message == "the bundle was made with another trust list than yours"


class _Clock:
    """A second passes between two looks, and this many bytes come in each second."""

    def __init__(self, *sizes: int) -> None:
        self.now, self.sizes, self.size = 0.0, list(sizes), 0

    def monotonic(self) -> float:
        self.now += 1
        return self.now

    def received(self, _: int) -> int:
        self.size = self.sizes.pop(0) if self.sizes else self.size
        return self.size


@pytest.mark.parametrize(
    ("sizes", "seconds"),
    [
        pytest.param([], 10, id="silent from the start"),
        pytest.param([1, 1, 1, 2], 14, id="silent after a while"),
        pytest.param(range(1, 1000), 110, id="dripping for ever"),
    ],
)
def test_a_live_audit_ends_by_silence_long_before_it_ends_by_time(
    monkeypatch: pytest.MonkeyPatch, sizes: Iterable[int], seconds: int
) -> None:
    start, clock = confined.start_child, _Clock(*sizes)

    def other(command: list[str], **options: Any) -> Any:
        return start([command[0], "-c", "import signal; signal.pause()"], **options)

    monkeypatch.setattr(confined, "start_child", other)
    monkeypatch.setattr(confined, "time", clock)
    monkeypatch.setattr(confined, "_received", clock.received)
    monkeypatch.setattr(confined, "_TICK", 1e-3)
    for name, value in {"SECONDS": 10, "WAITING": 100}.items():
        monkeypatch.setattr(confined, name, value)
    simulation = Simulation()
    live = confined.LiveAudit(job=simulation.job, key=bytes(31) + b"\1")
    with pytest.raises(LimitError) as caught:
        confined.judge(confined.AuditRequest(live=live))
    assert caught.value.code == "audit.limits" and clock.now == seconds + 2


def test_a_silent_party_ends_before_the_audit_that_waits_for_it() -> None:
    assert (collecting.TIMEOUT.read or 0) + (collecting.TIMEOUT.connect or 0) + 60 < confined.SECONDS


def test_what_is_wrong_with_a_bundle_comes_out_of_its_process(saved: Path) -> None:
    saved.write_text("{}")
    with pytest.raises(PlacetError) as caught:
        confined.judge(confined.AuditRequest(file=str(saved)))
    assert (caught.value.code, caught.value.message) == ("input", "bundle is malformed")
    with pytest.raises(PlacetError) as caught:
        confined.judge(confined.AuditRequest(file=str(saved.with_name("absent"))))
    assert caught.value.code == "config"
