"""Did withdrawal bite: before the opening, while the job ran, and at the seal?"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from placet.audit.case import AuditedAttempt, Case
from placet.audit.checks.agreed import demand_all
from placet.audit.checks.leaves import lawful_sets, leaf_name
from placet.audit.facts import Moment
from placet.audit.findings import Findings, check
from placet.audit.shown import ShownSet
from placet.core.ids import ConsentId

GROUP = "withdrawal"


@check(GROUP, "withdrawn", "No row of anybody who had withdrawn was opened")
def withdrawn(case: Case, tell: Findings) -> None:
    """No leaf was on its offer's withdrawal list when its attempt started (with the opening, or with an amendment).
    An unproven withdrawal can slip in between the parties' signatures and the block: then the attempt must never have
    touched that set, and not be the one that was sealed. Who used it is named: rows are drawn once the attempt is deep,
    and so was the withdrawal."""
    for attempt, shown in lawful_sets(case, tell):
        dead = list(_dead(case, shown, attempt.start))
        tell.looked += shown.count
        if not dead:
            continue
        used = case.used_root(shown.party, attempt.number, attempt.roots[shown.input])
        if not used and not case.is_final(attempt.number):
            tell.note(
                f"attempt {attempt.number} of {case.name(shown.party)} was given up unused: "
                f"{len(dead)} had withdrawn just before it started"
            )
            continue
        # Who did not use the set may have signed before the withdrawal: its signature says nothing against it.
        culprits = (shown.party,) if used else ()
        for ident, end in dead:
            tell.fail(f"{leaf_name(shown, ident)} live when attempt {attempt.number} started", end, *culprits)


def _dead(case: Case, shown: ShownSet, moment: Moment) -> Iterator[tuple[ConsentId, str]]:
    offer = case.inputs[shown.input].offer
    for ident in shown.among(case.withdrawals.by_offer.get(offer, {})):
        entry = case.withdrawals.before(offer, ident, moment)
        if entry is not None:
            yield ident, f"{entry.kind} in block {entry.at.block}"


@check(GROUP, "epochs", "The epochs that were signed were current")
def epochs(case: Case, tell: Findings) -> None:
    """The epoch of each input in the plan and in each amendment is the head of its offer's list of proven withdrawals
    just before the opening or the amendment. The contract demands the same."""
    if not case.attempts:
        return tell.skip("no plan, or never opened")
    for attempt in case.attempts:
        for index, entry in enumerate(case.inputs):
            current = case.withdrawals.epoch_at(entry.offer, attempt.start)
            tell.same(f"epoch of input {index} in attempt {attempt.number}", current, attempt.epochs[index])


@check(GROUP, "amendments", "New attempts were agreed by all and only drop rows")
def amendments(case: Case, tell: Findings) -> None:
    """Each amendment on chain is signed by every party, exactly as it is on chain; each attempt's leaves are among
    those of the attempt before, with the same rows. Noted is how long an attempt's first withdrawal took to bite."""
    if case.plan is None:
        return tell.skip("no plan")
    signers = tuple(p.signer for p in case.parties)
    if not case.facts.amended:
        _never_sent(case, tell, signers)
        return tell.skip("a single attempt")
    for attempt in case.attempts[1:]:
        lists = []
        for party, one in case.amendments.get(attempt.number, ()):
            agreed = one.amendment
            found = (agreed.job, agreed.roots, agreed.epochs)
            tell.same("amendment", (case.bundle.job, attempt.roots, attempt.epochs), found, party)
            if found == (case.bundle.job, attempt.roots, attempt.epochs):
                digest = case.deployment.jobs.digest(agreed.struct_hash())
                lists.append((party, one.signatures, digest))
        _agreed(case, tell, attempt, signers, lists)
    _never_sent(case, tell, signers)
    _only_drop(case, tell)
    _delays(case, tell)


def _agreed(
    case: Case,
    tell: Findings,
    attempt: AuditedAttempt,
    signers: tuple[bytes, ...],
    lists: list[tuple[int, tuple[bytes, ...], bytes]],
) -> None:
    if not lists:
        if case.absent:
            return tell.lack(f"nobody shows the amendment to attempt {attempt.number}")
        return tell.fail(f"a signed amendment to attempt {attempt.number}", "none in any evidence")
    by_party = ((party, signatures) for party, signatures, _ in lists)
    demand_all(case, tell, f"amendment to attempt {attempt.number}", signers, lists[0][2], by_party, on_chain=True)


def _never_sent(case: Case, tell: Findings, signers: tuple[bytes, ...]) -> None:
    """Amendments that were signed and never reached the chain are no lie, if their signatures are none."""
    known = {a.number for a in case.attempts[1:]}
    for party, evidence in case.evidence.items():
        numbers = [one.amendment.attempt for one in evidence.amendments]
        if len(set(numbers)) != len(numbers):
            tell.fail("one amendment an attempt", numbers, party)
        for one in (a for a in evidence.amendments if a.amendment.attempt not in known):
            digest = case.deployment.jobs.digest(one.amendment.struct_hash())
            pairs = zip(signers, one.signatures, strict=False)
            if any(s and case.can_tell(signer) and not case.accepts(signer, digest, s) for signer, s in pairs):
                tell.fail(f"signatures under the amendment to attempt {one.amendment.attempt}", "invalid", party)
            tell.note(f"{case.name(party)} holds an amendment to attempt {one.amendment.attempt} that was never sent")


def _only_drop(case: Case, tell: Findings) -> None:
    for before, after in zip(case.attempts, case.attempts[1:], strict=False):
        for index in range(len(case.inputs)):
            old, new = case.lawful_sets.get((index, before.number)), case.lawful_sets.get((index, after.number))
            if old is None or new is None:
                continue
            rows = {ident: row for ident, row, _ in old.every()}
            for ident, row, _ in new.every():
                tell.looked += 1
                if rows.get(ident) != row:
                    tell.fail(
                        leaf_name(new, ident) + f" already in attempt {before.number}", "new, or another row", new.party
                    )


def _delays(case: Case, tell: Findings) -> None:
    """From the first withdrawal that an amendment dropped to its block; steps are those that all parties recorded on
    chain in between."""
    records = sorted((r.at.order, len(r.hashes)) for r in case.facts.recorded)
    counts = list(itertools.accumulate((count for _, count in records), initial=0))
    for before, after in zip(case.attempts, case.attempts[1:], strict=False):
        dropped = []
        for index, entry in enumerate(case.inputs):
            old, new = case.lawful_sets.get((index, before.number)), case.lawful_sets.get((index, after.number))
            if old is not None and new is not None:
                remaining = {ident for ident, _, _ in new.every()}
                gone = (ident for ident, _, _ in old.every() if ident not in remaining)
                dropped += [case.withdrawals.before(entry.offer, ident, after.start) for ident in gone]
        first = min((d.at for d in dropped if d is not None), key=lambda at: at.order, default=None)
        if first is not None:
            blocks = after.start.block - first.block
            begin = bisect_right(records, first.order, key=lambda record: record[0])
            end = bisect_left(records, after.start.order, key=lambda record: record[0])
            tell.note(
                f"withdrawn in block {first.block}, attempt {after.number} from block {after.start.block}: "
                f"{blocks} blocks, {max(0, counts[end] - counts[begin])} steps"
            )


@check(GROUP, "sealed", "Nobody who withdrew before the seal is in the sealed attempt")
def sealed(case: Case, tell: Findings) -> None:
    """No leaf of the sealed attempt was withdrawn or revoked before the seal, proven or not, and no named consent of
    the plan. The seal is the line: what came after it binds the next job. The provider is named over a withdrawal that
    stands in the very list whose head it signed as the epoch; over any other nobody is, since parties may have signed
    before it and somebody kept the seal back."""
    if case.facts.sealed is None or case.final is None:
        return tell.skip("the job was not sealed")
    moment, epochs = case.facts.sealed.at, case.facts.sealed.epochs
    for attempt, shown in lawful_sets(case, tell):
        if case.is_final(attempt.number):
            tell.looked += shown.count
            offer = case.inputs[shown.input].offer
            signed = shown.input < len(epochs) and epochs[shown.input] == case.withdrawals.epoch_at(offer, moment)
            for ident, end in _dead(case, shown, moment):
                proven = case.withdrawals.by_offer[offer][ident].proven
                knew = signed and proven is not None and proven.order < moment.order
                culprits = (shown.party,) if knew else ()
                tell.fail(f"{leaf_name(shown, ident)} live at the seal in block {moment.block}", end, *culprits)
    for index, entry in enumerate(case.inputs):
        dead = case.withdrawals.before(entry.offer, entry.consent, moment) if entry.named else None
        tell.looked += entry.named
        if dead is not None:
            tell.fail(
                f"named consent live at the seal in block {moment.block}",
                f"{dead.kind} in block {dead.at.block}",
                case.owners[index],
            )


CHECKS = (withdrawn, epochs, amendments, sealed)
