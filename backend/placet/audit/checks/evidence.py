"""Is every party's evidence there, and is it its own?"""

from __future__ import annotations

from placet.audit.case import Case
from placet.audit.findings import Findings, check

GROUP = "evidence"


@check(GROUP, "present", "Every party handed out its evidence")
def present(case: Case, tell: Findings) -> None:
    """Without the evidence of each party in the plan nothing is called intact."""
    if not case.opened and case.cancelled:
        return tell.skip("a job that never opened leaves none")
    if case.plan is None:
        for entry in case.bundle.evidence:
            if entry.missing is not None:
                tell.lack(f"no evidence of {case.name_of(entry.institution)}: {entry.missing}")
        return tell.lack("no evidence that shows the job's plan")
    tell.looked = len(case.parties)
    for party, reason in case.absent.items():
        tell.lack(f"no evidence of {case.name(party)}: {reason}")


@check(GROUP, "signed", "Each evidence is signed by its party's recorder and speaks of this job")
def signed(case: Case, tell: Findings) -> None:
    """The signature is by the recorder that the plan names, over exactly this document; job, party and plan are the
    job's; it is filed under its author, once. What is not so counts as no evidence. An author is named for another job
    or plan that he signed; where and how often his evidence is filed is the collector's doing."""
    if case.plan is None:
        return tell.skip("no plan, so no recorder is known")
    for submission in case.submissions:
        if submission.entry.evidence is None:
            continue
        tell.looked += 1
        if submission.fault is not None:
            author = (submission.party,) if submission.own and submission.party is not None else ()
            tell.fail(*submission.fault, *author)


CHECKS = (present, signed)
