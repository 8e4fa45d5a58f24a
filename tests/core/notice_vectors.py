"""Makes tests/vectors/notices.json: what offers and scopes say in each language. Other programs derive the same.

python -m tests.core.notice_vectors
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from placet.core.consent import ConsentFields, derive
from placet.core.eip712 import consent_domain
from placet.core.languages import LANGUAGES
from placet.core.notice import notice
from placet.core.offers import Offer, Scope
from placet.core.purposes import ALL_OPERATIONS, purpose_id
from placet.core.values import to_hex

FILE = Path(__file__).parent.parent / "vectors" / "notices.json"
PROVIDER, CONSUMER, THIRD, AUDITOR = (bytes([byte]) * 20 for byte in (0xA1, 0xB2, 0xC3, 0xD4))
NAMES = {PROVIDER: "First Bank", CONSUMER: "Credit {House}", THIRD: "Süd-Versorger", AUDITOR: "Rechnungshof"}
DOMAIN = consent_domain(31337, b"\xc0" * 20)
WINDOWS = ((1_800_000_001, 1_900_000_000, 1), (0, 253_402_300_799, 2_000_000_000))
BASE: dict[str, Any] = {
    "title": "Accounts",
    "purpose": "https://w3id.org/dpv#CreditChecking",
    "columns": ["customer", "balance"],
    "identifier": "customer",
    "namespace": f"{to_hex(PROVIDER)}/customer",
    "output": "total",
    "recipes": ["asset-view", "match"],
    "parties": [to_hex(PROVIDER), to_hex(CONSUMER), to_hex(THIRD)],
    "enrollers": [to_hex(b"\x09" * 20)],
}
SCOPES: tuple[dict[str, Any], ...] = (
    {},
    {"namespace": "urn:example:person", "title": "Strom & „Gas“ {2026}", "smallest_group": 10, "output": "aggregate"},
    {"output": "level", "smallest_gap": "5000", "matched_by": ["balance"], "smallest_change": 7},
    {"output": "evaluation", "smallest_gap": "5", "purpose": "https://w3id.org/dpv#DirectMarketing"},
    {"output": "decision", "smallest_gap": "20", "recipes": ["model-score"]},
    {"output": "explained-decision", "smallest_gap": "20", "recipes": ["model-score"]},
    {"output": "band", "smallest_gap": "20", "personal": False, "enrollers": [], "tolerated_withdrawals": 3},
    {"output": "model", "decimals": {"balance": 2}},
    {"output": "aggregate", "columns": ["balance", "age"], "bounds": {"balance": [-5, 100000], "age": [0, 120]}},
    {"output": "rows", "personal": False, "enrollers": [], "identifier": None, "namespace": None},
    {"auditors": [to_hex(AUDITOR)]},
    {"auditors": [to_hex(AUDITOR), to_hex(THIRD)], "output": "aggregate", "personal": False, "enrollers": []},
    {"data_life": 90, "smallest_group": 5},
    {"data_life": 1},
)


def document() -> dict[str, Any]:
    cases = []
    for number, changes in enumerate(SCOPES):
        values = {name: value for name, value in (BASE | changes).items() if value is not None}
        scope = Scope.model_validate({"provider": to_hex(PROVIDER), "salt": to_hex(bytes([number]) * 32), **values})
        operations = ALL_OPERATIONS if number == 1 else 3
        offer = Offer(
            dataset=b"\xd5" * 32,
            consumer=CONSUMER,
            purpose=purpose_id(scope.purpose),
            operations=operations,
            scope=scope.hash,
            budget=50_000_000 if scope.bounds else 0,
        )
        for place, language in enumerate(LANGUAGES):
            before, after, uses = WINDOWS[(number + place) % 2]
            owner = bytes([1]) * (20 if place else 84)
            fields = ConsentFields(owner, before, after, number, uses, bytes(32), b"\x05" * 32, language)
            consent = derive(fields, offer, scope, NAMES.__getitem__)
            text = notice(offer, scope, NAMES.__getitem__, before, after, uses, language)
            cases.append(
                {
                    "offer": offer.to_json(),
                    "offer_id": to_hex(offer.id),
                    "scope": scope.to_json(),
                    "consent": consent.to_json(),
                    "notice": text,
                    "id": to_hex(consent.id),
                    "digest": to_hex(DOMAIN.digest(consent.id)),
                }
            )
    return {
        "names": {to_hex(address): name for address, name in NAMES.items()},
        "chain_id": 31337,
        "consent_registry": to_hex(b"\xc0" * 20),
        "cases": cases,
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
