"""`federated-network`: institutions with the same columns train one network by secure sums of what their rows move.

Each party's rows stay in its node and in the engine's process beside it, which has no network. The messages of Flower's
strategy are recorded by their hashes: they are the same at all parties, since they follow from sums alone. All come to
the same network inside the protocol. What columns are like and how good it is are told as of a pooled model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import from_json

from placet.catalogue import federated_network
from placet.catalogue.federated_network import FederatedNetworkParameters
from placet.catalogue.spec import CONSUMER
from placet.core.hashing import canonical, sha256
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.models.network import Whole, largest_sum
from placet.models.pooled_checks import Seat
from placet.protocols.flower import process
from placet.protocols.flower.process import FlowerOutcome, Material
from placet.protocols.flower.task import FLOWER
from placet.recipes.blocks.pooled_opening import FINAL, demand_same, demand_unopened, opened_table
from placet.recipes.blocks.secure_sums import SecureSums
from placet.recipes.federated_network.report import alone_of, outcome_of, told_of
from placet.recipes.federated_network.training import trained

PROTOCOL = f"flower-{FLOWER}/1"
SEED = b"placet.federated-network/1"


@dataclass
class _Rounds:
    """The engine's rounds as steps of a trail, and their sums."""

    job: PartyRun
    parameters: FederatedNetworkParameters
    table: Artefact
    sums: SecureSums
    number: int = 0

    async def train(self, first: Whole, own: Material) -> FlowerOutcome:
        """`training.Engine`."""
        ports, left = self.job.context.engine_ports, self.job.seconds_left

        async def answer(messages: list[bytes], words: Whole) -> Whole:
            self.sums.made = await self._recorded(messages, words)
            totals = await self.sums.add("training", words.tolist(), largest_sum(own.people))
            return np.array(totals, np.int64)

        python = ports.flower.require()
        outcome = await process.train(python, ports.scratch, left, self.parameters.training, first, own, answer)
        self.sums.made = await self._recorded(outcome.messages, outcome.weights)
        return outcome

    async def _recorded(self, messages: list[bytes], words: Whole) -> Artefact:
        """What passed Flower's grid since the last sum, the reply to one message and the next one, by its hash; and
        what the own training moved, or in the end the network."""
        self.number += 1
        name = f"network-{self.number}"
        async with self.job.step(
            name, PROTOCOL, self.table, self.sums.made, parameters={"messages": len(messages)}
        ) as step:
            for place, message in enumerate(messages):
                step.public(f"message/{place}", sha256(message))
            return step.output("weights", words.astype("<i8").tobytes())


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    parameters = job.parameters(FederatedNetworkParameters)
    job.context.engine_ports.flower.require()
    await demand_unopened(job, noisy=False)
    table, artefact = await opened_table(job, parameters.label, parameters.features, parameters.train)
    await job.started_with(*job.peers)
    sums, consumes = SecureSums(job, artefact), job.role == CONSUMER
    rounds = _Rounds(job, parameters, artefact, sums)
    seed = sha256(SEED, job.record.job, await job.opening_block())
    seat = Seat(job.party, sums.members)
    federated = await trained(parameters, table, sums.add, seat, rounds.train, seed, alone=consumes)
    outcome = canonical(outcome_of(parameters, federated))
    if not consumes:
        return await job.release(outcome, sums.made)
    own = await asyncio.to_thread(alone_of, parameters, table, federated)
    state = {"parameters": job.terms.parameters, "outcome": json.loads(outcome), "alone": own}
    await job.collect(canonical(state), sums.made)


def combine(parts: Mapping[int, bytes], private: bytes, _: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group} and, unless too few have either label, what `report.told_of` says.
    InputError where a party released another network than this one came to."""
    state = json.loads(private)
    own = canonical(state["outcome"])
    demand_same(parts, own)
    parameters = federated_network.SPEC.parse(state["parameters"])
    return {"rows": [], "report": told_of(parameters, from_json(own), state["alone"])}


_FINAL = FINAL | {"flower.diverged", "flower.missing"}
FEDERATED_NETWORK = RecipeRun(spec=federated_network.SPEC, run=run, combine=combine, final=_FINAL.__contains__)
