"""An endpoint's refusals are told apart in its own words, without what its URL hides; batches and waits adapt."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from faulty_endpoint import WORDS, FaultyEndpoint, faulty_endpoint
from placet.chain import endpoint as module
from placet.chain import events
from placet.chain import rpc as rpc_module
from placet.chain.client import Chain
from placet.chain.endpoint import EndpointError, EndpointUrl
from placet.chain.fees import fees
from placet.chain.local import free_port
from placet.chain.rpc import Rpc, RpcError
from placet.chain.sizes import AdaptiveSize
from placet.core.errors import ChainError

SECRETS = ("alice", "s3cret pass", "s3cret%20pass", "v3", "K3Y-in-the-path", "token", "K3Y-in-the-query", "YWxpY2U6")


@pytest.fixture
def faulty(environment) -> Iterator[FaultyEndpoint]:
    with faulty_endpoint(environment.local.url) as endpoint:
        yield endpoint


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc_module, "_backoff", lambda _: 0.0)


def hiding(endpoint: FaultyEndpoint, **settings) -> Rpc:
    """A client at a URL that is full of credentials."""
    url = f"http://alice:s3cret%20pass@127.0.0.1:{endpoint.port}/v3/K3Y-in-the-path?token=K3Y-in-the-query"
    return Rpc(url, **settings)


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("401", "chain.unauthorized", "Unauthorized"),
        ("403", "chain.forbidden", "is not allowed here"),
        ("429", "chain.limited", WORDS),
        ("500", "chain.server", "upstream broke"),
        ("html", "chain.not-json", "Please log in to hotel wifi"),
        ("redirect", "chain.redirected", "elsewhere.example"),
        ("hang", "chain.slow", "nothing within"),
        ("without:eth_chainId", "chain.refused", "does not exist"),
        ("empty", "chain.answer", "Invalid project id"),
    ],
)
@pytest.mark.usefixtures("quick")
def test_refusals_are_told_apart_and_hide_what_the_url_hides(faulty, mode: str, code: str, words: str) -> None:
    faulty.mode, faulty.rest = mode, 9
    with pytest.raises(ChainError) as caught:
        hiding(faulty, timeout=0.3 if mode == "hang" else 60).call("eth_chainId")
    assert caught.value.code == code
    assert words in str(caught.value)
    assert not [part for part in SECRETS if part in str(caught.value)]


def test_nobody_there_is_told_with_the_systems_words(environment) -> None:
    with pytest.raises(EndpointError, match=r"can't be reached.*Connection refused") as caught:
        Rpc(f"http://alice:secret@127.0.0.1:{free_port()}/KEY-KEY", attempts=1).call("eth_chainId")
    assert "secret" not in str(caught.value) and "KEY" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "text", "quoted"),
    [
        ("https://a.example/v2/abcdefgh", "no route for /v2/abcdefgh", "no route for …"),
        ("https://a.example/v2/abcdefgh", "keyabcdefghkey", "key…key"),
        ("https://a.example/eth", "eth_call refused at eth", "eth_call refused at …"),
        ("https://a.example/?k=12345678", "see https://b.example/x?k=1 and 12345678", "see https://b.example and …"),
        ("https://a.example", "two\nlines\x1b[31m", "two lines [31m"),
        ("http://[::1]:8545/abcdefgh", "http://[::1]:8545/abcdefgh", "http://[::1]:8545"),
    ],
)
def test_what_is_quoted_is_one_printable_line_without_secrets(url: str, text: str, quoted: str) -> None:
    assert EndpointUrl(url).words(text) == quoted
    assert len(EndpointUrl(url).words("long " * 1000)) == module.MAX_WORDS


def test_a_short_wait_is_heeded_and_a_long_one_is_told(faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []

    def sleep(seconds: float) -> None:
        rests.append(seconds)
        faulty.mode = ""

    monkeypatch.setattr("time.sleep", sleep)
    rpc, faulty.mode, faulty.rest = Rpc(faulty.url), "429", 2
    assert rpc.call("eth_chainId") == "0x7a69"
    assert rests[0] == 2.0
    rpc, faulty.mode, faulty.rest = Rpc(faulty.url), "429", 86_400
    for _ in range(2):
        with pytest.raises(EndpointError) as caught:
            rpc.call("eth_chainId")
        assert caught.value.code == "chain.limited"
    assert "left alone for another" in str(caught.value), "nobody is asked meanwhile"
    assert rpc._endpoint._resume_at <= time.monotonic() + module.LONGEST_REST


@pytest.mark.parametrize(("mode", "most"), [("", 100), ("nobatch", 1), ("batch7", 7), ("batch1", 1)])
def test_batches_are_as_large_as_the_endpoint_takes_them(environment, faulty, mode: str, most: int) -> None:
    environment.local.mine(30)
    faulty.mode = mode
    rpc = Rpc(faulty.url)
    for _ in range(2):
        blocks = rpc.batch("eth_getBlockByNumber", [(hex(number), False) for number in range(25)])
        assert [int(block["number"], 16) for block in blocks] == list(range(25)), "in order, however they come"
    assert rpc.batches.now <= most


def test_a_refusal_within_a_batch_is_that_calls_own(faulty) -> None:
    with pytest.raises(RpcError, match="eth_getTransactionReceipt"):
        Rpc(faulty.url).batch("eth_getTransactionReceipt", [("0x" + "00" * 32,), ("nonsense",)])


def test_a_size_is_halved_doubled_and_tried_ever_more_rarely() -> None:
    size = AdaptiveSize(2000)
    size.refused(2000)
    assert size.now == 1000
    for _ in range(20):
        size.refused(size.now)
    assert size.now == 1
    tries = 0
    while size.now < 2000 and tries < 10_000:
        size.took(size.now)
        tries += 1
    assert size.now == 2000
    size.refused(3000)
    assert size.now == 2000, "more than was ever asked says nothing"


@pytest.mark.parametrize("missing", ["eth_maxPriorityFeePerGas", "eth_maxPriorityFeePerGas+without:eth_feeHistory"])
def test_fees_fall_back(faulty, missing: str) -> None:
    honest = fees(Rpc(faulty.url))
    faulty.mode = f"without:{missing}"
    max_fee, tip = fees(Rpc(faulty.url))
    assert 0 <= tip <= max_fee and honest[0] - honest[1] == max_fee - tip, "the base fee is the block's in any case"
    faulty.mode += "+without:eth_gasPrice+without:eth_feeHistory"
    with pytest.raises(RpcError, match="eth_gasPrice"):
        fees(Rpc(faulty.url))


@pytest.mark.parametrize(
    ("fault", "method"),
    [
        *(("broken", method) for method in ("eth_getBlockByNumber", "eth_getLogs", "eth_call")),
        *(("half", method) for method in ("eth_getBlockByNumber", "eth_getLogs", "eth_getBlockReceipts")),
    ],
)
def test_an_answer_of_another_form_is_a_chain_error(environment, faulty, fault: str, method: str) -> None:
    """Reads that need all of them, each at an endpoint of which one method's answers are odd."""
    environment.offer()
    chain = Chain(faulty.url, environment.deployment)
    faulty.mode = f"{fault}:{method}"
    with pytest.raises(ChainError) as caught:
        chain.events([events.OfferMade], environment.deployment.block)
        chain.dataset(bytes(32))
    assert caught.value.code in ("chain.answer", "chain.incomplete")
