"""A scope's smallest change: what it may be, and what owners read with it and without. What it does: `test_matches`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from placet.core.errors import InputError
from placet.core.hashing import document_bytes
from placet.core.notice import notice
from placet.core.offers import Offer, Scope, offer_words
from placet.core.values import parse, to_hex

from .batch_vectors import FILE

HEADER = json.loads(json.loads(FILE.read_text(encoding="utf-8"))["header"])
NAMES = {"0x" + "a1" * 20: "First Bank", "0x" + "b2" * 20: "Credit House"}


def scope(**changes: Any) -> Scope:
    return parse(Scope, {**HEADER["scope"], **changes})


def words(of: Scope) -> tuple[str, str]:
    """Notice and output, as owners see them."""
    offer = parse(Offer, {**HEADER["offer"], "scope": to_hex(of.hash)})

    def name(address: bytes) -> str:
        return NAMES[to_hex(address)]

    return notice(offer, of, name, 0, 1, 3), offer_words(offer, of, name).output


def test_one_is_in_the_scope_and_in_its_hash() -> None:
    made = scope(smallest_change=5)
    assert made.to_json() == {**HEADER["scope"], "smallest_change": 5}
    assert parse(Scope, document_bytes(made)) == made
    assert len({made.hash, scope().hash, scope(smallest_change=6).hash}) == 3


@pytest.mark.parametrize("change", [0, -1, 1.5, "5", True, 2**32])
def test_it_is_a_whole_number_above_zero(change: Any) -> None:
    with pytest.raises(InputError):
        scope(smallest_change=change)


def test_it_is_of_persons() -> None:
    with pytest.raises(InputError, match="smallest change"):
        scope(smallest_change=5, personal=False, enrollers=[])


def test_owners_read_what_bounds_the_difference_of_two_results() -> None:
    """That it is held; or that nothing but uses and budget bound it; and nothing of it for an institution's own."""
    held, output = words(scope(smallest_change=5))
    rule = "somebody, but fewer than 5 people, match more or less than"
    kept = "of those before it first offered that for Credit House, it keeps nothing to compare"
    assert f"First Bank ends one in which {rule} in an earlier one; {kept}.\n" in held
    assert output.endswith(f"nothing where {rule} at an earlier time")
    free, output = words(scope())
    assert (
        "Only how many times are allowed below, and the data's budget where it has one, bound what that tells of you.\n"
        in free
    )
    assert "earlier" not in output + free
    assert "compare" not in words(scope(personal=False, enrollers=[]))[0]
