"""Many persons' consents at once, as batch files: for rehearsals, where one machine has everybody's keys.

A key of its own for each consent, signed, enrolled and put into one batch file an offer; the file is taken in and
anchored as an institution does it. What a vault, a node or an auditor sees is what real persons' consents show.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from placet.chain.client import Chain
from placet.core.trust import Deployment
from placet.sandbox.consortium import Consortium
from placet.sandbox.founding import together
from placet.vault.consent_table import TableWriter, read_consents

STEP = 500
"""Persons whose consents are made in one go."""
_SLOW = 6 * 3600
"""Seconds that a command over very many consents may take."""

Tell = Callable[[int, int], object]
"""(consents that are made, all)"""


def give(
    group: Consortium,
    willing: Mapping[str, Sequence[str]],
    *,
    seconds: int,
    uses: int,
    tell: Tell = lambda done, all_: None,
) -> int:
    """Consents of the persons `willing` at each provider, for so many seconds from now, until they are on chain at the
    depth that counts; their number. The providers' vaults stand still meanwhile."""
    keys = [key for key, persons in willing.items() if persons]
    _sign(group, {key: willing[key] for key in keys}, seconds, uses, tell)

    def make(key: str) -> None:
        words = (_table(group, key), _batch(group, key), "--offer", group.offers[key])
        group.run("batch", "make", *words, "--config", f"{key}/node.toml", seconds=_SLOW)
        _table(group, key).unlink()

    workers = max(1, (os.cpu_count() or 1) // max(1, len(keys)))

    def take(key: str) -> None:
        words = ("--config", f"{key}-vault/vault.toml", "--processes", workers)
        group.run("batch", "import", _batch(group, key), *words, seconds=_SLOW)

    def anchor(key: str) -> None:
        group.run("batch", "anchor", _batch(group, key), "--config", f"{key}/node.toml")

    together(*(functools.partial(make, key) for key in keys))
    group.end(*(f"{key}-vault" for key in keys))
    together(*(functools.partial(work, key) for key in keys for work in (take, anchor)))
    for key in keys:
        group.start_vault(key)
    for key in keys:
        group.wait_vault(key)
        group.wait_healthy(key)
    deployment = Deployment.model_validate_json((group.folder / "deployment.json").read_bytes())
    group.wait_confirmed(Chain(group.chain.url, deployment))
    return sum(len(willing[key]) for key in keys)


def _table(group: Consortium, key: str) -> Path:
    return group.folder / f"{key}.consents.parquet"


def _batch(group: Consortium, key: str) -> Path:
    return group.folder / f"{key}.batch"


def _sign(group: Consortium, willing: Mapping[str, Sequence[str]], seconds: int, uses: int, tell: Tell) -> None:
    until, all_, ready = int(time.time()) + seconds, sum(map(len, willing.values())), 0
    parts = [
        (key, persons[first : first + STEP])
        for key, persons in willing.items()
        for first in range(0, len(persons), STEP)
    ]

    def sign(part: tuple[str, Sequence[str]]) -> bytes:
        key, persons = part
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "consents.parquet"
            words = (group.folder, group.chain.url, key, group.offers[key], until, uses, out)
            group.run(*words, module="placet.sandbox.signing", stdin=json.dumps(persons))
            return out.read_bytes()

    with contextlib.ExitStack() as opened, ThreadPoolExecutor(os.cpu_count()) as pool:
        sinks = {key: opened.enter_context(TableWriter(_table(group, key))) for key in willing}
        for (key, persons), table in zip(parts, pool.map(sign, parts), strict=True):
            sinks[key].add(read_consents(io.BytesIO(table)))
            tell(ready := ready + len(persons), all_)
