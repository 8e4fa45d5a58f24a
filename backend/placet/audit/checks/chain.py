"""Is what was read from the chain whole, in order, and from the right contracts?"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sized

from placet.audit.case import Case
from placet.audit.facts import Ending, Moment
from placet.audit.findings import Findings, check
from placet.core.hashing import document_hash
from placet.core.ids import OfferId
from placet.core.offers import Subjects
from placet.core.plan import MAX_INPUTS, MAX_PARTIES, MAX_RECORD, RECORD_GRACE
from placet.core.trail import trail_head, trail_start
from placet.core.values import to_hex
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head

GROUP = "chain"
AFTER_SEAL = (Ending.SEALED, Ending.COMPLETED, Ending.CLOSED)
ENDED = (Ending.COMPLETED, Ending.CLOSED, Ending.ABORTED, Ending.CANCELLED)


@check(GROUP, "deployment", "The facts come from the contracts of the deployment file")
def deployment(case: Case, tell: Findings) -> None:
    """The facts name the hash of this deployment document, its chain and this job."""
    tell.same("deployment", document_hash(case.deployment), case.facts.deployment)
    tell.same("chain", case.deployment.chain_id, case.facts.chain_id)
    tell.same("job", case.bundle.job, case.facts.job)


@check(GROUP, "opened", "The job was opened on chain")
def opened(case: Case, tell: Findings) -> None:
    """The ledger holds the job as opened; or as cancelled before it was ever opened."""
    tell.looked += 1
    if case.cancelled and not case.opened:
        tell.skip("cancelled before it was opened: nobody's data were asked for")
    elif not case.opened:
        tell.fail("a job that was opened on chain", f"status “{case.facts.status}” and no opening")


def _moments(case: Case) -> Iterator[tuple[str, Moment]]:
    """All that happened to the job itself, in the order in which the contract allows it."""
    facts = case.facts
    if facts.opened:
        yield "opening", facts.opened.at
    yield from ((f"amendment to attempt {a.attempt}", a.at) for a in facts.amended)
    if facts.sealed:
        yield "seal", facts.sealed.at
    yield from ((f"key of party {r.party}", r.at) for r in facts.released)
    yield from ((f"withholding by party {w.party}", w.at) for w in facts.withheld)


@check(GROUP, "order", "What happened on chain happened in a possible order and in time")
def order(case: Case, tell: Findings) -> None:
    """Opening, amendments, seal, keys and end follow each other; each within the time that the job's opening gave."""
    facts = case.facts
    last: tuple[str, Moment] | None = None
    for what, moment in _moments(case):
        tell.looked += 1
        if last is not None and moment.order <= last[1].order:
            tell.fail(f"{what} after {last[0]} at {last[1].order}", moment.order)
        last = what, moment
    everything = [m for _, m in _moments(case)]
    everything += [r.at for r in facts.recorded] + [p.at for p in facts.paid]
    everything += ([facts.end.at] if facts.end else []) + ([facts.funded.at] if facts.funded else [])
    by_block: dict[int, int] = {}
    for moment in sorted(everything, key=lambda m: m.order):
        tell.looked += 1
        if by_block.setdefault(moment.block, moment.timestamp) != moment.timestamp:
            tell.fail(f"one time for block {moment.block}: {by_block[moment.block]}", moment.timestamp)
        if moment.block > facts.head.block:
            tell.fail(f"nothing above block {facts.head.block}", f"something in block {moment.block}")
    times = sorted(everything, key=lambda m: m.order)
    for earlier, later in itertools.pairwise(times):
        if later.timestamp < earlier.timestamp:
            tell.fail(f"block {later.block} not before time {earlier.timestamp}", later.timestamp)
    if facts.opened:
        _limits(case, tell)


def _limits(case: Case, tell: Findings) -> None:
    facts, opened_ = case.facts, case.facts.opened
    assert opened_ is not None  # noqa: S101 - the caller asked
    limits = [("opening", opened_.at, opened_.open_by)]
    limits += [("amendment", a.at, opened_.deadline) for a in facts.amended]
    limits += [("seal", facts.sealed.at, opened_.deadline)] if facts.sealed else []
    limits += [("key", r.at, opened_.settle_by) for r in facts.released]
    limits += [("record", r.at, opened_.settle_by + RECORD_GRACE) for r in facts.recorded]
    for what, at, limit in limits:
        tell.looked += 1
        if at.timestamp > limit:
            tell.fail(f"{what} by {limit}", at.timestamp)
    for what, at in [("record", r.at) for r in facts.recorded] + [("payment", p.at) for p in facts.paid]:
        tell.looked += 1
        if at.order <= opened_.at.order:
            tell.fail(f"{what} after the opening at {opened_.at.order}", at.order)
    if facts.end and facts.end.kind is Ending.CLOSED and facts.end.at.timestamp <= opened_.settle_by:
        tell.fail(f"closed after {opened_.settle_by}", facts.end.at.timestamp)


@check(GROUP, "status", "The job's status is the one that its events lead to")
def status(case: Case, tell: Findings) -> None:
    """A job ends once; it is sealed if and only if a seal was recorded; attempts count 1, 2, 3 …"""
    facts = case.facts
    tell.same("status", facts.end.kind if facts.end else facts.status, facts.status)
    tell.looked += 1
    if (facts.end is not None) != (facts.status in ENDED):
        tell.fail("an end exactly for jobs that have ended", f"status “{facts.status}”, end {facts.end is not None}")
    if (facts.sealed is not None) != (facts.status in AFTER_SEAL):
        tell.fail("a seal exactly for sealed jobs", f"status “{facts.status}”, seal {facts.sealed is not None}")
    if facts.end and facts.end.kind is Ending.ABORTED and facts.end.by is None:
        tell.fail("who aborted the job", "nobody")
    tell.same("attempts", tuple(range(2, len(facts.amended) + 2)), tuple(a.attempt for a in facts.amended))
    if facts.opened:
        tell.same("current attempt", len(facts.amended) + 1, facts.attempt)
    if facts.sealed:
        tell.same("sealed attempt", facts.attempt, facts.sealed.attempt)


@check(GROUP, "once", "Each fact is told once and in the chain's order")
def once(case: Case, tell: Findings) -> None:
    """A dataset is registered once, an offer made once, a root anchored once under it, a consent given once; records
    and payments stand in the order of the chain, each at a place of its own, and no record is empty."""
    facts = case.facts
    for what, keys in (
        ("dataset", [d.id for d in facts.datasets]),
        ("offer", [o.id for o in facts.offers]),
        ("batch", [a.offer + a.root for a in facts.anchored]),
        ("consent", [g.consent for g in facts.given]),
    ):
        tell.looked += len(keys)
        if len(set(keys)) != len(keys):
            tell.fail(f"each {what} once", "one twice")
    for what, places in (
        ("records", [r.at.order for r in facts.recorded]),
        ("payments", [p.at.order for p in facts.paid]),
    ):
        tell.looked += len(places)
        if any(later <= earlier for earlier, later in itertools.pairwise(places)):
            tell.fail(f"{what} in the chain's order", places)
    if not all(r.hashes for r in facts.recorded):
        tell.fail("records of at least one step", "an empty one")


@check(GROUP, "datasets", "Every offer is on a dataset that its provider had registered")
def datasets(case: Case, tell: Findings) -> None:
    """The facts name the dataset of each offer and no others, registered by the offer's provider before the offer was
    made, and the registration says whom the rows are about. That word is the provider's own."""
    for offer in case.facts.offers:
        tell.looked += 1
        dataset = case.datasets.get(offer.offer.dataset)
        if dataset is None:
            tell.fail(f"the dataset of the offer {to_hex(offer.id)}", "none")
            continue
        tell.same("provider of " + to_hex(dataset.id), offer.provider, dataset.provider)
        if dataset.registered.order >= offer.made.order:
            tell.fail("a registration before the offer", dataset.registered.order)
        if dataset.subjects is Subjects.UNKNOWN:
            tell.fail("whom the rows are about", "unknown")
    if unused := case.datasets.keys() - {offer.offer.dataset for offer in case.facts.offers}:
        tell.fail("datasets of the job's offers only", sorted(map(to_hex, unused)))


@check(GROUP, "withdrawal-lists", "No withdrawal was left out of the facts")
def withdrawal_lists(case: Case, tell: Findings) -> None:
    """Each offer's withdrawals, chained, give what the contract holds: those that were proven, in the order of their
    proofs, its epoch; those that were unproven when they came, in that order, the head of their own list. Each event
    told the head of the list that it entered."""
    unproven: dict[OfferId, bytes] = defaultdict(lambda: FIRST_EPOCH)
    last: dict[OfferId, tuple[int, int]] = {}
    for entry in case.facts.withdrawn:
        tell.looked += 1
        at_once = entry.proven is not None and entry.proven.order == entry.at.order
        if not at_once:
            unproven[entry.offer] = withdrawal_head(unproven[entry.offer], entry.consent)
        after = case.withdrawals.epoch_after(entry.offer, entry.at) if at_once else unproven[entry.offer]
        if entry.head != after:
            tell.fail(f"list head {to_hex(after)} after {to_hex(entry.consent)}", entry.head)
        if entry.at.order <= last.get(entry.offer, (-1, -1)) or entry.at.block > case.facts.head.block:
            tell.fail("withdrawals in the order of their blocks, below the facts' head", entry.at.order)
        if entry.proven is not None and not entry.at.order <= entry.proven.order:
            tell.fail("a proof not before its withdrawal", entry.proven.order)
        last[entry.offer] = entry.at.order
    for offer in case.facts.offers:
        tell.same("head of the unproven withdrawals of " + to_hex(offer.id), offer.unproven, unproven[offer.id])
        tell.same("epoch of " + to_hex(offer.id), offer.epoch, case.withdrawals.epoch_after(offer.id))


@check(GROUP, "records", "The recorded step hashes are without gap and chain to the recorded heads")
def records(case: Case, tell: Findings) -> None:
    """For each party and attempt: `first` counts on from the last record, and hashing the steps onto the trail's
    start gives each head that the contract told."""
    state: dict[tuple[int, int], tuple[int, bytes]] = {}
    for record in case.facts.recorded:
        tell.looked += len(record.hashes)
        key = (record.party, record.attempt)
        count, head = state.get(key, (0, trail_start(case.bundle.job, record.attempt, record.party)))
        if record.first != count:
            tell.fail(f"record from step {count} on", f"from step {record.first} on", record.party)
        head = trail_head(head, record.hashes)
        if record.head != head:
            tell.fail(f"trail head {to_hex(head)} of {case.name(record.party)}", record.head)
        state[key] = (count + len(record.hashes), head)
        if not 1 <= record.attempt <= case.facts.attempt:
            tell.fail(f"an attempt of 1 to {case.facts.attempt}", record.attempt)
        if case.plan is not None and record.party >= len(case.parties):
            tell.fail(f"one of {len(case.parties)} parties", record.party)


@check(GROUP, "limits", "Nothing is longer than the contracts allow")
def limits(case: Case, tell: Findings) -> None:
    """A job has at most 16 parties with 16 inputs each, and a record at most 1,024 steps: so many openings, roots and
    epochs, heads, outputs and keys, offers, datasets and consents there are at the most."""
    facts, inputs = case.facts, MAX_PARTIES * MAX_INPUTS
    lists: list[tuple[str, Sized, int]] = [
        ("offers", facts.offers, inputs),
        ("datasets", facts.datasets, inputs),
        ("named consents", facts.given, inputs),
        ("released keys", facts.released, MAX_PARTIES),
        ("parties that withheld their key", facts.withheld, MAX_PARTIES),
        ("payments", facts.paid, MAX_PARTIES + 1),
        ("signers with code", facts.contracts, MAX_PARTIES + 2),
    ]
    if facts.opened is not None:
        lists.append(("openings", facts.opened.openings, inputs))
    for amended in facts.amended:
        lists += [("roots of an amendment", amended.roots, inputs), ("epochs of one", amended.epochs, inputs)]
    if (sealed := facts.sealed) is not None:
        lists += [(f"sealed {name}", getattr(sealed, name), MAX_PARTIES) for name in ("heads", "outputs", "keys")]
        lists.append(("sealed epochs", sealed.epochs, inputs))
    lists += [("steps of a record", record.hashes, MAX_RECORD) for record in facts.recorded]
    for what, items, most in lists:
        tell.looked += 1
        if len(items) > most:
            tell.fail(f"at most {most} {what}", len(items))


CHECKS = (deployment, limits, opened, status, order, once, datasets, withdrawal_lists, records)
