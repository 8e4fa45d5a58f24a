"""Names that a reader takes for others: mixed scripts and confusable characters (Unicode Technical Standard 39).

Whether two names look alike is a matter of Unicode's tables, which grow: so it is told, and refused only where a person
decides whom to trust (`placet trust add`). What may stand in a name at all is `placet.core.text`'s.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

_ANY = frozenset({"COMMON", "INHERITED"})
# UTS 39, 5.2, "Highly Restrictive": one script, or Latin with those of one language of East Asia.
_TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
)


@functools.cache
def _prototypes() -> dict[str, str]:
    """Unicode's confusables.txt: a character to the text that stands for all that look like it.

    The library has every pair of the file in both directions. A text of several characters, and a character of many
    pairs, is the one that stands for the others.
    """
    from confusable_homoglyphs.utils import load  # `confusables` would keep all of it in memory

    pairs = load("confusables.json")
    bare = {_bare(one): [_bare(other["c"]) for other in others] for one, others in pairs.items()}
    prototypes = {}
    for one, others in bare.items():
        if len(one) == 1 and len(others) == 1:
            other = others[0]
            if len(other) > 1 or len(bare.get(other, ())) > 1 or other < one:
                prototypes[one] = other
    return prototypes


def _bare(text: str) -> str:
    return text.replace("\u200e", "")


def skeleton(text: str) -> str:
    """UTS 39's skeleton, of wide and other compatible forms too: equal for texts that look alike."""
    prototypes = _prototypes()
    parts = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFD", "".join(prototypes.get(character, character) for character in parts))


def look_alike(one: str, other: str) -> bool:
    """Are these two different texts that a reader may take for each other? Upper and lower case make no difference."""
    if one == other:
        return False
    return any(skeleton(change(one)) == skeleton(change(other)) for change in (str, str.casefold))


def mixed_scripts(text: str) -> tuple[str, ...]:
    """The scripts of a text, if they are more than a language has; else nothing."""
    from confusable_homoglyphs.categories import alias

    scripts = {alias(character) for character in text} - _ANY
    if len(scripts) < 2 or any(scripts <= together for together in _TOGETHER):
        return ()
    return tuple(sorted(script.title() for script in scripts))


def doubts_of(names: Sequence[str]) -> Iterator[str]:
    """The same of each of these names with the others."""
    for place, name in enumerate(names):
        yield from doubts(name, names[:place])


def doubts(text: str, names: Iterable[str]) -> Iterator[str]:
    """What a reader should know of a text, in words: its mixed scripts, and the `names` that it looks like."""
    if scripts := mixed_scripts(text):
        yield f"“{text}” mixes the scripts {', '.join(scripts)}"
    for name in names:
        if look_alike(text, name):
            yield f"“{text}” looks like “{name}” and is another"
