"""A record of processing activities (GDPR, 30(1)), as far as an institution's own offers say it: one activity an offer.

What only the institution knows is left empty, and said to be so: contacts, transfers, how long it keeps its table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from placet.catalogue.specs import NAMES, spec_of
from placet.core.ids import OfferId
from placet.core.offers import Names, Offer, Scope, output_words, purpose_text
from placet.core.purposes import Operation, operation_words
from placet.core.receipts import Jurisdiction
from placet.core.times import UnixTime
from placet.core.values import U32, Address, Bytes32, Value

_RESTS_ON = {
    Operation.PSI: "parties that follow the protocol",
    Operation.MPC: "parties that follow the protocol, and as many as the engine needs that do not collude",
    Operation.FL: "parties that follow the protocol, of whom two at the least do not collude",
    Operation.HE: "parties that follow the protocol, and the hardness behind the scheme",
    Operation.DP: "noise that each party draws honestly; the budget bounds all jobs of an offer together",
    Operation.TEE: "the enclave's hardware and its vendor; a simulated one protects from nobody",
    Operation.ZK: "one honest contributor to the ceremony that made the keys",
}
_VAULT = (
    "rows sealed at rest (AES-256-GCM) in a process of its own, which gives out those alone that an opened job and a "
    "live consent cover",
    "links between institutions by mutual TLS under keys that the plan names; results encrypted to the consumer (HPKE)",
    "a signed trail of every step, which an auditor verifies",
)
_NO_RECIPE = "a recipe that this version does not have: no job runs it"
_UNKNOWN = (
    "contact details of the controller, its representative and its data protection officer",
    "transfers to third countries: where parties, processors and the chain's validators are",
    "how long the institution keeps the table itself, and the consumer its results",
    "offers on chain whose scope the node has lost, or that name parties whom its trust list does not",
    "processing outside of Placet",
)


class RecordedParty(Value):
    """Somebody in a record, and what he gets of it."""

    name: str
    address: Address
    gets: str


class RecordedMeasure(Value):
    """A recipe's protocols, and what their protection rests on."""

    recipe: str
    version: U32
    operations: str
    engines: tuple[str, ...]
    rests_on: tuple[str, ...]


class ProcessingActivity(Value):
    """What may be done under one offer. `subjects` are the categories of people, `data` those of their data."""

    offer: OfferId
    dataset: Bytes32
    title: str
    purpose: str
    basis: str
    subjects: str
    data: tuple[str, ...]
    recipients: tuple[RecordedParty, ...]
    parties: tuple[RecordedParty, ...]
    retention: str
    measures: tuple[RecordedMeasure, ...]
    openings: U32


class ProcessingRecord(Value):
    """The document. `unknown` is what the article wants, and no offer says."""

    type: Literal["placet.processing-record"] = "placet.processing-record"
    version: Literal[1] = 1
    controller: str
    address: Address
    jurisdiction: Jurisdiction | None
    made: UnixTime
    activities: tuple[ProcessingActivity, ...]
    security: tuple[str, ...] = _VAULT
    unknown: tuple[str, ...] = _UNKNOWN


def activity(offer: Offer, scope: Scope, openings: int, names: Names) -> ProcessingActivity:
    """One offer's. NotFoundError for a party that nobody knows."""
    gets = output_words(scope)
    drawn = "rows that the chain draws for a random audit"
    others = (party for party in scope.parties if party not in (scope.provider, offer.consumer))
    return ProcessingActivity(
        offer=offer.id,
        dataset=offer.dataset,
        title=scope.title,
        purpose=purpose_text(scope),
        basis="each person's consent, by offer" if scope.personal else "the institution's own data: nobody's consent",
        subjects="persons in the table who have consented" if scope.personal else "none: not persons' rows",
        data=tuple(dict.fromkeys((*scope.columns, *((scope.identifier,) if scope.identifier else ())))),
        recipients=(
            RecordedParty(name=names(offer.consumer), address=offer.consumer, gets=gets),
            *(RecordedParty(name=names(one), address=one, gets=drawn) for one in scope.auditors),
        ),
        parties=tuple(RecordedParty(name=names(one), address=one, gets="messages of the protocol") for one in others),
        retention=_retention(scope),
        measures=tuple(_measure(recipe, offer.operations) for recipe in scope.recipes),
        openings=openings,
    )


def _measure(recipe: str, allowed: int) -> RecordedMeasure:
    """Of a recipe that this version does not have, what the offer allows and no more."""
    if recipe not in NAMES:
        words = operation_words(allowed)
        return RecordedMeasure(recipe=recipe, version=0, operations=words, engines=(), rests_on=(_NO_RECIPE,))
    spec = spec_of(recipe)
    used = [flag for flag in Operation if spec.operations & flag]
    return RecordedMeasure(
        recipe=spec.name,
        version=spec.version,
        operations=operation_words(int(spec.operations)),
        engines=spec.engines,
        rests_on=tuple(_RESTS_ON[flag] for flag in used),
    )


def _retention(scope: Scope) -> str:
    used = (
        "used until each consent's own end, its last use, or its withdrawal; its record until erased"
        if scope.personal
        else "used until the institution's consent ends"
    )
    return used if scope.data_life is None else f"{used}; a result for {scope.data_life} days at its recipient"


def lines(record: ProcessingRecord) -> Sequence[str]:
    """The same as text, a line each."""
    text = [
        "Record of processing activities (Article 30(1) GDPR), from the offers of",
        f"controller: {record.controller} (0x{record.address.hex()})",
        f"jurisdiction: {record.jurisdiction or 'not said in the settings'}",
    ]
    for one in record.activities:
        text += ["", one.title, f"  offer: 0x{one.offer.hex()}", f"  purpose: {one.purpose}", f"  basis: {one.basis}"]
        text += [f"  people: {one.subjects}", f"  data: {', '.join(one.data)}"]
        text += [f"  recipient: {who.name}, who gets {who.gets}" for who in one.recipients]
        text += [f"  takes part: {who.name}" for who in one.parties]
        text += [f"  retention: {one.retention}", f"  jobs opened so far: {one.openings}"]
        for way in one.measures:
            text.append(f"  measure: {way.recipe} {way.version}: {way.operations}; engines {', '.join(way.engines)}")
            text += [f"    rests on {basis}" for basis in way.rests_on]
    text += ["", *(f"for all: {measure}" for measure in record.security)]
    return [*text, "", *(f"to be added by the institution: {what}" for what in record.unknown)]
