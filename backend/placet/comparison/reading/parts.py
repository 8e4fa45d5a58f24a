"""Parts of an Office package as its relations name them (ECMA-376 part 2, Open Packaging Conventions).

No name is guessed: `footnotes2.xml` of Word Online is what the document's relation says it is.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from placet.comparison.reading.archive import Archive, parse_xml


@dataclass(frozen=True, slots=True)
class Relation:
    """`type` is the last word of its IRI; `target` a part's name, or what is outside as it is written."""

    type: str
    target: str
    outside: bool


class Parts:
    """An archive with its relations. Names of parts are not case-sensitive."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._names = {name.lower(): name for name in archive.names}
        self._relations: dict[str, dict[str, Relation]] = {}
        self._read: dict[str, bytes | None] = {}
        self.drawn: set[str] = set()
        """Parts that something on a page shows."""

    def read(self, part: str) -> bytes | None:
        """A part's bytes; None if there is no such part. Each part counts once."""
        if part not in self._read:
            self._read[part] = self.archive.read(part)
        return self._read[part]

    def relations(self, part: str) -> Mapping[str, Relation]:
        """By id; of the whole package for the empty name."""
        if part not in self._relations:
            self._relations[part] = self._parse(part)
        return self._relations[part]

    def _parse(self, part: str) -> dict[str, Relation]:
        folder, name = posixpath.split(part)
        raw = self.read(self._named(posixpath.join(folder, "_rels", f"{name}.rels")))
        relations: dict[str, Relation] = {}

        def start(name: str, attributes: Mapping[str, str]) -> None:
            if name == "Relationship":
                target, outside = attributes.get("Target", ""), attributes.get("TargetMode") == "External"
                if not outside:
                    target = self._named(posixpath.normpath(posixpath.join(f"/{folder}", unquote(target))).lstrip("/"))
                kind = attributes.get("Type", "").rpartition("/")[2]
                relations[attributes.get("Id", "")] = Relation(kind, target, outside)

        if raw is not None:
            parse_xml(raw, start=start, end=lambda _: None, text=lambda _: None)
        return relations

    def _named(self, name: str) -> str:
        return self._names.get(name.lower(), name)

    def of(self, part: str, kind: str) -> list[str]:
        """Parts that this one's relations of a type name."""
        return [one.target for one in self.relations(part).values() if one.type == kind and not one.outside]

    @cached_property
    def main(self) -> str:
        """The document itself."""
        return next(iter(self.of("", "officeDocument")), "word/document.xml")

    def reached(self) -> dict[str, str]:
        """Every part that some relation leads to, with the type of one that does."""
        reached: dict[str, str] = {}
        waiting = [""]
        while waiting:
            for one in self.relations(waiting.pop()).values():
                if not one.outside and one.target not in reached:
                    reached[one.target] = one.type
                    waiting.append(one.target)
        return reached
