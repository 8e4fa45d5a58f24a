"""Optional content (ISO 32000-2, 8.11): which layers of a PDF a viewer shows when it opens the document."""

from __future__ import annotations

from typing import Any

from pypdf.generic import DictionaryObject, IndirectObject


class Layers:
    """The default configuration of a document's layers."""

    def __init__(self, root: DictionaryObject) -> None:
        self._off: set[int] = set()
        self._on: set[int] = set()
        properties = _dictionary(root.get("/OCProperties"))
        default = _dictionary(properties.get("/D"))
        self._hidden_at_first = str(default.get("/BaseState", "/ON")) == "/OFF"
        for name, kept in (("/OFF", self._off), ("/ON", self._on)):
            for one in _list(default.get(name)):
                if isinstance(one, IndirectObject):
                    kept.add(one.idnum)

    def shows(self, content: Any) -> bool:
        """Whether what belongs to this group or membership is shown. `content` is as it stands, not resolved."""
        inside = _dictionary(content)
        if str(inside.get("/Type")) != "/OCMD":
            return self._group(content)
        groups = inside.raw_get("/OCGs") if "/OCGs" in inside else None
        resolved = groups.get_object() if isinstance(groups, IndirectObject) else groups
        many = list(resolved) if isinstance(resolved, list) else [groups]
        states = [self._group(one) for one in many if one is not None]
        if not states:
            return True
        policy = str(inside.get("/P", "/AnyOn"))
        return {
            "/AllOn": all(states),
            "/AnyOff": not all(states),
            "/AllOff": not any(states),
        }.get(policy, any(states))

    def _group(self, group: Any) -> bool:
        number = group.idnum if isinstance(group, IndirectObject) else -1
        if number in self._off:
            return False
        return number in self._on or not self._hidden_at_first


def _dictionary(value: Any) -> DictionaryObject:
    found = value.get_object() if value is not None else None
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _list(value: Any) -> list[Any]:
    found = value.get_object() if value is not None else None
    return list(found) if isinstance(found, list) else []
