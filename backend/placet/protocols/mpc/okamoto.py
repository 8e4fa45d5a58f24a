"""Okamoto and Uchiyama's encryption of integers: as Paillier's, several times as fast, and on more assumptions.

Okamoto, Uchiyama, "A new public-key cryptosystem as secure as factoring", EUROCRYPT 1998: n = p²q, and a ciphertext of
m is g^m · h^r mod n, for an h that is an n-th power. A plaintext is read modulo p, so it must stay below; ciphertexts
have the length of n, half of Paillier's. Powers of g and h come from tables (`PowerTable`).

*Assumptions.* That n = p²q can't be factored, that the powers of h can't be told from all units (the p-subgroup
assumption), and that exponents of 256 bits don't show: who tries to find one needs some 2^128 products (Pollard's
kangaroos; van Oorschot, Wiener, "On Diffie-Hellman key agreement with short exponents", EUROCRYPT 1996). Half as many
bits would be worth 2^64 alone. Against the key's owner `refresh` makes what is sent back uniform, as in Paillier.

*A decryption is a secret.* Who chooses ciphertexts and is told their plaintexts learns the key: of M > p he is told
M mod p, and M less that is a multiple of p. So no number that was decrypted may go back to whoever made the ciphertext.
Even whether one is accepted would tell bits of p, if those asked about were near it: `residue` refuses all plaintexts
but those 64 bits shorter than p. A ciphertext that wraps around p is accepted with a chance of 2^-64, and one refusal
ends the attempt and its key.

*A public key from a peer* is checked as far as that goes without the factors; semi-honest parties make theirs by
`generate`. With a bad h encryptions may be read by others; `refresh` doesn't use it.
"""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass, field

from placet.core.errors import DataError, InputError, ProtocolError
from placet.protocols.mpc.ciphertexts import AdditiveKey, Ciphertext, SumKey, demand_modulus, prime, uniform
from placet.protocols.mpc.extra import gmpy2
from placet.protocols.order import Entropy

BITS = 2048
"""Of n: worth 112 bits of security (NIST SP 800-57, part 1), if n = p²q is as hard to factor as a product of two."""
P_BITS, Q_BITS = 683, 682
PLAINTEXT_BITS = P_BITS - 1 - 64
WIDTH = BITS // 8
KEY_BYTES = 3 * WIDTH
EXPONENT_BYTES = 32


class PowerTable:
    """Powers of one base, by each byte of exponents of up to `width` bytes: no squaring, one product a byte that is not
    zero. About 0.1 MB and 0.5 ms a byte for 2048 bits. Time and memory access depend on the exponent."""

    def __init__(self, base: int, modulus: int, width: int) -> None:
        self.modulus = gmpy2.mpz(modulus)
        self.rows: list[list[gmpy2.mpz]] = []
        step = gmpy2.mpz(base)
        for _ in range(width):
            row = [gmpy2.mpz(1)]
            for _ in range(255):
                row.append(row[-1] * step % self.modulus)
            self.rows.append(row)
            step = row[-1] * step % self.modulus

    def power(self, exponent: bytes, start: gmpy2.mpz) -> gmpy2.mpz:
        """`start` · base^exponent, the exponent's lowest byte first."""
        for digit, row in zip(exponent, self.rows, strict=False):
            if digit:
                start = start * row[digit] % self.modulus
        return start


@dataclass(frozen=True)
class OkamotoPublicKey(AdditiveKey):
    """n, g and h. Made by `generate` or `public_key_from_bytes`, which check it.

    What `refresh` gives is uniform whatever h is, if n is coprime to (p - 1)(q - 1).
    """

    g: int = field(repr=False)
    h: int = field(repr=False)

    @property
    def modulus(self) -> int:
        return self.n

    @property
    def plaintext_bits(self) -> int:
        return PLAINTEXT_BITS

    @property
    def ciphertext_bytes(self) -> int:
        return WIDTH

    def to_bytes(self) -> bytes:
        """n, g and h, big-endian: 768 bytes."""
        return b"".join(number.to_bytes(WIDTH, "big") for number in (self.n, self.g, self.h))

    @functools.cached_property
    def tables(self) -> tuple[PowerTable, PowerTable]:
        """Powers of g and h; made at the first use."""
        return PowerTable(self.g, self.n, -(-PLAINTEXT_BITS // 8)), PowerTable(self.h, self.n, EXPONENT_BYTES)

    def prepare(self) -> None:
        _ = self.tables

    def encrypt(self, value: int, entropy: Entropy = secrets.token_bytes) -> Ciphertext:
        """DataError for anything that is not an int of up to `plaintext_bits` bits without a sign."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise DataError("a value is not an integer", expected="int", found=type(value).__name__)
        if value < 0 or value.bit_length() > PLAINTEXT_BITS:
            raise DataError("a value is no plaintext of the key", expected=f"0 to {PLAINTEXT_BITS} bits", found="other")
        of_g, of_h = self.tables
        masked = of_h.power(entropy(EXPONENT_BYTES), gmpy2.mpz(1))
        message = value.to_bytes((value.bit_length() + 7) // 8, "little")
        return Ciphertext(self.n, int(of_g.power(message, masked)))


@dataclass(frozen=True)
class OkamotoSecretKey(SumKey):
    """Made for one job and attempt, kept in memory, and forgotten."""

    public: OkamotoPublicKey
    p: int = field(repr=False)

    @functools.cached_property
    def scale(self) -> gmpy2.mpz:
        """By which logarithms become plaintexts."""
        return gmpy2.invert(self._logarithm(self.public.g), self.p)

    def residue(self, ciphertext: Ciphertext) -> int:
        """The plaintext, of up to `plaintext_bits` bits. ProtocolError `okamoto.range` for any other: see the module.
        Not to be told to who made the ciphertext."""
        self.public.demand_own(ciphertext)
        plaintext = int(self._logarithm(ciphertext.value) * self.scale % self.p)
        if plaintext.bit_length() > PLAINTEXT_BITS:
            raise ProtocolError(
                "a ciphertext that is no sum of what was encrypted",
                expected=f"{PLAINTEXT_BITS} bits or fewer",
                found="more",
                code="okamoto.range",
            )
        return plaintext

    def _logarithm(self, value: int) -> gmpy2.mpz:
        p = gmpy2.mpz(self.p)
        return (gmpy2.powmod(value, p - 1, p * p) - 1) // p


def generate(entropy: Entropy = secrets.token_bytes) -> OkamotoSecretKey:
    """A key whose n has 2048 bits, of primes of 683 and 682 bits that are 3 modulo 4. Takes some hundredths of a
    second."""
    for _ in range(100):  # two of three pairs will do
        p, q = prime(P_BITS, entropy), prime(Q_BITS, entropy)
        n = p * p * q
        g, x = uniform(n, entropy), uniform(n, entropy)
        fits = n.bit_length() == BITS and p != q and gmpy2.gcd(g * x, n) == 1 and gmpy2.gcd(n, (p - 1) * (q - 1)) == 1
        if fits and gmpy2.powmod(g, p - 1, p * p) != 1:
            return OkamotoSecretKey(OkamotoPublicKey(n, g, int(gmpy2.powmod(x, n, n))), p)
    raise InputError("no pair of primes found", remedy="the source of randomness is broken")


def public_key_from_bytes(payload: bytes, *, sender: str) -> OkamotoPublicKey:
    """The inverse of `to_bytes`, for a key that `sender` made; ProtocolError where a check fails.

    Checked: the size, n's form (`demand_modulus`), and that g and h are units other than ±1.
    """
    if len(payload) != KEY_BYTES:
        raise ProtocolError(
            f"{sender} sent a key of another size", expected=f"{KEY_BYTES} bytes", found=f"{len(payload)} bytes"
        )
    n, g, h = (int.from_bytes(payload[start : start + WIDTH], "big") for start in range(0, KEY_BYTES, WIDTH))
    demand_modulus(n, BITS, remainder=3, sender=sender)
    for base in (g, h):
        if not 1 < base < n - 1 or gmpy2.gcd(base, n) != 1:
            raise ProtocolError(f"{sender} sent a base that is no unit, or ±1")
    return OkamotoPublicKey(n, g, h)
