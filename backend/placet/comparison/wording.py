"""Words that say how far a duty, a right or a value reaches, and under which law. English.

Wordings that mean the same have the same value: `no less than` is `at least`.
"""

from __future__ import annotations

import re
from typing import Final

_BOUNDS: Final = {
    "at least": r"or (?:more|greater|longer|higher)(?! than| favou?rable)|at (?:the (?:very )?)?least|"
    r"(?:no|not) (?:less|fewer|lower|shorter) than|(?:a |the )?minimum(?: of)?",
    "at most": r"or (?:fewer|less|lower|shorter)(?! than| favou?rable)|at (?:the )?most|"
    r"(?:no|not) (?:more|greater|higher|longer) than|not to exceed|not exceeding|"
    r"(?:does|do|did) not exceed|up to(?: and including)?|(?:a |the )?maximum(?: of)?|capped at",
    "more than": r"(?:above|over|beyond) (?=[$€£¥\d]|[A-Z]{3} ?\d)|more than|greater than|higher than|in excess of|"
    r"exceed(?:s|ed|ing)?",
    "less than": r"under (?=[$€£¥\d]|[A-Z]{3} ?\d)|(?:less|fewer|lower) than|falls? below|below",
    "greater of": r"(?:greater|greatest|higher|highest|larger|largest) of",
    "lesser of": r"(?:lesser|least|lower|lowest|smaller|smallest) of",
    "earlier of": r"(?:earlier|earliest|first) (?:of|to occur)|"
    r"whichever (?:is|occurs) (?:the )?(?:earlier|earliest|first)",
    "later of": r"(?:later|latest|last) (?:of|to occur)|whichever (?:is|occurs) (?:the )?(?:later|latest|last)",
    "longer of": r"(?:longer|longest) of|whichever is (?:the )?(?:longer|longest)",
    "shorter of": r"(?:shorter|shortest) of|whichever is (?:the )?(?:shorter|shortest)",
    "whichever is greater": r"whichever is (?:the )?(?:greater|higher|larger|more)",
    "whichever is less": r"whichever is (?:the )?(?:less|lesser|lower|smaller)",
    "at the latest": r"not after|(?:no|not) later than|at the latest|on or (?:before|prior to)",
    "at the earliest": r"not (?:before|prior to)|(?:no|not) (?:earlier|sooner) than|at the earliest|on or after",
    "before": r"before|prior to|in advance of",
    "after": r"after|(?<!the )following|subsequent to",
    "including without limitation": r"(?:including|includes?|include),?(?: but)? (?:without limitation|not limited to)|"
    r"including,? (?:but )?without (?:being )?limited to|without limitation",
    "limited to": r"limited to",
    "including": r"including",
}
_STANDARDS: Final = {
    "best efforts": r"(?:its |their |all )?best[ -](?:efforts|endeavou?rs)",
    "reasonable best efforts": r"(?:all )?reasonable best[ -](?:efforts|endeavou?rs)",
    "all reasonable efforts": r"all (?:commercially )?reasonable[ -](?:efforts|endeavou?rs)",
    "commercially reasonable efforts": r"commercially reasonable[ -](?:efforts|endeavou?rs)",
    "reasonable efforts": r"reasonable[ -](?:efforts|endeavou?rs)",
    "good faith efforts": r"(?:good[ -]faith|diligent)[ -](?:efforts|endeavou?rs)",
    "efforts": r"(?:\w+ly )?\w+[ -](?:efforts|endeavou?rs)",
    "endeavour": r"(?:endeavou?r|attempt|seek|strive)s? to(?= )",
    "sole discretion": r"(?:sole|absolute|sole and absolute|unfettered)(?: and \w+)? discretion",
    "reasonable discretion": r"reasonable discretion",
    "discretion": r"discretion",
    "gross negligence": r"gross(?:ly)? negligen(?:ce|t)",
    "negligence": r"negligen(?:ce|t)",
    "wilful misconduct": r"will?ful (?:misconduct|default|act|breach)",
    "good faith": r"good[ -]faith",
    "commercially reasonable": r"commercially reasonable",
    "immediately": r"immediately|forthwith|at once",
    "promptly": r"promptly|without (?:undue )?delay|as soon as (?:reasonably )?(?:practicable|possible)",
    "within a reasonable time": r"within a reasonable (?:time|period)(?: of time)?",
    "knowledge": r"to (?:the best of )?(?:its|their|his|her|the \w+'s|\w+'s) (?:actual )?knowledge|"
    r"constructive knowledge",
    "prior written": r"prior written",
    "in writing": r"in writing|written",
    "orally": r"oral(?:ly)?|verbal(?:ly)?",
    "tacit": r"deemed|tacit(?:ly)?",
}
_PREFIX: Final = r"(?:non-?|un|in|im|ir|dis)?"
_STEMS: Final = (
    "exclusive", "inclusive", "revocable", "transferable", "assignable", "sublicens(?:e)?able", "conditional",
    "limited", "refundable", "cancel(?:l)?able", "terminable", "renewable", "negotiable", "binding", "material",
    "reasonable", "redeemable", "cumulative", "voting", "convertible", "secured", "recoverable", "deductible",
    "taxable", "voluntar(?:y|i)", "direct", "consequential", "incidental",
    "special", "punitive", "perpetual", "sole", "joint", "several", "mutual", "unilateral", "mandatory", "optional",
    "automatic(?:al)?", "express", "implied", "capped",
)  # fmt: skip
_QUALITIES: Final = (
    rf"{_PREFIX}(?:{'|'.join(_STEMS)})(?:ly)?|royalty-(?:free|bearing)|worldwide|world-wide|territory-wide|"
    r"interest-free|free of charge|fully paid(?:-up)?|(?:gross|net) of|as[ -]is|pro[ -]rata|"
    r"per (?:claim|event|occurrence)|"
    r"in (?:the )?aggregate|aggregate|(?<=each )occurrence|evergreen|full recourse|non-recourse|pari passu|"
    r"subordinated|senior|"
    r"(?:simple|qualified|absolute|special) majority|unanimous(?:ly)?|"
    r"in (?:advance|arrears)(?! of)|in perpetuity|at will|for (?:good )?cause|for convenience|void(?:able)?|"
    r"(?:un)?enforceable|(?:in)?valid|gross-up|"
    r"arbitration|litigation|mediation|non-compete|non-solicitation"
)
_DEMONYMS: Final = (
    "English", "Scottish", "Scots", "Irish", "Welsh", "British", "Swiss", "German", "French", "Dutch", "Belgian",
    "Luxembourg", "Austrian", "Italian", "Spanish", "Portuguese", "Danish", "Swedish", "Norwegian", "Finnish",
    "Polish", "Czech", "Greek", "Turkish", "Russian", "Israeli", "Indian", "Chinese", "Japanese", "Korean",
    "Singapore", "Hong Kong", "Australian", "Canadian", "Brazilian", "Mexican", "Delaware", "New York", "California",
    "Californian", "Texas", "Nevada", "Florida", "Illinois", "Massachusetts", "Ontario", "Jersey", "Guernsey",
    "Cayman", "Bermuda", "federal", "state", "European Union", "EU",
)  # fmt: skip
_PLACE: Final = (
    r"(?P<place>[A-Z][\w'-]*(?:\.(?=\w))?\w*(?:(?:,| of| and| the| of the| and the)? [A-Z][\w'-]*){0,6}|D\.C\.)"
)
_STATE: Final = (
    r"(?:the )?(?:(?:State|Commonwealth|Republic|Federal Republic|Province|Canton|Kingdom|City|County) of )?"
)
LAWS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:(?:[Gg]overning |[Aa]pplicable |[Pp]roper )?[Ll]aw|"
        rf"[Cc]hosen [Cc]ourts?|[Jj]urisdiction|[Vv]enue|[Ss]eat(?: of [Aa]rbitration)?)"
        rf"(?: and [Jj]urisdiction)?\s?[:|-] {_STATE}{_PLACE}",
        rf"\b[Ll]aws? (?:of|in force in|applicable in|and (?:regulations|courts) of) {_STATE}{_PLACE}",
        rf"\b(?:[Cc]ourts?|[Tt]ribunals?)(?: (?:of (?:competent )?jurisdiction|located|sitting|situated|seated|having "
        rf"jurisdiction))* (?:of|in|at|for) {_STATE}{_PLACE}",
        rf"\b(?:[Ss]eat|[Pp]lace|[Vv]enue)(?: (?:or|and) (?:legal )?(?:seat|place|venue))?"
        r"(?: of (?:the )?arbitration)?,? "
        rf"(?:(?:shall|will|must) be|is|in|lies in) (?:in )?{_STATE}{_PLACE}",
        rf"\b(?:[Aa]rbitration|[Aa]rbitrated|[Jj]urisdiction|[Vv]enue|[Mm]ediation) "
        r"(?:seated |held |exclusively |solely )?"
        rf"(?:in|at|of) {_STATE}{_PLACE}",
        rf"\b(?P<place>{'|'.join(_DEMONYMS)}) (?:substantive |contract |private )?(?:[Ll]aws?|[Cc]ourts?)\b",
        r"\b(?P<place>ICC|LCIA|AAA|JAMS|SIAC|HKIAC|DIS|SCC|VIAC|UNCITRAL|DIAC|ICDR|CIETAC|PCA)\b",
    )
)


def _any(wordings: dict[str, str]) -> str:
    """One pattern whose group `gN` says which wording it is; the longest wordings have to come first in a set."""
    return "|".join(f"(?P<g{n}>{pattern})" for n, pattern in enumerate(wordings.values()))


BOUND: Final = re.compile(rf"\b(?:{_any(_BOUNDS)})\b", re.IGNORECASE)
STANDARD: Final = re.compile(
    rf"\b(?:{_any(dict(sorted(_STANDARDS.items(), key=lambda item: len(item[0]), reverse=True)))})\b", re.IGNORECASE
)
QUALITY: Final = re.compile(rf"(?<![\w-])(?:{_QUALITIES})(?![\w-])", re.IGNORECASE)
_BOUND_NAMES: Final = tuple(_BOUNDS)
_STANDARD_NAMES: Final = tuple(sorted(_STANDARDS, key=len, reverse=True))


def bound_value(match: re.Match[str]) -> str:
    return _named(match, _BOUND_NAMES)


def standard_value(match: re.Match[str]) -> str:
    name = _named(match, _STANDARD_NAMES)
    return " ".join(match.group().lower().split()) if name == "efforts" else name


def _named(match: re.Match[str], names: tuple[str, ...]) -> str:
    return names[int((match.lastgroup or "g0")[1:])]


def quality_value(match: re.Match[str]) -> str:
    """Adverb and adjective are one, and so are `non-exclusive` and `nonexclusive`."""
    word = " ".join(match.group().lower().replace("-", " ").split())
    return word.removesuffix("ly").replace("non ", "non")


def law_value(match: re.Match[str]) -> str:
    """The place whose law or courts decide."""
    return match["place"].rstrip(",.").removeprefix("the ")
