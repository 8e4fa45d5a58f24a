"""Company names without what their owners write in different ways: case, punctuation, legal forms.

The name is folded (`text.fold`), `&` and `+` become the word *and*, single letters with points or slashes between them
one word (S.A.R.L. is sarl, A/S is as), and every other mark a blank. Blanks between Chinese and Japanese characters go.
Then legal forms of the declared languages are taken off the end, and off the beginning where they stand there in their
language, as long as something is left.

Two companies may have one name afterwards: a name is a weak key, for what stronger ones leave unmatched.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from placet.alignment.text import fold

ENDINGS: Final[dict[str, tuple[str, ...]]] = {
    "cs": ("sro", "spol sro", "as"),
    "da": ("as", "aps"),
    "de": (
        "ag", "gmbh", "ggmbh", "ug", "ug haftungsbeschränkt", "kg", "ohg", "gbr", "ev", "eg", "kgaa", "se", "mbh",
        "gmbh and co kg", "gmbh und co kg", "ag and co kg", "ag und co kg", "gmbh and co kgaa", "and co kg",
        "und co kg",
        "aktiengesellschaft", "gesellschaft mit beschränkter haftung", "ek",
    ),
    "en": (
        "ltd", "limited", "inc", "incorporated", "corp", "corporation", "co", "company", "llc", "llp", "lp", "plc",
        "co ltd", "company limited", "pty ltd", "pty limited", "pte ltd", "pvt ltd", "private limited",
        "public limited company", "limited liability company", "and co",
    ),
    "es": ("sa", "sl", "slu", "sau", "sociedad anónima", "sociedad limitada", "sa de cv", "s de rl de cv"),
    "fi": ("oy", "oyj", "osakeyhtiö"),
    "fr": (
        "sa", "sarl", "sas", "sasu", "eurl", "snc", "sca", "scop", "société anonyme", "société par actions simplifiée",
    ),
    "it": ("spa", "srl", "srls", "sas", "snc", "società per azioni", "società a responsabilità limitata"),
    "ms": ("sdn bhd", "bhd"),
    "nl": ("bv", "nv", "vof", "cv", "besloten vennootschap", "naamloze vennootschap"),
    "no": ("as", "asa"),
    "pl": ("sp z oo", "sp zoo", "sa", "spółka akcyjna", "spółka z ograniczoną odpowiedzialnością"),
    "pt": ("lda", "sa", "ltda", "limitada", "sgps"),
    "ru": ("ооо", "оао", "зао", "пао", "ао"),
    "sv": ("ab", "aktiebolag", "ab publ", "publ", "hb", "kb"),
}  # fmt: skip
BEGINNINGS: Final[dict[str, tuple[str, ...]]] = {
    "es": ("sociedad anónima",),
    "fr": ("sa", "sarl", "sas", "sasu", "eurl", "snc", "société anonyme", "société par actions simplifiée"),
    "ru": (
        "ооо", "оао", "зао", "пао", "ао", "общество с ограниченной ответственностью", "акционерное общество",
        "публичное акционерное общество",
    ),
    "sv": ("ab", "aktiebolaget"),
}  # fmt: skip
JOINED_ENDINGS: Final[dict[str, tuple[str, ...]]] = {
    "ja": ("株式会社", "有限会社", "合同会社", "合資会社", "合名会社"),
    "ko": ("주식회사", "유한회사"),
    "zh": ("股份有限公司", "有限责任公司", "有限責任公司", "股份公司", "有限公司"),
}
"""Written without a blank before them."""
JOINED_BEGINNINGS: Final[dict[str, tuple[str, ...]]] = {
    "ja": ("株式会社", "有限会社", "合同会社", "合資会社", "合名会社"),
    "ko": ("주식회사", "유한회사"),
}
ABBREVIATED: Final = {"(株)": " 株式会社 ", "(有)": " 有限会社 ", "(주)": " 주식회사 "}
LANGUAGES: Final = tuple(sorted(ENDINGS.keys() | JOINED_ENDINGS.keys()))

_CJK: Final = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_BETWEEN_CJK: Final = re.compile(f"(?<=[{_CJK}]) (?=[{_CJK}])")
_INITIALS: Final = re.compile(r"(?<!\w)\w(?:[./] ?\w(?!\w))+")


def company(text: str, languages: tuple[str, ...]) -> str:
    """The name as the module's docstring says, with legal forms of `languages`; ValueError if nothing is left."""
    name = _plain(fold(text))
    while True:
        shorter = _without_form(name, languages)
        if shorter == name:
            break
        name = shorter
    if not name:
        raise ValueError("no name is left")
    return name


def _plain(name: str) -> str:
    """Words of letters, marks and digits, with one blank between them."""
    for short, form in ABBREVIATED.items():
        name = name.replace(short, form)
    name = re.sub(r"[&+]", " and ", name)
    name = re.sub("['’`]", "", name)
    name = _INITIALS.sub(lambda initials: re.sub("[./ ]", "", initials.group()), name)
    name = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in name)
    return _BETWEEN_CJK.sub("", " ".join(name.split()))


def _without_form(name: str, languages: tuple[str, ...]) -> str:
    """The name without the longest legal form that it ends or begins with; as it is, where nothing would be left."""
    forms = [name]
    for language in languages:
        forms += [name.removesuffix(f" {form}") for form in ENDINGS.get(language, ())]
        forms += [name.removeprefix(f"{form} ") for form in BEGINNINGS.get(language, ())]
        forms += [name.removesuffix(form).strip() for form in JOINED_ENDINGS.get(language, ())]
        forms += [name.removeprefix(form).strip() for form in JOINED_BEGINNINGS.get(language, ())]
    return min((shorter for shorter in forms if shorter), key=len, default=name)
