"""Did each step work on lawful rows or on what an earlier step made, and is the result the one that was sealed?"""

from __future__ import annotations

from placet.audit.case import Case
from placet.audit.findings import Findings, check
from placet.core.values import ZERO32

GROUP = "flow"


@check(GROUP, "inputs", "Every step's inputs are lawful roots or outputs of earlier steps")
def inputs(case: Case, tell: Findings) -> None:
    """An input commitment of a step is the lawful root of one of the party's own inputs in that attempt, the id of a
    consent of its own that the plan names, an output of one of its earlier steps in the attempt, or the digest of a
    message that the step or an earlier one received. Commitments show the line of descent; only re-execution would
    show the computation."""
    if not case.evidence:
        return tell.skip("no evidence")
    for party in case.evidence:
        own = [i for i, p in enumerate(case.owners) if p == party]
        for attempt in case.attempts:
            known = {attempt.roots[i] for i in own} | {case.inputs[i].consent for i in own}
            known.discard(ZERO32)
            for step in case.steps(party, attempt.number):
                known.update(m.digest for m in step.received)
                for artefact in step.inputs:
                    tell.looked += 1
                    if artefact.commitment not in known:
                        where = f"attempt {attempt.number}, step {step.index} “{step.name}”, input “{artefact.name}”"
                        tell.fail(f"{where} from lawful rows or an earlier step", artefact.commitment, party)
                known.update(a.commitment for a in step.outputs)
    for party in case.absent:
        tell.lack(f"no evidence of {case.name(party)}")


@check(GROUP, "outputs", "The last output of each trail is the one that was sealed")
def outputs(case: Case, tell: Findings) -> None:
    """For each party that the plan gives an output: the last output of its last step that has any, in the sealed
    attempt, is the hash of the masked output in the seal."""
    if case.facts.sealed is None or case.plan is None:
        return tell.skip("the job was not sealed, or has no plan")
    for party, sealed in enumerate(case.facts.sealed.outputs[: len(case.parties)]):
        if not case.parties[party].output:
            continue
        if party not in case.evidence:
            tell.lack(f"no evidence of {case.name(party)}")
            continue
        commitments = [a.commitment for s in case.steps(party, case.facts.sealed.attempt) for a in s.outputs]
        tell.same(f"masked output of {case.name(party)}", sealed, commitments[-1] if commitments else "none", party)


CHECKS = (inputs, outputs)
