"""A proof is made in a process of its own, with an end of its memory and of its time.

`proving.key` holds the program that works out a circuit's witness. Whoever made the key wrote it, so that it may run
for ever or take all memory there is; no reading of it can tell. So what proves for a person never runs it itself.

The request goes through a pipe, since it has secrets. The answer is a proof, or an error; whatever else
happens to the process is the error `proof.limits`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from placet.core.child import start_child
from placet.core.errors import ConfigError, InputError, LimitError, PlacetError, unforeseen
from placet.core.statements import VerificationKey
from placet.core.values import Octets, Value, parse

EMPTY: Final = 512 << 20
PER_BYTE: Final = 64
"""Bytes of memory of which a key of no size may be proven under, and those for each byte of it: a key of
`band`, 2.4 MB, is content with 32 MiB in all."""
SECONDS: Final = 30
PER_MEGABYTE: Final = 20
"""Seconds of processor time likewise (a key of `band`, 2.4 MB, takes 1.1). Three times as many may pass."""
_PASSING: Final = 3
_MAX_REQUEST: Final = 1 << 20
_MAX_INPUTS: Final = 4096
_Number = Annotated[str, Field(pattern=r"^[0-9]{1,80}$")]
_Numbers = Annotated[tuple[_Number, ...], Field(max_length=_MAX_INPUTS)]


class WitnessRequest(Value):
    """What `ProvingKey.prove` takes: numbers as decimals."""

    inputs: Annotated[dict[str, _Number | _Numbers], Field(max_length=_MAX_INPUTS, repr=False)]
    public: Annotated[tuple[_Number, ...], Field(max_length=_MAX_INPUTS)]
    verification: VerificationKey


class ProofRefusal(Value):
    """An error of the other process, in its words."""

    message: str
    code: str
    expected: str | None = None
    found: str | None = None
    remedy: str | None = None


class ProofAnswer(Value):
    proof: Octets | None = None
    refusal: ProofRefusal | None = None


class ProverApart:
    """`ProvingKey` of a file in a process of its own, one for each proof."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def prove(self, inputs: Mapping[str, int | list[int]], public: list[int], verification: VerificationKey) -> bytes:
        """As `ProvingKey` proves, with its errors. LimitError `proof.limits` where the key takes more than an honest
        one."""
        try:
            size = self._file.stat().st_size
        except OSError as error:
            raise ConfigError("the proving key can't be read", found=f"{self._file}: {error.strerror}") from None
        memory, seconds = EMPTY + PER_BYTE * size, SECONDS + PER_MEGABYTE * size // 1_000_000
        request = WitnessRequest(
            inputs={
                name: tuple(map(str, value)) if isinstance(value, list) else str(value)
                for name, value in inputs.items()
            },
            public=tuple(map(str, public)),
            verification=verification,
        )
        process = start_child(
            [sys.executable, "-m", "placet.protocols.zk.apart", self._file.absolute(), str(memory), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            raw, _ = process.communicate(request.model_dump_json().encode(), timeout=_PASSING * seconds)
            answer = parse(ProofAnswer, raw, what="answer of the prover")
        except (subprocess.TimeoutExpired, InputError):
            raise LimitError(
                "no proof can be made under this key within the limits",
                expected=f"at most {seconds} s of processor time and {memory >> 20} MiB of memory",
                found=f"a key of {size:,} bytes whose program takes more, or breaks",
                remedy="take the keys from those who made them, never from who asks for the proof",
                code="proof.limits",
            ) from None
        finally:
            process.kill()
            process.wait()
        if answer.proof is None or answer.refusal is not None:
            words = {} if answer.refusal is None else answer.refusal.model_dump()
            raise PlacetError(words.pop("message", "the prover gave no proof"), **words)
        return answer.proof


def main() -> None:
    """In the process of its own: the limits come first, then the packages, then the key."""
    file, memory, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = parse(WitnessRequest, sys.stdin.buffer.read(_MAX_REQUEST), limit=_MAX_REQUEST, what="request")
    sys.stdout.buffer.write(_answer(file, request).model_dump_json().encode())


def _answer(file: Path, request: WitnessRequest) -> ProofAnswer:
    try:
        from placet.protocols.zk.groth16 import ProvingKey

        inputs = {
            name: int(value) if isinstance(value, str) else list(map(int, value))
            for name, value in request.inputs.items()
        }
        return ProofAnswer(proof=ProvingKey(file).prove(inputs, list(map(int, request.public)), request.verification))
    except PlacetError as error:
        fields = {name: getattr(error, name) for name in ProofRefusal.model_fields}
        return ProofAnswer(refusal=ProofRefusal(**fields))
    except MemoryError:
        raise  # the other side says so: the process ends without an answer
    except Exception as error:
        return ProofAnswer(
            refusal=ProofRefusal(message="the prover failed", code="proof.failed", found=unforeseen(error))
        )


if __name__ == "__main__":
    main()
