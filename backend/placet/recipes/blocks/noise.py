"""A party's noise, release by release: what its recipe declares, drawn from its committed seed, and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from placet.core.errors import StateError
from placet.core.privacy import Choice
from placet.jobs.party_run import PartyRun
from placet.jobs.randomness import NoiseSource
from placet.protocols.noise import DrawnNoise

PROTOCOL = "noise.discrete-gaussian/1"


def padded(part: bytes, room: int) -> bytes:
    """JSON with spaces behind it. A masked part is shown as long as it is in each attempt, and only the sealed one is
    paid for: how many digits noisy numbers have, and which are not told, must not stand in its length. `room` follows
    from the plan."""
    return part.ljust(room)


@dataclass
class DeclaredNoise:
    """Draws in the order of `releases`. `drawn`: what a step still has to record."""

    source: NoiseSource
    releases: Sequence[Choice]
    drawn: list[DrawnNoise] = field(default_factory=list)
    place: int = 0

    @classmethod
    async def of(cls, job: PartyRun) -> DeclaredNoise:
        """StateError where this node has not seen the job's opening."""
        declared = job.declared
        return cls(await job.noise(), declared.spec.noise(job.role, declared.parameters))

    def on(self, numbers: int, variance: int) -> tuple[int, ...]:
        """Noise for the next release. StateError `noise.undeclared` where the recipe declares another one: an audit
        would name this party for it."""
        choice = self.releases[self.place] if self.place < len(self.releases) else ()
        release = next((one for one in choice if (one.numbers, one.variance) == (numbers, variance)), None)
        if release is None:
            raise StateError(
                "the recipe declares no such noise",
                expected=", ".join(f"{one.numbers} numbers of variance {one.variance}" for one in choice[:3]) or "none",
                found=f"{numbers} numbers of variance {variance}",
                code="noise.undeclared",
            )
        self.place += 1
        drawn = self.source.draw(release)
        self.drawn.append(drawn)
        return drawn.numbers
