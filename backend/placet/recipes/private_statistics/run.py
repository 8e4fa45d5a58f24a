"""`private-statistics`: a provider answers questions about its lawful rows, each number with noise of its own.

The noise is the discrete Gaussian, drawn from the provider's committed seed and the hash of the block that opened the
job, apart for each attempt: nobody could choose it, an auditor to whom the provider opens its noise draws it again, and
the noise of an attempt that was not sealed says nothing about that of the next. The exact numbers stay in the
provider's memory, and so do noisy ones of groups that look too small, and of the bands that quantiles are read from.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from placet.catalogue import private_statistics
from placet.catalogue.private_statistics import (
    QUANTILE_BANDS,
    CountQuestion,
    HistogramQuestion,
    MeanQuestion,
    PrivateStatisticsParameters,
    QuantilesQuestion,
    Question,
    TableQuestion,
    released,
    size_of,
)
from placet.catalogue.spec import CONSUMER, scale
from placet.core.errors import InputError
from placet.core.hashing import canonical
from placet.core.json_text import read_json
from placet.jobs.party_run import PartyRun
from placet.jobs.randomness import NoiseSource
from placet.jobs.recipe import RecipeRun
from placet.models.noisy import band_between, clipped_sum, quantiles
from placet.protocols.mpc.linear import quotient
from placet.protocols.noise import DrawnNoise
from placet.recipes.blocks.grouping import groups, numbers_of
from placet.recipes.blocks.noise import PROTOCOL, padded
from placet.vault.rows import Rows

MAX_PART = 1 << 21
MAX_NUMBER = 2**80
_WIDTH = len(f"{-MAX_NUMBER},")
Shown = list[int | None]


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    parameters = job.parameters(PrivateStatisticsParameters)
    if job.role == CONSUMER:
        return await job.collect(canonical({"parameters": job.terms.parameters}))
    rows, opened = await job.open("accounts")
    source = await job.noise()
    async with job.step("answer", PROTOCOL, opened) as step:
        lists, drawn = await asyncio.to_thread(answers, parameters, rows, source)
        step.drew(*drawn)
        part = padded(written(lists), room_of(parameters.questions))
        artefact = step.output("noisy", part)
    await job.release(part, artefact)


def answers(
    parameters: PrivateStatisticsParameters, rows: Rows, source: NoiseSource
) -> tuple[list[Shown], list[DrawnNoise]]:
    """What leaves the provider, of each question; and all noise that it drew."""
    lists, drawn = [], []
    for number, question in enumerate(parameters.questions):
        own = [source.draw(release) for release in released(number, question)]
        lists.append(shown(question, noisy(exact(question, rows), own), parameters.smallest_group))
        drawn += own
    return lists, drawn


def written(lists: Sequence[Shown]) -> bytes:
    """As `read` takes it: JSON, and not the canonical form, which has no sums of 2^53 and more."""
    return json.dumps(lists, separators=(",", ":")).encode()


def room_of(questions: Sequence[Question]) -> int:
    """Bytes for any answers."""
    return 2 + sum(3 + told(question) * _WIDTH for question in questions)


def told(question: Question) -> int:
    """How many numbers leave the provider."""
    return question.parts - 1 if isinstance(question, QuantilesQuestion) else size_of(question)


def shown(question: Question, numbers: Sequence[int], smallest: int) -> Shown:
    """A question's noisy numbers, or the values that they give, None where a group looks too small. It is of the noisy
    numbers alone, so it costs nothing."""
    match question:
        case MeanQuestion() if numbers[0] < max(smallest, 1):
            return [None, None]
        case MeanQuestion():
            return list(numbers)
        case QuantilesQuestion(bounds=(low, high), parts=parts):
            values = quantiles(numbers, low, high, parts) if sum(numbers) >= smallest else None
            return [None] * (parts - 1) if values is None else list(values)
        case _:
            return [number if number >= smallest else None for number in numbers]


def noisy(numbers: Sequence[int], drawn: Sequence[DrawnNoise]) -> list[int]:
    """A question's exact numbers with their noise."""
    noise = [one for each in drawn for one in each.numbers]
    return [number + one for number, one in zip(numbers, noise, strict=True)]


def exact(question: Question, rows: Rows) -> list[int]:
    """A question's numbers as they are, over those who have a value. DataError for a column of other values than are
    asked for."""
    match question:
        case CountQuestion(column=column):
            return [sum(value is not None and value != "" for value in rows.columns[column])]
        case MeanQuestion(column=column, bounds=(low, high)):
            values = [value for value in numbers_of(rows, column) if value is not None]
            return [len(values), clipped_sum(values, low, high)]
        case HistogramQuestion(axis=axis):
            return counted([(place,) for place in groups(axis, rows)], [axis.size])
        case TableQuestion(axes=(first, second)):
            pairs = zip(groups(first, rows), groups(second, rows), strict=True)
            return counted(list(pairs), [first.size, second.size])
        case QuantilesQuestion(column=column, bounds=(low, high)):
            bands = [
                None if value is None else band_between(low, high, QUANTILE_BANDS, value)
                for value in numbers_of(rows, column)
            ]
            return counted([(band,) for band in bands], [QUANTILE_BANDS])


def counted(places: Sequence[tuple[int | None, ...]], sizes: Sequence[int]) -> list[int]:
    """How many rows are in each group, or pair of groups line by line; not those without a value."""
    counts = [0] * math.prod(sizes)
    for row in places:
        place = 0
        for group, size in zip(row, sizes, strict=True):
            if group is None:
                break
            place = place * size + group
        else:
            counts[place] += 1
    return counts


def combine(parts: Mapping[int, bytes], private: bytes, _: Path) -> dict[str, Any]:
    """No rows; `report`: {smallest_group, answers}, one an answer: {ask, deviation} with the noise's standard
    deviation, and {people}, {people, sum, mean}, {counts} (null where a group looks too small) or {values};
    {too_few} where all together look too few. InputError for numbers that no honest provider tells."""
    parameters = private_statistics.SPEC.parse(json.loads(private)["parameters"])
    (part,) = parts.values()
    lists = read(part, parameters.questions)
    told = [told_of(question, numbers) for question, numbers in zip(parameters.questions, lists, strict=True)]
    return {"rows": [], "report": {"smallest_group": parameters.smallest_group, "answers": told}}


def read(part: bytes, questions: Sequence[Question]) -> list[Shown]:
    """As many numbers for each question as it asks for; of a mean both or none, and of quantiles all or none."""
    refusal = InputError("the provider's answers are none", expected=f"{len(questions)} lists of whole numbers or null")
    if len(part) > MAX_PART:
        raise refusal
    try:
        lists = read_json(part, "answers")
    except InputError:
        raise refusal from None
    sizes = [told(one) for one in questions]
    if not isinstance(lists, list) or [len(one) if isinstance(one, list) else -1 for one in lists] != sizes:
        raise refusal
    for question, numbers in zip(questions, lists, strict=True):
        whole = [number for number in numbers if number is not None]
        if any(type(number) is not int or abs(number) > MAX_NUMBER for number in whole):
            raise refusal
        together = isinstance(question, MeanQuestion | QuantilesQuestion)
        if (together and 0 < len(whole) < len(numbers)) or (question.ask == "mean" and whole and whole[0] < 1):
            raise refusal
    return lists


def told_of(question: Question, numbers: Sequence[int | None]) -> dict[str, Any]:
    """What a report says of one question."""
    deviations = [Decimal(one.variance).sqrt().quantize(Decimal("0.01")) for one in released(0, question)]
    about: dict[str, Any] = {"ask": question.ask, "deviation": str(deviations[0])}
    match question:
        case CountQuestion(column=column):
            about |= {"column": column}
            return about | (_few() if numbers[0] is None else {"people": numbers[0]})
        case MeanQuestion(column=column, decimals=decimals):
            about |= {"column": column, "sum_deviation": str(deviations[1])}
            people, total = numbers
            if people is None or total is None:
                return about | _few()
            mean = quotient(total, people, scale(decimals))
            return about | {"people": people, "sum": _unit(total, scale(decimals)), "mean": mean}
        case HistogramQuestion(axis=axis):
            return about | {"column": axis.column, "counts": list(numbers)}
        case TableQuestion(axes=(rows, columns)):
            lines = [list(numbers[start : start + columns.size]) for start in range(0, len(numbers), columns.size)]
            return about | {"columns": [rows.column, columns.column], "counts": lines}
        case QuantilesQuestion(column=column, bounds=(low, high), decimals=decimals):
            resolution = _unit((high - low) // QUANTILE_BANDS, scale(decimals))
            about |= {"column": column, "resolution": resolution}
            values = [_unit(value, scale(decimals)) for value in numbers if value is not None]
            return about | ({"values": values} if values else _few())


def _few() -> dict[str, bool]:
    return {"too_few": True}


def _unit(value: int, decimals: int) -> str:
    return str(Decimal(value).scaleb(-decimals))


PRIVATE_STATISTICS = RecipeRun(spec=private_statistics.SPEC, run=run, combine=combine)
