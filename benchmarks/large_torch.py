"""The large network as a TorchScript program, with the weights that its ONNX file has."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.large_model import ROWS, SIZE, network


class LargeNetwork(torch.nn.Module):  # type: ignore[misc]  # PyTorch has no types where it is not looked at
    """Computes the operators that the network asks for."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        super().__init__()
        floats = {name: array for name, array in weights.items() if array.dtype.kind == "f"}
        self._weights = torch.nn.ParameterDict(
            {_plain(name): torch.nn.Parameter(torch.from_numpy(array)) for name, array in floats.items()}
        )

    def forward(self, image: Any) -> Any:
        """The answer to an image."""
        return network(self, image)

    def conv(self, name: str, source: Any, channels: int, filters: int, kernel: int, stride: int = 1) -> Any:
        weight, bias = (self._weights[_plain(f"{name}.{part}")] for part in ("weight", "bias"))
        return torch.nn.functional.conv2d(source, weight, bias, stride=stride, padding=kernel // 2)

    def silu(self, name: str, source: Any) -> Any:
        return torch.nn.functional.silu(source)

    def add(self, name: str, left: Any, right: Any) -> Any:
        return left + right

    def gather(self, levels: list[Any]) -> Any:
        return torch.cat([level.reshape(1, ROWS, -1) for level in levels], dim=2)


def save_large_torchscript(path: Path, weights: Mapping[str, Any]) -> None:
    """Write the program, traced."""
    with torch.no_grad(), warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        traced = torch.jit.trace(LargeNetwork(weights).eval(), torch.zeros(1, 3, SIZE, SIZE), check_trace=False)
        traced.save(str(path))


def _plain(name: str) -> str:
    """A name that may be an attribute's."""
    return name.replace(".", "_")
