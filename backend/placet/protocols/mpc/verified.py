"""Sums checked against commitments, by additive shares modulo the order q of secp256k1: who falsifies is named.

Each provider i commits to its value and a randomness at each place (`commitments`), C_i = v·H + r·G, and shares out
both: provider j gets v_ij and r_ij, uniform words modulo q that add up over j to v and r. Values are integers within
±2^100, so that sums of them modulo q are integer sums (`read`). j adds up what it holds and releases the sums S_j, R_j.
Once commitments, shares and masked sums are signed and sent, the consumer draws a challenge, which gives each place p a
weight w_p. Each provider then tells all others, for each j, the commitment E_ij to the weighted sums of j's share:

    E_ij = (Σ w_p·v_ijp)·H + (Σ w_p·r_ijp)·G

    1. j holds E_ij against the share that it got from i, for each i; who sent it another share is named by j.
    2. The consumer holds Σ_j E_ij against Σ w_p·C_ip, before anything is opened: who shared another value than it
       committed to is named. (It adds all providers up first: one sum of points in place of one each.)
    3. After the release it holds each part against the E_ij that its sender accepted: Σ w_p·S_jp, Σ w_p·R_jp open
       Σ_i E_ij. Who released another sum is named.

All three together say that Σ_j S_j, Σ_j R_j open Σ_i C_i at each place, but with a chance of 2^-64 (`weights`). Each
E_ij hides its values as a commitment does, since r_ij is uniform. No party that keeps to the protocol is ever named,
whoever else colludes: (1) and (2) fix E_ij for an honest j and an honest i.

Nothing binds a provider to a true value: it may commit to a false one.

Commitments: Pedersen 1991. SharedOut of both, checked by linear combinations: as Pedersen's verifiable sharing, with n
shares of n; that all complaints rest on messages signed by the accused makes aborts identifiable (Ishai, Ostrovsky,
Zikas, "Secure Multi-Party Computation with Identifiable Abort", 2014).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coincurve import PublicKey

from placet.core.errors import InputError, ProtocolError
from placet.core.hashing import sha256
from placet.core.verified_sums import SHARE
from placet.protocols.channel import Channel
from placet.protocols.mpc import commitments
from placet.protocols.mpc.additive import LIMIT
from placet.protocols.mpc.commitments import ORDER, POINT_BYTES, WORD_BYTES
from placet.protocols.order import Entropy

PLACE_BYTES = 2 * WORD_BYTES
"""Of a share: a value's word and a randomness's."""
CHALLENGE_BYTES = 32


@dataclass(frozen=True, eq=False)
class PlaceWords:
    """A value and a randomness modulo q for each of `count` places: all values (32 bytes each, big-endian), then all
    randomness."""

    payload: bytes

    @classmethod
    def of(cls, values: Sequence[int], randomness: Sequence[int]) -> PlaceWords:
        """InputError for lists of unequal length."""
        if len(values) != len(randomness):
            raise InputError("each value takes one randomness", expected=len(values), found=len(randomness))
        return cls(_joined((*values, *randomness)))

    @classmethod
    def read(cls, payload: bytes, count: int, *, sender: str = "a party") -> PlaceWords:
        """ProtocolError, naming `sender`, unless there are so many places, and all words are below q."""
        if len(payload) != PLACE_BYTES * count:
            raise ProtocolError(
                f"{sender} gave a vector of the wrong length",
                expected=f"{count} places of {PLACE_BYTES} bytes",
                found=f"{len(payload)} bytes",
            )
        words = cls(payload)
        if any(number >= ORDER for number in words.numbers()):
            raise ProtocolError(f"{sender} gave a word that is no number modulo the group's order")
        return words

    @property
    def count(self) -> int:
        return len(self.payload) // PLACE_BYTES

    def numbers(self) -> Iterator[int]:
        return (
            int.from_bytes(self.payload[at : at + WORD_BYTES], "big") for at in range(0, len(self.payload), WORD_BYTES)
        )

    def halves(self) -> tuple[list[int], list[int]]:
        """Values and randomness."""
        numbers = list(self.numbers())
        return numbers[: self.count], numbers[self.count :]

    def plus(self, other: PlaceWords) -> PlaceWords:
        """Word by word modulo q."""
        return PlaceWords(_joined(a + b for a, b in zip(self.numbers(), other.numbers(), strict=True)))

    def minus(self, other: PlaceWords) -> PlaceWords:
        return PlaceWords(_joined(a - b for a, b in zip(self.numbers(), other.numbers(), strict=True)))

    def weighed(self, factors: Sequence[int]) -> tuple[int, int]:
        """The weighted sums of values and of randomness, modulo q."""
        values, randomness = self.halves()
        return commitments.inner(factors, values), commitments.inner(factors, randomness)

    def __repr__(self) -> str:
        return f"PlaceWords(<{self.count} places>)"


def _joined(numbers: Iterator[int] | Sequence[int]) -> bytes:
    return b"".join((number % ORDER).to_bytes(WORD_BYTES, "big") for number in numbers)


def share(words: PlaceWords, parties: int, *, entropy: Entropy = secrets.token_bytes) -> list[PlaceWords]:
    """Split into uniform words (within 2^-128), all but the last of which are random. InputError for fewer than two
    parties: the only share would be the words themselves."""
    if parties < 2:
        raise InputError("can't share among so few", expected="2 parties or more", found=parties)
    shares, rest = [], words
    for _ in range(parties - 1):
        part = PlaceWords.of(commitments.scalars(words.count, entropy), commitments.scalars(words.count, entropy))
        shares.append(part)
        rest = rest.minus(part)
    return [*shares, rest]


@dataclass(frozen=True, eq=False)
class SharedOut:
    """What a provider gave out and what it holds, each by the providers' order, its own share in both."""

    given: tuple[PlaceWords, ...]
    held: tuple[PlaceWords, ...]

    @property
    def total(self) -> PlaceWords:
        """The sum of the shares held: what this provider releases."""
        total = self.held[0]
        for words in self.held[1:]:
            total = total.plus(words)
        return total


async def share_out(
    channel: Channel, providers: Sequence[str], words: PlaceWords, *, entropy: Entropy = secrets.token_bytes
) -> SharedOut:
    """Split this party's words among all providers, itself with them, and take theirs. InputError unless `providers`
    are distinct and `channel.me` is one of them; ProtocolError for a share of no form."""
    if channel.me not in providers or len(set(providers)) != len(providers):
        raise InputError("each provider once", expected=f"{channel.me} and others", found=", ".join(providers))
    given = share(words, len(providers), entropy=entropy)
    held = []
    for provider, part in zip(providers, given, strict=True):
        if provider != channel.me:
            await channel.send(provider, SHARE, part.payload)
    for provider, part in zip(providers, given, strict=True):
        if provider == channel.me:
            held.append(part)
        else:
            payload = await channel.receive(provider, SHARE, limit=len(words.payload))
            held.append(PlaceWords.read(payload, words.count, sender=provider))
    return SharedOut(tuple(given), tuple(held))


@dataclass(frozen=True)
class WeightedShares:
    """What a provider says of the shares that it gave: the challenge, and E_ij for each provider j (33 bytes)."""

    challenge: bytes
    points: tuple[bytes, ...]

    @classmethod
    def of(cls, challenge: bytes, given: Sequence[PlaceWords]) -> WeightedShares:
        factors = commitments.weights(challenge, given[0].count)
        return cls(challenge, tuple(commitments.commit(*words.weighed(factors)) for words in given))

    @classmethod
    def read(cls, payload: bytes, providers: int, *, sender: str = "a party") -> WeightedShares:
        """The inverse of `payload`; ProtocolError, naming `sender`, for anything else."""
        points = commitments.points_of(payload[CHALLENGE_BYTES:], providers, sender=sender)
        return cls(payload[:CHALLENGE_BYTES], tuple(point.format() for point in points))

    @staticmethod
    def size(providers: int) -> int:
        return CHALLENGE_BYTES + POINT_BYTES * providers

    @property
    def payload(self) -> bytes:
        return self.challenge + b"".join(self.points)


def acceptance(weighted: Sequence[WeightedShares]) -> bytes:
    """What a provider tells the consumer once it has held all weighted shares, in the providers' order, against the
    shares that it got: 32 bytes."""
    return sha256(b"placet.accepted/1", *(one.payload for one in weighted))


def share_fits(words: PlaceWords, weighted: WeightedShares, receiver: int) -> bool:
    """(1): is it the share that its sender's weighted shares say provider number `receiver` got?"""
    factors = commitments.weights(weighted.challenge, words.count)
    return commitments.opens(weighted.points[receiver], *words.weighed(factors))


async def commitments_fit(points: Sequence[PublicKey], weighted: Sequence[WeightedShares]) -> bool:
    """(2): are the commitments, of one provider or added up over some, those to what was shared out? All weighted
    shares are by one challenge."""
    factors = commitments.weights(weighted[0].challenge, len(points))
    shared = commitments.added(point for one in weighted for point in one.points)
    return await commitments.weighted(points, factors) == shared


def part_fits(part: PlaceWords, weighted: Sequence[WeightedShares], sender: int) -> bool:
    """(3): is it the sum of the shares that provider number `sender` accepted by all providers' weighted shares?"""
    factors = commitments.weights(weighted[0].challenge, part.count)
    accepted = commitments.added(one.points[sender] for one in weighted)
    return commitments.opens(accepted, *part.weighed(factors))


def totals_of(parts: Sequence[PlaceWords]) -> tuple[list[int], list[int]]:
    """All parts added up: the total at each place as a signed integer, and its randomness modulo q. ProtocolError
    `sums.range` where a total lies beyond what so many providers may reach together."""
    total = parts[0]
    for part in parts[1:]:
        total = total.plus(part)
    values, randomness = total.halves()
    signed = [value - ORDER if value > ORDER // 2 else value for value in values]
    for place, value in enumerate(signed):
        if abs(value) > len(parts) * LIMIT:
            raise ProtocolError(
                "a provider committed to a value that none may have",
                expected=f"a total within ±{len(parts)}·2^100",
                found=f"a larger one at place {place}",
                remedy="have the providers open their commitments at that place to an auditor",
                code="sums.range",
            )
    return signed, randomness
