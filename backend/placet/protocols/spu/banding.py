"""The program `bands` as SPU runs it: a table under the protocol, and which of its edges may be told.

Where one party has the whole score it brings each row's band, so the table is one product of matrices and nothing is
compared but counts. Where two have a part each, the band of every row's sum is searched for (`searching`), and for
exact ranks all are sorted: by radix sort, in which places come out only of rows that were shuffled (Hamada and others,
"Practically efficient multi-party sorting protocols from comparison sort algorithms", ICISC 2012, for shuffles).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from placet.protocols.mpc.banding import Bands
from placet.protocols.spu.merging import Array, enough, flags, kept, running_at
from placet.protocols.spu.searching import in_bands, running_totals


def bands(program: Bands, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    *scores, labels = arrays.values()
    running, sums, ranks = (_whole if len(scores) == 1 else _parts)(program, scores, labels)
    totals = running[:, -1]
    large = flags(totals[0::2] >= program.smallest) * flags(totals[1::2] >= program.smallest)
    groups = running * jnp.repeat(large, 2)[:, None]
    whole = jnp.stack([groups[0::2].sum(axis=0), groups[1::2].sum(axis=0)])
    coarse, fine = _edges(program, groups, jnp.repeat(1 - large, 2) * program.smallest, whole)
    lines = [whole * fine]
    if program.sums:
        lines.append(((sums * large[:, None]).sum(axis=0) * fine)[None, :])
    if program.exact:
        last = jnp.array(np.eye(1, program.bands, program.bands - 1, dtype=np.int64))
        lines.append(last * (ranks * large[0]))
    if program.groups > 1:
        lines.append(groups * coarse)
    return (jnp.concatenate(lines),)


def _whole(program: Bands, scores: Sequence[Array], labels: Array) -> tuple[Array, Array, Array]:
    """Running counts by line, running sums of scores by group, twice the sum of the positives' ranks."""
    product = labels @ scores[0]
    below = np.triu(np.ones((program.bands,) * 2, dtype=np.int64))
    counts = product[:, : program.bands] @ below
    sums = (product[0::2] + product[1::2])[:, program.bands : 2 * program.bands]
    return counts, sums @ below if program.sums else sums, product[0, -1]


def _parts(program: Bands, scores: Sequence[Array], labels: Array) -> tuple[Array, Array, Array]:
    """The same of scores that two have a part of each."""
    import jax.numpy as jnp

    first, second = scores
    score = first[0] + second[0]
    lines = labels * (first[1] * second[1])[None, :]
    places = in_bands(score, np.array(program.edges, dtype=np.int64))
    sums = lines
    if program.sums:
        sums = running_totals((lines[0::2] + lines[1::2]) * score[None, :], places)
    return (
        running_totals(lines, places),
        sums,
        _doubled_ranks(score, lines) if program.exact else jnp.zeros((), jnp.int64),
    )


def _doubled_ranks(score: Array, lines: Array) -> Array:
    """Twice the sum of the positives' ranks (Mann and Whitney's U, and what it is more than that): of each positive the
    negatives below it twice, and those beside it once. So rows are sorted twice, with the negatives first where scores
    are equal, and with the positives first. A row's label are the last bits of what is sorted."""
    import jax
    import jax.numpy as jnp

    positives, negatives = lines
    count, passed = positives.sum(), []
    for last, first in ((positives, negatives), (negatives, positives)):
        ordered = jnp.sort(4 * score + 2 * last + first)
        flagged = [jnp.bitwise_and(ordered, 1), jnp.bitwise_and(jnp.right_shift(ordered, 1), 1)]
        up, down = flagged if first is positives else reversed(flagged)
        passed.append((up * jax.lax.associative_scan(jnp.add, down)).sum())
    return passed[0] + passed[1] + count * (count + 1)


def _edges(program: Bands, groups: Array, spare: Array, whole: Array) -> tuple[Array, Array]:
    """A 1 for each band whose upper edge is told of all groups, and of the whole. `spare` is what a line that is not
    told lacks to the smallest group."""
    import jax.numpy as jnp

    places = program.threshold_places
    ends = np.zeros(len(places), dtype=np.int64)
    ends[[0, -1]] = 1
    stays = kept(jnp.array(ends), enough(running_at(groups, places), program.smallest, spare))
    spread = np.zeros((len(places), program.bands + 1), dtype=np.int64)
    spread[range(len(places)), places] = 1
    coarse = stays @ spread
    fine = kept(coarse, enough(running_at(whole, range(program.bands + 1)), program.smallest))
    return coarse[1:], fine[1:]
