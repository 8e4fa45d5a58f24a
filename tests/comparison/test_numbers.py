"""Numbers of clauses: as lawyers cite them; and what only looks like one is text."""

from __future__ import annotations

import pytest

from placet.comparison.compare import compare
from placet.comparison.result import Comparison


def of(before: str, after: str, form: str = "txt") -> Comparison:
    return compare(before.encode(), f"a.{form}", after.encode(), f"b.{form}")


def labels(text: str) -> list[str]:
    return [clause.label for clause in of(text, text).before.clauses]


def changed(comparison: Comparison) -> bool:
    return any(entry.statuses != ("same",) for entry in comparison.entries)


@pytest.mark.parametrize(
    ("form", "text", "old", "new"),
    [
        ("md", "# Price\n\n{}\n\n# Term\n\nlong\n", "10.50", "12.50"),
        ("md", "| Fee | Item |\n|---|---|\n| {} | Setup |\n| 11.50 | Run |\n", "10.50", "12.50"),
        ("txt", "1. Start\n\n{} January 2026\n\n2. Rest", "1", "2"),
        ("txt", "1. Start\n\n{} January 2026\n\n2. Rest", "1.", "2."),
        ("txt", "4. Users\n\n{} Named Users\n\n5. Rest", "5", "6"),
        ("txt", "4. Price\n\n{} EUR a unit\n\n5. Rest", "3.5", "4.5"),
        ("txt", "4. Loss\n\n({})\n\n5. Rest", "500", "600"),
        ("txt", "4. Factor\n\n{}\n\n5. Rest", "1.5", "2.5"),
        ("txt", "1. Section 4.2({}) applies", "b", "c"),
        ("txt", "1. Schedule {} applies", "2", "3"),
        ("txt", "1. Article {} applies", "IV", "V"),
        ("txt", "1. X\n\n[{}] Yes", "x", " "),
        ("txt", "1. X\n\n- {} units\n\n- 6 boxes", "5", "7"),
        ("txt", "The fee is\n{} percent of it.", "2.5", "2.6"),
    ],
)
def test_a_number_that_does_not_follow_from_its_place_is_text(form: str, text: str, old: str, new: str) -> None:
    assert changed(of(text.format(old), text.format(new), form))
    assert not changed(of(text.format(old), text.format(old), form))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1. A b.\n\n2. C d.\n\n3. E f.", "1. A b.\n\n2. New text.\n\n3. C d.\n\n4. E f."),
        ("1.1 A b.\n\n1.2 C d.\n\n2. E f.\n\n2.1 G h.", "1.1 A b.\n\n1.2 New text.\n\n1.3 C d.\n\n2. E f.\n\n2.1 G h."),
        ("ARTICLE I\n\nSection 1. A b.\n\nARTICLE II\n\nSection 2. C d.",
         "ARTICLE I\n\nSection 1. A b.\n\nSection 2. New text.\n\nARTICLE II\n\nSection 3. C d."),
        ("(a)(i) A b.\n\n(a)(ii) C d.", "(a)(i) A b.\n\n(a)(ii) New text.\n\n(a)(iii) C d."),
        ("Schedule 1\n\n1. A b.\n\nSchedule 2\n\n1. C d.",
         "Schedule 1\n\n1. A b.\n\n2. New text.\n\nSchedule 2\n\n1. C d."),
    ],
)  # fmt: skip
def test_numbers_that_follow_from_their_places_are_no_text(before: str, after: str) -> None:
    statuses = [entry.statuses for entry in of(before, after).entries if entry.statuses != ("same",)]
    assert statuses == [("added",)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. A\n\n(a)(i) one;\n\n(a)(ii) two;\n\n(b) three.", ["1", "1(a)(i)", "1(a)(ii)", "1(b)"]),
        ("(A) The Seller owns.\n\n(B) The Buyer buys.\n\n1. AGREEMENT\n\n1.1 It is so.", ["(A)", "(B)", "1", "1.1"]),
        ("§ 3 Preis\n\n(1) Er ist hoch.\n\n§ 4 Dauer\n\nAbs. 1 Sie ist kurz.", ["§ 3", "§ 3(1)", "§ 4", "Abs. 1"]),
        ("3. A\n\n3.8 B\n\n3.8.3 c\n\n4 TAKEDOWNS\n\n4.1 D", ["3", "3.8", "3.8.3", "4", "4.1"]),
        ("1.1 A b.\n\n1.1.1 C d.\n\n1.1.2 E f.\n\n1.2 G h.", ["1.1", "1.1.1", "1.1.2", "1.2"]),
    ],
)
def test_numbers_are_cited_as_lawyers_do(text: str, expected: list[str]) -> None:
    assert labels(text) == expected
