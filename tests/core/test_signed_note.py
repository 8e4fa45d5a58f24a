"""Notes, checkpoints and cosignatures in C2SP's formats: the specification's own examples, and everything between."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from placet.core.block_header import ReceiptLog
from placet.core.cosigning import VouchedBlock, WitnessedBlock, cosign, cosigners, vouched
from placet.core.errors import InputError, LimitError, PlacetError, SignatureError
from placet.core.event_log import LogEntry
from placet.core.hashing import sha256
from placet.core.merkle import Rfc6962Tree, rfc6962_leaf, rfc6962_nodes
from placet.core.signed_note import (
    Checkpoint,
    NoteSignature,
    SignedNote,
    WitnessKey,
    cosigned_message,
    parse_checkpoint,
    parse_note,
    parse_vkey,
)

EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xe"
    "McTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+m"
    "bIUBkBIfZ+qnA==\n"
).encode()
"""Of https://c2sp.org/tlog-cosignature."""
POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3Z"
    "ekRwNtIc=\n"
).encode()
"""Of https://c2sp.org/signed-note."""


def test_the_specifications_examples_are_read_and_written() -> None:
    for raw in (EXAMPLE, POEM):
        assert parse_note(raw).encode() == raw
    note = parse_note(EXAMPLE)
    checkpoint = parse_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size, len(checkpoint.root)) == ("example.com/behind-the-sofa", 20852163, 32)
    assert checkpoint.text == note.text
    witness = note.signatures[1]
    assert (witness.key_id.hex(), len(witness.signature)) == ("8d66cf3f", 72)
    assert int.from_bytes(witness.signature[:8], "big") == 1679315147
    assert cosigned_message(note.text, 1679315147) == (
        b"cosignature/v1\ntime 1679315147\n"
        b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert parse_note(POEM).text.endswith("\n\ned è subito sera.\n")


names = st.from_regex(r"[a-z][a-z0-9./-]{0,20}", fullmatch=True)
lines = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=20)
notes = st.builds(
    SignedNote,
    st.lists(lines, min_size=1, max_size=4).map(lambda many: "".join(f"{one}\n" for one in many)),
    st.lists(
        st.builds(NoteSignature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)),
        min_size=1,
        max_size=4,
    ).map(tuple),
)


@given(notes)
def test_a_note_is_read_as_it_was_written(note: SignedNote) -> None:
    assert parse_note(note.encode()) == note


@given(notes, st.data())
def test_what_is_read_is_written_again_and_the_rest_refused(note: SignedNote, data: st.DataObject) -> None:
    raw = bytearray(note.encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        read = parse_note(bytes(raw))
    except InputError:
        return
    assert read.encode() == bytes(raw)
    assert read != note


@given(names, st.integers(0, 2**63), st.binary(min_size=32, max_size=32), st.lists(lines, max_size=3).map(tuple))
def test_a_checkpoint_is_read_as_it_was_written(origin: str, size: int, root: bytes, more: tuple[str, ...]) -> None:
    checkpoint = Checkpoint(origin, min(size, 10**18), root, more)
    assert parse_checkpoint(checkpoint.text) == checkpoint


@pytest.mark.parametrize(
    "text",
    ["", "a\n", "a\n1\n", "a\n01\nAAAA\n", "a\n1\nAAAA\n", "a\n-1\n" + "A" * 43 + "=\n", "a\n1\n" + "A" * 43 + "=",
     "\n1\n" + "A" * 43 + "=\n", "a\n1\n" + "A" * 42 + "B=\n", "a\n1\n" + "A" * 43 + "=\n\nx\n"],
)  # fmt: skip
def test_other_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_checkpoint(text)


def test_a_note_has_an_end() -> None:
    line = EXAMPLE.split(b"\n\n")[1]
    with pytest.raises(LimitError):
        parse_note(EXAMPLE + line * 70)
    with pytest.raises(LimitError):
        parse_note(b"x" * 70_000 + EXAMPLE)


SECRETS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3)]
KEYS = [WitnessKey(f"w{at}.example.org", one.public_key().public_bytes_raw()) for at, one in enumerate(SECRETS)]
ORIGIN = "placet/1/00"


def test_a_key_is_one_line_with_its_id() -> None:
    """By the rule of the specification, worked out here again."""
    key = KEYS[0]
    assert key.id == sha256(b"w0.example.org\n\x04" + key.public)[:4]
    assert parse_vkey(key.vkey + "\n") == key
    ident, other = key.id.hex(), KEYS[1].id.hex()
    for line in (key.vkey.replace(ident, other), key.vkey.replace("w0", "w 0"), key.vkey[:-4], "", "a+b+c", "a"):
        with pytest.raises(InputError):
            parse_vkey(line)


def block(number: int = 64, size: int = 5, hash_: bytes = b"\x07" * 32) -> WitnessedBlock:
    return WitnessedBlock.of(ORIGIN, size, sha256(b"root", bytes([size])), (number, hash_))


def signed(shown: WitnessedBlock, *who: int, at: int = 1_700_000_000) -> SignedNote:
    note = SignedNote(shown.checkpoint.text, ())
    for one in who:
        note = cosign(note, KEYS[one], SECRETS[one], at)
    return note


def test_cosignatures_are_counted_by_keys_that_are_known() -> None:
    note = parse_note(signed(block(), 0, 2).encode())
    assert cosigners(note, KEYS) == {KEYS[0]: 1_700_000_000, KEYS[2]: 1_700_000_000}
    assert cosigners(note, [KEYS[1]]) == {}
    assert WitnessedBlock.read(note.text) == block()
    again = cosign(note, KEYS[0], SECRETS[0], 1_800_000_000)
    assert len(again.signatures) == 2 and cosigners(again, KEYS)[KEYS[0]] == 1_800_000_000


def test_each_bit_of_a_cosigned_note_counts() -> None:
    raw = signed(block(), 0).encode()
    for at in range(len(raw)):
        other = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            assert cosigners(parse_note(other), KEYS) == {}, at
        except (InputError, SignatureError):
            continue


def test_k_of_n_sign_one_checkpoint() -> None:
    apart = [signed(block(), 0), signed(block(), 1)]
    assert vouched(apart, KEYS, 2, ORIGIN) == {64: VouchedBlock(block(), ("w0.example.org", "w1.example.org"))}
    assert vouched([signed(block(), 0, 1, 2)], KEYS, 3, ORIGIN).keys() == {64}
    assert vouched(apart, KEYS, 3, ORIGIN) == {}
    assert vouched([signed(block(), 0), signed(block(), 0, at=5)], KEYS, 2, ORIGIN) == {}, "one key, twice"
    assert vouched([signed(block(), 0), signed(block(size=6), 1)], KEYS, 2, ORIGIN) == {}, "other events"
    assert vouched([signed(block(), 0), signed(block(96), 1)], KEYS, 2, ORIGIN) == {}, "another block"
    twice = [KEYS[0], WitnessKey("alias.example.org", KEYS[0].public)]
    with pytest.raises(InputError, match="quorum"):
        vouched(apart, twice, 2, ORIGIN)
    with pytest.raises(InputError, match="another log"):
        vouched(apart, KEYS, 2, "placet/2/00")
    with pytest.raises(InputError, match="two checkpoints"):
        vouched([signed(block(), 0), signed(block(hash_=bytes(32)), 1)], KEYS, 1, ORIGIN)
    with pytest.raises(InputError, match="quorum"):
        vouched(apart, KEYS, 0, ORIGIN)


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_tree_goes_on_from_its_subtrees(first: int, more: int) -> None:
    entries = [LogEntry(n, bytes(32), ReceiptLog(bytes(20), (), b"", n)) for n in range(first + more)]
    assert [LogEntry.read(entry.encoded()) for entry in entries] == entries
    leaves = [rfc6962_leaf(entry.encoded()) for entry in entries]
    tree = Rfc6962Tree()
    for leaf in leaves[:first]:
        tree.add(leaf)
    assert (tree.size, tree.root()) == (first, rfc6962_nodes(leaves[:first]))
    later = Rfc6962Tree(tree.size, tree.nodes)
    for leaf in leaves[first:]:
        later.add(leaf)
    assert later.root() == rfc6962_nodes(leaves)
    with pytest.raises(PlacetError):
        Rfc6962Tree(tree.size, (*tree.nodes, b""))
