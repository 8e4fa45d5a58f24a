"""The verifier: from one bundle to one verdict, without chain, network, clock or database.

The rules, in the order in which they are checked. `placet.audit.checks` has each as a small named check with the same
words.

*Chain.* The facts were read from the contracts of the deployment file (its hash is in them). The job was opened. Its
events stand in an order and at times that the contracts allow, and its status follows from them. Withdrawal lists and
recorded trails are whole: hashing their entries gives the heads and epochs that the contracts hold.

*Proof.* Where the bundle brings headers and receipts: headers follow each other, receipts are all those under their
headers, the facts are what these receipts tell, and no block between may hold more. Where the auditor gave hashes of
blocks, every header follows from one of them.

*Evidence.* Every party handed out its evidence, signed by the recorder that the plan names, about this job and this
plan. Evidence that could not be had makes the verdict *incomplete*: never intact. Evidence under a wrong signature is
nobody's word.

*Plan.* The digest of the plan is the job's id, so there is one plan. All parties, the consumer and the sponsor signed
it. The terms hash into it. Where they name a standing plan, all signed that too, and the job is an opening of it. The
chain opened this one. Every offer is of the party that brings it, to the plan's
consumer, for its purpose and operations; its opened scope covers the recipe and the parties.

*Consent.* A consent that the plan names was given on chain and live at the opening. Every leaf of every lawful set in
every attempt says what its offer says (the words are derived again), is signed by its owner, enrolled by somebody
whom scope and trust list name (where the scope names nobody, the provider's own signature is reported as
*self-enrolled*), lies in a batch that was anchored in time, covers the time to the deadline and the opening's number.
The leaves hash to the root that was signed. Of a consent that was withdrawn or revoked since, the record may be
erased, once its provider has anchored the erasure of exactly this consent: its leaf still counts for root, batch and
withdrawals.

*Withdrawal.* Nobody who had withdrawn was in a set that was used; epochs were current at the opening and at each
amendment; amendments are signed by all parties and only drop rows; at the seal nobody who had withdrawn is in the
sealed attempt. Proven or not makes no difference to the audit.

*Trail.* A party's steps count without gap; their hashes are those on chain, in order, none missing on either side;
they hash to the sealed heads.

*Exchange.* Messages are signed by their senders, acknowledgements by receivers, numbers have no gap, and the steps
list exactly the signed messages. Who signed two stories about a message, or whose evidence leaves out what he signed
or acknowledged, is named. Where a sender shows a message that the receiver neither acknowledged nor shows, nothing
signed decides: *disputed*.

*Flow.* What goes into a step is a lawful root, a named consent, a received message or an earlier output. The last
output is the sealed one. In a secure sum each party told all others the same. A consumer showed all providers one list,
and each told the others of the list that it was sent. This shows descent, not that the computation was right; and *rows
used = rows declared* only re-execution shows (`jobs.replay`, at the party itself).
Where the plan has verified sums, what each provider shared and released was held against what it had committed to; who
is shown to have falsified a sum, by messages that it signed, is named. So is a garbler whose garbling, made again from
its seed, is not the one that it committed to, where the plan has garblings opened.

*Budget.* Where noise hides people: the opening spent what the plan says, of budgets that all jobs together keep; what
went back, went back where nobody had begun. Variances follow from plan and bounds, cost no more than was spent, and
stand in the steps. Where parties opened their noise to the auditor, it is drawn again from the committed seeds and the
opening's block.

*Model.* A model that the job uses was made by a job that its holder was a party of, and no more of its lineage had
withdrawn before the opening than its offer tolerates. A model that is registered as this job's is the one that its
parties' trails commit to, and the card whose hash its holder registered says what plan and seal say. Notes tell whose
word a card's results are, and who got a model in clear.

*Enclave.* Where one computed: its task holds the documents that were committed to on chain; what it proved to each
company verifies again and binds its key to this job; the service accepted its measurement on chain, of that class; all
of it was on chain before keys were given; its results are the sealed ones. A simulated enclave is called that in the
notes.

*Seal.* All parties and the consumer signed it; outputs and keys belong to the parties that have an output; its epochs
were current. Released keys are the sealed ones; who withheld his is named.

*Payment.* The escrow took the plan's rewards and pot and paid them as the job's end demands, the pot as the seal
divides it; and the seal divides it as the recorded metrics say.

*Stakes.* Where the terms name a random audit, or a stake on garblings, each party that is a part of it put up its stake
before any step of the job was recorded. The notes tell what findings lie on them and how those ended.

*Retention.* Where the terms name a data life, the consumer signed that it deleted the result when that was over.

The verdict is *tampered* if any check failed, else *disputed* if any is disputed, else *incomplete* if evidence is
missing or the auditor brought no deployment and trust list of his own, else *breached* if the trail stands and a party
did not keep what it had promised for afterwards, else *lawfully erased* if records of consents that died later were
erased, else *intact*. A check that does not apply (no seal in an aborted job) is skipped with its
reason and takes nothing away. Withheld keys, aborts and self-enrolled people are no tampering: the ending and the notes
tell them.

Facts without a proof are the word of whoever collected them: see `placet.audit.bundle`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from placet.audit.bundle import Bundle
from placet.audit.case import Case
from placet.audit.checks import (
    budget,
    cards,
    chain,
    consent,
    enclave,
    evidence,
    exchange,
    flow,
    garbling,
    lists,
    model,
    payment,
    plan,
    proof,
    retention,
    seal,
    stakes,
    sums,
    trail,
    verified,
    withdrawal,
)
from placet.audit.facts import Ending
from placet.audit.findings import Check, CheckStatus, Result, listed
from placet.audit.messages import links
from placet.audit.outcome import AuditReport, Basis, Verdict
from placet.audit.progress import JobProgress
from placet.audit.proof import TrustedBlocks
from placet.audit.sections import Sections
from placet.audit.timeline import parties, repetitions, timeline
from placet.core.lookalikes import doubts, doubts_of
from placet.core.noise_opening import NoiseOpening
from placet.core.signatures import Verifiers

CHECKS: tuple[Check, ...] = (
    *chain.CHECKS,
    *proof.CHECKS,
    *evidence.CHECKS,
    *plan.CHECKS,
    *consent.CHECKS,
    *withdrawal.CHECKS,
    *trail.CHECKS,
    *exchange.CHECKS,
    *flow.CHECKS,
    *lists.CHECKS,
    *sums.CHECKS,
    *verified.CHECKS,
    *garbling.CHECKS,
    *budget.CHECKS,
    *model.CHECKS,
    *cards.CHECKS,
    *enclave.CHECKS,
    *seal.CHECKS,
    *payment.CHECKS,
    *stakes.CHECKS,
    *retention.CHECKS,
)


def verify(
    bundle: Bundle,
    verifiers: Verifiers | None = None,
    basis: Basis = Basis.OWN_FILES,
    sections: Sections | None = None,
    noise: Mapping[int, NoiseOpening] | None = None,
    trusted: TrustedBlocks | None = None,
) -> AuditReport:
    """All checks over one bundle; `sections` hold those that it names (NotFoundError if one is not there). `noise`: by
    party, as it was opened to the auditor; with it, noise that was not opened is missing evidence. `trusted`: hashes of
    blocks; with them, facts that do not rest on these are missing evidence.

    `basis`: `OWN_FILES` and `LIVE_CHAIN` are the caller's word that deployment and trust list are his own, or were
    compared with his own; under `BUNDLE` nothing is ever called intact.

    `verifiers` adds what an endpoint can answer (signers that are ERC-1271 contracts); without it only addresses' and
    P-256 signatures count. A contract's signature that can't be checked, or that its state of now refuses, is missing
    evidence: it names nobody. Persons' consents never count with a contract's.
    """
    return judged(Case(bundle, verifiers, sections, noise, trusted), basis)


def judged(case: Case, basis: Basis) -> AuditReport:
    """All checks over a case."""
    bundle = case.bundle
    results = tuple(check.result(case) for check in CHECKS)
    if basis is Basis.OWN_FILES and proof.all_passed(case, results):
        basis = Basis.PROVEN
    verdict = judge(results, basis)
    return AuditReport(
        job=bundle.job,
        verdict=verdict,
        basis=basis,
        headline=" ".join([headline(verdict, results), *_caveats(verdict, results, basis)]),
        ending=case.facts.status,
        ended=ending_words(case),
        recipe=case.terms.recipe if case.terms else None,
        purpose=_purpose(case),
        chain_id=bundle.deployment.chain_id,
        head=case.facts.head,
        progress=JobProgress.of(case.facts),
        named=_union(r.named for r in results),
        disputed=_union(r.disputed for r in results if r.status is CheckStatus.DISPUTED),
        notes=(*_union(r.notes for r in results), *_doubts(bundle)),
        parties=parties(case),
        repetitions=repetitions(case),
        results=results,
        timeline=timeline(case),
        links=links(case),
    )


def _doubts(bundle: Bundle) -> Iterator[str]:
    """Names of the trust list and titles of scopes that a reader may take for others."""
    names = bundle.trust.names
    yield from doubts_of(names)
    handed = (one.evidence.evidence for one in bundle.evidence if one.evidence is not None)
    scopes = (shown.scope for evidence in handed for shown in evidence.inputs)
    for title in dict.fromkeys(scope.title for scope in scopes):
        yield from doubts(title, names)


def _caveats(verdict: Verdict, results: tuple[Result, ...], basis: Basis) -> Iterator[str]:
    """What nobody should read the verdict without."""
    if verdict is not Verdict.BREACHED and (broken := _broken(results)):
        yield f"Besides, {broken}."
    if any(enclave.SIMULATED in result.notes for result in results):
        yield "The enclave is simulated: its host's owner could read everything."
    if basis is not Basis.LIVE_CHAIN:
        yield basis.words


def judge(results: tuple[Result, ...], basis: Basis) -> Verdict:
    """The worst answer decides; missing evidence is never intact, nor is anything by the bundle's own word."""
    if any(r.status is CheckStatus.FAILED for r in results):
        return Verdict.TAMPERED
    if any(r.status is CheckStatus.DISPUTED for r in results):
        return Verdict.DISPUTED
    if any(r.incomplete for r in results) or basis is Basis.BUNDLE:
        return Verdict.INCOMPLETE
    if any(r.status is CheckStatus.BREACHED for r in results):
        return Verdict.BREACHED
    return Verdict.LAWFULLY_ERASED if any(r.erased for r in results) else Verdict.INTACT


def headline(verdict: Verdict, results: tuple[Result, ...]) -> str:
    """The verdict in one plain sentence."""
    if verdict is Verdict.TAMPERED:
        failed = [r for r in results if r.status is CheckStatus.FAILED]
        named = _union(r.named for r in failed)
        whose = f" This falls on {listed(named)}." if named else ""
        return f"Tampered: {len(failed)} of {len(results)} checks failed, first “{failed[0].title}”.{whose}"
    if verdict is Verdict.DISPUTED:
        return (
            f"Disputed: {', '.join(_union(r.disputed for r in results))} tell different stories; no signature decides."
        )
    if verdict is Verdict.INCOMPLETE:
        reasons = _union((r.reason or "",) for r in results if r.incomplete) or (
            "no deployment file and trust list to compare",
        )
        return f"Incomplete: {reasons[0]}. Without it nothing is called intact."
    if verdict is Verdict.BREACHED:
        return f"Breached: what was done in the job stands, but {_broken(results)}."
    if verdict is Verdict.LAWFULLY_ERASED:
        return (
            "Lawfully erased: all that is still there fits; records of consents that were withdrawn or revoked later "
            "are gone, as they may be."
        )
    return "Intact: everything that was done was agreed, recorded and consented to."


def _broken(results: tuple[Result, ...]) -> str:
    """Who broke which promise; empty where nobody did."""
    broken = [r for r in results if r.status is CheckStatus.BREACHED]
    return "; ".join(f"{listed(r.named)} did not keep the promise “{r.title}”" for r in broken)


def ending_words(case: Case) -> str:
    """How the job ended, in one plain sentence."""
    facts = case.facts
    if facts.status is Ending.COMPLETED:
        return "The job completed: every key was released."
    if facts.status is Ending.CLOSED:
        who = listed([case.name(w.party) for w in facts.withheld] or ["nobody"])
        return f"The job was closed after its time: {who} withheld the key and was not paid; the others were."
    if facts.status is Ending.ABORTED:
        by = facts.end.by if facts.end else None
        recorders = {p.recorder: i for i, p in enumerate(case.parties)}
        who = "nobody known" if by is None else case.name(recorders[by]) if by in recorders else case.name_of(by)
        return f"The job was aborted by {who}: no result, nobody paid, everything given back."
    return {
        Ending.OPEN: "The job is still running.",
        Ending.SEALED: "The job is sealed and waits for its keys.",
        Ending.CANCELLED: "The job was cancelled before it opened.",
    }.get(facts.status, "The chain knows no such job.")


def _purpose(case: Case) -> str | None:
    return next((shown.scope.purpose for shown in case.input_evidence.values()), None)


def _union(many: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for words in many for word in words))
