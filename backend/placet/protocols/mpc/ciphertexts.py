"""What Paillier's and Okamoto and Uchiyama's schemes share: numbers under a modulus whose factors one party knows.

In both a ciphertext is a unit modulo `modulus`, the product of two is one of the plaintexts' sum, and an n-th power is
one of zero.

*Leaving.* A `Mixture`, which is what products of ciphertexts are, still shows by its randomness what was combined. It
has no bytes. `refresh` makes it a `Ciphertext`.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from placet.core.errors import InputError, ProtocolError
from placet.protocols.mpc.extra import gmpy2
from placet.protocols.order import Entropy

SMALL_FACTORS = gmpy2.primorial(1 << 12)


@dataclass(frozen=True)
class Ciphertext:
    """A unit modulo the key's modulus with fresh randomness, which may leave. `n` says under which key."""

    n: int = field(repr=False)
    value: int = field(repr=False)


@dataclass(frozen=True)
class Mixture:
    """A product of powers of ciphertexts. Its randomness shows which, so it stays until `AdditiveKey.refresh`."""

    n: int = field(repr=False)
    value: int = field(repr=False)


@dataclass(frozen=True)
class AdditiveKey(ABC):
    """A public key."""

    n: int

    @property
    @abstractmethod
    def modulus(self) -> int:
        """Of the ciphertexts."""

    @property
    @abstractmethod
    def plaintext_bits(self) -> int:
        """Plaintexts that are not negative have so many bits at the most."""

    @property
    @abstractmethod
    def ciphertext_bytes(self) -> int:
        """Of one ciphertext on the wire."""

    @abstractmethod
    def to_bytes(self) -> bytes:
        """What a peer reads it from."""

    @abstractmethod
    def encrypt(self, value: int, entropy: Entropy = secrets.token_bytes) -> Ciphertext:
        """DataError for anything that is not an int of the plaintexts. Hides it from all but the key's owner."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the tables that `encrypt` needs, which takes a while."""

    def refresh(self, mixture: Mixture, entropy: Entropy = secrets.token_bytes) -> Ciphertext:
        """Multiply by r^n for a uniform r: of what was combined only the sum remains, for the key's owner too.

        The result is uniform among all ciphertexts of the sum, however those combined were made, if n is coprime to
        the order of the units less n's own factors.
        """
        self.demand_own(mixture)
        power = gmpy2.powmod(uniform(self.n, entropy), self.n, self.modulus)
        return Ciphertext(self.n, int(mixture.value * power % self.modulus))

    def pack(self, ciphertexts: Sequence[Ciphertext]) -> bytes:
        """Each in `ciphertext_bytes` bytes, big-endian, one after the other. InputError for a `Mixture`."""
        for ciphertext in ciphertexts:
            self.demand_own(ciphertext)
            if not isinstance(ciphertext, Ciphertext):
                raise InputError("what was combined must be refreshed before it leaves", expected="Ciphertext")
        return b"".join(ciphertext.value.to_bytes(self.ciphertext_bytes, "big") for ciphertext in ciphertexts)

    def unpack(self, payload: bytes, count: int, *, sender: str) -> list[Ciphertext]:
        """The inverse of `pack`; ProtocolError, naming `sender`, unless these are `count` units below the modulus."""
        width = self.ciphertext_bytes
        if len(payload) != width * count:
            raise ProtocolError(
                f"{sender} sent another number of ciphertexts",
                expected=f"{count} of {width} bytes",
                found=f"{len(payload)} bytes",
            )
        values = [int.from_bytes(payload[start : start + width], "big") for start in range(0, len(payload), width)]
        for place, value in enumerate(values):
            if value >= self.modulus or gmpy2.gcd(value, self.n) != 1:
                raise ProtocolError(
                    f"{sender} sent something that is no ciphertext",
                    expected="a number below the modulus without a factor of n",
                    found=f"another at place {place}",
                )
        return [Ciphertext(self.n, value) for value in values]

    def demand_own(self, ciphertext: Ciphertext | Mixture) -> None:
        """InputError for another key's ciphertext."""
        if ciphertext.n != self.n:
            raise InputError("a ciphertext under another key", expected="one key throughout")


class SumKey(ABC):
    """Who has it reads sums."""

    public: AdditiveKey

    @abstractmethod
    def residue(self, ciphertext: Ciphertext) -> int:
        """The plaintext as a number that is not negative."""


def uniform(bound: int, entropy: Entropy = secrets.token_bytes) -> int:
    """An integer in [0, bound), within 2^-128 of uniform."""
    return int.from_bytes(entropy((bound.bit_length() + 7) // 8 + 16), "big") % bound


def prime(bits: int, entropy: Entropy = secrets.token_bytes) -> int:
    """A random prime, 3 modulo 4, with its two highest bits set.

    One candidate in some 240 (683 bits), 350 (1024) or 530 (1536) is prime.
    """
    for _ in range(100 * bits):
        candidate = int.from_bytes(entropy((bits + 7) // 8), "big") >> -bits % 8 | 3 << (bits - 2) | 3
        if gmpy2.is_prime(candidate, 64):
            return candidate
    raise InputError("no prime found", remedy="the source of randomness is broken")


def demand_modulus(n: int, bits: int, *, remainder: int, sender: str) -> None:
    """ProtocolError for a peer's modulus of another length, or `remainder` modulo 4, or form: with a prime factor below
    4096, itself prime or a power. That it has the right factors can't be checked without them."""
    if n.bit_length() != bits or n % 4 != remainder:
        raise ProtocolError(f"{sender} sent a modulus of the wrong form", expected=f"{bits} bits, {remainder} modulo 4")
    if gmpy2.gcd(n, SMALL_FACTORS) != 1 or gmpy2.is_power(n) or gmpy2.is_prime(n):
        raise ProtocolError(f"{sender} sent a modulus that is no product of large primes")
