"""Does what a party opened of a job's drawn places fit what it committed to? Pure: no chain, no clock, no key.

What a true opening shows: the party's commitments are those that its sealed trail names; at each drawn place they open
to the value told; where a row stands there, that row is a leaf of the lawful set under which the job opened, its
commitment was on chain before anybody could know the draw, and the value is the row's; no row stands at two drawn
places; a place without a row holds zero. It does not show that the row is of the person whom the place is about, nor
that a row which the party left out is nowhere, nor that the row is true to life: the auditor holds it against the
party's books.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from placet.audit.case import Case
from placet.catalogue.declared import declared
from placet.core.errors import StateError
from placet.core.hashing import sha256
from placet.core.ids import ConsentId
from placet.core.merkle import rfc6962_holds, rfc6962_leaf
from placet.core.sample import COMMITMENT, FalsePlace, LeafPath, PlaceOpening, SampleOpening
from placet.core.verified_sums import COMMIT, COMMITTED
from placet.protocols.mpc.commitments import opens


@dataclass(frozen=True)
class SampledParty:
    """What everybody who has the job's bundle knows of a party: `root` of the lawful set in the sealed attempt,
    `committed`: SHA-256 of its commitments by its trail, `column`: which of its rows' cells the job adds up, `columns`:
    all that it uses; `ended`: the consents that have ended since, but for those that the party itself ended after the
    seal, which would excuse whatever was drawn; `until` when the others run out (Unix seconds), where that is shown."""

    attempt: int
    root: bytes
    committed: bytes
    column: str
    columns: Collection[str]
    ended: Collection[ConsentId]
    until: Mapping[ConsentId, int] = field(default_factory=dict)

    def over(self, consent: ConsentId, now: int) -> bool:
        """Has the consent ended, or run out, by now?"""
        return consent in self.ended or self.until.get(consent, now) < now


def sampled_parties(case: Case) -> dict[int, SampledParty | str]:
    """Each party of which the plan of a sealed job draws places; in place of what is known of one, why it is not.
    PlanError where plan and terms are not a recipe's; StateError `sample.none` where nothing is drawn."""
    if case.plan is None or case.terms is None or case.terms.audit is None:
        raise StateError("the plan draws no places of anybody", code="sample.none")
    job, final, sealed = declared(case.plan, case.terms), case.final, case.facts.sealed
    if final is None or sealed is None:
        raise StateError("the job was never sealed: nothing is drawn", code="sample.early")
    ended = {one.consent for one in case.facts.withdrawn if one.kind == "withdrawn" or one.at.order < sealed.at.order}
    parties: dict[int, SampledParty | str] = {}
    for party, column in job.sampled.items():
        committed = _committed(case, party, final.number)
        if committed is None:
            parties[party] = f"no trail with its commitments: {case.absent.get(party, 'none in it')}"
            continue
        index = case.plan.input_offset(party)
        shown = case.lawful_sets.get((index, final.number))
        until = {} if shown is None else dict(shown.until())
        used = job.use(index).columns
        parties[party] = SampledParty(final.number, final.roots[index], committed, column, used, ended, until)
    return parties


def _committed(case: Case, party: int, attempt: int) -> bytes | None:
    """What the party's steps of that attempt say of its commitments, if they are those on chain."""
    steps = case.steps(party, attempt)
    if [step.hash for step in steps] != case.recorded(party, attempt):
        return None
    outputs = (one for step in steps if step.name == COMMIT for one in step.outputs if one.name == COMMITTED)
    return next((one.commitment for one in outputs), None)


@dataclass(frozen=True)
class JudgedSample:
    """`why` makes the whole opening false; else `places` are. `rows`: drawn places at which a row stood; `ended`: those
    that are not covered, since the consent has ended."""

    why: str | None = None
    places: tuple[FalsePlace, ...] = ()
    rows: int = 0
    ended: tuple[int, ...] = ()

    @property
    def true(self) -> bool:
        return self.why is None and not self.places


def whole_fault(known: SampledParty, opening: SampleOpening) -> str | None:
    """What makes an opening false before a place of it is looked at: only then its commitments say what was drawn."""
    if opening.attempt != known.attempt:
        return f"it is of attempt {opening.attempt}, and attempt {known.attempt} was sealed"
    if len(opening.commitments) % COMMITMENT or sha256(opening.commitments) != known.committed:
        return "its commitments are not those that the sealed trail names"
    return None


def judged(known: SampledParty, opening: SampleOpening, drawn: Collection[int], now: int) -> JudgedSample:
    """`drawn`: the places that the block picked of `opening.total`; `now`: the chain's time, in Unix seconds."""
    if (why := whole_fault(known, opening)) is not None:
        return JudgedSample(why=why)
    if [one.place for one in opening.places] != sorted(drawn):
        return JudgedSample(why="it opens other places than those that were drawn")
    faults = tuple(FalsePlace(place=place, why=why) for place, why in _faults(known, opening, now))
    ended = tuple(one.place for one in opening.places if one.leaf is not None and one.row is None)
    return JudgedSample(places=faults, rows=sum(one.leaf is not None for one in opening.places), ended=ended)


def _faults(known: SampledParty, opening: SampleOpening, now: int) -> Iterator[tuple[int, str]]:
    seen: set[ConsentId] = set()
    for one in opening.places:
        commitment = opening.commitments[one.place * COMMITMENT : (one.place + 1) * COMMITMENT]
        why = _fault(known, one, commitment, now)
        if why is None and one.leaf is not None and one.leaf.consent in seen:
            why = "the row stands at another drawn place too"
        if why is not None:
            yield one.place, why
        if one.leaf is not None:
            seen.add(one.leaf.consent)


def _fault(known: SampledParty, one: PlaceOpening, commitment: bytes, now: int) -> str | None:
    if one.leaf is not None and not _lawful(known.root, one.leaf):
        return "the row is no leaf of the lawful set under which the job opened"
    if one.leaf is not None and one.row is None:
        over = known.over(one.leaf.consent, now)
        return None if over else "the row is not opened, and no owner has ended its consent"
    if one.value is None or one.randomness is None:
        return "the commitment is not opened"
    if not opens(commitment, one.value, int.from_bytes(one.randomness, "big")):
        return "the commitment does not open to the value"
    if one.leaf is None or one.row is None:
        return None if one.value == 0 and one.row is None else "a value other than zero without a row"
    if one.row.commitment != one.leaf.commitment:
        return "the row is not the one that was committed to"
    if one.row.cells.keys() != set(known.columns):
        return "other cells of the row are opened than those that the job used"
    if one.row.cells[known.column].value != str(one.value):
        return "the value is not the row's"
    return None


def _lawful(root: bytes, leaf: LeafPath) -> bool:
    node = rfc6962_leaf(leaf.consent + leaf.commitment)
    return rfc6962_holds(root, node, leaf.index, leaf.leaves, leaf.siblings)
