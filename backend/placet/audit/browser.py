"""The verifier where there is neither a network nor a process of its own: in a browser's worker, by Pyodide.

The same checks, and the report as `placet.audit.report` draws it. What can't be checked there is said to be incomplete:
the leaves of sections, and whatever asks for a package that the browser has not (`backend/web/verifier/shims.py`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Literal, Protocol

from placet.audit.bundle import compared, parse_bundle
from placet.audit.case import Case
from placet.audit.findings import Uncheckable
from placet.audit.outcome import AuditFailure, AuditReport, Basis, Judgement
from placet.audit.report import html
from placet.audit.sections import Body, Sections, pieces_of
from placet.audit.timeline import readable_sets
from placet.audit.verify import judged
from placet.core.errors import LimitError, PlacetError, unforeseen
from placet.core.evidence import Section
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex, parse

MAX_FILE = 64 << 20
"""Bytes of a bundle at the most."""
MAX_TRUST = 8 << 20
_SECTIONS = "sections of leaves are not checked in a browser: use placet audit"
_VOID = frozenset({"br", "circle", "line", "path", "rect"})

_IN_A_PAGE = {"main": ("div", {"class": "main"}), "h1": ("p", {"class": "headline"})}
"""What a page has once already, as it is in another one's."""

Node = str | tuple[str, dict[str, str], list["Node"]]
"""A text, or an element: its name, its attributes, what is in it."""


class _Unread(Sections):
    """Sections that are left where they are."""

    def demand_readable(self) -> None:
        raise Uncheckable(_SECTIONS)

    def read(self, section: Section) -> Iterator[bytes]:
        raise Uncheckable(_SECTIONS)


Place = Literal["job", "consent", "absent"]


def judge(bundle: bytes, deployment: bytes | None, trust: bytes | None, number: bytes = b"") -> tuple[Judgement, Place]:
    """What `placet audit --bundle` says with these files, or the same failure; and what `number` is in the
    bundle."""
    try:
        case, basis = _case(bundle, deployment, trust)
        return Judgement(report=judged(case, basis)), _place(case, number)
    except PlacetError as error:
        failure = error
    except MemoryError:
        failure = LimitError("the bundle is too large for this browser", remedy="placet audit --bundle")
    except Exception as error:
        failure = LimitError("the verifier failed over this job", found=unforeseen(error), code="audit.failed")
    return Judgement(failure=AuditFailure.of(failure)), "absent"


def _case(raw: bytes, deployment: bytes | None, trust: bytes | None) -> tuple[Case, Basis]:
    if len(raw) > MAX_FILE:
        raise LimitError("the bundle is too large for a browser", expected=f"at most {MAX_FILE} bytes", found=len(raw))
    own = None if deployment is None else parse(Deployment, deployment, what="deployment file")
    known = None if trust is None else parse(TrustList, trust, limit=MAX_TRUST, what="trust list")
    body = Body(pieces_of(io.BytesIO(raw)))
    bundle = parse_bundle(body.line(MAX_FILE, "bundle"))
    if not bundle.sections():
        body.sections((), Sections())  # nothing may follow
    return Case(bundle, sections=_Unread()), compared(bundle, own, known)


def _place(case: Case, number: bytes) -> Place:
    if number == case.bundle.job:
        return "job"
    named = any(entry.named and entry.consent == number for entry in case.inputs)
    shown = any(ident == number for one in readable_sets(case).values() for ident, _, _ in one.every())
    return "consent" if named or shown else "absent"


def drawn(report: AuditReport) -> Node:
    """The report's page, from its `main` element on, as data: a document is built of it node by node, so that nothing
    in it is ever read as HTML again."""
    reader = _Reader()
    reader.feed(html(report))
    reader.close()
    return reader.main


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.main: Node = ""
        self._open: list[tuple[str, dict[str, str], list[Node]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._open and tag != "main":
            return
        own = {name: value or "" for name, value in attrs}
        name, more = _IN_A_PAGE.get(tag, (tag, {}))
        element: tuple[str, dict[str, str], list[Node]] = (name, own | more, [])
        if self._open:
            self._open[-1][2].append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self._open and tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag not in _VOID:
            self.main = self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and data.strip():
            self._open[-1][2].append(data)


class _Buffer(Protocol):
    """A JavaScript array of bytes, as Pyodide hands it over."""

    def to_bytes(self) -> bytes: ...


def answer(bundle: _Buffer, deployment: _Buffer | None, trust: _Buffer | None, named: str | None) -> str:
    """For the page, as JSON: `judgement`; with a report its drawn page (`page`), the same as a file (`html`), and what
    `named`, 32 bytes in hex, is in the bundle (`asked`)."""
    number = b"" if named is None else from_hex(named, size=32)
    own, known = (None if one is None else one.to_bytes() for one in (deployment, trust))
    judgement, place = judge(bundle.to_bytes(), own, known, number)
    whole: dict[str, Any] = {"judgement": judgement.to_json()}
    if judgement.report is not None:
        whole |= {"page": drawn(judgement.report), "html": html(judgement.report)}
        whole |= {} if named is None else {"asked": place}
    return json.dumps(whole)
