"""Networks as whole numbers: the same everywhere, and the same in other programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from placet.core.errors import ConfigError, InputError
from placet.models import network
from placet.models.choices import count
from placet.models.network import WEIGHT, NetworkColumn, NetworkModel, initial, layers_of, model_of
from placet.models.onnx_network import network_to_onnx
from placet.models.preparing import PreparedCategory, PreparedNumber
from placet.models.released import released_in, released_of

COLUMNS = (
    NetworkColumn(
        party="consumer",
        column="income",
        prepared=PreparedNumber(low="-50", high="90", centre="10", spread="20", missing="own"),
    ),
    NetworkColumn(
        party="consumer",
        column="age",
        prepared=PreparedNumber(low="0", high="90", centre="40", spread="15.5", missing="usual"),
    ),
    NetworkColumn(
        party="consumer",
        column="branch",
        prepared=PreparedCategory(levels=3, categories=("city", "sea", "moon"), missing="own"),
    ),
)
WIDTH, HIDDEN = 7, (5, 3)


def trained() -> NetworkModel:
    chance = np.random.default_rng(5)
    return model_of("label", COLUMNS, network.snapped(chance.normal(0, 1, count(WIDTH, HIDDEN))), HIDDEN)


def values(rows: int) -> dict[tuple[str, str], list[Any]]:
    chance = np.random.default_rng(6)
    income = [None if one > 100 else float(one) for one in chance.normal(20, 60, rows)]
    branch = [("city", "sea", "moon", "mars", None)[one] for one in chance.integers(0, 5, rows)]
    own = {"income": income, "age": chance.integers(0, 99, rows).tolist(), "branch": branch}
    return {("consumer", name): column for name, column in own.items()}


def test_first_weights_are_the_same_everywhere_and_none_where_nothing_is_read() -> None:
    used = [True, False, True]
    first = initial(used, HIDDEN, b"seed")
    assert first.tolist() == initial(used, HIDDEN, b"seed").tolist() != initial(used, HIDDEN, b"other").tolist()
    layers = layers_of(first, 3, HIDDEN)
    assert [one.shape for one in layers] == [(5, 3), (5,), (3, 5), (3,), (1, 3), (1,)]
    assert not layers[0][:, 1].any() and layers[0][:, 0].all() and not layers[1].any()
    assert abs(layers[0]).max() <= (6 / 2) ** 0.5 * WEIGHT and abs(layers[2]).max() <= (6 / 5) ** 0.5 * WEIGHT
    with pytest.raises(InputError):
        layers_of(first[1:], 3, HIDDEN)


def test_sums_are_whole_and_bounded() -> None:
    moved = np.array([0.25, -100.0, 1e-12, 8.0])
    assert network.summand(moved, 3).tolist() == [3 * WEIGHT // 4, -24 * WEIGHT, 0, 24 * WEIGHT]
    assert abs(network.summand(moved, 3)).max() == network.largest_sum(3)
    assert network.largest_sum(8_000_000) < 2**53, "float64 has every total"
    mean = network.mean_of(np.array([WEIGHT]), np.array([3 * WEIGHT]), 6)
    assert mean.tolist() == [1.5] and network.snapped(np.array([99.0])).tolist() == [64 * WEIGHT]
    for wrong in (np.nan, np.inf):
        with pytest.raises(InputError) as caught:
            network.summand(np.array([wrong]), 1)
        assert caught.value.code == "flower.diverged"


def test_a_model_is_its_document() -> None:
    model = trained()
    document = model.to_json()
    assert released_of(document) == released_in({"network": document}) == model
    assert NetworkModel.model_validate(document).commitment == model.commitment
    for wrong in (
        {"layers": document["layers"][:-1]},
        {"columns": document["columns"][:-1]},
        {"columns": [document["columns"][0]] * 3},
        {"layers": []},
    ):
        with pytest.raises(InputError):
            released_of(document | wrong)
    with pytest.raises(InputError):
        model.predictors({("consumer", "income"): [1.0]})


def test_onnxruntime_scores_it_equal() -> None:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime reads what placet[export] writes")
    model, rows = trained(), values(400)
    session = runtime.InferenceSession(network_to_onnx(model), providers=["CPUExecutionProvider"])
    inputs = {
        "consumer.income": np.array([np.nan if one is None else one for one in rows["consumer", "income"]]),
        "consumer.age": np.array(rows["consumer", "age"], np.float64),
        "consumer.branch": np.array([one or "" for one in rows["consumer", "branch"]], object),
    }
    predictor, expected = session.run(None, {name: one.reshape(-1, 1) for name, one in inputs.items()})
    assert np.abs(predictor[:, 0] - model.predictors(rows)).max() < 1e-12
    assert np.abs(expected[:, 0] - 1 / (1 + np.exp(-model.predictors(rows)))).max() < 1e-6


def test_without_the_extra_onnx_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ConfigError):
        network_to_onnx(trained())
