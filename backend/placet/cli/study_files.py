"""What a study's run leaves in its folder: result, model card, report, evidence, audit, and the study itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from placet.cli.inputs import write_new
from placet.core.errors import ConfigError
from placet.study.exporting import onnx_in, scorecard_files
from placet.study.judgement import StudyJudgement
from placet.study.model_card import model_card
from placet.study.model_reading import model_facts, scorecard_of
from placet.study.outcome import StudyOutcome
from placet.study.report import html
from placet.study.results import result_table
from placet.study.scoring import scored
from placet.study.tables import StudyData


def demand_free(out: Path) -> None:
    """ConfigError unless the folder is new, or empty and can be written to."""
    try:
        out.mkdir(exist_ok=True)
        entries = any(out.iterdir())
    except OSError as error:
        raise ConfigError("nothing can be written there", found=f"{out}: {error.strerror}") from None
    if entries:
        raise ConfigError(
            "there is something already", expected="a new or an empty folder", found=out, remedy="name another one"
        )


def write(out: Path, data: StudyData, judgement: StudyJudgement, outcome: StudyOutcome, study: Path) -> list[str]:
    """All files; their names. The result only where the trail is intact."""
    model = model_facts(data, outcome)
    files = {
        "report.html": html(data, judgement, outcome, model).encode(),
        "audit.html": outcome.html,
        "audit.json": _json(outcome.audit),
        "job.bundle": outcome.bundle,
        "deployment.json": outcome.deployment,
        "trust.json": outcome.trust,
        "summary.json": _json(summary(data, judgement, outcome)),
        "study.toml": study.read_bytes(),
    }
    if outcome.verdict == "intact":
        files["result.json"] = _json(outcome.result)
        if (table := result_table(data, outcome)) is not None:
            files["result.csv"] = table
        if model is not None:
            files["model-card.json"] = _json(model_card(data, outcome, model))
        if (card := scorecard_of(outcome)) is not None:
            files["scores.csv"] = scored(data, card)
            files |= scorecard_files(card)
        if (document := onnx_in(outcome)) is not None:
            files["model.onnx"] = document
    write_all(out, files)
    return sorted(files)


def write_all(out: Path, files: Mapping[str, bytes]) -> None:
    """Files by name into a folder that has none of them."""
    for name, content in files.items():
        write_new(out / name, content)


def summary(data: StudyData, judgement: StudyJudgement, outcome: StudyOutcome) -> dict[str, Any]:
    """What a program needs to know of a run."""
    return {
        "study": data.terms.study.title,
        "recipe": data.terms.spec.name,
        "job": outcome.job,
        "verdict": outcome.verdict,
        "rows": len(outcome.rows),
        "report": outcome.report,
        "consents": outcome.consents,
        "gas": dict(outcome.gas),
        "pot": outcome.pot,
        "contribution": None if outcome.contribution is None else outcome.contribution.to_json(),
        "rewards": {data.terms.parts[key].institution.name: reward for key, reward in outcome.rewards.items()},
        "tables": [asdict(table) for table in judgement.tables],
        "warnings": list(judgement.warnings),
        "estimate": asdict(judgement.estimate),
        "seconds": dict(outcome.seconds),
        "processor_seconds": dict(outcome.processor_seconds),
    }


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
