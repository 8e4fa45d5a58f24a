"""A node whose operator changed its code. `rogue.py MODE node --config FILE` is the real program but for one lie.

hold-key        publishes a job's key only once a file of the job's name lies in the working folder
swap-output     signs for another output than it sent
refuse-seal     a consumer that has all masked outputs and seals nothing
no-money        a consumer that checks no balance and approves no reward
no-gate         checks no plan, no epoch and none of its own consents
idle            computes nothing while the file `idle` lies in the working folder
chosen-noise    adds no noise, and binds itself to noise of nothing but zeros
two-orders      a consumer that shows its second provider the list in another order
false-row       commits to twice of what its rows say, and opens that
refuse-sample   opens no drawn place to the auditor before a file of its number lies in the working folder
no-stake        computes before anybody's stake is in, and puts up none
wrong-share     sends another share of its values than it committed to
wrong-sum       releases another sum than that of the shares it was given
any-auditor     agrees to a random audit by whomever a plan names
other-start     tells the others another start of its trail, before a protocol that discloses something
other-circuit   garbles a circuit that lets a group of one through
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from placet.chain.client import Chain
from placet.cli.main import app
from placet.core.errors import StateError
from placet.core.hashing import canonical, commit
from placet.core.privacy import GaussianRelease
from placet.core.sample import PlaceOpening
from placet.core.values import to_hex
from placet.jobs import sampling
from placet.jobs.allowance import Allowances
from placet.jobs.attempts import Attempts
from placet.jobs.coordinator import Coordinator
from placet.jobs.party_run import PartyRun
from placet.jobs.plan_policy import PlanPolicy
from placet.jobs.randomness import NoiseSource
from placet.jobs.runner import Runner
from placet.jobs.settlement import Settlement
from placet.jobs.stakes import Stakes
from placet.node.jobs import sampling_api
from placet.protocols import psi
from placet.protocols.garbled import covert_garbler
from placet.protocols.garbled.seeded import SeededGarbling
from placet.protocols.noise import DrawnNoise
from placet.recipes.asset_view import run, verified


def hold_key() -> None:
    honest = Settlement.sealed

    async def sealed(self: Settlement, record: Any, now: int) -> None:
        if Path(to_hex(record.job)).exists():
            await honest(self, record, now)

    Settlement.sealed = sealed  # type: ignore[method-assign]


def swap_output() -> None:
    honest = Attempts.outcome

    def outcome(self: Attempts, record: Any, attempt: Any) -> tuple[bytes, bytes]:
        output, key = honest(self, record, attempt)
        return bytes(a ^ 1 for a in output), key

    Attempts.outcome = outcome  # type: ignore[method-assign]


def refuse_seal() -> None:
    async def nothing(self: Coordinator, *_: Any) -> None:
        return None

    Coordinator._seal = nothing  # type: ignore[method-assign]


def no_money() -> None:
    async def nothing(self: Allowances, payment: Any) -> None:
        return None

    Chain.balance_of = lambda *_, **__: 1 << 90  # type: ignore[method-assign]
    Allowances._approve = nothing  # type: ignore[method-assign]


def no_gate() -> None:
    async def nothing(self: PlanPolicy | Attempts, *_: Any) -> None:
        return None

    async def nobody(self: Attempts, *_: Any) -> dict[int, Any]:
        return {}

    PlanPolicy.demand_plan = Attempts._demand_epochs = nothing  # type: ignore[method-assign]
    Attempts.ended_inputs = nobody  # type: ignore[method-assign]


def any_auditor() -> None:
    async def nothing(self: PlanPolicy, *_: Any) -> None:
        return None

    PlanPolicy.demand_use = nothing  # type: ignore[method-assign]


def chosen_noise() -> None:
    def draw(self: NoiseSource, release: GaussianRelease) -> DrawnNoise:
        zeros = (0,) * release.numbers
        return DrawnNoise(release, zeros, commit(bytes(32), canonical([str(zero) for zero in zeros])))

    NoiseSource.draw = draw  # type: ignore[method-assign]


def two_orders() -> None:
    honest = psi.arrange

    async def arrange(channel: Any, provider: str, shown: psi.BlindedList, **limits: Any) -> int:
        if provider == "party-1":
            key, listed = shown.message[:32], shown.message[32:]
            turned = [listed[start : start + 32] for start in range(len(listed) - 32, -1, -32)]
            shown = psi.BlindedList(key + b"".join(turned), shown.key)
        return await honest(channel, provider, shown, **limits)

    psi.arrange = arrange


def wrong_share() -> None:
    honest = verified.share_out

    async def share_out(channel: Any, *words: Any, **more: Any) -> Any:
        return await honest(Lying(channel), *words, **more)

    class Lying:
        def __init__(self, channel: Any) -> None:
            self.channel, self.me, self.receive = channel, channel.me, channel.receive

        async def send(self, to: str, tag: str, payload: bytes) -> None:
            await self.channel.send(to, tag, payload[:31] + bytes([payload[31] ^ 1]) + payload[32:])

    verified.share_out = share_out  # type: ignore[assignment]


def wrong_sum() -> None:
    honest = PartyRun.release

    async def release(self: PartyRun, part: bytes, *inputs: Any) -> None:
        await honest(self, bytes([part[0] ^ 1]) + part[1:], *inputs)

    PartyRun.release = release  # type: ignore[method-assign]


def other_start() -> None:
    PartyRun.head = property(lambda self: bytes(32))  # type: ignore[assignment]


def other_circuit() -> None:
    class OfAnotherCircuit(SeededGarbling):
        def __init__(self, circuit: Any, *rest: Any) -> None:
            super().__init__(dataclasses.replace(circuit, smallest=1), *rest)

    covert_garbler.SeededGarbling = OfAnotherCircuit  # type: ignore[misc]


def idle() -> None:
    honest = Runner._begin

    async def begin(self: Runner, record: Any, attempt: int) -> None:
        if not Path("idle").exists():
            await honest(self, record, attempt)

    Runner._begin = begin  # type: ignore[method-assign]


def false_row() -> None:
    """Doubles every balance that it commits to and shares, and opens the places as it committed to them."""
    honest, true_rows = run.whole, sampling._opened

    def doubled(rows: Any, column: str) -> list[int]:
        return [2 * value for value in honest(rows, column)]

    def opened(place: int, leaf: Any, column: str, randomness: int) -> PlaceOpening:
        opening = true_rows(place, leaf, column, randomness)
        return opening if opening.value is None else opening.model_copy(update={"value": 2 * opening.value})

    run.whole, sampling._opened = doubled, opened


def refuse_sample() -> None:
    """Opens no drawn place before the file `opens-PARTY` lies in the working folder."""
    honest = sampling_api.opened_sample

    async def refused(context: Any, store: Any, job: Any) -> Any:
        party = (await store.threaded.job(job)).party
        if not Path(f"opens-{party}").exists():
            raise StateError("not today", code="sample.lost")
        return await honest(context, store, job)

    sampling_api.opened_sample = refused


def no_stake() -> None:
    """Computes before anybody's stake is in, and puts up none."""

    async def ready(self: Stakes, record: Any) -> bool:
        return True

    Stakes.ready = ready  # type: ignore[method-assign]


MODES = {
    "false-row": false_row,
    "refuse-sample": refuse_sample,
    "no-stake": no_stake,
    "hold-key": hold_key,
    "swap-output": swap_output,
    "refuse-seal": refuse_seal,
    "no-money": no_money,
    "no-gate": no_gate,
    "idle": idle,
    "chosen-noise": chosen_noise,
    "two-orders": two_orders,
    "wrong-share": wrong_share,
    "wrong-sum": wrong_sum,
    "any-auditor": any_auditor,
    "other-circuit": other_circuit,
    "other-start": other_start,
}

if __name__ == "__main__":
    MODES[sys.argv.pop(1)]()
    app()
