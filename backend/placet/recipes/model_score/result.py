"""What the consumer is told of its applicants, out of the shares that the parties release."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from placet.catalogue.model_score import SPEC, ModelScoreParameters
from placet.catalogue.modelling import computing
from placet.core.errors import InputError
from placet.core.values import parse
from placet.models.regression import mean_of
from placet.protocols import spu
from placet.protocols.mpc.scoring import LINE_UNIT
from placet.protocols.spu import Engine
from placet.recipes.blocks.kept_line import KeptLabel

SECONDS = 600
"""For putting the shares together."""


def engine_of(roles: Sequence[str]) -> Engine:
    """Cheetah where two parties compute, ABY3 where three do."""
    return spu.choose(len(computing(roles)))


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """`rows`: one for each applicant, its identifier and `score`, `band` (how many of the edges it reaches), both
    decimal strings, or `decision` (yes or no); beside a linear model's score `expected`, what that says of the label (a
    probability, a number or a count, six digits); and with reasons `reason_1` and so on: the columns that cost it
    most, as `column (role)`, empty where there are no more. `report`: {output, edges}, and `reasons` as the plan has
    them. InputError for shares of what no honest parties reach."""
    kept = json.loads(private)
    parameters, applicants, roles = SPEC.parse(kept["parameters"]), kept["applicants"], kept["roles"]
    report: dict[str, Any] = {"output": parameters.output, "edges": list(parameters.edges or ())}
    if parameters.reasons is not None:
        report["reasons"] = parameters.reasons.to_json()
    if not applicants:
        return {"rows": [], "report": report}
    shares_by_party = {**parts, len(roles) - 1: bytes.fromhex(kept["share"])}
    shares = [shares_by_party[party] for party in computing(roles)]
    result = asyncio.run(spu.reconstruct(shares, engine_of(roles), scratch=scratch, seconds=SECONDS))
    names = [f"{one.column} ({role})" for role in roles for one in parameters.of(role)]
    demand_reached(parameters, result, len(applicants), len(names))
    named = zip(applicants, result.tolist(), strict=True)
    label = kept["label"] and parse(KeptLabel, kept["label"], what="the label's scale")
    rows = [{parameters.identifier: who} | told(parameters, names, numbers, label) for who, numbers in named]
    return {"rows": sorted(rows, key=lambda row: str(row[parameters.identifier])), "report": report}


def told(
    parameters: ModelScoreParameters, names: Sequence[str], numbers: int | list[int], label: KeptLabel | None = None
) -> dict[str, str]:
    """What comes out of one applicant; `names` of the columns; `label` of a linear model."""
    value, *codes = numbers if isinstance(numbers, list) else [numbers]
    word = ("no", "yes")[value] if parameters.output == "decision" else str(value)
    reasons = {f"reason_{place}": names[code - 1] if code else "" for place, code in enumerate(codes, 1)}
    return {parameters.output: word} | expected(parameters, value, label) | reasons


def expected(parameters: ModelScoreParameters, score: int, label: KeptLabel | None) -> dict[str, str]:
    """{expected} of a linear model's score, else {}."""
    if label is None or parameters.output != "score":
        return {}
    predictor = np.array([score / LINE_UNIT * (1 if parameters.label else -1)])
    mean = float(mean_of(label.family, predictor)[0])
    return {"expected": f"{float(label.centre) + float(label.spread) * mean:.6g}"}


def demand_reached(parameters: ModelScoreParameters, result: Any, applicants: int, columns: int) -> None:
    """InputError for numbers that no honest parties reach: a share that was forged gives random ones."""
    reasons = parameters.reasons
    shape = (applicants,) if reasons is None else (applicants, 1 + reasons.most)
    if result.shape != shape or result.dtype != np.int64:
        raise InputError("the shares are of no scores", expected=f"{shape} integers", found=str(result.shape))
    lines = result.reshape(applicants, -1)
    values, codes = lines[:, 0], lines[:, 1:]
    most = len(parameters.edges or ())
    if parameters.output != "score" and ((values < 0) | (values > most)).any():
        raise InputError("the shares are of no bands", expected=f"0 to {most}")
    ranked = np.sort(codes, axis=1)
    fits = ((codes >= 0) & (codes <= columns)).all()
    fits = fits and not ((ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] > 0)).any()  # each column once
    fits = fits and not ((codes[:, 1:] > 0) & (codes[:, :-1] == 0)).any()  # no gap before one
    if parameters.output == "decision":
        fits = fits and not codes[values == 1].any()
    if not fits:
        raise InputError("the shares are of no reasons", expected=f"columns 1 to {columns}, each once; none for a yes")
