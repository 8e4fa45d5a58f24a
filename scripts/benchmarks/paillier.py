"""Paillier encryption against phe's own, both with gmpy2, under the same key.

Rounds alternate: one encryption by phe, then several of ours, of which phe decrypts one. Time is this process's CPU
time, so that other work on the machine disturbs little; a ratio is the median over the rounds.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import time

from placet.protocols.mpc.djn import Table
from placet.protocols.mpc.extra import phe
from placet.protocols.mpc.paillier import SIZES, generate

ROUNDS = {2048: 40, 3072: 20}
OURS_A_ROUND = 8
TARGETS = {"ratio_2048": 12.0}

NOTES = {
    "ratio": "how many encryptions of ours take as long as one by phe",
    "phe_ms": "one encryption by phe",
    "ours_ms": "one of ours, table at hand",
    "table_s": "to make the table, once a key",
    "table_mb": "memory of the table, MB of 10^6 bytes",
    "key_s": "to make a key (varies with luck)",
}


def _memory(table: Table) -> int:
    """Bytes of all numbers and of what holds them; two rows' equal numbers are counted twice."""
    return sum(
        sys.getsizeof(row) + sum(sys.getsizeof(pair) + sum(map(sys.getsizeof, pair)) for pair in row)
        for row in table.rows
    )


def measure(bits: int) -> dict[str, float]:
    """Figures for one size of key, by the names of NOTES."""
    begun = time.process_time()
    key = generate(bits)
    made = time.process_time()
    public, table = key.public, key.public.table
    built = time.process_time()
    theirs = phe.PaillierPublicKey(public.n)

    rounds: list[tuple[float, float]] = []
    for _ in range(ROUNDS[bits]):
        value = secrets.randbelow(2**64) - 2**63
        start = time.process_time()
        theirs.encrypt(value)
        between = time.process_time()
        for _ in range(OURS_A_ROUND):
            ours = public.encrypt(value)
        end = time.process_time()
        rounds.append((between - start, (end - between) / OURS_A_ROUND))
        assert key.private.decrypt(phe.EncryptedNumber(theirs, ours.value, 0)) == value
    return {
        "ratio": round(statistics.median(by_phe / by_us for by_phe, by_us in rounds), 1),
        "phe_ms": round(1e3 * statistics.median(by_phe for by_phe, _ in rounds), 2),
        "ours_ms": round(1e3 * statistics.median(by_us for _, by_us in rounds), 2),
        "table_s": round(built - made, 2),
        "table_mb": round(_memory(table) / 1e6, 1),
        "key_s": round(made - begun, 2),
    }


def main(*, json: bool) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    figures = {f"{name}_{bits}": value for bits in SIZES for name, value in measure(bits).items()}
    out = sys.stderr if json else sys.stdout
    for name, value in figures.items():
        target = f"at least {TARGETS[name]:g}" if name in TARGETS else ""
        print(f"{name:<14} {value:>8} {target:<12}  {NOTES[name.rpartition('_')[0]]}", file=out)
    return dict(figures)
