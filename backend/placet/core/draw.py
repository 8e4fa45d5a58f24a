"""Which places of a job an auditor has opened: drawn by the hash of a block that came after the seal.

The stream is SHA-256("placet.draw/1" ‖ block hash(32) ‖ job(32) ‖ party(4) ‖ number(8)) for number = 0, 1, …, cut into
words of 8 bytes, all big-endian. The i-th place is taken of those that are left, by Fisher and Yates' shuffle: its word
counts modulo the `total - i` places that are left, and words of the last incomplete round are thrown away, so that each
choice is uniform and no place comes twice.

Whoever makes the block may try several and keep one whose draw suits him: a draw is as good as the chain's distance
from those whom it is about. A share f of false places escapes q drawn ones with (1 - f)^q at the most: `missed`.
"""

from __future__ import annotations

from collections.abc import Iterator

from placet.core.hashing import sha256

_WORD = 8
_ROUND = 1 << (8 * _WORD)


def drawn(block: bytes, job: bytes, party: int, total: int, count: int) -> tuple[int, ...]:
    """`count` of the places 0 … `total` - 1, ascending; all where there are no more. `block`: the drawing one's hash
    (32 bytes)."""
    words = _words(block + job + party.to_bytes(4, "big"))
    moved: dict[int, int] = {}
    places = []
    for i in range(min(count, total)):
        other = i + _below(words, total - i)
        places.append(moved.get(other, other))
        moved[other] = moved.get(i, i)
    return tuple(sorted(places))


def missed(share: float, count: int) -> float:
    """The chance that `count` drawn places hold none of a `share` of false ones, at the most: (1 - share)^count."""
    return float((1.0 - share) ** count)


def _below(words: Iterator[int], most: int) -> int:
    """Uniform in [0, most)."""
    limit = _ROUND - _ROUND % most
    return next(word for word in words if word < limit) % most


def _words(start: bytes) -> Iterator[int]:
    number = 0
    while True:
        block = sha256(b"placet.draw/1", start, number.to_bytes(8, "big"))
        yield from (int.from_bytes(block[at : at + _WORD], "big") for at in range(0, len(block), _WORD))
        number += 1
