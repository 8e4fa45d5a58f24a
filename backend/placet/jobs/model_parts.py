"""A model stays with the parties that made it: how each keeps its part in a job, and brings it to another.

In either job each party tells the others the commitment of its part, in a step that its trail holds: what a part is
can't be changed afterwards, and parts of two models don't come together. Before they keep them, parties tell each other
what they were told: who says one thing to this party and another to that is found out before the seal, since the parts
would never come together again.
"""

from __future__ import annotations

import secrets

from pydantic import JsonValue, ValidationError

from placet.chain.threaded import ask_store
from placet.core.errors import ProtocolError, StateError
from placet.core.hashing import canonical
from placet.core.lineage import COMMITMENT, KEEP
from placet.core.model_part import MAX_PART, ModelPart, model_commitment
from placet.core.trail import Artefact
from placet.core.values import from_hex, to_hex
from placet.jobs.party_run import PartyRun
from placet.jobs.records import JobRecord
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.vault.models import KeptModel

PROTOCOL = "model-part/1"
PART, PARTS = "model.part", "model.parts"
"""Tags: the commitment to the sender's own part; those to all parts, as the sender was told them."""
DIFFERS = "model.differs"
FINAL = frozenset({DIFFERS, "model.name"})
"""Codes of failures to keep a model that another attempt would meet again."""
NEVER_KEPT = frozenset({"model.large", "model.name"})
"""Of a model in clear that can't be kept, however often the vault is asked: its job ends without."""


async def keep(job: PartyRun, kind: str, content: dict[str, JsonValue], *inputs: Artefact) -> Artefact:
    """Keep this party's part of the model that the job makes, in its vault, where it may be used once the job is
    completed. All parties call this. Returns the model's commitment. WarrantError if the vault says no; ProtocolError
    `model.differs` where a party told others another commitment to its part: nobody seals that attempt."""
    part = ModelPart(
        job=job.record.job,
        attempt=job.attempt,
        party=job.party,
        kind=kind,
        content=content,
        salt=job.entropy(b"model")(32),
    )
    async with job.step(KEEP, PROTOCOL, *inputs) as step:
        commitments = await _told(job, step, part.commitment)
        await _compare(job, step, commitments)
        kept = KeptModel(part=part, commitments=commitments)
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
        await ask_store(job.context.note_uses, job.record.job, job.attempt, chosen.offer, chosen.consent)
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


async def bring_clear(job: PartyRun, alias: str) -> tuple[dict[str, JsonValue], Artefact]:
    """The report in which this party got a model in clear, out of its vault, and the consent to its use. WarrantError
    if the vault says no; ProtocolError `model.parts` for a part of one that stays shared."""
    number = job.number(alias)
    plan_input = job.plan.inputs[number]
    async with job.step(f"open-{alias}", PROTOCOL, Artefact(name="consent", commitment=plan_input.consent)) as step:
        model = await job.context.demand_rows().model(job.record.job, job.plan, job.terms, job.attempt, number)
        await ask_store(job.context.note_uses, job.record.job, job.attempt, plan_input.offer, plan_input.consent)
        if model.clear is None:
            raise ProtocolError(
                "this party keeps a part of the model, and not the whole",
                expected="a model that came to it in clear",
                code="model.parts",
            )
        return model.part.content, step.output("report", canonical(model.part.content))


def in_clear(record: JobRecord, attempt: int, report: dict[str, JsonValue]) -> KeptModel:
    """The whole of a model that its consumer got in clear: all of the job's report, of which `commitment` is in hex.
    StateError `model.large` where that is more than a vault keeps."""
    try:
        part = ModelPart(
            job=record.job,
            attempt=attempt,
            party=record.party,
            kind=record.terms.recipe,
            content=report,
            salt=secrets.token_bytes(32),
        )
    except ValidationError:
        raise StateError(
            "the model is larger than what a vault keeps",
            expected=f"{MAX_PART} bytes at the most",
            remedy="it is in the job's result; it can't be registered",
            code="model.large",
        ) from None
    return KeptModel(part=part, clear=from_hex(str(report["commitment"])))


async def _told(job: PartyRun, step: StepRecorder, own: bytes) -> tuple[bytes, ...]:
    """All parties' commitments to their parts, in the plan's order."""
    step.public("part", own)
    parts = {job.party: own} | await _exchanged(job, step, PART, own)
    return tuple(parts[party] for party in sorted(parts))


async def _compare(job: PartyRun, step: StepRecorder, commitments: tuple[bytes, ...]) -> None:
    """ProtocolError `model.differs` unless all parties were told the same commitments."""
    for party, joined in (await _exchanged(job, step, PARTS, b"".join(commitments))).items():
        theirs = tuple(joined[start : start + 32] for start in range(0, len(joined), 32))
        for whose, (expected, found) in enumerate(zip(commitments, theirs, strict=True)):
            if found != expected:
                raise ProtocolError(
                    f"{job.name(whose)} committed to different parts of one model towards different parties",
                    expected=f"{to_hex(expected)}, as {job.name(job.party)} was told",
                    found=f"{to_hex(found)}, as {job.name(party)} says it was told",
                    remedy="both hold the message in question signed; propose the job again, or without that party",
                    code=DIFFERS,
                )


async def _exchanged(job: PartyRun, step: StepRecorder, tag: str, own: bytes) -> dict[int, bytes]:
    """What each other party says under a tag, all of one length."""
    for party in job.peers:
        await step.send(name_of(party), tag, own)
    answers = {party: await step.receive(name_of(party), tag, limit=len(own)) for party in job.peers}
    for party, answer in answers.items():
        if len(answer) != len(own):
            raise ProtocolError(
                "commitments to a model's parts are of another length",
                expected=f"{len(own)} bytes",
                found=f"{len(answer)} bytes of {job.name(party)}",
                code="model.parts",
            )
    return answers
