"""Recipes as people write them."""

import pytest

from orchestrator.errors import SpecError
from orchestrator.variants.recipe import OFFERS, Recipe


@pytest.mark.parametrize("name", OFFERS)
def test_every_recipe_can_be_asked_for_by_its_name_alone(name: str) -> None:
    recipe = Recipe.parse(name)
    assert recipe.name == name
    assert Recipe.parse(recipe.text) == recipe


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("ort", "ort"),
        ("int8-static", "int8-static"),
        ("int8-static:s8s8", "int8-static-s8s8"),
        ("prune:0.2", "prune-0.2"),
    ],
)
def test_a_label_says_what_is_unusual(text: str, label: str) -> None:
    assert Recipe.parse(text).label == label


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("int4", "expected some of ort, .*, got 'int4'"),
        ("ort:2", "takes no argument"),
        ("prune:1.5", "a share between 0 and 1, got '1.5'"),
        ("prune:0", "a share between 0 and 1"),
        ("prune-channels:many", "a share between 0 and 1, got 'many'"),
        ("int8-static:u8", "expected u8s8 or s8s8, got 'u8'"),
    ],
)
def test_what_means_nothing_is_refused(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        Recipe.parse(text)
