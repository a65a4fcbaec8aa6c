"""What a model's task file says, in a line. Pure."""

from agent.wire.task import Task


def summary(task: Task) -> str:
    """`detection of 10 classes by yolov8, images letterboxed to 128 x 128`."""
    how = f" by {task.detection.decoder.value}" if task.detection is not None else ""
    image = task.image
    fit = {"letterbox": "letterboxed", "resize": "resized"}[image.fit.value]
    return f"{task.kind.value} of {len(task.classes)} classes{how}, images {fit} to {image.width} x {image.height}"
