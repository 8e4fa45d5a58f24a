"""Values planted in real and generated contracts and then changed: the truth that `contracts` holds flags against.

A sentence with a value is put into a clause, stands as a clause of its own or in a row of a table, in both versions;
in the later one the value is another, or the clause was split, moved, reworded elsewhere, added or removed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from benchmarks._documents import Item

from placet.comparison.result import Comparison

Wordings = tuple[tuple[str, str], ...]
"""As written, and what it means: two of the same meaning are no change."""


def _distinct(*written: str) -> Wordings:
    return tuple((text, text) for text in written)


_MONEY = _distinct(
    "USD 1.5 million", "$250,000", "EUR 2,000,000", "£1,100,000.00", "CHF 500'000", "US$ 3,250,000",
    "six hundred thousand US dollars", "GBP 750k", "€4.5m", "One Million Dollars ($1,000,000)", "JPY 80,000,000",
    "INR 5,00,000", "AUD 90,000", "EUR 1.250.000,00", "HK$40,000", "twelve thousand euros", "SEK 99,500",
)  # fmt: skip
_SHARES = _distinct(
    "5%", "8 per cent", "1.5 percent", "150 basis points", "25 bps", "ten percent (10%)", "12.75%",
    "two and a half percent", "0.5 %", "twenty percent", "3 percentage points",
)  # fmt: skip
_DAYS = _distinct(
    "31 December 2026", "January 15, 2027", "01-05-2026", "2027-06-30", "30.09.2027", "1 March 2028", "5/1/2026",
    "15-Feb-2027", "the 3rd day of April 2027", "August 9th, 2029", "02/11/2026", "12 July 2031",
)  # fmt: skip
_HOURS = _distinct(
    "5:00 p.m.", "17:30", "noon", "6 pm", "close of business", "9:00 a.m. London time", "23:59", "4.15 pm"
)
_PERIODS = _distinct(
    "12 months", "two years", "thirty-six (36) months", "5 years", "ninety (90) days", "48 hours", "six weeks",
    "ten (10) business days", "45 calendar days", "20 working days", "18 to 24 months", "one year",
)  # fmt: skip
_NOTICE = _distinct(
    "thirty (30) days'", "60 days'", "six months'", "ten (10) Business Days'", "two weeks'", "one month's"
)
_PLACES = _distinct(
    "England and Wales", "New York", "Switzerland", "Delaware", "Germany", "Singapore", "Ireland", "Hong Kong", "Texas"
)
_DUTIES = _distinct("shall", "may", "must", "will", "shall not", "may not", "must not", "should", "is entitled to")
_LEAST: Wordings = (
    ("at least", ">="), ("no less than", ">="), ("not less than", ">="), ("a minimum of", ">="), ("at most", "<="),
    ("no more than", "<="), ("up to", "<="), ("not more than", "<="), ("more than", ">"), ("fewer than", "<"),
    ("a maximum of", "<="), ("in excess of", ">"),
)  # fmt: skip

Template = tuple[str, str, Wordings]
"""Kind, sentence, and what may stand in it."""
TEMPLATES: tuple[Template, ...] = (
    ("amount", "The total liability of either side under this clause is limited to {}.", _MONEY),
    ("amount", "A deposit of {} is due at signature.", _MONEY),
    ("amount", "Where a claim is above {}, the escrow agent decides.", _MONEY),
    ("percentage", "Overdue sums bear interest at {} over the base rate.", _SHARES),
    ("percentage", "The royalty is {} of net sales.", _SHARES),
    ("date", "This mandate ends on {}.", _DAYS),
    ("date", "On {} the keys are handed over.", _DAYS),
    ("date", "From {} until further notice the old tariff applies.", _DAYS),
    ("time", "What arrives after {} counts as received on the next day.", _HOURS),
    ("duration", "The warranty lasts {} from handover.", _PERIODS),
    ("duration", "Defects are repaired within {} of a report.", _PERIODS),
    ("duration", "This mandate can be ended on {} notice.", _NOTICE),
    ("number", "The steering board has {} members.", _distinct("five", "7", "nine (9)", "11", "three")),
    (
        "number",
        "A decision needs {} of the votes cast.",
        (("two-thirds", "2/3"), ("three-quarters", "3/4"), ("2/3", "2/3"), ("one half", "1/2"),
         ("two thirds (2/3)", "2/3"),
         ("three fifths", "3/5"), ("¾", "3/4")),
    ),
    (
        "number",
        "It renews on the {} anniversary of the handover.",
        (("first", "1"), ("second", "2"), ("third", "3"), ("5th", "5"), ("fifth (5th)", "5"), ("2nd", "2"),
         ("tenth", "10")),
    ),
    ("bound", "The warehouse holds {} ten spare units in stock.", _LEAST),
    (
        "bound",
        "The cap is the {} the fees paid and the agreed floor.",
        (("greater of", "max"), ("lesser of", "min"), ("higher of", "max"), ("lower of", "min"), ("larger of", "max")),
    ),
    (
        "bound",
        "The option lapses on the {} handover and the long stop.",
        (("earlier of", "min"), ("later of", "max"), ("first to occur of", "min")),
    ),
    (
        "bound",
        "The price covers all levies, {} customs duties.",
        (("including", "some"), ("including without limitation", "all"), ("including, but not limited to,", "all")),
    ),
    (
        "standard",
        "The agent is bound to use {} to obtain the approvals.",
        (("best efforts", "best"), ("reasonable efforts", "r"), ("commercially reasonable efforts", "cr"),
         ("best endeavours", "best"), ("reasonable endeavours", "r"), ("all reasonable endeavours", "ar"),
         ("reasonable best efforts", "rb")),
    ),
    ("standard", "An extension is in the {} of the agent.", _distinct("sole discretion", "reasonable discretion")),
    (
        "quality",
        "The works come with {} licence.",
        (("an exclusive", "exclusive"), ("a non-exclusive", "non-exclusive"), ("a revocable", "revocable"),
         ("an irrevocable", "irrevocable"), ("a perpetual", "perpetual"), ("a transferable", "transferable"),
         ("a non-transferable", "non-transferable"), ("a nonexclusive", "non-exclusive")),
    ),
    ("quality", "Prices are {} of value added tax.", _distinct("exclusive", "inclusive")),
    ("quality", "The guarantors are {} liable.", _distinct("jointly", "severally")),
    ("law", "This mandate is governed by the laws of {}.", _PLACES),
    ("law", "The courts of {} have jurisdiction.", _PLACES),
    ("law", "The seat of arbitration is {}.", _distinct("Geneva", "London", "Paris", "Stockholm", "Vienna")),
    ("law", "{} law governs the mandate.", _distinct("English", "Swiss", "German", "New York", "Irish")),
    ("modal", "The escrow agent {} keep the books open.", _DUTIES),
    ("negation", "The deposit is {} refundable.", _distinct("", "not", "never")),
    ("negation", "The freight is paid in advance {} agreed otherwise.", _distinct("unless", "except where")),
    ("connective", "The auditors inspect the books {} the stores.", _distinct("and", "or", "and/or")),
    ("party", "The {} bears the cost of carriage.", _distinct("Seller", "Buyer", "Tenant", "Licensor", "Borrower")),
    ("party", "The keys go to {} at once.", _distinct("Acme Holdings Ltd", "Bravo Systems GmbH", "North, Inc.")),
    ("reference", "The remedies of {} apply.", _distinct("Section 4.2", "Clause 7", "Article IX", "Schedule 3")),
)  # fmt: skip
_MEANINGS = ("all sums invoiced for widgets", "all sums received for widgets", "the net margin on widgets sold")
_STRUCTURAL = frozenset({"amount", "percentage", "date", "duration", "law"})
"""Kinds that are told of clauses that are new or gone."""
_NEUTRAL = ("documented", "independent", "relevant", "certified", "remaining", "internal", "respective", "durable")
_ARTICLES = re.compile(r"^(?:an?|the)\s+|[',.]+$|'s$")
_WAYS = ("inside", "inside", "inside", "alone", "added", "removed", "split", "still", "moved")


@dataclass(frozen=True)
class Truth:
    """A flag that has to be: kind, the value before and after, None where there is none."""

    kind: str
    before: str | None
    after: str | None

    def fits(self, kind: str, before: str | None, after: str | None) -> bool:
        return kind == self.kind and _agree(self.before, before) and _agree(self.after, after)


def _agree(written: str | None, flagged: str | None) -> bool:
    if written is None or flagged is None:
        return written is flagged
    one, other = (_ARTICLES.sub("", text.casefold()).strip() for text in (written, flagged))
    return one in other or other in one


@dataclass
class Planted:
    """Two versions and the flags that tell them apart."""

    before: list[Item]
    after: list[Item]
    truth: list[Truth] = field(default_factory=list)


def _pair(values: Wordings, rng: random.Random) -> tuple[tuple[str, str], tuple[str, str]]:
    one = rng.choice(values)
    return one, rng.choice([value for value in values if value is not one])


def _filled(template: str, value: str) -> str:
    text = " ".join(template.format(value).split())
    return text[0].upper() + text[1:]


class _Templates:
    """Those for clauses that are new or gone are taken once: else such a clause would be the other one, edited."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        order = rng.sample(TEMPLATES, len(TEMPLATES))
        self._single, self._shared = order[:12], order[12:]

    def once(self) -> Template | None:
        return self._single.pop() if self._single else None

    def often(self) -> Template:
        return self._rng.choice(self._shared)


def _sentences(rng: random.Random, number: int, template: Template) -> tuple[str, str, list[Truth]]:
    """A sentence with a value, the same with another, and what has to be told."""
    if rng.random() < 0.06:
        one, other = rng.sample(_MEANINGS, 2)
        term = f"Widget Base {chr(65 + number % 26)}{number}"
        return f'"{term}" means {one}.', f'"{term}" means {other}.', [Truth("definition", term, term)]
    kind, words, values = template
    (one, meant), (other, means) = _pair(values, rng)
    truth = [Truth(kind, one or None, other or None)] if meant != means else []
    return _filled(words, one), _filled(words, other), truth


def plant(items: Sequence[Item], share: float, rng: random.Random) -> Planted:
    """Sentences with values in about this share of the clauses, each clause once."""
    places = [n for n, item in enumerate(items) if not item.heading]
    chosen = set(rng.sample(places, max(1, int(share * len(places)))))
    templates = _Templates(rng)
    made = Planted([], [])
    late: list[Item] = []
    for n, item in enumerate(items):
        if n not in chosen:
            made.before.append(item)
            made.after.append(item)
            continue
        _change(made, late, item, rng, n, templates)
    for item in late:
        made.after.insert(rng.randrange(len(made.after) + 1), item)
    return made


def _change(made: Planted, late: list[Item], item: Item, rng: random.Random, n: int, templates: _Templates) -> None:
    way = rng.choice([way for way in _WAYS if way != "still" or '"' not in item.text])
    template = templates.once() if way in ("added", "removed") else templates.often()
    if template is None:
        made.before.append(item)
        made.after.append(item)
        return
    old, new, truth = _sentences(rng, n, template)
    if way == "inside":
        front = rng.random() < 0.5 and '"' not in item.text[:60] and not old.startswith('"')
        texts = (f"{old} {item.text}", f"{new} {item.text}") if front else (f"{item.text} {old}", f"{item.text} {new}")
        made.before.append(replace(item, text=texts[0]))
        made.after.append(replace(item, text=texts[1]))
        made.truth += truth
    elif way == "alone":
        made.before += [item, replace(item, text=old)]
        made.after += [item, replace(item, text=new)]
        made.truth += truth
    elif way in ("added", "removed"):
        made.before.append(item)
        made.after.append(item)
        (made.after if way == "added" else made.before).append(replace(item, text=old))
        first = next((t for t in truth), None)
        if first is not None and first.kind in _STRUCTURAL:
            made.truth.append(
                Truth(first.kind, None, first.before) if way == "added" else Truth(first.kind, first.before, None)
            )
        elif first is not None and first.kind == "definition":
            made.truth.append(
                Truth("definition", None, first.before) if way == "added" else Truth("definition", first.before, None)
            )
    elif way == "split":
        pieces = [
            item.text,
            *(
                sentence
                for sentence in (_sentences(rng, n, templates.often())[0] for _ in range(3))
                if sentence[0] != '"'
            ),
        ]
        made.before.append(replace(item, text=" ".join(pieces)))
        cut = rng.choice((1, 2))
        made.after += [replace(item, text=text) for text in (" ".join(pieces[:cut]), " ".join(pieces[cut:])) if text]
    elif way == "still":
        words = f"{item.text} {old}".split(" ")
        made.before.append(replace(item, text=" ".join(words)))
        long = len(item.text.split(" "))
        fits = [
            n
            for n, word in enumerate(words[:long])
            if words[n - 1 : n] in (["the"], ["any"], ["each"]) and word.islower()
        ]
        at = rng.choice(fits) if fits else 0
        made.after.append(
            replace(item, text=" ".join([*words[:at], *([rng.choice(_NEUTRAL)] if at else []), *words[at:]]))
        )
    else:
        text = f"{item.text} {old}"
        made.before.append(replace(item, text=text))
        late.append(replace(item, text=text))


_ROWS = ("Setup", "Support", "Training", "Hosting", "Migration", "Audit", "Storage", "Licences", "Travel", "Backup")
_HEADS = ("Liability cap", "Notice period", "Effective date", "Interest", "Deposit")


def schedule(rng: random.Random) -> tuple[bytes, bytes, list[Truth]]:
    """A schedule of fees in Markdown: rows of a table, and values alone under their headings."""
    sides: tuple[list[str], list[str]] = (["# Schedule 1", "", "| Item | Fee |", "|---|---|"], [])
    sides[1].extend(sides[0])
    truth: list[Truth] = []
    for name in rng.sample(_ROWS, rng.randint(3, 8)):
        one, other = _pair(_MONEY, rng)
        changed, gone = rng.random() < 0.5, rng.random() < 0.15
        sides[0].append(f"| {name} | {one[0]} |")
        if gone:
            truth.append(Truth("amount", one[0], None))
            continue
        sides[1].append(f"| {name} | {other[0] if changed else one[0]} |")
        truth += [Truth("amount", one[0], other[0])] if changed else []
    kinds = {"Liability cap": ("amount", _MONEY), "Notice period": ("duration", _PERIODS)}
    kinds |= {"Effective date": ("date", _DAYS), "Interest": ("percentage", _SHARES), "Deposit": ("amount", _MONEY)}
    for name in _HEADS:
        kind, values = kinds[name]
        one, other = _pair(values, rng)
        changed = rng.random() < 0.6
        sides[0].extend(["", f"## {name}", "", one[0]])
        sides[1].extend(["", f"## {name}", "", other[0] if changed else one[0]])
        truth += [Truth(kind, one[0], other[0])] if changed else []
    return "\n".join(sides[0]).encode(), "\n".join(sides[1]).encode(), truth


def judged(
    truth: Sequence[Truth], comparison: Comparison
) -> tuple[list[Truth], list[tuple[str, str | None, str | None]], int]:
    """What has to be told and isn't, what is told and isn't so, and how many flags are right.

    A negation beside a duty that has one (`shall` → `shall not`) says the same once more, and counts neither way;
    nor do duties, parties and negations of clauses that are new or gone: they are what the clause says.
    """
    left = list(truth)
    false: list[tuple[str, str | None, str | None]] = []
    hits = 0
    for entry in comparison.entries:
        whole = not ({"edited", "same"} & set(entry.statuses))
        duty = any(flag.kind == "modal" for flag in entry.flags)
        for flag in entry.flags:
            said = (flag.kind, flag.before and flag.before.text, flag.after and flag.after.text)
            match = next((t for t in left if t.fits(*said)), None)
            if match is not None:
                left.remove(match)
                hits += 1
            elif not (flag.kind == "negation" and duty) and not (
                whole and flag.kind in ("modal", "party", "negation", "time")
            ):
                false.append(said)
    return left, false, hits


_MEASURED = frozenset({"amount", "percentage", "date", "time", "duration", "law", "definition"})
_ALL: frozenset[str] = frozenset()
REAL: dict[tuple[str, str], tuple[frozenset[str], tuple[Truth, ...]]] = {
    ("csa-1.0.md", "csa-1.1.md"): (_ALL, (Truth("party", "Disclosing Party", "Discloser"),)),
    ("csa-2.0.md", "csa-2.1.md"): (
        _ALL,
        (
            Truth("reference", "Section 12", "Section 10"),
            Truth("definition", "Standard Terms", "Standard Terms"),
            Truth("number", "2.0", "2.1"),
            Truth("number", "2.0", "2.1"),
        ),
    ),
    ("csa-1.1.md", "csa-2.0.md"): (
        _MEASURED,
        (
            Truth("duration", "once", None),
            Truth("duration", "monthly", None),
            Truth("duration", None, "30 days"),
            Truth("duration", "six months", None),
            Truth("duration", "30 days", None),
            Truth("duration", "30-day", None),
            Truth("percentage", None, "50%"),
            *(
                Truth("definition", term, term)
                for term in ("Agreement", "Cloud Service", "Cover Page", "Key Terms", "Order Form")
            ),
            *(
                Truth("definition", None, term)
                for term in (
                    "Beta Product", "Embargoed Country", "Fees", "Framework Terms", "OFAC", "Standard Terms",
                    "Variable",
                )
            ),
        ),
    ),
}  # fmt: skip
"""Of the real versions: the kinds that were looked at, none for all, and the flags that they have, read by hand.

The rewrite from 1.1 to 2.0 is judged by what is measured, the places of courts and the definitions.
"""


def only(comparison: Comparison, kinds: frozenset[str]) -> Comparison:
    """The comparison with flags of these kinds; all of them where none is named."""
    if not kinds:
        return comparison
    entries = tuple(
        entry.model_copy(update={"flags": tuple(flag for flag in entry.flags if flag.kind in kinds)})
        for entry in comparison.entries
    )
    return comparison.model_copy(update={"entries": entries})


def turned(truth: Sequence[Truth]) -> list[Truth]:
    """The same with the versions changed over."""
    return [Truth(t.kind, t.after, t.before) for t in truth]
