"""A scope's smallest gap, and nothing at all in a scope without one. Which levels stand on it: `test_lawful`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from placet.core.batch_file import BatchHeader
from placet.core.consent import ConsentFields, derive
from placet.core.errors import InputError
from placet.core.evidence import InputEvidence
from placet.core.hashing import document_bytes
from placet.core.offers import Offer, Scope, output_words
from placet.core.values import ZERO32, parse, to_hex

from .batch_vectors import FILE

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
HEADER = json.loads(VECTORS["header"])


def scope(**changes: Any) -> Scope:
    return parse(Scope, {**HEADER["scope"], "output": "level", **changes})


def test_a_scope_without_one_is_what_it_was() -> None:
    """Its hash stands in offers on chain, its bytes in signed evidence and in batch files."""
    old = parse(Scope, HEADER["scope"])
    assert to_hex(old.hash) == HEADER["offer"]["scope"]
    assert old.to_json() == HEADER["scope"]
    assert json.loads(old.model_dump_json()) == HEADER["scope"]
    assert document_bytes(parse(BatchHeader, HEADER)) == VECTORS["header"].encode()
    shown = InputEvidence(input=0, attempt=1, offer=parse(Offer, HEADER["offer"]), scope=old)
    assert shown.to_json()["scope"] == HEADER["scope"]


def test_one_is_in_the_scope_and_in_its_hash() -> None:
    made = scope(smallest_gap="100000")
    assert made.to_json() == {**HEADER["scope"], "output": "level", "smallest_gap": "100000"}
    assert parse(Scope, document_bytes(made)) == made
    assert len({made.hash, scope().hash, scope(smallest_gap="100001").hash}) == 3


@pytest.mark.parametrize("gap", ["0", "-1", "1.5", "", str(2**63), "x"])
def test_a_gap_is_a_whole_number_above_zero(gap: str) -> None:
    with pytest.raises(InputError):
        scope(smallest_gap=gap)


@pytest.mark.parametrize("output", ["total", "matches", "score"])
def test_a_gap_is_for_levels(output: str) -> None:
    with pytest.raises(InputError, match="smallest gap"):
        scope(output=output, smallest_gap="5")


def test_bands_of_an_evaluation_have_one_too() -> None:
    assert output_words(scope(output="evaluation", smallest_gap="5")).endswith(
        "bands begin at multiples of 5 of the data's smallest unit"
    )


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("band", "bands begin at scores"),
        ("decision", "yes begins at a score"),
        ("explained-decision", "yes begins at a score"),
    ],
)
def test_bands_of_single_scores_and_decisions_too(output: str, words: str) -> None:
    """Else 63 edges beside each other tell the score of which an offer says that it is not told."""
    assert words in output_words(scope(output=output, smallest_gap="20"))


def test_owners_read_it() -> None:
    def consent(of: Scope) -> Any:
        offer = parse(Offer, {**HEADER["offer"], "scope": to_hex(of.hash)})
        times = {"not_before": 0, "not_after": 1, "first_opening": 0, "uses": 1}
        return derive(ConsentFields(bytes(20), enrolment=ZERO32, salt=ZERO32, **times), offer, of, to_hex)

    with_gap, without = consent(scope(smallest_gap="100000")), consent(scope())
    assert "multiples of 100000" in with_gap.details.output
    assert "multiples" not in without.details.output
    assert with_gap.details.notice != without.details.notice
