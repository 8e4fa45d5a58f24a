"""Content controls that show data of another part (ECMA-376 part 1, 17.5.2.6): Word shows the data, not the text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from placet.comparison.normal import normal
from placet.comparison.reading.archive import parse_xml
from placet.comparison.reading.parts import Parts
from placet.core.errors import DataError

_STEP = re.compile(r"(?:[\w.-]+:)?([\w.-]+)(?:\[(\d+)\])?")
_CORE = "{6C3C8BC8-F283-45AE-878A-BAB7291924A1}"
_EXTENDED = "{6668398D-A668-4E3E-A5EB-62B293D839F1}"
_Values = dict[tuple[str, ...], str]


def replaced(parts: Parts, bound: Sequence[tuple[Mapping[str, str], str]]) -> Iterator[tuple[str, str]]:
    """Texts of controls, each with the value that is shown in its place, where the two are not the same."""
    if not bound:
        return
    stores = _stores(parts)
    for binding, text in bound:
        path = next((value for key, value in binding.items() if key.endswith(":xpath")), "")
        store = next((value for key, value in binding.items() if key.endswith(":storeItemID")), "").upper()
        steps = _steps(path)
        for values in [stores[store]] if store in stores else stores.values():
            value = values.get(steps)
            if value is not None:
                if normal(value) != text:
                    yield text, normal(value)
                break


def _steps(path: str) -> tuple[str, ...]:
    """`/ns0:a[1]/b` -> `a 1`, `b 1`; an attribute as `@name`. Other forms meet nothing."""
    steps = []
    for step in path.strip("/").split("/"):
        if step.startswith("@"):
            steps.append("@" + step.rpartition(":")[2].lstrip("@"))
        elif match := _STEP.fullmatch(step):
            steps.append(f"{match[1]} {match[2] or 1}")
        else:
            return ("",)
    return tuple(steps)


def _stores(parts: Parts) -> dict[str, _Values]:
    stores: dict[str, _Values] = {}
    for part in parts.of(parts.main, "customXml"):
        key = part
        for properties in parts.of(part, "customXmlProps"):
            key = _item(parts.read(properties) or b"") or part
        stores[key.upper()] = _values(parts.read(part) or b"")
    for key, kind in ((_CORE, "core-properties"), (_EXTENDED, "extended-properties")):
        for part in parts.of("", kind):
            stores[key] = _values(parts.read(part) or b"")
    return stores


def _item(properties: bytes) -> str:
    ids: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        ids.extend(value for key, value in attributes.items() if key == "itemID")

    if properties:
        parse_xml(properties, start=start, end=lambda _: None, text=lambda _: None)
    return ids[0] if ids else ""


def _values(part: bytes) -> _Values:
    """The text of each element and the value of each attribute, by its path."""
    values: _Values = {}
    path: list[str] = []
    counts: list[Counter[str]] = [Counter()]

    def start(name: str, attributes: Mapping[str, str]) -> None:
        counts[-1][name] += 1
        path.append(f"{name} {counts[-1][name]}")
        counts.append(Counter())
        values.setdefault(tuple(path), "")
        for key, value in attributes.items():
            values[*path, f"@{key}"] = value

    def end(_: str) -> None:
        path.pop()
        counts.pop()

    def text(text: str) -> None:
        for n in range(1, len(path) + 1):
            values[tuple(path[:n])] += text

    try:
        if part:
            parse_xml(part, start=start, end=end, text=text)
    except DataError:
        return {}
    return values
