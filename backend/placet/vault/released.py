"""A model that this institution got in clear is not its own data: its lineage goes with it.

A vault refuses a table of own rows that is such a model, by what the model itself says: one of the table's columns has
exactly the numbers that stand under one name in the model's document (all points of a scorecard), in whatever order, a
cell names the model's commitment, or its cells are the document in pieces. That keeps an honest institution from a
mistake. It holds nobody who changes a number first, and no vault knows a model that another institution was handed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import JsonValue
from pydantic_core import from_json

from placet.core.errors import DataError, InputError
from placet.core.hashing import canonical, sha256
from placet.core.model_table import MODEL_TABLE, document_of
from placet.core.values import to_hex
from placet.vault.models import KeptModel
from placet.vault.schema import Cell

FEWEST = 6
"""Numbers under one name by which a model is known: fewer may be a table's by chance."""


def demand_unreleased(cells: Mapping[str, Sequence[Cell]], models: Iterable[KeptModel]) -> None:
    """DataError `data.model` where a table's columns are one of these models, which came to this institution in
    clear."""
    columns = {name: sorted(numbers) for name, column in cells.items() if (numbers := _numbers(column)) is not None}
    texts = {cell for column in cells.values() for cell in column if isinstance(cell, str)}
    documents = _in_pieces(cells)
    for model in models:
        marks = [sorted(numbers) for numbers in _named(_document(model)).values() if len(numbers) >= FEWEST]
        same = next((name for name, numbers in columns.items() if numbers in marks), None)
        whole = any(one in model.part.content.values() for one in documents)
        if whole or same is not None or to_hex(model.commitment) in texts:
            raise DataError(
                "the file is a model that a job made of other people's data, and not this institution's own",
                expected="rows of the institution's own",
                found=f"{model.name}, of the job {to_hex(model.part.job)}"
                + (f": column {same} has its numbers" if same is not None else ", by its commitment or document"),
                remedy=f"register it as what it is: placet model register {model.name}",
                code="data.model",
            )


def _in_pieces(cells: Mapping[str, Sequence[Cell]]) -> list[JsonValue]:
    """The document that a table's pieces come to (`core.model_table`), and of trees their structure; none where it is
    no such table."""
    if not set(MODEL_TABLE) <= cells.keys():
        return []
    try:
        document = from_json(document_of(*(cells[name] for name in MODEL_TABLE)))
    except (InputError, ValueError):
        return []
    structure = document.get("model") if isinstance(document, dict) else None
    return [document, structure] if structure else [document]


def _document(model: KeptModel) -> JsonValue:
    """The model in the report that its consumer got: what its commitment is the hash of, else all of it."""
    documents = (one for one in model.part.content.values() if isinstance(one, dict))
    return next((one for one in documents if sha256(canonical(one)) == model.commitment), dict(model.part.content))


def _named(document: JsonValue) -> dict[str, list[float]]:
    """All numbers of a document by the name under which they stand, wherever that is."""
    numbers: dict[str, list[float]] = defaultdict(list)
    for name, number in _walk(document, ""):
        numbers[name].append(number)
    return numbers


def _walk(value: JsonValue, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, name)
    elif (number := _number(value)) is not None:
        yield name, number


def _numbers(column: Sequence[Cell]) -> list[float] | None:
    """A column's numbers; None where it holds anything else."""
    numbers = [_number(cell) for cell in column]
    return None if None in numbers else [number for number in numbers if number is not None]


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None
