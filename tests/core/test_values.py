"""What all typed values have in common."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from placet.core.errors import InputError
from placet.core.offers import Offer
from placet.core.purposes import purpose_id
from placet.core.values import Value, parse

OFFER = {"dataset": bytes(32), "consumer": bytes(20), "operations": 1, "scope": bytes(32)}


def test_a_changed_copy_has_a_hash_of_its_own() -> None:
    purpose = purpose_id("https://w3id.org/dpv#CreditChecking")
    offer = Offer(purpose=purpose, **OFFER)
    before = offer.id
    for deep in (False, True):
        copy = offer.model_copy(update={"operations": 2}, deep=deep)
        assert copy.id == Offer(purpose=purpose, **(OFFER | {"operations": 2})).id != before
        assert offer.model_copy(deep=deep).id == before == offer.id


class Row(Value):
    one: int
    two: int
    three: int


class Table(Value):
    rows: tuple[Row, ...] = ()
    words: tuple[str, ...] = ()
    hidden: dict[str, list[Row]] | None = None


WRONG: dict[str, dict[str, Any]] = {
    "rows": {"rows": [{}] * 50_000},
    "words": {"words": [0] * 50_000},
    "hidden": {"hidden": {"x": [{}] * 50_000}},
    "names": {f"{n}": 0 for n in range(9_999)},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_strangers_list_is_refused_at_its_first_bad_entry(wrong: str) -> None:
    """Each fault that is spelt out takes a kilobyte: of a file of a megabyte it was gigabytes."""
    raw = json.dumps(WRONG[wrong])
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="Table is malformed"):
            parse(Table, raw)
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()
