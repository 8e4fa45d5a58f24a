"""Circuit PSI: how many identifiers two parties share, and the sum of one side's amounts over them, or how many of them
are in which cell of one side's and class of the other's, as shares.

Nobody learns which they are, and the numbers only whoever gets both shares, where enough identifiers are common: below
a smallest group the circuit itself puts zeros in their place, so that both shares together tell no more than that.
Identifiers are laid out in bins (`bins`) and compared by the MPC engine, so it rests on Cheetah alone. Cost: bins ·
depth comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from placet.core.errors import DataError, InputError
from placet.core.values import parse
from placet.protocols.counted import count_and_total_of, demand_range, most_with_noise, noisy_count_of
from placet.protocols.spu.bins import Layout, Words, cuckoo, layout, simple, spread
from placet.protocols.spu.engine import Engine, choose
from placet.protocols.spu.mpc import Array, Secret, compute, reconstruct
from placet.protocols.spu.network import Network
from placet.protocols.spu.programs import INTERSECTION, TABLE, MatchedShares
from placet.protocols.spu.tabulating import NOISE, MatchedTable
from placet.protocols.work import Progress

ENGINE: Engine = choose(2)


async def count_and_sum(
    network: Network,
    identifiers: Sequence[bytes | str],
    amounts: Sequence[int] | None,
    *,
    rows: tuple[int, int],
    amounts_of: int | None,
    smallest: int,
    scratch: Path,
    seconds: float,
    progress: Progress | None = None,
    noise: int | None = None,
) -> bytes:
    """Our share of the count and, if `amounts_of` names a rank, of the sum of its amounts over the common rows: of
    zeros where fewer than `smallest` are common.

    Both call this with the same `rows` (how many each rank has at the most, which is public), `amounts_of` and
    `smallest`.
    `amounts` go with our identifiers where they are ours. `noise`, which both bring or neither does, is what we add to
    the count before it is compared: nobody gets to hold the exact one. DataError for duplicates, too many rows, or
    `demand_range`; LimitError where it is not feasible; and `process.run`'s errors.
    """
    mine = amounts_of == network.me
    if len(network.members) != 2 or amounts_of not in (None, 0, 1) or mine != (amounts is not None):
        raise InputError("circuit PSI does not fit", expected="two parties; amounts from whom they are announced")
    if amounts is not None:
        if len(amounts) != len(identifiers):
            raise DataError("an amount for each identifier", expected=len(identifiers), found=len(amounts))
        demand_range(amounts)
    laid = _laid(network, identifiers, rows)
    secrets, own = list(laid.secrets), dict(laid.own)
    if amounts_of is not None:
        wide = (laid.shape.bins, laid.shape.depth)
        secrets.append(Secret("amounts", amounts_of, "int64", wide[:1] if amounts_of == 0 else wide))
    if amounts is not None:
        own["amounts"] = spread(np.asarray(amounts, np.int64), laid.at)
    if noise is not None:
        _add_noise(network, secrets, own, np.array([noise], np.int64))
    (share,) = await compute(
        network,
        ENGINE,
        INTERSECTION.name,
        parse(MatchedShares, {"smallest": smallest}),
        secrets,
        own,
        scratch=scratch,
        seconds=seconds,
        progress=progress,
    )
    return share


async def count_table(
    network: Network,
    identifiers: Sequence[bytes | str],
    brought: Words,
    *,
    rows: tuple[int, int],
    cells: int,
    program: MatchedTable,
    noise: Sequence[int],
    scratch: Path,
    seconds: float,
) -> bytes:
    """Our share of the noisy counts (classes · cells,) of common rows by class and cell, 0 where one is below the
    program's smallest.

    Rank 0 brings the cells (n, cells) that its identifiers are in, each 0 or 1, rank 1 its identifiers' classes (n,).
    Both call this with the same `rows`, as in `count_and_sum`, `cells` and `program`, and with noise for each count.
    Errors as there.
    """
    shape = (len(identifiers), cells) if network.me == 0 else (len(identifiers),)
    if brought.shape != shape or len(noise) != program.classes * cells or rows[0] >> program.bits:
        raise InputError("what is counted does not fit", expected=f"{shape}, and noise for each count")
    laid = _laid(network, identifiers, rows)
    bins, depth = laid.shape.bins, laid.shape.depth
    secrets, own = list(laid.secrets), dict(laid.own)
    secrets.append(Secret("cells", 0, "int64", (bins, cells)))
    secrets.append(Secret("classes", 1, "int64", (bins, depth)))
    if network.me == 0:
        own["cells"] = spread(brought, laid.at)
    else:
        own["classes"] = spread(brought + 1, laid.at)
    _add_noise(network, secrets, own, np.array(noise, np.int64))
    (share,) = await compute(network, ENGINE, TABLE.name, program, secrets, own, scratch=scratch, seconds=seconds)
    return share


@dataclass(frozen=True)
class _Laid:
    """Identifiers where they lie, and which row is `at` which place."""

    shape: Layout
    at: Words
    secrets: tuple[Secret, Secret]
    own: dict[str, Array]


def _laid(network: Network, identifiers: Sequence[bytes | str], rows: tuple[int, int]) -> _Laid:
    if min(rows) < 1:
        raise DataError("no identifiers", expected="room for one on each side at the least", found=rows)
    if len(identifiers) > rows[network.me]:
        raise DataError("more rows than there is room for", expected=rows[network.me], found=len(identifiers))
    shape = layout(*rows)
    secrets = (
        Secret("cuckoo", 0, "int64", (shape.bins,)),
        Secret("simple", 1, "int64", (shape.bins, shape.depth)),
    )
    lay = cuckoo if network.me == 0 else simple
    tags, at = lay(identifiers, network.session, shape)
    return _Laid(shape, at, secrets, {secrets[network.me].name: tags})


def _add_noise(network: Network, secrets: list[Secret], own: dict[str, Array], noise: Words) -> None:
    secrets += [Secret(name, rank, "int64", noise.shape) for rank, name in enumerate(NOISE)]
    own[NOISE[network.me]] = noise


async def open_count_and_sum(
    shares: Sequence[bytes], *, rows: tuple[int, int], summed: bool, smallest: int, scratch: Path, seconds: float
) -> tuple[int, int] | None:
    """Count and sum from both ranks' shares of them; None where fewer than `smallest` were common. The sum is 0 where
    nobody had amounts (`summed` False).

    InputError where they are of another result, or of one that no honest parties reach; and `reconstruct`'s errors.
    """
    result = await _opened(shares, (1 + summed,), scratch, seconds)
    return count_and_total_of(int(result[0]), int(result[1]) if summed else 0, rows=rows, smallest=smallest)


async def open_noisy_count(
    shares: Sequence[bytes], *, rows: tuple[int, int], variance: int, smallest: int, scratch: Path, seconds: float
) -> int | None:
    """A count to which both have added noise of that variance; None where it came out below `smallest`. Errors as
    `open_count_and_sum` has them."""
    result = await _opened(shares, (1,), scratch, seconds)
    return noisy_count_of(int(result[0]), rows=rows, variance=variance, smallest=smallest)


async def open_table(
    shares: Sequence[bytes],
    *,
    rows: tuple[int, int],
    cells: int,
    program: MatchedTable,
    variance: int,
    scratch: Path,
    seconds: float,
) -> Words:
    """Noisy counts (classes, cells) from both ranks' shares, 0 where one came out below the smallest group. Errors as
    `open_count_and_sum` has them."""
    counts = await _opened(shares, (program.classes * cells,), scratch, seconds)
    least, most = program.smallest, most_with_noise(rows, variance)
    if not ((counts == 0) | ((counts >= least) & (counts <= most))).all():
        raise InputError("the shares are of no noisy counts", expected=f"0, or {least} to {most}")
    table: Words = counts.reshape(program.classes, cells)
    return table


async def _opened(shares: Sequence[bytes], shape: tuple[int, ...], scratch: Path, seconds: float) -> Array:
    result = await reconstruct(shares, ENGINE, scratch=scratch, seconds=seconds)
    if result.shape != shape or result.dtype != np.int64:
        raise InputError(
            "the shares are of another result",
            expected=f"int64 of shape {shape}",
            found=f"{result.dtype} of shape {result.shape}",
        )
    return result
