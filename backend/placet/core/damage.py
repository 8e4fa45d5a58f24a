"""Identifiers that look damaged: rounded or stripped by a spreadsheet, or written in several ways. Two lists that meet
nobody mostly look so.

Judged from a list alone, so all of it is a doubt and no error. Rows are named, never what stands in them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from placet.core.text import visible

KEPT_DIGITS = 15
"""Digits of a number that a spreadsheet keeps."""
MOST_FORMS = 4
"""More forms than that are no accident: names, addresses, hashes."""
SPARSE = 50
"""Numbers that run on, as in 1 to 30,000, have lengths of their own; identifiers of one length are spread wider."""
_SCIENTIFIC = re.compile(r"-?[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"-?[0-9]+\.0+", re.ASCII)
_DIGITS, _UPPER, _LOWER = (re.compile(f"[{kind}]+", re.ASCII) for kind in ("0-9", "A-Z", "a-z"))
_SEPARATORS = re.compile(r"[ ./-]+")


@dataclass(frozen=True, slots=True)
class Damage:
    """One doubt. `code`: rounded, float, zeros or forms; `rule` is the key of an alignment, as JSON, that writes the
    identifiers alike again, None where what is lost can't be found again."""

    code: str
    message: str
    found: str
    remedy: str
    rule: str | None = None

    @property
    def words(self) -> str:
        """One line for people."""
        mended = "" if self.rule is None else f"; in a job that aligns, the key {self.rule} mends it"
        return f"{self.message}: {self.found}; {self.remedy}{mended}"


def is_scientific(identifier: str) -> bool:
    """Is it written as 1.23457E+14? No identifier is: a spreadsheet made a number of it."""
    return ("E" in identifier or "e" in identifier) and _SCIENTIFIC.fullmatch(identifier) is not None


def is_cut(identifier: str) -> bool:
    """Has it nothing but zeros after the digits that a spreadsheet keeps? Some true identifiers have."""
    return (
        len(identifier) > KEPT_DIGITS
        and identifier.isascii()
        and identifier.isdigit()
        and not identifier[KEPT_DIGITS:].strip("0")
    )


def damages(identifiers: Sequence[str], column: str) -> list[Damage]:
    """What looks damaged in a column of identifiers, the gravest first."""
    return [one for judge in (_rounded, _floats, _zeros, _forms) if (one := judge(identifiers, column)) is not None]


def nearly_alike(one: Iterable[str], other: Collection[str]) -> int:
    """How many identifiers of one list are not in the other, but would be if case, separators and leading zeros were
    written alike."""
    bare = set(map(_bare, other))
    return sum(identifier not in other and _bare(identifier) in bare for identifier in one)


def _bare(identifier: str) -> str:
    return _SEPARATORS.sub("", identifier).casefold().lstrip("0")


def _rounded(identifiers: Sequence[str], column: str) -> Damage | None:
    hits = _rows(identifiers, is_scientific)
    if not hits:
        cut = _rows(identifiers, is_cut)
        long = sum(len(one) > KEPT_DIGITS and one.isdigit() for one in identifiers)
        hits = cut if len(cut) > 1 and 2 * len(cut) > long else []
    if not hits:
        return None
    return Damage(
        "rounded",
        f"a spreadsheet rounded identifiers: it keeps {KEPT_DIGITS} digits of a number",
        _where(hits, identifiers, column),
        "the digits are lost: export the column as text from where it comes from",
    )


def _floats(identifiers: Sequence[str], column: str) -> Damage | None:
    hits = _rows(identifiers, _is_float)
    if not hits:
        return None
    return Damage(
        "float",
        "identifiers stand there as decimal numbers, as in 123.0",
        _where(hits, identifiers, column),
        "read the column as text, not as numbers, where the file is made",
    )


def _zeros(identifiers: Sequence[str], column: str) -> Damage | None:
    """Of numbers of one length a tenth begins with a zero, and is a digit shorter where that was lost."""
    numbers = [one for one in identifiers if one.isascii() and one.isdigit()]
    if 2 * len(numbers) <= len(identifiers):
        return None
    lengths = Counter(map(len, numbers))
    most = max(lengths)
    short = len(numbers) - lengths[most]
    if not short or 2 * short >= len(numbers) or max(map(int, numbers)) < SPARSE * len(numbers):
        return None
    hits = _rows(identifiers, lambda one: one.isascii() and one.isdigit() and len(one) < most)
    return Damage(
        "zeros",
        f"identifiers are shorter than the {most} digits of most: leading zeros were lost, or lengths are mixed",
        _where(hits, identifiers, column),
        "export the column as text",
        _rule("digits", column, length=most),
    )


def _forms(identifiers: Sequence[str], column: str) -> Damage | None:
    forms = Counter(_form(one) for one in identifiers if not _is_number(one))
    numbered = sum(count for form, count in forms.items() if "9" in form)
    if not 1 < len(forms) <= MOST_FORMS or 2 * numbered <= sum(forms.values()):
        return None
    usual = forms.most_common(1)[0][0]
    hits = _rows(identifiers, lambda one: _form(one) != usual and not _is_number(one))
    rule = None
    bare = {_SEPARATORS.sub("", one) for one in identifiers}
    if all(one.isascii() and one.isdigit() for one in bare):
        rule = _rule("digits", column, length=max(map(len, bare)))
    elif len({form.lower() for form in forms}) == 1:
        rule = _rule("text", column, width="nfkc", case="fold")
    return Damage(
        "forms",
        f"identifiers are written in {len(forms)} ways, as in X-7 beside x7",
        f"{_where(hits, identifiers, column)}, not as most",
        "write all alike",
        rule,
    )


def _form(identifier: str) -> str:
    """How it is written: runs of digits as 9, of letters as A or a, all else as it is."""
    if identifier.isdigit() and identifier.isascii():
        return "9"
    return _LOWER.sub("a", _UPPER.sub("A", _DIGITS.sub("9", identifier)))


def _is_number(identifier: str) -> bool:
    """Was it made a number on its way?"""
    return is_scientific(identifier) or _is_float(identifier)


def _is_float(identifier: str) -> bool:
    return "." in identifier and _FLOAT.fullmatch(identifier) is not None


def _rows(identifiers: Sequence[str], damaged: Callable[[str], bool]) -> list[int]:
    return [row for row, identifier in enumerate(identifiers) if damaged(identifier)]


def _where(rows: Sequence[int], identifiers: Sequence[str], column: str) -> str:
    return f"{len(rows)} of {len(identifiers)} in column “{visible(column)}”, row {rows[0] + 1} the first"


def _rule(kind: str, column: str, **more: object) -> str:
    return json.dumps({"kind": kind, "column": column, **more})
