"""Paillier encryption of integers: who has only the public key can add ciphertexts and multiply them by numbers.

Paillier, "Public-key cryptosystems based on composite degree residuosity classes", EUROCRYPT 1999, with g = 1 + n: a
ciphertext of m is (1 + n)^m times a random n-th power, modulo n². Keys and decryption are `phe`'s, whose private key
decrypts what is made here and the other way round; fast obfuscation is that of `djn`.

*Encoding.* An integer m with |m| < n/3 stands as m mod n, as in `phe` with exponent 0. `decrypt` refuses the middle
third, where only a sum that overflowed can be; a sum that goes once around is not noticed, so protocols bound theirs
beforehand.

*A public key from a peer* is checked as far as that goes without the factors: `public_key_from_bytes` says how. What
can't be checked: that n has exactly two prime factors, that it has none in common with (p - 1)(q - 1), and that h_s is
an n-th power of large order. With a bad h_s, encryptions by `encrypt` may be read by others than the key's owner, or
read wrongly by him. `refresh` doesn't use h_s, so it hides from the key's owner whatever h_s is; but with a bad n, some
of what was combined may still show to him. Semi-honest parties make their keys by `generate`.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from placet.core.errors import DataError, InputError, ProtocolError
from placet.protocols.mpc import djn
from placet.protocols.mpc.ciphertexts import (
    AdditiveKey,
    Ciphertext,
    Mixture,
    SumKey,
    demand_modulus,
    prime,
    uniform,
)
from placet.protocols.mpc.extra import gmpy2, phe
from placet.protocols.order import Entropy

SIZES = (2048, 3072)
MAX_KEY_BYTES = 3 * max(SIZES) // 8


@dataclass(frozen=True)
class PublicKey(AdditiveKey):
    """n, and h_s for `djn`. Made by `generate` or `public_key_from_bytes`, which check it.

    What `refresh` gives is uniform whatever h_s is, if n is coprime to (p - 1)(q - 1). It takes as long as an
    encryption by `phe`.
    """

    h_s: int = field(repr=False)

    @functools.cached_property
    def modulus(self) -> int:
        """n²."""
        return int(self.n**2)

    @property
    def plaintext_bits(self) -> int:
        return self.n.bit_length() - 1

    @functools.cached_property
    def table(self) -> djn.Table:
        """Powers of h_s; made at the first use, which takes a while."""
        return djn.Table(self.n, self.h_s)

    def prepare(self) -> None:
        _ = self.table

    @property
    def limit(self) -> int:
        """The largest absolute value of a plaintext."""
        return self.n // 3 - 1

    @property
    def ciphertext_bytes(self) -> int:
        return self.n.bit_length() // 4

    def to_bytes(self) -> bytes:
        """n and then h_s, big-endian: 768 bytes for 2048 bits, 1152 for 3072."""
        width = self.n.bit_length() // 8
        return self.n.to_bytes(width, "big") + self.h_s.to_bytes(2 * width, "big")

    def encrypt(self, value: int, entropy: Entropy = secrets.token_bytes) -> Ciphertext:
        """DataError for anything that is not an int within ±`limit`. Hides it from all but the key's owner."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise DataError("a value is not an integer", expected="int", found=type(value).__name__)
        if abs(value) > self.limit:
            raise DataError("a value is too large for the key", expected="less than a third of n", found="more")
        return Ciphertext(self.n, self.table.encrypt(value % self.n, entropy))

    def combine(self, ciphertexts: Sequence[Ciphertext], factors: Sequence[int], constant: int = 0) -> Mixture:
        """A ciphertext of the sum of plaintext · factor, plus `constant`, modulo n.

        InputError for unequal lengths, or another key's ciphertexts.
        """
        if len(ciphertexts) != len(factors):
            raise InputError("each ciphertext needs a factor", expected=len(ciphertexts), found=len(factors))
        square = gmpy2.mpz(self.modulus)
        above, below = 1 + constant % self.n * gmpy2.mpz(self.n), gmpy2.mpz(1)
        for ciphertext, factor in zip(ciphertexts, factors, strict=True):
            self.demand_own(ciphertext)
            power = gmpy2.powmod(ciphertext.value, abs(factor), square)
            if factor < 0:
                below = below * power % square
            else:
                above = above * power % square
        return Mixture(self.n, int(above * gmpy2.invert(below, square) % square))


@dataclass(frozen=True)
class SecretKey(SumKey):
    """Made for one job and attempt, kept in memory, and forgotten."""

    public: PublicKey
    private: phe.PaillierPrivateKey = field(repr=False)

    def residue(self, ciphertext: Ciphertext) -> int:
        """The plaintext modulo n, in [0, n)."""
        self.public.demand_own(ciphertext)
        return int(self.private.raw_decrypt(ciphertext.value))

    def decrypt(self, ciphertext: Ciphertext) -> int:
        """The plaintext as a signed integer; DataError where it overflowed visibly."""
        residue, public = self.residue(ciphertext), self.public
        if residue <= public.limit:
            return residue
        if residue >= public.n - public.limit:
            return residue - public.n
        raise DataError("an encrypted sum overflowed", expected="less than a third of n", found="more")


def generate(bits: int, *, entropy: Entropy = secrets.token_bytes) -> SecretKey:
    """A key whose n has exactly `bits` bits, 2048 or 3072: primes 3 modulo 4, whose predecessors share only the 2.

    Takes some tenths of a second. 2048 bits are worth 112 bits of security, 3072 bits 128 (NIST SP 800-57, part 1).
    """
    if bits not in SIZES:
        raise InputError("a key of this size is not offered", expected=" or ".join(map(str, SIZES)), found=bits)
    for _ in range(100):  # two of three pairs will do
        p, q = prime(bits // 2, entropy), prime(bits // 2, entropy)
        if gmpy2.gcd(p - 1, q - 1) == 2:
            n = p * q
            public = PublicKey(n, djn.base(n, uniform(n, entropy)))
            return SecretKey(public, phe.PaillierPrivateKey(phe.PaillierPublicKey(n), p, q))
    raise InputError("no pair of primes found", remedy="the source of randomness is broken")


def public_key_from_bytes(payload: bytes, *, sender: str) -> PublicKey:
    """The inverse of `to_bytes`, for a key that `sender` made; ProtocolError where a check fails.

    Checked: the size, n ≡ 1 mod 4, no prime factor below 4096, neither prime nor a power; h_s below n², its Jacobi
    symbol 1 (so it is a unit), and not ±1. The module's docstring says what can't be checked.
    """
    bits = 8 * len(payload) // 3
    if bits not in SIZES or 3 * bits != 8 * len(payload):
        raise ProtocolError(
            f"{sender} sent a key of another size",
            expected=" or ".join(f"{3 * size // 8} bytes" for size in SIZES),
            found=f"{len(payload)} bytes",
        )
    n, h_s = int.from_bytes(payload[: bits // 8], "big"), int.from_bytes(payload[bits // 8 :], "big")
    demand_modulus(n, bits, remainder=1, sender=sender)
    square = n * n
    if not 1 < h_s < square - 1 or gmpy2.jacobi(h_s % n, n) != 1:
        raise ProtocolError(f"{sender} sent a base that is not h^n for an h = -x²")
    return PublicKey(n, h_s)
