"""Was everybody paid as agreed, and the rest given back?"""

from __future__ import annotations

from collections import Counter

from placet.audit.case import Case
from placet.audit.facts import Ending
from placet.audit.findings import Findings, check

GROUP = "payment"
PAYING = (Ending.COMPLETED, Ending.CLOSED, Ending.ABORTED)


@check(GROUP, "funded", "The sponsor paid the plan's rewards and pot into the escrow")
def funded(case: Case, tell: Findings) -> None:
    """With the opening the escrow took exactly the sum of the plan's rewards and its pot, in the plan's token, from the
    sponsor."""
    if case.plan is None or case.facts.opened is None:
        return tell.skip("no plan, or never opened")
    fact = case.facts.funded
    if case.plan.funding == 0:
        return tell.same("paid in without rewards", 0, fact.amount if fact else 0)
    if fact is None:
        return tell.fail(f"{case.plan.funding} paid in", "nothing")
    tell.same("token", case.plan.token, fact.token)
    tell.same("sponsor", case.plan.sponsor, fact.sponsor)
    tell.same("amount", case.plan.funding, fact.amount)
    tell.same("block of the funding", case.facts.opened.at.block, fact.at.block)


@check(GROUP, "paid", "The escrow paid as agreed and gave back the rest")
def paid(case: Case, tell: Findings) -> None:
    """Completed: each payee gets its reward and its sealed share of the pot. Closed: so do all but those who withheld
    their key, whose share goes back to the sponsor, as does what the seal did not divide. Aborted: everything goes
    back. Before the end nothing is paid; nobody is ever paid twice."""
    if case.plan is None or case.facts.opened is None:
        return tell.skip("no plan, or never opened")
    facts, plan = case.facts, case.plan
    withheld = {w.party for w in facts.withheld} if facts.status is Ending.CLOSED else set()
    payouts = facts.sealed.payouts if facts.sealed is not None else ()
    credits: Counter[bytes] = Counter()
    refund = plan.funding if facts.status in PAYING else 0
    for index, party in enumerate(plan.parties):
        if facts.status not in PAYING or facts.status is Ending.ABORTED or index in withheld:
            continue
        earned = party.reward + (payouts[index] if index < len(payouts) else 0)
        credits[party.payee] += earned
        refund -= earned
    payments: Counter[bytes] = Counter()
    for entry in facts.paid:
        tell.looked += 1
        if entry.kind == "credit":
            payments[entry.to] += entry.amount
        elif entry.to != plan.sponsor:
            tell.fail(f"refund to the sponsor {case.name_of(plan.sponsor)}", entry.to)
    for payee in {**credits, **payments}:
        tell.same(f"credit of {case.name_of(payee)}", credits[payee], payments[payee])
    tell.same("refund", refund, sum(p.amount for p in facts.paid if p.kind == "refund"))


CHECKS = (funded, paid)
