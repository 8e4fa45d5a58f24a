"""Pictures, drawings, objects, charts and diagrams of Word: their words are read, the rest of them is hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from placet.comparison.reading.archive import parse_xml
from placet.comparison.reading.namespaces import prefixed
from placet.comparison.reading.parts import Parts
from placet.comparison.reading.unread import Unread

ROOTS: Final = {
    "w:drawing": "drawings",
    "w:pict": "drawings",
    "w:object": "embedded objects",
    "w:control": "controls",
    "w:contentPart": "drawings by hand",
    "w:background": "backgrounds",
    "w:movie": "films",
}
"""Elements that hold something drawn, and what to call it."""
_PASSING: Final = frozenset(
    {"id", "name", "descr", "title", "alt", "w14:anchorId", "w14:editId", "wp14:anchorId", "wp14:editId"}
    | {"spid", "o:spid", "o:relid", "relativeHeight", "o:gfxdata", "o:ole", "ShapeID", "ObjectID", "DrawAspect", "type"}
)  # fmt: skip
"""Attributes that change whenever a document is saved, or are not shown."""
_WORDY: Final = frozenset({"chart", "chartEx", "diagramData", "chartUserShapes"})
"""Types of parts that hold words that a reader sees."""
_WORDS: Final = frozenset({"a:t", "c:v", "cx:pt", "cx:v", "c:separator"})


@dataclass
class Graphic:
    """One that is being read. Text boxes in it are read as text and not hashed."""

    kind: str
    parts: Parts
    part: str
    words: list[str] = field(default_factory=list)
    depth: int = 0
    hidden: bool = False
    boxes: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.depth += 1
        if name == "w:txbxContent":
            self.boxes += 1
        if self.boxes or name.startswith("a16:"):
            return
        lasting = sorted((key, value) for key, value in attributes.items() if key not in _PASSING and key[:2] != "r:")
        self._hash.update(repr((name, lasting)).encode())
        if name == "v:textpath":
            self.words.append(attributes.get("string", ""))
        if name == "pic:pic" or name == "v:imagedata":
            self.kind = "pictures" if self.kind == "drawings" else self.kind
        self.hidden |= name == "wp:docPr" and attributes.get("hidden") in ("1", "true")
        self.hidden |= "visibility:hidden" in attributes.get("style", "").replace(" ", "")
        for key, value in sorted(attributes.items()):
            if key.startswith("r:") or key in ("o:relid", "o:pict"):
                self._follow(value)

    def _follow(self, relation: str) -> None:
        target = self.parts.relations(self.part).get(relation)
        if target is None:
            return
        if target.outside:
            self._hash.update(target.target.encode())
            return
        self._take(target.target, target.type)

    def _take(self, part: str, kind: str) -> None:
        content = self.parts.read(part)
        self.parts.drawn.add(part)
        self._hash.update(hashlib.sha256(content or b"").digest())
        if kind in ("chart", "chartEx"):
            self.kind = "charts"
        elif kind == "diagramData":
            self.kind = "diagrams"
        if content is not None and kind in _WORDY:
            self.words += words_of(content)
            for one in self.parts.relations(part).values():
                if one.type in _WORDY and one.type != kind and not one.outside:
                    self._take(one.target, one.type)

    def text(self, text: str) -> None:
        """What is written in it outside of text boxes, and is not shown as words."""
        if not self.boxes:
            self._hash.update(text.strip().encode())

    def end(self, name: str) -> bool:
        """True at its own end."""
        self.depth -= 1
        if name == "w:txbxContent":
            self.boxes -= 1
        return self.depth == 0

    def unread(self) -> Unread:
        return Unread(self.kind, self._hash.digest())


def words_of(part: bytes) -> list[str]:
    """The words of a chart or a diagram, in order."""
    texts: list[str] = []
    around: list[str] = []

    def start(name: str, _: Mapping[str, str]) -> None:
        around.append(name)
        if name in _WORDS:
            texts.append("")

    def text(text: str) -> None:
        if around and around[-1] in _WORDS:
            texts[-1] += text

    parse_xml(part, start=start, end=lambda _: around.__delitem__(-1), text=text, name_of=prefixed)
    return [words for words in texts if words.strip()]
