"""A recipe in words, as the command line, the documents and the API show it."""

from __future__ import annotations

from typing import Any

from placet.catalogue.spec import RecipeSpec, describe
from placet.core.purposes import operation_words


def words_of(spec: RecipeSpec[Any]) -> dict[str, Any]:
    """{recipe, version, does, operations, engines, on_withdrawal, parameters: {name: words}, learns: {role: words}}."""
    operations = operation_words(int(spec.operations))
    for engine, instead in spec.instead:
        operations += f"; on the engine {engine}: {operation_words(int(instead))}"
    return {
        "recipe": spec.name,
        "version": spec.version,
        "does": spec.does,
        "operations": operations,
        "engines": list(spec.engines),
        "on_withdrawal": spec.on_withdrawal,
        "parameters": dict(describe(spec.parameters)),
        "learns": {role.name: role.learns for role in spec.roles},
    }
