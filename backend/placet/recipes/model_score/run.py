"""`model-score`: a consumer's applicants scored by a model that its makers keep as shares.

Each party takes its part of the model out of its vault, and all see that the parts are the plan's model. Providers
bring their rows to places in the consumer's secret order, as in training, and cut or prepare them as they kept it; what
a provider lacks of an applicant is missing. What columns come to meets the model's numbers on shares, also of providers
that do not compute, and what comes out stays shares until the release: scores, or what the cut-offs leave of them,
which are compared inside, and the columns that cost an applicant most. The model's probes are scored beside the
applicants, and unless they come to what they did when it was trained nothing comes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.model_score import MODEL, SPEC, ModelScoreParameters, cost
from placet.catalogue.modelling import MAX_ROWS, computing
from placet.catalogue.spec import CONSUMER
from placet.core.errors import DataError, InputError, LimitError, ProtocolError
from placet.core.hashing import canonical
from placet.core.trail import Artefact
from placet.core.values import parse
from placet.jobs import model_parts
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.models.binning import Codes
from placet.protocols.mpc.scoring import ScoreProgram
from placet.protocols.spu import KeptShare, Secret
from placet.protocols.spu.scoring import FIRST_PARTS, SECOND_PARTS, SKEW
from placet.protocols.spu.scoring import MODEL as MODEL_NUMBERS
from placet.recipes.blocks import distributed, psi_join, sharing_out, warm
from placet.recipes.blocks.columns import subjects
from placet.recipes.blocks.kept_line import KeptLine
from placet.recipes.blocks.warm import SessionProgram
from placet.recipes.model_score.kinds import KINDS, Part
from placet.recipes.model_score.result import combine, engine_of

MAX_CELLS = 2**25
"""Of all applicants together: 8 bytes each, and as many in each share."""
UNSEEN = "no value is in a bin that training had: is the column filled, and written as it was then?"
_FINAL = frozenset({DataError.code, "score.list", "model.parts", "model.columns", "spu.kept", SKEW})


def program_of(job: DeclaredTerms, parameters: ModelScoreParameters) -> ScoreProgram:
    """The program that the plan's parameters declare: providers' columns in their order, then the consumer's."""
    columns = [one for role in job.terms.roles for one in parameters.of(role)]
    return KINDS[parameters.kind].program(parameters, columns)


def demand(job: DeclaredTerms) -> None:
    """PlanError for a number of parties that have no engine together."""
    engine_of(job.terms.roles)


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    parameters = job.parameters(ModelScoreParameters)
    alias = job.declared.seats[job.party].alias or ""
    rows, opened = await job.open(alias)
    kind = KINDS[parameters.kind]
    part, model = await model_parts.bring(job, MODEL, kind.name)
    kept: Part = parse(kind.part, part.content, what="the part of the model")
    kept.demand_columns(cast(Any, parameters.of(job.role)), (await job.scope(alias)).decimals)
    if job.role == CONSUMER:
        applicants = [str(value) for value in rows.columns[parameters.identifier]]
        if len(applicants) > MAX_ROWS:
            raise LimitError(
                "the list is too long", expected=f"at most {MAX_ROWS}", found=len(applicants), code="score.list"
            )
        providers = range(len(job.plan.parties) - 1)
        places, _, made = await psi_join.consumer(job, providers, applicants, opened, most=distributed.MAX_ROWS)
        share, scored = await _score(job, parameters, kept, rows.columns, places, made, model)
        who = [applicants[row] for row in places]
        private = {
            "share": share.hex(),
            "applicants": who,
            "roles": list(job.terms.roles),
            "parameters": job.terms.parameters,
            "label": kept.label.to_json() if isinstance(kept, KeptLine) and kept.label else None,
        }
        return await job.collect(canonical(private), scored)
    people = subjects(rows, parameters.identifier)
    placement, made = await psi_join.provider(job, len(job.plan.parties) - 1, people, opened, most=MAX_ROWS)
    await job.matched(alias, rows, placement.matched)
    share, scored = await _score(job, parameters, kept, rows.columns, placement.order, made, model)
    await job.release(share, scored)


async def _score(
    job: PartyRun,
    parameters: ModelScoreParameters,
    kept: Part,
    columns: Mapping[str, Sequence[Any]],
    at: Sequence[int | None],
    artefact: Artefact,
    model: Artefact,
) -> tuple[bytes, Artefact]:
    """This party's share of what comes out, place by place, empty of who does not compute; `at` has its row at each
    place, None where it has none."""
    if not at:
        return b"", artefact
    program = program_of(job.declared, parameters)
    if len(at) * program.wide > MAX_CELLS:
        raise LimitError(
            "too many applicants for so many columns",
            expected=f"at most {MAX_CELLS // program.wide}",
            found=len(at),
            code="score.list",
        )
    own = parameters.of(job.role)
    first = sum(len(parameters.of(role)) for role in job.terms.roles[: job.party])
    values = {one.column: [None if row is None else columns[one.column][row] for row in at] for one in own}
    brought = kept.brought(values, program, first, len(at))
    there = [place for place, row in enumerate(at) if row is not None]
    if silent := kept.unseen({name: [column[place] for place in there] for name, column in values.items()}):
        await job.say(job.record, "unseen-values", attempt=job.attempt, columns=silent, rows=len(there), why=UNSEEN)
    members, arrays = computing(job.terms.roles), {_brought(job.party): brought} if own else {}
    if sharing := sharing_of(job.terms.roles, parameters):
        async with job.step("share-columns", sharing_out.PROTOCOL, artefact) as step:
            parts = await sharing_out.columns(job, step, brought, members, sharing)
            artefact = step.output("columns", np.concatenate([brought, *parts], axis=1).tobytes())
        if parts:
            arrays[FIRST_PARTS if job.party == members[0] else SECOND_PARTS] = np.concatenate(parts, axis=1)
    if job.party not in members:
        return b"", artefact
    if kept.numbers is None:
        raise InputError("this party keeps no share of the model's numbers", found=job.role, code="spu.kept")
    await distributed.demand_cost(job, cost(parameters, len(at)))
    secrets = secrets_of(job.terms.roles, parameters, program, len(at))
    return await _computed(job, program, secrets, arrays, kept.numbers, (artefact, model))


async def _computed(
    job: PartyRun,
    program: ScoreProgram,
    secrets: Sequence[Secret],
    arrays: Mapping[str, Codes],
    numbers: KeptShare,
    inputs: tuple[Artefact, Artefact],
) -> tuple[bytes, Artefact]:
    """The engine's part. ProtocolError `model.skew` where the probes come to other numbers than they did."""
    parameters = job.parameters(ModelScoreParameters)
    work = SessionProgram(
        name="score",
        parties=computing(job.terms.roles),
        engine=engine_of(job.terms.roles),
        program=program,
        secrets=secrets,
        own=arrays,
        kept={MODEL_NUMBERS: numbers},
        scores=secrets[0].shape[0] - program.probes - program.examples,
    )
    try:
        (share,), scored = await warm.computed(job, work, parameters.session, parameters.model.commitment, *inputs)
    except ProtocolError as error:
        raise skewed() if error.code == SKEW else error from None
    return share, scored


def sharing_of(roles: Sequence[str], parameters: ModelScoreParameters) -> dict[int, int]:
    """Parties that share their columns out, and how many numbers a row these come to."""
    members = computing(roles)
    return {
        party: sum(one.width for one in parameters.of(role)) for party, role in enumerate(roles) if party not in members
    }


def secrets_of(
    roles: Sequence[str], parameters: ModelScoreParameters, program: ScoreProgram, applicants: int
) -> list[Secret]:
    """What the program takes, in the model's order: what providers bring, what others do in two parts, what the
    consumer does, and the kept shares."""
    members, rows = computing(roles), applicants + program.probes + program.examples
    widths = {party: sum(one.width for one in parameters.of(roles[party])) for party in members}
    own = [
        Secret(_brought(party), rank, "int64", (rows, widths[party]))
        for rank, party in enumerate(members)
        if widths[party]
    ]
    wide = sum(sharing_of(roles, parameters).values())
    parts = [Secret(name, rank, "int64", (rows, wide)) for rank, name in enumerate((FIRST_PARTS, SECOND_PARTS)) if wide]
    providers = [secret for secret in own if secret.owner != len(members) - 1]
    return [*providers, *parts, *own[len(providers) :], Secret(MODEL_NUMBERS, None, "int64", program.kept)]


def skewed() -> ProtocolError:
    """The probes come to others than in training."""
    return ProtocolError(
        "the model does not score as when it was trained",
        expected="the scores that its probes had then",
        found="another one",
        remedy="the same release of Placet at all parties, and each part as it was kept; else train anew",
        code=SKEW,
    )


def _brought(party: int) -> str:
    return f"columns-{party}"


MODEL_SCORE = RecipeRun(spec=SPEC, run=run, combine=combine, final=_FINAL.__contains__, demand=demand)
