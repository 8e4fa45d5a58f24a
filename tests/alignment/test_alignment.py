"""Alignment: the vectors, what normalisation must always do, rounds with fall-back, and what a report may tell."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.alignment import Rules, parse_rules, record
from placet.alignment.company import LANGUAGES
from placet.alignment.keys import NO_ROWS, Round, identifier, keys, left_as_they_are, report
from placet.alignment.registration import SCHEMES, USCC_ALPHABET
from placet.alignment.rules import Key
from placet.alignment.text import clean
from placet.core.errors import DataError, InputError, LimitError
from placet.core.hashing import document_bytes, sha256
from placet.core.text_columns import TextColumn

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "alignment.json").read_text(encoding="utf-8"))

TEXT = {"kind": "text", "column": "name", "width": "nfkc", "case": "fold"}
PHONE = {"kind": "phone", "column": "mobile", "country": "CN"}
EMAIL = {"kind": "email", "column": "mail", "case": "fold"}
COMPANY = {"kind": "company", "column": "name", "languages": ["de", "en", "zh"]}
LEI = {"kind": "registration", "column": "lei", "scheme": "lei"}
GMAIL = {"domains": ["gmail.com", "googlemail.com"], "dots": True, "plus": True}


def rules(*declared: dict[str, Any], smallest: int = 2) -> Rules:
    return parse_rules(
        {"type": "placet.alignment", "version": 1, "keys": [dict(key) for key in declared], "smallest": smallest}
    )


def key(declared: dict[str, Any]) -> Key:
    return rules(declared).keys[0]


@pytest.mark.parametrize(
    ("declared", "case"), [(group["key"], case) for group in VECTORS["cases"] for case in group["values"]]
)
def test_values_are_written_as_the_vectors_say(declared: dict[str, Any], case: dict[str, Any]) -> None:
    if case.get("invalid"):
        with pytest.raises(ValueError):
            identifier(key(declared), case["value"])
        return
    assert identifier(key(declared), case["value"]) == case["identifier"]


def test_the_rules_have_the_canonical_form_of_the_vectors() -> None:
    parsed = parse_rules(VECTORS["rules"]["document"])
    assert parsed.to_json() == VECTORS["rules"]["document"]
    assert "0x" + sha256(document_bytes(parsed)).hex() == VECTORS["rules"]["sha256"]
    assert parse_rules(document_bytes(parsed)) == parsed


def test_a_step_record_says_which_tables_were_used() -> None:
    parsed = rules(TEXT, PHONE)
    recorded = record(parsed)
    assert recorded["rules"] == parsed.to_json()
    assert recorded["unicode"] == unicodedata.unidata_version
    assert recorded["phonenumbers"]
    json.dumps(recorded)


ALL_KEYS = [
    TEXT,
    {**TEXT, "case": "keep"},
    {**TEXT, "case": "keep", "width": "keep"},
    *({**PHONE, "country": country} for country in ("CN", "US", "GB", "DE", "IT", "AR", "MX", "BR", "RU", "KZ")),
    EMAIL,
    {**EMAIL, "case": "domain", "providers": [GMAIL]},
    {**COMPANY, "languages": list(LANGUAGES)},
    {**COMPANY, "languages": []},
    *({**LEI, "scheme": scheme} for scheme in SCHEMES),
]
FORMS = [
    "Ltd.",
    "G.m.b.H.",
    "& Co. KG",
    "S.A.",
    "A/S",
    "(株)",
    "㈱",
    "有限公司",
    "株式会社",
    "ООО",
    "AB",
    "(publ)",
    "Sp. z o.o.",
]
written_by_people = st.one_of(
    st.text(max_size=30),
    st.lists(st.one_of(st.text(max_size=6), st.sampled_from(FORMS)), max_size=5).map(" ".join),
    st.text(alphabet="0123456789+() -./０１２３４５", max_size=20),
    st.from_regex(r"\A[+]?[0-9]{6,14}\Z"),
    st.builds("{}@{}".format, st.text(alphabet="aB.+-ｘ", max_size=8), st.sampled_from(["Gmail.com", "x.ORG", "x.y"])),
    st.text(alphabet=USCC_ALPHABET + "abc -", max_size=22),
    st.integers(),
)


@settings(max_examples=examples(400), deadline=None)
@given(st.sampled_from(ALL_KEYS), written_by_people)
def test_writing_twice_is_writing_once(declared: dict[str, Any], value: object) -> None:
    """And it never fails but by ValueError, and gives text that a peer's own check takes."""
    chosen = key(declared)
    try:
        written = identifier(chosen, value)
    except ValueError:
        return
    assert written == identifier(chosen, value)
    if written is not None:
        assert identifier(chosen, written) == written
        written.encode()


@settings(max_examples=examples(200))
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_forms_of_unicode_and_case_make_no_difference(value: str, form: Any) -> None:
    folded = key(TEXT)

    def write(text: str) -> object:
        try:
            return identifier(folded, text)
        except ValueError:
            return "invalid"

    assert write(unicodedata.normalize(form, value)) == write(value)


@given(
    st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=18, max_size=18), st.integers(0, 19), st.data()
)
def test_one_wrong_character_of_an_lei_is_found(stem: str, place: int, data: st.DataObject) -> None:
    """Check digits by ISO 7064 MOD 97-10, worked out here on their own."""
    number = stem + f"{98 - int(''.join(str(int(c, 36)) for c in stem + '00')) % 97:02d}"
    assert SCHEMES["lei"](number) == number
    kind = "0123456789" if number[place].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    wrong = number[:place] + data.draw(st.sampled_from(kind.replace(number[place], ""))) + number[place + 1 :]
    with pytest.raises(ValueError, match="legal entity"):
        SCHEMES["lei"](wrong)


@given(
    st.from_regex(r"\A9[1-3][0-9]{6}\Z"),
    st.text(alphabet=USCC_ALPHABET, min_size=9, max_size=9),
    st.integers(8, 17),
    st.data(),
)
def test_one_wrong_character_of_a_social_credit_code_is_found(
    head: str, body: str, place: int, data: st.DataObject
) -> None:
    weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]  # as printed in GB 32100-2015
    stem = head + body
    check = (31 - sum(USCC_ALPHABET.index(c) * w for c, w in zip(stem, weights, strict=True)) % 31) % 31
    number = stem + USCC_ALPHABET[check]
    assert SCHEMES["uscc"](number) == number
    wrong = number[:place] + data.draw(st.sampled_from(USCC_ALPHABET.replace(number[place], ""))) + number[place + 1 :]
    with pytest.raises(ValueError, match="social credit"):
        SCHEMES["uscc"](wrong)


BAD_RULES: list[dict[str, Any]] = [
    {"keys": []},
    {"keys": [TEXT] * 2},
    {"keys": [{**TEXT, "column": f"c{i}"} for i in range(9)]},
    {"keys": [{**TEXT, "kind": "soundex"}]},
    {"keys": [{**TEXT, "case": "lower"}]},
    {"keys": [{**TEXT, "width": "keep"}]},
    {"keys": [{"kind": "text", "column": "name"}]},
    {"keys": [{**TEXT, "column": ""}]},
    {"keys": [{**PHONE, "country": "cn"}]},
    {"keys": [{**PHONE, "country": "ZZ"}]},
    {"keys": [{"kind": "phone", "column": "x"}]},
    {"keys": [{**EMAIL, "providers": [{"domains": []}]}]},
    {"keys": [{**EMAIL, "providers": [{"domains": ["Gmail.com"]}]}]},
    {"keys": [{**EMAIL, "providers": [GMAIL, {"domains": ["gmail.com"]}]}]},
    {"keys": [{**EMAIL, "plus": True}]},
    {"keys": [{**COMPANY, "languages": ["xx"]}]},
    {"keys": [{**COMPANY, "languages": ["de", "de"]}]},
    {"keys": [{**LEI, "scheme": "duns"}]},
    {"smallest": 1},
    {"smallest": "3"},
    {"version": 2},
    {"type": "placet.plan"},
    {"extra": 1},
]


@pytest.mark.parametrize("change", BAD_RULES)
def test_bad_rules_are_refused(change: dict[str, Any]) -> None:
    good = {"type": "placet.alignment", "version": 1, "keys": [TEXT], "smallest": 5}
    parse_rules(good)
    with pytest.raises(InputError, match="rules of alignment") as caught:
        parse_rules({**good, **change})
    assert caught.value.expected


@pytest.mark.parametrize("raw", ["", "[]", "{", b"\xff"])
def test_what_are_no_rules_are_refused(raw: Any) -> None:
    with pytest.raises(InputError):
        parse_rules(raw)
    with pytest.raises(LimitError):
        parse_rules(" " * (1 << 20))


ROWS = {
    "lei": ["HWUPKR0MPOU8FGXBT394", None, "7LTWFZYICNSX8D621K86", "nonsense", "7LTW FZYI CNSX 8D62 1K86", ""],
    "mobile": ["13800138000", "13800138001", "+86 138 0013 8002", "13800138003", "13800138004", 13800138004],
}


def test_rows_are_counted_by_what_became_of_them() -> None:
    first, second = keys(ROWS, rules(LEI, PHONE))
    assert list(first.identifiers) == ["HWUPKR0MPOU8FGXBT394", None, None, None, None, None]
    assert (first.usable, first.empty, first.invalid, first.ambiguous) == (1, 2, 1, 2)
    assert list(second.identifiers.take(np.array([0, 3]))) == ["+8613800138000", "+8613800138003"]
    assert (second.usable, second.empty, second.invalid, second.ambiguous) == (4, 0, 0, 2)


def test_a_later_round_takes_the_rows_that_no_round_has_matched() -> None:
    first, second = keys(ROWS, rules(LEI, PHONE))
    assert first.left().tolist() == [0]
    assert second.left(np.array([0])).tolist() == [1, 2, 3]
    assert second.left(np.array([1, 5])).tolist() == [0, 2, 3]


def test_a_row_is_ambiguous_whether_or_not_its_double_was_matched_before() -> None:
    columns = {"lei": ["HWUPKR0MPOU8FGXBT394", None], "mobile": ["13800138000", "13800138000"]}
    _, second = keys(columns, rules(LEI, PHONE))
    assert second.left(np.array([0])).tolist() == []


def test_rounds_do_not_print_identifiers() -> None:
    assert "13800138000" not in repr(keys(ROWS, rules(LEI, PHONE)))


cells = st.one_of(st.none(), st.text(max_size=5), st.integers(), st.floats(), st.booleans(), st.binary(max_size=3))


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(cells, cells), max_size=12), st.data())
def test_no_cell_fails_and_every_row_is_counted_once(table: list[tuple[Any, Any]], data: st.DataObject) -> None:
    columns = {"name": [a for a, _ in table], "mobile": [b for _, b in table]}
    declared = rules(TEXT, PHONE)
    rounds = keys(columns, declared)
    order = data.draw(st.permutations(range(len(table))))
    shuffled = keys({name: [values[i] for i in order] for name, values in columns.items()}, declared)
    for one, other in zip(rounds, shuffled, strict=True):
        assert one.usable + one.empty + one.invalid + one.ambiguous == len(table)
        found = list(one.identifiers)
        assert one.usable == len(one.left()) == len(set(found) - {None})
        assert [found[i] for i in order] == list(other.identifiers)


def test_missing_and_uneven_columns_are_refused() -> None:
    with pytest.raises(DataError, match="missing") as caught:
        keys({"mobile": []}, rules(LEI, PHONE))
    assert caught.value.expected == "lei"
    with pytest.raises(DataError, match="different lengths"):
        keys({"lei": [1], "mobile": []}, rules(LEI, PHONE))


def of(count: int, usable: int) -> Round:
    return Round(key(TEXT), TextColumn.of([f"{i}" if i < usable else None for i in range(count)]), count - usable, 0, 0)


@pytest.mark.parametrize(
    ("rows", "usable", "matched", "told"),
    [
        (100, 100, 50, (100, 100, 50)),
        (100, 90, 80, (100, 90, 80)),
        (100, 91, 50, (100, None, 50)),
        (100, 99, 50, (100, None, 50)),
        (100, 100, 9, (100, 100, None)),
        (100, 100, 0, (100, 100, None)),
        (100, 100, 91, (100, 100, None)),
        (100, 100, 100, (100, 100, None)),
        (100, 9, 5, (100, None, None)),
        (9, 9, 9, (None, None, None)),
        (0, 0, 0, (None, None, None)),
    ],
)
def test_a_report_tells_no_small_count_and_none_by_subtraction(
    rows: int, usable: int, matched: int, told: tuple[Any, ...]
) -> None:
    made = report([of(rows, usable)], [np.arange(matched)], rules(TEXT, smallest=10))
    assert made == {
        "smallest": 10,
        "rows": told[0],
        "rounds": [{"round": 1, "kind": "text", "usable": told[1], "matched": told[2]}],
    }


def test_a_second_rounds_rest_is_judged_by_the_rows_that_were_left() -> None:
    rounds = [of(100, 100), of(100, 100)]
    made: Any = report(rounds, [np.arange(60), np.arange(60, 95)], rules(TEXT, PHONE, smallest=10))
    assert [(one["usable"], one["matched"]) for one in made["rounds"]] == [(100, 60), (100, None)]


@pytest.mark.parametrize("matched", [[[0, 0]], [[5]], [[9]], [[-1]], [], [[0], [1]]])
def test_a_report_of_rows_that_can_not_have_matched_is_refused(matched: list[list[int]]) -> None:
    with pytest.raises(InputError):
        report([of(6, 5)], [np.array(one, np.int64) for one in matched], rules(TEXT))


def test_a_row_matched_twice_is_refused() -> None:
    with pytest.raises(InputError, match="not in the round"):
        report([of(6, 5), of(6, 5)], [np.array([1]), np.array([1])], rules(TEXT, PHONE))


@given(
    st.lists(st.text("ab \n\t\x7fé", max_size=4) | st.none() | st.just("a" * 513), max_size=4),
    st.lists(st.text("ab ", max_size=4)),
    st.data(),
)
def test_a_column_comes_to_what_its_cells_do_one_by_one(
    any_values: list[str | None], plain: list[str], data: st.DataObject
) -> None:
    kept = key(TEXT | {"width": "keep", "case": "keep"})
    for values in (any_values, plain, [" ".join(one.split()) for one in plain], [*plain, "b c"], ["a", "b c"]):
        cut = data.draw(st.integers(0, len(values)))
        column = TextColumn.joined([TextColumn.of(part) for part in (values[:cut], values[cut:])])
        if left_as_they_are(column):
            assert [clean(one) for one in values] == values
        elif all(one and clean_of(one) == one and one.isascii() for one in values):
            assert not values
        one = keys({"name": column}, Rules(keys=(kept,), smallest=2))[0]
        cells = keys({"name": values}, Rules(keys=(kept,), smallest=2))[0]
        assert list(one.identifiers) == list(cells.identifiers) == _one_by_one(kept, values)
        assert (one.empty, one.invalid, one.ambiguous) == (cells.empty, cells.invalid, cells.ambiguous)
        usable = [place for place, found in enumerate(_one_by_one(kept, values)) if found is not None]
        assert one.left(NO_ROWS).tolist() == usable
        assert one.left(np.array(usable[:1], np.int64)).tolist() == usable[1:]


def clean_of(value: str) -> str | None:
    """None for what no identifier is made of."""
    try:
        return clean(value)
    except ValueError:
        return None


def _one_by_one(kept: Key, values: list[Any]) -> list[str | None]:
    written = []
    for one in values:
        try:
            written.append(identifier(kept, one))
        except ValueError:
            written.append(None)
    return [one if written.count(one) == 1 else None for one in written]
