"""Page Compare: variants, boards and runs beside each other."""

from collections.abc import Iterator

import pytest

from orchestrator.db.session import Database
from tests import factories
from tests.dashboard.conftest import OpenPage, enter_app, farm_at, text_of

pytestmark = pytest.mark.integration

FP32, INT8 = "fp32@onnxruntime,t4", "int8@onnxruntime,t4"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A farm of two boards of different cooling and a simulated one, all measured, for tests that only read."""
    with farm_at(tmp_path_factory.mktemp("farm")) as filled:
        factories.fill(filled)
        factories.add_device(filled, "pi5-2", labels={"cooling": "none"})
        factories.measure(
            filled, factories.add_study(filled, devices=("pi5-2",)), {"fp32": 110.0, "int8": 80.0}, seed=1
        )
        yield filled


def test_variants_are_compared_with_the_first_one_group_by_group(seen: Database) -> None:
    app = enter_app()("compare", variants=[FP32, INT8])

    text = text_of(app)
    assert f"{INT8} is faster than {FP32}: {INT8} takes 0.7" in text
    assert "6 common blocks, holds for the boards measured." in text
    assert list(app.dataframe[0].value["Variant"]) == [FP32, INT8]
    assert text.count("SIMULATED: ") == 1
    assert "pifarm profile yolov9-c --variant fp32 --variant int8" in text


def test_boards_are_compared_by_a_label_that_they_differ_in(seen: Database) -> None:
    app = enter_app()("compare", what="boards", by="cooling", variant=INT8)

    assert "so that board and cooling cannot be told apart" in text_of(app)
    assert list(app.dataframe[0].value["Cooling"]) == ["fan (baseline)", "none"]


def test_runs_in_the_link_are_set_beside_each_other(seen: Database) -> None:
    one, other = factories.run_ids(seen, 1, device="pi5-1")[:2]

    app = enter_app()("compare", what="runs", runs=[one, other])

    assert list(app.dataframe[0].value.columns) == ["Figure", one, other]
    assert f"{one} and {other}: they can be compared" in text_of(app)


def test_a_farm_without_results_is_told_how_to_get_one(open_page: OpenPage) -> None:
    assert "pifarm submit" in text_of(open_page("compare"))
