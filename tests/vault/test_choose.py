"""Which rows are lawful, in columns, against the same in plain Python."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from placet.core.hashing import sha256
from placet.core.merkle import batch_root, lawful_root
from placet.vault.candidates import Candidate, Candidates
from placet.vault.columns import RowSubjects, column, find, find_anywhere
from placet.vault.lawful import NEVER, choose, root_of
from placet.vault.leaves import LEAF, split


def octets(number: int) -> bytes:
    """Few different values, in which what differs stands before, among and after zeros."""
    return bytes([number % 4, *bytes(29), number // 4 % 4, 0])


VALUES = st.integers(0, 15).map(octets)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        consent=VALUES,
        not_before=st.integers(0, 3),
        not_after=st.integers(2, 5),
        first_opening=st.integers(0, 2),
        opens_before=st.integers(1, 4),
        subject=st.none() | st.integers(1, 15).map(octets),
    ),
    unique_by=lambda one: one.consent,
)


def plain(found, *, batches, anchored, block, subjects, dead, now, deadline, openings):
    """One consent after the other, as one would say it."""
    batch_of = {}
    for root in sorted((r for r in batches if r in anchored and anchored[r] <= block), key=lambda r: (anchored[r], r)):
        for consent in batches[root]:
            batch_of.setdefault(consent, root)
    best = {}
    for one in found:
        lawful = one.subject in subjects and one.consent in batch_of and one.consent not in dead
        in_time = one.not_before <= now and one.not_after >= deadline
        if lawful and in_time and one.first_opening <= openings < one.opens_before:
            key = (-one.opens_before, -one.not_after, one.consent)
            best[one.subject] = min(best.get(one.subject, (key, one)), (key, one), key=lambda pair: pair[0])
    chosen = sorted(
        (one.consent, subjects[one.subject], batch_of[one.consent], one.opens_before) for _, one in best.values()
    )
    return [leaf[:3] for leaf in chosen], min((leaf[3] for leaf in chosen), default=NEVER)


@given(
    CANDIDATES,
    st.lists(st.sets(VALUES, min_size=1).map(sorted), max_size=4),
    st.lists(st.integers(0, 4), min_size=4, max_size=4),
    st.sets(st.integers(1, 15).map(octets)),
    st.sets(VALUES, max_size=4),
    st.integers(0, 3),
    st.integers(3, 5),
    st.integers(0, 3),
)
def test_columns_choose_what_plain_python_does(found, contents, blocks, tags, dead, now, deadline, openings) -> None:
    batches = {batch_root(leaves): leaves for leaves in contents}
    anchored = {root: block for root, block in zip(batches, blocks, strict=False) if block}
    rows = {tag: bytes(31 - i) + b"\x01" + bytes(i) for i, tag in enumerate(sorted(tags))}
    given = {"anchored": anchored, "block": 3, "dead": dead, "now": now, "deadline": deadline, "openings": openings}
    leaves, opens_before = plain(found, batches=batches, subjects=rows, **given)
    subjects = RowSubjects(column(b"".join(rows)), column(b"".join(rows.values())))
    joined = {root: b"".join(held) for root, held in batches.items()}
    chosen = choose(Candidates(found), batches=joined, subjects=subjects, **given)
    assert [tuple(split(leaf, 32)) for leaf in split(chosen.leaves, LEAF)] == leaves
    assert (chosen.count, chosen.opens_before) == (len(leaves), opens_before)
    assert chosen.root == root_of(chosen.leaves) == lawful_root([leaf[:2] for leaf in leaves])
    assert chosen.places is not None
    assert [list(rows.values())[place] for place in chosen.places] == [leaf[1] for leaf in leaves]


@given(
    st.lists(VALUES, min_size=1, max_size=6, unique=True),
    st.lists(st.tuples(st.sets(VALUES, max_size=2), st.integers(0, 3), st.booleans()), max_size=6),
)
def test_what_is_worked_out_again_is_what_would_be_worked_out_anew(ids, times) -> None:
    """Whatever came before: consents that have ended, another opening, one more batch."""
    candidates = Candidates(Candidate(one, 0, 9, 0, 2, octets(1 + n)) for n, one in enumerate(sorted(ids)))
    subjects = RowSubjects(column(b"".join(octets(1 + n) for n in range(6))), column(sha256(b"a") * 6))
    subjects.rows = column(b"".join(sha256(bytes([n])) for n in range(6)))
    leaves = sorted(ids)
    batches = {batch_root(part): b"".join(part) for part in (leaves[:3], leaves)}
    last = None
    for dead, openings, both in times:
        anchored = dict.fromkeys(list(batches)[: 1 + both], 1)
        given = {"anchored": anchored, "block": 3, "dead": dead, "now": 0, "deadline": 5, "openings": openings}
        anew = choose(Candidates(candidates.values()), batches=batches, subjects=subjects, **given)
        last = choose(candidates, batches=batches, subjects=subjects, **given, last=last)
        assert (last.leaves, last.opens_before, last.root) == (anew.leaves, anew.opens_before, anew.root)


@given(st.sets(VALUES), st.lists(VALUES))
def test_values_are_found_in_any_column(held, wanted) -> None:
    """Their first bytes don't tell these apart, those of hashes do."""
    for form in (bytes, sha256):
        values, sought = [form(one) for one in held], [form(one) for one in wanted]
        for look, order in ((find, sorted(values)), (find_anywhere, values)):
            places, there = look(column(b"".join(order)), column(b"".join(sought)))
            found = [order[place] if inside else None for place, inside in zip(places, there, strict=True)]
            assert found == [one if one in values else None for one in sought]


@given(CANDIDATES, CANDIDATES, VALUES)
def test_candidates_are_a_mapping_that_grows_and_shrinks(found, more, gone) -> None:
    model = {one.consent: one for one in found}
    held = Candidates(found)
    assert dict(held) == model
    assert list(held) == sorted(model)
    grown = held.with_(more)
    assert dict(grown) == {one.consent: one for one in more} | model
    assert dict(grown.without(gone)) == {k: v for k, v in dict(grown).items() if k != gone}
    assert (gone in held, held.get(gone)) == (gone in model, model.get(gone))
    assert b"short" not in held
