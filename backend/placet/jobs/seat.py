"""A party's place in one attempt of a job: what the plan gives it, and the randomness to which it is committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from placet.catalogue.declared import DeclaredJob
from placet.catalogue.spec import RecipeParameters
from placet.chain.events import JobOpened
from placet.chain.threaded import ask_chain
from placet.core.errors import PlanError, StateError
from placet.core.plan import Plan, Terms
from placet.jobs.context import JobContext
from placet.jobs.randomness import NoiseSource, noise_seed, stream
from placet.jobs.records import JobRecord
from placet.protocols.order import Entropy

P = TypeVar("P", bound=RecipeParameters)


@dataclass
class PartySeat:
    """Nothing here sends or records anything."""

    context: JobContext
    record: JobRecord
    declared: DeclaredJob
    attempt: int
    roots: tuple[bytes, ...]

    @property
    def plan(self) -> Plan:
        return self.record.plan

    @property
    def terms(self) -> Terms:
        return self.record.terms

    @property
    def party(self) -> int:
        return self.record.party

    @property
    def role(self) -> str:
        return self.terms.roles[self.party]

    def parameters(self, kind: type[P]) -> P:
        """The recipe's parameters, which are of the recipe's own type."""
        parameters = self.declared.parameters
        if not isinstance(parameters, kind):
            raise PlanError("parameters of another recipe", found=self.terms.recipe)
        return parameters

    @property
    def peers(self) -> list[int]:
        """All other parties."""
        return [party for party in range(len(self.plan.parties)) if party != self.party]

    def others(self, role: str) -> list[int]:
        """The other parties of a role."""
        return [i for i, r in enumerate(self.terms.roles) if r == role and i != self.party]

    def number(self, alias: str) -> int:
        """An own input's place among all of the plan's. PlanError if there is no such input."""
        first = self.plan.input_offset(self.party)
        own = range(first, first + len(self.plan.parties[self.party].inputs))
        number = next((i for i in own if self.terms.inputs[i] == alias), None)
        if number is None:
            raise PlanError("the plan gives this party no such input", found=alias)
        return number

    def name(self, party: int) -> str:
        """A party's name for people, by the trust list."""
        return self.context.trust.name(self.plan.parties[party].signer)

    def entropy(self, *labels: bytes) -> Entropy:
        """This party's committed randomness, apart for each attempt and label."""
        return self.job_entropy(self.attempt.to_bytes(4, "big"), *labels)

    def job_entropy(self, *labels: bytes) -> Entropy:
        """The same for the whole job."""
        return stream(self._seed, self.record.job, *labels)

    async def noise(self) -> NoiseSource:
        """This party's noise in this attempt. StateError as `opening_block`."""
        block = await self.opening_block()
        return NoiseSource(noise_seed(self._seed), self.record.job, self.attempt, block)

    @property
    def _seed(self) -> bytes:
        return self.context.at_rest.open(self.record.seed, b"seed")

    async def opening_block(self) -> bytes:
        """The hash of the block in which the job opened: nobody knew it when seeds were committed to. StateError where
        this node has not seen the opening."""

        return await ask_chain(lambda: self.context.chain.block(self.opened_in()).hash)

    def opened_in(self) -> int:
        """That block's number by this node's index, read here and now. StateError."""
        opened = (one for one in self.context.index.job_events(self.record.job) if isinstance(one, JobOpened))
        block = next((one.block for one in opened), None)
        if block is None:
            raise StateError("this node has not seen the job's opening", code="peer.early")
        return block
