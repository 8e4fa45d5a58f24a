"""A linear model as data, and as ONNX: what another program's runtime scores is what the model scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from placet.core.errors import InputError
from placet.core.hashing import canonical
from placet.core.values import parse
from placet.models.choices import Family
from placet.models.linear import LinearModel
from placet.models.onnx_linear import linear_to_onnx
from placet.models.preparing import fit_category, fit_number

ROWS = 400
KEYS = (("consumer", "age"), ("first-provider", "income"), ("first-provider", "branch"))


def model(family: Family = "logistic") -> tuple[LinearModel, dict[tuple[str, str], list[Any]]]:
    luck = np.random.default_rng(5)
    values: list[list[Any]] = [
        [None if luck.random() < 0.1 else int(age) for age in luck.integers(18, 90, ROWS)],
        [None if luck.random() < 0.1 else float(income) for income in luck.lognormal(8, 1, ROWS)],
        [str(branch) for branch in luck.choice(["a", "b", "c", "rare", ""], ROWS, p=[0.4, 0.3, 0.2, 0.01, 0.09])],
    ]
    columns = [
        fit_number(values[0], "usual", clip=None, least=5),
        fit_number(values[1], "own", clip=2, least=5),
        fit_category(values[2], "own", levels=3, least=5),
    ]
    weights = (["0.5"], ["-1.25", "0.75"], ["0.25", "-0.5", "1", "0.125"])
    fields = {
        "label": "defaulted",
        "family": family,
        "centre": "3" if family == "linear" else "0",
        "spread": "2.5" if family != "logistic" else "1",
        "intercept": "0.3125",
        "columns": [
            {"party": party, "column": name, "prepared": column, "coefficients": own}
            for (party, name), column, own in zip(KEYS, columns, weights, strict=True)
        ],
    }
    return LinearModel.model_validate(fields), dict(zip(KEYS, values, strict=True))


def test_it_reads_back_as_it_was_told_and_has_one_commitment() -> None:
    first, _ = model()
    assert parse(LinearModel, canonical(first.to_json()), limit=100_000).commitment == first.commitment
    assert model("poisson")[0].commitment != first.commitment


def test_what_is_expected_is_on_the_labels_scale() -> None:
    linear, values = model("linear")
    predictors = linear.predictors(values)
    assert np.allclose(linear.expected(values), 3 + 2.5 * predictors)
    chance, _ = model("logistic")
    assert np.allclose(chance.expected(values), 1 / (1 + np.exp(-predictors)))
    with pytest.raises(InputError, match="not there"):
        linear.predictors({KEYS[0]: values[KEYS[0]]})


@pytest.mark.parametrize("changes", [{"spread": "0"}, {"columns": ()}, {"intercept": "1e3"}])
def test_models_that_there_can_not_be(changes: dict[str, Any]) -> None:
    fields = model()[0].to_json() | changes
    with pytest.raises(ValidationError):
        LinearModel.model_validate(fields)


def test_a_coefficient_for_each_prepared_number() -> None:
    fields: Any = model()[0].to_json()
    fields["columns"][1]["coefficients"] = ["1"]
    with pytest.raises(ValidationError):
        LinearModel.model_validate(fields)


@pytest.mark.parametrize("family", ["logistic", "linear", "poisson"])
def test_onnxruntime_scores_it_equal(family: Family) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime reads what placet[export] writes")
    linear, values = model(family)
    session = runtime.InferenceSession(linear_to_onnx(linear), providers=["CPUExecutionProvider"])
    rows = {key: [*column, column[0]] for key, column in values.items()}
    rows[KEYS[2]][-1] = "never seen"
    rows[KEYS[1]][-1] = 1e12
    fed = {}
    for (party, name), column in rows.items():
        numbers = name != "branch"
        kind: Any = np.float64 if numbers else object
        cells = [np.nan if numbers and cell is None else cell for cell in column]
        fed[f"{party}.{name}"] = np.array(cells, dtype=kind)[:, None]
    predictor, expected = session.run(["predictor", "expected"], fed)
    assert np.abs(predictor[:, 0] - linear.predictors(rows)).max() < 1e-12
    assert np.allclose(expected[:, 0], linear.expected(rows), rtol=1e-6, atol=1e-6)
