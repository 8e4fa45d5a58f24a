"""Optional content (ISO 32000-2, 8.11): which layers of a PDF a viewer shows when it opens the document, and prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pypdf.generic import DictionaryObject, IndirectObject

_DEEP: Final = 32
"""Visibility expressions inside each other."""


class Layers:
    """The default configuration of a document's layers."""

    def __init__(self, root: DictionaryObject) -> None:
        default = _dictionary(_dictionary(root.get("/OCProperties")).get("/D"))
        hidden_at_first = str(default.get("/BaseState", "/ON")) == "/OFF"
        off = dict.fromkeys(_numbers(default.get("/OFF")), False)
        on = dict.fromkeys(_numbers(default.get("/ON")), True)
        states = off | on if hidden_at_first else on | off
        self._otherwise = not hidden_at_first
        self._shown = states | _used(default, "View")
        self._printed = states | _used(default, "Print")

    def shows(self, content: Any) -> bool:
        """Whether what belongs to this group or membership is shown. `content` is as it stands, not resolved."""
        return self._state(content, self._shown)

    def prints(self, content: Any) -> bool:
        """Whether it is on paper, too."""
        return self._state(content, self._printed)

    def _state(self, content: Any, states: dict[int, bool]) -> bool:
        def group(one: Any) -> bool:
            return states.get(one.idnum if isinstance(one, IndirectObject) else -1, self._otherwise)

        inside = _dictionary(content)
        if str(inside.get("/Type")) != "/OCMD":
            return group(content)
        expressed = _expressed(inside.get("/VE"), group, 0)
        if expressed is not None:
            return expressed
        groups = inside.raw_get("/OCGs") if "/OCGs" in inside else None
        resolved = groups.get_object() if isinstance(groups, IndirectObject) else groups
        many = list(resolved) if isinstance(resolved, list) else [groups]
        shown = [group(one) for one in many if _dictionary(one)]
        if not shown:
            return True
        policy = str(inside.get("/P", "/AnyOn"))
        return {
            "/AllOn": all(shown),
            "/AnyOff": not all(shown),
            "/AllOff": not any(shown),
        }.get(policy, any(shown))


def _expressed(expression: Any, group: Callable[[Any], bool], depth: int) -> bool | None:
    """The value of a visibility expression (table 96); None where it is none."""
    parts = _list(expression)
    if not parts or depth > _DEEP:
        return None
    values = []
    for one in parts[1:]:
        value = _expressed(one, group, depth + 1) if _list(one) else group(one)
        if value is None:
            return None
        values.append(value)
    operator = str(parts[0])
    if operator == "/Not" and len(values) == 1:
        return not values[0]
    return {"/And": all(values), "/Or": any(values)}.get(operator) if values else None


def _used(default: DictionaryObject, event: str) -> dict[int, bool]:
    """States that groups have by what they are for, when a document is viewed or printed (8.11.4.5)."""
    states: dict[int, bool] = {}
    for entry in _list(default.get("/AS")):
        usage = _dictionary(entry)
        if str(usage.get("/Event")) != f"/{event}":
            continue
        for category in map(str, _list(usage.get("/Category"))):
            key = {"/View": "/ViewState", "/Print": "/PrintState", "/Export": "/ExportState"}.get(category)
            for group in _list(usage.get("/OCGs")) if key is not None else ():
                state = _dictionary(_dictionary(_dictionary(group).get("/Usage")).get(category)).get(key)
                if isinstance(group, IndirectObject) and state is not None:
                    states[group.idnum] = str(state) != "/OFF"
    return states


def _numbers(groups: Any) -> list[int]:
    return [one.idnum for one in _list(groups) if isinstance(one, IndirectObject)]


def _dictionary(value: Any) -> DictionaryObject:
    target = value.get_object() if value is not None else None
    return target if isinstance(target, DictionaryObject) else DictionaryObject()


def _list(value: Any) -> list[Any]:
    target = value.get_object() if hasattr(value, "get_object") else value
    return list(target) if isinstance(target, list) else []
