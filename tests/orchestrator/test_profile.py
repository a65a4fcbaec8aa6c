"""Profiles on their way from a journal to a table, and kept out of every ranking."""

from pathlib import Path

import pytest
from sqlalchemy import select, update

from agent.wire.codec import WireError
from agent.wire.profile import OperatorTime, Profiled
from agent.wire.records import Ended, Record
from orchestrator.analysis.profile import movers
from orchestrator.artifacts import ArtifactStore
from orchestrator.attending.lifecycle import RANKED_KINDS, USERS_KINDS, StudyKind
from orchestrator.config import Settings
from orchestrator.db.model_tables import ArtifactRow, BuildRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.errors import NotFoundError
from orchestrator.farm import Farm
from orchestrator.queries.profile import read_profile
from orchestrator.text import profile_text
from tests.journals import completed_records, encode_journal
from tests.orchestrator.known_run import RUN, bring, start_known_run
from tests.orchestrator.variants.networks import chain

PROFILED = Profiled(
    inferences=10,
    total_ns=50_000_000,
    operators=(
        OperatorTime(
            name="conv",
            kind="Conv",
            calls=10,
            total_ns=30_000_000,
            inputs=((1, 3, 8, 8), (4, 3, 1, 1)),
            outputs=((1, 4, 8, 8),),
        ),
        OperatorTime(name="relu", kind="Relu", calls=10, total_ns=10_000_000),
    ),
)


@pytest.fixture
def started(database: Database) -> Database:
    return start_known_run(database)


@pytest.fixture
def farm(started: Database, tmp_path: Path) -> Farm:
    """The farm of that run; its artifact store is empty."""
    return Farm(settings=Settings(home=tmp_path / "home"), database=started, farm_id="farm-test")


def with_profile(*profiles: Record) -> bytes:
    """The journal of a completed run with profiles before its end."""
    records = list(completed_records(RUN))
    place = next(index for index, record in enumerate(records) if isinstance(record, Ended))
    return encode_journal([*records[:place], *profiles, *records[place:]])


def test_a_profile_is_read_as_it_was_journaled(farm: Farm) -> None:
    bring(farm.database, with_profile(PROFILED))
    found = read_profile(farm, RUN)
    assert found.profile.inference_ms == 5.0
    assert [(each.name, each.time_ms, each.share) for each in found.profile.operators] == [
        ("conv", 3.0, 0.75),
        ("relu", 1.0, 0.25),
    ]


@pytest.mark.parametrize("count", range(2, 4))
def test_a_run_has_one_profile(started: Database, count: int) -> None:
    with pytest.raises(WireError, match="a profile elsewhere than once behind the window"):
        bring(started, with_profile(*[PROFILED] * count))


def test_a_profile_before_the_window_is_no_honest_boards(started: Database) -> None:
    records = list(completed_records(RUN))
    with pytest.raises(WireError, match="a profile elsewhere than once behind the window"):
        bring(started, encode_journal([records[0], PROFILED, *records[1:]]))


def test_a_run_that_was_not_profiled_names_the_command(farm: Farm) -> None:
    bring(farm.database, encode_journal(completed_records(RUN)))
    with pytest.raises(NotFoundError, match="was not profiled; make one: pifarm profile "):
        read_profile(farm, RUN)


def test_a_file_in_ort_format_has_the_work_of_the_network_that_it_was_made_of(farm: Farm, tmp_path: Path) -> None:
    parent = ArtifactStore(farm.settings.artifacts_dir).add({"net.onnx": chain(tmp_path / "net.onnx")}, "net.onnx")
    with farm.database.write() as session:
        artifact = session.scalars(select(ArtifactRow).join(BuildRow).join(VariantRow).join(RunRow)).one()
        artifact.format, artifact.facts = "ort", {"lineage": {"parent": parent.id}}
    silent = OperatorTime(name="c2_token_7", kind="QLinearConv", calls=10, total_ns=10_000_000)
    bring(farm.database, with_profile(Profiled(inferences=10, total_ns=50_000_000, operators=(silent,))))
    (found,) = read_profile(farm, RUN).profile.operators
    assert found.flops == 2 * 32 * 16 * 16 * 16 * 3 * 3 + 32 * 16 * 16
    with farm.database.write() as session:
        session.execute(update(ArtifactRow).values(facts={}))
    assert read_profile(farm, RUN).profile.unknown_share == 1


def test_profiles_are_listed_and_never_ranked() -> None:
    assert StudyKind.PROFILE in USERS_KINDS
    assert StudyKind.PROFILE not in RANKED_KINDS


def test_rows_show_time_share_and_speed(farm: Farm) -> None:
    bring(farm.database, with_profile(PROFILED))
    found = read_profile(farm, RUN)
    view = found.profile
    shown = ["conv", "Conv", "3.00 ms", "75.0%", "0.00", "0.00", "", ""]
    assert profile_text.operator_rows(view.operators, 5)[0] == shown
    assert profile_text.headline(found).endswith("0.0 % of that in operators whose work is not known")
    moved = profile_text.mover_rows(movers(view.operators, ()), 1)
    assert moved == [["conv", "3.00 ms", "n/a", "-3.000 ms"]]
