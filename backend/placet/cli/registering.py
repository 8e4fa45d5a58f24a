"""A dataset of the vault on chain: its registration, the commitment to its rows, the card of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from placet.cli.operator import EnsureTransaction, Operator
from placet.core.errors import ConsentError, NotFoundError

if TYPE_CHECKING:
    from placet.core.model_card import ModelCard
    from placet.core.offers import Subjects


def registration(office: Operator, dataset_info: Mapping[str, Any], budget: int) -> list[EnsureTransaction]:
    """What registers a dataset of the vault, or commits to its rows as they are now; a part of a model as one.
    ConsentError, once it is carried out, where it stands on chain as other people's rows."""
    from placet.core.ids import DatasetId, JobId
    from placet.core.offers import Subjects
    from placet.core.values import from_hex

    chain, calls, dataset = office.chain, office.calls, DatasetId(from_hex(dataset_info["id"]))
    key, schema, commitment = dataset.hex(), from_hex(dataset_info["schema_hash"]), from_hex(dataset_info["commitment"])
    subjects = Subjects.MODEL if dataset_info.get("origin") else Subjects.of(dataset_info["personal"])

    def registered() -> bool:
        try:
            state = chain.dataset(dataset)
        except NotFoundError:
            return False
        if state.provider != office.address:
            return False
        demand_subjects(state.subjects, subjects)
        return True

    def committed() -> bool:
        return registered() and chain.dataset(dataset).commitment == commitment

    if dataset_info.get("origin"):
        if registered():
            return []
        origin, card = JobId(from_hex(dataset_info["origin"])), kept_card(office, dataset_info["origin"])
        call = calls.register_model(dataset, origin, schema, commitment, card.hash, budget)
        return [EnsureTransaction(f"register:{key}", call, registered)]
    wishes = [
        EnsureTransaction(f"register:{key}", calls.register(dataset, subjects, schema, commitment, budget), registered)
    ]
    if registered() and not committed():
        wishes.append(
            EnsureTransaction(f"commit:{key}:{commitment.hex()}", calls.commit(dataset, commitment), committed)
        )
    return wishes


def kept_card(office: Operator, job: str) -> ModelCard:
    """This institution's card of the model that a job made, kept for the audit before its hash goes on chain."""
    from placet.node.jobs.cards import Cards

    card = read_card(office.ask("GET", f"/v1/jobs/{job}/model"))
    Cards(office.settings.cards).add(card)
    return card


def read_card(about: Mapping[str, Any]) -> ModelCard:
    """The card in what the node says of a model. NotFoundError where this institution has nothing of it."""
    from placet.core.model_card import ModelCard
    from placet.core.values import parse

    if about["card"] is None:
        raise NotFoundError("this institution has no card of the model", found=about["why"], code="model.none")
    return parse(ModelCard, about["card"])


def demand_subjects(registered: Subjects, scope: Subjects) -> None:
    """ConsentError unless an offer's scope says of its dataset's rows what the dataset's registration says."""
    if scope is not registered:
        raise ConsentError(
            "offer and registered dataset disagree on whose data these are",
            expected=f"{registered.words}, as registered on chain",
            found=scope.words,
            remedy="import the table under another name: whose rows a dataset holds is never changed",
            code="consent.personal",
        )
