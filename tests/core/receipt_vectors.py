"""Makes tests/vectors/receipts.json: receipts for some of the consents of notices.json, and one for an erasure.
A case's facts stand in its receipt.

python -m tests.core.receipt_vectors
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from placet.core.consent import Consent, derive
from placet.core.eip712 import receipt_domain
from placet.core.erasure import RECORD, ErasureReceipt, SignedErasure
from placet.core.hashing import canonical, sha256
from placet.core.ids import ConsentId, JobId
from placet.core.merkle import batch_levels, batch_proof
from placet.core.offers import Offer, Scope
from placet.core.receipts import ReceiptBlock, ReceiptEnd, ReceiptFacts, ReceiptGiven, issue
from placet.core.signatures import Key
from placet.core.trust import Auditor, Contract, Deployment, Institution, TrustList
from placet.core.values import parse, to_hex

from .notice_vectors import AUDITOR, PROVIDER
from .notice_vectors import NAMES as OTHERS
from .notice_vectors import document as notices

FILE = Path(__file__).parent.parent / "vectors" / "receipts.json"
KEY = Key(b"\x11" * 32)
NAMES = {KEY.address if address == PROVIDER else address: name for address, name in OTHERS.items()}
REGISTRY = b"\xc0" * 20
DOMAIN = receipt_domain(31337, REGISTRY)
_CASES = (0, 4, 8, 30, 36)
"""Of notices.json: persons' data, in each language, once with an auditor and once with a data life."""


def moment(block: int, at: int) -> dict[str, Any]:
    return {"block": block, "block_hash": sha256(b"block %d" % block), "at": at}


def facts_of(case: dict[str, Any], **changes: Any) -> ReceiptFacts:
    """Of a case of notices.json, of a provider who has a key: given in a batch with another consent, neither ended nor
    used up, unless changed."""
    scope = parse(Scope, json.dumps(case["scope"]).replace(to_hex(PROVIDER), to_hex(KEY.address)))
    offer = parse(Offer, case["offer"]).model_copy(update={"scope": scope.hash})
    consent = derive(parse(Consent, case["consent"]).fields, offer, scope, NAMES.__getitem__)
    levels = batch_levels(leaves := sorted((consent.id, sha256(b"another"))))
    place = moment(10, 1_800_000_100) | {"transaction": sha256(b"anchor")}
    given = ReceiptGiven(**place, batch=levels[-1][0], proof=tuple(batch_proof(levels, leaves.index(consent.id))))
    values: dict[str, Any] = {
        "chain_id": 31337,
        "registry": REGISTRY,
        "api": "https://bank.example",
        "created": 1_800_000_300,
        "as_of": ReceiptBlock(**moment(30, 1_800_000_250)),
        "openings": consent.first_opening,
        "consent": consent,
        "scope": scope,
        "given": given,
    }
    return ReceiptFacts(**(values | changes))


def ended(how: str, block: int = 20) -> ReceiptEnd:
    return ReceiptEnd.model_validate(moment(block, 1_800_000_200) | {"transaction": sha256(b"end"), "how": how})


def all_facts() -> list[ReceiptFacts]:
    cases = notices()["cases"]
    made = [facts_of(cases[number]) for number in _CASES]
    first = cases[0]
    by_itself = ReceiptGiven(**moment(10, 1_800_000_100), transaction=sha256(b"grant"))
    return [
        *made,
        facts_of(first, ended=ended("withdrawn"), jurisdiction="EU"),
        facts_of(first, ended=ended("revoked"), given=by_itself),
        facts_of(first, ended=ended("withdrawn"), given=None),
        facts_of(first, openings=made[0].consent.opens_before),
        facts_of(first, created=made[0].consent.not_after + 1),
    ]


def document() -> dict[str, Any]:
    cases = []
    for facts in all_facts():
        signed = issue(facts, NAMES.__getitem__, DOMAIN, KEY.sign)
        cases.append(
            {
                "status": facts.status,
                "receipt": signed.receipt,
                "sha256": to_hex(sha256(canonical(signed.receipt))),
                "signature": to_hex(signed.signature),
            }
        )
    receipt = ErasureReceipt(
        chain_id=31337,
        registry=REGISTRY,
        holder=KEY.address,
        consent=ConsentId(sha256(b"a consent")),
        erased=(*RECORD, "payloads"),
        jobs=(JobId(sha256(b"a job")),),
        at=1_800_000_400,
    )
    erasure = SignedErasure.of(receipt, DOMAIN, KEY.sign)
    return {
        "names": {to_hex(address): name for address, name in NAMES.items()},
        "chain_id": 31337,
        "consent_registry": to_hex(REGISTRY),
        "signer": to_hex(KEY.address),
        "cases": cases,
        "erasure": {"sha256": to_hex(erasure.receipt.hash), "signed": erasure.to_json()},
    }


def receiver() -> tuple[Deployment, TrustList]:
    """What whoever checks these receipts has of his own: which contracts, and who is who."""
    contracts = {
        name: _contract(bytes(20)) for name, of in Deployment.model_fields.items() if of.annotation is Contract
    }
    deployment = Deployment(
        **(contracts | {"consent_registry": _contract(REGISTRY)}),
        chain_id=31337,
        block=1,
        genesis=bytes(32),
        confirmations=0,
        finality="blocks",
        evm="osaka",
    )
    certificate = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
    known = [(address, name) for address, name in NAMES.items() if address != AUDITOR]
    return deployment, TrustList(
        institutions=tuple(
            Institution(address=address, name=name, api="https://a", peer="https://a", certificate=certificate)
            for address, name in known
        ),
        auditors=(Auditor(address=AUDITOR, name=NAMES[AUDITOR]),),
    )


def _contract(address: bytes) -> Contract:
    return Contract(address=address, code_hash=bytes(32))


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
