"""Trains the demo's detectors and writes their files: ``python -m training.train [FOLDER]``.

Needs the extra ``training``; minutes a network on a processor that computes in bfloat16. The same seed gives the same
weights on the same machine, with the same number of threads and package versions; elsewhere the order in which sums are
added moves the last bits.

The scenes of validation have digits that training never sees, and nothing was tuned on them.
"""

import argparse
import copy
import itertools
import json
import math
import time
from pathlib import Path
from typing import Final

import torch

from orchestrator.demo.detection import FILES, METRICS_FILE
from training.data import draw_batches
from training.export import write_onnx, write_torchscript
from training.loss import loss_of
from training.network import PLANS, Detector, Plan, fused
from training.score import VARIANT_FILES, write_metrics

SEED: Final = 7
BATCH: Final = 32
STEPS: Final = 9600  # 1200 at first, too few for both; nothing else was changed, and no other number was tried
WARM_UP_STEPS: Final = 100
HIGHEST_RATE: Final = 3e-3
DECAY: Final = 0.01
AVERAGE_OVER_STEPS: Final = 200
LARGEST_GRADIENT: Final = 10.0
REPORT_EVERY: Final = 100


def main() -> None:
    """Trains each network, writes it as ONNX and TorchScript, scores the files."""
    parser = argparse.ArgumentParser(description="Train the demo's detectors and write their files.")
    parser.add_argument("folder", nargs="?", type=Path, default=FILES)
    parser.add_argument("--only", choices=PLANS, help="one network; the other's files are in the folder already")
    parser.add_argument("--steps", type=int, help=f"batches of {BATCH} scenes (default: {STEPS})")
    parser.add_argument("--threads", type=int, default=1, help="other figures give other files")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.folder.mkdir(parents=True, exist_ok=True)
    wanted = {name: given.steps or STEPS for name in PLANS if given.only in (None, name)}
    kept = {} if len(wanted) == len(PLANS) else _steps_of_others(given.folder, given.only, parser)
    for name, steps in wanted.items():
        network = fused(train(name, PLANS[name], steps))
        write_onnx(network, given.folder / f"{name}.onnx")
        write_torchscript(network, given.folder / f"{name}.torchscript")
    write_metrics(given.folder, steps={**kept, **wanted}, batch=BATCH, seed=SEED)


def _steps_of_others(folder: Path, only: str, parser: argparse.ArgumentParser) -> dict[str, int]:
    """How long the networks in the folder were trained, by its record; refuses a folder that lacks what is scored."""
    others = [name for name in VARIANT_FILES.values() if not name.startswith(f"{only}.")]
    missing = [name for name in (*others, METRICS_FILE.name) if not (folder / name).is_file()]
    if missing:
        parser.error(f"--only {only}: {folder} lacks {', '.join(missing)}; train all, or copy them there")
    record: dict[str, int] = json.loads((folder / METRICS_FILE.name).read_text(encoding="utf-8"))["training"]["steps"]
    return record


def train(name: str, plan: Plan, steps: int) -> Detector:
    """A network fitted to fresh scenes by AdamW with a falling rate; its weights are the mean of the last ones."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    network = Detector(plan)
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(_groups(network), lr=HIGHEST_RATE, betas=(0.9, 0.99))
    started_s, losses = time.monotonic(), []
    for step, batch in enumerate(itertools.islice(draw_batches(BATCH), steps), start=1):
        for group in optimiser.param_groups:
            group["lr"] = HIGHEST_RATE * _rate(step, steps)
        with torch.autocast("cpu", torch.bfloat16):
            raw = network(batch.images)
        loss = loss_of(network, raw, batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        _follow(average, network, step)
        losses.append(loss.item())
        if step % REPORT_EVERY == 0:
            mean = sum(losses[-REPORT_EVERY:]) / REPORT_EVERY
            print(f"{name}: step {step} of {steps}, loss {mean:.3f}, {time.monotonic() - started_s:.0f} s", flush=True)
    return average


def _groups(network: Detector) -> list[dict[str, object]]:
    """Weights shrink, biases and normalisation do not."""
    weights = [each for each in network.parameters() if each.ndim > 1]
    others = [each for each in network.parameters() if each.ndim <= 1]
    return [{"params": weights, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]


def _rate(step: int, steps: int) -> float:
    """The share of the highest rate: a rise, then half a cosine down."""
    return min(step / WARM_UP_STEPS, 1) * (1 + math.cos(math.pi * step / steps)) / 2


def _follow(average: Detector, network: Detector, step: int) -> None:
    """Moves the averaged weights towards the network's; at first they follow closely."""
    share = max(1 / AVERAGE_OVER_STEPS, 1 / step)
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)


if __name__ == "__main__":
    main()
