"""A model's card as a page: what it says, what has happened since, and whose word it is."""

from __future__ import annotations

from typing import Any

import pytest

from placet.core.model_card import CardInput, ModelCard, limits
from placet.core.values import to_hex
from placet.study.card_page import CardState, card_page

NORTH, LENDER = b"n" * 20, b"l" * 20
NAMES = {NORTH: "North <Bank>", LENDER: "Lender"}
PURPOSE = "https://w3id.org/dpv#CreditChecking"
OFFER = b"o" * 32


def card(**changes: Any) -> ModelCard:
    fields: dict[str, Any] = {
        "job": b"j" * 32,
        "commitment": b"c" * 32,
        "holder": LENDER,
        "held": "shared",
        "holders": (NORTH, LENDER),
        "recipe": "joint-scorecard",
        "recipe_version": 1,
        "engine": "spu",
        "purpose": PURPOSE,
        "consumer": LENDER,
        "parties": (NORTH, LENDER),
        "data": (
            CardInput(
                institution=NORTH,
                role="first-provider",
                offer=OFFER,
                root=b"r" * 32,
                epoch=bytes(24),
                columns=("customer", "balance"),
            ),
        ),
        "parameters": {"label": "bad", "smallest_group": 10},
        "results": {"metrics": {"test": {"auc": "0.7712", "ks": "0.42", "people": 400, "positives": 80}}},
        "limits": limits("shared", PURPOSE, 10, results=True),
    }
    return ModelCard(**(fields | changes))


def page(document: ModelCard, **changes: Any) -> str:
    state = {"at": 1_800_000_000, "registered": True, "since": {OFFER: (0, 0)}} | changes
    return card_page("model-ab", document, CardState(**state), NAMES.__getitem__)


def test_a_page_says_what_the_card_says_and_its_hash() -> None:
    text = page(card())
    for words in (to_hex(card().hash), "0.7712", "joint-scorecard", "North &lt;Bank&gt;", "balance", "hash on chain"):
        assert words in text
    assert "<Bank>" not in text and "<script" not in text
    assert "have ended since" not in text


def test_withdrawals_since_are_no_part_of_the_card_and_on_the_page() -> None:
    text = page(card(), since={OFFER: (1234, 2)}, registered=False)
    assert "1,234 consents to the data" in text and "not registered" in text
    assert to_hex(card().hash) in text
    assert "does not show this model" in page(card(), since=None)


def test_who_was_not_told_says_so() -> None:
    text = page(card(results=None, limits=limits("shared", PURPOSE, 10, results=False)))
    assert "This holder was not told" in text and "0.7712" not in text
    assert "in clear" in page(card(held="clear", holders=(LENDER,)))


def test_a_card_is_of_bounded_size() -> None:
    with pytest.raises(ValueError, match="more than"):
        card(parameters={"features": "x" * (1 << 19)})
