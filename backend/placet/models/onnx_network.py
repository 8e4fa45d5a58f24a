"""A network as an ONNX document: inputs and outputs as of a linear model (`onnx_linear`), all in float64."""

from __future__ import annotations

from placet.models.network import WEIGHT, NetworkColumn, NetworkModel
from placet.models.onnx_linear import OnnxGraph
from placet.models.onnx_trees import onnx_package
from placet.models.preparing import UNIT, PreparedNumber


def network_to_onnx(model: NetworkModel) -> bytes:
    """The document; an input is named by party and column: `consumer.income`. ConfigError without `placet[export]`."""
    onnx = onnx_package()
    graph = OnnxGraph(onnx)
    signal = graph.node("Concat", [one for column in model.columns for one in _numbers(graph, column)], axis=1)
    for number, layer in enumerate(model.layers):
        last = number == len(model.layers) - 1
        after, before = len(layer.weights), len(layer.weights[0])
        turned = [layer.weights[out][into] / WEIGHT for into in range(before) for out in range(after)]
        weighted = graph.node("MatMul", [signal, graph.tensor([before, after], turned)])
        biases = graph.tensor([1, after], [one / WEIGHT for one in layer.biases])
        signal = graph.node("Add", [weighted, biases], "predictor" if last else None)
        if not last:
            signal = graph.node("Relu", [signal])
    graph.node("Cast", [graph.node("Sigmoid", [signal])], "expected", to=onnx.TensorProto.FLOAT)
    return graph.document("network")


def _numbers(graph: OnnxGraph, column: NetworkColumn) -> list[str]:
    """What a column becomes, side by side."""
    prepared, name = column.prepared, graph.input(column.party, column.column, column.prepared)
    if isinstance(prepared, PreparedNumber):
        absent = graph.node("IsNaN", [name])
        whole = graph.whole(name, absent, prepared)
        numbers = [graph.node("Div", [whole, graph.constant(float(UNIT))]), graph.double(absent)]
        return numbers[: prepared.width]
    places = [*range(-1, len(prepared.categories) - 1), prepared.levels if prepared.missing == "own" else -1]
    code = graph.node(
        "LabelEncoder",
        [name],
        domain="ai.onnx.ml",
        keys_strings=[*prepared.categories, ""],
        values_int64s=places,
        default_int64=prepared.levels - 1,
    )
    each = graph.tensor([1, prepared.width], list(range(prepared.width)))
    return [graph.double(graph.node("Equal", [code, each]))]
