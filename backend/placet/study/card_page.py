"""A model's card as a page: the card, whose hash the chain has, and beside it what has happened since.

A page without scripts; its template escapes every value."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from placet.core.ids import OfferId
from placet.core.model_card import ModelCard
from placet.core.offers import Names
from placet.core.pages import template
from placet.core.purposes import PURPOSES
from placet.core.values import to_hex
from placet.study.style import CSS

MAX_PARAMETER = 300


@dataclass(frozen=True)
class CardState:
    """What is no part of a card: when this is written, in Unix seconds; whether the card's hash is on chain; of each
    offer of the model's lineage, how many consents have ended since the job's seal and how many batches of consents
    came after it, None where the chain does not show the lineage."""

    at: int
    registered: bool
    since: Mapping[OfferId, tuple[int, int]] | None

    @property
    def withdrawn(self) -> int | None:
        """From all offers."""
        return None if self.since is None else sum(ended for ended, _ in self.since.values())


def card_page(name: str, card: ModelCard, state: CardState, name_of: Names) -> str:
    """The page, for a card whose institutions `name_of` knows."""
    addresses = {card.consumer, card.holder, *card.parties, *card.holders}
    names = {address: name_of(address) for address in addresses}
    holders = ", ".join(names[one] for one in card.holders)
    purpose = PURPOSES.get(card.purpose, card.purpose)
    withdrawn = state.withdrawn
    results: dict[str, Any] = card.results or {}
    return template("placet.study", "model_card.jinja").render(
        css=Markup(CSS),  # noqa: S704 - our own style sheet
        name=name,
        card=card,
        names=names,
        when=datetime.datetime.fromtimestamp(state.at, datetime.UTC).strftime("%d %B %Y, %H:%M UTC"),
        state="hash on chain" if state.registered else "not registered",
        lead=f"A model for {purpose}, made by {len(card.parties)} institutions, of which none saw the others’ rows.",
        tiles=[
            (str(len(card.parties)), "institutions"),
            (str(sum(len(one.columns) for one in card.data)), "columns that were read"),
            ("unknown" if withdrawn is None else f"{withdrawn:,}", "consents of its lineage that ended since"),
        ],
        warning=_warning(withdrawn),
        purpose=purpose,
        holders=f"{holders}, in clear" if card.held == "clear" else f"{holders}: each a part that is of no use alone",
        job=to_hex(card.job),
        commitment=to_hex(card.commitment),
        digest=to_hex(card.hash),
        data=list(_data(card, state, names.__getitem__)),
        figures=list(_figures(results)),
        gain=_gain(results.get("gain")),
        parameters=[(key, _short(value)) for key, value in card.parameters.items()],
        on_chain="Its hash stands on chain, with the model’s registration."
        if state.registered
        else "Its hash is not on chain: the model is not registered.",
    )


def _warning(withdrawn: int | None) -> str | None:
    if withdrawn is None:
        return "The chain does not show this model's lineage: no job opens with it."
    if withdrawn:
        return (
            f"{withdrawn:,} consents to the data that it was made of have ended since. It still holds what was learned "
            "from these people, if they were among them. No job opens with it once that is more than its offer "
            "tolerates."
        )
    return None


def _data(card: ModelCard, state: CardState, name_of: Callable[[bytes], str]) -> Iterator[dict[str, Any]]:
    for one in card.data:
        since = None if state.since is None else state.since.get(one.offer, (0, 0))
        yield {
            "name": name_of(one.institution),
            "role": one.role,
            "columns": ", ".join(one.columns),
            "root": to_hex(one.root),
            "withdrawn": "unknown" if since is None else f"{since[0]:,}",
            "batches": "unknown" if since is None else f"{since[1]:,}",
        }


def _figures(results: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Words, the joint model's figure, that of the consumer's columns alone."""
    joint, alone = (((results.get(name) or {}).get("test") or {}) for name in ("metrics", "alone"))
    for words, key in (("AUC", "auc"), ("KS", "ks"), ("rows", "people"), ("of these with label 1", "positives")):
        if key in joint:
            yield words, str(joint[key]), str(alone.get(key, "–"))


def _gain(gain: Mapping[str, Any] | None) -> str | None:
    if gain is None:
        return None
    return f"Gain of the joint model: {gain['auc']} AUC, at 95 % between {gain['low']} and {gain['high']}."


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_PARAMETER else f"{text[:MAX_PARAMETER]}…"
