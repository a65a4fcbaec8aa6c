"""The operators that multiply with weights, by their names in ONNX and in what ONNX Runtime makes of it. Pure.

Work is in operations, a multiplication and an addition each being one. Places of inputs: the operators of ONNX, and
ONNX Runtime's own, https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Sizes = Sequence[int]


class Family(enum.Enum):
    """How work follows from shapes."""

    CONVOLUTION = "convolution"
    TRANSPOSED = "transposed convolution"
    MATRIX = "matrix product"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Which inputs of an operator are its weights and its bias, if it can have one."""

    family: Family
    weights: int = 1
    bias: int | None = None


_CONVOLUTION = Product(family=Family.CONVOLUTION, bias=2)
_GEMM = Product(family=Family.MATRIX, bias=2)
_MATRIX = Product(family=Family.MATRIX)
PRODUCTS: Final[Mapping[str, Product]] = {
    **dict.fromkeys(("Conv", "FusedConv", "NhwcConv", "NhwcFusedConv"), _CONVOLUTION),
    **dict.fromkeys(("Gemm", "FusedGemm"), _GEMM),
    **dict.fromkeys(("MatMul", "FusedMatMul", "MatMulInteger"), _MATRIX),
    "ConvTranspose": Product(family=Family.TRANSPOSED, bias=2),
    "ConvInteger": Product(family=Family.CONVOLUTION),
    "QLinearConv": Product(family=Family.CONVOLUTION, weights=3, bias=8),
    "QLinearMatMul": Product(family=Family.MATRIX, weights=3),
    "QGemm": Product(family=Family.MATRIX, weights=3, bias=6),
    "DynamicQuantizeMatMul": Product(family=Family.MATRIX, bias=4),
    "MatMulIntegerToFloat": Product(family=Family.MATRIX, bias=6),
}
UNCOUNTED: Final = frozenset(
    ("Attention", "MultiHeadAttention", "GroupQueryAttention", "QAttention", "LSTM", "GRU", "RNN",
     "DynamicQuantizeLSTM", "Einsum", "DeformConv", "MatMulNBits", "unknown")
)  # fmt: skip
"""Operators with work that nobody counts here: none is never taken for nothing."""


def product_work(
    product: Product,
    *,
    first: Sizes | None,
    weights: Sizes | None,
    output: Sizes | None,
    has_bias: bool = False,
    is_transposed: bool = False,
) -> int | None:
    """Operations of one call; None where a shape that it takes is not known.

    `first` is the shape of what is multiplied, `is_transposed` says that the weights of a matrix product are. Without
    the weights' shape a matrix product is as deep as the last axis of `first`.
    """
    if output is None:
        return None
    produced = math.prod(output)
    bias = produced if has_bias else 0
    if product.family is Family.MATRIX:
        depth = _depth(weights, is_transposed) if weights else (first[-1] if first else None)
        return None if depth is None else 2 * produced * depth + bias
    if weights is None or len(weights) < 3:
        return None
    if product.family is Family.TRANSPOSED:
        return None if first is None else 2 * math.prod(first) * math.prod(weights[1:]) + bias
    return 2 * produced * math.prod(weights[1:]) + bias


def _depth(weights: Sizes, is_transposed: bool) -> int:
    return weights[-1] if is_transposed or len(weights) == 1 else weights[-2]
