"""A linear model as an ONNX document, for whoever scores outside of Placet.

Each column is an input of its own, (rows, 1): a number as float64, NaN where it is missing, or a category as text,
empty where it is missing. Outputs, (rows, 1), are `predictor` as float64, which is that of `LinearModel.predictors`,
and `expected` as float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from placet.models.linear import LinearColumn, LinearModel
from placet.models.onnx_trees import IR_VERSION, OPSETS, PRODUCER, onnx_package
from placet.models.preparing import LIMIT, UNIT, PreparedCategory, PreparedNumber
from placet.models.regression import BEND, FLOOR


def linear_to_onnx(model: LinearModel) -> bytes:
    """The document; an input is named by party and column: `first-provider.income`. ConfigError without
    `placet[export]`."""
    onnx = onnx_package()
    graph = OnnxGraph(onnx)
    terms = [graph.column(place, column) for place, column in enumerate(model.columns)]
    graph.node("Sum", [*terms, graph.constant(float(model.intercept))], "predictor")
    mean = graph.mean(model)
    scaled = graph.node("Mul", [mean, graph.constant(float(model.spread))])
    exact = graph.node("Add", [scaled, graph.constant(float(model.centre))])
    graph.node("Cast", [exact], "expected", to=onnx.TensorProto.FLOAT)
    return graph.document("linear")


class OnnxGraph:
    """Nodes and constants as they are added, each with a name of its own."""

    def __init__(self, onnx: ModuleType) -> None:
        self._onnx = onnx
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.constants: list[Any] = []

    def document(self, name: str) -> bytes:
        """The whole of it, which gives `predictor` and `expected`."""
        helper, proto = self._onnx.helper, self._onnx.TensorProto
        outputs = [
            helper.make_tensor_value_info("predictor", proto.DOUBLE, [None, 1]),
            helper.make_tensor_value_info("expected", proto.FLOAT, [None, 1]),
        ]
        body = helper.make_graph(self.nodes, name, self.inputs, outputs, self.constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        document = helper.make_model(body, opset_imports=opsets, ir_version=IR_VERSION, producer_name=PRODUCER)
        self._onnx.checker.check_model(document)
        return bytes(document.SerializeToString())

    def constant(self, value: float) -> str:
        """A float64."""
        return self.tensor([1], [value])

    def scalar(self, value: float) -> str:
        """A float64 without dimensions, as a clip's ends are."""
        return self.tensor([], [value])

    def tensor(self, sizes: list[int], values: Sequence[float]) -> str:
        """Float64s of that shape, row by row; whole numbers as int64."""
        name, proto = f"constant_{len(self.constants)}", self._onnx.TensorProto
        kind = proto.INT64 if all(isinstance(one, int) for one in values) else proto.DOUBLE
        self.constants.append(self._onnx.helper.make_tensor(name, kind, sizes, values))
        return name

    def input(self, party: str, column: str, prepared: PreparedNumber | PreparedCategory) -> str:
        """A column as it comes in, by its name."""
        name, proto = f"{party}.{column}", self._onnx.TensorProto
        kind = proto.DOUBLE if isinstance(prepared, PreparedNumber) else proto.STRING
        self.inputs.append(self._onnx.helper.make_tensor_value_info(name, kind, [None, 1]))
        return name

    def node(self, operator: str, inputs: list[str], name: str | None = None, **attributes: Any) -> str:
        """The name of what it gives."""
        name = name or f"value_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def double(self, name: str) -> str:
        """The same as float64."""
        return self.node("Cast", [name], to=self._onnx.TensorProto.DOUBLE)

    def column(self, place: int, column: LinearColumn) -> str:
        """What a column adds to the predictor."""
        prepared, weights = column.prepared, [float(one) for one in column.coefficients]
        name = self.input(column.party, column.column, prepared)
        if isinstance(prepared, PreparedNumber):
            return self._number(name, prepared, weights)
        return self._category(name, prepared, weights)

    def mean(self, model: LinearModel) -> str:
        """`regression.mean_of`."""
        if model.family == "logistic":
            return self.node("Sigmoid", ["predictor"])
        if model.family == "linear":
            return self.node("Identity", ["predictor"])
        grown = self.node("Exp", [self.node("Clip", ["predictor", self.scalar(FLOOR), self.scalar(BEND)])])
        beyond = self.node("Relu", [self.node("Sub", ["predictor", self.constant(BEND)])])
        slope = self.node("Exp", [self.constant(BEND)])
        return self.node("Add", [grown, self.node("Mul", [beyond, slope])])

    def whole(self, name: str, absent: str, prepared: PreparedNumber) -> str:
        """A number as it is prepared, in `UNIT`; 0 where it is missing."""
        known = self.node("Where", [absent, self.constant(float(prepared.centre)), name])
        within = self.node("Clip", [known, self.scalar(float(prepared.low)), self.scalar(float(prepared.high))])
        centred = self.node("Sub", [within, self.constant(float(prepared.centre))])
        scaled = self.node("Div", [centred, self.constant(float(prepared.spread))])
        limited = self.node("Clip", [scaled, self.scalar(-float(LIMIT)), self.scalar(float(LIMIT))])
        return self.node("Round", [self.node("Mul", [limited, self.constant(float(UNIT))])])

    def _number(self, name: str, prepared: PreparedNumber, weights: list[float]) -> str:
        absent = self.node("IsNaN", [name])
        there = self.node("Mul", [self.whole(name, absent, prepared), self.constant(weights[0] / UNIT)])
        lacking = self.constant(weights[1] if len(weights) > 1 else 0.0)
        return self.node("Where", [absent, lacking, there])

    def _category(self, name: str, prepared: PreparedCategory, weights: list[float]) -> str:
        """The coefficient itself: it has few enough bits for a float32."""
        own = [0.0, *weights[: prepared.levels - 1]][: len(prepared.categories)]
        missing = weights[prepared.levels] if prepared.missing == "own" else 0.0
        single = self.node(
            "LabelEncoder",
            [name],
            domain="ai.onnx.ml",
            keys_strings=[*prepared.categories, ""],
            values_floats=[*own, missing],
            default_float=weights[prepared.levels - 1],
        )
        return self.double(single)
