"""What a network is made of, in words and tables. Pure."""

from collections.abc import Iterable

from orchestrator.text import numbers_text
from orchestrator.variants.inspection import Inspection
from orchestrator.variants.layers import Layer

COLUMNS = ("layer", "operator", "output", "parameters", "MFLOP", "share", "moved", "FLOP/byte")
FIGURES = COLUMNS[3:]


def summary(found: Inspection) -> list[tuple[str, str]]:
    """Facts of the whole network."""
    operators = ", ".join(f"{name} {count}" for name, count in found.operators.items())
    return [
        ("opset", ", ".join(f"{domain} {version}" for domain, version in found.opset.items())),
        ("inputs", _shapes(found.inputs.items())),
        ("outputs", _shapes(found.outputs.items())),
        ("parameters", numbers_text.count(found.parameters)),
        ("weights", f"{numbers_text.size(found.weight_bytes)}, {found.sparsity:.1%} of them exact zeros"),
        ("work", f"{found.flops / 1e6:,.1f} MFLOP an inference{_missing(found)}"),
        ("traffic", f"at least {numbers_text.size(found.moved_bytes)} an inference"),
        ("operators", operators),
    ]


def rows(found: Inspection, most: int) -> list[list[str]]:
    """The layers with the most work, in its order."""
    heaviest = sorted(found.layers, key=lambda layer: layer.flops or 0, reverse=True)[:most]
    return [_row(layer, found.flops) for layer in heaviest]


def _row(layer: Layer, total: int) -> list[str]:
    known = layer.flops is not None and layer.moved_bytes is not None
    flops, moved = layer.flops or 0, layer.moved_bytes or 0
    return [
        layer.name,
        layer.kind,
        "x".join(str(size or "?") for size in layer.shape) if layer.shape is not None else "unknown",
        numbers_text.count(layer.parameters) if layer.parameters else "",
        f"{flops / 1e6:,.2f}" if known else numbers_text.ABSENT,
        f"{flops / total:.1%}" if known and total else numbers_text.ABSENT,
        numbers_text.size(moved) if known else numbers_text.ABSENT,
        f"{flops / moved:.1f}" if known and moved else numbers_text.ABSENT,
    ]


def _shapes(named: Iterable[tuple[str, tuple[int | None, ...]]]) -> str:
    return ", ".join(f"{name} {'x'.join(str(size or '?') for size in shape)}" for name, shape in named)


def _missing(found: Inspection) -> str:
    return f"; {found.unknown} layers of unknown shape are not in it: give --shape" if found.unknown else ""
