"""An oblivious key-value store: a table that has a value for every key, and does not tell which keys were put in.

A garbled cuckoo table of three hash functions (Garimella, Pinkas, Rosulek, Trieu, Yanai, "Oblivious Key-Value Stores
and Amplification for Private Set Intersection", CRYPTO 2021) with a dense part as in PaXoS (Pinkas and others,
EUROCRYPT 2020): a key's value is the XOR of three cells, one in each third, and of those of 64 more that its mask
names. There are 1.3 cells a key, so that nearly always all keys peel off one after the other; what does not peel is
solved by elimination.

*Failure.* Encoding fails where the cells of some keys XOR to nothing: where these keys take each of the 1.3·n cells an
even number of times, and then, with 2^-64, each of the 64 too. The expected number of sets of keys that do the first is
below 2 for every n, and falls with n: `expected_sets` computes it, and a test holds it there. So encoding fails with
less than 2^-63, without a figure from experiments. There is no retry: it would tell something of the keys.

*Oblivious.* All cells are uniform but those that the values then determine: with uniform values the table is uniform,
whatever the keys are. Keys are hashes under a context, so that nobody could choose identifiers to make it fail.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.core.errors import ProtocolError
from placet.protocols.order import Entropy
from placet.protocols.ot.columns import Bytes
from placet.protocols.ot.oprf import Words, blocks_of

DENSE = 64
_CELLS_A_KEY = 1.3
_WORD_BYTES = 8
_BYTE_VALUES = 256

Index = npt.NDArray[np.int64]


def sparse_third(keys: int) -> int:
    """Cells in each third of the sparse part, for a table of at most so many keys."""
    return max(1, math.ceil(_CELLS_A_KEY * keys / 3))


def table_cells(keys: int) -> int:
    """Cells of a table for at most so many keys."""
    return 3 * sparse_third(keys) + DENSE


def encode(
    keys: Bytes, values: Words, capacity: int, *, context: bytes, entropy: Entropy = secrets.token_bytes
) -> Words:
    """The table (`table_cells(capacity)`, w) in which each key (n, 16) has its values (n, w); n is at most `capacity`.

    Keys are distinct and pseudorandom, as hashes are. ProtocolError where it fails, which is less likely than 2^-63.
    """
    where = _where(keys, capacity, context)
    cells, width = table_cells(capacity), values.shape[1]
    random = entropy(cells * width * _WORD_BYTES)
    table = np.frombuffer(random, "<u8").reshape(cells, width).astype(np.uint64)
    rounds, core = _peeled(where.cells, cells - DENSE)
    if len(core):
        _solve_core(table, where.at(core), values[core])
    dense = _dense(table, where.masks) ^ values
    for rows, own in reversed(rounds):
        table[own] = 0
        table[own] = dense[rows] ^ _sparse(table, where.cells[rows])
    return table


def decode(table: Words, keys: Bytes, *, context: bytes) -> Words:
    """The values (n, w) of keys (n, 16) in a table: those that were put in, and for other keys whatever comes out.

    `table` has the cells of some capacity, as whoever receives one checks by `table_cells`.
    """
    where = _where_in(keys, (len(table) - DENSE) // 3, context)
    return _sparse(table, where.cells) ^ _dense(table, where.masks)


def expected_sets(keys: int) -> float:
    """How many sets of keys are expected to take every sparse cell an even number of times. Exact, for uniform hashes:
    the sum over sizes s of C(keys, s)·p(s)^3, p(s) being the probability that s balls fall evenly into a third."""
    third = sparse_third(keys)
    balls = np.arange(third + 1)
    ways = _log_binomial(third, balls) - third * math.log(2)
    with np.errstate(divide="ignore"):
        sides = np.log(np.abs(1 - 2 * balls / third))
    total = 0.0
    for size in range(2, keys + 1, 2):
        even = np.logaddexp.reduce(ways + size * sides)
        total += math.exp(float(_log_binomial(keys, np.array([size]))[0] + 3 * even))
    return total


@dataclass(frozen=True)
class _Where:
    """Of each key its three cells (n, 3), and its mask (n,) over the dense ones."""

    cells: Index
    masks: Words

    def at(self, rows: Index) -> _Where:
        return _Where(self.cells[rows], self.masks[rows])


def _where(keys: Bytes, capacity: int, context: bytes) -> _Where:
    return _where_in(keys, sparse_third(capacity), context)


def _where_in(keys: Bytes, third: int, context: bytes) -> _Where:
    numbers = np.ascontiguousarray(blocks_of(keys, b"cells" + context, 2)).view("<u8").astype(np.uint64, copy=False)
    cells = (numbers[:, :3] % np.uint64(third)).astype(np.int64) + third * np.arange(3)
    return _Where(cells, numbers[:, 3])


def _peeled(cells: Index, count: int) -> tuple[list[tuple[Index, Index]], Index]:
    """Rounds of rows, each with a cell that none of the rows of its round or of later ones has; and the rows left."""
    rows = np.arange(len(cells))
    degree = np.bincount(cells.ravel(), minlength=count)
    total = np.bincount(cells.ravel(), np.repeat(rows, 3).astype(np.float64), minlength=count).astype(np.int64)
    left = np.ones(len(cells), bool)
    rounds: list[tuple[Index, Index]] = []
    single = np.flatnonzero(degree == 1)
    while len(single):
        peeled, first = np.unique(total[single], return_index=True)
        rounds.append((peeled, single[first]))
        left[peeled] = False
        touched = cells[peeled].ravel()
        np.subtract.at(degree, touched, 1)
        np.subtract.at(total, touched, np.repeat(peeled, 3))
        touched = np.unique(touched)
        single = touched[degree[touched] == 1]
    return rounds, np.flatnonzero(left)


def _sparse(table: Words, cells: Index) -> Words:
    total: Words = table[cells[:, 0]] ^ table[cells[:, 1]] ^ table[cells[:, 2]]
    return total


def _dense(table: Words, masks: Words) -> Words:
    """The XOR of the dense cells that each mask names, a byte of the masks at a time (n, w)."""
    dense = table[-DENSE:]
    total = np.zeros((len(masks), table.shape[1]), np.uint64)
    for byte in range(DENSE // 8):
        sums = np.zeros((1, table.shape[1]), np.uint64)
        for cell in dense[8 * byte : 8 * byte + 8]:
            sums = np.concatenate([sums, sums ^ cell])
        total ^= sums[(masks >> np.uint64(8 * byte)) % np.uint64(_BYTE_VALUES)]
    return total


def _solve_core(table: Words, where: _Where, values: Words) -> None:
    """Change cells of the table so that these rows, none of which peels, have their values. By Gauss, over integers
    whose high bits are cells and whose low ones what they must still change by."""
    width = 64 * values.shape[1]
    wrong = values ^ _sparse(table, where.cells) ^ _dense(table, where.masks)
    names, numbered = np.unique(where.cells, return_inverse=True)
    basis: dict[int, int] = {}
    for cells, mask, rest in zip(numbered.reshape(-1, 3).tolist(), where.masks.tolist(), wrong, strict=True):
        line = mask
        for cell in cells:
            line ^= 1 << DENSE + cell
        line = line << width | int.from_bytes(rest.astype("<u8").tobytes(), "little")
        while (top := line.bit_length()) in basis:
            line ^= basis[top]
        if top <= width:
            raise ProtocolError("a store can't hold these keys", remedy="start a new attempt", code="ot.okvs")
        basis[top] = line
    changes: dict[int, int] = {}
    for top in sorted(basis):
        line = basis[top]
        change, unknown = line & (1 << width) - 1, (line ^ 1 << top - 1) >> width
        while unknown:
            low = unknown & -unknown
            change ^= changes.get(low.bit_length() - 1, 0)
            unknown ^= low
        changes[top - 1 - width] = change
    for place, change in changes.items():
        cell = len(table) - DENSE + place if place < DENSE else int(names[place - DENSE])
        table[cell] ^= np.frombuffer(change.to_bytes(width // 8, "little"), "<u8").astype(np.uint64)


def _log_binomial(n: int, k: Index) -> npt.NDArray[np.float64]:
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    return np.asarray(logs[n] - logs[k] - logs[n - k], np.float64)
