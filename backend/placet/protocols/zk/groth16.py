"""Groth16 (Jens Groth, *On the Size of Pairing-based Non-interactive Arguments*, Eurocrypt 2016) over BN254.

A proof convinces if nobody who knows the set-up's secret cheats: knowledge soundness in the generic group model, as the
paper proves it. It tells nothing beyond the statement: perfect zero knowledge under a set-up that followed its rules.
BN254 has about 100 bits of security against today's number field sieves, not 128. Keys and proofs are in the form of
the contract `Groth16Verifier`; groth16py (arkworks) computes.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from placet.core.errors import ConfigError, InputError, PlacetError
from placet.core.statements import FIELD, VerificationKey
from placet.protocols.zk.extra import groth16py

PRIME = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""Of the field of the points' coordinates."""
MAX_PROVING_KEY = 1 << 30
_POINT, _TWIST = 64, 128
_REFUSALS = (ValueError, groth16py.SetupError, groth16py.EncodingError, groth16py.WitnessError)


@contextlib.contextmanager
def _refused(as_error: Callable[[str], PlacetError]) -> Iterator[None]:
    """What groth16py says of a key or a witness, as an error of ours. Its Rust panics at lengths and places that a
    damaged key makes up, which Python has as no `Exception`."""
    try:
        yield
    except _REFUSALS as error:
        raise as_error(type(error).__name__) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise as_error("PanicException") from None


class Prover(Protocol):
    """What makes proofs of one circuit: a `ProvingKey`, or one in a process of its own (`zk.apart`)."""

    def prove(
        self, inputs: Mapping[str, int | list[int]], public: list[int], verification: VerificationKey
    ) -> bytes: ...


class ProvingKey:
    """What proves statements of one circuit, as a file that groth16py wrote; checked point by point when it is read.

    Its maker wrote the program that works out a witness: a stranger's key is for `zk.apart`, not for this process."""

    def __init__(self, file: Path) -> None:
        """ConfigError if it can't be read or is none."""
        try:
            size = file.stat().st_size
            if size > MAX_PROVING_KEY:
                limit = f"at most {MAX_PROVING_KEY} bytes"
                raise InputError("the proving key is too large", expected=limit, found=size)
            with _refused(lambda kind: ConfigError("that is no proving key", found=f"{file}: {kind}")):
                self._key = groth16py.ProvingKey.load(str(file))
        except OSError as error:
            raise ConfigError("the proving key can't be read", found=f"{file}: {error.strerror}") from None

    def prove(self, inputs: Mapping[str, int | list[int]], public: list[int], verification: VerificationKey) -> bytes:
        """A proof of 256 bytes, A ‖ B ‖ C. InputError where the inputs do not satisfy the circuit, or the two keys are
        not of one set-up: the prover makes bytes of any witness, so that its own proof is verified here.

        InputError `proof.bare` where a second proof has A or B of the first: both are blinded by the key's δ, and a
        key whose δ is zero shows the witness in them. With both drawn anew in the whole group, C is the one point that
        verifies, so that a proof which holds tells nothing, whatever else its maker did to the key."""
        with _refused(lambda kind: InputError("nothing can be proven of these inputs", found=kind)):
            proof, another = (bytes(groth16py.prove(self._key, dict(inputs))) for _ in range(2))
        if not verify(verification, public, proof):
            raise InputError(
                "the statement is not true, or proving and verification key are not of one set-up",
                code="proof.false",
            )
        blinded = (slice(_POINT), slice(_POINT, _POINT + _TWIST))
        if any(proof[part] == another[part] for part in blinded):
            raise InputError(
                "the proving key would show what it proves: whoever made it wants to learn your total",
                remedy="take the keys from those who made them, never from who asks for the proof",
                code="proof.bare",
            )
        return proof


def save_proving_key(zkey: Path, circuit: Path, target: Path) -> None:
    """What proves under a ceremony's key, as a new file for `ProvingKey`: snarkjs's `.zkey` with the circuit's program,
    which is compiled from its source. ConfigError where the two do not fit."""
    libraries = [groth16py.circomlib_path(2), str(circuit.parent)]
    try:
        with _silence():
            key, _ = groth16py.import_zkey(str(zkey), str(circuit), libraries)
        key.save(str(target))
    except (ValueError, OSError, groth16py.SetupError, groth16py.EncodingError) as error:
        raise ConfigError("the key can't be taken over", found=f"{zkey}: {type(error).__name__}") from None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The compiler in groth16py writes to standard output, past Python."""
    kept = os.dup(1)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def verify(key: VerificationKey, public: list[int], proof: bytes) -> bool:
    """Whether the proof holds for these public inputs. False also for inputs that are no field elements, for another
    number of them, and for points that are none."""
    if any(not 0 <= value < FIELD for value in public):
        return False
    try:
        verifier = groth16py.Verifier(groth16py.VerifyingKey.from_snarkjs(json.dumps(to_snarkjs(key))))
        return bool(verifier.verify(proof, public))
    except (ValueError, groth16py.EncodingError, groth16py.VerificationError):
        return False


def from_snarkjs(key: dict[str, Any]) -> bytes:
    """The bytes of a snarkjs `verification_key.json` as the contract registers them."""
    ic = b"".join(_point(point) for point in key["IC"])
    return (
        _point(key["vk_alpha_1"], negate=True)
        + _twist(key["vk_beta_2"])
        + _twist(key["vk_gamma_2"], negate=True)
        + _twist(key["vk_delta_2"], negate=True)
        + ic
    )


def to_snarkjs(key: VerificationKey) -> dict[str, Any]:
    """The inverse of `from_snarkjs`."""
    numbers = [int.from_bytes(key.key[at : at + 32], "big") for at in range(0, len(key.key), 32)]

    def point(at: int, *, negate: bool = False) -> list[str]:
        x, y = numbers[at : at + 2]
        return [str(x), str(-y % PRIME if negate else y), "1"]

    def twist(at: int, *, negate: bool = False) -> list[list[str]]:
        x1, x0, y1, y0 = numbers[at : at + 4]
        sign = -1 if negate else 1
        return [[str(x0), str(x1)], [str(sign * y0 % PRIME), str(sign * y1 % PRIME)], ["1", "0"]]

    inputs = range(14, len(numbers), 2)
    return {
        "protocol": "groth16",
        "curve": "bn128",
        "nPublic": len(inputs) - 1,
        "vk_alpha_1": point(0, negate=True),
        "vk_beta_2": twist(2),
        "vk_gamma_2": twist(6, negate=True),
        "vk_delta_2": twist(10, negate=True),
        "IC": [point(at) for at in inputs],
    }


def _word(value: str | int) -> bytes:
    number = int(value)
    if not 0 <= number < PRIME:
        raise InputError("a coordinate of the key is out of range", code="proof.key")
    return number.to_bytes(32, "big")


def _point(point: list[str], *, negate: bool = False) -> bytes:
    x, y, _ = point
    return _word(x) + _word(-int(y) % PRIME if negate else y)


def _twist(point: list[list[str]], *, negate: bool = False) -> bytes:
    (x0, x1), (y0, y1), _ = point
    sign = -1 if negate else 1
    return _word(x1) + _word(x0) + _word(sign * int(y1) % PRIME) + _word(sign * int(y0) % PRIME)
