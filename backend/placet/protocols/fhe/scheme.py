"""BFV as FHE PSI uses it: the receiver's key, which encrypts powers and opens answers, and the sender's evaluation.

Fan, Vercauteren, "Somewhat practical fully homomorphic encryption", 2012, by SEAL. SEAL draws its randomness from the
operating system by itself. A generator from a seed of ours is not put in its place: SEAL's factories start each of them
at the same seed, so every ciphertext and key would have the same noise, which gives the secret key away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from placet.core.errors import ConfigError, ProtocolError
from placet.protocols.fhe import extra
from placet.protocols.fhe.layout import Numbers
from placet.protocols.fhe.parameters import (
    ANSWER_PRIMES,
    EVALUATION_PRIMES,
    MIN_BUDGET,
    PARAMETERS,
    QUERY_PRIMES,
    SOURCES,
    ParameterSet,
    splits,
)
from placet.protocols.fhe.polynomials import Coefficients, power
from placet.protocols.fhe.residues import Streams, bytes_of, ciphertext_of, out_of, residues_of, size_of


class Bfv:
    """SEAL's context of a set of parameters."""

    def __init__(self, parameters: ParameterSet = PARAMETERS) -> None:
        """ConfigError `fhe.missing` without SEAL; `fhe.parameters` for a set that SEAL does not take, or that has less
        than 128 bits of security."""
        self.seal: Any = extra.seal()
        self.set = parameters
        self.encryption = self.seal.EncryptionParameters(self.seal.SCHEME_TYPE.BFV)
        level = self.seal.SEC_LEVEL_TYPE.TC128
        try:
            self.encryption.set_poly_modulus_degree(parameters.degree)
            self.encryption.set_coeff_modulus([self.seal.Modulus(prime) for prime in parameters.primes])
            self.encryption.set_plain_modulus(parameters.plain)
            self.context = self.seal.SEALContext(self.encryption, True, level)
            reason = self.context.parameters_error_name()
        except (ValueError, RuntimeError) as error:
            raise _weak(str(error)) from None
        if not self.context.parameters_set():
            raise _weak(reason)
        qualifiers = self.context.key_context_data().qualifiers()
        if qualifiers.sec_level != level or not qualifiers.using_batching:
            raise _weak("less than 128 bits, or no batching")
        self.encoder = self.seal.BatchEncoder(self.context)
        self.evaluator = self.seal.Evaluator(self.context)

    def level(self, primes: int) -> Sequence[int]:
        """The hash of the parameters of ciphertexts over so many primes."""
        data = self.context.first_context_data()
        while data.chain_index() + 1 != primes:
            data = data.next_context_data()
        identity: Sequence[int] = data.parms_id()
        return identity

    def plaintext(self, values: Sequence[int]) -> Any:
        """N numbers below t in the slots."""
        plain = self.seal.Plaintext()
        self.encoder.encode(values, plain)
        return plain

    def down_to(self, ciphertext: Any, primes: int) -> None:
        """Switch the modulus, in place."""
        while ciphertext.coeff_modulus_size() > primes:
            self.evaluator.mod_switch_to_next_inplace(ciphertext)


def _weak(reason: str) -> ConfigError:
    return ConfigError(
        "parameters of FHE are not of 128 bits", expected="SEAL's level tc128", found=reason, code="fhe.parameters"
    )


_KEY_SHAPE = (2, len(PARAMETERS.primes))
_KEYS = len(PARAMETERS.primes) - 1
_SOURCE_SHAPE = (2, QUERY_PRIMES)
_ANSWER_SHAPE = (2, ANSWER_PRIMES)
QUERY_BYTES = _KEYS * size_of(_KEY_SHAPE) + len(SOURCES) * size_of(_SOURCE_SHAPE)
ANSWER_BYTES = size_of(_ANSWER_SHAPE)
"""Of one part of the set."""


class ReceiverKey:
    """A fresh secret key. It is in this object alone, is written nowhere, and goes with it."""

    def __init__(self, scheme: Bfv) -> None:
        self._scheme = scheme
        seal = scheme.seal
        generator = seal.KeyGenerator(scheme.context)
        secret = generator.secret_key()
        self._encryptor = seal.Encryptor(scheme.context, secret)
        self._decryptor = seal.Decryptor(scheme.context, secret)
        self._relinearising = seal.RelinKeys()
        generator.create_relin_keys(self._relinearising)

    def query(self, values: Numbers) -> bytes:
        """The keys for relinearising, then N values to each power of `SOURCES`, encrypted; `QUERY_BYTES`."""
        keys = [out_of(key.data()) for key in self._relinearising.key(2)]
        sources = [out_of(self._encrypted(power(values, exponent))) for exponent in SOURCES]
        return b"".join(map(bytes_of, (*keys, *sources)))

    def _encrypted(self, values: Numbers) -> Any:
        ciphertext = self._scheme.seal.Ciphertext(self._scheme.context)
        self._encryptor.encrypt_symmetric(self._scheme.plaintext(values.tolist()), ciphertext)
        self._scheme.down_to(ciphertext, QUERY_PRIMES)
        return ciphertext

    def opened(self, payload: bytes, sender: str) -> Iterator[Numbers]:
        """The N values of each part. ProtocolError for ciphertexts that are none, `fhe.noise` for one whose noise may
        have changed what it holds."""
        scheme, level = self._scheme, self._scheme.level(ANSWER_PRIMES)
        primes = scheme.set.primes[:ANSWER_PRIMES]
        with Streams(scheme.seal, scheme.context, scheme.encryption) as streams:
            for start in range(0, len(payload), ANSWER_BYTES):
                residues = ciphertext_of(payload[start : start + ANSWER_BYTES], primes, sender)
                with _blamed_on(sender):
                    ciphertext = streams.ciphertext(residues, level)
                    budget = self._decryptor.invariant_noise_budget(ciphertext)
                    if budget < MIN_BUDGET:
                        raise ProtocolError(
                            f"{sender}'s answer has too much noise to be read",
                            expected=f"{MIN_BUDGET} bits of noise budget or more",
                            found=budget,
                            code="fhe.noise",
                        )
                    plain = scheme.seal.Plaintext()
                    self._decryptor.decrypt(ciphertext, plain)
                    yield np.array(scheme.encoder.decode_int64(plain), dtype=np.int64) % scheme.set.plain


def answer(scheme: Bfv, query: bytes, parts: Sequence[Coefficients], sender: str) -> bytes:
    """Each part's polynomials, (degree + 1, N), all of one degree, at the values that a query hides: `ANSWER_BYTES` a
    part. ProtocolError for a query that is none."""
    if len(query) != QUERY_BYTES:
        raise ProtocolError(f"{sender} sent no query", expected=f"{QUERY_BYTES} bytes", found=len(query))
    keys_end = QUERY_BYTES - len(SOURCES) * size_of(_SOURCE_SHAPE)
    keys = residues_of(query[:keys_end], scheme.set.primes, sender).reshape(_KEYS, 2, len(scheme.set.primes), -1)
    if not keys[:, 1].any(axis=(1, 2)).all():
        raise ProtocolError(f"{sender} sent a key that hides nothing", expected="two polynomials, none zero")
    size = size_of(_SOURCE_SHAPE)
    sources = [
        ciphertext_of(query[start : start + size], scheme.set.primes[:QUERY_PRIMES], sender)
        for start in range(keys_end, QUERY_BYTES, size)
    ]
    with Streams(scheme.seal, scheme.context, scheme.encryption) as streams, _blamed_on(sender):
        relinearising = streams.relinearising(list(keys), scheme.context.key_parms_id())
        level = scheme.level(QUERY_PRIMES)
        powers = {e: streams.ciphertext(one, level) for e, one in zip(SOURCES, sources, strict=True)}
        _raise(scheme, powers, relinearising, degree=len(parts[0]) - 1)
        return b"".join(_evaluated(scheme, powers, part) for part in parts)


def _raise(scheme: Bfv, powers: dict[int, Any], relinearising: Any, degree: int) -> None:
    """All powers to `degree`, and no others, over `EVALUATION_PRIMES` and ready to be multiplied."""
    for exponent, one, other in splits(degree):
        product = scheme.seal.Ciphertext(scheme.context)
        scheme.evaluator.multiply(powers[one], powers[other], product)
        scheme.evaluator.relinearize_inplace(product, relinearising)
        powers[exponent] = product
    for exponent in [e for e in powers if e > degree]:
        del powers[exponent]
    for ciphertext in powers.values():
        scheme.down_to(ciphertext, EVALUATION_PRIMES)
        scheme.evaluator.transform_to_ntt_inplace(ciphertext)


def _evaluated(scheme: Bfv, powers: dict[int, Any], part: Coefficients) -> bytes:
    evaluator, level = scheme.evaluator, powers[1].parms_id()
    total = None
    for exponent, ciphertext in powers.items():
        plain = scheme.plaintext(part[exponent].tolist())
        evaluator.transform_to_ntt_inplace(plain, level)
        product = scheme.seal.Ciphertext(scheme.context)
        evaluator.multiply_plain(ciphertext, plain, product)
        if total is None:
            total = product
        else:
            evaluator.add_inplace(total, product)
    evaluator.transform_from_ntt_inplace(total)
    evaluator.add_plain_inplace(total, scheme.plaintext(part[0].tolist()))
    scheme.down_to(total, ANSWER_PRIMES)
    return bytes_of(out_of(total))


@contextlib.contextmanager
def _blamed_on(sender: str) -> Iterator[None]:
    """What SEAL says of a peer's ciphertexts is the peer's doing."""
    try:
        yield
    except (ValueError, RuntimeError, IndexError) as error:
        raise ProtocolError(f"{sender}'s ciphertexts can't be computed on", found=str(error)[:100]) from None
