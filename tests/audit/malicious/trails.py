"""Trails that are not what was recorded."""

from __future__ import annotations

from typing import Any

from simulator import START, Simulation, Starting, h

from malicious.lies import B, malicious, with_facts
from placet.audit.bundle import Bundle
from placet.audit.facts import Ending
from placet.core.trail import HEAD_TAG, Exchange


class Steps(Simulation):
    """Party 1's step of this name differs."""

    name = ""

    def make_step(self, fields: dict[str, Any]) -> Any:
        if fields["party"] == 1 and fields["name"] == self.name:
            fields = self.differently(fields)
        return super().make_step(fields)

    def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


@malicious("trail.steps", B)
def a_step_left_out_of_the_count() -> Bundle:
    class Skips(Steps):
        name = "mask-output"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            return fields | {"index": fields["index"] + 1}

    return Skips().bundle()


class Recorder(Simulation):
    """Party 1 of an aborted job records something else than it shows."""

    def recorded(self, hashes: list[bytes]) -> list[bytes]:
        raise NotImplementedError

    def record(self, party: int, attempt: int) -> list[bytes]:
        hashes = super().record(party, attempt)
        return self.recorded(hashes) if party == 1 else hashes


@malicious("trail.recorded", B)
def a_step_changed_after_it_was_recorded() -> Bundle:
    class Changes(Recorder):
        def recorded(self, hashes: list[bytes]) -> list[bytes]:
            return [h("what it really did")]

    return Changes(ending=Ending.ABORTED).bundle()


@malicious("trail.recorded", B)
def a_recorded_step_that_is_not_shown() -> Bundle:
    class Drops(Recorder):
        def recorded(self, hashes: list[bytes]) -> list[bytes]:
            return [*hashes, h("an embarrassing step")]

    return Drops(ending=Ending.ABORTED).bundle()


@malicious("trail.recorded", B)
def a_step_that_was_never_recorded() -> Bundle:
    class Silent(Recorder):
        def recorded(self, hashes: list[bytes]) -> list[bytes]:
            return []

    simulation = Silent(ending=Ending.ABORTED)
    late = simulation.chain_facts().head.model_copy(update={"timestamp": START + 10**6})
    return with_facts(simulation, head=late)


@malicious("trail.sealed", B)
def a_head_that_is_not_the_trails() -> Bundle:
    class Other(Simulation):
        def make_seal(self, fields: dict[str, Any]) -> Any:
            heads = list(fields["heads"])
            heads[1] = h("x")
            return super().make_seal(fields | {"heads": tuple(heads)})

    return Other().bundle()


class OtherStart(Starting):
    """Party 1 tells the others another head than that of its trail."""

    def head(self, party: int) -> bytes:
        told = super().head(party)
        return h("another") + told[32:] if party == 1 else told


@malicious("trail.starts", B)
def a_start_that_is_not_the_trails() -> Bundle:
    return OtherStart().bundle()


@malicious("trail.starts", B)
def a_start_told_by_a_party_that_shows_nothing() -> Bundle:
    simulation = OtherStart()
    return simulation.bundle(without=(1,))


@malicious("trail.starts", B)
def two_starts_told_to_two_parties() -> Bundle:
    class Two(Starting):
        def send(self, sender: int, receiver: int, tag: str, digest: bytes | None = None) -> tuple[Exchange, Exchange]:
            if (sender, receiver, tag) == (1, 2, HEAD_TAG):
                digest = h("another")
            return super().send(sender, receiver, tag, digest)

    return Two().bundle(without=(1,))


@malicious("trail.recorded", B, also=("trail.starts",))
def a_start_of_which_nothing_was_recorded_in_time() -> Bundle:
    class Silent(Starting):
        def record(self, party: int, attempt: int) -> list[bytes]:
            return [] if party == 1 else super().record(party, attempt)

    simulation = Silent(ending=Ending.ABORTED)
    late = simulation.chain_facts().head.model_copy(update={"timestamp": START + 10**6})
    return with_facts(simulation, head=late)
