"""Did a consumer show all providers one list, as far as signed messages show it?"""

from __future__ import annotations

from collections.abc import Set

from placet.audit.case import Case
from placet.audit.checks.exchange import signed_messages
from placet.audit.findings import Findings, check
from placet.core.hashing import sha256
from placet.core.psi_messages import AGREED, LIST
from placet.core.trail import Message

GROUP = "flow"


@check(GROUP, "one-list", "All providers were shown the same list")
def one_list(case: Case, tell: Findings) -> None:
    """In each attempt a consumer signed one list for all providers, by its digest; who signed two is named. Each of
    them told each other one the digest of the list that it was sent; who told another is named. So is who told none, in
    the sealed attempt. That answers were multiplied by the list's own scalar, no digest shows: each provider saw to
    that for itself."""
    if not case.evidence:
        return tell.skip("no evidence")
    signed = {one.hash: one for one in signed_messages(case, lambda one: one.tag in (LIST, AGREED))}
    for attempt in case.attempts:
        messages = [one for one in signed.values() if one.attempt == attempt.number]
        lists: dict[int, set[bytes]] = {}
        for one in messages:
            if one.tag == LIST:
                lists.setdefault(one.receiver, set()).add(one.digest)
        _one(case, tell, [one for one in messages if one.tag == LIST])
        words = [one for one in messages if one.tag == AGREED]
        for one in words:
            if one.sender in lists or one.sender in case.evidence:
                _true(case, tell, one, lists.get(one.sender, set()))
        if case.is_final(attempt.number):
            _all(case, tell, attempt.number, lists.keys(), words)
    if not tell.looked:
        tell.skip("no list was shown to anybody")
    for party in case.absent:
        tell.lack(f"no evidence of {case.name(party)}")


def _one(case: Case, tell: Findings, lists: list[Message]) -> None:
    digests: dict[int, set[bytes]] = {}
    for one in lists:
        tell.looked += 1
        digests.setdefault(one.sender, set()).add(one.digest)
    for sender, signed in digests.items():
        if len(signed) > 1:
            tell.fail(f"attempt {lists[0].attempt}: one list of {case.name(sender)}", sorted(signed), sender)


def _true(case: Case, tell: Findings, word: Message, shown: Set[bytes]) -> None:
    tell.looked += 1
    if word.digest not in map(sha256, shown):
        where = f"attempt {word.attempt}: {case.name(word.sender)} told {case.name(word.receiver)}"
        tell.fail(f"{where} the digest of the list it was sent", word.digest, word.sender)


def _all(case: Case, tell: Findings, attempt: int, shown: Set[int], words: list[Message]) -> None:
    pairs = {(one.sender, one.receiver) for one in words}
    for sender in sorted(shown & case.evidence.keys()):
        for receiver in sorted(shown - {sender}):
            tell.looked += 1
            if (sender, receiver) not in pairs:
                tell.fail(
                    f"attempt {attempt}: {case.name(sender)} told {case.name(receiver)} which list it was sent",
                    "nothing",
                    sender,
                )


CHECKS = (one_list,)
