"""Which run comes next and whose turn it is: a function of the set of what waits."""

import random

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.attending.scheduler import Standing, Turn, Waiting, next_run, runs_before, whose_turn


def make_waiting(run_id: str = "a", **changes: int | bool) -> Waiting:
    """A run that nothing distinguishes."""
    figures = {
        "study_id": 1,
        "priority": 0,
        "block": 0,
        "position": 0,
        "is_block_begun": False,
        "study_runs_measured": 0,
    }
    return Waiting(run_id=run_id, **{**figures, **changes})  # type: ignore[arg-type]  # the names are the class's own


small = st.integers(0, 3)
waiting_runs = st.builds(
    Waiting,
    run_id=st.text("abcdef", min_size=1, max_size=4),
    study_id=small,
    priority=st.integers(-2, 2),
    block=small,
    position=small,
    is_block_begun=st.booleans(),
    study_runs_measured=small,
)
queues = st.lists(waiting_runs, min_size=1, max_size=12, unique_by=lambda run: run.run_id)
turns = st.builds(Turn, device_id=st.integers(1, 50), last_served_at_s=st.sampled_from([0.0, 1.5, 2.5]))


@given(queues, st.randoms(use_true_random=False))
def test_the_next_run_is_the_same_in_whatever_order_the_queue_is_given(
    queue: list[Waiting], shuffler: random.Random
) -> None:
    shuffled = list(queue)
    shuffler.shuffle(shuffled)
    assert next_run(shuffled) == next_run(queue) == next_run(reversed(queue))


@given(
    st.lists(turns, min_size=1, max_size=8, unique_by=lambda turn: turn.device_id), st.randoms(use_true_random=False)
)
def test_the_turn_is_the_same_in_whatever_order_the_devices_are_given(
    waiting: list[Turn], shuffler: random.Random
) -> None:
    shuffled = list(waiting)
    shuffler.shuffle(shuffled)
    assert whose_turn(shuffled) == whose_turn(waiting)


@given(queues)
def test_no_run_comes_before_those_of_a_begun_block(queue: list[Waiting]) -> None:
    chosen = next_run(queue)
    assert chosen is not None
    assert chosen.is_block_begun == any(run.is_block_begun for run in queue)


def test_nothing_waits_and_nothing_is_chosen() -> None:
    assert next_run([]) is None
    assert whose_turn([]) is None


def test_a_begun_block_is_finished_before_a_more_urgent_study() -> None:
    begun = make_waiting("begun", study_id=1, is_block_begun=True)
    assert next_run([make_waiting("urgent", study_id=2, priority=9), begun]) == begun


def test_between_blocks_the_more_urgent_study_comes_first() -> None:
    urgent = make_waiting("urgent", study_id=2, priority=1, study_runs_measured=100)
    assert next_run([make_waiting("patient", study_id=1), urgent]) == urgent


def test_studies_of_one_priority_share_a_device_by_what_they_have_had() -> None:
    starved = make_waiting("starved", study_id=2, study_runs_measured=4)
    assert next_run([make_waiting("served", study_id=1, study_runs_measured=8), starved]) == starved


def test_two_studies_take_turns_block_by_block() -> None:
    queue = [(study, block, position) for study in (1, 2) for block in range(3) for position in range(2)]
    served: list[tuple[int, int, int]] = []
    while queue:
        begun = {(study, block) for study, block, _ in served}
        chosen = next_run(
            make_waiting(
                f"{study}{block}{position}",
                study_id=study,
                block=block,
                position=position,
                is_block_begun=(study, block) in begun,
                study_runs_measured=sum(study == other for other, _, _ in served),
            )
            for study, block, position in queue
        )
        assert chosen is not None
        served.append((chosen.study_id, chosen.block, chosen.position))
        queue.remove(served[-1])
    assert [study for study, _, _ in served] == [1, 1, 2, 2] * 3
    assert [(block, position) for study, block, position in served if study == 1] == [
        (block, position) for block in range(3) for position in range(2)
    ]


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=4),
)
def test_what_is_taken_before_the_end_of_a_study_is_counted_as_it_is_taken(
    studies: list[tuple[int, int, int]],
) -> None:
    standings = [
        Standing(study_id=number, priority=priority, measured=measured, waiting=waiting)
        for number, (priority, measured, waiting) in enumerate(studies)
    ]
    left = {each.study_id: each.waiting for each in standings}
    before: dict[int, dict[int, int]] = {}
    while any(left.values()):
        chosen = next_run(
            make_waiting(
                f"{each.study_id}",
                study_id=each.study_id,
                priority=each.priority,
                study_runs_measured=each.measured + each.waiting - left[each.study_id],
            )
            for each in standings
            if left[each.study_id]
        )
        assert chosen is not None
        left[chosen.study_id] -= 1
        if not left[chosen.study_id]:
            before[chosen.study_id] = {each.study_id: each.waiting - left[each.study_id] for each in standings}
    for study in standings:
        for other in standings:
            if other is not study:
                assert runs_before(study, other) == before[study.study_id][other.study_id]


def test_within_a_study_blocks_and_positions_are_kept_in_order() -> None:
    queue = [
        make_waiting(f"{block}{position}", block=block, position=position) for block in (1, 0) for position in (1, 0)
    ]
    first = next_run(queue)
    assert first is not None
    assert (first.block, first.position) == (0, 0)


def test_the_machine_serves_the_device_that_has_waited_longest() -> None:
    turns = [Turn(device_id=1, last_served_at_s=20.0), Turn(device_id=2, last_served_at_s=10.0)]
    assert whose_turn(turns) == 2


def test_devices_that_were_never_served_go_in_order_of_their_number() -> None:
    assert whose_turn([Turn(device_id=5, last_served_at_s=0.0), Turn(device_id=3, last_served_at_s=0.0)]) == 3
