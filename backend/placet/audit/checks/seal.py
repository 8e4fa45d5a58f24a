"""Was the end agreed by all, and did everybody hand over his key?"""

from __future__ import annotations

from placet.audit.case import Case
from placet.audit.checks.agreed import demand_all
from placet.audit.facts import Ending
from placet.audit.findings import Findings, check
from placet.catalogue.declared import declared
from placet.core.errors import PlanError, ProtocolError
from placet.core.hashing import canonical
from placet.core.plan import Seal, key_hash
from placet.core.values import ZERO32
from placet.models.contribution import PROTOCOL, sealed_payouts

GROUP = "seal"


@check(GROUP, "signed", "All parties and the consumer signed the seal that is on chain")
def signed(case: Case, tell: Findings) -> None:
    """The seal on chain carries each party's and the consumer's valid signature in some evidence; nobody shows
    another seal."""
    sealed = case.facts.sealed
    if sealed is None or case.plan is None:
        return tell.skip("the job was not sealed, or has no plan")
    expected = Seal(
        job=case.bundle.job,
        attempt=sealed.attempt,
        heads=sealed.heads,
        outputs=sealed.outputs,
        keys=sealed.keys,
        epochs=sealed.epochs,
        payouts=sealed.payouts,
    )
    lists = []
    for party, evidence in case.evidence.items():
        if evidence.seal is None:
            continue
        seal = evidence.seal.seal
        for field in Seal.model_fields:
            tell.same(f"seal's {field}", getattr(expected, field), getattr(seal, field), party)
        if seal == expected:
            lists.append((party, evidence.seal.signatures))
    signers = (*(p.signer for p in case.parties), case.plan.consumer)
    demand_all(case, tell, "seal", signers, case.deployment.jobs.digest(expected.struct_hash()), lists, on_chain=True)


@check(GROUP, "shape", "Outputs and keys are sealed exactly for the parties that have an output")
def shape(case: Case, tell: Findings) -> None:
    """The seal has one head, output, key and payout a party, and one epoch an input; output and key are zero exactly
    where the plan gives no output, and the payouts are no more than the pot."""
    sealed = case.facts.sealed
    if sealed is None or case.plan is None:
        return tell.skip("the job was not sealed, or has no plan")
    for what, values in (("heads", sealed.heads), ("outputs", sealed.outputs), ("keys", sealed.keys)):
        tell.same(f"number of {what}", len(case.parties), len(values))
    tell.same("number of payouts", len(case.parties), len(sealed.payouts))
    tell.same("number of epochs", len(case.inputs), len(sealed.epochs))
    if (divided := sum(sealed.payouts)) > case.plan.pot:
        tell.fail(f"payouts of {case.plan.pot} at the most", divided)
    for index, party in enumerate(case.parties):
        for what, values in (("output", sealed.outputs), ("key", sealed.keys)):
            if index < len(values):
                name = f"{what} of {case.name(index)} is zero:"
                tell.same(name, not party.output, values[index] == ZERO32)


@check(GROUP, "epochs", "The sealed epochs were current at the seal")
def epochs(case: Case, tell: Findings) -> None:
    """Each sealed epoch is the head of its offer's list of proven withdrawals just before the seal, so that the parties
    knew of all."""
    if case.facts.sealed is None or case.plan is None:
        return tell.skip("the job was not sealed, or has no plan")
    for index, (entry, epoch) in enumerate(zip(case.inputs, case.facts.sealed.epochs, strict=False)):
        tell.same(f"sealed epoch of input {index}", case.withdrawals.epoch_at(entry.offer, case.facts.sealed.at), epoch)


@check(GROUP, "keys", "The released keys are the sealed ones, and who withheld his is named")
def keys(case: Case, tell: Findings) -> None:
    """Each released key hashes to the sealed one, once a party. A completed job has all keys; a closed one names on
    chain exactly the parties whose key is missing."""
    sealed = case.facts.sealed
    if sealed is None or case.plan is None:
        if sealed is None and (case.facts.released or case.facts.withheld):
            tell.fail("no keys without a seal", f"{len(case.facts.released)} keys")
        return tell.skip("the job was not sealed, or has no plan")
    due = {i for i, party in enumerate(case.parties) if party.output}
    released = [r.party for r in case.facts.released]
    for entry in case.facts.released:
        expected = sealed.keys[entry.party] if entry.party < len(sealed.keys) else ZERO32
        tell.same(f"key hash of {case.name(entry.party)}", expected, key_hash(entry.key))
    if len(set(released)) != len(released) or not set(released) <= due:
        tell.fail(f"one key of each of the parties {sorted(due)}", sorted(released))
    missing = due - set(released)
    withheld = {w.party for w in case.facts.withheld}
    if case.facts.status is Ending.COMPLETED:
        tell.same("parties without a key", [], sorted(missing))
    if case.facts.status is Ending.CLOSED:
        tell.same("parties that withheld their key", sorted(missing), sorted(withheld))
        for party in sorted(withheld):
            tell.note(f"{case.name(party)} withheld its key")
    elif withheld:
        tell.fail("nobody named as withholder in a job that was not closed", sorted(withheld))


@check(GROUP, "payouts", "The seal divides the pot as the recorded metrics say")
def payouts(case: Case, tell: Findings) -> None:
    """The sealed payouts are what the terms' rule makes of the pot and of the one step in which a party recorded how
    good the model is with each coalition of parties; so for each party's own record, and all records are equal. Who
    signed a seal that its own record contradicts is named. Without a pot nothing is paid out."""
    sealed = case.facts.sealed
    if sealed is None or case.plan is None or case.terms is None:
        return tell.skip("the job was not sealed, or has no plan or no terms")
    if not case.plan.pot:
        return tell.same("payouts without a pot", (0,) * len(case.parties), sealed.payouts)
    try:
        division = declared(case.plan, case.terms).division
    except PlanError as error:
        return tell.fail(error.expected or error.message, error.found or error.message)
    records = {}
    for party in case.evidence:
        steps = case.steps(party, sealed.attempt)
        try:
            expected = sealed_payouts(case.plan.pot, division, steps, len(case.parties))
        except ProtocolError as error:
            tell.fail(f"{error.message}: {error.expected}", error.found, party)
            continue
        tell.same(f"payouts by the record of {case.name(party)}", expected, sealed.payouts, party)
        records[party] = next(canonical(step.parameters) for step in steps if step.protocol == PROTOCOL)
    for party in (missing for missing in range(len(case.parties)) if missing not in case.evidence):
        tell.lack(f"the metrics that {case.name(party)} recorded")
    first = next(iter(records), None)
    for party in records:
        if first is not None and records[party] != records[first]:
            tell.dispute(records[first].decode(), records[party].decode(), first, party)


CHECKS = (signed, shape, payouts, epochs, keys)
