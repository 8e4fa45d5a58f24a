"""A receipt's words: DPV's terms for what a consent says, as the profile for ISO/IEC TS 27560:2023 arranges them.

The context is in the document: nobody has to fetch one, and no server says what a receipt means. Terms of our own have
the prefix `placet:`; a reader of DPV may pass over them.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from placet.core.notice import notice
from placet.core.offers import Names
from placet.core.purposes import Operation
from placet.core.values import to_hex

if TYPE_CHECKING:
    from placet.core.receipts import ReceiptBlock, ReceiptEnd, ReceiptFacts, ReceiptGiven

FACTS = "placet:facts"
_IRIS = (
    "dct:conformsTo",
    "dct:publisher",
    "schema:recipient",
    "dpv:hasDataController",
    "dpv:hasJurisdiction",
    "dpv:hasLegalBasis",
    "dpv:hasProcessing",
    "dpv:hasRecipient",
    "dpv:isExercisedAt",
    "dpv:isIndicatedBy",
    "skos:broader",
)
CONTEXT: dict[str, Any] = {
    "@version": 1.1,
    "dpv": "https://w3id.org/dpv#",
    "loc": "https://w3id.org/dpv/loc#",
    "dct": "http://purl.org/dc/terms/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "schema": "https://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "placet": "urn:placet:receipt:",
    FACTS: {"@type": "@json"},
    **{term: {"@type": "@id"} for term in _IRIS},
}
"""JSON-LD 1.1. `FACTS` are JSON as such, no statements of RDF."""
_PROFILE = "https://w3id.org/dpv/schema/dpv-27560#"
_MEASURES = {
    Operation.PSI: ("dpv:Match", "dpv:PrivacyPreservingProtocol"),
    Operation.MPC: ("dpv:Analyse", "dpv:SecureMultiPartyComputation"),
    Operation.FL: ("dpv:Analyse", "dpv:PrivacyPreservingProtocol"),
    Operation.HE: ("dpv:Analyse", "dpv:HomomorphicEncryption"),
    Operation.DP: ("dpv:Analyse", "dpv:DifferentialPrivacy"),
    Operation.TEE: ("dpv:Analyse", "dpv:TrustedExecutionEnvironment"),
    Operation.ZK: ("dpv:Analyse", "dpv:PrivacyPreservingProtocol"),
}
"""What is done, and by which kind of technical measure."""
_RIGHTS = (
    ("to withdraw consent", "/v1/consents/{consent}/withdrawal"),
    ("of access", "/v1/owners/{owner}/access"),
    ("to data portability", "/v1/export"),
    ("to erasure, once the consent has ended", "/v1/consents/{consent}/erasure"),
)
_KEPT = "erasure, which the owner may ask for once the consent has ended"
_BY_KEY = "a signature by the consent's own key (EIP-712)"


def json_ld(facts: ReceiptFacts, names: Names) -> dict[str, Any]:
    """The receipt less its facts, as JSON. NotFoundError for a party without a name."""
    created, about = _iso(facts.created), _about(facts)
    return {
        "@context": CONTEXT,
        "@id": f"{about}/receipt#{created}",
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": f"{to_hex(facts.consent.id)} {created}",
        "dct:conformsTo": f"{_PROFILE}receipt",
        "dct:created": created,
        "dct:publisher": _iri(facts, facts.scope.provider),
        "schema:recipient": "dpv:DataSubject",
        "dpv:hasRecordOfActivity": _record(facts, names),
    }


def _record(facts: ReceiptFacts, names: Names) -> dict[str, Any]:
    consent, scope = facts.consent, facts.scope
    provider, consumer = _iri(facts, scope.provider), _iri(facts, consent.offer.consumer)
    return {
        "@id": _about(facts),
        "@type": "dpv:ConsentRecord",
        "dct:identifier": to_hex(consent.id),
        "dct:conformsTo": f"{_PROFILE}record",
        "dpv:hasDataSubject": {"@type": "dpv:DataSubject", "dct:identifier": to_hex(consent.owner)},
        "dpv:hasDataController": list(dict.fromkeys((provider, consumer))),
        "dpv:hasEntity": _entities(facts, names),
        "dpv:hasLegalBasis": "dpv:Consent",
        **({} if facts.jurisdiction is None else {"dpv:hasJurisdiction": f"loc:{facts.jurisdiction}"}),
        "dpv:hasProcess": _process(facts),
        "dpv:hasNotice": _notice(facts, names),
        "dpv:hasConsentControl": {
            "@type": "dpv:WithdrawConsent",
            "dpv:isExercisedAt": [f"{facts.api}/owner", _at(facts, _RIGHTS[0][1])],
            "dct:description": "signed by the consent's own key; any node of the network takes it",
        },
        "dpv:hasRight": [
            {"@type": "dpv:DataSubjectRight", "dct:title": f"right {what}", "dpv:isExercisedAt": _at(facts, path)}
            for what, path in _RIGHTS
        ],
        "dpv:hasConsentStatus": _events(facts),
        "placet:registry": f"eip155:{facts.chain_id}:{to_hex(facts.registry)}",
        "placet:asOf": _block(facts.as_of),
    }


def _entities(facts: ReceiptFacts, names: Names) -> list[dict[str, Any]]:
    """All who take part. What those besides provider and consumer are before the law is for them to settle: they have
    no role here, but for auditors, to whom drawn rows may be opened."""
    scope, consumer = facts.scope, facts.consent.offer.consumer
    roles: dict[bytes, list[str]] = {scope.provider: ["dpv:DataController"]}
    roles.setdefault(consumer, ["dpv:DataController"]).append("dpv:Recipient")
    for party in scope.parties:
        roles.setdefault(party, [])
    for auditor in scope.auditors:
        known = roles.setdefault(auditor, [])
        known += [] if "dpv:Recipient" in known else ["dpv:Recipient"]
    return [
        {
            "@id": _iri(facts, who),
            "@type": ["dpv:Organisation", *types],
            "dpv:hasName": names(who),
            "dpv:hasIdentifier": to_hex(who),
        }
        for who, types in roles.items()
    ]


def _process(facts: ReceiptFacts) -> dict[str, Any]:
    consent, scope = facts.consent, facts.scope
    operations = [operation for operation in Operation if consent.offer.operations & operation]
    recipients = dict.fromkeys((consent.offer.consumer, *scope.auditors))
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@type": "dpv:Purpose",
            "skos:broader": scope.purpose,
            "dct:description": consent.details.purpose,
        },
        "dpv:hasPersonalData": _data(facts),
        "dpv:hasProcessing": list(dict.fromkeys(_MEASURES[operation][0] for operation in operations)),
        "dpv:hasTechnicalMeasure": [
            {
                "@type": "dpv:TechnicalMeasure",
                "dct:identifier": operation.name,
                "skos:broader": _MEASURES[operation][1],
            }
            for operation in operations
        ],
        "dpv:hasRecipient": [_iri(facts, who) for who in recipients],
        "dpv:hasDataSource": {"@type": "dpv:DataControllerDataSource", "dct:description": consent.details.dataset},
        "dct:description": consent.details.output,
        "dpv:hasProcessingCondition": {
            "@type": "dpv:ProcessingDuration",
            "dct:valid": f"{_iso(consent.not_before)}/{_iso(consent.not_after)}",
            "dpv:hasDuration": _durations(facts),
        },
        "dpv:hasStorageCondition": _storage(facts),
    }


def _storage(facts: ReceiptFacts) -> dict[str, Any] | list[dict[str, Any]]:
    """How long the provider keeps the record of the consent, and, where the offer says it, the consumer a result."""
    record = {
        "@type": "dpv:StorageDuration",
        "dct:description": "the record of this consent",
        "dpv:hasDuration": {"@type": "dpv:UntilEventDuration", "rdf:value": _KEPT},
    }
    days = facts.scope.data_life
    if days is None:
        return record
    result = {
        "@type": "dpv:StorageDuration",
        "dct:description": "a job's result at its recipient, from the job's completion on",
        "dpv:hasDuration": {"@type": "dpv:TemporalDuration", "rdf:value": f"P{days}D"},
    }
    return [record, result]


def _data(facts: ReceiptFacts) -> list[dict[str, Any]]:
    scope = facts.scope
    columns = dict.fromkeys((*scope.columns, *((scope.identifier,) if scope.identifier is not None else ())))
    return [
        {
            "@type": "dpv:IdentifyingPersonalData" if column == scope.identifier else "dpv:PersonalData",
            "dct:identifier": column,
            **({"dct:description": scope.namespace} if column == scope.identifier else {}),
        }
        for column in columns
    ]


def _durations(facts: ReceiptFacts) -> list[dict[str, Any]]:
    """Until when, and how often: whichever comes first."""
    return [
        {"@type": "dpv:UntilTimeDuration", "rdf:value": _iso(facts.consent.not_after)},
        {"@type": "dpv:FixedOccurrencesDuration", "rdf:value": str(facts.consent.uses)},
    ]


def _notice(facts: ReceiptFacts, names: Names) -> dict[str, Any]:
    consent = facts.consent
    window = (consent.not_before, consent.not_after, consent.uses)
    return {
        "@type": "dpv:ConsentNotice",
        "dct:language": consent.details.language,
        "placet:sha256": to_hex(consent.details.notice),
        "schema:text": notice(consent.offer, facts.scope, names, *window, consent.details.language),
    }


def _events(facts: ReceiptFacts) -> list[dict[str, Any]]:
    """What happened to the consent, oldest first as far as blocks say so."""
    given = [] if facts.given is None else [(facts.given.block, _given(facts, facts.given))]
    ended = [] if facts.ended is None else [(facts.ended.block, _ended(facts, facts.ended))]
    events = [event for _, event in sorted((*given, *ended), key=lambda one: one[0])]
    if facts.status == "expired":
        events.append(_over(facts.consent.not_after, "the end that was signed"))
    if facts.status == "exhausted":
        events.append(_over(facts.as_of.at, "by this time all uses had been made"))
    return events


def _over(at: int, how: str) -> dict[str, Any]:
    return {
        "@type": "dpv:ConsentExpired",
        "dpv:isIndicatedBy": "dpv:DataSubject",
        "dpv:hasIndicationMethod": how,
        "dpv:isIndicatedAtTime": _iso(at),
    }


def _given(facts: ReceiptFacts, given: ReceiptGiven) -> dict[str, Any]:
    return {
        "@type": ["dpv:ConsentGiven", "dpv:ExplicitlyExpressedConsent"],
        "dpv:isIndicatedBy": "dpv:DataSubject",
        "dpv:hasIndicationMethod": _BY_KEY,
        "dpv:isIndicatedAtTime": _iso(given.at),
        "dpv:hasDuration": _durations(facts),
        "placet:block": _block(given, given.transaction),
        **({} if given.batch is None else {"placet:batch": to_hex(given.batch)}),
    }


def _ended(facts: ReceiptFacts, ended: ReceiptEnd) -> dict[str, Any]:
    withdrawn = ended.how == "withdrawn"
    return {
        "@type": "dpv:ConsentWithdrawn" if withdrawn else "dpv:ConsentRevoked",
        "dpv:isIndicatedBy": "dpv:DataSubject" if withdrawn else _iri(facts, facts.scope.provider),
        "dpv:hasIndicationMethod": _BY_KEY if withdrawn else "a transaction of the provider",
        "dpv:isIndicatedAtTime": _iso(ended.at),
        "placet:block": _block(ended, ended.transaction),
    }


def _block(moment: ReceiptBlock, transaction: bytes | None = None) -> dict[str, Any]:
    return {
        "placet:number": moment.block,
        "placet:hash": to_hex(moment.block_hash),
        "dct:date": _iso(moment.at),
        **({} if transaction is None else {"placet:transaction": to_hex(transaction)}),
    }


def _about(facts: ReceiptFacts) -> str:
    return f"{facts.api}/v1/consents/{to_hex(facts.consent.id)}"


def _at(facts: ReceiptFacts, path: str) -> str:
    consent = facts.consent
    return facts.api + path.format(consent=to_hex(consent.id), owner=to_hex(consent.owner))


def _iri(facts: ReceiptFacts, institution: bytes) -> str:
    """An institution by its account (did:pkh, CAIP-10)."""
    return f"did:pkh:eip155:{facts.chain_id}:{to_hex(institution)}"


def _iso(seconds: int) -> str:
    """ISO 8601, UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
