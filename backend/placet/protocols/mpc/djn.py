"""Fast obfuscation for Paillier: short powers of one base, from a table.

Damgård, Jurik, Nielsen, "A generalization of Paillier's public-key system with applications to electronic voting",
International Journal of Information Security 9, 2010. Paillier multiplies by r^n mod n² for a fresh r, a power with an
exponent as long as n. They publish one n-th power h_s = h^n mod n², with h = -x² mod n for a random x, and multiply by
h_s^r for a fresh r of half the length of n. Since the base never changes, its powers come from a table: for each byte
of r, lowest first, the 256 powers that this byte can stand for. That is one product modulo n² a byte and no squaring.

Whoever does not know the factors can't tell such a power from a random n-th power, if n-th powers can't be told from
other numbers (Paillier's own assumption) and half-length exponents do not show, which follows from the hardness of
factoring n, for primes that are 3 modulo 4 (Goldreich, Rosen, Journal of Cryptology 16, 2003). **Against whoever knows
the factors half-length exponents hide nothing for certain**: what goes back to the key's owner is obfuscated by
`PublicKey.refresh`.

Powers are kept as a·(1 + n)^b with a and b below n, which every unit modulo n² is in exactly one way: its remainder
modulo n, and what is missing. So the b's of a product are only added up, (1 + n)^m costs nothing, and the a's, which
have half the length of n², are multiplied two at a time before the result joins the rest, as a number of two digits to
the base n. That takes half the time of products and remainders modulo n² in full length.

Time and memory access depend on the exponent: who can watch this process finely is not defended against.
"""

from __future__ import annotations

import secrets

from placet.protocols.mpc.extra import gmpy2
from placet.protocols.order import Entropy


def base(n: int, x: int) -> int:
    """h_s = (-x²)^n mod n², for a random unit x modulo n."""
    return int(gmpy2.powmod(-x * x % n, n, n * n))


def exponent_bytes(n: int) -> int:
    """Bytes of an exponent: half the length of n."""
    return n.bit_length() // 16


class Table:
    """The powers of one base modulo n². About 22 MB and 0.3 s for 2048 bits, 46 MB and 0.7 s for 3072."""

    def __init__(self, n: int, h_s: int) -> None:
        self.n = n = gmpy2.mpz(n)
        rest, a = gmpy2.f_divmod(h_s, n)
        inverse = gmpy2.invert(a, n)
        step = a, inverse, rest * inverse % n
        self.rows: list[list[tuple[int, int]]] = []
        for _ in range(exponent_bytes(n)):
            power, row = (gmpy2.mpz(1), gmpy2.mpz(1), gmpy2.mpz(0)), []
            for _ in range(256):
                row.append((int(power[0]), int(power[2])))
                power = self._product(power, step)
            self.rows.append([(gmpy2.mpz(a), gmpy2.mpz(b)) for a, b in row])
            step = power

    def _product(self, left: tuple[int, int, int], right: tuple[int, int, int]) -> tuple[int, int, int]:
        """Of two units, each as a, its inverse modulo n, and b."""
        carry, a = gmpy2.f_divmod(left[0] * right[0], self.n)
        inverse = left[1] * right[1] % self.n
        return a, inverse, (left[2] + right[2] + carry * inverse) % self.n

    def encrypt(self, residue: int, entropy: Entropy = secrets.token_bytes) -> int:
        """(1 + n)^residue · h_s^r mod n², for a fresh r and a residue in [0, n)."""
        n, divide = self.n, gmpy2.f_divmod
        low, high, exponent = gmpy2.mpz(1), gmpy2.mpz(0), gmpy2.mpz(residue)
        pairs = zip(entropy(len(self.rows)), self.rows, strict=True)
        for (digit, row), (next_digit, next_row) in zip(pairs, pairs, strict=True):
            a, b = row[digit]
            next_a, next_b = next_row[next_digit]
            exponent += b + next_b
            two_high, two_low = divide(a * next_a, n)
            carry, rest = divide(low * two_low, n)
            high = (high * two_low + low * two_high + carry) % n
            low = rest
        return int(low + (high + low * exponent) % n * n)
