"""Is every step on chain, in order, and is nothing on chain that nobody shows?"""

from __future__ import annotations

from placet.audit.case import Case
from placet.audit.checks.exchange import signed_messages
from placet.audit.findings import Findings, check
from placet.core.hashing import sha256
from placet.core.plan import RECORD_GRACE
from placet.core.trail import HEAD_TAG, START_PROTOCOL, start_told, trail_head, trail_start

GROUP = "trail"


@check(GROUP, "steps", "Each party's steps count without gap and speak of this job")
def steps(case: Case, tell: Findings) -> None:
    """Every step names the job, its own party and an attempt that there was; in each attempt the indices are 0, 1, 2
    …"""
    if not case.evidence:
        return tell.skip("no evidence")
    for party, evidence in case.evidence.items():
        for step in evidence.steps:
            tell.looked += 1
            if (step.job, step.party) != (case.bundle.job, party) or not 1 <= step.attempt <= len(case.attempts):
                found = (step.job, step.party, step.attempt)
                tell.fail(f"steps of {case.name(party)} in this job's {len(case.attempts)} attempts", found, party)
        for attempt in case.attempts:
            own = [s.index for s in case.steps(party, attempt.number)]
            if own != list(range(len(own))):
                tell.fail(f"{len(own)} steps from 0 on without gap, attempt {attempt.number}", own, party)
    _lacking(case, tell)


@check(GROUP, "recorded", "Each step's hash is on chain, and each hash on chain has its step")
def recorded(case: Case, tell: Findings) -> None:
    """The hashes of the steps that a party shows are those that its recorder put on chain, in the same order. In an
    attempt that was not sealed the last steps may be still to come, as long as the contract would take them; in a job
    whose privacy budget was given back none may."""
    if not case.evidence:
        return tell.skip("no evidence")
    given_back = _given_back(case)
    for party in case.evidence:
        for attempt in case.attempts:
            shown = [s.hash for s in case.steps(party, attempt.number)]
            on_chain = case.recorded(party, attempt.number)
            tell.looked += len(on_chain)
            where = f"attempt {attempt.number}, step "
            for index, (ours, theirs) in enumerate(zip(shown, on_chain, strict=False)):
                tell.same(f"{where}{index}", theirs, ours, party)
            if len(on_chain) > len(shown):
                tell.fail(f"{where}{len(shown)}: {on_chain[len(shown)].hex()}", "not shown", party)
            elif len(shown) > len(on_chain) and given_back:
                tell.note(f"{case.name(party)} can record nothing of a job whose privacy budget was given back")
            elif len(shown) > len(on_chain) and not _may_follow(case, attempt.number):
                tell.fail(f"{where}{len(on_chain)} on chain", "never recorded", party)
            elif len(shown) > len(on_chain):
                tell.note(f"{case.name(party)} has {len(shown) - len(on_chain)} steps still to record")
    _lacking(case, tell)


def _may_follow(case: Case, attempt: int) -> bool:
    opened = case.facts.opened
    in_time = opened is not None and case.facts.head.timestamp <= opened.settle_by + RECORD_GRACE
    return in_time and not case.is_final(attempt)


def _given_back(case: Case) -> bool:
    """Did the job's privacy budget go back? From then on the contract takes no record of it, from anybody."""
    return any(one.job == case.bundle.job and one.kind == "refunded" for one in case.facts.budgets)


@check(GROUP, "sealed", "The trails are the ones that were sealed")
def sealed(case: Case, tell: Findings) -> None:
    """For every party, hashing its steps of the sealed attempt onto the trail's start gives the head in the seal, and
    so do the hashes on chain."""
    if case.facts.sealed is None or case.plan is None:
        return tell.skip("the job was not sealed, or has no plan")
    heads, attempt = case.facts.sealed.heads, case.facts.sealed.attempt
    tell.same("number of heads", len(case.parties), len(heads))
    for party, head in enumerate(heads):
        start = trail_start(case.bundle.job, attempt, party)
        tell.same(
            f"head of {case.name(party)}'s recorded trail", head, trail_head(start, case.recorded(party, attempt))
        )
        if party in case.evidence:
            own = trail_head(start, (s.hash for s in case.steps(party, attempt)))
            tell.same(f"head of the trail that {case.name(party)} shows", head, own, party)
    _lacking(case, tell)


@check(GROUP, "starts", "What a party told the others that it starts from is what its trail begins with")
def starts(case: Case, tell: Findings) -> None:
    """Before a protocol that discloses something inside itself each party signs the head of its trail until then to the
    others (`placet.start/1`). That head leads on to the trail that the party recorded: nobody changes what it
    started from once it has learned something. Where the party shows the step in which it said so, it is the head of
    the steps before that one; what the others say of it counts for nothing, since they could name it by a lie. In an
    attempt that was not sealed the trail may be still to come; in a job whose privacy budget was given back, none may.
    """
    if not case.evidence:
        return tell.skip("no evidence")
    begun = {
        (attempt.number, party, exchange.peer, exchange.sequence): step.index
        for attempt in case.attempts
        for party in case.evidence
        for step in case.steps(party, attempt.number)
        if step.protocol == START_PROTOCOL
        for exchange in step.sent
    }
    heads: dict[tuple[int, int], dict[bytes, int]] = {}
    given_back = _given_back(case)
    for message in signed_messages(case, lambda message: message.tag == HEAD_TAG):
        tell.looked += 1
        attempt, sender = message.attempt, message.sender
        steps = begun.get((attempt, sender, message.receiver, message.sequence))
        if (attempt, sender) not in heads:
            heads[attempt, sender] = _starts_of(case, sender, attempt)
        known = heads[attempt, sender]
        count = known.get(message.digest)
        if count is not None and steps in (None, count):
            continue
        if given_back:
            tell.note(f"{case.name(sender)} can record nothing of a job whose privacy budget was given back")
        elif (steps is None or len(known) <= steps) and _may_follow(case, attempt):
            tell.note(f"{case.name(sender)} has not recorded yet what it said that it starts from")
        else:
            where = f"what {case.name(sender)} told {case.name(message.receiver)}, attempt {attempt}"
            tell.fail(f"{where}: a head of its trail", message.digest, sender)
    if not tell.looked:
        return tell.skip("nobody had to say what it starts from: nothing is disclosed before the release")
    _lacking(case, tell)


def _starts_of(case: Case, party: int, attempt: int) -> dict[bytes, int]:
    """What a party may say that it starts from, by its digest: of no step, of its first recorded one, of two …"""
    head = trail_start(case.bundle.job, attempt, party)
    starts = {sha256(start_told(head, 0)): 0}
    for count, step in enumerate(case.recorded(party, attempt), 1):
        head = trail_head(head, [step])
        starts[sha256(start_told(head, count))] = count
    return starts


def _lacking(case: Case, tell: Findings) -> None:
    for party in case.absent:
        tell.lack(f"no evidence of {case.name(party)}")


CHECKS = (steps, recorded, starts, sealed)
