"""Trees as ONNX: what another program's runtime scores is what the model scores."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from placet.core.errors import ConfigError, InputError
from placet.models.binning import fit
from placet.models.boosting import Boosting, Own
from placet.models.boosting_twin import PlainHost, train
from placet.models.cuts import CodedColumn
from placet.models.onnx_trees import to_onnx
from placet.models.trees import UNIT, TreeColumn, TreeModel, TreePart

NAMES = ("consumer", "first-provider")
ROWS = 300


def trained() -> tuple[TreeModel, list[TreePart], list[list[Any]], Any]:
    """A model over numbers, some missing, and categories, some rare; the columns' values; all rows' margins."""
    chance = np.random.default_rng(21)
    values = [
        [float(value) if chance.random() > 0.1 else None for value in chance.normal(0, 3, ROWS)],
        [int(value) for value in chance.integers(0, 9, ROWS)],
        [
            ("a", "b", "c", "d", "rare", "")[int(value)]
            for value in chance.choice(6, ROWS, p=[0.3, 0.3, 0.2, 0.1, 0.05, 0.05])
        ],
    ]
    bins = [fit(values[0], "number", 8), fit(values[1], "number", 4), fit(values[2], "category", 4)]
    coded = [
        CodedColumn(one.codes(column), one.cells, place < 2)
        for place, (one, column) in enumerate(zip(bins, values, strict=True))
    ]
    odds = np.array([(a or 0) + b + (c in "bd") * 4 for a, b, c in zip(*values, strict=True)])
    labels = (odds + chance.normal(0, 2, ROWS) > np.median(odds)).astype(np.int64)
    own, host = Own((coded[0],)), PlainHost((coded[1], coded[2]), range)
    model, margins = train(own, [host], labels[:250], ROWS, Boosting(12, 4, 3))
    columns = [TreeColumn(column=name, bins=one) for name, one in zip(("wealth", "age", "branch"), bins, strict=True)]
    parts = [
        TreePart(columns=(columns[0],), cuts=tuple(own.cuts)),
        TreePart(columns=(columns[1], columns[2]), cuts=tuple(host.cuts)),
    ]
    return model, parts, values, margins


def test_onnxruntime_scores_the_same() -> None:
    pytest.importorskip("onnx", reason="no onnx here: pip install 'placet[export]'")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is a yardstick, no part of the product")
    model, parts, values, margins = trained()
    session = runtime.InferenceSession(to_onnx(model, parts, NAMES), providers=["CPUExecutionProvider"])
    numbers = [
        np.array([np.nan if v is None else v for v in column], dtype=np.float64)[:, None] for column in values[:2]
    ]
    odds, chance = session.run(
        ["log_odds", "probability"],
        {
            "consumer.wealth": numbers[0],
            "first-provider.age": numbers[1],
            "first-provider.branch": np.array(values[2], dtype=object)[:, None],
        },
    )
    assert np.array_equal(np.rint(odds[:, 0].astype(np.float64) * UNIT).astype(np.int64), margins)
    assert np.allclose(chance[:, 0], 1 / (1 + np.exp(-margins / UNIT)), atol=1e-6)


def test_what_is_exported_is_a_whole_model() -> None:
    pytest.importorskip("onnx", reason="no onnx here: pip install 'placet[export]'")
    model, parts, _, _ = trained()
    assert to_onnx(model, parts, NAMES) == to_onnx(model, parts, NAMES)
    with pytest.raises(InputError):
        to_onnx(model, parts[:1], NAMES)


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    leaf = TreeModel.model_validate({"parties": 1, "base": 0, "trees": []})
    with pytest.raises(ConfigError) as caught:
        to_onnx(leaf, [], [])
    assert "placet[export]" in str(caught.value.remedy)
