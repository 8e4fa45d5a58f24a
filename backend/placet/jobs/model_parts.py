"""A model stays with the parties that made it: how each keeps its part in a job, and brings it to another.

In either job each party tells the others the commitment of its part, in a step that its trail holds: what a part is
can't be changed afterwards, and parts of two models don't come together.
"""

from __future__ import annotations

from pydantic import JsonValue

from placet.chain.threaded import ask_store
from placet.core.errors import ProtocolError
from placet.core.lineage import COMMITMENT, KEEP
from placet.core.model_part import ModelPart, model_commitment
from placet.core.trail import Artefact
from placet.core.values import to_hex
from placet.jobs.party_run import PartyRun, StepRecorder, name_of
from placet.vault.models import KeptModel

PROTOCOL = "model-part/1"
PART = "model.part"


async def keep(job: PartyRun, kind: str, content: dict[str, JsonValue], *inputs: Artefact) -> Artefact:
    """Keep this party's part of the model that the job makes, in its vault, where it may be used once the job is
    completed. All parties call this. Returns the model's commitment. WarrantError if the vault says no."""
    part = ModelPart(
        job=job.record.job,
        attempt=job.attempt,
        party=job.party,
        kind=kind,
        content=content,
        salt=job.entropy(b"model")(32),
    )
    async with job.step(KEEP, PROTOCOL, *inputs) as step:
        kept = KeptModel(part=part, commitments=await _told(job, step, part.commitment))
        await job.context.demand_rows().keep_model(job.record.job, job.plan, job.terms, kept)
        return step.public(COMMITMENT, kept.commitment)


async def bring(job: PartyRun, alias: str, kind: str) -> tuple[ModelPart, Artefact]:
    """This party's part of a model of a `kind`, out of its vault, and the model's commitment, once all parties have
    told theirs. WarrantError if the vault says no; ProtocolError `model.parts` where they make another model than the
    plan's, or this one is another party's or of another kind."""
    number = job.number(alias)
    chosen, model = job.plan.inputs[number], job.declared.use(number).model
    async with job.step(f"open-{alias}", PROTOCOL, Artefact(name="consent", commitment=chosen.consent)) as step:
        vault = job.context.demand_rows()
        kept = await vault.model(job.record.job, job.plan, job.terms, job.attempt, number)
        await ask_store(job.context.note_uses, job.record.job, job.attempt, chosen.offer, [chosen.consent])
        commitment = model_commitment(await _told(job, step, kept.part.commitment))
        if model is None or commitment != model.commitment:
            raise ProtocolError(
                "the parties' parts are not the plan's model",
                expected=None if model is None else to_hex(model.commitment),
                found=to_hex(commitment),
                code="model.parts",
            )
        if (kept.part.party, kept.part.kind) != (job.party, kind):
            raise ProtocolError(
                "the part is another party's, or of another kind of model",
                expected=f"party {job.party}, {kind}",
                found=f"party {kept.part.party}, {kept.part.kind}",
                code="model.parts",
            )
        return kept.part, step.public(COMMITMENT, commitment)


async def _told(job: PartyRun, step: StepRecorder, own: bytes) -> tuple[bytes, ...]:
    """All parties' commitments to their parts, in the plan's order."""
    step.public("part", own)
    parts = {job.party: own}
    others = [party for party in range(len(job.plan.parties)) if party != job.party]
    for party in others:
        await step.send(name_of(party), PART, own)
    for party in others:
        parts[party] = await step.receive(name_of(party), PART, limit=32)
        if len(parts[party]) != 32:
            raise ProtocolError("a commitment has 32 bytes", found=name_of(party), code="model.parts")
    return tuple(parts[party] for party in sorted(parts))
