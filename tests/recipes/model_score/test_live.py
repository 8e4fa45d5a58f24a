"""Each kind of model that stays shared, from its training to a score, between real processes on a real chain.

A scorecard is in tests/attacks/test_a_model_is_used_as_agreed.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenders import APPLICANTS, COLUMNS, MEMBERS, ROLES, Lenders, lending
from placet.catalogue.model_score import SPEC
from placet.core.values import parse
from placet.protocols.spu import choose, reconstruct
from placet.recipes.blocks.kept_line import KeptLine
from placet.recipes.model_score.kinds import KINDS
from placet.vault.config import VaultSettings
from placet.vault.setup import opened

pytestmark = pytest.mark.slow
LINE = [{"kind": "number", "levels": 10, "missing": missing} for missing in ("own", "usual", "own", "usual")]
CUT = [{"kind": "number", "bins": 4 + place} for place in range(4)]
TRAINED: dict[str, tuple[str, list[dict[str, Any]], dict[str, Any]]] = {
    "linear": ("joint-linear", LINE, {"statistics": "none", "join": "any"}),
    "trees": ("joint-trees", CUT, {"trees": 3, "depth": 2, "rate": 30}),
}
USED: dict[str, list[dict[str, Any]]] = {
    "linear": [
        {"output": "score", "reasons": {"most": 2, "against": "best"}},
        {
            **{"output": "score", "reasons": {"most": 3, "against": "neutral"}, "higher": "negative"},
            "session": {"seconds": 600, "scores": 100},
        },
    ],
    "trees": [{"output": "score", "higher": "negative"}],
}
OUTPUT = {"linear": "explained-score", "trees": "score"}


@pytest.fixture
def lenders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lenders]:
    if find_spec("spu") is None:
        pytest.skip("the distributed engine is not installed: placet[spu]")
    with lending(tmp_path_factory.mktemp("lenders")) as town:
        yield town


@pytest.mark.parametrize("kind", [*TRAINED])
def test_a_model_is_trained_kept_and_scores(lenders: Lenders, kind: str, tmp_path: Path) -> None:
    recipe, columns, more = TRAINED[kind]
    lenders.offering(f"{kind} training", recipe, "shared-model", "PSI,MPC,FL", "--smallest-group", "5")
    lenders.offering(f"{kind} scoring", "model-score", OUTPUT[kind], "PSI,MPC")
    features = {
        role: [{"column": COLUMNS[key], **column}] for role, key, column in zip(ROLES, MEMBERS, columns, strict=True)
    }
    training, how = lenders.ended(
        lenders.asking(
            f"{kind} training",
            recipe,
            {
                **{"features": features, "protocol": "aby3", "label": "bad", "model": "shared", "smallest_group": 5},
                **{"split": {"train": 60, "validation": 0}},
                **more,
            },
        )
    )
    assert how == "completed"
    report = lenders.ask("consumer", f"/v1/jobs/{training}/result").json()["report"]
    assert report["metrics"]["test"] and not {"linear", "columns", "model", "parts", "importance"} & report.keys()
    name = lenders.keeping(kind, report["commitment"], training, OUTPUT[kind], 4)
    for asked in USED[kind]:
        given = [word for key, one in asked.items() for word in ("--parameter", f"{key}={_word(one)}")]
        words = ("job", "plan", "--config", "consumer/node.toml", "--recipe", "model-score", "--model", name)
        request = json.loads(lenders.made.run(*words, *given))
        job, how = lenders.ended(request)
        assert how == "completed"
        rows = lenders.ask("consumer", f"/v1/jobs/{job}/result").json()["rows"]
        assert rows == expected(lenders, training, request["parameters"], tmp_path)
        assert len({json.dumps(list(row.values())[1:]) for row in rows}) > 1
        verdict = lenders.verdict(job)
        assert verdict["verdict"] == "intact", [one for one in verdict["results"] if one["status"] == "failed"]
    verdict = lenders.verdict(training)
    assert verdict["verdict"] == "intact", [one for one in verdict["results"] if one["status"] == "failed"]


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def expected(lenders: Lenders, training: str, asked: dict[str, Any], scratch: Path) -> list[dict[str, str]]:
    """What comes out in the clear: from the parts of all vaults, which no party has."""
    parameters = SPEC.parse(asked)
    kind, kept = KINDS[parameters.kind], {}
    for key in MEMBERS:
        with opened(VaultSettings.load(lenders.made.folder / f"{key}-vault" / "vault.toml")) as store:
            (info,) = [one for one in store.models.infos() if training[2:34] in one.name]
            kept[key] = parse(kind.part, store.models.named(info.name).part.content)
    assert kept["shop"].numbers is None, "it does not compute"
    program: Any = kind.program(parameters, [one for role in ROLES for one in parameters.of(role)])
    shares = [part.numbers.share for part in kept.values() if part.numbers]
    model = asyncio.run(reconstruct(shares, choose(3), scratch=scratch, seconds=240))
    assert model.shape == program.kept and len(set(model.tolist())) > 4
    blocks = []
    for place, key in enumerate(MEMBERS):
        values = {COLUMNS[key]: [lenders.rows[key].get(who) for who in APPLICANTS]}
        blocks.append(kept[key].brought(values, program, place, len(APPLICANTS)))
    brought = np.concatenate(blocks, axis=1)
    rows, behind = brought[: len(APPLICANTS)], brought[len(APPLICANTS) + program.probes :]
    more = (behind if len(behind) else None,) if parameters.kind == "linear" else ()
    numbers = program.reference(rows, model[: program.numbers], *more).reshape(len(APPLICANTS), -1)
    names = ["", *(f"{COLUMNS[key]} ({role})" for key, role in zip(MEMBERS, ROLES, strict=True))]
    lines = []
    for who, (value, *codes) in zip(APPLICANTS, numbers.tolist(), strict=True):
        told = {"customer": who, "score": str(value)}
        own = kept["consumer"]
        if isinstance(own, KeptLine):
            assert own.label and own.label.family == "logistic"
            odds = value / 10_000 * (1 if parameters.label else -1)
            told["expected"] = f"{1 / (1 + np.exp(-odds)):.6g}"
        lines.append(told | {f"reason_{place}": names[code] for place, code in enumerate(codes, 1)})
    return lines
