"""Did a garbler garble the plan's circuit, where the plan has garblings opened? Its own signature names who did not."""

from __future__ import annotations

from placet.audit.case import Case
from placet.audit.checks.exchange import signed_messages
from placet.audit.findings import Findings, check
from placet.audit.garbling import garbled_otherwise
from placet.catalogue.circuit_psi import GARBLER, CircuitParameters
from placet.catalogue.spec import CONSUMER
from placet.core.errors import PlacetError
from placet.core.garbling import CHOICE, COMMITTED, GarblingComplaint
from placet.core.hashing import sha256

GROUP = "flow"
PROTOCOL = "psi.circuit.garbled/1"


def _covered(case: Case) -> CircuitParameters | None:
    parameters = None if case.declared is None else case.declared.parameters
    return parameters if isinstance(parameters, CircuitParameters) and parameters.covert is not None else None


@check(GROUP, "covered-garblings", "Garblings were opened, and those that were are the plan's circuit")
def garblings(case: Case, tell: Findings) -> None:
    """Where the plan has garblings opened: in the sealed attempt the garbler committed to its garblings once, and the
    evaluator then chose the one to use. An evaluator to whom another circuit was garbled shows a certificate: the
    garbling is made again from it, and held against what the garbler signed. Who garbled something else, or shows what
    is no certificate, is named. That the garbler's rows are true no garbling shows."""
    parameters = _covered(case)
    if parameters is None or case.terms is None:
        return tell.skip("the plan has no garblings opened")
    if not case.evidence:
        return tell.skip("no evidence")
    roles = case.terms.roles
    garbler, evaluator = roles.index(GARBLER), roles.index(CONSUMER)
    if case.final is not None:
        for party, tag in ((garbler, COMMITTED), (evaluator, CHOICE)):
            _once(case, tell, party, tag, case.final.number)
    for party, evidence in case.evidence.items():
        for complaint in evidence.complaints:
            tell.looked += 1
            if not isinstance(complaint, GarblingComplaint) or (complaint.accused, party) != (garbler, evaluator):
                tell.fail(f"complaints of {case.name(party)} of garblings", complaint.about, party)
            else:
                _judge(case, tell, party, complaint, parameters)
    for party in case.absent:
        tell.lack(f"no evidence of {case.name(party)}")


def _once(case: Case, tell: Findings, party: int, tag: str, attempt: int) -> None:
    steps = [step for step in case.steps(party, attempt) if step.protocol == PROTOCOL]
    if party not in case.evidence or not any(one.tag.startswith("ot.") for step in steps for one in step.sent):
        return  # where too few rows are there, nothing is garbled
    tell.looked += 1
    sent = [one for step in steps for one in step.sent if one.tag == tag]
    if len(sent) != 1:
        tell.fail(f"attempt {attempt}: “{tag}” of {case.name(party)} once", f"{len(sent)} times", party)


def _judge(case: Case, tell: Findings, party: int, complaint: GarblingComplaint, parameters: CircuitParameters) -> None:
    where = f"attempt {complaint.attempt}: what {case.name(party)} shows of {case.name(complaint.accused)}"
    if not _signed(case, party, complaint):
        return tell.fail(f"{where} signed by it", "something else", party)
    try:
        cheated = garbled_otherwise(complaint, parameters, case.bundle.job)
    except PlacetError:
        cheated = False
    if cheated:
        tell.fail("a garbling as it follows from its seed", f"{where}: another one", complaint.accused)
    else:
        tell.fail(f"{where} a garbling of something else", "none", party)


def _signed(case: Case, party: int, complaint: GarblingComplaint) -> bool:
    """Did the accused sign what it is said to have committed to, in a message to who complains?"""
    place = (complaint.attempt, complaint.accused, party, COMMITTED, sha256(complaint.payload))
    messages = signed_messages(case, lambda one: (one.attempt, one.sender, one.receiver, one.tag, one.digest) == place)
    return next(messages, None) is not None


CHECKS = (garblings,)
