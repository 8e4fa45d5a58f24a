"""What a document defines: each term, and the phrase that says what it means."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from placet.comparison.normal import tokens
from placet.comparison.organisations import organisations

if TYPE_CHECKING:
    from placet.comparison.clauses import Clause

_QUOTED: Final = re.compile(r'"([A-Z0-9][^"]{0,79})"')
_VERB: Final = (
    r"(?:(?:shall|will)\s+)?(?:means?|has|have|refers?\s+to|includes?|is\s+defined|are\s+defined|is\s+a\s+reference)\b"
)
_DEFINES: Final = re.compile(
    rf"(?:\s*(?:\([^()]{{0,80}}\)|,?\s+(?:or|and)\s+\"[^\"]{{1,80}}\"|,\s+\"[^\"]{{1,80}}\"))*(?:,?\s*{_VERB}|:(?=\s))",
    re.IGNORECASE,
)
_PLAIN: Final = re.compile(
    r"(?!(?:This|That|It|Which|Nothing|Each|Any|All|The|These|Such|What|Neither)\b)"
    r"([A-Z][\w'&/-]*(?: (?:of |and |or |the |to |in )?[A-Z][\w'&/-]*){0,6}):? "
    r"(?:shall mean|means?|has the meaning)\b"
)
"""`Business Day means …` at the beginning of a clause, as where terms are set bold."""
_INTRODUCES: Final = re.compile(r"\((?:[^()\"]{0,60}\"[^()\"]{1,80}\"){0,3}[^()\"]{0,60}$")
_SENTENCE: Final = re.compile(r"(?<!\b[A-Z])(?<!\bNo)(?<!\bInc)(?<!\bLtd)(?<!\bCo)\.(?=\s+[\"(A-Z]|$)")
_SUBJECT: Final = re.compile(r"\s*(?:The term |The |This |It )?\"?")
_CONTINUES: Final = re.compile(r"\"?s? ?(?:\w+ ){0,3}?(?:include|exclude|mean|extend)")
_INTRODUCED_BY: Final = re.compile(r"[.;:]\s|\)")
_LINK: Final = re.compile(r"[,;]? ?\b(and/or|and|or)$")
"""What joins an item of a list to the next one."""
_INNER: Final = 64
"""Sub-clauses that a definition has."""
_BEFORE: Final = 400
"""Characters before a name in brackets that may say what it means."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A term, the clause that defines it, and the words that say what it means, without punctuation."""

    term: str
    clause: int
    phrase: tuple[str, ...]
    role: bool = False
    """The name that an organisation has in the document, as in `Acme Ltd (the "Supplier")`."""


def definitions(texts: Iterable[str], inside: Mapping[int, str] = MappingProxyType({})) -> Iterator[Definition]:
    """`"Term" means …`, `Term means …` at a clause's beginning and `(the "Term")`, in order.

    `inside`: by the place of a clause that ends open, the text of its sub-clauses, which goes on with what it says.
    """
    for n, text in enumerate(texts):
        more = inside.get(n, "")
        plain = _PLAIN.match(text)
        if plain is not None:
            yield Definition(plain[1], n, _meaning(text, plain.end(), len(text), plain[1], more))
        if '"' not in text:
            continue
        quotations = list(_QUOTED.finditer(text))
        verbs = [_verb(text, quoted) for quoted in quotations]
        begins = [quoted.start() for quoted, verb in zip(quotations, verbs, strict=True) if verb]
        for quoted, verb in zip(quotations, verbs, strict=True):
            term = quoted[1].strip(" ,.;:")
            if not term:
                continue
            if verb:
                following = bisect_left(begins, verb)
                end = begins[following] if following < len(begins) else len(text)
                yield Definition(term, n, _meaning(text, verb, end, term, more))
            elif _introduced(text, quoted):
                before = text[max(quoted.start() - _BEFORE, 0) : quoted.start()]
                said = before[: before.rfind("(")]
                role = any(True for _ in organisations(said[-240:]))
                yield Definition(term, n, _words(said[_introduction_begins(said) :]), role)


def _verb(text: str, quoted: re.Match[str]) -> int:
    """Where what the quoted term means begins; 0 where it is only used."""
    verb = _DEFINES.match(text, quoted.end())
    if verb is None or (verb.group().strip() == ":" and text[: quoted.start()].strip()):
        return 0
    return verb.end()


def _meaning(text: str, start: int, most: int, term: str, more: str) -> tuple[str, ...]:
    end = _meaning_ends(text, start, most, term)
    return _words(f"{text[start:end]} {more}" if end == len(text) else text[start:end])


def sub_clauses(clauses: Sequence[Clause]) -> dict[int, str]:
    """By the place of each clause that ends open, as `"Goods" means:` does, the text of the clauses inside it, in an
    order of its own: items that changed places define nothing otherwise."""
    texts: dict[int, str] = {}
    for n, clause in enumerate(clauses):
        if not clause.heading and not clause.text.endswith((".", '."')):
            inner: list[str] = []
            for other in clauses[n + 1 : n + 1 + _INNER]:
                if other.level <= clause.level and (clause.written or not other.written):
                    break
                inner.append(other.text)
            links = [link[1] for text in inner if (link := _LINK.search(text))]
            if inner:
                texts[n] = " ".join([*sorted(_LINK.sub("", text) for text in inner), *sorted(links)])
    return texts


def _meaning_ends(text: str, start: int, most: int, term: str) -> int:
    """To the end of the sentence, and of those after it that go on to say what the term includes; `most` at most."""
    at = start
    while (ended := _SENTENCE.search(text, at, most)) is not None:
        at = ended.end()
        subject = _SUBJECT.match(text, at)
        begins = subject.end() if subject else at
        named = text.startswith(term, begins) and begins + len(term)
        if not (named and _CONTINUES.match(text, named)) and not (subject and _CONTINUES.match(text, begins)):
            return at
    return most


def _introduction_begins(said: str) -> int:
    return max((match.end() for match in _INTRODUCED_BY.finditer(said)), default=0)


def _introduced(text: str, match: re.Match[str]) -> bool:
    return (
        text.find(")", match.end(), match.end() + 60) >= 0
        and _INTRODUCES.search(text[max(match.start() - 200, 0) : match.start()]) is not None
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in tokens(text) if word[0].isalnum())


@dataclass(frozen=True, slots=True)
class Redefinition:
    """A term that is defined otherwise (both clauses), anew (only `after`) or no more (only `before`)."""

    term: str
    before: int | None
    after: int | None


def redefined(one: Sequence[Definition], other: Sequence[Definition]) -> list[Redefinition]:
    """Terms whose defining phrase changed, wherever it stands; a phrase that only moved is no change."""
    terms = dict.fromkeys(definition.term for definition in (*one, *other))
    sides = (_by_term(one), _by_term(other))
    changes: list[Redefinition] = []
    for term in terms:
        common = Counter(d.phrase for d in sides[0][term]) & Counter(d.phrase for d in sides[1][term])
        old, new = (_without(side[term], common.copy()) for side in sides)
        pairs = min(len(old), len(new))
        changes += [Redefinition(term, was.clause, now.clause) for was, now in zip(old, new, strict=False)]
        changes += [Redefinition(term, was.clause, None) for was in old[pairs:] if not sides[1][term]]
        changes += [Redefinition(term, None, now.clause) for now in new[pairs:] if not sides[0][term]]
    return changes


def _by_term(definitions: Sequence[Definition]) -> dict[str, list[Definition]]:
    places: dict[str, list[Definition]] = defaultdict(list)
    for definition in definitions:
        places[definition.term].append(definition)
    return places


def _without(definitions: Sequence[Definition], phrases: Counter[tuple[str, ...]]) -> list[Definition]:
    left = []
    for definition in definitions:
        if phrases[definition.phrase]:
            phrases[definition.phrase] -= 1
        else:
            left.append(definition)
    return left
