"""A party's word: what it brings, signs, and refuses. Every answer is worked out from its own chain endpoint and vault.

Fail closed: where something can't be checked, the answer is no.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from placet.catalogue.declared import DeclaredTerms, declared, declared_terms, use_of
from placet.chain.client import JobStatus
from placet.chain.events import JobAmended
from placet.core.at_rest import JOBS, AtRest
from placet.core.consent import Status
from placet.core.errors import ConsentError, NotFoundError, PeerError, PlanError, StateError
from placet.core.hashing import sha256
from placet.core.ids import NO_OFFER, ConsentId, JobId, OfferId
from placet.core.lawful import Use, breaches
from placet.core.masking import public_key
from placet.core.plan import Input, Party, Plan, Seal, Terms, demand_signatures, key_hash
from placet.core.purposes import PURPOSES, purpose_id
from placet.core.trail import trail_head, trail_start
from placet.core.values import ZERO32, Value, parse, to_hex
from placet.jobs.askers import Askers
from placet.jobs.certificates import institution_of, tls_key
from placet.jobs.context import JobContext, Questions
from placet.jobs.entries import Entries, named_input
from placet.jobs.messages import (
    MAX_ASKED,
    AmendRequest,
    AttemptRef,
    AttemptRoots,
    AttemptStatus,
    PrepareRequest,
    PrepareResponse,
    SealRequest,
    SignatureResponse,
    SignedByAll,
    SignRequest,
)
from placet.jobs.party_run import masked_outputs
from placet.jobs.randomness import seed_commitment
from placet.jobs.recipe import Runs, run_of
from placet.jobs.store import Attempt, JobRecord, JobStore, Phase
from placet.protocols.spu import extra
from placet.vault.responses import DeadLeaves, LawfulSet

LONGEST = 30 * 86_400
"""Seconds from now to `settleBy` at the most."""
MOST_ATTEMPTS = 32
"""Each attempt of a recipe with PSI is another chance to guess who is in a list."""


class Agreement:
    """One institution as a party, asked by the others."""

    def __init__(self, context: JobContext, store: JobStore, runs: Runs) -> None:
        self.context = context
        self.runs = runs
        self.store = store
        self.at_rest = AtRest(JOBS, context.hpke)
        self._entries = entries = Entries(context, store)
        self._askers = Askers()
        self._questions: Questions = {
            "prepare": (PrepareRequest, self.prepare),
            "sign": (SignRequest, self.sign),
            "agreed": (SignedByAll, self.agreed),
            "alive": (AttemptRef, self.alive),
            "look": (AttemptRef, self.look),
            "standing": (AttemptRef, self.standing),
            "roots": (AttemptRef, self.roots),
            "amend": (AmendRequest, self.amend),
            "seal": (SealRequest, self.seal),
        }
        for extension in context.extensions:
            self._questions |= extension.questions(context, entries.fresh)

    async def answer(self, asker: bytes, what: str, asked: bytes | Value) -> Value:
        """A question of another institution, or of this one itself, by its name. PeerError for an unknown one."""
        if what not in self._questions:
            raise PeerError("no such question", found=what[:40], code="peer.question")
        model, method = self._questions[what]
        return await method(asker, parse(model, asked, limit=MAX_ASKED) if isinstance(asked, bytes) else asked)

    async def prepare(self, asker: bytes, wanted: PrepareRequest) -> PrepareResponse:
        """What this party would bring. PlanError or ConsentError where policy, offer or scope say no, LimitError where
        it is asked too often."""
        context = self.context
        now = await asyncio.to_thread(context.chain.now)
        if not now < wanted.deadline <= now + LONGEST:  # else consents' ends could be found out by asking
            raise PlanError("the plan's times are out of range", expected=f"within {LONGEST} s from now")
        await self._demand_use(wanted.offer, self._wanted_use(asker, wanted))
        await self._demand_confirmed(wanted.terms)
        self._askers.take(asker)
        lawful = await context.demand_rows().lawful(wanted.offer, wanted.terms.block, wanted.deadline)
        entry = await self._entries.fresh(wanted.offer, lawful.root)
        brought = Input(
            offer=wanted.offer, lawful_root=lawful.root, epoch=lawful.epoch, opens_before=lawful.opens_before
        )
        return PrepareResponse(**dict(entry), input=brought)

    def _wanted_use(self, asker: bytes, wanted: PrepareRequest) -> Use:
        """What a job that is not planned yet would do with this party's rows."""
        if self.context.address not in wanted.parties:
            raise PlanError("not a party of this plan", found=to_hex(self.context.address), code="plan.parties")
        job = declared_terms(wanted.terms, wanted.parties, asker)
        self._demand_runs(job)
        return use_of(
            job.spec,
            job.parameters,
            job.seats[wanted.parties.index(self.context.address)].name,
            provider=self.context.address,
            consumer=asker,
            parties=wanted.parties,
            purpose=wanted.purpose,
            operations=int(job.spec.operations),
            named=False,
        )

    def _demand_runs(self, job: DeclaredTerms) -> None:
        """PlanError unless such a job runs here: by this institution's policy, and with what is installed."""
        name = job.spec.name
        if name not in self.context.recipes:
            raise PlanError(
                "this institution does not take part in such a recipe",
                expected=", ".join(self.context.recipes),
                found=name[:100],
                remedy="its node.toml names them: recipes in [policy]",
                code="plan.recipe",
            )
        run_of(self.runs, name).demand(job)
        if job.terms.engine == "spu":
            extra.require()

    async def _demand_confirmed(self, terms: Terms) -> None:
        if terms.block > await asyncio.to_thread(self.context.chain.confirmed):
            raise StateError("that block is not confirmed here yet", found=terms.block, code="peer.early")

    async def sign(self, asker: bytes, asked: SignRequest) -> SignatureResponse:
        """Sign a plan that holds exactly what this party prepared; keep it before the signature leaves."""
        plan, terms = asked.plan, asked.terms
        if plan.consumer != asker or plan.sponsor != asker:
            raise PlanError("a plan is proposed by its consumer, who is also its sponsor", found=to_hex(asker))
        await self.demand_plan(plan, terms)
        party = plan.party_of(self.context.address)
        mine = plan.parties[party]
        job = plan.job(self.context.deployment.jobs)
        if await self.store.threaded.find(job) is not None:
            return SignatureResponse(signature=self.context.signer.sign(job))
        kept = await self.store.threaded.prepared(mine.seed)
        brought: list[tuple[bytes, bytes]] = [
            (i.offer, i.consent if i.named else i.lawful_root) for i in mine.inputs
        ] or [(NO_OFFER, ZERO32)]
        if kept is None or brought != [(bytes(kept["offer"]), bytes(kept["root"]))]:
            raise PlanError("the plan does not hold what this party prepared", code="plan.unprepared")
        self._askers.take(asker)
        for chosen in mine.inputs:
            await self._demand_current(chosen, terms.block, plan.deadline)
        signature = self.context.signer.sign(job)
        await self.keep(plan, terms, party, bytes(kept["seed"]), signature)
        return SignatureResponse(signature=signature)

    async def _demand_current(self, chosen: Input, block: int, deadline: int) -> None:
        """PlanError `plan.stale` unless an input is what this party would prepare now."""
        if chosen.named:
            current = await named_input(self.context, chosen.offer, chosen.consent)
            root = ZERO32 if await self.named_dead(chosen.consent) else chosen.consent
            now = (root, current.epoch, current.opens_before)
        else:
            lawful = await self.context.demand_rows().lawful(chosen.offer, block, deadline)
            now = (lawful.root, lawful.epoch, lawful.opens_before)
        found = (chosen.consent if chosen.named else chosen.lawful_root, chosen.epoch, chosen.opens_before)
        if found != now:
            raise PlanError(  # without what it is now: whoever wants to know that asks for it by `prepare`
                "the lawful set has changed since, or is not the one prepared",
                remedy="propose again",
                code="plan.stale",
            )

    async def keep(self, plan: Plan, terms: Terms, party: int, seed: bytes, signature: bytes) -> None:
        """Write an agreed plan down, once; what was prepared for it is used up by it."""
        job = plan.job(self.context.deployment.jobs)
        if await self.store.threaded.find(job) is None:
            now = await asyncio.to_thread(self.context.chain.now)
            signatures = tuple(signature if signer == self.context.address else b"" for signer in plan.signers)
            await self.store.threaded.add(JobRecord(job, plan, terms, signatures, party, seed, None, None, now))
            await self.store.threaded.note(job, "agreed", recipe=terms.recipe)

    async def demand_plan(self, plan: Plan, terms: Terms) -> None:
        """PlanError unless plan and terms are sound, and this party's own entry is its own."""
        context = self.context
        job = declared(plan, terms)
        self._demand_runs(job)
        if plan.purpose not in {purpose_id(p) for p in PURPOSES if p in context.purposes}:
            raise PlanError("not a purpose that this institution serves")
        now = await asyncio.to_thread(context.chain.now)
        if not now <= plan.open_by or plan.settle_by > now + LONGEST:
            raise PlanError("the plan's times are out of range", expected=f"within {LONGEST} s from now")
        floor = release_time(context)
        if plan.settle_by - plan.deadline < floor:
            raise PlanError(
                "too little time to release the keys after a seal at the deadline",
                expected=f"at least {floor} s from deadline to settleBy",
                found=plan.settle_by - plan.deadline,
                code="plan.settle",
            )
        await self._demand_confirmed(terms)
        for party in plan.parties:
            if party.tls_key != _pinned(context, party):
                raise PlanError("a party's TLS key is not the trust list's", found=to_hex(party.signer))
        place = plan.party_of(context.address)
        mine, first = plan.parties[place], plan.input_offset(place)
        own = range(first, first + len(mine.inputs))
        for number, chosen in enumerate(plan.inputs):
            if number in own:
                await self._demand_use(chosen.offer, job.use(number))
            else:
                await self._demand_others_use(chosen.offer, job.use(number))
        if (mine.recorder, mine.payee, mine.tls_key) != (context.recorder.address, context.address, context.tls_key):
            raise PlanError("this party's entry is not its own", code="plan.entry")
        for extension in context.extensions:
            await asyncio.to_thread(extension.demand, context, plan, terms)

    async def _demand_use(self, offer: OfferId, use: Use) -> None:
        """ConsentError unless the offer, its scope and its dataset allow this use, and PlanError for a purpose that
        this institution does not serve."""
        state = await asyncio.to_thread(self.context.chain.offer, offer)
        if state.provider != self.context.address:
            raise ConsentError(
                "the offer is another institution's",
                expected=to_hex(self.context.address),
                found=to_hex(state.provider),
                code="consent.provider",
            )
        scope = self.context.scope(state.offer)
        if scope.purpose not in self.context.purposes:
            raise ConsentError(
                "not a purpose that this institution serves", found=scope.purpose, code="consent.purpose"
            )
        dataset = await asyncio.to_thread(self.context.chain.dataset, state.offer.dataset)
        for breach in breaches(use, state.provider, state.offer, scope, dataset.subjects):
            raise ConsentError(
                breach.message, expected=breach.expected, found=breach.found, code=f"consent.{breach.rule}"
            )

    async def _demand_others_use(self, offer: OfferId, use: Use) -> None:
        """ConsentError unless another party's offer and dataset allow its use as far as the chain shows them: a party
        does not compute over persons' rows that their holder calls its own. StateError `peer.early` where the chain
        does not show them here yet."""
        try:
            state = await asyncio.to_thread(self.context.chain.offer, offer)
            dataset = await asyncio.to_thread(self.context.chain.dataset, state.offer.dataset)
        except NotFoundError as error:
            raise StateError(error.message, found=error.found, code="peer.early") from None
        for breach in breaches(use, state.provider, state.offer, None, dataset.subjects):
            raise ConsentError(
                f"another party's input: {breach.message}",
                expected=breach.expected,
                found=breach.found,
                code=f"consent.{breach.rule}",
            )

    async def agreed(self, asker: bytes, told: SignedByAll) -> SignedByAll:
        """The consumer shows the fully signed plan."""
        record = await self._own(asker, told.job)
        verifiers = self.context.chain.verifiers
        await asyncio.to_thread(
            demand_signatures, "the plan", record.plan.signers, told.signatures, told.job, verifiers
        )
        await self.store.threaded.signed(told.job, told.signatures)
        return told

    async def look(self, asker: bytes, about: AttemptRef) -> AttemptStatus:
        """Another party has something new of an attempt that is on no chain: look at the job now, and not in a while.
        Answers what `alive` does; nothing is taken on its word."""
        answer = await self.alive(asker, about)
        self.store.due.send()
        return answer

    async def alive(self, asker: bytes, about: AttemptRef) -> AttemptStatus:
        """Is this party still at an attempt? For every party that waits for a message of ours."""
        record = await self.store.threaded.job(about.job)
        party = next((party for party in record.plan.parties if party.signer == asker), None)
        if party is None:
            raise PeerError("not a party of this job", found=to_hex(asker), code="peer.wrong-party")
        institution_of(party, self.context.trust)
        attempt = await self.store.threaded.attempt(about.job, about.attempt)
        return AttemptStatus(state="waiting" if attempt is None else attempt.phase.value)

    async def standing(self, asker: bytes, about: AttemptRef) -> AttemptStatus:
        """How far this party is in an attempt."""
        record = await self._own(asker, about.job)
        attempt = await self.store.threaded.attempt(about.job, about.attempt)
        if attempt is None:
            return AttemptStatus(state="waiting")
        if attempt.phase is not Phase.COMPUTED:
            return AttemptStatus(state="running" if attempt.phase is Phase.RUNNING else "failed", why=attempt.why)
        head, count = await self.head(record, about.attempt)
        output, key = self.outcome(record, attempt)
        return AttemptStatus(state="computed", head=head, steps=count, output=output, key=key)

    async def head(self, record: JobRecord, attempt: int) -> tuple[bytes, int]:
        """The head of this party's trail, and how many steps it has."""
        hashes = [step.hash for step in await self.store.threaded.steps(record.job, attempt)]
        return trail_head(trail_start(record.job, attempt, record.party), hashes), len(hashes)

    def outcome(self, record: JobRecord, attempt: Attempt) -> tuple[bytes, bytes]:
        """Hashes of this party's masked output and of its release key; zero where it has none."""
        if not record.plan.parties[record.party].output:
            return ZERO32, ZERO32
        if attempt.output is None or attempt.key is None:
            raise StateError("this party has no output yet", code="peer.early")
        return sha256(attempt.output), key_hash(self.at_rest.open(attempt.key, b"key"))

    async def roots(self, asker: bytes, about: AttemptRef) -> AttemptRoots:
        """This party's lawful roots for the next attempt: what it used, less what has died since."""
        record = await self._own(asker, about.job)
        return AttemptRoots(roots=tuple(_roots(await self._next(record, about.attempt))))

    async def _next(self, record: JobRecord, attempt: int) -> list[LawfulSet | None]:
        """Own lawful sets for `attempt`, from those of the attempt before; None for a named consent."""
        before = await asyncio.to_thread(self.current_roots, record, attempt - 1)
        first = record.plan.input_offset(record.party)
        found: list[LawfulSet | None] = []
        for number, chosen in enumerate(record.plan.parties[record.party].inputs, first):
            if chosen.named:
                found.append(None)
            else:
                found.append(await self.context.demand_rows().without(chosen.offer, before[number]))
        return found

    def current_roots(self, record: JobRecord, attempt: int) -> tuple[bytes, ...]:
        """All inputs' roots in an attempt: the plan's, or the amendment's on chain. StateError if it is not there."""
        if attempt == 1:
            return tuple(i.lawful_root for i in record.plan.inputs)
        self.context.index.sync()
        for event in self.context.index.job_events(record.job):
            if isinstance(event, JobAmended) and event.attempt == attempt:
                return event.roots
        raise StateError("no such attempt on chain", found=attempt, code="peer.early")

    async def amend(self, asker: bytes, asked: AmendRequest) -> SignatureResponse:
        """Sign a new attempt if its part is right and every epoch is the chain's."""
        amendment = asked.amendment
        record = await self._own(asker, amendment.job)
        state = await asyncio.to_thread(self.context.chain.job, amendment.job)
        if amendment.attempt > MOST_ATTEMPTS:
            raise StateError("too many attempts", expected=f"at most {MOST_ATTEMPTS}", found=amendment.attempt)
        if state.status is not JobStatus.OPEN or amendment.attempt != state.attempt + 1:
            raise StateError("not the next attempt of an open job", expected=state.attempt + 1, found=amendment.attempt)
        await self._demand_epochs(record, amendment.epochs)
        first = record.plan.input_offset(record.party)
        lawful = await self._next(record, amendment.attempt)
        self._demand_looked_through(amendment.epochs, dict(enumerate(lawful, first)))
        mine = _roots(lawful)
        if list(amendment.roots[first : first + len(mine)]) != mine:
            raise PlanError("the amendment does not hold this party's roots", code="plan.stale")
        running = await self.store.threaded.attempt(record.job, state.attempt)
        if running is not None:
            await self.store.threaded.fail(record.job, state.attempt, "amended")
        return SignatureResponse(
            signature=self.context.signer.sign(self.context.deployment.jobs.digest(amendment.struct_hash()))
        )

    async def seal(self, asker: bytes, asked: SealRequest) -> SignatureResponse:
        """Sign the end of an attempt: own head, output and key as they are, others' heads as the chain has them, every
        epoch the chain's, and no leaf dead at the latest block (ConsentError `consent.withdrawn` otherwise)."""
        seal = asked.seal
        record = await self._own(asker, seal.job)
        plan, mine = record.plan, record.party
        state = await asyncio.to_thread(self.context.chain.job, seal.job)
        attempt = await self.store.threaded.attempt(seal.job, seal.attempt)
        if state.status is not JobStatus.OPEN or state.attempt != seal.attempt:
            raise StateError("not the current attempt of an open job", found=seal.attempt)
        if attempt is None or attempt.phase is not Phase.COMPUTED:
            raise StateError("this party has not computed yet", code="peer.early")
        if not len(seal.heads) == len(seal.outputs) == len(seal.keys) == len(plan.parties):
            raise PlanError("the seal speaks of other parties")
        head, _ = await self.head(record, seal.attempt)
        if (seal.heads[mine], seal.outputs[mine], seal.keys[mine]) != (head, *self.outcome(record, attempt)):
            raise PlanError("the seal does not hold this party's trail, output and key", code="plan.seal")
        for party, claimed in enumerate(seal.heads):
            found, _ = await asyncio.to_thread(self.context.chain.trail, seal.job, seal.attempt, party)
            if found != claimed:
                raise PlanError(
                    "a head is not the chain's", expected=to_hex(found), found=to_hex(claimed), code="plan.seal"
                )
        outputs = {output for output, party in zip(seal.outputs, plan.parties, strict=True) if party.output}
        if run_of(self.runs, record.terms.recipe).open is not None and len(outputs) != 1:
            raise PlanError("the parties were handed different results", code="plan.results")
        if plan.parties[mine].signer == plan.consumer and not plan.parties[mine].output:
            self._demand_received(record, attempt, seal)
        await self._demand_epochs(record, seal.epochs)
        ended = await self.ended_inputs(record, attempt)
        self._demand_looked_through(seal.epochs, ended)
        if any(one.consents for one in ended.values()):
            raise ConsentError(
                "a consent in this attempt was withdrawn or revoked",
                remedy="a new attempt without it",
                code="consent.withdrawn",
            )
        return SignatureResponse(
            signature=self.context.signer.sign(self.context.deployment.jobs.digest(seal.struct_hash()))
        )

    def _demand_received(self, record: JobRecord, attempt: Attempt, seal: Seal) -> None:
        if attempt.output is None:
            raise StateError("the masked outputs are not here yet", code="peer.early")
        for party, masked in masked_outputs(attempt.output).items():
            if sha256(masked) != seal.outputs[party]:
                raise PlanError("a masked output is not the one received", found=f"party {party}", code="plan.seal")

    async def ended_inputs(self, record: JobRecord, attempt: Attempt) -> dict[int, DeadLeaves]:
        """By number of this party's inputs: which of its consents have ended by the latest block, and the epoch of the
        list that was looked through."""
        found = {}
        first = record.plan.input_offset(record.party)
        for number, chosen in enumerate(record.plan.parties[record.party].inputs, first):
            if chosen.named:
                epoch = (await asyncio.to_thread(self.context.chain.offer, chosen.offer)).epoch
                dead = (chosen.consent,) if await self.named_dead(chosen.consent) else ()
                found[number] = DeadLeaves(epoch=epoch, consents=dead)
            else:
                found[number] = await self.context.demand_rows().dead(chosen.offer, attempt.roots[number])
        return found

    async def named_dead(self, consent: ConsentId) -> bool:
        """Was a consent that a plan names withdrawn or revoked?"""
        return (await asyncio.to_thread(self.context.chain.consent, consent)).status is not Status.GIVEN

    async def _demand_epochs(self, record: JobRecord, epochs: tuple[bytes, ...]) -> None:
        if epochs != await self.epochs(record):
            raise StateError("an offer's epoch has moved on", code="peer.epoch", remedy="propose it again")

    def _demand_looked_through(
        self, epochs: tuple[bytes, ...], inputs: Mapping[int, LawfulSet | DeadLeaves | None]
    ) -> None:
        """StateError unless the epochs of own inputs are those of the very lists that they were held against: after a
        reorganisation as many others may have withdrawn."""
        if any(one is not None and epochs[number] != one.epoch for number, one in inputs.items()):
            raise StateError("an offer's epoch has moved on", code="peer.epoch", remedy="propose it again")

    async def epochs(self, record: JobRecord) -> tuple[bytes, ...]:
        """All inputs' epochs, as of the latest block."""
        offers = [await asyncio.to_thread(self.context.chain.offer, i.offer) for i in record.plan.inputs]
        return tuple(offer.epoch for offer in offers)

    async def _own(self, asker: bytes, job: JobId) -> JobRecord:
        record = await self.store.threaded.job(job)
        if asker != record.plan.consumer:
            raise PlanError("only the job's consumer brings its parties together", found=to_hex(asker))
        institution_of(record.plan.parties[record.plan.party_of(asker)], self.context.trust)
        return record


def _roots(lawful: Sequence[LawfulSet | None]) -> list[bytes]:
    return [ZERO32 if one is None else one.root for one in lawful]


def release_time(context: JobContext) -> int:
    """Seconds in which a seal gets deep and a key is mined, on chains with blocks of up to twelve seconds."""
    return 10 + 12 * context.deployment.confirmations


def own_party(context: JobContext, seed: bytes) -> dict[str, object]:
    """This institution's entry in a plan, but for reward, output and inputs."""
    return {
        "signer": context.address,
        "recorder": context.recorder.address,
        "payee": context.address,
        "tls_key": context.tls_key,
        "seed": seed_commitment(seed),
    }


def consumer_key(context: JobContext) -> bytes:
    """The X25519 key that outputs are encrypted to."""
    return public_key(context.hpke)


def _pinned(context: JobContext, party: Party) -> bytes:
    return tls_key(context.trust.institution(party.signer).certificate)
