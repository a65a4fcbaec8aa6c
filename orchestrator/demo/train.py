"""Trains the demo model and writes its files: `python -m orchestrator.demo.train [FOLDER]`.

Needs scikit-learn (a development dependency) for the images; about 80 s on two cores. The same seed gives the
same files on the same machine and package versions; elsewhere the order in which a BLAS adds moves the last bits.

The held-out images are split off first; no weight and no quantisation range is made from them. Pooling, rate and
number of epochs were settled while their score was printed, so read it as a record of these files, not as an
unbiased estimate for other handwriting.
"""

import argparse
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.datasets import load_digits

from orchestrator.demo import FILES, MODEL_NAME
from orchestrator.demo.digits import Bytes, Floats, Labels, load_held_out, to_tensors
from orchestrator.demo.export import pruned, write_int8, write_onnx, write_ort
from orchestrator.demo.network import Adam, Network, loss_and_gradients, new_network
from orchestrator.demo.score import accuracy

SEED: Final = 7
HELD_OUT_IMAGES: Final = 360
CALIBRATION_IMAGES: Final = 200
EPOCHS: Final = 10
BATCH: Final = 16
HIGHEST_RATE: Final = 2e-3
PRUNED_SHARE: Final = 0.2
BASELINE: Final = "onnx"
VARIANT_FILES: Final = {
    BASELINE: "digits.onnx",
    "ort": "digits.ort",
    "pruned-20": "digits-pruned-20.onnx",
    "int8": "digits-int8.onnx",
}
DATA: Final = "Optical Recognition of Handwritten Digits, UCI, doi 10.24432/C50P49, CC BY 4.0"
TOOLS: Final = ("numpy", "onnx", "onnxruntime", "scikit-learn")


def main() -> None:
    """Trains, writes the four variants, scores each file, and prints the scores."""
    parser = argparse.ArgumentParser(description="Train the demo model and write its variants.")
    parser.add_argument("folder", nargs="?", type=Path, default=FILES)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)

    digits = load_digits()
    images: Bytes = digits.images.astype(np.uint8)
    labels: Labels = digits.target.astype(np.int64)
    order = np.random.default_rng(SEED).permutation(len(images))
    held_out, training = order[:HELD_OUT_IMAGES], order[HELD_OUT_IMAGES:]
    stored_labels = labels[held_out].astype(np.uint8)
    np.savez_compressed(folder / "held-out.npz", images=images[held_out], labels=stored_labels, indices=held_out)
    kept = np.sort(training)
    np.savez_compressed(folder / "training.npz", images=images[kept], labels=labels[kept].astype(np.uint8))

    tensors = to_tensors(images[training])
    network = train(tensors, labels[training])
    paths = {label: folder / name for label, name in VARIANT_FILES.items()}
    write_onnx(network, paths[BASELINE])
    write_ort(paths[BASELINE], paths["ort"])
    write_onnx(pruned(network, PRUNED_SHARE), paths["pruned-20"])
    write_int8(paths[BASELINE], paths["int8"], tensors[:CALIBRATION_IMAGES])
    write_metrics(folder)


def train(tensors: Floats, labels: Labels) -> Network:
    """A network fitted to images, float32 (n, 1, 32, 32), and labels, by Adam with a falling rate."""
    random = np.random.default_rng(SEED)
    network = new_network(random)
    optimiser = Adam(tensors=[*network.weights, *network.biases])
    images = np.ascontiguousarray(tensors.transpose(0, 2, 3, 1))
    batches = len(images) // BATCH
    for epoch in range(EPOCHS):
        losses = []
        for batch in random.permutation(len(images))[: batches * BATCH].reshape(batches, BATCH):
            rate = HIGHEST_RATE * (1 + np.cos(np.pi * optimiser.steps / (EPOCHS * batches))) / 2
            loss, weight_gradients, bias_gradients = loss_and_gradients(network, images[batch], labels[batch])
            optimiser.step(weight_gradients + bias_gradients, rate)
            losses.append(loss)
        print(f"epoch {epoch + 1:2} of {EPOCHS}: loss {np.mean(losses):.4f}")  # noqa: T201 - a program's output
    return network


def write_metrics(folder: Path) -> None:
    """Runs each variant's file on the held-out images and writes `metrics.json`."""
    held_out = load_held_out(folder)
    variants = {
        label: {"file": name, "accuracy": round(accuracy(folder / name, held_out), 4)}
        for label, name in VARIANT_FILES.items()
    }
    metrics = {
        "model": MODEL_NAME,
        "baseline": BASELINE,
        "test_images": len(held_out.labels),
        "split_seed": SEED,
        "data": DATA,
        "tools": {"python": platform.python_version(), **{name: metadata.version(name) for name in TOOLS}},
        "measured_on": platform.machine(),
        "variants": variants,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    for label, variant in variants.items():
        size_bytes = (folder / VARIANT_FILES[label]).stat().st_size
        print(f"{label:10} {variant['accuracy']:.4f} held out, {size_bytes} bytes")  # noqa: T201 - a program's output


if __name__ == "__main__":
    main()
