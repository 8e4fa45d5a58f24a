"""The elements of a Word document's parts, one after the other, to paragraphs.

Every element that may hold text is known here or told: what is neither read, nor a property, nor known to show nothing
is kept as unread, so that no text of an unknown element is missed in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from placet.comparison.limits import MAX_CHARACTERS, check
from placet.comparison.normal import BREAK, normal
from placet.comparison.reading.archive import parse_xml
from placet.comparison.reading.docx_content import DocxContent
from placet.comparison.reading.docx_elements import (
    COUNTED,
    DELETED,
    ELSEWHERE,
    FORMER,
    PROPERTIES,
    SPACES,
    TEXT,
    TRACKED,
    known,
)
from placet.comparison.reading.docx_fields import COUNT, Field
from placet.comparison.reading.docx_flow import CELL, DocxFlow
from placet.comparison.reading.docx_graphics import ROOTS, Graphic
from placet.comparison.reading.docx_look import on
from placet.comparison.reading.docx_math import Formula
from placet.comparison.reading.docx_open import Alternatives, OpenCell, OpenParagraph, OpenRow
from placet.comparison.reading.docx_properties import paragraph_property, row_property
from placet.comparison.reading.namespaces import Prefixes, prefixed
from placet.comparison.reading.parts import Parts
from placet.comparison.reading.symbols import symbol
from placet.comparison.reading.unread import MARKS, unread
from placet.core.errors import DataError


@dataclass
class DocxText:
    """Follows the elements of one part after the other. Text boxes stand before the paragraph that anchors them."""

    parts: Parts
    content: DocxContent
    flow: DocxFlow
    """Puts text into `content`."""
    _part: str = ""
    _around: list[str] = field(default_factory=list)
    _skipping: int = 0
    _characters: int = 0
    _formulas: list[Formula] = field(default_factory=list)
    _prefixes: Prefixes = field(default_factory=Prefixes)
    _only: frozenset[tuple[str, str]] | None = None

    def read(self, part: str, *, only: frozenset[tuple[str, str]] | None = None) -> None:
        """Follow one part; of footnotes and endnotes only those that are named by kind and id."""
        content = self.parts.read(part)
        if content is None:
            return
        self._part, self._only = part, only
        parse_xml(
            content,
            start=self._start,
            end=self._end,
            text=self._text,
            name_of=prefixed,
            declare=self._prefixes.declare,
        )
        self.flow.finish()

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._around.append(name)
        if name in TRACKED or name in FORMER:
            self.content.tracked = True
        if self._skipping:
            self._skipping += 1
            return
        if name in FORMER or (name in DELETED and self._around[-2:-1] not in (["w:rPr"], ["w:trPr"])):
            self._skipping = 1
            return
        if name in ("mc:Choice", "mc:Fallback") and not self._branch(name, attributes):
            self._skipping = 1
            return
        if name in ELSEWHERE:
            raise DataError(
                "a part of the document's text is in another file inside it",
                expected="all text in the document itself",
                found=name.partition(":")[2],
                remedy="open it in a word processor and save it anew",
                code="data.format",
            )
        if (self.flow.graphics and not self.flow.graphics[-1].boxes) or name in ROOTS:
            self._drawn(name, attributes)
        else:
            self._written(name, attributes)
        self._structure(name, attributes)

    def _drawn(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in ROOTS and (not self.flow.graphics or self.flow.graphics[-1].boxes):
            self.flow.graphics.append(Graphic(ROOTS[name], self.parts, self._part))
        self.flow.graphics[-1].start(name, attributes)

    def _written(self, name: str, attributes: Mapping[str, str]) -> None:
        if self.flow.graphics:
            self.flow.graphics[-1].depth += 1
            self.flow.graphics[-1].boxes += name == "w:txbxContent"
        if not known(name, self._around) and name not in ROOTS:
            values = sorted(attributes.items())
            if values or name.startswith("w:"):
                self.content.unread.append(unread("elements that are not known here", name, repr(values), shown=name))

    def _branch(self, name: str, attributes: Mapping[str, str]) -> bool:
        if not self.flow.branches:
            return True
        here = self.flow.branches[-1]
        right = name == "mc:Fallback" or self._prefixes.understood(attributes.get("Requires", ""))
        here.within = right and not here.chosen
        here.chosen |= here.within
        return here.within

    def _structure(self, name: str, attributes: Mapping[str, str]) -> None:
        value = attributes.get("w:val", "")
        here = self.flow.paragraphs[-1] if self.flow.paragraphs else None
        if name == "mc:AlternateContent":
            self.flow.branches.append(Alternatives())
        elif name in ("w:p", "a:p"):
            self.flow.paragraphs.append(OpenParagraph())
        elif name == "w:tbl":
            self.flow.tables.append("")
        elif name == "w:tblStyle" and self.flow.tables:
            self.flow.tables[-1] = value
        elif name == "w:tr":
            self.flow.rows.append(OpenRow())
        elif name == "w:tc" and self.flow.rows:
            self.flow.rows[-1].cells.append(OpenCell())
        elif name in ("w:footnote", "w:endnote", "w:comment"):
            one = (name[2:], attributes.get("w:id", ""))
            if self._only is not None and one not in self._only and "w:type" not in attributes:
                self._skipping = 1
        elif name in ("w:r", "m:r", "a:r"):
            self.flow.new_run()
        elif name == "w:sdt":
            self.flow.controls.append((None, []))
        elif name in ("w:dataBinding", "w15:dataBinding") and self.flow.controls:
            self.flow.controls[-1] = (dict(attributes), self.flow.controls[-1][1])
        elif name == "m:oMath":
            self._formulas.append(Formula())
        elif name == "w:sectPr":
            self.content.sections.append({})
        elif name in ("w:headerReference", "w:footerReference") and self.content.sections:
            kind = name.removeprefix("w:").removesuffix("Reference")
            self.content.sections[-1][f"{kind} {attributes.get('w:type', 'default')}"] = attributes.get("r:id", "")
        elif name == "w:titlePg" and self.content.sections and on(value):
            self.content.sections[-1]["titled"] = "1"
        elif name == "a:rPr":
            self.flow.run.struck = attributes.get("strike", "noStrike") != "noStrike" or None
        elif name == "w:hyperlink" or name == "a:hlinkClick":
            self._linked(attributes.get("r:id", ""), attributes.get("w:tooltip", ""))
        elif name in COUNTED:
            self.content.marks.append((name[2:].removesuffix("Reference"), attributes.get("w:id", "")))
            self.content.unread.append(unread(MARKS, str(len(self.content.marks))))
        self._field(name, attributes)
        if self._formulas and name.startswith("m:"):
            self.flow.put(self._formulas[-1].start(name, attributes))
        if self.flow.rows:
            row_property(self.flow.rows[-1], name, attributes, self._around)
        if here is not None and len(self._around) > 1:
            paragraph_property(here, self.flow.run, name, attributes, self._around)
        self._inline(name, attributes)

    def _linked(self, relation: str, tip: str) -> None:
        target = self.parts.relations(self._part).get(relation)
        if target is not None and target.outside:
            self.content.unread.append(unread("targets of links", target.target, shown=target.target))
        if tip:
            self.content.unread.append(unread("tips of links", tip, shown=tip))

    def _field(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "w:fldSimple":
            self.flow.fields.append(Field([attributes.get("w:instr", "")], inside=False))
        elif name == "w:fldChar":
            kind = attributes.get("w:fldCharType", "")
            if kind == "begin":
                self.flow.fields.append(Field())
            elif kind == "separate" and self.flow.fields:
                self.flow.fields[-1].inside = False
            elif kind == "end" and self.flow.fields:
                self._finish(self.flow.fields.pop())
        elif "w:ffData" in self._around and self.flow.fields:
            self.flow.fields[-1].form(name, attributes)

    def _finish(self, ended: Field) -> None:
        self.flow.put(ended.made())
        self.content.unread += ended.unread()

    def _inline(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in SPACES and "w:tabs" not in self._around:
            self.flow.put(" ")
        elif name == "w:noBreakHyphen":
            self.flow.put("-")
        elif name == "w:pgNum":
            self.flow.put(COUNT)
        elif name == "w:sym":
            code = attributes.get("w:char", "")
            try:
                self.flow.say(symbol(attributes.get("w:font", ""), int(code, 16)))
            except (ValueError, OverflowError):
                self.content.unread.append(unread("symbols", repr(sorted(attributes.items())), shown=code))
        elif name == "w:bdo" and attributes.get("w:val") == "rtl":
            self.content.unread.append(unread("texts that are shown from right to left", "bdo"))

    def _text(self, text: str) -> None:
        self._characters += len(text)
        check(self._characters, MAX_CHARACTERS, "characters")
        name = self._around[-1] if self._around else ""
        if self._skipping:
            if name in ("w:t", "a:t", "m:t") and self.flow.branches and not self.flow.branches[-1].within:
                self.flow.branches[-1].other.append(text)
            elif name in ("w:t", "w:delText") and not self.flow.branches:
                self.content.deleted.append(text)
            return
        if name == "w:instrText" and self.flow.fields:
            self.flow.fields[-1].instruction.append(text)
        elif name in TEXT:
            self.flow.say(text.replace(BREAK, ""))
        elif self.flow.graphics and not self.flow.graphics[-1].boxes:
            self.flow.graphics[-1].text(text)
        elif text.strip() and not any(around in PROPERTIES for around in self._around):
            self.content.unread.append(
                unread("texts in elements that are not known here", name, text.strip(), shown=text)
            )

    def _end(self, name: str) -> None:
        self._around.pop()
        if self._skipping:
            self._skipping -= 1
            return
        if self.flow.graphics:
            graphic = self.flow.graphics[-1]
            boxed = graphic.boxes
            if graphic.end(name) and not boxed:
                self.flow.graphics.pop()
                self.content.unread.append(graphic.unread())
                if words := [words for words in map(normal, graphic.words) if words]:
                    self.flow.put(f" {CELL.join(words)} ")
        if self._formulas and name.startswith("m:"):
            self.flow.put(self._formulas[-1].properties_end(name) + self._formulas[-1].end(name))
        if name == "m:oMath" and self._formulas:
            self._formulas.pop()
        elif name == "mc:AlternateContent" and self.flow.branches:
            self._alternative(self.flow.branches.pop())
        elif name in ("w:r", "m:r", "a:r"):
            self.flow.new_run()
        elif name == "w:fldSimple" and self.flow.fields:
            self._finish(self.flow.fields.pop())
        elif name == "w:sdt" and self.flow.controls:
            binding, texts = self.flow.controls.pop()
            if binding is not None:
                self.content.bound.append((binding, normal("".join(texts))))
        elif name in ("w:p", "a:p") and self.flow.paragraphs:
            self.flow.close(self.flow.paragraphs.pop())
        elif name == "w:tc" and self.flow.rows and self.flow.rows[-1].cells and self.flow.rows[-1].cells[-1].gone:
            self.content.deleted += self.flow.rows[-1].cells.pop().texts
        elif name == "w:tbl" and self.flow.tables:
            self.flow.tables.pop()
        elif name == "w:tr" and self.flow.rows:
            self.flow.end_row(self.flow.rows.pop())

    def _alternative(self, branches: Alternatives) -> None:
        other, here = normal("".join(branches.other)), normal("".join(branches.shown))
        if other.replace(" ", "") not in ("", here.replace(" ", "")):
            self.content.unread.append(unread("texts that only other programs show", other, shown=other))
