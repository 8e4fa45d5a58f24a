"""What all typed values have in common."""

from __future__ import annotations

from placet.core.offers import Offer
from placet.core.purposes import purpose_id

OFFER = {"dataset": bytes(32), "consumer": bytes(20), "operations": 1, "scope": bytes(32)}


def test_a_changed_copy_has_a_hash_of_its_own() -> None:
    purpose = purpose_id("https://w3id.org/dpv#CreditChecking")
    offer = Offer(purpose=purpose, **OFFER)
    before = offer.id
    for deep in (False, True):
        copy = offer.model_copy(update={"operations": 2}, deep=deep)
        assert copy.id == Offer(purpose=purpose, **(OFFER | {"operations": 2})).id != before
        assert offer.model_copy(deep=deep).id == before == offer.id
