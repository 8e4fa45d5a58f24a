"""Sums of vectors that nobody sees the parts of, exact even where parties drop out: secure aggregation.

Bonawitz et al., *Practical Secure Aggregation for Privacy-Preserving Machine Learning* (CCS 2017), with a complete
graph: institutions are few. In each round a member draws a fresh X25519 key and a seed and gives each other member a
Shamir share of both. What it uploads is its vector modulo 2^64, plus a mask of its seed, plus for each other member a
mask of their common key, of which the other subtracts the same. Then the members that are left reveal, of each member
that uploaded, their share of its *seed*, and of each that did not, their share of its *key*; never both of one.

*Semi-honest* members and aggregator; fewer than `threshold` of them together learn only the sum. Who tells members
different stories of who uploaded gets both the seed and the key of one where it has colluders, itself included, of at
least twice the threshold less all members: so callers either raise the threshold, or hold what members were told
against each other before any reveals. Everything is fresh in
each round, so a key that is revealed in one round opens no other. All randomness comes from one stream, so that a run
can be done again from its seed. Sums wrap modulo 2^64: callers keep them within 63 bits.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from placet.core.errors import InputError, ProtocolError
from placet.core.hashing import sha256
from placet.protocols.mpc import shamir
from placet.protocols.order import Entropy

Words = npt.NDArray[np.uint64]
PUBLIC = 32
MAX_MEMBERS = 16
_LABEL, _COIN = b"placet.secure-sum/1", b"placet.secure-sum.coin/1"


@dataclass(frozen=True)
class Dealt:
    """What a member gives another one in private: its shares of the own key and of the own seed."""

    key: bytes
    seed: bytes

    def __repr__(self) -> str:
        return "Dealt(<secret>)"


@dataclass(frozen=True)
class Revealed:
    """What a member says at the end of a round: shares of seeds of members that uploaded, of keys of the others."""

    seeds: Mapping[int, bytes]
    keys: Mapping[int, bytes]

    def __repr__(self) -> str:
        return f"Revealed(seeds of {sorted(self.seeds)}, keys of {sorted(self.keys)})"


class SumMember:
    """One member in one round. `context` binds job, attempt and round; `threshold` members are needed at the end, more
    than half of all, so that no two groups without a common member can be told different stories."""

    def __init__(
        self, index: int, members: int, threshold: int, context: bytes, entropy: Entropy = secrets.token_bytes
    ) -> None:
        if not 0 <= index < members <= MAX_MEMBERS or not members // 2 < threshold <= members:
            raise InputError(
                "no secure sum among so many",
                expected=f"2 to {MAX_MEMBERS} members, a threshold above half of them",
                found=f"member {index} of {members}, threshold {threshold}",
            )
        self.index, self.members, self.threshold = index, members, threshold
        self._context = context
        self._secret = entropy(32)
        self._seed = entropy(32)
        self._entropy = entropy
        self._key = X25519PrivateKey.from_private_bytes(self._secret)
        self._publics: dict[int, bytes] = {}
        self._held: dict[int, Dealt] = {}
        self._uploaded = self._said = False

    @property
    def public(self) -> bytes:
        """To all members."""
        return self._key.public_key().public_bytes_raw()

    def deal(self, publics: Mapping[int, bytes]) -> dict[int, Dealt]:
        """For each member that announced its public key, this one included: what it gets in private. ProtocolError
        where they are fewer than the threshold, or one is no key."""
        if publics.get(self.index) != self.public or not publics.keys() <= set(range(self.members)):
            raise ProtocolError("the members' public keys are not those of this round", code="peer.members")
        if len(publics) < self.threshold:
            raise _too_few(self.threshold, len(publics))
        if any(len(public) != PUBLIC for public in publics.values()):
            raise ProtocolError("a member's public key has another form", expected=f"{PUBLIC} bytes")
        self._publics = dict(publics)
        keys = shamir.split(self._secret, self.members, self.threshold, self._entropy)
        seeds = shamir.split(self._seed, self.members, self.threshold, self._entropy)
        return {member: Dealt(keys[member], seeds[member]) for member in publics}

    def masked(self, dealt: Mapping[int, Dealt], values: Words) -> Words:
        """The upload, once the shares of all that go on have come. ProtocolError where those are too few, or the second
        time: two vectors under one mask would tell their difference."""
        if self._uploaded:
            raise ProtocolError("a member uploads once a round", code="peer.twice")
        if self.index not in dealt or not dealt.keys() <= self._publics.keys():
            raise ProtocolError("shares came from others than announced a key", code="peer.members")
        if len(dealt) < self.threshold:
            raise _too_few(self.threshold, len(dealt))
        self._held, self._uploaded = dict(dealt), True
        total = values + _mask(self._seed, self._context, len(values))
        for other in sorted(dealt.keys() - {self.index}):
            mask = _mask(self._common(other), self._context, len(values))
            total = total + mask if self.index < other else total - mask
        return total

    def masks_by(self, weights: Sequence[Words]) -> dict[int, Words]:
        """What the common mask with each other member that uploaded sums to, by each of the weights. ProtocolError
        before this member has revealed, or where one of them is gone."""
        if not self._said or len(self._held) < self.members:
            raise ProtocolError("parts are told once all have uploaded, and of all", code="peer.members")
        length = len(weights[0])
        return {
            other: _weighted(weights, _mask(self._common(other), self._context, length))
            for other in sorted(self._held.keys() - {self.index})
        }

    def _common(self, other: int) -> bytes:
        return _common(self._key, self._publics[other])

    def reveal(self, uploaded: Iterable[int]) -> Revealed:
        """Once a round: of whom the seed, of whom the key. ProtocolError the second time, where too few uploaded, or
        where this member, who did, is said not to have: it never reveals a share of its own key."""
        arrived = set(uploaded)
        if self._said:
            raise ProtocolError("a member reveals once a round", code="peer.twice")
        if not arrived <= self._held.keys():
            raise ProtocolError("somebody uploaded that gave no shares", code="peer.members")
        if self.index not in arrived:
            raise ProtocolError("this member uploaded, and is said not to have", code="peer.members")
        if len(arrived) < self.threshold:
            raise _too_few(self.threshold, len(arrived))
        self._said = True
        return Revealed(
            {member: self._held[member].seed for member in sorted(arrived)},
            {member: one.key for member, one in sorted(self._held.items()) if member not in arrived},
        )


def coin_of(context: bytes, seeds: Mapping[int, bytes]) -> bytes:
    """32 bytes that no member could know or choose before all had uploaded: by the seeds of all, which were dealt in
    shares before, and revealed after."""
    return sha256(_COIN, context, *(seeds[member] for member in sorted(seeds)))


def seeds_of(revealed: Mapping[int, Revealed], uploaded: Iterable[int], threshold: int) -> dict[int, bytes]:
    """By member that uploaded its seed. ProtocolError where shares are missing or wrong."""
    return {
        member: shamir.join({i: one.seeds[member] for i, one in revealed.items() if member in one.seeds}, threshold)
        for member in sorted(uploaded)
    }


def parts_of(
    context: bytes,
    uploads: Mapping[int, Words],
    seeds: Mapping[int, bytes],
    claims: Mapping[int, Mapping[int, Words]],
    weights: Sequence[Words],
) -> dict[int, Words]:
    """By member the weighted sums of its own vector, modulo 2^64. `claims`: by member what it said of its masks with
    each other one, as `SumMember.masks_by`. ProtocolError `sums.disputed` where two say different things of theirs."""
    for i, j in itertools.combinations(sorted(uploads), 2):
        if not np.array_equal(claims[i][j], claims[j][i]):
            raise ProtocolError(
                "two parties say different things of the mask that both know: one of them lies",
                found=f"parties {i} and {j}",
                code="sums.disputed",
            )
    sums = {}
    for member, upload in uploads.items():
        parts = _weighted(weights, upload - _mask(seeds[member], context, len(upload)))
        for other, mask in claims[member].items():
            parts = parts - mask if member < other else parts + mask
        sums[member] = parts
    return sums


def _weighted(weights: Sequence[Words], vector: Words) -> Words:
    return np.array([(one * vector).sum(dtype=np.uint64) for one in weights], np.uint64)


def total(
    context: bytes,
    threshold: int,
    publics: Mapping[int, bytes],
    uploads: Mapping[int, Words],
    revealed: Mapping[int, Revealed],
) -> Words:
    """The sum of the vectors of all that uploaded, by what at least `threshold` members revealed. Anybody who has these
    can work it out. ProtocolError where shares are missing or wrong."""
    (length,) = {len(upload) for upload in uploads.values()} or {0}
    total_ = np.zeros(length, np.uint64)
    for upload in uploads.values():
        total_ = total_ + upload
    gone = sorted({member for one in revealed.values() for member in one.keys})
    if set(gone) & uploads.keys():
        raise ProtocolError("the key of a member was revealed that uploaded", code="peer.members")
    for seed in seeds_of(revealed, uploads, threshold).values():
        total_ = total_ - _mask(seed, context, length)
    for member in gone:
        secret = shamir.join({i: one.keys[member] for i, one in revealed.items() if member in one.keys}, threshold)
        key = X25519PrivateKey.from_private_bytes(secret)
        if key.public_key().public_bytes_raw() != publics[member]:
            raise ProtocolError("the shares are of another key than was announced", code="peer.share")
        for other in sorted(uploads):
            mask = _mask(_common(key, publics[other]), context, length)
            total_ = total_ - mask if other < member else total_ + mask
    return total_


def _common(key: X25519PrivateKey, public: bytes) -> bytes:
    try:
        return key.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:  # a point of small order
        raise ProtocolError("a member's public key is no key", code="peer.members") from None


def _mask(secret: bytes, context: bytes, words: int) -> Words:
    """ChaCha20's key stream under a key of this secret and context, as words modulo 2^64."""
    key = HKDF(hashes.SHA256(), 32, _LABEL, context).derive(secret)
    stream = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(8 * words))
    return np.frombuffer(stream, "<u8").astype(np.uint64, copy=False)


def _too_few(expected: int, found: int) -> ProtocolError:
    return ProtocolError("too few members are left", expected=f"at least {expected}", found=found, code="peer.members")
