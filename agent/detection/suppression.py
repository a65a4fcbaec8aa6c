"""Non-maximum suppression: of boxes of one class that overlap, the best stays."""

import numpy as np
import numpy.typing as npt

from agent.detection.boxes import Floats, overlaps

Integers = npt.NDArray[np.int64]


def suppress(boxes: Floats, scores: Floats, classes: Integers, *, overlap: float, most: int) -> Integers:
    """Places of the boxes that stay, best first, at most `most`: greedy, class by class.

    A box goes that overlaps a better one of its class by more than `overlap`; of equal scores the first given is the
    better. Boxes (n, 4), scores and classes (n,).
    """
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while waiting.size and len(kept) < most:
        best, rest = int(waiting[0]), waiting[1:]
        kept.append(best)
        stays = (classes[rest] != classes[best]) | (overlaps(boxes[best], boxes[rest]) <= overlap)
        waiting = rest[stays]
    return np.array(kept, np.int64)
