"""Over a long span, in which headers have gaps, a bundle tells all events or is found out."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import tests.audit.conftest as _simulator_beside_its_tests  # noqa: F401 - lets these modules import each other
from block_chain import logged, proven
from simulator import Simulation

from placet.audit.bundle import Bundle, parse_bundle
from placet.audit.findings import CheckStatus, Result
from placet.audit.log_proof import LogHead, ReadLog
from placet.audit.outcome import AuditReport, Basis, Verdict
from placet.audit.proof import TrustedBlocks
from placet.audit.verify import verify
from placet.core.block_header import read_header
from placet.core.errors import InputError
from placet.core.event_log import LogEntry
from placet.core.merkle import Rfc6962Tree, rfc6962_leaf


def of(report: AuditReport, name: str) -> Result:
    return next(result for result in report.results if result.name == f"proof.{name}")


def with_log(bundle: Bundle, **changes: Any) -> Bundle:
    assert bundle.proof is not None and bundle.proof.log is not None
    log = bundle.proof.log.model_copy(update=changes)
    return bundle.model_copy(update={"proof": bundle.proof.model_copy(update={"log": log})})


def without_withdrawal(bundle: Bundle) -> tuple[Bundle, int]:
    """The facts lack the last withdrawal and the proof its block's header; and the place of its entry in the log."""
    assert bundle.proof is not None and bundle.proof.log is not None
    at = bundle.facts.withdrawn[-1].at
    facts = bundle.facts.model_copy(update={"withdrawn": bundle.facts.withdrawn[:-1]})
    entries = [LogEntry.read(raw) for raw in bundle.proof.log.entries]
    place = next(place for place, entry in enumerate(entries) if entry.order == at.order)
    return bundle.model_copy(update={"facts": facts}), place


@pytest.mark.parametrize("job", [Simulation, lambda: Simulation(withdraw=(1, 2))], ids=["completed", "amended"])
def test_an_honest_job_rests_on_what_witnesses_signed(job: Callable[[], Simulation]) -> None:
    bundle, trusted = logged(job())
    report = verify(parse_bundle(bundle.model_dump_json().encode()), trusted=trusted)
    assert [r for r in report.results if r.group == "proof" and r.status is not CheckStatus.PASSED] == []
    assert (report.verdict, report.basis) == (Verdict.INTACT, Basis.PROVEN)
    whole, _ = proven(job())
    assert len(bundle.proof.blocks if bundle.proof else ()) < len(whole.proof.blocks if whole.proof else ())


def test_a_hidden_event_in_the_middle_is_named() -> None:
    bundle, trusted = logged(Simulation(withdraw=(1,)))
    fewer, place = without_withdrawal(bundle)
    report = verify(fewer, trusted=trusted)
    assert of(report, "facts").status is CheckStatus.FAILED and "withdrawn" in str(of(report, "facts").problems)
    assert fewer.proof is not None and fewer.proof.log is not None
    entries = fewer.proof.log.entries
    hidden = with_log(fewer, entries=(*entries[:place], *entries[place + 1 :]))
    report = verify(hidden, trusted=trusted)
    assert of(report, "facts").status is CheckStatus.PASSED, "the rest fits together"
    assert of(report, "log").status is CheckStatus.FAILED
    assert (report.verdict, report.basis) == (Verdict.TAMPERED, Basis.OWN_FILES)


def test_it_can_not_be_folded_into_a_subtree() -> None:
    """Whoever gives the subtrees for more entries than lie before the job's facts leaves these facts without ground."""
    bundle, trusted = logged(Simulation(withdraw=(1,)))
    fewer, place = without_withdrawal(bundle)
    assert fewer.proof is not None and fewer.proof.log is not None
    log, tree = fewer.proof.log, Rfc6962Tree(fewer.proof.log.size, fewer.proof.log.nodes)
    for raw in log.entries[: place + 1]:
        tree.add(rfc6962_leaf(raw))
    folded = with_log(fewer, size=tree.size, nodes=tree.nodes, entries=log.entries[place + 1 :])
    report = verify(folded, trusted=trusted)
    assert of(report, "log").status is CheckStatus.PASSED, "it is what witnesses signed"
    assert of(report, "facts").status is CheckStatus.FAILED and report.verdict is Verdict.TAMPERED


def test_a_header_that_is_left_out_is_asked_for() -> None:
    bundle, trusted = logged(Simulation(withdraw=(1,)))
    assert bundle.proof is not None
    at = bundle.facts.withdrawn[-1].at.block
    fewer, _ = without_withdrawal(bundle)
    blocks = tuple(block for block in bundle.proof.blocks if read_header(block.header).number != at)
    dark = fewer.model_copy(update={"proof": bundle.proof.model_copy(update={"blocks": blocks})})
    report = verify(dark, trusted=trusted)
    assert of(report, "facts").status is CheckStatus.FAILED and f"block {at}" in str(of(report, "facts").problems)


def test_another_forks_blocks_follow_from_nothing() -> None:
    """The same job on another fork: its headers, its log, under the checkpoint of this one."""
    bundle, trusted = logged(Simulation(withdraw=(1,)))
    other, others = logged(Simulation(withdraw=(2,)))
    assert verify(other, trusted=others).basis is Basis.PROVEN
    crossed = verify(other, trusted=TrustedBlocks(trusted.hashes, "w", trusted.logs))
    assert {of(crossed, "headers").status, of(crossed, "log").status} == {CheckStatus.FAILED}
    assert bundle.proof is not None and other.proof is not None
    mixed = bundle.model_copy(update={"proof": bundle.proof.model_copy(update={"blocks": other.proof.blocks})})
    report = verify(mixed, trusted=trusted)
    assert of(report, "log").status is CheckStatus.FAILED and report.verdict is Verdict.TAMPERED


def test_a_hash_alone_says_nothing_of_the_log() -> None:
    bundle, trusted = logged(Simulation())
    report = verify(bundle, trusted=TrustedBlocks(trusted.hashes, "a friend"))
    assert of(report, "log").incomplete and of(report, "headers").incomplete
    assert (report.verdict, report.basis) == (Verdict.INCOMPLETE, Basis.OWN_FILES)
    assert verify(bundle).basis is Basis.OWN_FILES
    (number,) = trusted.hashes
    more = {number: LogHead(trusted.logs[number].size + 1, trusted.logs[number].root)}
    assert of(verify(bundle, trusted=TrustedBlocks(trusted.hashes, "w", more)), "log").status is CheckStatus.FAILED


def test_each_byte_of_an_entry_counts() -> None:
    bundle, _ = logged(Simulation(people=1))
    assert bundle.proof is not None and bundle.proof.log is not None
    log, chance = bundle.proof.log, random.Random(9)
    honest = ReadLog.of(log).head
    for place in (0, len(log.entries) // 2, len(log.entries) - 1):
        raw = log.entries[place]
        for at in range(len(raw)):
            entries = list(log.entries)
            entries[place] = raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]
            with suppress(InputError):
                assert ReadLog.of(log.model_copy(update={"entries": tuple(entries)})).head != honest, at


@pytest.mark.parametrize(
    "changes",
    [{"entries": (b"",)}, {"entries": (b"\xc0",)}, {"size": 7}, {"nodes": ()}, {"entries": (b"\xc6" + b"\x80" * 6,)}],
    ids=str,
)
def test_nonsense_fails_its_check(changes: dict[str, Any]) -> None:
    bundle, trusted = logged(Simulation(people=1))
    report = verify(with_log(bundle, **changes), trusted=trusted)
    assert of(report, "log").status is CheckStatus.FAILED and report.verdict is Verdict.TAMPERED


def test_entries_out_of_order_are_none() -> None:
    bundle, _ = logged(Simulation(people=1))
    assert bundle.proof is not None and bundle.proof.log is not None
    entries = bundle.proof.log.entries
    report = verify(with_log(bundle, entries=(entries[0], entries[0])))
    assert of(report, "log").status is CheckStatus.FAILED
