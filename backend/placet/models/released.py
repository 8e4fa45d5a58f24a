"""A model that came to its consumer in clear: out of the report that has it, and as a document for other programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from placet.core.errors import InputError
from placet.core.hashing import canonical, sha256
from placet.core.values import Value, parse
from placet.models.linear import LinearModel
from placet.models.network import NetworkModel
from placet.models.onnx_linear import linear_to_onnx
from placet.models.onnx_network import network_to_onnx
from placet.models.onnx_trees import to_onnx
from placet.models.scorecard import Scorecard, Text
from placet.models.trees import MAX_PARTIES, TreeModel, TreePart


class ReleasedTrees(Value):
    """The structure, and each party's columns and cuts; `parties` are roles. A job that makes trees commits to their
    structure (`model`) alone."""

    type: Literal["placet.released-trees"] = "placet.released-trees"
    version: Literal[1] = 1
    model: TreeModel
    parts: Annotated[tuple[TreePart, ...], Field(min_length=1, max_length=MAX_PARTIES)]
    parties: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_PARTIES)]

    @cached_property
    def commitment(self) -> bytes:
        """SHA-256("placet.model/1" ‖ canonical JSON)."""
        return sha256(b"placet.model/1", canonical(self.to_json()))


Released: TypeAlias = Scorecard | LinearModel | NetworkModel | ReleasedTrees
_KINDS: dict[str, type[Released]] = {
    "placet.scorecard": Scorecard,
    "placet.linear": LinearModel,
    "placet.network": NetworkModel,
    "placet.released-trees": ReleasedTrees,
}


def released_in(report: Mapping[str, Any]) -> Released | None:
    """The model that a training's report has; None for a report without one. InputError for what is none."""
    if report.get("scorecard") is not None:
        return _parsed(Scorecard, report["scorecard"])
    if report.get("linear") is not None:
        return _parsed(LinearModel, report["linear"])
    if report.get("network") is not None:
        return _parsed(NetworkModel, report["network"])
    if report.get("model") is None or report.get("parts") is None:
        return None
    return _parsed(ReleasedTrees, {name: report.get(name) for name in ("model", "parts", "parties")})


def released_of(document: object) -> Released:
    """A model by its own document, as `json_of` writes it. InputError for what is none."""
    kind = document.get("type") if isinstance(document, dict) else None
    if kind not in _KINDS:
        raise InputError("the document is no model", expected=", ".join(_KINDS), found=str(kind)[:80])
    return _parsed(_KINDS[kind], document)


def json_of(model: Released) -> bytes:
    """The document; a scorecard's, linear model's or network's commitment is over the canonical form of the same."""
    return json.dumps(model.to_json(), indent=2, ensure_ascii=False).encode() + b"\n"


def onnx_of(model: LinearModel | NetworkModel | ReleasedTrees) -> bytes:
    """As ONNX runtimes read it. InputError for parts of another model; ConfigError without `placet[export]`."""
    if isinstance(model, LinearModel):
        return linear_to_onnx(model)
    if isinstance(model, NetworkModel):
        return network_to_onnx(model)
    return to_onnx(model.model, model.parts, model.parties)


def _parsed(kind: type[Released], document: Any) -> Released:
    if not isinstance(document, dict):
        raise InputError("the document is no model", expected="a JSON object", found=type(document).__name__)
    return parse(kind, document, what="the model")
