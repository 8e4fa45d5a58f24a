"""Paillier against phe, both ways; keys and ciphertexts from peers; what may leave; what is imported when."""

from __future__ import annotations

import ast
import contextlib
import math
import re
import subprocess
import sys
from collections.abc import Callable
from math import gcd, lcm
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import DataError, InputError, ProtocolError
from placet.protocols.order import Entropy

gmpy2 = pytest.importorskip("gmpy2", reason="no gmpy2 here: pip install 'placet[paillier]'")
phe = pytest.importorskip("phe", reason="no phe here: pip install 'placet[paillier]'")

from placet.protocols.mpc import djn, paillier  # noqa: E402
from placet.protocols.mpc.ciphertexts import Ciphertext, Mixture  # noqa: E402
from placet.protocols.mpc.paillier import SecretKey  # noqa: E402

few = settings(deadline=None, max_examples=examples(15))
small = st.integers(min_value=-(2**64), max_value=2**64)
BACKEND = Path(__file__).resolve().parents[2] / "backend"


def to_phe(key: SecretKey, ciphertext: Ciphertext) -> Any:
    return phe.EncryptedNumber(phe.PaillierPublicKey(key.public.n), ciphertext.value, 0)


def from_phe(key: SecretKey, number: Any) -> Ciphertext:
    """Over the wire, as a peer's."""
    payload = number.ciphertext().to_bytes(key.public.ciphertext_bytes, "big")
    return key.public.unpack(payload, 1, sender="phe")[0]


def signed(key: SecretKey) -> st.SearchStrategy[int]:
    limit = key.public.limit
    return st.one_of(small, st.integers(-limit, limit), st.sampled_from([0, 1, -1, limit, -limit]))


@pytest.fixture(scope="module")
def other_key() -> SecretKey:
    return paillier.generate(2048)


def test_a_key_is_of_djns_form(paillier_key: SecretKey) -> None:
    p, q, public = paillier_key.private.p, paillier_key.private.q, paillier_key.public
    assert p * q == public.n and public.n.bit_length() == 2048
    assert p % 4 == q % 4 == 3 and gcd(p - 1, q - 1) == 2 and gcd(public.n, (p - 1) * (q - 1)) == 1
    assert gmpy2.is_prime(p) and gmpy2.is_prime(q)
    assert pow(public.h_s, lcm(p - 1, q - 1), public.modulus) == 1, "h_s is an n-th power"
    h_s = public.h_s % public.n
    assert gmpy2.jacobi(h_s, p) == gmpy2.jacobi(h_s, q) == -1, "and that of -x²"


def test_keys_come_from_the_given_randomness_alone(seeded: Callable[[str], Entropy]) -> None:
    once, again, other = (paillier.generate(2048, entropy=seeded(seed)) for seed in ("a", "a", "b"))
    assert once == again
    assert gcd(once.public.n, other.public.n) == 1 and once.public.h_s != other.public.h_s
    p, q = once.private.p, once.private.q
    assert gcd(p - 1, q - 1) == 2, "the first pair of this seed shares 6"


@pytest.mark.parametrize("bits", [0, 512, 1024, 2047, 2049, 4096])
def test_other_sizes_are_refused(bits: int) -> None:
    with pytest.raises(InputError, match="2048 or 3072"):
        paillier.generate(bits)


def test_randomness_that_never_changes_gives_an_error_not_a_loop() -> None:
    with pytest.raises(InputError, match="no prime found"):
        paillier.generate(2048, entropy=bytes)


def test_3072_bits_go_all_the_way() -> None:
    key = paillier.generate(3072)
    public = paillier.public_key_from_bytes(key.public.to_bytes(), sender="bank")
    assert public == key.public and len(key.public.to_bytes()) == paillier.MAX_KEY_BYTES
    mixture = public.combine([public.encrypt(-5), public.encrypt(3)], [7, -2], 1)
    wire = public.pack([public.refresh(mixture)])
    assert key.decrypt(*key.public.unpack(wire, 1, sender="bank")) == -40


@few
@given(st.data())
def test_phe_decrypts_ours(paillier_key: SecretKey, data: st.DataObject) -> None:
    value = data.draw(signed(paillier_key))
    ciphertext = paillier_key.public.encrypt(value)
    assert paillier_key.private.decrypt(to_phe(paillier_key, ciphertext)) == value
    assert paillier_key.decrypt(ciphertext) == value


@settings(deadline=None, max_examples=examples(8))
@given(st.data())
def test_ours_decrypts_phes(paillier_key: SecretKey, data: st.DataObject) -> None:
    value = data.draw(signed(paillier_key))
    number = phe.PaillierPublicKey(paillier_key.public.n).encrypt(value)
    assert paillier_key.decrypt(from_phe(paillier_key, number)) == value


@settings(deadline=None, max_examples=examples(8))
@given(st.lists(st.tuples(small, small), min_size=1, max_size=4), small)
def test_sums_and_multiples_agree_with_phes(
    paillier_key: SecretKey, terms: list[tuple[int, int]], constant: int
) -> None:
    public = paillier_key.public
    ciphertexts = [public.encrypt(value) for value, _ in terms]
    factors = [factor for _, factor in terms]
    theirs = constant + sum(
        to_phe(paillier_key, ciphertext) * factor for ciphertext, factor in zip(ciphertexts, factors, strict=True)
    )
    ours = public.combine(ciphertexts, factors, constant)
    expected = constant + sum(value * factor for value, factor in terms)
    assert paillier_key.private.decrypt(theirs) == expected
    assert paillier_key.decrypt(public.refresh(ours)) == expected
    assert paillier_key.decrypt(from_phe(paillier_key, theirs)) == expected


@few
@given(st.binary(min_size=128, max_size=128), st.data())
def test_the_table_gives_the_power(paillier_key: SecretKey, exponent: bytes, data: st.DataObject) -> None:
    public = paillier_key.public
    residue = data.draw(st.integers(0, public.n - 1))
    power = pow(public.h_s, int.from_bytes(exponent, "little"), public.modulus)
    expected = (1 + residue * public.n) * power % public.modulus
    assert public.table.encrypt(residue, lambda count: exponent) == expected


def test_exponents_have_half_the_length(paillier_key: SecretKey) -> None:
    asked: list[int] = []
    paillier_key.public.encrypt(1, lambda count: asked.append(count) or bytes(count))  # type: ignore[func-returns-value]
    assert asked == [1024 // 8] == [djn.exponent_bytes(paillier_key.public.n)]


def test_encryptions_of_one_value_differ(paillier_key: SecretKey) -> None:
    assert len({paillier_key.public.encrypt(7).value for _ in range(20)}) == 20


@pytest.mark.parametrize("over", [1, 2**100])
def test_values_beyond_a_third_of_n_are_refused_without_showing_them(paillier_key: SecretKey, over: int) -> None:
    for value in (paillier_key.public.limit + over, -paillier_key.public.limit - over):
        with pytest.raises(DataError, match="too large") as caught:
            paillier_key.public.encrypt(value)
        assert str(value) not in str(caught.value)


@pytest.mark.parametrize("value", [1.0, float("nan"), "1", None, True])
def test_values_that_are_no_integers_are_refused(paillier_key: SecretKey, value: Any) -> None:
    with pytest.raises(DataError, match="not an integer"):
        paillier_key.public.encrypt(value)


def test_a_sum_that_overflowed_is_refused_as_by_phe(paillier_key: SecretKey) -> None:
    public = paillier_key.public
    largest = public.encrypt(public.limit)
    overflowed = public.refresh(public.combine([largest, largest], [1, 1]))
    with pytest.raises(DataError, match="overflowed"):
        paillier_key.decrypt(overflowed)
    with pytest.raises(OverflowError):
        paillier_key.private.decrypt(to_phe(paillier_key, overflowed))
    assert paillier_key.residue(overflowed) == 2 * public.limit


def test_what_was_combined_has_no_bytes_until_it_is_refreshed(paillier_key: SecretKey) -> None:
    public = paillier_key.public
    mixture = public.combine([public.encrypt(1)], [5])
    with pytest.raises(InputError, match="must be refreshed"):
        public.pack([mixture])  # type: ignore[list-item]
    assert len(public.pack([public.refresh(mixture)])) == 512


def test_refreshing_takes_a_uniform_nth_power(paillier_key: SecretKey, seeded: Callable[[str], Entropy]) -> None:
    """Not by a power of h_s, whose short exponent the key's owner might work out; and each time by another."""
    public = paillier_key.public
    mixture = public.combine([public.encrypt(3)], [-2])
    fresh = public.refresh(mixture, seeded("r"))
    r = paillier.uniform(public.n, seeded("r"))
    assert r.bit_length() > 1900
    assert fresh.value == mixture.value * pow(r, public.n, public.modulus) % public.modulus
    made = [public.refresh(mixture) for _ in range(4)]
    assert len({mixture.value, fresh.value, *(ciphertext.value for ciphertext in made)}) == 6
    assert [paillier_key.decrypt(ciphertext) for ciphertext in made] == [-6] * 4


@few
@given(st.integers(min_value=1, max_value=2**90))
def test_uniform_is_below_its_bound_and_reaches_all_of_it(bound: int) -> None:
    assert 0 <= paillier.uniform(bound) < bound
    assert paillier.uniform(bound, lambda count: (bound - 1).to_bytes(count, "big")) == bound - 1
    assert paillier.uniform(bound, lambda count: bound.to_bytes(count, "big")) == 0


def test_keys_do_not_mix(paillier_key: SecretKey, other_key: SecretKey) -> None:
    public, foreign = paillier_key.public, other_key.public.encrypt(1)
    uses: list[Callable[[], object]] = [
        lambda: public.combine([public.encrypt(1), foreign], [1, 1]),
        lambda: public.refresh(Mixture(other_key.public.n, 1)),
        lambda: public.pack([foreign]),
        lambda: paillier_key.decrypt(foreign),
    ]
    for use in uses:
        with pytest.raises(InputError, match="another key"):
            use()


def test_each_ciphertext_needs_a_factor(paillier_key: SecretKey) -> None:
    with pytest.raises(InputError, match="needs a factor"):
        paillier_key.public.combine([paillier_key.public.encrypt(1)], [1, 2])


def test_ciphertexts_travel_in_fixed_width(paillier_key: SecretKey) -> None:
    public = paillier_key.public
    ciphertexts = [public.encrypt(value) for value in (1, -2, 3)]
    payload = public.pack(ciphertexts)
    assert len(payload) == 3 * 512
    assert public.unpack(payload, 3, sender="bank") == ciphertexts
    tiny = public.pack([Ciphertext(public.n, 1)])
    assert tiny == bytes(511) + b"\x01"
    assert public.unpack(b"", 0, sender="bank") == []


@pytest.mark.parametrize("length", [0, 511, 513, 1023, 1025, 1536])
def test_another_number_of_ciphertexts_is_refused_by_name(paillier_key: SecretKey, length: int) -> None:
    with pytest.raises(ProtocolError, match=r"^bank sent another number"):
        paillier_key.public.unpack(bytes(length), 2, sender="bank")


@pytest.mark.parametrize("bad", ["zero", "p", "multiple of q", "n", "n²", "n² + 1", "highest"])
def test_what_is_no_ciphertext_is_refused_by_name(paillier_key: SecretKey, bad: str) -> None:
    p, q, public = paillier_key.private.p, paillier_key.private.q, paillier_key.public
    value = {
        "zero": 0,
        "p": p,
        "multiple of q": 12345 * q,
        "n": public.n,
        "n²": public.modulus,
        "n² + 1": public.modulus + 1,
        "highest": 2**4096 - 1,
    }[bad]
    payload = public.pack([public.encrypt(1)]) + value.to_bytes(512, "big")
    with pytest.raises(ProtocolError, match=r"^bank sent something that is no ciphertext.*place 1"):
        public.unpack(payload, 2, sender="bank")


def test_a_public_key_travels(paillier_key: SecretKey) -> None:
    payload = paillier_key.public.to_bytes()
    assert len(payload) == 768
    read = paillier.public_key_from_bytes(payload, sender="bank")
    assert read == paillier_key.public
    assert paillier_key.decrypt(read.encrypt(-9)) == -9


@pytest.mark.parametrize("length", [0, 1, 384, 767, 769, 770, 1024, 1151, 1153, 1536])
def test_a_key_of_another_size_is_refused_by_name(length: int) -> None:
    with pytest.raises(ProtocolError, match=r"^bank sent a key of another size"):
        paillier.public_key_from_bytes(b"\xff" * length, sender="bank")


def _prime(bits: int, remainder: int) -> int:
    """The first that has its two highest bits set and this remainder modulo 4."""
    candidate = gmpy2.next_prime(3 << (bits - 2))
    while candidate % 4 != remainder:
        candidate = gmpy2.next_prime(candidate)
    return int(candidate)


def _bad_moduli() -> dict[str, int]:
    p = _prime(1024, 3)
    with_small_factor = 4093 * ((1 << 2036) + 1)
    while with_small_factor % 4 != 1 or gmpy2.is_power(with_small_factor):
        with_small_factor += 4093
    return {
        "even": 2**2047,
        "3 modulo 4": p * _prime(1024, 1),
        "too short": _prime(1023, 3) ** 2 // 4 * 4 + 1,
        "a small factor": with_small_factor,
        "a prime": _prime(2048, 1),
        "a square": p * p,
    }


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("even", "wrong form"),
        ("3 modulo 4", "wrong form"),
        ("too short", "wrong form"),
        ("a small factor", "no product of large primes"),
        ("a prime", "no product of large primes"),
        ("a square", "no product of large primes"),
    ],
)
def test_a_bad_modulus_is_refused_by_name(bad: str, reason: str) -> None:
    n = _bad_moduli()[bad]
    with pytest.raises(ProtocolError, match=rf"^bank sent a modulus .*{reason}"):
        paillier.public_key_from_bytes(n.to_bytes(256, "big") + (4).to_bytes(512, "big"), sender="bank")


@pytest.mark.parametrize("bad", ["0", "1", "-1", "n", "p", "jacobi -1", "n²", "highest"])
def test_a_bad_base_is_refused_by_name(paillier_key: SecretKey, bad: str) -> None:
    n, square = paillier_key.public.n, paillier_key.public.modulus
    no_square = next(value for value in range(2, 1000) if gmpy2.jacobi(value, n) == -1)
    h_s = {
        "0": 0,
        "1": 1,
        "-1": square - 1,
        "n": n,
        "p": paillier_key.private.p,
        "jacobi -1": no_square,
        "n²": square,
        "highest": 2**4096 - 1,
    }[bad]
    with pytest.raises(ProtocolError, match=r"^bank sent a base"):
        paillier.public_key_from_bytes(n.to_bytes(256, "big") + h_s.to_bytes(512, "big"), sender="bank")


@few
@given(st.binary(min_size=768, max_size=768))
def test_random_bytes_are_refused_or_a_key_of_the_right_form(payload: bytes) -> None:
    """One modulus in some hundreds passes all that can be checked of it."""
    with contextlib.suppress(ProtocolError):
        key = paillier.public_key_from_bytes(payload, sender="bank")
        assert key.to_bytes() == payload
        assert key.n.bit_length() == 2048 and key.n % 4 == 1 and not gmpy2.is_prime(key.n)
        assert math.gcd(key.n, math.prod(range(1, 4096))) == 1


def test_nothing_secret_is_printed(paillier_key: SecretKey) -> None:
    shown = repr(paillier_key) + repr(paillier_key.public.encrypt(5))
    for secret in (paillier_key.private.p, paillier_key.private.q):
        assert str(secret) not in shown and f"{secret:x}" not in shown
    assert repr(paillier_key.public.encrypt(5)) == "Ciphertext()"


@pytest.mark.parametrize("absent", ["phe", "gmpy2"])
def test_without_the_extra_paillier_says_how_to_get_it(absent: str) -> None:
    code = f"""
import sys
sys.modules[{absent!r}] = None
from placet.core.errors import ConfigError
try:
    import placet.protocols.mpc.dot
except ConfigError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert f"found: no {absent}" in run.stdout and "pip install 'placet[paillier]'" in run.stdout


def test_only_one_module_imports_the_extra_and_the_others_never_unasked() -> None:
    importers, users = set(), set()
    for file in BACKEND.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        if not re.search(r"gmpy2|phe\b|mpc\.extra", source):
            continue
        for node in ast.walk(ast.parse(source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if {name.split(".")[0] for name in names} & {"gmpy2", "phe"}:
                importers.add(file.stem)
            if "placet.protocols.mpc.extra" in names:
                users.add(file.stem)
    assert (importers, users) == ({"extra"}, {"ciphertexts", "djn", "encrypted", "host_tree", "okamoto", "paillier"})
    code = "import sys, placet.cli.main, placet.protocols.mpc; print({'phe', 'gmpy2'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "set()"
