"""How often the 95 % interval of an mAP holds what it is about, and how much mAP depends on the number of images.

Detectors are made up: many images with objects, of which some are found, a little off, and others imagined. Studies are
data sets drawn from them, scored by the farm's own code. Their mean is what the interval is about; the mAP of all
images is given beside it.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.detection.detecting import Detections
from benchmarks.command import run_command, tell
from benchmarks.figure import Estimate, Figure, Judged, Target
from orchestrator.analysis.accuracy.scoring import DetectionScores, Interval, score_detections
from orchestrator.analysis.accuracy.truth import TrueObject, Truth

ALL_IMAGES = 12_000
SIDE_PX = (640, 480)
LEAST = 0.95
OPTIONS: dict[str, int | float | str] = {"studies": 400, "seed": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One that finds a share of the objects, `off_px` off at each edge; `sure` is how high it scores what is right."""

    name: str
    classes: int
    finds: float
    off_px: float
    sure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All images that there are, with what is right about them and what a detector says of them."""

    truth: Truth
    objects: Mapping[int, Sequence[TrueObject]]
    found: Mapping[int, Detections]

    @property
    def classes(self) -> list[str]:
        """Their names, in the network's order."""
        return list(self.truth.categories.values())

    def score(self, images: Sequence[int]) -> DetectionScores:
        """What the farm makes of a data set of these images."""
        truth = Truth(
            sizes=dict.fromkeys(images, SIDE_PX),
            categories=self.truth.categories,
            objects=[each for image in images for each in self.objects[image]],
        )
        return score_detections(truth, {image: self.found[image] for image in images}, self.classes)


DETECTORS = (
    Detector(name="a good one of 10 classes", classes=10, finds=0.95, off_px=2.0, sure=6.0),
    Detector(name="a poor one of 10 classes", classes=10, finds=0.6, off_px=6.0, sure=3.0),
    Detector(name="a very good one of 3 classes", classes=3, finds=0.99, off_px=1.0, sure=9.0),
)
SIZES = (200, 500)


def main() -> None:
    """Score many data sets of each size."""
    run_command("accuracy_intervals", __doc__ or "", lambda options: list(_figures(options)), OPTIONS)


def _figures(options: argparse.Namespace) -> Iterator[Figure]:
    for detector in DETECTORS:
        world = _world(detector, np.random.default_rng(options.seed))
        whole = world.score(list(world.found))
        for images in SIZES:
            tell(f"{detector.name}, {images} images")
            rng = np.random.default_rng(options.seed + 1)
            drawn = [rng.choice(ALL_IMAGES, images, replace=False).tolist() for _ in range(options.studies)]
            scores = [world.score(each) for each in drawn]
            for name, all_images, values, intervals in (
                ("mAP50", whole.map50, [each.map50 for each in scores], [each.map50_ci for each in scores]),
                ("mAP50-95", whole.map50_95, [each.map50_95 for each in scores], [each.map50_95_ci for each in scores]),
            ):
                mean = float(np.mean(values))
                yield Figure(
                    what=f"{detector.name}, {images} images: {name} {mean:.3f} on average ({all_images:.3f} of all)",
                    unit="held",
                    ours=_share([_holds(each, mean) for each in intervals]),
                    targets=(Target(at_least=LEAST, judged=Judged.HIGH),),
                )


def _holds(interval: Interval | None, value: float) -> bool:
    return interval is not None and interval[0] <= value <= interval[1]


def _share(held: Sequence[bool]) -> Estimate:
    share = float(np.mean(held))
    half = 1.96 * float(np.sqrt(share * (1 - share) / len(held)))
    return Estimate(center=share, low=share - half, high=share + half, count=len(held))


def _world(detector: Detector, rng: np.random.Generator) -> World:
    names = {number + 1: str(number) for number in range(detector.classes)}
    objects: dict[int, list[TrueObject]] = {}
    found: dict[int, Detections] = {}
    for image in range(ALL_IMAGES):
        objects[image], found[image] = _image(detector, image, rng)
    every = [each for own in objects.values() for each in own]
    truth = Truth(sizes=dict.fromkeys(found, SIDE_PX), categories=names, objects=every)
    return World(truth=truth, objects=objects, found=found)


def _image(detector: Detector, image: int, rng: np.random.Generator) -> tuple[list[TrueObject], Detections]:
    """Three objects on average, the classes ever rarer; two that are not there."""
    objects, rows = [], []
    for _ in range(rng.poisson(3)):
        place = min(int(rng.geometric(0.25)), detector.classes) - 1
        left, top, width, height = _box(rng)
        box = (left, top, width, height)
        objects.append(TrueObject(image_id=image, category_id=place + 1, box=box, area=width * height, is_crowd=False))
        if rng.random() < detector.finds:
            edges = np.array([left, top, left + width, top + height]) + rng.normal(0, detector.off_px, 4)
            rows.append((edges, rng.beta(detector.sure, 2), place))
    for _ in range(rng.poisson(2)):
        left, top, width, height = _box(rng)
        edges = np.array([left, top, left + width, top + height])
        rows.append((edges, rng.beta(2, detector.sure), int(rng.integers(detector.classes))))
    return objects, Detections(
        boxes=np.array([edges for edges, _, _ in rows], float).reshape(-1, 4),
        scores=np.array([score for _, score, _ in rows], float),
        classes=np.array([place for _, _, place in rows], int),
    )


def _box(rng: np.random.Generator) -> tuple[float, float, float, float]:
    left, top = rng.uniform(0, 500), rng.uniform(0, 360)
    return left, top, rng.uniform(15, 120), rng.uniform(15, 120)


if __name__ == "__main__":
    main()
