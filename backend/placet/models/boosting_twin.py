"""Boosting of columns that lie side by side: the plaintext twin of `placet.protocols.boost`.

It answers what `boosting.grow` asks as the hosts of the protocol do, and tells no more than they: the same trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from placet.models.boosting import (
    Boosting,
    Gradients,
    HostCut,
    Own,
    SidesRequest,
    SumsRequest,
    advance,
    base_of,
    gradients,
    grow,
)
from placet.models.cuts import Choice, CodedColumn, Shuffle, candidates, cell_sums, sides_of
from placet.models.disclosure import Disclosed, told_places
from placet.models.trees import Marks, Tree, TreeCut, TreeModel, Whole, tree_margins


@dataclass
class PlainHost:
    """A party whose columns lie open: answers as a host of the protocol does. `shuffle` is used for each tree anew."""

    columns: tuple[CodedColumn, ...]
    shuffle: Shuffle
    cuts: list[TreeCut] = field(default_factory=list)


def train(
    own: Own,
    hosts: Sequence[PlainHost],
    labels: Whole,
    rows: int,
    boosting: Boosting,
    *,
    blind: bool = False,
    hides: bool = True,
) -> tuple[TreeModel, Whole]:
    """The model and all rows' margins, from columns side by side; `labels` are of the first rows, those of training.
    The first tree reads the label's holder's columns alone. Hosts tell what `disclosure` lets them: of each node, or
    `blind` of the root, for all nodes; everything if nothing `hides`."""
    count = len(labels)
    margins = np.full(rows, base_of(labels), np.int64)
    trees: list[Tree] = []

    def sides(party: int, number: int) -> Marks:
        return own.sides(number) if party == 0 else sides_of(hosts[party - 1].columns, hosts[party - 1].cuts[number])

    for number in range(boosting.trees):
        slopes = gradients(margins[:count], labels)
        answering = [] if number == 0 else [_Answering(host, slopes, boosting, blind, hides) for host in hosts]
        dialogue = grow(own, slopes, rows, boosting, [one.arranged.shape for one in answering])
        request = advance(dialogue, None)
        while not isinstance(request, tuple):
            if isinstance(request, SumsRequest):
                by_host = [one.sums(request) for one in answering]
                request = advance(dialogue, list(zip(*by_host, strict=True)))
            else:
                request = advance(dialogue, _sides(answering, request, blind))
        trees.append(request)
        margins = margins + tree_margins(request, rows, sides)
    return TreeModel(parties=1 + len(hosts), base=base_of(labels), trees=tuple(trees)), margins


@dataclass
class _Answering:
    """A host in one tree: what it told of each node of the level."""

    host: PlainHost
    slopes: Gradients
    boosting: Boosting
    blind: bool
    hides: bool
    nodes: tuple[Whole, ...] = ()
    told: list[Disclosed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.arranged = candidates(self.host.columns, len(self.slopes.gradient), self.host.shuffle)

    def _family(self, parent: Disclosed | None, nodes: Sequence[Whole]) -> list[Disclosed]:
        """What is told of the root, or of both children of a node."""
        learned = [node[: np.searchsorted(node, len(self.slopes.gradient))] for node in nodes]
        counts = [[column[:, 0] for column in cell_sums(self.host.columns, rows, ())] for rows in learned]
        if not self.hides:
            disclosed = np.ones(self.arranged.shape.places, np.bool_)
        elif self.blind and parent is not None:
            disclosed = parent.told
        else:
            disclosed = told_places(self.arranged, parent, counts, self.boosting.smallest)
        return [Disclosed(one, disclosed, parent) for one in counts]

    def sums(self, request: SumsRequest) -> list[Whole]:
        """By node."""
        self.nodes = request.nodes
        above = [node for node, way in zip(self.told, request.parents, strict=True) if way is not None]
        if above:
            pairs = zip(above, self.nodes[::2], self.nodes[1::2], strict=True)
            self.told = [child for parent, *two in pairs for child in self._family(parent, two)]
        else:
            self.told = self._family(None, self.nodes)
        return [
            np.where(one.told[:, None], self._sums(node), 0) for node, one in zip(self.nodes, self.told, strict=True)
        ]

    def _sums(self, node: Whole) -> Whole:
        learned = node[: np.searchsorted(node, len(self.slopes.gradient))]
        values = self.slopes.gradient, self.slopes.curvature
        return self.arranged.places(cell_sums(self.host.columns, learned, values))

    def numbers(self, choices: Sequence[Choice]) -> list[int]:
        """Of new cuts at these choices."""
        self.host.cuts += [self.arranged.cut(choice) for choice in choices]
        return [*range(len(self.host.cuts) - len(choices), len(self.host.cuts))]

    def sides(self, number: int, node: int) -> Marks:
        return sides_of(self.host.columns, self.host.cuts[number])[self.nodes[node]]


def _sides(answering: Sequence[_Answering], request: SidesRequest, blind: bool) -> list[tuple[int, Marks]]:
    """Cuts are numbered node by node; who does not know the nodes numbers different choices in their order."""
    numbers: dict[HostCut, int] = {}
    for place, one in enumerate(answering):
        cuts = [cut for cut in request.cuts if cut.host == place]
        choices = sorted({cut.choice for cut in cuts}) if blind else [cut.choice for cut in cuts]
        numbered = one.numbers(choices)
        for n, cut in enumerate(cuts):
            numbers[cut] = numbered[choices.index(cut.choice) if blind else n]
    return [(numbers[cut], answering[cut.host].sides(numbers[cut], cut.node)) for cut in request.cuts]
