"""What a viewer draws over a PDF page: form fields and annotations (ISO 32000-2, 12.5 and 12.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from pypdf.generic import DictionaryObject, StreamObject

from placet.comparison.normal import normal
from placet.comparison.reading.pdf_content import Interpreter
from placet.comparison.reading.pdf_drawn import Run
from placet.comparison.reading.pdf_layers import Layers
from placet.comparison.reading.pdf_state import IDENTITY, Box, Matrix, box_of, matrix_of, moved, numbers
from placet.comparison.reading.symbols import OFF, ON
from placet.comparison.reading.unread import Unread, unread

_HIDDEN: Final = 2 | 32
"""Flags of an annotation that no viewer shows."""
_PUSH: Final = 1 << 16
_PASSWORD: Final = 1 << 13
_DEEP: Final = 32
_TAG: Final = re.compile(r"<[^<>]*>")


@dataclass
class Over:
    """What lies over one page."""

    runs: list[Run] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    boxes: list[tuple[int, Box]] = field(default_factory=list)
    """Where what is unread lies, by its place in `unread`."""
    struck: list[Box] = field(default_factory=list)
    """Where a mark strikes text through."""
    differing: list[tuple[str, str]] = field(default_factory=list)
    """Form fields: what is shown, and what is held."""


class Annotations:
    """Reads those of a page with its interpreter, after the page itself was drawn."""

    def __init__(self, interpreter: Interpreter, layers: Layers, base: Matrix, *, made_anew: bool) -> None:
        self._interpreter, self._layers, self._base = interpreter, layers, base
        self._anew = made_anew
        """Whether viewers make the looks of fields anew from their values."""
        self.over = Over()

    def read(self, annotations: Any) -> Over:
        items = annotations.get_object() if annotations is not None else None
        for one in items if isinstance(items, list) else ():
            annotation = one.get_object()
            if isinstance(annotation, DictionaryObject):
                self._one(annotation)
        return self.over

    def _one(self, annotation: DictionaryObject) -> None:
        subtype = str(annotation.get("/Subtype", "")).lstrip("/")
        contents = _text(annotation.get("/Contents")) or _TAG.sub(" ", _text(annotation.get("/RC"))).strip()
        flags = int(numbers([annotation.get("/F", 0)], 1)[0])
        hidden = bool(flags & _HIDDEN)
        if "/OC" in annotation:
            hidden |= not self._layers.shows(annotation.raw_get("/OC"))
        if subtype == "Link":
            self._link(annotation)
        if subtype == "Popup" or (subtype == "Link" and _look(annotation) is None):
            return
        elif hidden:
            text = contents or _value(annotation)
            if text:
                self.over.unread.append(unread("fields and remarks that are hidden", text, shown=text))
        elif subtype == "Widget":
            self._field(annotation)
        else:
            self._remark(annotation, subtype, contents)

    def _link(self, annotation: DictionaryObject) -> None:
        action = _object(annotation.get("/A"))
        target = _text(action.get("/URI")) if isinstance(action, DictionaryObject) else ""
        if target:
            self.over.unread.append(unread("targets of links", target, shown=target))

    def _remark(self, annotation: DictionaryObject, subtype: str, contents: str) -> None:
        box = self._box(annotation)
        look = _look(annotation)
        runs = self._drawn(look, annotation) if look is not None else []
        self.over.runs += runs
        words = normal(" ".join(run.text for run in runs))
        if look is None and subtype == "FreeText" and contents:
            self.over.runs.append(_run(contents, box))
            return
        if subtype == "StrikeOut":
            self.over.struck += self._quads(annotation) or [box]
        if words and normal(contents) in ("", words):
            return
        drawn = look.get_data() if look is not None else b""
        attached = embedded(annotation.get("/FS"))
        self.over.boxes.append((len(self.over.unread), box))
        kind = f"remarks of the kind {subtype[:40] or 'unknown'}"
        over = _text(annotation.get("/OverlayText"))
        self.over.unread.append(unread(kind, subtype, contents, over, drawn, attached, shown=contents or over))

    def _quads(self, annotation: DictionaryObject) -> list[Box]:
        """The boxes of the words that a mark is about, line by line."""
        points = _object(annotation.get("/QuadPoints"))
        values = numbers(points, len(points)) if isinstance(points, list) else []
        return [
            moved(box_of(list(zip(values[n : n + 8 : 2], values[n + 1 : n + 8 : 2], strict=True))), self._base)
            for n in range(0, len(values) - 7, 8)
        ]

    def _field(self, annotation: DictionaryObject) -> None:
        kind, flags = str(_inherited(annotation, "/FT")), int(numbers([_inherited(annotation, "/Ff") or 0], 1)[0])
        box = self._box(annotation)
        look = _look(annotation)
        if kind == "/Btn" and not flags & _PUSH:
            state = annotation.get("/AS", _inherited(annotation, "/V"))
            ticked = state is not None and str(_object(state)) not in ("/Off", "Off", "")
            self.over.runs.append(_run(ON if ticked else OFF, box))
            return
        runs = self._drawn(look, annotation) if look is not None else []
        shown = normal(" ".join(run.text for run in runs))
        value = _value(annotation) if kind in ("/Tx", "/Ch") else ""
        if kind in ("/Tx", "/Ch") and value and (look is None or self._anew):
            if shown and _squeezed(shown) != _squeezed(value):
                self.over.differing.append((shown, value))
            self.over.runs.append(_run(value, box))
        elif value and _squeezed(shown) == _squeezed(value):
            self.over.runs.append(_run(value, box, runs[0] if runs else None))
        else:
            if kind in ("/Tx", "/Ch") and not flags & _PASSWORD and _squeezed(shown) != _squeezed(value):
                self.over.differing.append((shown, value))
            caption = _text(_dictionary(annotation.get("/MK")).get("/CA")) if look is None else ""
            self.over.runs += [_run(caption, box)] if caption else runs
            if look is not None and not runs and kind not in ("/Tx", "/Ch"):
                self.over.boxes.append((len(self.over.unread), box))
                self.over.unread.append(unread("form fields and signatures that are drawn", look.get_data()))

    def _box(self, annotation: DictionaryObject) -> Box:
        rectangle = _object(annotation.get("/Rect"))
        x0, y0, x1, y1 = numbers(rectangle if isinstance(rectangle, list) else [], 4)
        return moved((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), self._base)

    def _drawn(self, look: StreamObject, annotation: DictionaryObject) -> list[Run]:
        """Draws an appearance into its rectangle (12.5.5), and gives the runs that came with it."""
        drawing = self._interpreter.drawing
        before = len(drawing.runs)
        rectangle = _object(annotation.get("/Rect"))
        x0, y0, x1, y1 = numbers(rectangle if isinstance(rectangle, list) else [], 4)
        bounds = _object(look.get("/BBox"))
        inner = numbers(bounds if isinstance(bounds, list) else [0, 0, 1, 1], 4)
        own = matrix_of(_object(look.get("/Matrix")) or IDENTITY)
        a0, b0, a1, b1 = moved((inner[0], inner[1], inner[2], inner[3]), own)
        width, height = (a1 - a0) or 1.0, (b1 - b0) or 1.0
        across, up = abs(x1 - x0) / width, abs(y1 - y0) / height
        place: Matrix = (across, 0, 0, up, min(x0, x1) - a0 * across, min(y0, y1) - b0 * up)
        self._interpreter.appearance(look, place)
        runs = drawing.runs[before:]
        del drawing.runs[before:]
        return runs


def _run(text: str, box: Box, like: Run | None = None) -> Run:
    """A run in a box; on the line of another one, where there is one."""
    height = box[3] - box[1]
    size = like.size if like is not None else min(height, 12.0) or 1.0
    y = like.y if like is not None else (box[1] + box[3]) / 2 - 0.3 * size
    if like is None and height > 2 * size:
        y = box[3] - size
    return Run(text, box[0], box[2], y, size, 0, box, 1 << 30, None)


def _look(annotation: DictionaryObject) -> StreamObject | None:
    """The normal appearance that is shown now."""
    looks = _object(annotation.get("/AP"))
    normal_look = _object(looks.get("/N")) if isinstance(looks, DictionaryObject) else None
    if isinstance(normal_look, StreamObject):
        return normal_look
    if isinstance(normal_look, DictionaryObject):
        state = _object(normal_look.get(str(annotation.get("/AS", "/Off"))))
        return state if isinstance(state, StreamObject) else None
    return None


def _dictionary(value: Any) -> DictionaryObject:
    target = _object(value)
    return target if isinstance(target, DictionaryObject) else DictionaryObject()


def _inherited(annotation: DictionaryObject, key: str) -> Any:
    here: Any = annotation
    for _ in range(_DEEP):
        if not isinstance(here, DictionaryObject):
            return None
        if key in here:
            return _object(here[key])
        here = _object(here.get("/Parent"))
    return None


def _value(annotation: DictionaryObject) -> str:
    """The value of a field as it is shown: a choice by its words."""
    value = _inherited(annotation, "/V")
    words = {}
    options = _inherited(annotation, "/Opt")
    for option in options if isinstance(options, list) else ():
        pair = _object(option)
        if isinstance(pair, list) and len(pair) == 2:
            words[_text(pair[0])] = _text(pair[1])
    many = value if isinstance(value, list) else [value]
    return normal(", ".join(words.get(text, text) for text in map(_text, many) if text))


def embedded(specification: Any) -> bytes:
    """The bytes of an embedded file; none where there are none."""
    files = _object(_object(specification).get("/EF")) if isinstance(_object(specification), DictionaryObject) else None
    file = _object(files.get("/F")) if isinstance(files, DictionaryObject) else None
    return file.get_data() if isinstance(file, StreamObject) else b""


def _object(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def _text(value: Any) -> str:
    target = _object(value)
    if isinstance(target, StreamObject):
        return target.get_data().decode("latin-1")
    if isinstance(target, bytes):
        return target.decode("latin-1")
    return "" if target is None or isinstance(target, (list, DictionaryObject)) else str(target)


def _squeezed(text: str) -> str:
    return "".join(text.split())
