"""What rests on the hashes of blocks: every byte of header and receipt counts, and who left something out shows it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from block_chain import proven
from simulator import Simulation, h

from placet.audit.bundle import Bundle, parse_bundle
from placet.audit.case import Case
from placet.audit.checks.proof import CHECKS
from placet.audit.facts import Ending
from placet.audit.findings import CheckStatus, Result
from placet.audit.outcome import AuditReport, Basis, Verdict
from placet.audit.proof import ChainProof, ProvenBlock, TrustedBlocks
from placet.audit.verify import verify
from placet.core.block_header import read_header

JOBS: dict[str, Callable[[], Simulation]] = {
    "completed": Simulation,
    "amended": lambda: Simulation(withdraw=(1, 2)),
    "aborted": lambda: Simulation(ending=Ending.ABORTED),
}


def of(report: AuditReport, name: str) -> Result:
    return next(result for result in report.results if result.name == f"proof.{name}")


def with_blocks(bundle: Bundle, blocks: list[ProvenBlock]) -> Bundle:
    return bundle.model_copy(update={"proof": ChainProof(blocks=tuple(blocks))})


def changed(bundle: Bundle, place: int, **fields: Any) -> Bundle:
    assert bundle.proof is not None
    blocks = list(bundle.proof.blocks)
    blocks[place] = blocks[place].model_copy(update=fields)
    return with_blocks(bundle, blocks)


@pytest.mark.parametrize("job", JOBS)
def test_an_honest_job_rests_on_one_hash(job: str) -> None:
    bundle, trusted = proven(JOBS[job]())
    report = verify(bundle, trusted=trusted)
    assert [r for r in report.results if r.group == "proof" and r.status is not CheckStatus.PASSED] == []
    assert (report.verdict, report.basis) == (Verdict.INTACT, Basis.PROVEN)
    assert verify(parse_bundle(bundle.model_dump_json().encode()), trusted=trusted) == report
    without = verify(bundle)
    assert (without.verdict, without.basis) == (Verdict.INTACT, Basis.OWN_FILES)


def test_a_long_list_of_people_withdrawing_is_whole() -> None:
    bundle, trusted = proven(Simulation(people=9, withdraw=tuple(range(6))))
    assert verify(bundle, trusted=trusted).basis is Basis.PROVEN


def test_without_proof_who_asks_for_one_gets_incomplete() -> None:
    bundle, trusted = proven(Simulation())
    bare = bundle.model_copy(update={"proof": None})
    assert verify(bare).verdict is Verdict.INTACT
    report = verify(bare, trusted=trusted)
    assert (report.verdict, report.basis) == (Verdict.INCOMPLETE, Basis.OWN_FILES)


def outcome(bundle: Bundle, trusted: TrustedBlocks, name: str) -> Result:
    """Of one check alone."""
    case = Case(bundle, trusted=trusted)
    return next(check for check in CHECKS if check.name == f"proof.{name}").result(case)


def flipped(raw: bytes, at: int, bit: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]


def test_each_byte_of_a_header_counts() -> None:
    """With the hash of the last block known, a change of any header fails its check, wherever it is; but the oldest
    one's number, which leaves a gap above it, and so a header that follows from nothing."""
    bundle, trusted = proven(Simulation(people=1))
    assert bundle.proof is not None
    few, chance = with_blocks(bundle, list(bundle.proof.blocks[-3:])), random.Random(7)
    assert outcome(few, trusted, "headers").status is CheckStatus.PASSED
    for place, block in enumerate(bundle.proof.blocks[-3:]):
        for at in range(len(block.header)):
            other = changed(few, place, header=flipped(block.header, at, chance.randrange(8)))
            result = outcome(other, trusted, "headers")
            assert result.status is CheckStatus.FAILED or (place == 0 and result.incomplete), (place, at)


def test_each_byte_of_a_receipt_counts() -> None:
    bundle, trusted = proven(Simulation(people=1))
    assert bundle.proof is not None
    chance = random.Random(8)
    block, place = next(block for block in reversed(bundle.proof.blocks) if block.receipts), 0
    bundle, receipts = with_blocks(bundle, [block]), block.receipts or ()
    assert outcome(bundle, trusted, "receipts").status is CheckStatus.PASSED
    for at in range(len(receipts[0])):
        other = (flipped(receipts[0], at, chance.randrange(8)), *receipts[1:])
        assert outcome(changed(bundle, place, receipts=other), trusted, "receipts").status is CheckStatus.FAILED, at
    for other in ((*receipts, receipts[0]), receipts[1:]):
        assert outcome(changed(bundle, place, receipts=other), trusted, "receipts").status is CheckStatus.FAILED


FALSE: dict[str, Callable[[Any], Any]] = {
    "withdrawn": lambda facts: facts.withdrawn[:-1],
    "recorded": lambda facts: facts.recorded[:-1],
    "anchored": lambda facts: (facts.anchored[0].model_copy(update={"root": h("another")}), *facts.anchored[1:]),
    "paid": lambda facts: (facts.paid[0].model_copy(update={"amount": 1}), *facts.paid[1:]),
    "end": lambda facts: facts.end.model_copy(update={"at": facts.end.at.model_copy(update={"index": 8})}),
    "released": lambda facts: (*facts.released, facts.released[-1]),
}


@pytest.mark.parametrize("field", FALSE)
def test_a_fact_that_no_receipt_tells_is_named(field: str) -> None:
    bundle, trusted = proven(Simulation(withdraw=(1,)))
    facts = bundle.facts.model_copy(update={field: FALSE[field](bundle.facts)})
    result = of(verify(bundle.model_copy(update={"facts": facts}), trusted=trusted), "facts")
    assert result.status is CheckStatus.FAILED
    assert all(problem.expected.startswith(field) for problem in result.problems)


def test_a_withdrawal_that_is_left_out_of_facts_and_receipts_is_missed() -> None:
    """Who drops a block's receipts, and the fact with them, leaves the header's filter behind; who drops the header
    too leaves a gap."""
    bundle, trusted = proven(Simulation(withdraw=(1,)))
    assert bundle.proof is not None
    first = read_header(bundle.proof.blocks[0].header).number
    block = bundle.facts.withdrawn[-1].at.block
    facts = bundle.facts.model_copy(update={"withdrawn": bundle.facts.withdrawn[:-1]})
    fewer = bundle.model_copy(update={"facts": facts})
    dark = changed(fewer, block - first, receipts=None)
    assert outcome(dark, trusted, "facts").status is CheckStatus.PASSED
    assert outcome(dark, trusted, "absence").incomplete
    assert dark.proof is not None
    less = with_blocks(dark, [*dark.proof.blocks[: block - first], *dark.proof.blocks[block - first + 1 :]])
    assert outcome(less, trusted, "absence").status is CheckStatus.SKIPPED
    assert outcome(less, trusted, "headers").incomplete


def test_a_gap_proves_no_absence_and_leaves_what_lies_below_without_ground() -> None:
    bundle, trusted = proven(Simulation(ending=Ending.CLOSED, withholds=(0,)))
    assert bundle.proof is not None
    few = [block for block in bundle.proof.blocks if block.receipts is not None]
    if few[-1] != bundle.proof.blocks[-1]:
        few.append(bundle.proof.blocks[-1])
    report = verify(with_blocks(bundle, few), trusted=trusted)
    assert of(report, "absence").status is CheckStatus.SKIPPED
    assert of(report, "headers").incomplete
    assert (report.verdict, report.basis) == (Verdict.INCOMPLETE, Basis.OWN_FILES)
    hashes = {one.number: one.hash for one in (read_header(block.header) for block in few)}
    known = verify(with_blocks(bundle, few), trusted=TrustedBlocks(hashes, "a friend"))
    assert of(known, "headers").status is CheckStatus.PASSED
    assert (known.verdict, known.basis) == (Verdict.INTACT, Basis.OWN_FILES), "no word that nothing was left out"


def test_another_chains_hash_is_a_failure() -> None:
    bundle, trusted = proven(Simulation())
    (number,) = trusted.hashes
    other = TrustedBlocks({number: h("another")}, "a friend")
    assert outcome(bundle, other, "headers").status is CheckStatus.FAILED
    above = TrustedBlocks({number + 1: h("above")}, "a friend")
    assert outcome(bundle, above, "headers").incomplete
    assert verify(bundle, trusted=above).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("raw", [b"", b"\xc0", b"\x80", b"\xf8", b"\x00" * 600, b"\xc0" * 3000])
def test_nonsense_fails_its_check(raw: bytes) -> None:
    bundle, trusted = proven(Simulation(people=1))
    assert outcome(changed(bundle, 3, header=raw), trusted, "headers").status is CheckStatus.FAILED
    assert outcome(with_blocks(bundle, []), trusted, "headers").status is CheckStatus.FAILED
    assert outcome(changed(bundle, 3, receipts=(raw,)), trusted, "receipts").status is CheckStatus.FAILED
