"""What is right: the objects of a data set's images, as COCO has them, or the class of each of its examples."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueObject:
    """One object: its image, its category's id, its box as left, top, width, height in pixels.

    `area` in square pixels says how large it is, and may be less than the box's. A crowd is a region of many: what is
    found in it counts neither way.
    """

    image_id: int
    category_id: int
    box: tuple[float, float, float, float]
    area: float
    is_crowd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Images by id with width and height, categories by id with their names, and all objects.

    Raises `SpecError` for an object of an unknown image or category, and where there is no image at all.
    """

    sizes: Mapping[int, tuple[int, int]]
    categories: Mapping[int, str]
    objects: Sequence[TrueObject]

    def __post_init__(self) -> None:
        if not self.sizes:
            raise SpecError("data set: expected at least one image, got none")
        for each in self.objects:
            if each.image_id not in self.sizes:
                raise SpecError(
                    f"data set: an annotation is of image {each.image_id}, which is not among the images; add it,"
                    " or leave the annotation out"
                )
            if each.category_id not in self.categories:
                known = ", ".join(map(str, sorted(self.categories)))
                raise SpecError(
                    f"data set: an annotation of image {each.image_id} has category {each.category_id}; "
                    f"the categories are {known or 'none'}; correct the annotation, or add the category"
                )

    def of_images(self, image_ids: Collection[int]) -> "Truth":
        """The same of some images only; raises `SpecError` for one that is not there."""
        unknown = sorted(set(image_ids) - set(self.sizes))
        if unknown:
            raise SpecError(f"data set: it has no image {unknown[0]}")
        wanted = set(image_ids)
        return Truth(
            sizes={image_id: size for image_id, size in self.sizes.items() if image_id in wanted},
            categories=self.categories,
            objects=tuple(each for each in self.objects if each.image_id in wanted),
        )

    def category_ids(self, classes: Sequence[str]) -> tuple[int, ...]:
        """The category of each of a network's classes, by its name; raises `SpecError` that names what is missing."""
        by_name = {name: category_id for category_id, name in self.categories.items()}
        missing = [name for name in classes if name not in by_name]
        if missing:
            raise SpecError(
                f"task.classes: the data set has no category {missing[0]!r}; it has {', '.join(sorted(by_name))[:200]}"
            )
        return tuple(by_name[name] for name in classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The class of each example, by the example's number; raises `SpecError` where there is none.

    Classes are places among `classes`, their names; without names they are places among a network's outputs.
    """

    by_example: Mapping[int, int]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.by_example:
            raise SpecError("data set: expected at least one example, got none")

    def places(self, network_classes: Sequence[str]) -> dict[int, int]:
        """The place of each example's class among a network's; raises `SpecError` for a class that it does not have."""
        if not self.classes:
            return dict(self.by_example)
        places = {name: place for place, name in enumerate(network_classes)}
        names = {number: self.classes[label] for number, label in self.by_example.items()}
        unknown = sorted(set(names.values()) - set(places))
        if unknown:
            raise SpecError(f"task.classes: the data set has a class {unknown[0]!r} that the network does not have")
        return {number: places[name] for number, name in names.items()}
