"""One step of a recipe in a process of its own: what a library keeps of a network in memory goes away with it."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from orchestrator.variants.recipe import UNABLE, RecipeRefused

T = TypeVar("T")


def apart(step: Callable[..., T], *arguments: object) -> T:
    """What a module's function gives, called in a fresh interpreter; raises what it raises, and `RecipeRefused` where
    the process dies.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(step, *arguments).result()
        except BrokenProcessPool as error:
            raise RecipeRefused(f"{step.__name__}: its tool crashed, or memory ran out; {UNABLE}") from error
