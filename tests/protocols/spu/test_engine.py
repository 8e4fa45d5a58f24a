"""The engine itself, one process a party on loopback under real TLS: what comes out, and how it ends in trouble."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from placet.core.errors import DataError, InputError, LimitError, PeerError, PlacetError, ProtocolError
from placet.protocols.counted import LIMIT
from placet.protocols.spu import (
    Intersection,
    Network,
    Secret,
    SpareEngine,
    choose,
    compute,
    count_and_sum,
    intersect,
    open_count_and_sum,
    reconstruct,
)
from placet.protocols.spu.programs import SUM_OF_VECTORS, NoParameters
from placet.protocols.spu.psi import write_identifiers
from placet.protocols.spu.shares import ShareBytes, decode, encode
from placet.protocols.spu.task import IDENTIFIERS_FILE, PsiProtocol

pytestmark = pytest.mark.usefixtures("engine")
Networks = Callable[..., list[Network]]
SECONDS = 240.0


def each(*parties: Coroutine[Any, Any, Any]) -> list[Any]:
    """What every party ends with: its result or its error."""

    async def run() -> list[Any]:
        return await asyncio.gather(*parties, return_exceptions=True)

    return asyncio.run(run())


def codes(ended: list[Any]) -> list[str]:
    assert all(isinstance(error, PlacetError) for error in ended), ended
    return [error.code for error in ended]


def ours(count: int, start: int = 0) -> list[bytes | str]:
    return [
        f'person {number}, "quoted"' if number % 2 else b"\xff\n,%d" % number for number in range(start, start + count)
    ]


@pytest.mark.parametrize(
    ("protocol", "receiver"),
    [
        ("ecdh", 1),
        ("kkrt", 0),
        ("rr22", None),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in [("ecdh", None), ("kkrt", None), ("rr22", 1)]),
    ],
)
def test_the_receivers_learn_which_of_their_rows_are_common(
    networks: Networks, scratch: Path, protocol: PsiProtocol, receiver: int | None
) -> None:
    lists = [ours(60), list(reversed(ours(90, 40)))]
    said: list[tuple[str, int, int]] = []
    ended = each(
        *(
            intersect(
                network,
                lists[network.me],
                protocol,
                receiver=receiver,
                scratch=scratch,
                seconds=SECONDS,
                progress=lambda *told: said.append(told),
            )
            for network in networks(2)
        )
    )
    for rank, found in enumerate(ended):
        if receiver in (None, rank):
            expected = [place for place, one in enumerate(lists[rank]) if one in lists[1 - rank]]
            assert found.rows.tolist() == expected and found.size == 20
        else:
            assert found.rows is None and found.size is None
    assert {("link", 1, 1), ("psi", 1, 1)} <= set(said) and list(scratch.iterdir()) == []


@pytest.mark.parametrize(("apart", "common"), [(100, []), pytest.param(0, [0, 1, 2, 3, 4], marks=pytest.mark.slow)])
def test_nothing_and_everything_in_common(networks: Networks, scratch: Path, apart: int, common: list[int]) -> None:
    """In processes that have started before there was a task for them."""
    before = traces()

    async def intersected(network: Network) -> Intersection:
        spare, given = SpareEngine(scratch), ours(5, apart * network.me)
        spare.want()
        found = await intersect(network, given, "rr22", receiver=None, scratch=scratch, seconds=SECONDS, spare=spare)
        assert await spare.take() is None
        return found

    ended = each(*map(intersected, networks(2)))
    assert list(scratch.iterdir()) == []
    assert [found.rows.tolist() for found in ended] == [common, common]
    left = traces() - before
    for _ in range(120):
        if not (left := left & traces()):
            break
        time.sleep(0.5)  # another test's, still at work
    assert not left


def traces() -> set[Path]:
    """What SPU's PSI leaves behind outside the folder: traces of processes of ours."""
    found = set()
    for file in Path("/tmp").glob("psi_*.trace"):
        with contextlib.suppress(FileNotFoundError):
            if b"placet.protocols.spu" in file.read_bytes():
                found.add(file)
    return found


def test_what_the_peer_sees_a_digest_of_cannot_be_guessed(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for folder in files:
        folder.mkdir()
        write_identifiers(folder, bytes(32), ["only one"])
    (header, row, decoy), other = ((folder / IDENTIFIERS_FILE).read_text().split() for folder in files)
    assert [header, row] == other[:2] and decoy != other[2] and len(decoy) == len(row)


@pytest.mark.parametrize("parties", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_outputs_stay_shares_and_add_up(networks: Networks, scratch: Path, parties: int) -> None:
    rng = np.random.default_rng(parties)
    vectors = [rng.integers(-(2**60), 2**60, 50) for _ in range(parties)]
    secrets = [Secret(f"v{rank}", rank, "int64", (50,)) for rank in range(parties)]
    engine = choose(parties)

    def run() -> list[Any]:
        return each(
            *(
                compute(
                    network,
                    engine,
                    SUM_OF_VECTORS.name,
                    NoParameters(),
                    secrets,
                    {f"v{network.me}": vectors[network.me]},
                    scratch=scratch,
                    seconds=SECONDS,
                )
                for network in networks(parties)
            )
        )

    first, second = run(), run()
    assert all(one[0] != other[0] for one, other in zip(first, second, strict=True)), "shares must be fresh"
    total = asyncio.run(reconstruct([share for (share,) in first], engine, scratch=scratch, seconds=SECONDS))
    assert total.dtype == np.int64 and (total == sum(vectors)).all()
    mixed = [second[0][0], *(share for (share,) in first[1:])]
    wrong = asyncio.run(reconstruct(mixed, engine, scratch=scratch, seconds=SECONDS))
    assert (wrong != sum(vectors)).any()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("amounts_of", "smallest", "large"),
    [
        (1, 15, False),
        (0, 16, False),
        (None, 15, False),
        (0, 15, True),
        (1, 16, True),
    ],
)
@pytest.mark.slow  # jobs of `match-statistics` run the circuit by default
def test_circuit_psi_counts_and_sums_from_the_smallest_group_on(
    networks: Networks, scratch: Path, amounts_of: int | None, smallest: int, large: bool
) -> None:
    """Fifteen are common. Both shares together hold the numbers, up to the edge of the range, or nothing but zeros."""
    lists = [ours(40), ours(30, 25)]
    held = lists[amounts_of or 0]
    most = LIMIT // len(held)
    amounts = [most if large else 7 * place - 100 for place in range(len(held))]

    def run() -> list[Any]:
        return each(
            *(
                count_and_sum(
                    network,
                    lists[network.me],
                    amounts if network.me == amounts_of else None,
                    rows=(40, 30),
                    amounts_of=amounts_of,
                    smallest=smallest,
                    scratch=scratch,
                    seconds=SECONDS,
                )
                for network in networks(2)
            )
        )

    shares = run()
    summed = amounts_of is not None
    total = sum(amount for amount, one in zip(amounts, held, strict=True) if one in lists[1 - (amounts_of or 0)])
    raw = asyncio.run(reconstruct(shares, choose(2), scratch=scratch, seconds=SECONDS))
    assert raw.tolist() == ([15, total] if smallest <= 15 else [0, 0])[: 1 + summed]
    told = asyncio.run(opened(shares, smallest, scratch, summed=summed))
    assert told == ((15, total if summed else 0) if smallest <= 15 else None)
    with pytest.raises(InputError, match="another result"):
        asyncio.run(opened(shares, smallest, scratch, summed=not summed))
    if large:
        return
    again = run()
    assert all(one != other for one, other in zip(shares, again, strict=True)), "shares must be fresh"
    with pytest.raises(InputError, match="no count and sum"):
        asyncio.run(opened([shares[0], again[1]], smallest, scratch, summed=summed))


def opened(shares: list[bytes], smallest: int, scratch: Path, *, summed: bool) -> Coroutine[Any, Any, Any]:
    return open_count_and_sum(shares, rows=(40, 30), summed=summed, smallest=smallest, scratch=scratch, seconds=SECONDS)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"smallest": 0}, InputError, "smallest"),
        ({"smallest": True}, InputError, "smallest"),
        ({"amounts": [LIMIT // 20 + 1] * 20}, DataError, "out of range"),
        ({"amounts": [-(LIMIT // 20) - 1] * 20}, DataError, "out of range"),
        ({"amounts": None}, InputError, "does not fit"),
        ({"amounts": [1] * 19}, DataError, "amount for each"),
        ({"rows": (19, 20)}, DataError, "more rows"),
        ({"rows": (20, 0)}, DataError, "no identifiers"),
        ({"rows": (20, 1 << 20)}, LimitError, "comparisons"),
    ],
)
def test_what_does_not_fit_circuit_psi_never_starts(
    networks: Networks, scratch: Path, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    given: dict[str, Any] = {"amounts": [1] * 20, "rows": (20, 20), "amounts_of": 0, "smallest": 2} | changes
    amounts = given.pop("amounts")
    (ended,) = each(count_and_sum(networks(2)[0], ours(20), amounts, **given, scratch=scratch, seconds=20))
    assert isinstance(ended, error) and words in str(ended) and list(scratch.iterdir()) == []


def test_hostile_shares_end_in_an_error(scratch: Path) -> None:
    """Well-formed for the codec, nonsense for SPU: its process may fail or die, ours does not."""
    for share in (ShareBytes(b"", ()), ShareBytes(b"\xff" * 40, (b"\xff" * 90,)), ShareBytes(b"\x08\x09", (b"",))):
        with pytest.raises(ProtocolError) as caught:
            asyncio.run(reconstruct([encode(share)] * 2, choose(2), scratch=scratch, seconds=60))
        assert caught.value.code in ("spu.engine", "spu.crashed")
    with pytest.raises(InputError, match="not a share"):
        asyncio.run(reconstruct([b"", b""], choose(2), scratch=scratch, seconds=60))
    with pytest.raises(InputError, match="every party's share"):
        asyncio.run(reconstruct([encode(ShareBytes(b"", ()))], choose(2), scratch=scratch, seconds=60))
    assert list(scratch.iterdir()) == []


def psi(network: Network, scratch: Path, seconds: float = SECONDS, **changed: Any) -> Coroutine[Any, Any, Any]:
    given: dict[str, Any] = {"identifiers": ours(20), "protocol": "rr22", "receiver": 0} | changed
    identifiers, protocol = given.pop("identifiers"), given.pop("protocol")
    return intersect(network, identifiers, protocol, scratch=scratch, seconds=seconds, **given)


@pytest.mark.parametrize(
    ("identifiers", "kind"), [([], DataError), ([b"a", b"b", b"a"], DataError), (["ä", "ä".encode()], DataError)]
)
def test_bad_lists_are_refused_before_anything_starts(
    networks: Networks, scratch: Path, identifiers: list[Any], kind: type[Exception]
) -> None:
    (ended,) = each(psi(networks(2)[0], scratch, identifiers=identifiers))
    assert isinstance(ended, kind) and list(scratch.iterdir()) == []


def test_a_party_that_never_comes(networks: Networks, scratch: Path) -> None:
    assert codes(each(psi(networks(2)[0], scratch, seconds=20))) == ["spu.unreachable"]
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("rank", [0, 1])
def test_a_stranger_is_refused_in_either_role(networks: Networks, scratch: Path, identities: Any, rank: int) -> None:
    """It knows everything but a party's key: the network as it tells itself has its own certificate in its place."""
    parties = networks(2)
    stranger = identities["stranger"]
    members = list(parties[rank].members)
    members[rank] = dataclasses.replace(members[rank], certificate=stranger.certificate)
    impostor = Network(tuple(members), rank, parties[rank].context, stranger.key)
    ended = each(psi(parties[1 - rank], scratch, seconds=60), psi(impostor, scratch, seconds=20))
    assert codes(ended[:1]) == ["spu.stranger"] and isinstance(ended[1], PeerError)
    assert list(scratch.iterdir()) == []


def test_a_party_that_dies_is_noticed(networks: Networks, scratch: Path, tmp_path: Path) -> None:
    """Its process is killed as soon as both are linked and at work."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    linked = asyncio.Event()
    parties = networks(2)

    async def run() -> list[Any]:
        big = ours(200_000)
        first = asyncio.create_task(
            psi(
                parties[0],
                scratch,
                identifiers=big,
                protocol="ecdh",
                progress=lambda stage, done, _: linked.set() if (stage, done) == ("link", 1) else None,
            )
        )
        second = asyncio.create_task(psi(parties[1], theirs, identifiers=big, protocol="ecdh"))
        await linked.wait()
        (victim,) = [p for p in psutil.Process().children() if Path(p.cwd()).parent == theirs]
        victim.kill()
        return await asyncio.gather(first, second, return_exceptions=True)

    assert codes(asyncio.run(run())) == ["spu.lost", "spu.crashed"]
    assert [*scratch.iterdir(), *theirs.iterdir()] == []


@pytest.mark.parametrize("how", ["cancelled", "too long"])
def test_an_ended_wait_ends_the_process_and_its_folder(networks: Networks, scratch: Path, how: str) -> None:
    others = set(psutil.Process().children())

    async def run() -> BaseException | None:
        started = asyncio.Event()
        waiting = asyncio.create_task(
            psi(
                networks(2)[0],
                scratch,
                seconds=SECONDS if how == "cancelled" else 8,
                progress=lambda *_: started.set(),
            )
        )
        if how == "cancelled":
            await started.wait()
            assert (process := set(psutil.Process().children()) - others)
            modes = {path.name: path.stat().st_mode & 0o777 for path in [*scratch.iterdir(), *scratch.glob("*/*")]}
            assert {mode for name, mode in modes.items() if name.startswith("spu-")} == {0o700}
            assert all(p.cmdline()[-1] == "placet.protocols.spu" and "PRIVATE" not in str(p.environ()) for p in process)
            waiting.cancel()
        try:
            await waiting
        except (asyncio.CancelledError, PlacetError) as error:
            return error
        return None

    ended = asyncio.run(run())
    if how == "cancelled":
        assert isinstance(ended, asyncio.CancelledError)
    else:
        assert isinstance(ended, ProtocolError) and ended.code in ("spu.timeout", "spu.unreachable")
    assert set(psutil.Process().children()) <= others and list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("own", "error"),
    [
        ({}, InputError),
        ({"v0": np.zeros(4, np.int64), "v1": np.zeros(4, np.int64)}, InputError),
        ({"v0": np.zeros(5, np.int64)}, InputError),
        ({"v0": np.zeros(4, np.float32)}, InputError),
    ],
)
def test_only_ones_own_announced_arrays_are_shared(
    networks: Networks, scratch: Path, own: dict[str, Any], error: type[Exception]
) -> None:
    secrets = [Secret("v0", 0, "int64", (4,)), Secret("v1", 1, "int64", (4,))]
    (ended,) = each(
        compute(
            networks(2)[0],
            choose(2),
            SUM_OF_VECTORS.name,
            NoParameters(),
            secrets,
            own,
            scratch=scratch,
            seconds=SECONDS,
        )
    )
    assert isinstance(ended, error) and list(scratch.iterdir()) == []


def test_parties_that_announce_different_inputs_do_not_compute(networks: Networks, scratch: Path) -> None:
    """Each traces its own idea of the program; SPU refuses shares that don't fit it, or the wait ends."""
    parties = networks(2)

    def party(network: Network, length: int) -> Coroutine[Any, Any, Any]:
        secrets = [Secret("v0", 0, "int64", (length,)), Secret("v1", 1, "int64", (length,))]
        return compute(
            network,
            choose(2),
            SUM_OF_VECTORS.name,
            NoParameters(),
            secrets,
            {f"v{network.me}": np.ones(length, np.int64)},
            scratch=scratch,
            seconds=60,
        )

    ended = each(party(parties[0], 3), party(parties[1], 4))
    assert all(isinstance(error, ProtocolError) for error in ended)


def test_shares_name_their_bytes(networks: Networks) -> None:
    share = ShareBytes(b"m", (b"secret",))
    assert "secret" not in repr(share) and decode(encode(share)) == share
