"""Many persons' consents at once, as batch files: for rehearsals, where one machine has everybody's keys.

A key of its own for each consent, signed, enrolled and put into one batch file an offer; the file is taken in and
anchored as an institution does it. What a vault, a node or an auditor sees is what real persons' consents show.
"""

from __future__ import annotations

import functools
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from placet.chain.client import Chain
from placet.chain.keystore import load_secret
from placet.core.batch_file import BatchLine
from placet.core.consent import ConsentFields
from placet.core.enrolment import enrolment_hash, subject_commitment
from placet.core.ids import OfferId
from placet.core.offers import Offer, Scope
from placet.core.processes import end_with_parent
from placet.core.signatures import Key
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex
from placet.core.wording import Wording
from placet.node.consents.scopes import Scopes
from placet.sandbox import program
from placet.sandbox.consortium import Consortium
from placet.sandbox.founding import together

STEP = 500
"""Persons whose consents are made in one go."""
_SLOW = 6 * 3600
"""Seconds that a command over very many consents may take."""

Tell = Callable[[int, int], object]
"""(consents that are made, all)"""


@dataclass(frozen=True)
class Window:
    """When consents count: Unix seconds, and from which opening for how many."""

    not_before: int
    not_after: int
    first_opening: int = 0
    uses: int = 1


@dataclass(frozen=True)
class BulkSigner:
    """Makes consents to one offer in many persons' names. `enroller`: the enroller's secret key, 32 bytes."""

    offer: Offer
    scope: Scope
    trust: TrustList
    deployment: Deployment
    enroller: bytes

    def lines(self, subjects: Sequence[str], windows: Sequence[Window]) -> bytes:
        """A line of a batch file for each person, under a fresh key, in the order of the persons."""
        wording = Wording(self.offer, self.scope, self.trust.name)
        enroller, digest = Key(self.enroller), self.deployment.consents.digest
        text = bytearray()
        for subject, window in zip(subjects, windows, strict=True):
            owner, salt, opener = Key(), secrets.token_bytes(32), secrets.token_bytes(32)
            times = (window.not_before, window.not_after, window.first_opening, window.uses)
            commitment = subject_commitment(subject, opener)
            consent = ConsentFields(owner.address, *times, commitment, salt)
            line = BatchLine(
                consent=consent,
                signature=owner.sign(digest(wording.consent_id(consent))),
                enroller=enroller.address,
                enrolled=enroller.sign(digest(enrolment_hash(owner.address, commitment))),
                opening=(subject, opener),
            )
            text += line.encode() + b"\n"
        return bytes(text)


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
        words = (_lines(group, key), _batch(group, key), "--offer", group.offers[key])
        group.run("batch", "make", *words, "--config", f"{key}/node.toml", seconds=_SLOW)
        _lines(group, key).unlink()

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
    group.wait_blocks(Deployment.model_validate_json((group.folder / "deployment.json").read_bytes()).confirmations + 1)
    return sum(len(willing[key]) for key in keys)


def _lines(group: Consortium, key: str) -> Path:
    return group.folder / f"{key}.jsonl"


def _batch(group: Consortium, key: str) -> Path:
    return group.folder / f"{key}.batch"


def signer(group: Consortium, key: str) -> tuple[BulkSigner, int]:
    """What signs consents to a provider's offer, and how many jobs have opened on that so far."""
    deployment = Deployment.model_validate_json((group.folder / "deployment.json").read_bytes())
    trust = TrustList.model_validate_json((group.folder / "trust.json").read_bytes())
    state = Chain(group.chain.url, deployment).offer(OfferId(from_hex(group.offers[key])))
    scope = Scopes(group.folder / key / "scopes").of(state.offer)
    passphrase = (group.folder / "passphrase").read_text().strip()
    enroller = load_secret(group.folder / "registry" / "enroller.json", passphrase)
    return BulkSigner(state.offer, scope, trust, deployment, enroller), state.openings


def _sign(group: Consortium, willing: Mapping[str, Sequence[str]], seconds: int, uses: int, tell: Tell) -> None:
    start, all_, ready = int(time.time()), sum(map(len, willing.values())), 0
    with ProcessPoolExecutor(mp_context=program.forking(), initializer=end_with_parent) as pool:
        work = {}
        for key, persons in willing.items():
            bulk, openings = signer(group, key)
            window = Window(start, start + seconds, openings, uses)
            for first in range(0, len(persons), STEP):
                some = persons[first : first + STEP]
                work[pool.submit(bulk.lines, some, [window] * len(some))] = key, len(some)
        sinks = {key: _lines(group, key).open("wb") for key in willing}
        try:
            for future in as_completed(work):
                key, number = work[future]
                sinks[key].write(future.result())
                tell(ready := ready + number, all_)
        finally:
            for sink in sinks.values():
                sink.close()
