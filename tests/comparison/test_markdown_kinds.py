"""What a reader of Markdown sees is read or told, and what no reader sees is told."""

from __future__ import annotations

import pytest

from placet.comparison.reading import read
from telling import edited, noted, quiet

FIRST = "1. The fee is $5.\n\n"
READ = {
    "struck through": ("less a ~~discount of 20%~~ rest", "less a discount of 20% rest"),
    "a deletion in HTML": ("less <del>20%</del> rest", "less 20% rest"),
    "a tick": ("- [x] Yes\n- [ ] No", "- [ ] Yes\n- [x] No"),
    "a picture": ("![alt](a.png)", "![alt](b.png)"),
    "a link's target": ("[here](https://a.example)", "[here](https://b.example)"),
    "a footnote": ("text[^1]\n\n[^1]: note one", "text[^1]\n\n[^1]: note two"),
    "code": ("```\nfee 5\n```", "```\nfee 6\n```"),
    "a cell's column": ("| a | b |\n|---|---|\n| x |  |", "| a | b |\n|---|---|\n|  | x |"),
    "a cell in HTML": (
        "<table><tr><td>Fee</td><td>5</td></tr></table>",
        "<table><tr><td>Fee</td><td>6</td></tr></table>",
    ),
    "an entity": ("5 &lt; 6", "5 &gt; 6"),
}


@pytest.mark.parametrize("kind", READ)
def test_what_markdown_shows_is_read(kind: str) -> None:
    one, other = ((FIRST + text).encode() for text in READ[kind])
    assert edited(one, other, "md")
    assert quiet(one, "md")


def test_figures_that_are_raised_are_told_where_they_differ() -> None:
    one, other = (FIRST + "10<sup>3</sup> units").encode(), (FIRST + "103 units").encode()
    assert noted(one, other, "md")
    assert quiet(one, "md")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("~~gone~~ and ~~more~~", "struck through"),
        ("<s>gone</s>", "struck through"),
        ("<span style='display:none'>ghost</span>", "hidden text"),
        ("<div hidden>ghost</div>", "hidden text"),
    ],
)
def test_what_no_reader_sees_is_told(text: str, note: str) -> None:
    assert [one for one in read((FIRST + text).encode(), "a.md").notes if note in one]


@pytest.mark.parametrize(
    "text", ["~~ not struck", "a ~~ b\n\nc ~~ d", "<s>open", "~~~\ncode\n~~~", "hidden <b>words</b>"]
)
def test_what_is_no_strike_is_none(text: str) -> None:
    assert read((FIRST + text).encode(), "a.md").notes == ()
