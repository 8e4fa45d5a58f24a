"""What an entry of the corpus is, and how its file is judged."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from simulator import NAMES, Simulation

from placet.audit.bundle import Bundle, bundle_pieces, read_bundle
from placet.audit.outcome import AuditReport
from placet.audit.proof import TrustedBlocks
from placet.audit.sections import Sections
from placet.audit.verify import verify
from placet.core.evidence import Evidence
from placet.core.noise_opening import NoiseOpening

A, B, C, D = NAMES
OWN_LIST = f"input 3: {D} declared the rows its own, by its own word"


@dataclass(frozen=True)
class Told:
    """A bundle, and what its auditor has besides: noise that was opened to him, hashes of blocks that he trusts."""

    bundle: Bundle
    noise: Mapping[int, NoiseOpening] | None = None
    trusted: TrustedBlocks | None = None


@dataclass(frozen=True)
class Malicious:
    """A bundle in which `check` fails, and beside it only what says the same in other words (`also`). `culprits` are
    those whom it names (none: the chain's own word is broken). `within`: as if the simulated recipe did more."""

    check: str
    culprits: tuple[str, ...]
    also: tuple[str, ...]
    make: Callable[[], Bundle | Told]
    within: Callable[[], AbstractContextManager[None]]

    def told(self) -> Told:
        """As its liar hands it out."""
        with self.within():
            made = self.make()
        return made if isinstance(made, Told) else Told(made)

    @property
    def bundle(self) -> Bundle:
        return self.told().bundle

    def report(self) -> AuditReport:
        """What an auditor gets who reads the file."""
        told, sections = self.told(), Sections()
        file = io.BytesIO(b"".join(bundle_pieces(told.bundle, sections)))
        with self.within():
            return verify(read_bundle(file, sections), sections=sections, noise=told.noise, trusted=told.trusted)


CORPUS: dict[str, Malicious] = {}


def malicious(
    check: str,
    *culprits: str,
    also: tuple[str, ...] = (),
    within: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Callable[[Callable[[], Bundle | Told]], Callable[[], Bundle | Told]]:
    """An entry of the corpus, under the name of the function that makes it. See `Malicious`."""

    def add(make: Callable[[], Bundle | Told]) -> Callable[[], Bundle | Told]:
        assert make.__name__ not in CORPUS, make.__name__
        CORPUS[make.__name__] = Malicious(check, culprits, also, make, within)
        return make

    return add


def with_facts(simulation: Simulation, **changed: Any) -> Bundle:
    bundle = simulation.bundle()
    return bundle.model_copy(update={"facts": bundle.facts.model_copy(update=changed)})


def evidence_of(simulation: Simulation, party: int, **changed: Any) -> Evidence:
    return simulation.evidence(party).model_copy(update=changed)


def other(signature: bytes) -> bytes:
    return signature[:10] + bytes([signature[10] ^ 1]) + signature[11:]
