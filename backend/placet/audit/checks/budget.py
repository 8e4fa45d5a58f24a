"""Was what noise costs spent of the privacy budgets, and is the noise what the parties are bound to?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from placet.audit.case import Case
from placet.audit.facts import Ending
from placet.audit.findings import Findings, check
from placet.core.privacy import Choice, cost_of
from placet.core.trail import Step
from placet.core.values import to_hex
from placet.jobs.randomness import NoiseSource

GROUP = "budget"
NO_BUDGET, NO_NOISE = "the job spends no privacy budget", "the job adds no noise"
UNDECLARED = "the recipe spends a privacy budget and does not declare what its noise is on: each party's word"


@check(GROUP, "spent", "The opening spent what the plan says, within the budgets of offer and dataset")
def spent(case: Case, tell: Findings) -> None:
    """For each input the opening's block spent exactly what the plan says, once, and nothing for an input without a
    budget. All that any job ever spent of the dataset, less what went back, adds up to what the chain says is left
    after each of them, and never to more than the dataset's budget; under each of the job's offers, to no more than
    that offer's."""
    if case.plan is None or case.facts.opened is None:
        return tell.skip("no plan, or never opened")
    own = [one for one in case.facts.budgets if one.job == case.bundle.job and one.kind == "spent"]
    if not own and not any(entry.budget for entry in case.inputs):
        return tell.skip(NO_BUDGET)
    for index, entry in enumerate(case.inputs):
        amounts = [one.amount for one in own if one.offer == entry.offer]
        tell.same(f"spent for input {index}", [entry.budget] if entry.budget else [], amounts)
    for one in own:
        tell.same("block of the spending", case.facts.opened.at.block, one.at.block)
        if one.offer not in {entry.offer for entry in case.inputs}:
            tell.fail("spending under the plan's offers", to_hex(one.offer))
    _totals(case, tell)


def _totals(case: Case, tell: Findings) -> None:
    budgets = {one.id: one.budget for one in case.facts.datasets}
    offers = {one.id: one.offer for one in case.facts.offers}
    of_dataset, of_offer = Counter[bytes](), Counter[bytes]()
    last = (0, -1)
    for change in case.facts.budgets:
        sign = 1 if change.kind == "spent" else -1
        of_dataset[change.dataset] += sign * change.amount
        of_offer[change.offer] += sign * change.amount
        total, budget = of_dataset[change.dataset], budgets.get(change.dataset, 0)
        tell.same("left of a dataset's budget", budget - total, change.left)
        if not 0 <= total <= budget:
            tell.fail(f"at most {budget} nano-rho of a dataset, and no less than nothing", total)
        if (offer := offers.get(change.offer)) is not None:
            tell.same("dataset of an offer", offer.dataset, change.dataset)
            if not 0 <= of_offer[change.offer] <= offer.budget:
                tell.fail(f"at most {offer.budget} nano-rho of an offer", of_offer[change.offer])
        if change.at.order <= last:
            tell.fail(f"spending in the order of the chain, after {last}", change.at.order)
        last = change.at.order
    for index, entry in enumerate(case.inputs):
        if entry.budget and (fact := case.offers.get(entry.offer)) is not None:
            dataset = fact.offer.dataset
            whole = f"{of_dataset[dataset]} of {budgets.get(dataset, 0)} nano-rho of its dataset's privacy budget"
            tell.note(f"input {index}: all jobs under all offers have spent {whole}")


@check(GROUP, "given-back", "A privacy budget was given back only where no party had recorded a step")
def given_back(case: Case, tell: Findings) -> None:
    """What goes back is what the opening spent, once, after the job was aborted, and no party has a step of it on
    chain, before or after."""
    back = [one for one in case.facts.budgets if one.job == case.bundle.job and one.kind == "refunded"]
    if not back:
        return tell.skip("nothing was given back")
    own = [one for one in case.facts.budgets if one.job == case.bundle.job and one.kind == "spent"]
    tell.same("given back", Counter((c.offer, c.amount) for c in own), Counter((c.offer, c.amount) for c in back))
    tell.same("end of the job", Ending.ABORTED, case.facts.status)
    for one in back:
        if case.facts.end is not None and one.at.order <= case.facts.end.at.order:
            tell.fail(f"given back after the end at {case.facts.end.at.order}", one.at.order)
    for record in case.facts.recorded:
        tell.fail("no step of a job whose budget was given back", f"a step of {case.name(record.party)}", record.party)


@dataclass(frozen=True)
class _Recorded:
    """A release as a step shows it, and the commitment to its noise (None: none)."""

    what: str
    about: JsonValue
    commitment: bytes | None


def _recorded(steps: Sequence[Step]) -> Iterator[_Recorded]:
    for step in steps:
        commitments = {one.name: one.commitment for one in step.outputs}
        shown = step.parameters.get("noise", [])
        for about in shown if isinstance(shown, list) else [shown]:
            what = str(about.get("what")) if isinstance(about, dict) else ""
            yield _Recorded(what, about, commitments.get(f"noise/{what}"))


def _noise(case: Case) -> tuple[dict[int, tuple[Choice, ...]], tuple[str, ...]]:
    """What each party adds its noise to, by the plan alone, and after which of these all may end; nothing where the
    terms are no recipe's."""
    job = case.declared
    if job is None:
        return {}, ()
    by_role = {name: job.spec.noise(name, job.parameters) for name in {seat.name for seat in job.seats}}
    noise = {party: by_role[seat.name] for party, seat in enumerate(job.seats)}
    return {party: releases for party, releases in noise.items() if releases}, job.spec.ends


@check(GROUP, "noise", "Each party recorded the noise that the plan's budget pays for")
def noise(case: Case, tell: Findings) -> None:
    """By recipe, parameters and the offer's bounds, worked out again: what one row changes of each release, the
    variance that hides it, and what both cost, which is within what the input spent. Each party's steps say the same
    releases in the same order with the same variance, each with a commitment to its noise; all of them in the sealed
    attempt, unless the recipe ends where people look too few. Who recorded other noise is named."""
    if case.facts.opened is None:
        return tell.skip("never opened")
    noisy, ends = _noise(case)
    if not noisy:
        if case.terms is None:
            return tell.lack("no evidence that shows the terms")
        return tell.skip(UNDECLARED if any(entry.budget for entry in case.inputs) else NO_NOISE)
    for index, entry in enumerate(case.inputs):
        tell.looked += 1
        if entry.budget and (least := cost_of(noisy.get(case.owners[index], ()))) > entry.budget:
            tell.fail(f"input {index} spends {least} nano-rho, the cost of its noise", entry.budget)
    for party, evidence_ in case.evidence.items():
        releases = noisy.get(party, ())
        for attempt in sorted({step.attempt for step in evidence_.steps}):
            whole = case.is_final(attempt)
            _compare(
                tell, party, releases, list(_recorded(case.steps(party, attempt))), attempt, ends if whole else None
            )
    for party in case.absent:
        tell.lack(f"no evidence of {case.name(party)}")
    if (attempts := len(case.attempts)) > 1:
        tell.note(f"noise was drawn in {attempts} attempts: who made one fail knew its own noise in it, not the next")


def _compare(
    tell: Findings,
    party: int,
    releases: Sequence[Choice],
    shown: Sequence[_Recorded],
    attempt: int,
    ends: tuple[str, ...] | None,
) -> None:
    """`ends`: None where the attempt was not sealed and may have been cut off anywhere."""
    for place, one in enumerate(shown):
        tell.looked += 1
        due = [choice.to_json() for choice in releases[place]] if place < len(releases) else ["nothing more"]
        if one.about not in due:
            tell.fail(f"attempt {attempt}: noise on {due[0]}", f"noise on {one.about}", party)
        elif one.commitment is None:
            tell.fail(f"attempt {attempt}: a commitment to the noise on {one.what}", "none", party)
    if ends is not None and len(shown) < len(releases) and (not shown or shown[-1].what not in ends):
        missing = releases[len(shown)][0].what
        tell.fail(f"attempt {attempt}: noise on {missing}", "none recorded", party)


@check(GROUP, "drawn", "The noise is what committed seeds and the opening's block give")
def drawn(case: Case, tell: Findings) -> None:
    """Where parties opened their noise to this auditor: the opened seed is the one that the plan commits to, and with
    the hash of the block that opened the job it gives, drawn again, the noise to which each step is bound. Who is bound
    to other noise chose it, and is named. That what was sent is the exact number with this noise is each party's
    word."""
    opened = case.facts.opened
    noisy, _ = _noise(case)
    if opened is None or not noisy:
        return tell.skip(NO_NOISE)
    if case.noise is None:
        return tell.skip("no noise was opened to this auditor: that nobody chose it is each party's word")
    for party, releases in noisy.items():
        opening, name = case.noise.get(party), case.name(party)
        if opening is None:
            tell.lack(f"{name} did not open its noise to this auditor")
        elif opening.job != case.bundle.job or not opening.fits(case.parties[party].seed):
            tell.lack(f"what was handed in as the noise of {name} is not what the plan commits to")
        elif party in case.evidence:
            for attempt in case.attempts:
                source = NoiseSource(opening.noise, case.bundle.job, attempt.number, opened.block_hash)
                for release, shown in zip(releases, _recorded(case.steps(party, attempt.number)), strict=False):
                    own = next((choice for choice in release if choice.to_json() == shown.about), None)
                    if own is not None and shown.commitment is not None:  # else `noise` fails over it
                        what = f"attempt {attempt.number}: {name}'s noise on {own.what}"
                        tell.same(what, source.draw(own).commitment, shown.commitment, party)
        else:
            tell.lack(f"no evidence of {name}")


CHECKS = (spent, given_back, noise, drawn)
