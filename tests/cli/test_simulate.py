"""`pifarm simulate` refuses keys and addresses that would leave a board that nobody, or anybody, gets into."""

from pathlib import Path

import pytest

from tests.cli.conftest import Bad

BOARD = ("simulate", "pi5-bare")


def test_a_file_of_keys_that_is_not_there(complain: Bad, tmp_path: Path) -> None:
    said = complain(*BOARD, "--authorized-keys", str(tmp_path / "farm.pub"))
    assert "--authorized-keys: cannot read" in said


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "expected a key in"),
        ("# nothing yet\n\n", "expected a key in"),
        ("ssh-ed25519\n", "host key: expected 'type base64'"),
        ("ssh-ed25519 AAAA\n", "not a key of type"),
        ('command="sh" ssh-ed25519 AAAA\n', "host key: expected base64"),
    ],
)
def test_a_file_without_a_whole_key(complain: Bad, tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "farm.pub"
    file.write_text(content, encoding="utf-8")
    assert complaint in complain(*BOARD, "--authorized-keys", str(file))


def test_an_address_that_is_none(complain: Bad) -> None:
    assert "bind: expected an address such as 127.0.0.1 or 0.0.0.0, got 'shelf'" in complain(*BOARD, "--bind", "shelf")
