"""Variants asked on a board: here this machine as one, through its transport and the agent's bundle, for real."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import update

from orchestrator.analysis.fidelity import Likeness
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.boards.bundle import build_bundle
from orchestrator.catalog import NewBuild, add_model
from orchestrator.config import Settings
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.errors import SpecError
from orchestrator.farm import Farm
from orchestrator.variants.answering import FOLDER, answering_board
from orchestrator.variants.fidelity import compare_variants
from tests import factories

pytestmark = pytest.mark.integration
FILES = Path(__file__).parents[3] / "orchestrator" / "demo" / "files"


def test_a_drained_board_answers_as_this_machine_does_and_keeps_nothing_of_it(
    database: Database, tmp_path: Path
) -> None:
    farm = Farm(settings=Settings(home=tmp_path / "home"), database=database, farm_id="farm-test")
    add_model(farm, "digits", [NewBuild(path=FILES / "digits.onnx", label="fp32")])
    factories.add_device(database, "here")
    with database.write() as session:
        session.execute(update(DeviceRow).values(address=None, python=sys.executable))
    with pytest.raises(SpecError, match=r"expected here drained, .* it is ready; run: pifarm device drain here"):
        answering_board(farm, "here").__enter__()
    with database.write() as session:
        session.execute(update(DeviceRow).values(state=DeviceState.DRAINED))
    with answering_board(farm, "here") as board:
        baseline, on_board = compare_variants(farm, "digits", board=board)
    assert (baseline.is_baseline, on_board.is_baseline, on_board.variant) == (True, False, "fp32")
    assert on_board.fidelity is not None
    assert (on_board.fidelity.likeness, on_board.fidelity.max_error) == (Likeness.ALIKE, 0)
    folder = farm.settings.local_dir
    assert (folder / build_bundle(farm.settings.bundles_dir).target).exists()
    assert not (folder / FOLDER).exists()
