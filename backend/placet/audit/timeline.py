"""A job's story for people, as points in time and by its parties: nothing here takes part in the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from placet.audit.case import Case
from placet.audit.findings import Uncheckable
from placet.audit.outcome import CHAIN_LANE, Happening, PartyView, Repetition
from placet.audit.shown import ShownSet
from placet.core.evidence import Section


def parties(case: Case) -> tuple[PartyView, ...]:
    """One view a party; `people` counts the leaves of its inputs in the last attempt."""
    roles = case.terms.roles if case.terms else ()
    last = (case.final or case.attempts[-1]).number if case.attempts else 0
    views = []
    for index, party in enumerate(case.parties):
        counts = [_count(case, *key) for key in case.input_evidence if _brings(case, *key, index, last)]
        evidence = case.evidence.get(index)
        paid = sum(p.amount for p in case.facts.paid if p.kind == "credit" and p.to == party.payee)
        views.append(
            PartyView(
                name=case.name(index),
                role=roles[index] if index < len(roles) else "party",
                people=sum(counts) if counts else None,
                steps=len(evidence.steps) if evidence else 0,
                reward=party.reward,
                paid=min(paid, 2**96 - 1),
                evidence=evidence is not None,
            )
        )
    return tuple(views)


def _brings(case: Case, number: int, attempt: int, party: int, last: int) -> bool:
    return attempt == last and case.owners[number] == party and not case.inputs[number].named


def _count(case: Case, number: int, attempt: int) -> int:
    """Leaves that are shown for an input, erased ones among them."""
    shown = case.input_evidence[number, attempt]
    return (shown.leaves.count if isinstance(shown.leaves, Section) else len(shown.leaves)) + len(shown.erased)


def readable_sets(case: Case) -> Mapping[tuple[int, int], ShownSet]:
    """What is shown, as far as this machine can read it."""
    try:
        return case.lawful_sets
    except Uncheckable:
        return {}


def repetitions(case: Case) -> tuple[Repetition, ...]:
    """One for each input of persons' rows, of an opened job."""
    if case.plan is None:
        return ()
    counted = []
    for index, entry in enumerate(case.inputs):
        opening = case.opening(index)
        if entry.named or opening is None:
            continue
        shown = readable_sets(case).get((index, 1))
        whole = shown is not None and not shown.erased and shown.columns.broken is None
        first = min(shown.columns.first_opening, default=None) if shown and whole else None
        counted.append(
            Repetition(
                provider=case.name(case.owners[index]),
                consumer=case.name_of(case.plan.consumer),
                nth=min(opening + 1, 2**32 - 1),
                over=None if first is None or first > opening else min(opening - first + 1, 2**32 - 1),
            )
        )
    return tuple(counted)


def timeline(case: Case) -> tuple[Happening, ...]:
    """Everything in the order of its time; things on chain before steps of the same second."""
    return tuple(sorted(_happenings(case), key=lambda h: (h.at, h.block is None, h.block or 0)))


def _happenings(case: Case) -> Iterator[Happening]:
    facts = case.facts
    if facts.opened:
        yield _on_chain(
            "opened", facts.opened.at.timestamp, facts.opened.at.block, "The chain opened the job", attempt=1
        )
    for amended in facts.amended:
        what = f"Attempt {amended.attempt} agreed"
        yield _on_chain("amended", amended.at.timestamp, amended.at.block, what, attempt=amended.attempt)
    yield from _withdrawals(case)
    for party, evidence in case.evidence.items():
        for step in evidence.steps:
            what = f"{step.name} · attempt {step.attempt}, step {step.index}"
            place = {"attempt": step.attempt, "step": step.index}
            yield Happening(lane=party, kind="step", at=step.at, block=None, what=what, **place)
    if facts.sealed:
        yield _on_chain("sealed", facts.sealed.at.timestamp, facts.sealed.at.block, "All signed the seal")
    for key in facts.released:
        yield _on_chain("key", key.at.timestamp, key.at.block, f"{case.name(key.party)} released its key", key.party)
    for gone in facts.withheld:
        what = f"{case.name(gone.party)} withheld its key"
        yield _on_chain("withheld", gone.at.timestamp, gone.at.block, what, gone.party)
    payees = {p.payee: i for i, p in reversed(list(enumerate(case.parties)))}
    for paid in (one for one in facts.paid if one.amount):
        what = f"{paid.amount} {'credited' if paid.kind == 'credit' else 'given back'} to "
        lane = payees.get(paid.to, CHAIN_LANE) if paid.kind == "credit" else CHAIN_LANE
        who = case.name(lane) if lane != CHAIN_LANE else case.name_of(paid.to)
        yield _on_chain(paid.kind, paid.at.timestamp, paid.at.block, what + who, lane)
    if facts.end:
        what = f"The job is {facts.end.kind}"
        yield _on_chain("ended", facts.end.at.timestamp, facts.end.at.block, what)


def _withdrawals(case: Case) -> Iterator[Happening]:
    """Withdrawals that touch this job's leaves or named consents, up to its end."""
    ended = {entry.consent for entry in case.facts.withdrawn}
    ids = {ident for shown in readable_sets(case).values() for ident in shown.among(ended)}
    ids |= {i.consent for i in case.inputs if i.named}
    owners = {entry.offer: party for entry, party in zip(case.inputs, case.owners, strict=True)}
    for entry in case.facts.withdrawn:
        over = case.facts.end is not None and entry.at.order > case.facts.end.at.order
        if entry.consent in ids and not over and entry.offer in owners:
            provider = case.name(owners[entry.offer])
            what = f"A consent at {provider} was {entry.kind}"
            yield _on_chain("withdrawn", entry.at.timestamp, entry.at.block, what, owners[entry.offer])


def _on_chain(
    kind: str, at: int, block: int, what: str, lane: int = CHAIN_LANE, *, attempt: int | None = None
) -> Happening:
    return Happening.model_validate(
        {"lane": lane, "kind": kind, "at": at, "block": block, "attempt": attempt, "what": what}
    )
