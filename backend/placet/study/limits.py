"""What a study does not prove, in words: a report that hides it convinces nobody who knows the field."""

from __future__ import annotations

from placet.catalogue.asset_view import AssetViewParameters
from placet.catalogue.modelling import TrainingParameters
from placet.study.model_facts import ModelFacts
from placet.study.outcome import StudyOutcome
from placet.study.tables import StudyData


def limits(data: StudyData, outcome: StudyOutcome, model: ModelFacts | None) -> list[str]:
    """A sentence or two each, the gravest first."""
    terms = data.terms
    lines = [
        "This was a rehearsal on one machine, which held all files and made the keys of all who consent. It shows what "
        "the institutions would compute and what an auditor would say; it protected nobody's data.",
        "That the rows used are the rows declared is proved only by computing again. The audit shows who agreed, who "
        "consented, what was recorded and who was paid.",
    ]
    if isinstance(terms.parameters, AssetViewParameters) and terms.parameters.verifies:
        lines.append(
            "A provider that shares or releases another number than it committed to is found out and named. No sum "
            "shows whether the value that it committed to is true."
        )
    elif terms.engine != "spu":
        lines.append(
            "The protocol is semi-honest: a party that computes wrongly falsifies the result and may go unseen."
        )
    else:
        lines.append(
            f"The engine {terms.engine} is semi-honest: parties follow the protocol, and learn nothing more from it. A "
            "party that departs from it may falsify the result unseen."
        )
    if isinstance(terms.parameters, TrainingParameters):
        lines += _of_models(data, model)
    if terms.tells.shows:
        lines.append(
            "While the job runs each provider learns which of its own consented rows are in the consumer's list, also "
            "where the job ends without a result."
        )
    if terms.tells.disclosed is not None:
        lines.append(f"Before the seal something is known already, also where there is none: {terms.tells.disclosed}.")
    lines.append(
        "Consents were judged at the opening of the job. Whoever withdraws later is not in the next job; this result "
        "stays as it is."
    )
    if data.terms.study.consents.persons == "all":
        lines.append("The study takes all persons as consenting. Real persons are asked, and fewer of them agree.")
    return lines


def _of_models(data: StudyData, model: ModelFacts | None) -> list[str]:
    parameters = data.terms.parameters
    lines = []
    if getattr(parameters, "protocol", None) == "aby3":
        lines.append("Of the three parties that compute any two who pool their shares see everything.")
    lines += [
        "The model describes those who consented. Who consents may differ from who does not, and the future from the "
        "past: watch the score's stability, and its quality by groups, before and while it decides anything.",
        "A high AUC says that the score ranks well on rows of the same kind. It says nothing of causes, nor of whether "
        "using the score for a decision is fair or lawful.",
    ]
    if model is not None and model.gain is not None:
        lines.append(
            "The interval of the gain counts the chance of the test rows alone, not that of the training rows nor of "
            "having tried several models."
        )
    return lines
