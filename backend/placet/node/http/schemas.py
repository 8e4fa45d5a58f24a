"""What the API's schema says of recipes: each one's parameters, as the catalogue declares them."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from placet.catalogue.specs import NAMES, SPECS

_REF = "#/components/schemas/{model}"


def declare_recipes(schema: dict[str, Any]) -> None:
    """Puts every recipe's parameters into an OpenAPI document, as what a job's request may have."""
    models = [(spec.parameters, "validation") for spec in SPECS]
    refs, definitions = models_json_schema(models, ref_template=_REF)  # type: ignore[arg-type]
    components = schema["components"]["schemas"]
    components |= definitions.get("$defs", {})
    request = components["JobRequest"]["properties"]
    request["recipe"] |= {"enum": list(NAMES)}
    request["parameters"] = {"anyOf": [refs[model, "validation"] for model, _ in models]}
