"""The factory's ``prune`` for TorchScript, which the factory does not take: for the full demo. Needs PyTorch."""

import warnings
from pathlib import Path


def write_pruned(source: Path, path: Path, share: float) -> None:
    """`source` with that share of the weights of each layer set to zero, the smallest by magnitude.

    Equal ones go in order of their place, as in `orchestrator.variants.pruning`: the same weights as in its ONNX file.
    """
    import torch

    with warnings.catch_warnings(action="ignore", category=DeprecationWarning), torch.no_grad():
        module = torch.jit.load(str(source), map_location="cpu")
        for weights in (each for each in module.parameters() if each.ndim > 1):
            smallest = weights.abs().flatten().argsort(stable=True)[: round(share * weights.numel())]
            weights.view(-1)[smallest] = 0
        torch.jit.save(module, str(path))
