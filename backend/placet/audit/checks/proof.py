"""Do the facts stand under the hashes of blocks, whoever collected them?"""

from __future__ import annotations

import itertools

from placet.audit.case import Case
from placet.audit.facts import ChainFacts
from placet.audit.findings import CheckStatus, Findings, Result, check
from placet.audit.proof import ReadProof
from placet.core.errors import PlacetError
from placet.core.values import Value, to_hex

GROUP = "proof"
_NONE = "the bundle holds no headers and receipts"
_OF_THE_PLAN = frozenset(
    {"offers", "datasets", "budgets", "models", "origins", "lineage", "anchored", "withdrawn", "given", "committed"}
    | {"contracts", "accepted"}
)
"""What is looked for because of the plan."""


def _read(case: Case, tell: Findings) -> ReadProof | None:
    if case.proof is None:
        if case.trusted is None:
            tell.skip(_NONE)
        else:
            tell.lack(_NONE)
    return case.proof


@check(GROUP, "headers", "Headers hash to blocks that you trust, and follow each other")
def headers(case: Case, tell: Findings) -> None:
    """Headers stand in the order of their numbers; one that comes right after another names its hash as its parent;
    the block up to which the facts were collected is the last one, at that time, all of it. Where you gave hashes,
    each header has the hash that you gave for its number, and follows from one of them."""
    proof = _read(case, tell)
    if proof is None:
        return
    tell.few(proof.faults, lambda fault: (fault[1], fault[0]))
    read = [block.header for block in proof.blocks]
    for before, after in itertools.pairwise(read):
        tell.looked += 1
        if after.number <= before.number:
            tell.fail(f"a block above {before.number}", after.number)
        elif after.number == before.number + 1 and after.parent != before.hash:
            tell.fail(f"block {after.number} on {to_hex(before.hash)}", after.parent)
    tell.same(
        "head",
        (case.facts.head.order, case.facts.head.timestamp),
        ((read[-1].number, 0), read[-1].timestamp) if read else (),
    )
    if case.trusted is None:
        tell.note("No hash of a block was given: headers and receipts fit together, but any chain's would.")
        return
    for header in read:
        tell.looked += 1
        known = case.trusted.hashes.get(header.number, header.hash)
        if known != header.hash:
            tell.fail(f"block {header.number} is {to_hex(known)}, by {case.trusted.whose}", header.hash)
    loose = [read[at].number for at in sorted(set(range(len(read))) - proof.anchored(case.trusted))]
    if loose:
        tell.lack(f"{len(loose)} blocks, from {loose[0]} to {loose[-1]}, do not follow from a block that you trust")
    else:
        tell.note(f"The facts rest on hashes of blocks by {case.trusted.whose}.")


@check(GROUP, "log", "Events are all those that witnesses signed")
def log(case: Case, tell: Findings) -> None:
    """Where a job's facts lie far back, the bundle has the deployment's events instead of the headers in between: all
    from one on, in the chain's order, and what those before it come to. Their number and their root are those of the
    checkpoint that you gave for the last block, and their blocks have the headers' hashes."""
    proof = _read(case, tell)
    if proof is None:
        return
    if proof.log_fault is not None:
        tell.fail(proof.log_fault.expected or "a log of events", proof.log_fault.message)
    if proof.log is None:
        return
    tell.looked += len(proof.log.entries)
    logged = proof.log.hashes
    for header in (block.header for block in proof.blocks):
        if logged.get(header.number, header.hash) != header.hash:
            tell.fail(f"block {header.number} is {to_hex(header.hash)}, by its header", logged[header.number])
    if case.trusted is None:
        tell.note("No checkpoint was given: which events there are is the collector's word.")
        return
    signed, shown = proof.signed(case.trusted), proof.log.head
    if signed is None:
        tell.lack("a checkpoint of the last block by witnesses: only they say which events there are up to it")
    elif signed != shown:
        expected = f"{signed.size} events with the root {to_hex(signed.root)}, by {case.trusted.whose}"
        tell.fail(expected, f"{shown.size} events with the root {to_hex(shown.root)}")
    else:
        tell.note(f"That nothing was left out rests on the log of events by {case.trusted.whose}.")


@check(GROUP, "receipts", "Receipts are all those of their blocks")
def receipts(case: Case, tell: Findings) -> None:
    """The receipts of a block, put into a trie, give the root in its header."""
    proof = _read(case, tell)
    for block in proof.blocks if proof else ():
        tell.looked += block.logs is not None
        if block.fault is not None:
            expected = f"{block.fault.message} of block {block.header.number}: {block.fault.expected}"
            tell.fail(expected, block.fault.found)


@check(GROUP, "facts", "The facts are what the receipts tell")
def facts(case: Case, tell: Findings) -> None:
    """Collected again out of the receipts' logs, or out of the log of events, the facts are the same: each event
    with all that it tells, its place and its time, and no other. What no event tells is held against the events by
    other checks: the job's status, the heads of withdrawal lists. Which accounts had code, and the plans of jobs
    that made a model, are not proven here."""
    proof = _read(case, tell)
    if proof is None:
        return
    again = case.proven
    if isinstance(again, PlacetError):
        tell.fail(again.expected or "facts that the receipts hold", again.message)
        return
    skipped = frozenset[str]() if case.plan is not None else _OF_THE_PLAN
    for name in ChainFacts.model_fields:
        if name not in skipped:
            _same(tell, name, getattr(again[0], name), getattr(case.facts, name))
    if skipped and case.opened:
        tell.lack("nobody showed the plan, which says what else to look for")


@check(GROUP, "absence", "Nothing of the job was left out")
def absence(case: Case, tell: Findings) -> None:
    """From the oldest of the facts on there are the headers of all blocks, and where a header's Bloom filter does not
    rule more of the same out, all receipts of its block; or there is a log of all events."""
    proof = _read(case, tell)
    if proof is None:
        return
    again = case.proven
    numbers = [block.header.number for block in proof.blocks]
    tell.looked += len(numbers)
    if isinstance(again, PlacetError):
        tell.lack("the facts, as the receipts hold them")
    elif unseen := sorted(again[1]):
        tell.lack(f"receipts of {len(unseen)} blocks that may hold more, from {unseen[0]} on")
    if proof.log is None and any(later != earlier + 1 for earlier, later in itertools.pairwise(numbers)):
        tell.skip("headers have gaps: what the blocks between tell is the collector's word")


def _same(tell: Findings, name: str, proven: object, shown: object) -> None:
    """One fact, or a list of them entry by entry."""
    ours, theirs = (one if isinstance(one, tuple) else (one,) for one in (proven, shown))
    tell.looked += max(len(ours), len(theirs))
    for place, (expected, found) in enumerate(itertools.zip_longest(ours, theirs)):
        if expected != found:
            tell.fail(f"{name} {place}: {_words(expected)}", f"{name} {place}: {_words(found)}")


def _words(fact: object) -> object:
    return fact.model_dump_json() if isinstance(fact, Value) else "nothing" if fact is None else fact


CHECKS = (headers, log, receipts, facts, absence)


def all_passed(case: Case, results: tuple[Result, ...]) -> bool:
    """Do the facts rest on hashes that the auditor gave?"""
    mine = [result for result in results if result.group == GROUP]
    return case.trusted is not None and all(result.status is CheckStatus.PASSED for result in mine)
