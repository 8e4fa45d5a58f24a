"""Had everybody whose row was declared said yes, to exactly this, at the opening?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial

from placet.audit.case import Case
from placet.audit.checks.leaves import lawful_sets, leaf_name
from placet.audit.facts import Withdrawn
from placet.audit.findings import Findings, Truncated, check
from placet.audit.reading import INVALID
from placet.audit.shown import ShownSet, batch_leaves, shown_enrolments
from placet.core.enrolment import NO_ENROLMENT
from placet.core.enrolment_batch import BatchName, Enrolments, no_enrolment_in, unenrolled
from placet.core.errors import InputError, PlacetError, SignatureError
from placet.core.ids import BatchRoot, ConsentId
from placet.core.merkle import batch_root, lawful_root
from placet.core.values import to_hex

GROUP = "consent"
_ENDED_BY = {"withdrawn": "withdrawn by their owners", "revoked": "revoked by the provider"}


@check(GROUP, "named", "Institutions' own consents were live at the opening")
def named(case: Case, tell: Findings) -> None:
    """A consent that the plan names expands to its id, is signed by the provider itself for its own (not personal)
    data, was given on chain with the same times and uses before the opening, covers the opening and the time up to
    the deadline, and had not been withdrawn or revoked."""
    if case.plan is None or case.facts.opened is None:
        return tell.skip("no plan, or never opened")
    if not any(entry.named for entry in case.inputs):
        return tell.skip("the plan names no consent")
    for index, entry in enumerate(case.inputs):
        if entry.named:
            _one_named(case, tell, index)


def _one_named(case: Case, tell: Findings, index: int) -> None:
    entry, party, opened = case.inputs[index], case.owners[index], case.facts.opened
    assert opened is not None  # noqa: S101 - the caller asked
    given = case.given.get(entry.consent)
    shown = case.input_evidence.get((index, 1))
    if given is None or given.at.order >= opened.at.order:
        return tell.fail(f"consent {to_hex(entry.consent)} given before the opening", "not given", party)
    tell.same("offer of the named consent", entry.offer, given.offer, party)
    withdrawn = case.withdrawals.before(entry.offer, entry.consent, opened.at)
    if withdrawn is not None:
        tell.fail("a live consent at the opening", f"{withdrawn.kind} in block {withdrawn.at.block}", party)
    end = given.first_opening + given.uses
    _window(tell, case, lambda: "the named consent", given.not_before, given.not_after, party)
    _covers(tell, case, lambda: "the named consent", index, given.first_opening, end, party)
    if entry.opens_before != end:
        tell.fail(f"opensBefore {end} of input {index}", entry.opens_before, party)
    if shown is None:
        return tell.lack(f"{case.name(party)} does not show its named consent")
    if shown.named is None or shown.leaves or shown.erased:
        return tell.fail("the named consent and no leaves", "leaves, or no consent", party)
    words = shown.named.consent
    try:
        full = case.expand(words, shown)
    except PlacetError as error:
        return tell.fail("a consent that says what its offer says", error, party)
    tell.same("named consent", entry.consent, full.id, party)
    tell.same("owner of the named consent", case.parties[party].signer, words.owner, party)
    tell.same("enrolment of an institution's own consent", NO_ENROLMENT, words.enrolment, party)
    tell.same("personal data under a named consent", False, shown.scope.personal, party)
    for attempt in case.attempts[1:]:
        again = case.input_evidence.get((index, attempt.number))
        if again is not None:
            tell.same(f"named consent in attempt {attempt.number}", True, again.named == shown.named, party)
    stored = (given.not_before, given.not_after, given.first_opening, given.uses)
    tell.same("times and uses", stored, (words.not_before, words.not_after, words.first_opening, words.uses), party)
    if not case.can_tell(words.owner):
        return  # the registry took its signature when it was given, whatever the contract says now
    if not case.accepts(words.owner, case.deployment.consents.digest(full.id), shown.named.signature):
        tell.fail(f"a consent signed by {case.name_of(words.owner)}", "a signature that does not verify", party)


@check(GROUP, "roots", "The leaves give exactly the lawful root that everybody signed")
def roots(case: Case, tell: Findings) -> None:
    """For each input and attempt the leaves shown, with what is left of erased ones, strictly ascending by consent id,
    each row once, hash to the root in the plan or the amendment. An input is shown once an attempt."""
    for attempt, shown in lawful_sets(case, tell):
        tell.looked += shown.count
        tell.few(shown.columns.wordless, partial(_wordless, shown), shown.party)
        if shown.columns.broken is not None:
            tell.fail(f"leaf records of input {shown.input}", shown.columns.broken, shown.party)
        leaves = ((ident, row) for ident, row, _ in shown.every())
        if shown.evidence.named is not None:
            tell.fail("leaves for a lawful set", f"a named consent for input {shown.input}", shown.party)
        try:
            tell.same(
                f"lawful root of input {shown.input}", attempt.roots[shown.input], lawful_root(leaves), shown.party
            )
        except InputError as error:
            tell.fail(error.message, error.found, shown.party)
    for party, evidence in case.evidence.items():
        keys = [(i.input, i.attempt) for i in evidence.inputs]
        wrong = [k for k in keys if not (k[0] < len(case.owners) and case.owners[k[0]] == party)]
        wrong += [k for k in keys if not 1 <= k[1] <= len(case.attempts)]
        if wrong or len(set(keys)) != len(keys):
            tell.fail("each of its own inputs once an attempt", wrong or "one twice", party)


def _wordless(shown: ShownSet, leaf: tuple[int, str]) -> tuple[str, str]:
    place, fault = leaf
    return "a consent that says what its offer says", f"{leaf_name(shown, place)}: {fault}"


@check(GROUP, "signatures", "Every leaf was signed by its owner")
def signatures(case: Case, tell: Findings) -> None:
    """The owner's own signature stands over the consent, whose words follow from the offer, its scope and the trust
    list."""
    for _, shown in lawful_sets(case, tell):
        tell.looked += shown.count
        tell.few(shown.columns.unsigned, partial(_unsigned, shown), shown.party)


def _unsigned(shown: ShownSet, leaf: tuple[int, bytes]) -> tuple[str, str]:
    place, owner = leaf
    return f"{leaf_name(shown, place)} signed by {to_hex(owner)}", INVALID


@check(GROUP, "enrolments", "Every owner was enrolled by somebody who may")
def enrolments(case: Case, tell: Findings) -> None:
    """An enroller whom the offer's scope names, and the trust list for the scope's kind of identifier, signed (owner,
    kind of identifier, subject) of the consent, under that kind; or a root, under that kind, of a batch that is shown
    and holds the pair. Where the scope names nobody the provider's own signature is valid too, and is reported as
    self-enrolled: the provider could have invented these people."""
    batches_of = {party: _batches_of_enrolments(case, tell, party) for party in case.evidence}
    for _, shown in lawful_sets(case, tell):
        tell.looked += shown.count
        tell.few(shown.columns.unenrolled, partial(_unenrolled, shown), shown.party)
        for batch, claim in shown.columns.claims.items():
            known = batches_of[shown.party].get(batch)
            fault = no_enrolment_in(batch, known, shown.evidence.scope.namespace)
            strangers: Truncated[int] = Truncated()
            for place in unenrolled(claim, known, shown.evidence.scope.namespace):
                strangers.add(place)
            tell.few(strangers, partial(_not_in_batch, shown, batch, fault), shown.party)
        own = shown.columns.own
        if own and shown.attempt == (case.final or case.attempts[-1]).number:
            tell.note(f"self-enrolled: {own} of {shown.count} people of {case.name(shown.party)}")


def _batches_of_enrolments(case: Case, tell: Findings, party: int) -> dict[BatchName, Enrolments]:
    """Those that the party shows and that their enrollers signed; says so of the others."""
    good: dict[BatchName, Enrolments] = {}
    for one in case.evidence[party].enrolments:
        tell.looked += 1
        try:
            enrolments = shown_enrolments(one, case.sections, case.deployment.consents)
        except (InputError, SignatureError) as error:
            tell.fail(error.message, error.found, party)
            continue
        good[enrolments.batch.name] = enrolments
    return good


def _not_in_batch(shown: ShownSet, batch: BatchName, fault: PlacetError, place: int) -> tuple[str, str]:
    return f"{leaf_name(shown, place)} enrolled by {to_hex(batch[0])} under {to_hex(batch[1])}", fault.message


def _unenrolled(shown: ShownSet, leaf: tuple[int, str, str]) -> tuple[str, str]:
    place, expected, instead = leaf
    return f"{leaf_name(shown, place)} {expected}", instead


@check(GROUP, "batches", "Every leaf lies in a batch that was anchored in time")
def batches(case: Case, tell: Findings) -> None:
    """The leaf's batch was anchored under its offer at or before the block that the terms name; the batch's leaves,
    strictly ascending, hash to that root and contain the consent's id."""
    if case.terms is None:
        return tell.skip("no terms, so no block")
    anchored = {(a.offer, a.root): a.at for a in case.facts.anchored}
    contents: dict[int, dict[BatchRoot, frozenset[ConsentId]]] = {}
    for party, evidence in case.evidence.items():
        contents[party] = {}
        for shown_batch in evidence.batches:
            tell.looked += 1
            try:
                leaves = batch_leaves(shown_batch, case.sections)
                contents[party][shown_batch.root] = frozenset(leaves)
                tell.same("batch root", shown_batch.root, batch_root(leaves), party)
            except InputError as error:
                tell.fail(error.message, error.found, party)
        if len({batch.root for batch in evidence.batches}) != len(evidence.batches):
            tell.fail("each batch once", "one twice", party)
    for _, shown in lawful_sets(case, tell):
        offer = case.inputs[shown.input].offer
        inside = {
            root: ids
            for root, ids in contents[shown.party].items()
            if (offer, root) in anchored and anchored[offer, root].block <= case.terms.block
        }
        tell.looked += shown.count - shown.columns.wordless.total
        for ident, _, root in shown.every():
            if root in inside and ident in inside[root]:
                continue
            at, ids = anchored.get((offer, root)), contents[shown.party].get(root)
            if at is None or at.block > case.terms.block:
                tell.fail(
                    f"{leaf_name(shown, ident)} in a batch anchored at or before block {case.terms.block}",
                    "never anchored" if at is None else f"anchored in block {at.block}",
                    shown.party,
                )
            if ids is None:
                tell.fail(f"the leaves of batch {to_hex(root)}", "not shown", shown.party)
            elif ident not in ids:
                tell.fail(leaf_name(shown, ident) + " in its batch", "not among the batch's leaves", shown.party)
    if case.facts.opened is not None and case.terms.block >= case.facts.opened.at.block:
        tell.fail(f"lawful sets as of a block before {case.facts.opened.at.block}", case.terms.block)


@check(GROUP, "time", "Every leaf covers the time from the opening to the deadline")
def time(case: Case, tell: Findings) -> None:
    """notBefore is not after the opening's time, notAfter not before the plan's deadline."""
    for _, shown in lawful_sets(case, tell):
        not_before, not_after = shown.columns.not_before, shown.columns.not_after
        if _covers_time(case, max(not_before, default=0), min(not_after, default=2**48)):
            tell.looked += len(not_before)
            continue
        for place, window in enumerate(zip(not_before, not_after, strict=True)):
            _window(tell, case, partial(leaf_name, shown, place), *window, shown.party)


def _window(tell: Findings, case: Case, what: Callable[[], str], not_before: int, not_after: int, party: int) -> None:
    tell.looked += 1
    opened = case.facts.opened
    if opened is not None and not _covers_time(case, not_before, not_after):
        tell.fail(
            f"{what()} valid from {opened.at.timestamp} to {opened.deadline}", f"{not_before} to {not_after}", party
        )


def _covers_time(case: Case, not_before: int, not_after: int) -> bool:
    opened = case.facts.opened
    return opened is None or (not_before <= opened.at.timestamp and opened.deadline <= not_after)


@check(GROUP, "uses", "Every leaf covers this opening of its offer")
def uses(case: Case, tell: Findings) -> None:
    """firstOpening ≤ opening < firstOpening + uses, and the plan's `opensBefore` is the smallest such end (or no later
    than it, where the end of an erased leaf is not known)."""
    for attempt, shown in lawful_sets(case, tell):
        firsts, ends = shown.columns.first_opening, [*shown.columns.opens_before]
        latest, least, opening = max(firsts, default=0), min(ends, default=None), case.opening(shown.input)
        if least is not None and opening is not None and latest <= opening < least:
            tell.looked += len(ends)
        else:
            for place, (first, end) in enumerate(zip(firsts, ends, strict=True)):
                _covers(tell, case, partial(leaf_name, shown, place), shown.input, first, end, shown.party)
        if attempt.number == 1 and least is not None:
            planned = case.inputs[shown.input].opens_before
            if shown.erased:
                least = min(planned, least)
            tell.same(f"opensBefore of input {shown.input}", least, planned, shown.party)


def _covers(tell: Findings, case: Case, what: Callable[[], str], index: int, first: int, end: int, party: int) -> None:
    tell.looked += 1
    opening = case.opening(index)
    if opening is None:
        return tell.fail(f"an opening of the offer of input {index}", "none", party)
    if not first <= opening < end:
        tell.fail(f"{what()} for openings {first} to {end - 1}", f"opening {opening}", party)


@check(GROUP, "erased", "What can no longer be shown was erased lawfully")
def erased(case: Case, tell: Findings) -> None:
    """A leaf may be shown without its record only where its consent is over, withdrawn by its owner or revoked by the
    provider, and the provider anchored since that it erased that consent's record: both on chain, for exactly this
    consent. Its signature, enrolment, times and uses can't be checked any more; that it is in the signed set and in its
    batch, and was alive when it was used, still is. Any other record that is not shown is missing evidence. A party's
    erased records are counted once, in however many attempts their leaves are, and those that the provider itself ended
    apart."""
    gone: dict[int, dict[ConsentId, Withdrawn | None]] = defaultdict(dict)
    for _, shown in lawful_sets(case, tell):
        over = case.withdrawals.by_offer.get(case.inputs[shown.input].offer, {})
        tell.looked += shown.count
        for leaf in shown.erased:
            gone[shown.party][leaf.consent] = over.get(leaf.consent)
    for party, ends in gone.items():
        living = sum(end is None for end in ends.values())
        if living:
            tell.lack(f"{case.name(party)} erased {living} records of consents that are neither withdrawn nor revoked")
        silent = sum(end is not None and not _anchored_since(end) for end in ends.values())
        if silent:
            tell.lack(f"{case.name(party)} shows {silent} records as erased whose erasure it has not anchored")
        ended = Counter[str](end.kind for end in ends.values() if end is not None and _anchored_since(end))
        counts = [f"{ended[kind]} {by}" for kind, by in _ENDED_BY.items() if ended[kind]]
        if counts:
            tell.erase(f"{case.name(party)} erased records of consents: {', '.join(counts)}")


def _anchored_since(end: Withdrawn) -> bool:
    return end.erased is not None and end.erased.order > end.at.order


CHECKS = (named, roots, signatures, enrolments, batches, time, uses, erased)
