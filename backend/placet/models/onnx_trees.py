"""Boosted trees as an ONNX document, for whoever scores outside of Placet: a tree ensemble that ONNX runtimes read.

Each column is an input of its own, (rows, 1): a number as float64, NaN where it is missing, or a category as text,
empty where it is missing. Outputs are `log_odds` and `probability`, (rows, 1), as float32: log-odds up to 64 are those
of `TreeModel.score` exactly, in units of 2^-18. A cut at a category is a feature of its own, 1 where a value is on its
left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from placet.core.errors import ConfigError
from placet.models.binning import CategoryBins, NumberBins
from placet.models.trees import UNIT, TreeCut, TreeFork, TreeModel, TreePart

OPSETS = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 8
PRODUCER = "placet"


def to_onnx(model: TreeModel, parts: Sequence[TreePart], names: Sequence[str]) -> bytes:
    """The document. `names`: of the parties, which inputs begin with: `first-provider.income`. InputError for parts of
    another model; ConfigError without `placet[export]`."""
    onnx = onnx_package()
    model.demand_parts(parts)
    features = _Features(onnx, parts, names)
    nodes = _Nodes()
    for number, tree in enumerate(model.trees):
        for place, node in enumerate(tree):
            if isinstance(node, TreeFork):
                nodes.fork(number, place, node, features.of(node.party, parts[node.party].cuts[node.cut]))
            else:
                nodes.leaf(number, place, node.weight)
    double = onnx.TensorProto.DOUBLE
    helper = onnx.helper
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["log_odds"],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values_as_tensor=helper.make_tensor("base", double, [1], [model.base / UNIT]),
        nodes_values_as_tensor=helper.make_tensor("values", double, [len(nodes.values)], nodes.values),
        target_weights_as_tensor=helper.make_tensor("weights", double, [len(nodes.weights)], nodes.weights),
        target_ids=[0] * len(nodes.weights),
        **nodes.attributes,
    )
    graph = helper.make_graph(
        [*features.nodes, ensemble, helper.make_node("Sigmoid", ["log_odds"], ["probability"])],
        "trees",
        features.inputs,
        [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 1])
            for name in ("log_odds", "probability")
        ],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    document = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name=PRODUCER)
    onnx.checker.check_model(document)
    return bytes(document.SerializeToString())


def onnx_package() -> ModuleType:
    """ConfigError without `placet[export]`."""
    try:
        import onnx
    except ModuleNotFoundError:
        raise ConfigError(
            "ONNX documents need onnx", remedy="pip install 'placet[export]'", code="config.extra"
        ) from None
    package: ModuleType = onnx
    return package


@dataclass(frozen=True)
class _Split:
    """A feature by its number, the threshold up to which a value goes to the true branch, whether that is `yes`, and
    whether what is missing goes there."""

    feature: int
    threshold: float
    yes: bool = True
    missing: bool = False


class _Features:
    """Inputs, and what of them the ensemble reads: numbers as they are, and a feature for each cut at a category."""

    def __init__(self, onnx: ModuleType, parts: Sequence[TreePart], names: Sequence[str]) -> None:
        self._onnx, self._parts, self._names = onnx, parts, names
        self.inputs: list[Any] = []
        self._made: list[Any] = []
        self._numbers: dict[tuple[int, int], int] = {}
        self._cuts: dict[tuple[int, TreeCut], int] = {}
        self._columns: list[str] = []
        for party, part in enumerate(parts):
            for place, column in enumerate(part.columns):
                number = isinstance(column.bins, NumberBins)
                kind = onnx.TensorProto.DOUBLE if number else onnx.TensorProto.STRING
                name = self._name(party, place)
                self.inputs.append(onnx.helper.make_tensor_value_info(name, kind, [None, 1]))
                if number:
                    self._numbers[party, place] = self._add(name)

    @property
    def nodes(self) -> list[Any]:
        """That make the tensor `features` (rows, features) of the inputs."""
        return [*self._made, self._onnx.helper.make_node("Concat", self._columns, ["features"], axis=1)]

    def of(self, party: int, cut: TreeCut) -> _Split:
        bins = self._parts[party].columns[cut.column].bins
        if isinstance(bins, NumberBins):
            missing = bins.missing in cut.left
            last = len(cut.left) - missing - 1  # cells 0 to this one are on the left
            threshold = float(bins.edges[last]) if last < len(bins.edges) else math.inf
            return _Split(self._numbers[party, cut.column], threshold, missing=missing)
        if (party, cut) not in self._cuts:
            self._cuts[party, cut] = self._membership(party, cut, bins)
        return _Split(self._cuts[party, cut], 0.5, yes=False)

    def _name(self, party: int, place: int) -> str:
        return f"{self._names[party]}.{self._parts[party].columns[place].column}"

    def _add(self, tensor: str) -> int:
        self._columns.append(tensor)
        return len(self._columns) - 1

    def _membership(self, party: int, cut: TreeCut, bins: CategoryBins) -> int:
        helper, name = self._onnx.helper, f"cut_{party}_{len(self._cuts)}"
        values = [float(place in cut.left) for place in range(len(bins.categories))]
        encoder = helper.make_node(
            "LabelEncoder",
            [self._name(party, cut.column)],
            [f"{name}_single"],
            domain="ai.onnx.ml",
            keys_strings=[*bins.categories, ""],
            values_floats=[*values, float(bins.missing in cut.left)],
            default_float=float(bins.other in cut.left),
        )
        cast = helper.make_node("Cast", [f"{name}_single"], [name], to=self._onnx.TensorProto.DOUBLE)
        self._made += [encoder, cast]
        return self._add(name)


@dataclass
class _Nodes:
    """The ensemble's attributes, one entry a node or leaf."""

    trees: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    leaves: list[tuple[int, int]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def fork(self, tree: int, place: int, node: TreeFork, split: _Split) -> None:
        true, false = (node.yes, node.no) if split.yes else (node.no, node.yes)
        self._add(tree, place, split.feature, "BRANCH_LEQ", split.threshold, true, false, int(split.missing))

    def leaf(self, tree: int, place: int, weight: int) -> None:
        self._add(tree, place, 0, "LEAF", 0.0, 0, 0, 0)
        self.leaves.append((tree, place))
        self.weights.append(weight / UNIT)

    def _add(self, *entry: Any) -> None:
        lists = (self.trees, self.places, self.features, self.modes, self.values, self.true, self.false, self.missing)
        for values, value in zip(lists, entry, strict=True):
            values.append(value)  # type: ignore[attr-defined]

    @property
    def attributes(self) -> dict[str, Any]:
        """But for the tensors."""
        return {
            "nodes_treeids": self.trees,
            "nodes_nodeids": self.places,
            "nodes_featureids": self.features,
            "nodes_modes": self.modes,
            "nodes_truenodeids": self.true,
            "nodes_falsenodeids": self.false,
            "nodes_missing_value_tracks_true": self.missing,
            "target_treeids": [tree for tree, _ in self.leaves],
            "target_nodeids": [place for _, place in self.leaves],
        }
