"""A company's client reads its own document first: nothing is offered or founded for one that can't be compared."""

from __future__ import annotations

import io
from pathlib import Path

import contract_compare
import pytest
from benchmarks._documents import draw
from pypdf import PdfWriter
from typer.testing import CliRunner

from placet.cli.main import app
from placet.company.own_document import OwnDocument
from placet.comparison.limits import MAX_BYTES
from placet.core.errors import ConfigError, DataError

ADDRESS = "0x" + "1" * 40


def encrypted() -> bytes:
    """A PDF that everybody can open, and that forbids to copy."""
    writer = PdfWriter(clone_from=io.BytesIO(draw([[(700, "1. Text.")]])))
    writer.encrypt("", "owner", algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def test_what_can_not_be_compared_is_known_here(tmp_path: Path) -> None:
    file = tmp_path / "contract.pdf"
    for content, code in (
        (encrypted(), "data.encrypted"),
        (b"%PDF-1.4 nothing", "data.broken"),
        (draw([[], []]), "data.no-text"),
        (b"", "data.empty"),
        (b"%PDF-" + bytes(MAX_BYTES), "data.large"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError) as refused:
            OwnDocument.of(file)
        assert refused.value.code == code
    with pytest.raises(ConfigError):
        OwnDocument.of(tmp_path / "none.pdf")
    file.write_bytes(draw([[(700, "1. Text here.")], []]))
    assert OwnDocument.of(file).notes == ("Pages without text, which may be scanned: 2. They were not compared.",)


@pytest.mark.parametrize("command", ["start", "join"])
def test_the_command_says_why_before_it_opens_anything(command: str, tmp_path: Path) -> None:
    file = tmp_path / "contract.pdf"
    file.write_bytes(encrypted())
    words = [command, str(file), "--with", ADDRESS, "--service", ADDRESS, "--out", str(tmp_path / "a/b")]
    answer = CliRunner().invoke(app, ["compare", *words, "--config", str(tmp_path / "none.toml")])
    assert answer.exit_code == 1
    assert "restrictions, under an empty password" in answer.output
    assert "print it to a new PDF" in answer.output
    assert not (tmp_path / "a").exists()


def test_the_script_says_why_before_it_founds_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_compare, "run", lambda *_: pytest.fail("a service was founded"))
    monkeypatch.setattr(contract_compare.signal, "signal", lambda *_: None)
    good, bad = tmp_path / "old.txt", tmp_path / "new.pdf"
    good.write_text("1. Text.")
    bad.write_bytes(encrypted())
    assert contract_compare.main([str(good), str(bad), "--out", str(tmp_path / "out")]) == 1
    assert "empty password" in "".join(capsys.readouterr())
