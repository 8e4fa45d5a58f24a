"""What holds for any two documents: generated ones, and edits of them whose truth is known."""

from __future__ import annotations

import random
import textwrap
from collections import Counter

import pytest
from benchmarks._contracts import EDITS, edit, synthetic
from benchmarks._documents import FORMATS, Item, make, numbered
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from examples import examples
from placet.comparison.compare import compare
from placet.comparison.normal import normal, tokens
from placet.comparison.numbering import marker
from placet.comparison.result import Comparison
from placet.comparison.words import changes

TEXT = (
    "the Supplier shall not pay $500 within 30 days (a) and (ii) or Section 3 unless agreed; fees: 5% non-exclusive "
    'twelve (12) months "Goods" means all — e.g. U.S. dollars it is a b c'
)
WORDS = TEXT.split()
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=24).map(lambda words: f"Z{' '.join(words)}.")
documents = st.lists(st.builds(Item, st.integers(0, 2), st.just(False), sentences), min_size=1, max_size=16)
calm = settings(deadline=None, max_examples=examples(60))


def plain(items: list[Item], scheme: str = "letters", width: int = 10_000, gap: str = "\n\n") -> bytes:
    lines = [textwrap.fill(f"{n} {item.text}", width, break_long_words=False) for n, item in numbered(items, scheme)]
    return gap.join(lines).encode()


def of(one: bytes, other: bytes) -> Comparison:
    return compare(one, "a.txt", other, "b.txt")


def texts(comparison: Comparison, status: str) -> Counter[str]:
    side = comparison.before if status == "removed" else comparison.after
    found = [e for e in comparison.entries if status in e.statuses]
    return Counter(side.clauses[n].text for e in found for n in (e.before if status == "removed" else e.after))


@calm
@given(documents)
def test_a_document_is_the_same_as_itself(items: list[Item]) -> None:
    found = of(plain(items), plain(items))
    assert {e.statuses for e in found.entries} == {("same",)}
    assert all(e.before == e.after for e in found.entries)


@calm
@given(
    documents,
    st.integers(24, 100),
    st.sampled_from(["\n\n", "\n \n\n", "\r\n\r\n"]),
    st.sampled_from(["decimal", "articles"]),
)
def test_layout_and_numbering_are_no_change(items: list[Item], width: int, gap: str, scheme: str) -> None:
    made = plain(items, scheme, width, gap)
    wrapped = [line for block in made.decode().split(gap) for line in block.splitlines()[1:]]
    # Where the middle of a sentence begins a line and reads like the number of a clause, nobody can tell which it is.
    assume(not any(marker(normal(line)) for line in wrapped))
    found = of(plain(items), made)
    assert [e for e in found.entries if e.statuses != ("same",)] == []


@calm
@given(documents, documents)
def test_swapping_the_sides_swaps_added_and_removed(one: list[Item], other: list[Item]) -> None:
    there, back = of(plain(one), plain(other)), of(plain(other), plain(one))
    assert texts(there, "added") == texts(back, "removed")
    assert texts(there, "removed") == texts(back, "added")


@calm
@given(documents, documents)
def test_every_clause_of_both_sides_is_told_once(one: list[Item], other: list[Item]) -> None:
    found = of(plain(one), plain(other))
    assert sorted(n for e in found.entries for n in e.before) == list(range(len(found.before.clauses)))
    assert sorted(n for e in found.entries for n in e.after) == list(range(len(found.after.clauses)))
    for entry in found.entries:
        assert bool(entry.before) == ("added" not in entry.statuses)
        assert bool(entry.after) == ("removed" not in entry.statuses)
        assert bool(entry.segments) == ("edited" in entry.statuses)


@calm
@example([Item(0, False, "Zthe the the a U.S..")], [Item(0, False, "Z(a) U.S..")])
@given(documents, documents)
def test_segments_hold_both_texts(one: list[Item], other: list[Item]) -> None:
    found = of(plain(one), plain(other))
    for entry in found.entries:
        if "edited" in entry.statuses and len(entry.before) == len(entry.after) == 1:
            new = "".join(s.text for s in entry.segments if s.change != "removed")
            old = "".join(s.text for s in entry.segments if s.change != "added")
            assert new == found.after.clauses[entry.after[0]].text
            assert tokens(old) == tokens(found.before.clauses[entry.before[0]].text)


@settings(deadline=None, max_examples=examples(200))
@given(st.lists(st.sampled_from("abcd"), max_size=30), st.lists(st.sampled_from("abcd"), max_size=30))
def test_word_edits_turn_one_side_into_the_other(one: list[str], other: list[str]) -> None:
    i = j = 0
    for a, b, c, d in changes(one, other):
        assert one[i:a] == other[j:c]
        assert b > a or d > c
        i, j = b, d
    assert one[i:] == other[j:]


def test_long_rewritten_clauses_are_still_compared_by_word() -> None:
    rng = random.Random(1)
    one = [f"w{rng.randrange(4000)}" for _ in range(6000)]
    other = [word if rng.random() < 0.85 else "x" for word in one]
    blocks = changes(one, other)
    assert len(blocks) > 300
    assert sum(b - a for a, b, _, _ in blocks) < 3000


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", EDITS)
def test_each_kind_of_edit_is_found_and_nothing_else(kind: str, form: str) -> None:
    rng = random.Random(f"{kind} {form}")
    edited = edit(synthetic(2_500, rng), 0.08, rng, [kind])
    assert edited.pairs
    one, other = make(edited.before, form, rng), make(edited.after, form, rng)
    found = compare(one, f"a.{form}", other, f"b.{form}")
    truth = Counter(status for side in (edited.gone, edited.came) for statuses in side.values() for status in statuses)
    said = Counter(s for e in found.entries for s in e.statuses if s != "same" for _ in (*e.before, *e.after))
    assert said == truth
