"""A recipe as people write it, such as ``prune:0.2``, and what the workshop hands over."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from orchestrator.errors import PifarmError, SpecError

DENSE: Final = "zeros do not speed up dense kernels: expect the same latency and a file that only compresses better"
PLAIN: Final = "start from a variant in single precision: --from LABEL"
UNABLE: Final = "try another variant of the network (--from LABEL), or export it again, for instance with another opset"
UNTUNED: Final = "nothing was trained again afterwards: measure the accuracy before believing the speed"


class RecipeRefused(PifarmError):
    """A recipe that cannot be carried out on this network, or not here; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A recipe that there is: what it makes, in words, and its argument with the usual value, if it takes one."""

    what: str
    argument: str = ""
    default: str = ""
    needs_calibration: bool = False


OFFERS: Final[Mapping[str, Offer]] = {
    "ort": Offer(what="ORT format, optimised for any processor"),
    "optimised": Offer(what="ONNX with onnxruntime's graph optimisations done ahead"),
    "slim": Offer(what="ONNX simplified by onnxslim"),
    "fp16": Offer(what="half precision weights and operators, single precision inputs and outputs"),
    "int8-dynamic": Offer(
        what="int8 weights, activations quantised while running", argument="u8|s8 weights", default="s8"
    ),
    "int8-static": Offer(
        what="int8 weights and activations (QDQ, per channel), ranges from a calibration set",
        argument="u8s8|s8s8, activations and weights",
        default="u8s8",
        needs_calibration=True,
    ),
    "prune": Offer(what="the smallest weights of each layer set to zero", argument="share of weights", default="0.2"),
    "prune-channels": Offer(
        what="the weakest filters taken out, where the graph allows", argument="share of filters", default="0.2"
    ),
    "ncnn": Offer(what="ncnn, by pnnx"),
    "litert": Offer(what="LiteRT, by onnx2tf"),
    "openvino": Offer(what="OpenVINO IR in single precision"),
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {"int8-dynamic": ("u8", "s8"), "int8-static": ("u8s8", "s8s8")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One of `OFFERS` with its argument; raises `SpecError` for one that means nothing."""

    name: str
    argument: str = ""

    def __post_init__(self) -> None:
        if self.name not in OFFERS:
            raise SpecError(f"--recipe: expected some of {', '.join(OFFERS)}, got {self.name!r}")
        offer = OFFERS[self.name]
        if self.argument and not offer.argument:
            raise SpecError(f"--recipe {self.name}: takes no argument, got {self.argument!r}")
        choices = _CHOICES.get(self.name, ())
        if choices and self.argument not in choices:
            raise SpecError(f"--recipe {self.name}: expected {' or '.join(choices)}, got {self.argument!r}")
        if self.name.startswith("prune") and not 0 < self.share < 1:
            raise SpecError(f"--recipe {self.name}: expected a share between 0 and 1, got {self.argument!r}")

    @classmethod
    def parse(cls, text: str) -> "Recipe":
        """``NAME`` or ``NAME:ARGUMENT``."""
        name, _, argument = text.strip().partition(":")
        return cls(name=name, argument=argument or (OFFERS[name].default if name in OFFERS else ""))

    @property
    def share(self) -> float:
        """The argument as a number; nan where it is none."""
        try:
            return float(self.argument)
        except ValueError:
            return math.nan

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.name}:{self.argument}" if self.argument else self.name

    @property
    def label(self) -> str:
        """What the variant is called if nobody says otherwise."""
        is_usual = self.argument == OFFERS[self.name].default and self.name in _CHOICES
        return self.name if is_usual else self.text.replace(":", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of a recipe: the main file of the variant, the tools that made it, what its users should know."""

    main: Path
    tools: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
