"""Trees on shares that stand: parties go on from the last tree that all of them sealed in the same attempt."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from placet.core.errors import ProtocolError
from placet.jobs.step_recorder import name_of
from placet.protocols.local import LocalNetwork
from placet.protocols.spu import KeptShare, choose
from placet.recipes.joint_trees.standing import KEPT, STANDING, Grown, Standing, agreed


def standing(*attempts: int) -> Standing:
    """A tree for each attempt that is named."""
    one = Standing()
    for number, attempt in enumerate(attempts, 1):
        share = KeptShare(engine=choose(3), rank=0, dtype="float32", shape=(2, 1), share=f"{attempt}-{number}".encode())
        one = one.after(Grown(cuts=bytes([number]), numbers=bytes([attempt])), attempt, share)
    return one


def agree(*all_of_them: Standing) -> list[Standing]:
    network = LocalNetwork(tuple(map(name_of, range(len(all_of_them)))))

    async def run() -> list[Standing]:
        parties = range(len(all_of_them))
        return await asyncio.gather(
            *(
                agreed(cast(Any, network.channel(name_of(me))), [one for one in parties if one != me], own)
                for me, own in enumerate(all_of_them)
            )
        )

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("all_of_them", "trees", "share"),
    [
        ([(1, 1, 1), (1, 1, 1), (1, 1, 1)], 3, b"1-3"),
        ([(1, 1, 1), (1, 1), (1, 1, 1)], 2, b"1-2"),
        ([(1, 1, 2), (1, 1, 1), (1, 1, 2)], 2, b"1-2"),  # one has none of the second attempt
        ([(1, 1, 1, 1, 1), (1, 1), (1, 1, 1)], 0, None),  # too far behind
        ([(), (1, 1), (1, 1)], 0, None),
        ([(2, 2), (1, 1), (1, 1)], 0, None),
    ],
)
def test_shares_of_one_run_alone(all_of_them: list[tuple[int, ...]], trees: int, share: bytes | None) -> None:
    for own, found in zip(all_of_them, agree(*(standing(*one) for one in all_of_them)), strict=True):
        assert [tree.numbers[0] for tree in found.trees] == list(own[:trees])
        assert (found.last and found.last.share) == share
        assert all(moment.trees <= trees for moment in found.moments)


def test_as_many_moments_are_kept_as_others_may_be_behind() -> None:
    one = standing(1, 1, 1, 1, 1)
    assert [moment.trees for moment in one.moments] == [3, 4, 5] and len(one.moments) == KEPT
    assert Standing.model_validate_json(one.model_dump_json()) == one


@pytest.mark.parametrize("told", [b"", b"[[1]]", b'[["1", 2]]', b"[[0, 1]]", b"[[1, true]]"])
def test_what_is_no_list_of_trees_is_refused(told: bytes) -> None:
    network = LocalNetwork(("party-0", "party-1"))

    async def run() -> Standing:
        await network.channel("party-1").send("party-0", STANDING, told)
        return await agreed(cast(Any, network.channel("party-0")), [1], standing(1))

    with pytest.raises(ProtocolError) as caught:
        asyncio.run(run())
    assert caught.value.code == "peer.standing"
