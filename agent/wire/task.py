"""What a network is for, in one small file: how an image becomes its input, and what its output means.

Everyone who exports a network declares it once, as JSON; board and orchestrator read the same declaration. By it
`agent.tasks` makes inputs and `agent.detection` reads outputs. Units are pixels, coordinates are continuous: pixel i
covers i to i + 1.
"""

import enum
from dataclasses import dataclass

from agent.wire.codec import require

CHANNELS = 3
LARGEST_SIDE = 8192
MOST_CLASSES = 10_000
MOST_DETECTIONS = 10_000
MOST_CANDIDATES = 100_000


class TaskKind(enum.Enum):
    """What is asked about an image."""

    DETECTION = "detection"
    CLASSIFICATION = "classification"


class Fit(enum.Enum):
    """How an image comes to the network's size: with its shape kept and the rest filled, or stretched to it."""

    LETTERBOX = "letterbox"
    RESIZE = "resize"


class Layout(enum.Enum):
    """The order of the input's axes: batch, channels, rows, columns, or channels last."""

    NCHW = "nchw"
    NHWC = "nhwc"


class ColourOrder(enum.Enum):
    """Which colour the first channel is."""

    RGB = "rgb"
    BGR = "bgr"


class Decoder(enum.Enum):
    """What a detector's output looks like.

    YOLOV5      one output (1, boxes, 5 + classes): centre, size, objectness, scores (v5; v7 exported with its grid)
    YOLOV5_RAW  an output a level (1, anchors, rows, columns, 5 + classes), all of it logits (v5, v7 without grid)
    YOLOV8      one output (1, 4 + classes, boxes): centre, size, scores; no anchors (v8, v9, v11)
    END_TO_END  one output (1, detections, 6): two corners, score, class; nothing is left to suppress (v10, v26)
    """

    YOLOV5 = "yolov5"
    YOLOV5_RAW = "yolov5-raw"
    YOLOV8 = "yolov8"
    END_TO_END = "end-to-end"


class BoxUnit(enum.Enum):
    """Whether boxes come in pixels of the input, or as shares of its sides."""

    PIXELS = "pixels"
    SHARES = "shares"


class ClassesPerBox(enum.Enum):
    """Whether a box stands for its best class only, or for every class above the threshold, as COCO is scored by."""

    BEST = "best"
    EVERY = "every"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInput:
    """How an image of 8 bits becomes the network's input: fitted to width x height, value / divisor, - mean, / std.

    `pad` is the level that a letterbox is filled with; `mean` and `std` are one number a channel, in `colours`' order.
    """

    width: int
    height: int
    fit: Fit = Fit.LETTERBOX
    pad: int = 114
    divisor: float = 255.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    colours: ColourOrder = ColourOrder.RGB
    layout: Layout = Layout.NCHW

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            require(1 <= getattr(self, name) <= LARGEST_SIDE, name, f"1..{LARGEST_SIDE}", getattr(self, name))
        require(0 <= self.pad <= 255, "pad", "0..255", self.pad)
        require(self.divisor > 0, "divisor", "more than 0", self.divisor)
        for name in ("mean", "std"):
            require(len(getattr(self, name)) == CHANNELS, name, f"{CHANNELS} numbers", getattr(self, name))
        require(min(self.std) > 0, "std", "numbers above 0", self.std)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How a detector's output is read and thinned out.

    `output` is the place of the (first) output with boxes, among those of the network. `anchors`, for YOLOV5_RAW only:
    for each level its width and height, one after the other, in pixels. A box that overlaps a better one of its class
    by more than `overlap` (intersection over union) is suppressed; at most `most` detections are left of an image.
    """

    decoder: Decoder
    output: int = 0
    boxes: BoxUnit = BoxUnit.PIXELS
    anchors: tuple[tuple[float, ...], ...] = ()
    score_threshold: float = 0.001
    overlap: float = 0.65
    classes_per_box: ClassesPerBox = ClassesPerBox.EVERY
    most: int = 300
    most_candidates: int = 30_000

    def __post_init__(self) -> None:
        require(0 <= self.output <= 99, "output", "0..99", self.output)
        require(0 <= self.score_threshold < 1, "score_threshold", "0..1", self.score_threshold)
        require(0 < self.overlap <= 1, "overlap", "0..1", self.overlap)
        require(1 <= self.most <= MOST_DETECTIONS, "most", f"1..{MOST_DETECTIONS}", self.most)
        require(
            1 <= self.most_candidates <= MOST_CANDIDATES,
            "most_candidates",
            f"1..{MOST_CANDIDATES}",
            self.most_candidates,
        )
        is_raw = self.decoder is Decoder.YOLOV5_RAW
        require(bool(self.anchors) == is_raw, "anchors", "them for yolov5-raw, and for nothing else", self.anchors)
        for level in self.anchors:
            is_pairs = len(level) >= 2 and len(level) % 2 == 0 and min(level) > 0
            require(is_pairs, "anchors", "pairs of width and height above 0", level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The whole task file. `classes` are names in the order of the network's outputs; `detection` is a detector's."""

    kind: TaskKind
    image: ImageInput
    classes: tuple[str, ...]
    detection: Detection | None = None

    def __post_init__(self) -> None:
        require(1 <= len(self.classes) <= MOST_CLASSES, "classes", f"1..{MOST_CLASSES} names", len(self.classes))
        require(len(set(self.classes)) == len(self.classes), "classes", "each name once", self.classes)
        is_detection = self.kind is TaskKind.DETECTION
        require(
            (self.detection is not None) == is_detection, "detection", "it for kind detection only", self.kind.value
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an image lies in the network's input: `width` x `height` of it, from (`left`, `top`) on.

    An image's point (x, y) is at (left + x * scale_x, top + y * scale_y) of the input.
    """

    left: int
    top: int
    width: int
    height: int
    scale_x: float
    scale_y: float


def place(width: int, height: int, image: ImageInput) -> Placement:
    """Where an image of that size goes: in the middle, an odd pixel of filling to the right or below.

    Scales are those of whole pixels, so that a box comes back to where it was. The rounding is that of ultralytics'
    LetterBox.
    """
    require(width >= 1 and height >= 1, "image", "a width and a height of 1 or more", (width, height))
    if image.fit is Fit.RESIZE:
        new_width, new_height = image.width, image.height
    else:
        scale = min(image.width / width, image.height / height)
        new_width, new_height = max(round(width * scale), 1), max(round(height * scale), 1)
    return Placement(
        left=(image.width - new_width) // 2,
        top=(image.height - new_height) // 2,
        width=new_width,
        height=new_height,
        scale_x=new_width / width,
        scale_y=new_height / height,
    )
