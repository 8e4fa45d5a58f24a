"""How polynomials travel, and how SEAL gets them: no byte of a peer's is read by SEAL's own parser as anything but a
number that was checked before.

On the wire a polynomial is its residues modulo each prime in turn, 6 bytes each, little-endian, nothing else: what it
is a part of, how large it is and at which level it stands follows from the protocol. `residues_of` checks the length
and that each residue is below its prime. SEAL's stream around them (`Streams`: headers, sizes, flags, parameters' hash;
SEAL 4, uncompressed) is written here, and what SEAL computed is read back through `DynArray.at`, not from a stream.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.core.errors import ProtocolError
from placet.protocols.fhe.parameters import N

Residues = npt.NDArray[np.uint64]
"""(polynomials, primes, N)"""
RESIDUE_BYTES = 6
_WORD = 8
_HEADER_BYTES, _VERSION_BYTES = 16, 5
_COEFFICIENTS, _NTT = 0, 1


def size_of(shape: tuple[int, int]) -> int:
    """Bytes of so many polynomials over so many primes."""
    return shape[0] * shape[1] * N * RESIDUE_BYTES


def bytes_of(residues: Residues) -> bytes:
    """As they travel."""
    octets = residues.astype("<u8").reshape(-1, 1).view(np.uint8)
    return octets[:, :RESIDUE_BYTES].tobytes()


def residues_of(payload: bytes, primes: Sequence[int], sender: str) -> Residues:
    """The polynomials of a peer's bytes over these primes. ProtocolError unless they are whole, and each number is
    below its prime."""
    row = size_of((1, len(primes)))
    if not payload or len(payload) % row:
        raise ProtocolError(
            f"{sender} sent a cut ciphertext", expected=f"a multiple of {row} bytes", found=len(payload)
        )
    octets = np.zeros((len(payload) // RESIDUE_BYTES, _WORD), dtype=np.uint8)
    octets[:, :RESIDUE_BYTES] = np.frombuffer(payload, dtype=np.uint8).reshape(-1, RESIDUE_BYTES)
    residues = octets.view("<u8").reshape(-1, len(primes), N).astype(np.uint64)
    if (residues >= np.array(primes, dtype=np.uint64)[:, None]).any():
        raise ProtocolError(f"{sender} sent a ciphertext that is none", expected="residues below their primes")
    return residues


def ciphertext_of(payload: bytes, primes: Sequence[int], sender: str) -> Residues:
    """Two polynomials. ProtocolError also where the second is zero, so that the first shows what it hides."""
    residues = residues_of(payload, primes, sender)
    if len(residues) != 2 or not residues[1].any():
        raise ProtocolError(f"{sender} sent a ciphertext that hides nothing", expected="two polynomials, none zero")
    return residues


def out_of(ciphertext: Any) -> Residues:
    """What a ciphertext of SEAL's holds."""
    count = ciphertext.size() * ciphertext.coeff_modulus_size() * N
    numbers = np.fromiter(map(ciphertext.dyn_array().at, range(count)), dtype=np.uint64, count=count)
    return numbers.reshape(ciphertext.size(), ciphertext.coeff_modulus_size(), N)


class Streams:
    """Hands polynomials to a context of SEAL's, which loads from files alone: one file in a folder of its own, for this
    user alone, that holds ciphertexts and goes with it."""

    def __init__(self, seal: Any, context: Any, parameters: Any) -> None:
        self._seal, self._context = seal, context
        self._folder = tempfile.TemporaryDirectory(prefix="placet-fhe-")
        self._file = Path(self._folder.name) / "stream"
        parameters.save(str(self._file))
        self._version = self._file.read_bytes()[:_VERSION_BYTES]

    def __enter__(self) -> Streams:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def ciphertext(self, residues: Residues, level: Sequence[int]) -> Any:
        """A ciphertext at the level of that hash of parameters."""
        return self._load(self._seal.Ciphertext(self._context), self._written(residues, level, _COEFFICIENTS))

    def relinearising(self, keys: Sequence[Residues], level: Sequence[int]) -> Any:
        """Keys for relinearising products of two."""
        parts = b"".join(self._written(key, level, _NTT) for key in keys)
        head = struct.pack("<4Q", *level) + struct.pack("<2Q", 1, len(keys))
        return self._load(self._seal.RelinKeys(), self._framed(head + parts))

    def _load(self, target: Any, stream: bytes) -> Any:
        self._file.write_bytes(stream)
        target.load(self._context, str(self._file))
        return target

    def _written(self, residues: Residues, level: Sequence[int], form: int) -> bytes:
        polynomials, primes, _ = residues.shape
        numbers = struct.pack("<Q", residues.size) + residues.astype("<u8").tobytes()
        sizes = struct.pack("<3Q", polynomials, N, primes)
        scale, correction = struct.pack("<d", 1.0), struct.pack("<Q", 1)
        return self._framed(
            struct.pack("<4Q", *level) + bytes((form,)) + sizes + scale + correction + self._framed(numbers)
        )

    def _framed(self, content: bytes) -> bytes:
        size = struct.pack("<Q", _HEADER_BYTES + len(content))
        return self._version.ljust(_HEADER_BYTES - len(size), b"\0") + size + content
