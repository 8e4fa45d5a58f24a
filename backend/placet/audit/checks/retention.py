"""Did the consumer delete the result when it had promised to?"""

from __future__ import annotations

import time

from placet.audit.case import Case
from placet.audit.facts import Ending
from placet.audit.findings import Findings, check
from placet.core.deletion import DAY, GRACE, ResultDeletion, end_of_life
from placet.core.ecdsa import recover

GROUP = "retention"


@check(GROUP, "deleted", "The result was deleted when its data life was over")
def deleted(case: Case, tell: Findings) -> None:
    """Where the terms name a data life, the consumer may keep the result for so many days from the block on that ended
    the job. A day after that, at the time of the facts' head, its evidence holds a record of the deletion, signed by
    its recorder, of this job and this end, made by then. A record of later, or none, is a breach of the consumer's
    promise, and takes nothing from the trail; a record of something else is a false one. The record is the consumer's
    word: what was copied before, nothing shows. That the data life is none longer than offers allow, `plan.scope`
    says."""
    end = case.facts.end
    if case.plan is None or case.terms is None:
        return tell.skip("no plan or no terms")
    if case.terms.data_life is None:
        return tell.skip("the terms name no data life")
    if end is None or case.facts.status not in (Ending.COMPLETED, Ending.CLOSED):
        return tell.skip("no result left the job")
    consumer = next((i for i, one in enumerate(case.parties) if one.signer == case.plan.consumer), None)
    keep_until, head = end_of_life(end.at.timestamp, case.terms.data_life), case.facts.head.timestamp
    tell.looked += 1
    tell.note(f"{case.name_of(case.plan.consumer)} may keep the result until {_day(keep_until)}")
    if consumer is None or consumer not in case.evidence:
        if head > keep_until + GRACE:
            tell.lack(f"the record of the result's deletion by {case.name_of(case.plan.consumer)}")
        return None
    signed = case.evidence[consumer].deletion
    if signed is None:
        if head > keep_until + GRACE:
            expected = f"a record that the result was deleted by {_day(keep_until + GRACE)}"
            tell.breach(expected, f"none at {_day(head)}", consumer)
        return None
    _record(case, tell, signed.deletion, signed.signature, keep_until, consumer)


def _record(
    case: Case, tell: Findings, deletion: ResultDeletion, signature: bytes, keep_until: int, consumer: int
) -> None:
    author = recover(deletion.digest(case.deployment.jobs), signature)
    tell.same("signer of the deletion", case.parties[consumer].recorder, author, consumer)
    tell.same("job of the deletion", case.bundle.job, deletion.job, consumer)
    tell.same("end of the data life", keep_until, deletion.keep_until, consumer)
    if deletion.deleted > keep_until + GRACE:
        late = (deletion.deleted - keep_until) / DAY
        deleted_at = f"one at {_day(deletion.deleted)}, {late:,.1f} days after the end of the data life"
        tell.breach(f"a deletion by {_day(keep_until + GRACE)}", deleted_at, consumer)
    tell.note(f"{case.name(consumer)} deleted the result at {_day(deletion.deleted)}, by its own word")


def _day(timestamp: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(timestamp))


CHECKS = (deleted,)
