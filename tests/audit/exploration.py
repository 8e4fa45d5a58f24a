"""A job whose provider adds noise, under a privacy budget."""

from __future__ import annotations

from typing import Any

from simulator import Simulation, h

from placet.audit.facts import BudgetChange, ChainFacts
from placet.catalogue.private_statistics import NOISY, PrivateStatisticsParameters, noise
from placet.core.noise_opening import NoiseOpening
from placet.core.offers import Offer, Scope
from placet.core.plan import Input, Plan, Terms
from placet.core.privacy import GaussianRelease
from placet.jobs.randomness import NoiseSource, noise_seed, seed_commitment, work_digest
from placet.protocols.noise import DrawnNoise

PROVIDER = 0
BOUNDS = (0, 1_000)
SPENT, OFFERED, KEPT = 30_000_000, 50_000_000, 80_000_000
QUESTIONS: list[dict[str, Any]] = [
    {"ask": "count", "column": "balance", "budget": 10_000_000},
    {"ask": "mean", "column": "balance", "bounds": list(BOUNDS), "budget": 20_000_000},
]
ASKED = {"questions": QUESTIONS, "smallest_group": 3}
BEFORE = 25_000_000
"""What an earlier job under another offer spent of the dataset."""


class Noisy(Simulation):
    """`private-statistics` of one provider, whose dataset another job has asked before."""

    providers, consumer_brings = 1, False

    def seed(self, party: int) -> bytes:
        return seed_commitment(h("seed", party))

    def make_scope(self, provider: int) -> Scope:
        changes = {"output": NOISY, "recipes": ("private-statistics",), "bounds": {"balance": BOUNDS}}
        return super().make_scope(provider).model_copy(update=changes | {"smallest_group": 3})

    def make_offer(self, provider: int, scope: Scope) -> Offer:
        return super().make_offer(provider, scope).model_copy(update={"operations": 16, "budget": OFFERED})

    def make_terms(self, fields: dict[str, Any]) -> Terms:
        return Terms(**fields | {"recipe": "private-statistics", "parameters": ASKED})

    def make_plan(self, fields: dict[str, Any]) -> Plan:
        return Plan(**fields | {"operations": 16})

    def _input(self, party: int) -> Input:
        return super()._input(party).model_copy(update={"budget": SPENT})

    # what can differ

    def releases(self) -> tuple[GaussianRelease, ...]:
        asked = PrivateStatisticsParameters.model_validate(ASKED)
        return tuple(one for choice in noise("provider", asked) for one in choice)

    def drawn(self) -> list[DrawnNoise]:
        block = self.opened.block_hash
        source = NoiseSource(noise_seed(h("seed", PROVIDER)), self.job, self.attempt, block)
        return [source.draw(release) for release in self.releases()]

    def recorded_noise(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """What the step says of it, and what it makes."""
        drawn = self.drawn()
        shown: dict[str, Any] = {"noise": [one.release.to_json() for one in drawn]}
        return shown, {f"noise/{one.release.what}": one.commitment for one in drawn}

    def budgets(self) -> list[BudgetChange]:
        dataset = self.offers[PROVIDER].dataset
        return [
            BudgetChange(kind="spent", dataset=dataset, offer=h("another offer"), job=h("another job"), amount=BEFORE,
                         left=KEPT - BEFORE, at=self.made[PROVIDER]),
            BudgetChange(kind="spent", dataset=dataset, offer=self.offers[PROVIDER].id, job=self.job, amount=SPENT,
                         left=KEPT - BEFORE - SPENT, at=self.opened.at),
        ]  # fmt: skip

    # the job

    def _compute(self) -> None:
        self._open_tables()
        parameters, made = self.recorded_noise()
        self.step(
            PROVIDER, "answer", protocol="noise.discrete-gaussian/1", inputs={"rows": self._made(PROVIDER, "rows")},
            outputs=made | {"noisy": self._made(PROVIDER, "noisy")}, parameters=parameters,
        )  # fmt: skip
        self.outputs[PROVIDER] = self._made(PROVIDER, "masked")
        out = self.send(PROVIDER, self.consumer, "output")
        self.step(
            PROVIDER, "mask-output", inputs={"noisy": self._made(PROVIDER, "noisy")},
            outputs={"masked": self.outputs[PROVIDER]}, sent=(out[0],),
        )  # fmt: skip
        self.step(
            self.consumer, "received-masked", received=(out[1],), outputs={"masked-0": self.outputs[PROVIDER]},
            inputs={"message": out[1].digest},
        )  # fmt: skip

    def chain_facts(self) -> ChainFacts:
        facts = super().chain_facts()
        used = {
            "offers": facts.offers[:1],
            "datasets": (facts.datasets[0].model_copy(update={"budget": KEPT}),),
            "budgets": tuple(self.budgets()),
            "given": (),
            "committed": (),
        }
        return facts.model_copy(update=used)

    def opening(self) -> dict[int, NoiseOpening]:
        seed = h("seed", PROVIDER)
        opened = NoiseOpening(job=self.job, party=PROVIDER, work=work_digest(seed), noise=noise_seed(seed))
        return {PROVIDER: opened}
