"""Were secure sums over the same uploads at every party, as far as their trails show it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from placet.audit.case import Case
from placet.audit.findings import Findings, check
from placet.core.hashing import canonical
from placet.core.sum_messages import PROTOCOL, TO_ALL
from placet.core.trail import Step

GROUP = "flow"


@check(GROUP, "sums", "In a secure sum each party told all others the same")
def sums(case: Case, tell: Findings) -> None:
    """For each sum of an attempt: its key, its masked numbers and the shares that it revealed went from each party to
    all others, once and with one digest; who told two of them different things is named. All parties' steps say the
    same round, words, members and size; in the sealed attempt each party has each sum. What the numbers under the masks
    are, and so the total, no trail shows: payloads and masks are needed for that."""
    if not case.evidence:
        return tell.skip("no evidence")
    for attempt in case.attempts:
        by_round: dict[int, dict[int, Step]] = {}
        for party in case.evidence:
            for number, step in _of_sums(case, party, attempt.number):
                _alike(case, tell, party, step)
                by_round.setdefault(number, {})[party] = step
        for number, steps in by_round.items():
            tell.looked += 1
            abouts = {party: canonical(step.parameters) for party, step in steps.items()}
            where = f"attempt {attempt.number}, sum {number}"
            if len(set(abouts.values())) > 1:
                tell.dispute(f"{where}: one sum at all parties", "several", *abouts)
            if case.is_final(attempt.number):
                for party in case.evidence.keys() - steps.keys():
                    tell.fail(f"{where} at {case.name(party)}", "none", party)
    if not tell.looked:
        tell.skip("the job adds nothing up in secret")
    for party in case.absent:
        tell.lack(f"no evidence of {case.name(party)}")


def _of_sums(case: Case, party: int, attempt: int) -> Iterator[tuple[int, Step]]:
    for step in case.steps(party, attempt):
        number = step.parameters.get("round")
        if step.protocol == PROTOCOL and isinstance(number, int) and any(one.tag in TO_ALL for one in step.sent):
            yield number, step


def _alike(case: Case, tell: Findings, party: int, step: Step) -> None:
    others = Counter(peer for peer in range(len(case.parties)) if peer != party)
    for tag in TO_ALL:
        tell.looked += 1
        messages = [one for one in step.sent if one.tag == tag]
        where = f"attempt {step.attempt}, step {step.index}: “{tag}”"
        if Counter(one.peer for one in messages) != others:
            tell.fail(f"{where} once to each other party", [case.name(one.peer) for one in messages], party)
        if len(digests := {one.digest for one in messages}) > 1:
            tell.fail(f"{where} alike to all", sorted(digests), party)
        senders = Counter(one.peer for one in step.received if one.tag == tag)
        if senders != others:
            tell.fail(f"{where} once from each other party", sorted(senders.elements()), party)


CHECKS = (sums,)
