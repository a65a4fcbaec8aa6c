"""A small convolutional network in plain numpy: what `train.py` fits and `export.py` writes as ONNX.

Training side of the demo pipeline; nothing that runs on a board imports it. Activations are float32, channels
last: (batch, height, width, channels). A convolution's weights are (3 * 3 * channels in, channels out), rows
in the order (row, column, channel), so that a layer is one matrix product over the patches of its input.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from orchestrator.demo.digits import CLASSES, Floats, Labels

KERNEL: Final = 3
POOLED_SIDE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShape:
    """A 3x3 convolution with zero padding 1, followed by a ReLU."""

    channels_in: int
    channels_out: int
    stride: int


LAYERS: Final = (
    LayerShape(channels_in=1, channels_out=32, stride=1),
    LayerShape(channels_in=32, channels_out=32, stride=1),
    LayerShape(channels_in=32, channels_out=64, stride=2),
    LayerShape(channels_in=64, channels_out=64, stride=1),
    LayerShape(channels_in=64, channels_out=64, stride=2),
)


@dataclass(slots=True, kw_only=True)
class Network:
    """Five convolutions, the means of the quarters, one linear layer.

    26 million multiply-adds and 104 thousand weights. `weights` and `biases` hold the convolutions in the
    order of `LAYERS`, then the linear layer, (2 * 2 * 64, 10).
    """

    weights: list[Floats]
    biases: list[Floats]


def new_network(random: np.random.Generator) -> Network:
    """A network with He-initialised weights and zero biases."""
    shapes = [(KERNEL * KERNEL * layer.channels_in, layer.channels_out) for layer in LAYERS]
    shapes.append((POOLED_SIDE * POOLED_SIDE * LAYERS[-1].channels_out, CLASSES))
    weights = [random.normal(0, np.sqrt(2 / rows), (rows, columns)).astype(np.float32) for rows, columns in shapes]
    return Network(weights=weights, biases=[np.zeros(columns, np.float32) for _, columns in shapes])


def loss_and_gradients(network: Network, images: Floats, labels: Labels) -> tuple[float, list[Floats], list[Floats]]:
    """Mean cross-entropy of a batch, and its gradients for `network.weights` and `network.biases`.

    `images`: (batch, 32, 32, 1).
    """
    activations, patches = [images], []
    for layer, weights, biases in zip(LAYERS, network.weights, network.biases, strict=False):
        patches.append(_patches(activations[-1], layer.stride))
        activations.append(np.maximum(patches[-1] @ weights + biases, 0))
    pooled = _pool(activations[-1])
    loss, error = _cross_entropy(pooled @ network.weights[-1] + network.biases[-1], labels)

    weight_gradients, bias_gradients = [pooled.T @ error], [error.sum(axis=0)]
    error = _spread(error @ network.weights[-1].T, activations[-1].shape)
    for index in reversed(range(len(LAYERS))):
        error = error * (activations[index + 1] > 0)
        rows = error.reshape(-1, LAYERS[index].channels_out)
        weight_gradients.append(patches[index].reshape(len(rows), -1).T @ rows)
        bias_gradients.append(rows.sum(axis=0))
        if index > 0:
            error = _scatter(error @ network.weights[index].T, activations[index].shape, LAYERS[index].stride)
    return loss, weight_gradients[::-1], bias_gradients[::-1]


def _patches(images: Floats, stride: int) -> Floats:
    """Every 3x3 neighbourhood: (batch, height / stride, width / stride, 9 * channels)."""
    batch, height, width, channels = images.shape
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    out = np.empty((batch, height // stride, width // stride, KERNEL * KERNEL, channels), np.float32)
    for row in range(KERNEL):
        for column in range(KERNEL):
            out[..., row * KERNEL + column, :] = padded[
                :, row : row + height : stride, column : column + width : stride
            ]
    return out.reshape(batch, height // stride, width // stride, KERNEL * KERNEL * channels)


def _scatter(patch_errors: Floats, shape: tuple[int, ...], stride: int) -> Floats:
    """The transpose of `_patches`: adds each patch's error back to where its values came from."""
    batch, height, width, channels = shape
    padded = np.zeros((batch, height + 2, width + 2, channels), np.float32)
    errors = patch_errors.reshape(*patch_errors.shape[:3], KERNEL * KERNEL, channels)
    for row in range(KERNEL):
        for column in range(KERNEL):
            padded[:, row : row + height : stride, column : column + width : stride] += errors[
                ..., row * KERNEL + column, :
            ]
    return padded[:, 1:-1, 1:-1]


def _pool(images: Floats) -> Floats:
    """The means of the four quarters of each image: (batch, 2 * 2 * channels)."""
    batch, height, width, channels = images.shape
    quarters = images.reshape(batch, POOLED_SIDE, height // POOLED_SIDE, POOLED_SIDE, width // POOLED_SIDE, channels)
    return np.asarray(quarters.mean(axis=(2, 4)).reshape(batch, -1), np.float32)


def _spread(errors: Floats, shape: tuple[int, ...]) -> Floats:
    """The transpose of `_pool`: each quarter's error, shared out evenly over its pixels."""
    batch, height, width, channels = shape
    rows, columns = height // POOLED_SIDE, width // POOLED_SIDE
    quarters = errors.reshape(batch, POOLED_SIDE, POOLED_SIDE, channels) / np.float32(rows * columns)
    return np.asarray(quarters.repeat(rows, axis=1).repeat(columns, axis=2), np.float32)


def _cross_entropy(logits: Floats, labels: Labels) -> tuple[float, Floats]:
    """The batch's mean loss and its gradient with respect to the logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    likelihoods = np.exp(shifted)
    likelihoods /= likelihoods.sum(axis=1, keepdims=True)
    batch = np.arange(len(labels))
    loss = float(-np.log(likelihoods[batch, labels] + 1e-12).mean())
    likelihoods[batch, labels] -= 1
    return loss, np.asarray(likelihoods / len(labels), np.float32)


@dataclass(slots=True, kw_only=True)
class Adam:
    """Kingma and Ba's optimiser (arXiv:1412.6980) over a list of tensors, updated in place."""

    tensors: list[Floats]
    steps: int = 0
    means: list[Floats] = field(init=False)
    squares: list[Floats] = field(init=False)

    def __post_init__(self) -> None:
        self.means = [np.zeros_like(tensor) for tensor in self.tensors]
        self.squares = [np.zeros_like(tensor) for tensor in self.tensors]

    def step(self, gradients: list[Floats], rate: float) -> None:
        self.steps += 1
        corrected = np.float32(rate * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps))
        for tensor, gradient, mean, square in zip(self.tensors, gradients, self.means, self.squares, strict=True):
            mean += np.float32(0.1) * (gradient - mean)
            square += np.float32(0.001) * (gradient * gradient - square)
            tensor -= corrected * mean / (np.sqrt(square) + np.float32(1e-8))
