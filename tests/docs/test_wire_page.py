"""The page about the wire: its command lines run, its example is a journal, its newest version is ours."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agent.wire import WIRE_VERSION
from agent.wire.answers import Answer
from agent.wire.codec import dumps, loads
from agent.wire.journal import Cursor, read_lines
from agent.wire.records import Claimed
from agent.wire.spec import Fence, RunSpec
from orchestrator.boards.bundle import build_bundle
from orchestrator.protocols import PRESETS
from tests.docs.pages import read_page

PAGE = read_page("docs/wire.md")
LINES = re.findall(r"(?m)^python3 -I bundles/HASH\.pyz .*$", PAGE.text)
NAMES = {"RUN": "r1", "N": "1", "FARM": "farm-a", "NUMBER": "1", "FARM:NUMBER": "farm-a:1"}
ANSWERED = {
    "start": "refused",
    "status": "status",
    "abort": "status",
    "probe": "probe",
    "examine": "examined",
    "prepare": "tuned",
    "restore": "tuned",
}


@pytest.mark.integration
@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split()[3])
def test_the_command_on_the_page_is_answered(line: str, tmp_path: Path) -> None:
    bundle = build_bundle(tmp_path / "bundles")
    (tmp_path / "board.json").write_text(json.dumps({"lock": str(tmp_path / "lock"), "root": str(tmp_path / "tree")}))
    shown = re.split(r" {4,}", line)[0].replace("...", "").replace("HASH", bundle.hash)
    words = [NAMES.get(word, word) for word in (part.strip("[]") for part in shlex.split(shown))]
    spec = dumps(a_spec(bundle.hash)).encode()
    done = subprocess.run(
        [sys.executable, *words[1:]], input=spec, capture_output=True, cwd=tmp_path, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    answer = loads(Answer, done.stdout)
    assert getattr(answer, ANSWERED[words[3]]) is not None


def test_every_command_is_on_the_page() -> None:
    assert {line.split()[3] for line in LINES} == set(ANSWERED)


def test_the_example_is_a_journal() -> None:
    block = re.search(r"<!-- table: example-journal -->\n```\n(.*?)```", PAGE.text, re.DOTALL)
    assert block is not None
    records = [record for _, record in read_lines(block[1].encode(), Cursor())]
    assert len(records) == 2
    assert isinstance(records[0], Claimed)


def test_the_newest_version_on_the_page_is_the_one_that_is_written() -> None:
    assert max(int(row[0]) for row in PAGE.table_below("## Versions")) == WIRE_VERSION


def a_spec(bundle_hash: str) -> RunSpec:
    return RunSpec(
        wire_version=WIRE_VERSION,
        run_id="r1",
        attempt=1,
        fence=Fence(farm_id="farm-a", number=1),
        bundle_hash=bundle_hash,
        artifact_id="0" * 64,
        main_file="model.onnx",
        runtime="onnxruntime",
        threads=1,
        protocol=PRESETS["quick"].protocol,
    )
