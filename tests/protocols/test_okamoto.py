"""Okamoto and Uchiyama's scheme: what it holds, what it refuses, and that a refusal tells nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from placet.core.errors import DataError, InputError, ProtocolError

gmpy2 = pytest.importorskip("gmpy2", reason="no gmpy2 here: pip install 'placet[paillier]'")

from placet.protocols.mpc import okamoto  # noqa: E402
from placet.protocols.mpc.ciphertexts import Ciphertext, Mixture  # noqa: E402
from placet.protocols.mpc.okamoto import KEY_BYTES, P_BITS, PLAINTEXT_BITS, WIDTH, OkamotoSecretKey  # noqa: E402

LARGEST = (1 << PLAINTEXT_BITS) - 1


def test_a_key_is_of_the_papers_form(okamoto_key: OkamotoSecretKey) -> None:
    public, p = okamoto_key.public, okamoto_key.p
    q, rest = divmod(public.n, p * p)
    assert rest == 0 and p != q and gmpy2.is_prime(p) and gmpy2.is_prime(q)
    assert (public.n.bit_length(), p.bit_length()) == (2048, P_BITS)
    assert p % 4 == q % 4 == 3 and gmpy2.gcd(public.n, (p - 1) * (q - 1)) == 1
    assert pow(public.h, p - 1, p * p) == 1, "h is an n-th power: none of it is left in a plaintext"
    assert pow(public.g, p - 1, p * p) != 1


@pytest.mark.parametrize("value", [0, 1, 255, 256, 1 << 330, LARGEST - 1, LARGEST])
def test_what_is_encrypted_is_read(value: int, okamoto_key: OkamotoSecretKey) -> None:
    ciphertext = okamoto_key.public.encrypt(value)
    assert okamoto_key.residue(ciphertext) == value
    assert ciphertext != okamoto_key.public.encrypt(value)


@pytest.mark.parametrize("value", [-1, LARGEST + 1, 1.0, True, None])
def test_what_is_no_plaintext(value: Any, okamoto_key: OkamotoSecretKey) -> None:
    with pytest.raises(DataError):
        okamoto_key.public.encrypt(value)


def test_products_are_of_sums(okamoto_key: OkamotoSecretKey) -> None:
    public, values = okamoto_key.public, [7, 1 << 200, 12345, 0]
    product = 1
    for value in values:
        product = product * public.encrypt(value).value % public.n
    fresh = public.refresh(Mixture(public.n, product))
    assert fresh.value != product and okamoto_key.residue(fresh) == sum(values)
    with pytest.raises(InputError, match="refreshed before it leaves"):
        public.pack([Mixture(public.n, product)])  # type: ignore[list-item]


def test_an_exponent_has_256_bits_of_the_randomness_that_is_handed_in(okamoto_key: OkamotoSecretKey) -> None:
    """Half as many would be worth 2^64 products to whoever guesses a plaintext."""
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return bytes([1] + [0] * (count - 2) + [3])

    public = okamoto_key.public
    exponent = 1 + (3 << 8 * 31)
    assert public.encrypt(9, entropy).value == pow(public.g, 9, public.n) * pow(public.h, exponent, public.n) % public.n
    assert asked == [32]


@pytest.mark.parametrize("excess", ["a bit", "near p", "p", "random"])
def test_a_number_near_p_is_refused_whatever_p_is(excess: str, okamoto_key: OkamotoSecretKey) -> None:
    """All but the 64 bits shorter: whether a number that was chosen beyond is accepted would tell of p."""
    public, p = okamoto_key.public, okamoto_key.p
    value = {"a bit": LARGEST + 1, "near p": p - 1, "p": p + (LARGEST + 1), "random": 3**430}[excess]
    with pytest.raises(ProtocolError) as caught:
        okamoto_key.residue(Ciphertext(public.n, pow(public.g, value, public.n)))
    assert caught.value.code == "okamoto.range"
    assert str(p) not in str(caught.value) and str(value % p) not in str(caught.value)


def test_a_decrypting_oracle_would_give_the_key_away(okamoto_key: OkamotoSecretKey) -> None:
    """Why no decrypted number goes back: what is lost of a large one is a multiple of p. Without the range, that is."""
    public, p = okamoto_key.public, okamoto_key.p
    large = (1 << P_BITS + 8) + 1
    ciphertext = pow(public.g, large, public.n)
    oracle = int(okamoto_key._logarithm(ciphertext) * okamoto_key.scale % p)
    assert gmpy2.gcd(large - oracle, public.n) in (p, p * p)


def test_a_public_key_travels(okamoto_key: OkamotoSecretKey) -> None:
    payload = okamoto_key.public.to_bytes()
    read = okamoto.public_key_from_bytes(payload, sender="bank")
    assert len(payload) == KEY_BYTES and read == okamoto_key.public
    assert okamoto_key.residue(read.encrypt(9)) == 9


@pytest.mark.parametrize("length", [0, KEY_BYTES - 1, KEY_BYTES + 1, 1152])
def test_a_key_of_another_size_is_refused_by_name(length: int) -> None:
    with pytest.raises(ProtocolError, match=r"^bank sent a key of another size"):
        okamoto.public_key_from_bytes(bytes(length), sender="bank")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda n, g, h, p: (n - 1, g, h), "wrong form"),
        (lambda n, g, h, p: (n >> 1, g, h), "wrong form"),
        (lambda n, g, h, p: (3 * ((1 << 2046) // 3 + 1) * 1 | 3, g, h), "modulus"),
        (lambda n, g, h, p: (int(gmpy2.next_prime(3 << 2046)), g, h), "modulus"),
        (lambda n, g, h, p: (n, 0, h), "base"),
        (lambda n, g, h, p: (n, 1, h), "base"),
        (lambda n, g, h, p: (n, g, n - 1), "base"),
        (lambda n, g, h, p: (n, g, p), "base"),
        (lambda n, g, h, p: (n, p * 5, h), "base"),
    ],
)
def test_a_bad_key_is_refused_by_name(
    change: Callable[[int, int, int, int], tuple[int, ...]], reason: str, okamoto_key: OkamotoSecretKey
) -> None:
    public = okamoto_key.public
    numbers = change(public.n, public.g, public.h, okamoto_key.p)
    payload = b"".join(number.to_bytes(WIDTH, "big") for number in numbers)
    with pytest.raises(ProtocolError, match=f"^bank sent a .*{reason}"):
        okamoto.public_key_from_bytes(payload, sender="bank")


@pytest.mark.parametrize("bad", ["zero", "p", "multiple of q", "n", "highest"])
def test_what_is_no_ciphertext_is_refused_by_name(bad: str, okamoto_key: OkamotoSecretKey) -> None:
    public, p = okamoto_key.public, okamoto_key.p
    value = {"zero": 0, "p": p, "multiple of q": 12345 * (public.n // p**2), "n": public.n, "highest": 2**2048 - 1}[bad]
    payload = public.pack([public.encrypt(1)]) + value.to_bytes(WIDTH, "big")
    with pytest.raises(ProtocolError, match=r"^bank sent something that is no ciphertext.*place 1"):
        public.unpack(payload, 2, sender="bank")


def test_a_secret_key_is_not_shown(okamoto_key: OkamotoSecretKey) -> None:
    assert str(okamoto_key.p) not in repr(okamoto_key)
