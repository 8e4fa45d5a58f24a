"""The page as a lawyer reads it: values first, each with the words around it, what matters less folded away."""

from __future__ import annotations

import re

from placet.comparison.compare import compare
from placet.comparison.page import html

BEFORE = """# Schedule of fees

| Item | Fee |
|---|---|
| Setup | $500 |
| Support | $100 |

## Liability

The Supplier shall pay up to EUR 5,000 for each event that the Buyer can show, see Section 4.

Nothing else is owed.
"""
AFTER = BEFORE.replace("$500", "$550").replace("EUR 5,000", "EUR 6,000").replace("Section 4", "Section 5")
AFTER = AFTER.replace("Nothing else is owed.", "Nothing else is owed.\n\nThe Buyer shall keep USD 70 in reserve.")


def page(before: str = BEFORE, after: str = AFTER, form: str = "md") -> str:
    whole = html(compare(before.encode(), f"a.{form}", after.encode(), f"b.{form}"))
    return re.sub(r"<(style|script)>.*?</\1>", "", whole, flags=re.DOTALL)


def rows(text: str) -> list[str]:
    """The rows of the lists at the top, without marks."""
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)]


def test_old_and_new_value_stand_in_one_row_with_five_words_around() -> None:
    found = rows(page())
    assert any(row.endswith("Setup | $500 → $550") for row in found)
    assert any(row.endswith("Supplier shall pay up to EUR 5,000 → EUR 6,000 for each event that the") for row in found)


def test_a_clause_without_a_number_is_cited_by_the_heading_above_it() -> None:
    text = page()
    assert "¶" not in text
    assert re.search(r'<a href="#e\d+">Schedule of fees</a>', text)
    assert re.search(r'<a href="#e\d+">Liability</a>', text)


def test_values_of_new_clauses_are_read_first_and_the_rest_is_folded() -> None:
    first, folded = page().split('<details class="low">')
    folded = folded.partition("</details>")[0]
    assert any("USD 70" in row and row.endswith("new") for row in rows(first))
    assert any("Section 4 → Section 5" in row for row in rows(folded))
    assert not any("Section 4 → Section 5" in row for row in rows(first))
    assert any("shall" in row and row.endswith("new") for row in rows(folded)), "a duty of a clause that is new"
    assert "<details" not in page(BEFORE, BEFORE.replace("$500", "$550")), "nothing to fold"


def test_hashes_stand_at_the_end() -> None:
    text = page()
    digests = [found.start() for found in re.finditer(r"sha256 [0-9a-f]{64}", text)]
    assert len(digests) == 2
    assert min(digests) > max(found.start() for found in re.finditer('<div class="row', text))


def test_changes_alone_are_shown_until_all_is_asked_for() -> None:
    text = page()
    assert '<input type="checkbox" checked> changes only' in text
    shown = {
        name: "hidden" in rest for name, rest in re.findall(r'<div class="row (\w+)[^"]*" id="e\d+"( hidden)?>', text)
    }
    assert shown == {"same": True, "edited": False, "added": False}
    assert ".row.same[hidden]" in html(compare(BEFORE.encode(), "a.md", AFTER.encode(), "b.md")), "all without a script"


def test_a_schedule_is_no_number_of_the_row_that_follows() -> None:
    text = page("# Schedule 1\n\n| Setup | $5 |\n|---|---|\n", "# Schedule 1\n\n| Setup | $6 |\n|---|---|\n")
    assert rows(text) == ["Schedule 1 Setup | $6 Setup | $5 → $6"]
    assert "<b>Schedule 1</b>Schedule 1" not in text
