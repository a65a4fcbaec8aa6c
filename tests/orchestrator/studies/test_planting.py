"""Studies: what a submission becomes, and that a refused one stores nothing."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from agent.wire.codec import decode
from agent.wire.spec import Inputs, Protocol
from orchestrator import studies
from orchestrator.attending.lifecycle import RunState, StudyState
from orchestrator.db.model_tables import BuildRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.studies import MAX_RUNS, block_order
from tests.racing import at_once
from tests.small_farm import QUICK, add_device, add_model, dump, get_device, get_study, make_submission, plant, runs_of


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def labels_in_order(database: Database, study_id: int, device_id: int) -> list[list[str]]:
    """For each block of a study on a device, the labels of its variants in their order."""
    query = (
        select(RunRow.block, BuildRow.label)
        .join(VariantRow, VariantRow.id == RunRow.variant_id)
        .join(BuildRow, BuildRow.id == VariantRow.build_id)
        .where(RunRow.study_id == study_id, RunRow.device_id == device_id)
        .order_by(RunRow.block, RunRow.position)
    )
    blocks: dict[int, list[str]] = {}
    with database.read() as session:
        for block, label in session.execute(query):
            blocks.setdefault(block, []).append(label)
    return list(blocks.values())


@given(st.integers(0, 2**31), st.integers(1, 500), st.integers(0, 1000), st.integers(1, 12))
def test_every_block_holds_each_variant_once_and_its_order_is_drawn_from_the_seed(
    seed: int, device_id: int, block: int, count: int
) -> None:
    order = block_order(seed, device_id, block, count)
    assert sorted(order) == list(range(count))
    assert block_order(seed, device_id, block, count) == order


@given(st.integers(0, 2**31), st.integers(1, 500))
def test_two_variants_alternate_so_that_neither_always_runs_on_the_warmer_board(seed: int, device_id: int) -> None:
    orders = [block_order(seed, device_id, block, 2) for block in range(6)]
    assert orders == [orders[0], orders[0][::-1]] * 3


def test_seeds_devices_and_blocks_give_different_orders() -> None:
    keys = [(seed, device_id, block) for seed in range(4) for device_id in range(1, 4) for block in range(4)]
    assert len({tuple(block_order(*key, 8)) for key in keys}) > len(keys) * 0.9
    assert {block_order(seed, 1, 0, 2)[0] for seed in range(20)} == {0, 1}


def test_a_study_is_variants_times_devices_times_blocks(database: Database) -> None:
    devices = [add_device(database, "a"), add_device(database, "b")]
    add_model(database, labels=["fp32", "int8", "pruned"])
    study_id = studies.submit(database, make_submission(blocks=4, threads=(1, 4)))
    for device_id in devices:
        blocks = labels_in_order(database, study_id, device_id)
        assert [Counter(block) for block in blocks] == [{"fp32": 2, "int8": 2, "pruned": 2}] * 4
    assert {run.state for run in runs_of(database, study_id)} == {RunState.QUEUED}
    assert get_study(database, study_id).state is StudyState.ACTIVE


def test_what_was_asked_for_comes_back_from_sql(database: Database) -> None:
    inputs = Inputs(seed=3, shapes={"images": (1, 3, 320, 320)})
    study = get_study(database, plant(database, inputs=inputs, priority=5, blocks=2).study_id)
    assert decode(Protocol, study.protocol) == QUICK
    assert decode(Inputs, study.inputs) == inputs
    assert (study.input_shape, study.priority, study.blocks, study.seed) == ("images=1x3x320x320", 5, 2, 7)


def test_the_same_seed_plans_the_same_order_and_without_one_it_is_drawn_and_kept(database: Database) -> None:
    device_id = add_device(database)
    add_model(database, labels=["a", "b", "c", "d", "e"])
    first, again = (studies.submit(database, make_submission(blocks=3)) for _ in range(2))
    drawn = studies.submit(database, make_submission(blocks=3, seed=None))
    assert labels_in_order(database, first, device_id) == labels_in_order(database, again, device_id)
    redrawn = studies.submit(database, make_submission(blocks=3, seed=get_study(database, drawn).seed))
    assert labels_in_order(database, drawn, device_id) == labels_in_order(database, redrawn, device_id)


def test_a_variant_that_was_measured_before_is_the_same_variant(database: Database) -> None:
    farm = plant(database)
    again = studies.submit(database, make_submission())
    assert {run.variant_id for run in runs_of(database, farm.study_id)} == {
        run.variant_id for run in runs_of(database, again)
    }


def test_two_submissions_at_once_that_name_the_same_new_variants_are_both_stored(database: Database) -> None:
    add_device(database)
    add_model(database, labels=["a", "b", "c"])
    ids = at_once(4, lambda _: studies.submit(database, make_submission(threads=(1, 2, 4))))
    variants = [{run.variant_id for run in runs_of(database, study_id)} for study_id in ids]
    assert len(set(ids)) == 4
    assert all(len(each) == 9 for each in variants)
    assert len(set.union(*variants)) == 9


def test_other_runtime_options_make_another_variant(database: Database) -> None:
    farm = plant(database)
    other = studies.submit(database, make_submission(runtime_options={"graph": "off"}))
    assert runs_of(database, farm.study_id)[0].variant_id != runs_of(database, other)[0].variant_id


@pytest.mark.parametrize(
    "changes", [{"threads": (2, 2)}, {"variants": ("fp32", "fp32")}, {"devices": ("pi5-kitchen", "pi5-kitchen")}]
)
def test_what_is_asked_for_twice_is_measured_once(database: Database, changes: dict[str, Any]) -> None:
    assert len(runs_of(database, plant(database, **changes).study_id)) == 1


def test_only_the_named_variants_and_devices_are_measured(database: Database) -> None:
    add_device(database, "a")
    chosen = add_device(database, "b")
    add_model(database, labels=["fp32", "int8"])
    study_id = studies.submit(database, make_submission(variants=("int8",), devices=("b",)))
    assert {run.device_id for run in runs_of(database, study_id)} == {chosen}
    assert labels_in_order(database, study_id, chosen) == [["int8"]]


def test_devices_are_chosen_by_label_among_those_that_are_named(database: Database) -> None:
    fan = add_device(database, "a", labels={"cooling": "fan", "room": "lab"})
    add_device(database, "b", labels={"cooling": "none", "room": "lab"})
    add_device(database, "c", labels={"cooling": "fan", "room": "attic"})
    add_model(database)
    where = {"cooling": "fan", "room": "lab"}
    study_id = studies.submit(database, make_submission(where=where))
    assert {run.device_id for run in runs_of(database, study_id)} == {fan}
    with pytest.raises(NotFoundError, match=r"--where cooling=fan, room=lab: .*labels in use: cooling=none, room=lab"):
        studies.submit(database, make_submission(where=where, devices=("b",)))


def test_of_the_runtimes_that_can_run_a_file_the_first_is_taken_or_the_ones_that_were_asked_for(
    database: Database,
) -> None:
    add_device(database)
    add_model(database, labels=["fp32"], runtimes=["onnxruntime", "openvino"])

    def runtimes_of(study_id: int) -> set[str]:
        with database.read() as session:
            runs = session.scalars(select(RunRow).where(RunRow.study_id == study_id))
            return {run.variant.runtime for run in runs}

    assert runtimes_of(studies.submit(database, make_submission())) == {"onnxruntime"}
    asked = make_submission(runtimes=("openvino", "tflite", "openvino", "onnxruntime"))
    assert runtimes_of(studies.submit(database, asked)) == {"openvino", "onnxruntime"}


def test_submitting_calls_the_devices_and_is_written_into_the_diary(database: Database) -> None:
    farm = plant(database)
    assert get_device(database, farm.device_id).next_attention_at_s is not None
    assert [row[2:4] for row in dump(database)["events"]] == [("study submitted", "yolov9-c on pi5-kitchen")]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model": "yolo"}, r"model: 'yolo' is unknown; there are yolov9-c$"),
        ({"variants": ("fp16",)}, r"variant: yolov9-c has no 'fp16'; it has fp32, int8$"),
        ({"devices": ("pi9",)}, r"device: 'pi9' is unknown; there are pi5-kitchen$"),
        ({"where": {"cooling": "fan"}}, r"no device has that; labels in use: none$"),
        ({"runtimes": ("tflite",)}, r"runtime: fp32 \(onnx\) runs on onnxruntime, not 'tflite'$"),
        ({"blocks": 1000, "threads": tuple(range(1, 65))}, rf"study: expected at most {MAX_RUNS} runs, got 128000"),
    ],
)
def test_a_submission_that_is_refused_stores_nothing_and_says_what_there_is(
    database: Database, changes: dict[str, object], complaint: str
) -> None:
    add_device(database)
    add_model(database)
    before = dump(database)
    with pytest.raises(SpecError, match=complaint):
        studies.submit(database, make_submission(**changes))
    assert dump(database) == before


def test_an_empty_farm_says_what_to_do_first(database: Database) -> None:
    with pytest.raises(NotFoundError, match="there are none: pifarm model add"):
        studies.submit(database, make_submission())
    add_model(database)
    with pytest.raises(SpecError, match="pifarm device add"):
        studies.submit(database, make_submission())


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"threads": (0,)}, "threads: expected 1..64, got 0"),
        ({"threads": (4, 65)}, "threads: expected 1..64, got 65"),
        ({"threads": ()}, "threads: expected at least one"),
        ({"blocks": 0}, "blocks: expected 1..1000, got 0"),
        ({"blocks": 1001}, "blocks: expected 1..1000, got 1001"),
    ],
)
def test_a_submission_without_sense_cannot_exist(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        make_submission(**changes)
