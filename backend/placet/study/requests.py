"""A study as commands: by which each institution imports its table and makes its offer, in a sandbox and for real."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from placet.catalogue.spec import CONSUMER
from placet.core.purposes import Operation
from placet.study.terms import StudyPart, StudyTerms


def import_words(terms: StudyTerms, part: StudyPart, file: str, namespace: str) -> list[str]:
    """The options of `placet vault import` for a part's table, out of a file."""
    institution, digits = part.institution, terms.scaled(part)
    words = ["--name", table_of(part), "--file", file]
    words += ["--identifier", f"{terms.study.identifier}={institution.identifier}", "--namespace", namespace]
    for name, column in institution.columns.items():
        words += ["--column", f"{name}={column.source or name}:{column.type}"]
        words += ["--decimals", f"{name}={digits[name]}"] if digits[name] else []
    return words + ([] if part.personal else ["--own"])


def offer_words(terms: StudyTerms, part: StudyPart) -> list[str]:
    """The options of `placet offer make` that follow from the study: all but who takes part."""
    operations = ",".join(str(one.name) for one in Operation if one & terms.spec.operations_on(terms.engine))
    words = ["--dataset", table_of(part), "--purpose", terms.study.purpose, "--operations", operations]
    words += ["--columns", ",".join((terms.study.identifier, *part.columns)), "--recipes", terms.spec.name]
    words += ["--output", terms.tells.output]
    if part.institution.title:
        words += ["--title", part.institution.title]
    if terms.study.offers.data_life is not None:
        words += ["--data-life", str(terms.study.offers.data_life)]
    if terms.study.offers.auditors and terms.draws(part):
        words += ["--auditors", ",".join(terms.study.offers.auditors)]
    return words + (_bounds(terms, part) if part.personal else ["--own"])


def table_of(part: StudyPart) -> str:
    """The table's name in the institution's vault."""
    return part.role.alias or "rows"


def script_of(terms: StudyTerms, part: StudyPart, addresses: Mapping[str, str]) -> str:
    """What an institution gives its own vault and node, as a script for a POSIX shell in which every word is quoted.
    `addresses` by the study's keys."""
    parties = ",".join(addresses[key] for key in terms.parts)
    offer = [*offer_words(terms, part), "--consumer", addresses[CONSUMER], "--parties", parties]
    lines = [
        "#!/bin/sh",
        f"# {terms.study.title}: what {part.institution.name} gives its own vault and node.",
        "# Arguments: the vault's vault.toml, the node's node.toml.",
        "set -eu",
        _line(
            ["placet", "vault", "import", "--config"],
            "$1",
            import_words(terms, part, part.institution.file, terms.study.namespace),
        ),
        "offer=$(" + _line(["placet", "offer", "make", "--config"], "$2", offer) + ")",
        'echo "$offer"',
    ]
    if not part.personal:
        lines.append(
            _line(["placet", "grant", "--config"], "$2", ["--uses", str(terms.study.consents.uses), "--offer"])
            + ' "$offer"'
        )
    return "\n".join(lines) + "\n"


def _bounds(terms: StudyTerms, part: StudyPart) -> list[str]:
    bounds = terms.study.offers
    words = ["--smallest-group", str(max(bounds.smallest_group or 1, terms.tells.group))]
    if bounds.smallest_change is not None:
        words += ["--smallest-change", str(bounds.smallest_change)]
    if bounds.smallest_gap is not None:
        words += ["--smallest-gap", str(bounds.smallest_gap)]
    if spends := terms.spec.spends(part.role.name, terms.parameters):
        words += ["--budget", str(spends)]
    if values := terms.spec.aligns(terms.parameters).values:
        words += ["--matched-by", ",".join(values)]
    return words


def _line(command: list[str], argument: str, words: list[str]) -> str:
    return f'{shlex.join(command)} "{argument}" {shlex.join(words)}'
