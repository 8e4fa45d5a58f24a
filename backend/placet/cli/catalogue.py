"""`placet catalogue`: what all institutions of the trust list have and offer, and what is left of its privacy budgets.

A row is an offer, or a dataset without one. Everything comes over the own node: what others say as they say it, the
budgets as the chain has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import AsJson, NodeConfig, read_address
from placet.cli.operator import Operator
from placet.cli.output import emit, say, table

if TYPE_CHECKING:
    from placet.core.trust import TrustList


def catalogue(
    config: NodeConfig,
    search: Annotated[
        str, typer.Option("--search", help="Only what has this word in a name, title, column, purpose or recipe.")
    ] = "",
    own: Annotated[bool, typer.Option("--own", help="Also what this institution itself has.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the datasets of the other institutions, what they offer of them to this one, and what is left of their
    privacy budgets."""
    operator = Operator(config)
    answers: list[dict[str, Any]] = operator.ask("GET", "/v1/offered")["offered"]
    datasets = [one for answer in answers for one in datasets_of(answer, operator.trust)]
    if own:
        datasets += map(_own, operator.ask("GET", "/v1/catalogue")["datasets"])
    entries = [one for one in datasets if matches(one, search)]
    for answer in answers:
        if answer["error"] is not None:
            say(f"{answer['provider']['name']} did not say what it has: {answer['error']}")
    if as_json:
        emit(entries)
        return
    table("Catalogue", _HEADINGS, [row for one in entries for row in _rows(one)])


_HEADINGS = (
    "provider",
    "dataset",
    "columns",
    "about",
    "offer",
    "purpose",
    "recipes",
    "random audits by",
    "jobs opened",
    "budget left",
)


def datasets_of(answer: dict[str, Any], trust: TrustList) -> Iterator[dict[str, Any]]:
    """An institution's datasets with its offers of each to this one. An offer of a dataset that it does not show stands
    below one without a name."""
    provider, offers = answer["provider"], answer["offers"]
    shown = {one["id"]: one for one in answer["datasets"]}
    for dataset in dict.fromkeys((*shown, *(one["offer"]["dataset"] for one in offers))):
        one = shown.get(dataset, {"name": None, "columns": None})
        of_it = [_foreign(offer, trust) for offer in offers if offer["offer"]["dataset"] == dataset]
        yield one | {"id": dataset, "provider": provider, "left": _left(one), "offers": of_it}


def _foreign(one: dict[str, Any], trust: TrustList) -> dict[str, Any]:
    scope, terms = one["scope"], one["offer"]
    words = {name: scope[name] for name in ("title", "purpose", "recipes", "columns", "output")}
    budgets = {"budget": terms["budget"], "spent": one["spent"]}
    auditors = [{"address": who, "name": trust.name_or_address(read_address(who))} for who in scope.get("auditors", ())]
    about = {"id": one["id"], **words, "bounds": scope.get("bounds", {}), "auditors": auditors}
    about |= {"smallest_group": scope["smallest_group"], "openings": one["openings"]}
    return about | budgets | {"left": _left(budgets)}


def _own(one: dict[str, Any]) -> dict[str, Any]:
    offers = [offer | {"left": _left(offer)} for offer in one["offers"]]
    return one | {"left": _left(one), "offers": offers}


def _left(one: dict[str, Any]) -> int | None:
    """Of a privacy budget in nano-rho; None where the chain has not said it."""
    budget, spent = one.get("budget"), one.get("spent")
    return None if budget is None or spent is None else budget - spent


def matches(dataset: dict[str, Any], word: str) -> bool:
    """Whether a word, whatever its case, is in what people read of a dataset and its offers."""
    offers = dataset["offers"]
    texts = [dataset["name"], dataset.get("about"), dataset["provider"]["name"], *(dataset["columns"] or ())]
    texts += [one["meaning"] for one in dataset.get("meanings", {}).values()]
    texts += [text for one in offers for text in (one["title"], one["purpose"], *one["recipes"])]
    texts += [column for one in offers for column in one.get("columns", ())]
    return any(word.casefold() in text.casefold() for text in texts if text is not None)


def _rows(dataset: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    columns = ", ".join(dataset["columns"] or ()) or "-"
    start = (dataset["provider"]["name"], dataset["name"] or "not shown", columns, about(dataset))
    if not dataset["offers"]:
        yield (*start, "none to this institution", *["-"] * 4, _words([dataset["left"]]))
    for one in dataset["offers"]:
        recipes, left = ", ".join(one["recipes"]), _words([one["left"], dataset["left"]])
        auditors = ", ".join(who["name"] for who in one["auditors"]) or "nobody"
        yield (*start, one["id"], one["purpose"], recipes, auditors, str(one["openings"]), left)


def about(dataset: dict[str, Any]) -> str:
    """What its institution says of it: columns' meanings and units, and the day it was refreshed."""
    parts = [dataset["about"]] if dataset.get("about") else []
    for column, one in dataset.get("meanings", {}).items():
        parts.append(f"{column}: {one['meaning']}" + (f" ({one['unit']})" if one["unit"] else ""))
    if dataset.get("refreshed"):
        parts.append(f"as of {dataset['refreshed']}")
    return "; ".join(parts) or "-"


def _words(left: list[int | None]) -> str:
    """What jobs can still spend: the least of the offer's and the dataset's."""
    from placet.core.privacy import epsilon_hundredths

    known = [one for one in left if one is not None]
    if len(known) < len(left):
        return "unknown"
    least = min(known)
    return "none" if least == 0 else f"{least} nano-rho (epsilon {epsilon_hundredths(least) / 100:.2f})"
