"""The recipe `model-transfer` by its parts: what a plan may ask, a model in two halves, both parties' messages, and
what comes out. Whole jobs are in test_live.py."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columned import columned
from declaring import declaring
from placet.catalogue.declared import declared
from placet.catalogue.model_transfer import SPEC, ModelTransferParameters
from placet.core.errors import InputError, LimitError, PlacetError, PlanError, ProtocolError
from placet.core.hashing import canonical
from placet.core.model_table import document_of, pieces_of
from placet.core.offers import Subjects
from placet.core.trail import Artefact
from placet.core.values import to_hex
from placet.models.linear import LinearModel
from placet.models.released import ReleasedTrees, json_of
from placet.models.scorecard import Scorecard
from placet.models.source import halves_of
from placet.models.transfer import ALONE, MAP, RECALIBRATED, SOURCE, Recalibration, judged_in_clear
from placet.protocols.mpc.transfer import MAX_PAIRS, SCORE_BITS, TransferJudge
from placet.protocols.spu.transferring import WEIGHTS
from placet.recipes.model_transfer import run as module
from placet.recipes.model_transfer.report import report_of
from placet.recipes.model_transfer.target import LabelledRows, Sizes
from placet.vault.rows import Rows

CATEGORY = {"kind": "category", "levels": 2, "categories": ["city", "sea"], "missing": "own"}
NUMBER = {"kind": "number", "low": "0", "high": "900", "centre": "400", "spread": "150", "missing": "usual"}


def line(**changes: Any) -> LinearModel:
    columns = [
        {"party": "consumer", "column": "income", "prepared": NUMBER, "coefficients": ["-0.75"]},
        {"party": "consumer", "column": "branch", "prepared": CATEGORY, "coefficients": ["0.5", "0.125", "-0.25"]},
    ]
    fixed = {"label": "bad", "family": "logistic", "centre": "0", "spread": "1", "intercept": "-1"}
    return LinearModel.model_validate(fixed | {"columns": columns} | changes)


def card(higher: int = 0) -> Scorecard:
    columns = [
        {
            **{"party": "consumer", "column": "income", "points": [-9, 4, 11, 0, -3]},
            "bins": {"kind": "number", "bins": 3, "edges": ["200", "500"]},
        },
        {
            **{"party": "consumer", "column": "branch", "points": [5, -6, 0, 2]},
            "bins": {"kind": "category", "bins": 2, "categories": ["city", "sea"]},
        },
    ]
    scale = {"base_score": 600, "pdo": 20, "base_odds": 1, "higher": higher}
    return Scorecard.model_validate({"label": "bad", "scale": scale, "base": 610, "columns": columns})


def asked(source: LinearModel | Scorecard, **changes: Any) -> dict[str, Any]:
    fixed = {"columns": ["branch", "income"], "label": "bad", "train": 50, "smallest_group": 3, "protocol": "cheetah"}
    return fixed | {"model": {"commitment": to_hex(source.commitment)}} | changes


# Plans.


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "income"},
        {"columns": ["income", "income"]},
        {"columns": []},
        {"protocol": "aby3"},
        {"train": 95},
        {"strength": 0},
        {"smallest_group": 1},
        {"model": {"job": "0x" + "11" * 32}},
        {"more": 1},
    ],
)
def test_plans_that_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        SPEC.parse(asked(line(), **changes))


@pytest.mark.parametrize("job", [None, "0x" + "a1" * 32])
def test_a_model_is_what_a_job_made_or_the_sources_own(job: str | None) -> None:
    """Either under the source's own consent; the gates hold the dataset's registration against it."""
    parameters = asked(line())
    if job is not None:
        parameters["model"]["job"] = job
    plan, terms = declaring("model-transfer", SPEC.parse(parameters).to_json(), "spu", 2)
    uses = [declared(plan, terms).use(number) for number in (0, 1)]
    assert [use.subjects for use in uses] == [Subjects.OWN if job is None else Subjects.MODEL, Subjects.PERSONS]
    assert [use.columns for use in uses] == [
        ("piece", "document") if job is None else ("model",),
        ("bad", "branch", "income"),
    ]
    assert [use.named for use in uses] == [True, False]
    assert uses[0].tells.output == "evaluation" and uses[0].tells.group == 3


# A model in two halves.


@given(st.integers(0, 2**32 - 1), st.sampled_from([line(), card(0), card(1)]))
def test_two_halves_score_as_the_whole(seed: int, model: LinearModel | Scorecard) -> None:
    luck = np.random.default_rng(seed)
    values = {
        "income": [None if luck.random() < 0.1 else int(luck.integers(-100, 1200)) for _ in range(30)],
        "branch": [str(luck.choice(["city", "sea", "moon", ""])) for _ in range(30)],
    }
    shape, weights = halves_of(model)
    scores = weights.scores(shape.design(values)) / 2**SCORE_BITS
    by_key = {("consumer", name): column for name, column in values.items()}
    if isinstance(model, LinearModel):
        expected = model.predictors(by_key)
    else:
        expected = (model.scores(by_key) - model.scale.offset) / model.scale.factor
    assert np.abs(scores - expected).max() < 0.002


def trees(seed: int) -> ReleasedTrees:
    """Of two parties' columns, some of which end early."""
    luck = np.random.default_rng(seed)
    parts = [
        {
            "columns": [{"column": column["column"], "bins": column["bins"]}],
            "cuts": [{"column": 0, "left": cells} for cells in lefts],
        }
        for column, lefts in zip(card().to_json()["columns"], ([[0], [0, 1, 4]], [[1], [0, 2], [3]]), strict=True)
    ]

    def grown(depth: int) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = []

        def grow(left: int) -> int:
            place = len(nodes)
            nodes.append({"weight": int(luck.integers(-(2**18), 2**18)), "rows": 9})
            if left and luck.random() < 0.8:
                party = int(luck.integers(2))
                cut = int(luck.integers(len(parts[party]["cuts"])))
                nodes[place] = {"party": party, "cut": cut, "gain": 1, "rows": 9}
                nodes[place] |= {"yes": grow(left - 1), "no": grow(left - 1)}
            return place

        grow(depth)
        return nodes

    model = {"parties": 2, "base": 2**17, "trees": [grown(3), grown(1), grown(2)]}
    return ReleasedTrees.model_validate({"model": model, "parts": parts, "parties": ["consumer", "first-provider"]})


@given(st.integers(0, 2**32 - 1))
def test_trees_in_two_halves_score_as_the_whole(seed: int) -> None:
    model, luck = trees(seed), np.random.default_rng(seed)
    if all(len(tree) == 1 for tree in model.model.trees):
        with pytest.raises(InputError):
            halves_of(model)
        return
    values = {"income": luck.integers(0, 700, 30).tolist(), "branch": luck.choice(["city", "sea", "moon"], 30).tolist()}
    shape, weights = halves_of(model)
    codes = [[column.bins.codes(values[column.column]) for column in part.columns] for part in model.parts]
    expected = model.model.score(model.parts, codes) / 2**18
    assert shape.trees is not None and len(weights.numbers) == shape.trees.numbers(shape.width)
    assert np.abs(weights.scores(shape.design(values)) / 2**SCORE_BITS - expected).max() < 1e-4


def test_the_half_that_is_told_has_no_weight() -> None:
    """What a target is shown of models that differ in weights alone is the same."""
    told = {canonical(halves_of(one)[0].to_json()) for one in (line(), line(intercept="7"))}
    heavier = line().to_json()
    heavier["columns"][1]["coefficients"] = ["9", "8", "7"]
    told.add(canonical(halves_of(LinearModel.model_validate(heavier))[0].to_json()))
    assert len(told) == 1
    assert len({canonical(halves_of(card(higher))[0].to_json()) for higher in (0, 1)}) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"family": "poisson"},
        {"intercept": "65"},
        {
            "columns": [
                {"party": party, "column": "income", "prepared": NUMBER, "coefficients": ["1"]}
                for party in ("consumer", "first-provider")
            ]
        },
    ],
)
def test_models_that_are_no_source(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        halves_of(line(**changes))
    assert caught.value.code == "transfer.model"


@given(st.binary(max_size=20_000), st.randoms(use_true_random=False))
def test_a_document_is_the_same_out_of_its_pieces_in_any_order(document: bytes, luck: Any) -> None:
    rows = pieces_of(document)
    luck.shuffle(rows)
    assert document_of(*(zip(*rows, strict=True) if rows else ((), ()))) == document
    assert all(len(text) <= 4096 for _, text in rows)


@pytest.mark.parametrize("spoil", [lambda rows: rows[1:], lambda rows: [*rows, rows[0]], lambda rows: [("0000", "é")]])
def test_pieces_that_are_no_document(spoil: Any) -> None:
    rows = spoil(pieces_of(bytes(9_000)))
    with pytest.raises(InputError) as caught:
        document_of(*zip(*rows, strict=True))
    assert caught.value.code == "transfer.model"


# Two parties.


@dataclass
class Party:
    """A party's run as the recipe sees it: its rows, and a queue of messages from the other one."""

    role: str
    parameters_: ModelTransferParameters
    rows: Rows
    inbox: asyncio.Queue[bytes]
    outbox: asyncio.Queue[bytes]
    private: bytes | None = None
    released: bytes | None = None
    sent: list[bytes] = field(default_factory=list)

    @property
    def terms(self) -> Any:
        return SimpleNamespace(parameters=self.parameters_.to_json(), engine="spu")

    def parameters(self, kind: type) -> ModelTransferParameters:
        return self.parameters_

    def others(self, role: str) -> list[int]:
        return [0 if role == "source" else 1]

    async def open(self, alias: str) -> tuple[Rows, Artefact]:
        return self.rows, Artefact(name="rows", commitment=bytes(32))

    async def opening_block(self) -> bytes:
        return b"\x07" * 32

    def job_entropy(self, *labels: bytes) -> Any:
        return lambda count: bytes(count)

    @contextlib.asynccontextmanager
    async def step(self, name: str, protocol: str, *inputs: Artefact, parameters: Any = None) -> AsyncIterator[Any]:
        party = self

        class Step:
            async def send(self, to: str, tag: str, payload: bytes) -> None:
                party.sent.append(payload)
                await party.outbox.put(payload)

            async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
                payload = await asyncio.wait_for(party.inbox.get(), 60)
                assert len(payload) <= limit
                return payload

            def output(self, name: str, content: bytes) -> Artefact:
                return Artefact(name=name, commitment=bytes(32))

            def public(self, name: str, commitment: bytes) -> Artefact:
                return Artefact(name=name, commitment=commitment)

        yield Step()

    async def release(self, part: bytes, *inputs: Artefact) -> None:
        self.released = part

    async def collect(self, private: bytes, *inputs: Artefact) -> None:
        self.private = private


def rows_of(columns: dict[str, list[Any]], identifier: str) -> Rows:
    count = len(columns[identifier])
    consents = b"".join(bytes([number // 256, number % 256]) * 16 for number in range(count))
    return Rows(columned(columns), identifier, consents)


def customers(count: int = 80, bad: int = 2) -> Rows:
    luck = np.random.default_rng(5)
    return rows_of(
        {
            "customer": [f"P{number}" for number in range(count)],
            "bad": [int(number % bad == 0) for number in range(count)],
            "income": luck.integers(0, 900, count).tolist(),
            "branch": luck.choice(["city", "sea"], count).tolist(),
        },
        "customer",
    )


def table(model: LinearModel | Scorecard) -> Rows:
    pieces, texts = zip(*pieces_of(json_of(model)), strict=True)
    return rows_of({"piece": list(pieces), "document": list(texts)}, "piece")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TransferJudge, dict[str, Any]]]:
    """What each party brings to it; nothing is computed."""
    brought: list[tuple[TransferJudge, dict[str, Any]]] = []

    async def computed(job: Any, program: TransferJudge, own: Any, *inputs: Artefact) -> tuple[bytes, Artefact]:
        brought.append((program, dict(own)))
        return b"a share", Artefact(name="share", commitment=bytes(32))

    monkeypatch.setattr(module, "_computed", computed)
    return brought


def both(parameters: dict[str, Any], model: Rows, rows: Rows) -> tuple[Party, Party, list[BaseException | None]]:
    """Source and target, and how each ended."""

    async def run() -> tuple[Party, Party, list[BaseException | None]]:
        one, other = asyncio.Queue[bytes](), asyncio.Queue[bytes]()
        parsed = SPEC.parse(parameters)
        source = Party("source", parsed, model, one, other)
        target = Party("consumer", parsed, rows, other, one)
        tasks = [asyncio.create_task(module.run(party)) for party in (source, target)]  # type: ignore[arg-type]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        return source, target, list(await asyncio.gather(*tasks, return_exceptions=True))

    return asyncio.run(run())


@pytest.mark.parametrize("model", [line(), card(), trees(3)], ids=["line", "card", "trees"])
def test_each_brings_its_half_and_no_message_has_a_row_or_a_weight(model: Any, engine: list[Any]) -> None:
    source, target, ended = both(asked(model), table(model), customers())
    assert ended == [None, None] and source.released == b"a share"
    (program, weights), (same, arrays) = sorted(engine, key=lambda one: WEIGHTS not in one[1])
    assert program == same and (program.train, program.validation) == (40, 40)
    assert set(weights) == {WEIGHTS} and WEIGHTS not in arrays
    secrets = {one.name: one for one in module.secrets_of(program)}
    for name, array in {**weights, **arrays}.items():
        assert array.shape == secrets[name].shape and array.dtype == np.int64
    (shape,), (sizes,) = source.sent, target.sent
    assert json.loads(shape).keys() == {"commitment", "shape"}
    assert json.loads(sizes) == {
        **{"enough": True, "train": 40, "positives": program.positives, "negatives": program.negatives}
    }


def test_too_few_labels_are_told_as_that_and_not_how_few(engine: list[Any]) -> None:
    source, target, ended = both(asked(line(), smallest_group=30), table(line()), customers())
    assert ended == [None, None] and engine == [] and source.released == b""
    assert json.loads(target.sent[0]) == {"enough": False, "train": 0, "positives": 0, "negatives": 0}
    assert target.private is not None
    report = module.combine({0: b""}, target.private, Path())["report"]
    assert report["too_few"] and report["words"][0].startswith("Too few labels: of the rows that train")
    assert report.keys() == {"too_few", "smallest_group", "words"}


# Attacks.


def refused(ended: list[BaseException | None], party: int) -> str:
    error = ended[party]
    assert isinstance(error, PlacetError)
    return error.code


def test_a_source_that_changed_its_model_after_the_plan_is_stopped_by_its_own_node(engine: list[Any]) -> None:
    source, _, ended = both(asked(line()), table(line(intercept="-1.5")), customers())
    assert refused(ended, 0) == "model.parts" and source.sent == [] and engine == []


def test_a_source_that_tells_another_model_is_stopped_by_the_target(
    engine: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = iter([lambda *_: None, module._demand_planned])
    monkeypatch.setattr(module, "_demand_planned", lambda *pair: next(plans)(*pair))
    _, target, ended = both(asked(line()), table(line(intercept="-1.5")), customers())
    assert refused(ended, 1) == "model.parts" and target.sent == [] and engine == []


def test_a_model_of_other_columns_than_planned_is_no_ones(engine: list[Any]) -> None:
    _, _, ended = both(asked(line(), columns=["income"]), table(line()), customers())
    assert refused(ended, 0) == "transfer.model" and engine == []


@pytest.mark.parametrize("document", [b'{"type": "placet.released-trees"}', b"[]", b"{", b'{"type": "placet.card"}'])
def test_a_table_that_is_no_model_is_no_source(document: bytes, engine: list[Any]) -> None:
    pieces, texts = zip(*pieces_of(document), strict=True)
    rows = rows_of({"piece": list(pieces), "document": list(texts)}, "piece")
    _, _, ended = both(asked(line()), rows, customers())
    assert isinstance(ended[0], InputError) and engine == []


@pytest.mark.parametrize(
    "sizes",
    [
        {"enough": True, "train": 40, "positives": 1, "negatives": 39},
        {"enough": True, "train": 2, "positives": 20, "negatives": 20},
        {"enough": True, "train": 40, "positives": 600, "negatives": 600},
    ],
)
def test_a_target_that_judges_a_handful_is_stopped_by_the_source(
    sizes: dict[str, Any], engine: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A figure over one row would be that row's score."""
    lie = Sizes.model_validate(sizes)
    monkeypatch.setattr(LabelledRows, "sizes", lambda *_: lie)
    source, _, ended = both(asked(line()), table(line()), customers())
    assert refused(ended, 0) == "peer.sizes" and source.released is None
    assert all(WEIGHTS not in arrays for _, arrays in engine)


def test_more_labels_than_pairs_can_be_compared() -> None:
    count = 2 * int(MAX_PAIRS**0.5) + 10
    labelled = LabelledRows(
        np.array([0, 1] * count), list(range(20)), list(range(1, 2 * count, 2)), list(range(0, 2 * count, 2))
    )
    with pytest.raises(LimitError) as caught:
        labelled.sizes(3)
    assert caught.value.code == "transfer.list"


# What comes out.


def judged(seed: int = 3) -> Any:
    luck = np.random.default_rng(seed)
    odds = np.repeat([0.5, -0.5], [20, 40])
    names = (SOURCE, RECALIBRATED, MAP, ALONE)
    return judged_in_clear({name: odds + luck.normal(size=60) for name in names}, 20)


def test_the_report_shows_all_four_with_their_errors_and_says_who_won() -> None:
    report = report_of(Recalibration(0.1, 0.9), judged())
    assert [one["model"] for one in report["models"]] == ["alone", "source", "recalibrated", "map"]
    for one in report["models"]:
        for figure in (one["log_loss"], one["auc"]):
            assert float(figure["low"]) <= float(figure["value"]) <= float(figure["high"])
    assert [(one["of"], one["over"]) for one in report["gains"]] == [
        ("recalibrated", "source"), ("map", "source"), ("map", "recalibrated"), ("source", "alone")
    ]  # fmt: skip
    assert report["accepted"] == "source" and "not accepted" in report["words"][0]
    assert "-0.005 to +0.006" in report["words"][-1]


def test_forged_shares_are_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    program = TransferJudge(width=4, rank=5, train=40, positives=20, negatives=20, steps=16)
    sizes = {"enough": True, "train": 40, "positives": 20, "negatives": 20}
    state = {"parameters": asked(line()), "sizes": sizes, "share": "00", "program": program.to_json()}

    async def reconstruct(*_: object, **__: object) -> Any:
        return np.random.default_rng(1).integers(-(2**62), 2**62, program.outputs)

    monkeypatch.setattr(module.spu, "reconstruct", reconstruct)
    with pytest.raises(InputError):
        module.combine({0: b"forged"}, canonical(state), Path())


def test_no_error_of_the_protocol_is_a_reason_to_try_the_same_again() -> None:
    final = module.MODEL_TRANSFER.final
    assert final("model.parts") and final("transfer.list") and not final("peer.silent")
    assert issubclass(ProtocolError, PlacetError)


def test_trees_steeper_than_any_of_people_are_no_source() -> None:
    """A hundred leaves of the largest weight would take shares to log odds of thousands."""
    model = trees(0)
    heavy = model.model.model_copy(update={"base": 63 * 2**18 + 1 + 2**18})
    with pytest.raises(InputError, match="steep") as caught:
        halves_of(model.model_copy(update={"model": heavy}))
    assert caught.value.code == "transfer.model" and halves_of(model)
