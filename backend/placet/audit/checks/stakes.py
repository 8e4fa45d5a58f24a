"""Were the stakes of a job's audit in before anybody computed, and what became of them?"""

from __future__ import annotations

from placet.audit.case import Case
from placet.audit.facts import StakeFact
from placet.audit.findings import Findings, check
from placet.core.plan import Terms
from placet.core.stakes import Fault
from placet.core.values import to_hex

GROUP = "stakes"


@check(GROUP, "in", "All stakes on the job were in before anybody computed")
def stakes_in(case: Case, tell: Findings) -> None:
    """Where the terms name a random audit, or a stake on garblings, each party that is a part of it put up the stake
    that follows from plan and terms, before any step of the job was recorded. The notes tell which stakes a finding
    lies on, and how it ended: whether a finding is right the auditor's document says, not this audit."""
    if case.plan is None or case.terms is None or case.terms.staked is None:
        return tell.skip("the plan names no audit with stakes")
    if case.declared is None:
        return tell.skip("terms that are no recipe's")
    stakes = case.declared.stakes(case.bundle.job)
    deposits = {fact.stake: fact for fact in case.facts.stakes}
    first = min((record.at.order for record in case.facts.recorded), default=None)
    tell.note(_audit_words(case, case.terms, len(stakes)))
    for party, terms in stakes.items():
        tell.looked += 1
        fact = deposits.get(terms.id)
        if fact is None:
            if first is not None:
                tell.fail(f"the stake of {case.name(party)} on chain", "none", party)
            continue
        if first is not None and fact.deposited.order > first:
            tell.fail(
                f"the stake of {case.name(party)} before the first step", f"in block {fact.deposited.block}", party
            )
        if (words := _words(fact)) is not None:
            tell.note(f"{case.name(party)}: {words}")


def _audit_words(case: Case, terms: Terms, parties: int) -> str:
    if (audit := terms.audit) is not None:
        return (
            f"random audit: block {_block(case, audit.delay)} draws up to {audit.places} places of each of {parties} "
            f"parties for {_auditor(case, audit.auditor)}"
        )
    judge = "nobody" if terms.garbling is None else _auditor(case, terms.garbling.auditor)
    return f"a stake lies on the garblings: {judge} judges a certificate of another circuit"


def _auditor(case: Case, address: bytes) -> str:
    return next((one.name for one in case.trust.auditors if one.address == address), to_hex(address))


def _block(case: Case, delay: int) -> str:
    sealed = case.facts.sealed
    return f"{delay} after the seal" if sealed is None else str(sealed.at.block + delay)


def _words(fact: StakeFact) -> str | None:
    """What became of a stake on which a finding lies."""
    if fact.reported is None:
        return None
    words: dict[int, str] = {
        Fault.REFUSED: "the auditor reports that its places were not opened",
        Fault.OTHER_CIRCUIT: "the auditor reports that it garbled another circuit",
    }
    fault = words.get(fact.fault, "the auditor reports a false opening")
    answered = "" if fact.answered is None else ", it answered"
    end = {
        "slashed": ", and the stake is lost",
        "returned": ", and the stake came back",
        None: ", which is not decided yet",
    }[fact.end]
    return f"{fault}{answered}{end}"


CHECKS = (stakes_in,)
