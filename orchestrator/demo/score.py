"""Scores a variant's file on digits: run by training for `metrics.json`, and by the tests."""

from pathlib import Path

import onnxruntime

from orchestrator.demo.digits import Digits


def accuracy(path: Path, digits: Digits) -> float:
    """The share of `digits` that the model file at `path` gets right: one image at a time, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    right = 0
    for image, label in zip(digits.tensors, digits.labels, strict=True):
        logits = session.run(None, {name: image[None]})[0]
        right += int(logits.argmax() == label)
    return right / len(digits.labels)
