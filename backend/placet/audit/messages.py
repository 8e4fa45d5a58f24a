"""Which step of whom sent messages to which step of whom, for people: nothing here takes part in the verdict."""

from __future__ import annotations

from collections import defaultdict

from placet.audit.case import Case
from placet.audit.checks.exchange import acknowledged, held_by, key
from placet.audit.outcome import Passage
from placet.core.trail import SignedMessage

Key = tuple[int, int, int, int]


def links(case: Case) -> tuple[Passage, ...]:
    """One for all messages of one tag between two steps, in the order of attempts, senders and steps."""
    shown = _shown(case)
    sent, received = _steps(case, sending=True), _steps(case, sending=False)
    counts: dict[tuple[int, int, int, int, int, str], list[int]] = defaultdict(lambda: [0, 0])
    for one, versions in shown.items():
        attempt, sender, receiver, _ = one
        tag = versions[0].message.tag
        both = counts[attempt, sender, sent.get(one, -1), receiver, received.get(one, -1), tag]
        both[0] += 1
        both[1] += any(acknowledged(case, version) for version in versions)
    return tuple(
        Passage(
            attempt=attempt,
            sender=sender,
            sent=None if step < 0 else step,
            receiver=receiver,
            received=None if other < 0 else other,
            tag=tag,
            count=count,
            acknowledged=taken,
        )
        for (attempt, sender, step, receiver, other, tag), (count, taken) in sorted(counts.items())
    )


def _shown(case: Case) -> dict[Key, list[SignedMessage]]:
    """Every message that anybody shows, by its place."""
    shown: dict[Key, list[SignedMessage]] = defaultdict(list)
    for evidence in case.evidence.values():
        for one in held_by(case, evidence):
            shown[key(one.message)].append(one)
    return shown


def _steps(case: Case, *, sending: bool) -> dict[Key, int]:
    """In which of its party's steps a message stands."""
    steps: dict[Key, int] = {}
    for party, evidence in case.evidence.items():
        for step in evidence.steps:
            for one in step.sent if sending else step.received:
                ends = (party, one.peer) if sending else (one.peer, party)
                steps.setdefault((step.attempt, *ends, one.sequence), step.index)
    return steps
