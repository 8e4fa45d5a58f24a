"""Values that changed: found in both texts, compared as values, told old and new."""

from __future__ import annotations

import pytest

from placet.comparison.compare import compare
from placet.comparison.facts import facts
from placet.comparison.lexicon import Lexicon

Told = list[tuple[str, str | None, str | None]]


def told(before: str, after: str, *others: str) -> Told:
    rest = "".join(f"\n\n9.{n} {text}" for n, text in enumerate(others, 1))
    found = compare(f"1. {before}{rest}".encode(), "a.txt", f"1. {after}{rest}".encode(), "b.txt")
    return [
        (flag.kind, flag.before and flag.before.value, flag.after and flag.after.value)
        for entry in found.entries
        for flag in entry.flags
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("It costs $1,000.00 a year", "It costs $1,500 a year", [("amount", "$ 1000", "$ 1500")]),
        ("up to EUR 2.5 million in all", "up to EUR 3 million in all", [("amount", "EUR 2500000", "EUR 3000000")]),
        ("a fee of five hundred dollars is due", "a fee of £500 is due", [("amount", "$ 500", "GBP 500")]),
        ("interest of 5% a year", "interest of five and a half percent a year", [("percentage", "5 %", "5.5 %")]),
        ("a share of 50 percent of it", "a share of 45% of it", [("percentage", "50 %", "45 %")]),
        ("within thirty (30) days of it", "within sixty (60) days of it", [("duration", "30 days", "60 days")]),
        ("within 30 days of it", "within 30 business days of it", [("duration", "30 days", "30 business days")]),
        ("a 30-day notice is due", "a 45-day notice is due", [("duration", "30 days", "45 days")]),
        ("thirty (30) days of it", "thirty (60) days of it", [("duration", "30 days", "30 ≠ 60 days")]),
        ("ends on 1 January 2026", "ends on January 31st, 2026", [("date", "2026-01-01", "2026-01-31")]),
        ("ends on 2026-01-01 at noon", "ends on 2027-01-01 at noon", [("date", "2026-01-01", "2027-01-01")]),
        ("it shall pay the fee", "it may pay the fee", [("modal", "shall", "may")]),
        ("it may use the mark", "it may not use the mark", [("modal", "may", "may not"), ("negation", None, "not")]),
        ("it cannot use the mark", "it can use the mark", [("modal", "can not", "can"), ("negation", "cannot", None)]),
        ("is liable for loss", "is never liable for loss", [("negation", None, "never")]),
        ("it pays if asked to", "it pays unless asked to", [("negation", None, "unless")]),
        ("the Supplier pays the tax", "the Customer pays the tax", [("party", "Supplier", "Customer")]),
        ("see Section 8.1(a) too", "see Section 9.1(a) too", [("reference", "section 8.1(a)", "section 9.1(a)")]),
        ("version 2.0 of the list", "version 2.1 of the list", [("number", "2.0", "2.1")]),
        ("with Acme Holdings Ltd. as agent", "with Bravo Holdings Ltd. as agent",
         [("party", "Acme Holdings Ltd", "Bravo Holdings Ltd")]),
    ],
)  # fmt: skip
def test_a_changed_value_is_told(before: str, after: str, expected: Told) -> None:
    assert told(before, after) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("within thirty (30) days of it", "within 30 days of it"),
        ("It costs $1,000 a year", "It costs $1,000.00 a year"),
        ("a share of 50 percent of it", "a share of 50% of it"),
        ("ends on 1 January 2026 at noon", "ends on January 1, 2026 at noon"),
        ("it uses reasonable efforts", "it uses reasonable endeavours"),
    ],
)
def test_the_same_value_in_other_words_is_not_told(before: str, after: str) -> None:
    assert told(before, after) == []


def test_parties_that_change_places_are_told() -> None:
    assert told("the Supplier pays the Customer", "the Customer pays the Supplier") == [
        ("party", "Supplier", "Customer"),
        ("party", "Customer", "Supplier"),
    ]


def test_roles_and_terms_are_the_documents_own() -> None:
    role = 'This is between Acme Industries GmbH (the "Grower") and Bravo Ltd (the "Miller").'
    assert told("the Grower keeps it", "the Miller keeps it", role) == [("party", "Grower", "Miller")]
    term = '"Goods" means grain; "Waste" means the rest.'
    assert told("it keeps the Goods", "it keeps the Waste", term) == [("term", "Goods", "Waste")]


def test_definitions_that_change_come_and_go_are_told() -> None:
    assert told('"Goods" means grain and rye', '"Goods" means grain and rice') == [("definition", "Goods", "Goods")]
    assert ("definition", "Goods", None) in told('"Goods" means grain and rye', '"Crops" means grain and rye')
    assert ("definition", None, "Crops") in told('"Goods" means grain and rye', '"Crops" means grain and rye')


def test_what_is_new_or_gone_is_flagged_with_its_values() -> None:
    found = compare(
        b"1. Alpha beta.", "a.txt", b"1. Alpha beta.\n\n2. The Supplier shall not owe more than $5,000.", "b.txt"
    )
    added = next(entry for entry in found.entries if entry.statuses == ("added",))
    assert {(flag.kind, flag.after.value) for flag in added.flags if flag.after} == {
        ("party", "Supplier"),
        ("modal", "shall not"),
        ("negation", "not"),
        ("amount", "$ 5000"),
    }
    assert found.summary.flags == {"amount": 1, "modal": 1, "negation": 1, "party": 1}


def test_may_is_a_month_where_it_is_one() -> None:
    found = facts("On 3 May 2026 it may end; May 2027 is too late.", Lexicon([], []))
    assert [(fact.kind, fact.value) for fact in found] == [
        ("date", "2026-05-03"),
        ("modal", "may"),
        ("date", "2027-05"),
    ]
