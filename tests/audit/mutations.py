"""A bundle's JSON, changed in one place; and whether what comes out is still intact, as cheaply as that can be had."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from placet.audit.bundle import Bundle
from placet.audit.case import Case
from placet.audit.outcome import Basis, Verdict
from placet.audit.proof import TrustedBlocks
from placet.audit.verify import CHECKS, judge

Path = tuple[str | int, ...]


def changes(value: Any) -> list[Any]:
    """Other values of the same kind."""
    return [new for new in _candidates(value) if new != value]


def _candidates(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, 0] if value else [1]
    if isinstance(value, str) and value.startswith("0x") and len(value) > 2:
        return [value[:-2] + f"{int(value[-2:], 16) ^ 1:02x}", "0x" + "00" * (len(value) // 2 - 1)]
    if isinstance(value, str):
        return [str(int(value) + 1)] if value.isdecimal() else [value + "x"]
    if isinstance(value, list):
        found: list[Any] = [value[:-1], [*value, value[-1]]] if value else []
        return found + ([value[::-1]] if value != value[::-1] else [])
    return [None] if isinstance(value, dict) else []


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every place in a JSON value that can be changed."""
    if path and changes(value):
        yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from walk(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*path, index))


def shape(path: Path) -> tuple[str, ...]:
    """A path without its indices; one that ends with an index ends with `[]`."""
    names = tuple(p for p in path if isinstance(p, str))
    return (*names, "[]") if path and isinstance(path[-1], int) else names


def places(value: Any) -> list[Path]:
    """The first and the last place of each shape."""
    by_shape: dict[tuple[str, ...], list[Path]] = {}
    for path, _ in walk(value):
        by_shape.setdefault(shape(path), []).append(path)
    return [p for many in by_shape.values() for p in dict.fromkeys((many[0], many[-1]))]


def chosen(every: bool, value: Any, earlier: Iterable[Any]) -> list[Path]:
    """Where a document is changed: in all `places`, or in the last one alone of each shape that no earlier one has."""
    if every:
        return places(value)
    before = {shape(path) for document in earlier for path in places(document)}
    last = {shape(path): path for path in places(value)}
    return [path for kind, path in last.items() if kind not in before]


def changed(value: Any, path: Path, new: Any) -> Any:
    """The value with another one in that place. It shares what is as it was."""
    if not path:
        return new
    result = copy.copy(value)
    result[path[0]] = changed(value[path[0]], path[1:], new)
    return result


def get(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


_TURNS = list(CHECKS)
"""The check that found something last comes first: it is likely to find the next thing too."""


def is_intact(bundle: Bundle, trusted: TrustedBlocks | None = None) -> bool:
    """Does `verify` call it intact (and under `trusted`, proven)? No further check is made once one says no."""
    case = Case(bundle, trusted=trusted)
    for place, check in enumerate(_TURNS):
        if judge((check.result(case),), Basis.OWN_FILES) is not Verdict.INTACT:
            _TURNS.insert(0, _TURNS.pop(place))
            return False
    return True
