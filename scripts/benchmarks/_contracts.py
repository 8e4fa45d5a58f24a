"""Contracts and edits of them that are known: what `contracts` measures the comparison against. All seeded."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks._documents import Item

from placet.comparison.clauses import clauses
from placet.comparison.reading import read

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "contracts"
EDITS = (
    "insert", "delete", "move", "swap", "number", "duty", "word", "reword", "sentence", "move and edit", "split",
    "merge",
)  # fmt: skip
_SUBJECTS = ("The Supplier", "The Customer", "Each party", "The Company", "The Processor", "The Agent", "The Borrower")
_DUTIES = ("shall", "must", "will", "may", "shall not", "may not")
_VERBS = (
    "deliver", "maintain", "disclose", "assign", "terminate", "inspect", "insure", "repair", "review", "replace",
    "notify the other party of", "retain", "return", "license", "audit", "sublet", "document", "indemnify against",
)  # fmt: skip
_OBJECTS = (
    "the Equipment", "any Confidential Information", "the Services", "all records of the Transaction", "the Premises",
    "the Deliverables", "its obligations under this Agreement", "the Security Deposit", "every Licensed Product",
    "the monthly report", "the insurance certificate", "the Personal Data", "the Escrow Account", "the software",
    "the warranty claims", "each purchase order", "the working papers", "the spare parts", "the trade marks",
)  # fmt: skip
_TIMES = (
    "within {n} days after receipt of written notice", "no later than {n} business days before the Closing Date",
    "for a period of {n} months from the Effective Date", "within {n} hours of becoming aware of it",
    "at least {n} days in advance", "during the {n} years following expiry of this Agreement",
)  # fmt: skip
_CONDITIONS = (
    "unless the parties agree otherwise in writing", "provided that the total amount does not exceed ${m},000",
    "to the extent permitted by applicable law", "subject to the prior consent of the other party",
    "at its own cost and risk", "in accordance with good industry practice", "save in cases of wilful misconduct",
    "if the aggregate liability is below {p}% of the fees paid", "except where a competent authority so requires",
    "without prejudice to any other remedy", "as set out in the relevant order form", "on a time and materials basis",
)  # fmt: skip
_EXTRAS = (
    "Late payments bear interest at {p}% per annum.", "The same applies to affiliates and permitted subcontractors.",
    "Any waiver of this provision is effective only if it is given in writing and signed.",
    "The limit in this clause is EUR {m},500 for each event and EUR {m}0,000 in total.",
    "This obligation survives termination for {n} years.", "Time is of the essence in this respect.",
    "The burden of proof lies with the party that relies on the exception.",
    "Notices under this clause are valid only if sent by registered post or by courier to the registered office.",
    "A delay of more than {n} weeks entitles the other party to withdraw from the order concerned.",
)  # fmt: skip
_TITLES = (
    "Scope", "Fees", "Delivery", "Acceptance", "Warranties", "Liability", "Term", "Termination", "Data Protection",
    "Confidentiality", "Intellectual Property", "Insurance", "Audit", "Subcontracting", "Force Majeure", "Notices",
    "Governing Law", "Disputes", "Assignment", "Records", "Security", "Training", "Support", "Personnel", "Taxes",
)  # fmt: skip
_NEW_WORDS = (
    "prompt", "reasonable", "documented", "independent", "additional", "relevant", "material", "qualified", "written",
    "respective", "applicable", "joint", "quarterly", "certified", "temporary", "binding", "remaining", "internal",
)  # fmt: skip


def sentence(rng: random.Random) -> str:
    """One sentence of boilerplate with its own numbers."""
    words = (
        f"{rng.choice(_SUBJECTS)} {rng.choice(_DUTIES)} {rng.choice(_VERBS)} {rng.choice(_OBJECTS)} and "
        f"{rng.choice(_OBJECTS)} {rng.choice(_TIMES)}, {rng.choice(_CONDITIONS)}, and {rng.choice(_CONDITIONS)}."
        if rng.random() < 0.75
        else rng.choice(_EXTRAS)
    )
    return words.format(n=rng.randint(2, 90), m=rng.randint(1, 950), p=rng.randint(1, 60))


def paragraph(rng: random.Random) -> str:
    return " ".join(sentence(rng) for _ in range(rng.choice((1, 1, 2, 2, 3, 4))))


def synthetic(words: int, rng: random.Random) -> list[Item]:
    """A contract of about so many words, full of clauses that resemble each other."""
    items: list[Item] = []
    count = 0
    while count < words:
        items.append(Item(0, True, f"{rng.choice(_TITLES)} and {rng.choice(_TITLES)}"))
        for _ in range(rng.randint(3, 8)):
            items.append(Item(1, False, f"{rng.choice(_TITLES)}. {paragraph(rng)}"))
            if rng.random() < 0.3:
                items += [Item(2, False, paragraph(rng)) for _ in range(rng.randint(2, 5))]
        count = sum(len(item.text.split()) for item in items)
    return items


def real(name: str) -> list[Item]:
    """The clauses of a real contract; levels as its numbering has them."""
    found = clauses(read((SHARED / name).read_bytes(), name).paragraphs, frozenset())
    return [Item(min(c.level, 2), c.heading and c.level == 0, c.text) for c in found if c.label]


@dataclass
class Edited:
    """Two versions and the truth: what happened to the items of each, by their places."""

    before: list[Item]
    after: list[Item]
    gone: dict[int, set[str]] = field(default_factory=dict)
    came: dict[int, set[str]] = field(default_factory=dict)
    pairs: set[tuple[int, int]] = field(default_factory=set)
    values: list[tuple[int, str, str]] = field(default_factory=list)
    """Place in the new version, the value before, the value after, of edits of one number or duty."""


@dataclass
class _Piece:
    item: Item
    origin: int | None
    status: set[str] = field(default_factory=set)
    value: tuple[str, str] | None = None
    joined: bool = False


def edit(items: Sequence[Item], share: float, rng: random.Random, kinds: Sequence[str] = EDITS) -> Edited:
    """Edits about this share of the clauses, each at most once."""
    pieces = [_Piece(item, n) for n, item in enumerate(items)]
    touched: set[int] = set()
    gone: dict[int, set[str]] = {}
    made = 0
    for _ in range(20 * len(items)):
        if made >= share * len(items):
            break
        at = rng.randrange(len(pieces))
        piece = pieces[at]
        if id(piece) in touched or piece.item.heading or piece.joined:
            continue
        changed = _one(rng.choice(kinds), pieces, at, gone, rng)
        touched.update(id(p) for p in changed)
        made += len(changed) > 0
    edited = Edited(list(items), [piece.item for piece in pieces], gone=gone)
    for j, piece in enumerate(pieces):
        if piece.origin is not None and not piece.joined:
            edited.pairs.add((piece.origin, j))
        if piece.status:
            edited.came[j] = piece.status
            if piece.origin is not None:
                edited.gone[piece.origin] = piece.status
        if piece.value is not None:
            edited.values.append((j, *piece.value))
    return edited


def _one(kind: str, pieces: list[_Piece], at: int, gone: dict[int, set[str]], rng: random.Random) -> list[_Piece]:
    """The pieces that it touched; none where this edit does not fit here."""
    piece = pieces[at]
    if kind == "insert":
        new = _Piece(Item(piece.item.level, False, paragraph(rng)), None, {"added"})
        pieces.insert(at + 1, new)
        return [new]
    if kind == "delete" and piece.origin is not None:
        gone[piece.origin] = {"removed"}
        del pieces[at]
        return [piece]
    if kind in ("move", "move and edit", "swap"):
        to = rng.randrange(len(pieces))
        if abs(to - at) < 6 or piece.origin is None:
            return []
        if kind == "swap":
            other = pieces[to]
            if other.status or other.item.heading or other.joined or other.origin is None:
                return []
            pieces[at], pieces[to] = other, piece
            piece.status, other.status = {"moved"}, {"moved"}
            return [piece, other]
        if kind == "move and edit" and not _rewrite(piece, "word", rng):
            return []
        del pieces[at]
        pieces.insert(to, piece)
        piece.status = piece.status | {"moved"}
        return [piece]
    if kind == "split":
        sentences = piece.item.text.split(". ")
        if len(sentences) < 3 or piece.status:
            return []
        cut = rng.randrange(1, len(sentences) - 1)
        piece.item = replace(piece.item, text=". ".join(sentences[:cut]) + ".")
        rest = _Piece(replace(piece.item, text=". ".join(sentences[cut:])), piece.origin, joined=True)
        piece.joined = True
        pieces.insert(at + 1, rest)
        return [piece, rest]
    if kind == "merge":
        following = pieces[at + 1] if at + 1 < len(pieces) else None
        if following is None or following.status or following.joined or following.item.heading:
            return []
        if piece.status or piece.origin is None or following.origin != piece.origin + 1:
            return []
        piece.item = replace(piece.item, text=f"{piece.item.text} {following.item.text}")
        piece.joined = True
        del pieces[at + 1]
        return [piece, following]
    return [piece] if kind in ("number", "duty", "word", "reword", "sentence") and _rewrite(piece, kind, rng) else []


def _rewrite(piece: _Piece, kind: str, rng: random.Random) -> bool:
    """Changes the words of a piece; False where it has nothing of that kind."""
    text = piece.item.text
    if kind == "number":
        places = list(
            re.finditer(r"(?<![\w.,$%-])\d{1,3}(?= (?:days|months|hours|years|weeks|business))|\d{1,2}(?=%)", text)
        )
        if not places:
            return False
        place = rng.choice(places)
        new = str(int(place.group()) + rng.randint(1, 9))
        piece.value = (place.group(), new)
        text = text[: place.start()] + new + text[place.end() :]
    elif kind == "duty":
        places = list(re.finditer(r"\b(shall|must|will|may)\b(?! not)", text))
        if not places:
            return False
        place = rng.choice(places)
        new = rng.choice([duty for duty in ("shall", "must", "will", "may") if duty != place.group()])
        new = f"{place.group()} not" if rng.random() < 0.4 else new
        piece.value = (place.group(), new)
        text = text[: place.start()] + new + text[place.end() :]
    else:
        words = text.split(" ")
        if kind == "sentence":
            words += sentence(rng).split(" ")
        elif len(words) < 6:
            return False
        else:
            share = rng.uniform(0.1, 0.35) if kind == "reword" else 0.0
            for n in rng.sample(range(len(words)), max(1, int(share * len(words)))):
                words[n] = rng.choice([word for word in _NEW_WORDS if word != words[n]])
        text = " ".join(words)
    if text == piece.item.text:
        return False
    piece.item = replace(piece.item, text=text)
    piece.status = piece.status | {"edited"}
    return True
