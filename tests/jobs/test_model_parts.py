"""How parties keep their parts of a model in one job, and bring them to another, over queues."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from placet.core.errors import ProtocolError, StateError
from placet.core.lawful import ModelRef
from placet.core.model_part import ModelPart, model_commitment
from placet.core.offers import CLEAR_MODEL
from placet.core.trail import Artefact
from placet.jobs import model_parts, settlement
from placet.recipes.joint_scorecard import run as joint_scorecard
from placet.vault.models import KeptModel

TRAINING, SCORING = secrets.token_bytes(32), secrets.token_bytes(32)


class Wires:
    """What parties send each other, by sender and receiver; `lies` instead of what the sender would say of a tag."""

    def __init__(self, lies: dict[tuple[int, int, str], bytes] | None = None) -> None:
        self.lies = lies or {}
        self.queues: dict[tuple[int, int], asyncio.Queue[bytes]] = {}

    def between(self, sender: int, receiver: int) -> asyncio.Queue[bytes]:
        return self.queues.setdefault((sender, receiver), asyncio.Queue())


class Step:
    def __init__(self, wires: Wires, me: int, outputs: dict[str, bytes]) -> None:
        self.wires, self.me, self.outputs = wires, me, outputs

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        receiver = int(to.removeprefix("party-"))
        await self.wires.between(self.me, receiver).put(self.wires.lies.get((self.me, receiver, tag), payload))

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        payload = await self.wires.between(int(sender.removeprefix("party-")), self.me).get()
        assert len(payload) <= limit
        return payload

    def public(self, name: str, commitment: bytes) -> Artefact:
        self.outputs[name] = commitment
        return Artefact(name=name, commitment=commitment)


class Party:
    """As much of a party's run as parts of models take. `brings` is what its vault hands out."""

    def __init__(
        self, wires: Wires, party: int, model: ModelRef | None = None, brings: KeptModel | None = None
    ) -> None:
        self.party, self.attempt, self.outputs = party, 1, dict[str, bytes]()
        self.record = SimpleNamespace(job=TRAINING if brings is None else SCORING)
        chosen = SimpleNamespace(offer=secrets.token_bytes(32), consent=secrets.token_bytes(32))
        self.plan = SimpleNamespace(parties=(None,) * 3, inputs=(chosen,))
        self.peers = [one for one in range(3) if one != party]
        self.terms = None
        self.declared = SimpleNamespace(use=lambda number: SimpleNamespace(model=model))
        self.kept: list[KeptModel] = []
        self.context = SimpleNamespace(demand_rows=lambda: self, note_uses=lambda *_: None)
        self.brings, self.wires = brings, wires

    @contextlib.asynccontextmanager
    async def step(self, name: str, protocol: str, *inputs: Artefact) -> AsyncIterator[Step]:
        yield Step(self.wires, self.party, self.outputs)

    def name(self, party: int) -> str:
        return f"Bank {party}"

    def entropy(self, *labels: bytes) -> Any:
        return lambda size: secrets.token_bytes(size)

    def number(self, alias: str) -> int:
        return 0

    async def keep_model(self, job: bytes, plan: Any, terms: Any, kept: KeptModel) -> None:
        self.kept.append(kept)

    async def model(self, *_: Any) -> KeptModel | None:
        return self.brings


def together(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    async def run() -> list[Any]:
        async with asyncio.timeout(60):
            return await asyncio.gather(*works, return_exceptions=True)

    return asyncio.run(run())


def trained() -> list[KeptModel]:
    """What three parties kept."""
    wires = Wires()
    runs: list[Any] = [Party(wires, party) for party in range(3)]
    models = together(*(model_parts.keep(run, "scorecard", {"points": str(run.party)}) for run in runs))
    kept = [run.kept[0] for run in runs]
    assert len({artefact.commitment for artefact in models}) == 1
    assert {one.commitment for one in kept} == {models[0].commitment}
    assert [run.outputs["part"] for run in runs] == [one.part.commitment for one in kept]
    assert all(one.commitments == tuple(other.part.commitment for other in kept) for one in kept)
    return kept


def brought(kept: list[KeptModel], model: ModelRef | None = None, kind: str = "scorecard") -> list[Any]:
    wires, which = Wires(), model or ModelRef(kept[0].part.job, kept[0].commitment)
    runs: list[Any] = [Party(wires, party, which, one) for party, one in enumerate(kept)]
    return together(*(model_parts.bring(run, "model", kind) for run in runs))


def refused(ended: list[Any]) -> set[str]:
    assert all(isinstance(error, ProtocolError) for error in ended), ended
    return {error.code for error in ended}


def test_who_tells_two_parties_of_two_parts_is_named_before_anything_is_kept() -> None:
    """The seal would go through otherwise, and the parts never come together."""
    wires = Wires({(2, 1, model_parts.PART): secrets.token_bytes(32)})
    runs: list[Any] = [Party(wires, party) for party in range(3)]
    ended = together(*(model_parts.keep(run, "scorecard", {"points": str(run.party)}) for run in runs))
    assert refused(ended[:2]) == {model_parts.DIFFERS}
    assert all("Bank 2" in error.message and {"Bank 0", "Bank 1"} & set(words(error)) for error in ended[:2])
    assert not any(run.kept for run in runs[:2])
    assert joint_scorecard.JOINT_SCORECARD.final(model_parts.DIFFERS)


def test_who_says_that_it_was_told_otherwise_ends_the_job_too() -> None:
    """Whether it lies or was lied to, the others can't tell; nobody keeps a part."""
    wires = Wires({(2, 0, model_parts.PARTS): secrets.token_bytes(96)})
    runs: list[Any] = [Party(wires, party) for party in range(3)]
    ended = together(*(model_parts.keep(run, "scorecard", {}) for run in runs))
    assert refused(ended[:1]) == {model_parts.DIFFERS} and "Bank 2 says" in str(ended[0].found)
    cut = Wires({(2, 0, model_parts.PARTS): b"short"})
    runs = [Party(cut, party) for party in range(3)]
    assert refused(together(*(model_parts.keep(run, "scorecard", {}) for run in runs))[:1]) == {"model.parts"}


def words(error: ProtocolError) -> list[str]:
    """Names of institutions in it."""
    return re.findall(r"Bank \d", f"{error.expected} {error.found}")


def test_what_is_kept_is_what_is_brought() -> None:
    kept = trained()
    assert [part for part, _ in brought(kept)] == [one.part for one in kept]
    assert {artefact.commitment for _, artefact in brought(kept)} == {kept[0].commitment}


def test_a_part_of_another_job_does_not_come_together_with_these() -> None:
    """Swapped by one party: every party sees it, before anything is computed."""
    kept, other = trained(), trained()
    assert refused(brought([kept[0], other[1], kept[2]])) == {"model.parts"}


def test_parts_in_another_order_or_of_another_plan_are_not_the_plans_model() -> None:
    kept = trained()
    assert refused(brought([kept[1], kept[0], kept[2]])) == {"model.parts"}
    forged = ModelRef(kept[0].part.job, model_commitment([secrets.token_bytes(32)] * 3))
    assert refused(brought(kept, forged)) == {"model.parts"}


def test_a_model_of_another_kind_is_not_computed_with() -> None:
    assert refused(brought(trained(), kind="trees")) == {"model.parts"}


def test_a_parts_commitment_hides_what_it_is_of() -> None:
    """Two parts of the same content have different ones, by their salts."""
    fields: dict[str, Any] = {
        "job": TRAINING,
        "attempt": 1,
        "party": 0,
        "kind": "scorecard",
        "content": {"points": "1"},
    }
    made = [ModelPart(**fields, salt=secrets.token_bytes(32)) for _ in range(2)]
    assert made[0].commitment != made[1].commitment
    assert "points" not in repr(made[0]) and made[0].salt.hex() not in repr(made[0])


@pytest.mark.parametrize(("code", "ends"), [("model.name", True), ("vault.unreachable", False)])
def test_a_model_in_clear_that_can_never_be_kept_does_not_hold_its_job_up(
    monkeypatch: pytest.MonkeyPatch, code: str, ends: bool
) -> None:
    """What is owed for the job is claimed behind it. A vault that is away is asked again."""
    told: list[Any] = []

    async def say(record: Any, status: str, **details: object) -> None:
        told.append((status, details["code"]))

    async def keep_model(*_: Any) -> None:
        raise StateError("not kept", code=code)

    spec = SimpleNamespace(parse=lambda parameters: None, tells=lambda parameters: SimpleNamespace(output=CLEAR_MODEL))
    monkeypatch.setattr(settlement, "spec_of", lambda recipe: spec)
    attempts: Any = SimpleNamespace(context=None, store=None, at_rest=None, runs=None)
    intents: Any = None
    terms = SimpleNamespace(recipe="joint-scorecard", parameters={})
    record: Any = SimpleNamespace(job=TRAINING, party=2, plan=None, terms=terms)
    state, vault = SimpleNamespace(attempt=1), SimpleNamespace(keep_model=keep_model)
    ending: Any = settlement.Settlement(attempts, intents, say)
    with contextlib.nullcontext() if ends else pytest.raises(StateError):
        asyncio.run(ending._keep_model(vault, record, state, {"commitment": "0x" + 64 * "a"}))
    assert told == ([("model-not-kept", code)] if ends else [])
