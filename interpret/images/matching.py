"""Which image of a dataset a result speaks of, in whatever order and by whatever path it was given.

A result names its images by their place and id. The photograph of a path has one id, however the path is
written; in a folder it is a shorter one, which the path ends in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from interpret.errors import DatasetError
from interpret.images.dataset import Images
from interpret.images.paths import whole_path
from interpret.wording import counted


class Matching:
    """Finds the images that a result names in any dataset: by place and id, else by id, else by path.

    What is in the pictures is not compared. An image that several could be is refused.

    Args:
        images: The dataset.
        ids: The id of each image that the result names, by its place in the dataset of then as text.

    Example:
        >>> Matching(as_images(["b.jpg", "photos/a.jpg"]), {"0": "a.jpg"}).place(0)
        1
    """

    def __init__(self, images: Images, ids: Mapping[str, str]) -> None:
        self.images, self.ids, self._now = images, ids, images.ids

    def place(self, index: int) -> int:
        """Where in ``images`` that image is.

        Args:
            index: Its place in the dataset of then.

        Raises:
            DatasetError: If it is not there, or more than one could be it.
        """
        found = self.find(index)
        if found is None:
            raise DatasetError(
                f"{self.reason(index)} Draw with the dataset the result was made with, or run the step again."
            )
        return found

    def find(self, index: int) -> int | None:
        """The same; None where it is not there, or more than one could be it."""
        then = self.ids.get(str(index))
        if then is None:
            return None
        here = self._here(index)
        return here if here is not None and self._now[here] == then else self._elsewhere.get(index)

    def reason(self, index: int) -> str:
        """Why an image is not found, in a sentence."""
        then, rivals = self.ids.get(str(index)), self._rivals.get(index, [])
        here = self._here(index)
        found = "the dataset has " + (
            counted(len(self._now), "image") if here is None else f"{self._now[here]!r} there"
        )
        if len(rivals) > 1:
            found = f"each of {' and '.join(map(repr, rivals[:3]))} could be it"
        elif rivals:
            found = f"{rivals[0]!r} could be it and another image of the result as well"
        return f"Image {index} was {then!r} when the result was made, but now {found}."

    def _here(self, index: int) -> int | None:
        """Where the image of that place is, if it is there; a subset keeps the places of its origin."""
        places = self.images.indices
        if isinstance(places, range):
            return places.index(index) if index in places else None
        return self._places.get(index)

    @cached_property
    def _places(self) -> dict[int, int]:
        return {index: place for place, index in enumerate(self.images.indices)}

    @cached_property
    def _elsewhere(self) -> dict[int, int]:
        """Where the images are that are not in their place, as far as they can be told apart."""
        exact, by_path = self._by_id, self._by_path
        taken = Counter([*exact.values(), *(place for places in by_path.values() for place in places)])
        sure = {at: places[0] for at, places in by_path.items() if len(places) == 1 == taken[places[0]]}
        return exact | sure

    @cached_property
    def _rivals(self) -> dict[int, list[str]]:
        """The ids of those that could be an image, where that cannot be told."""
        unsure = {at: places for at, places in self._by_path.items() if at not in self._elsewhere}
        return {at: [self._now[place] for place in places] for at, places in unsure.items() if places}

    @cached_property
    def _named(self) -> dict[int, str]:
        """The ids of the result by place."""
        return {int(index): then for index, then in self.ids.items() if index.isdecimal()}

    @cached_property
    def _by_id(self) -> dict[int, int]:
        """Where the images are whose ids are there."""
        known = {name: place for place, name in enumerate(self._now)}
        return {index: known[then] for index, then in self._named.items() if then in known}

    @cached_property
    def _by_path(self) -> dict[int, list[int]]:
        """The places of all images that could be each of the others."""
        others = self._named.keys() - self._by_id.keys()
        return {index: list(self._ending_alike(self._named[index])) for index in sorted(others)}

    def _ending_alike(self, then: str) -> Iterator[int]:
        """The places of all images whose path ends in an id, or which an id ends in."""
        if then.isdecimal():  # the place of a picture without a path
            return
        asked = whole_path(then) if ".." in then.split("/") else then
        for place in self._by_name.get(asked.rpartition("/")[2], ()):
            path, name = self._whole_paths[place], self._now[place]
            if _ends(path, asked) if path else _ends(asked, name) or _ends(name, asked):
                yield place

    @cached_property
    def _whole_paths(self) -> Sequence[str]:
        """Where the file of each image is; "" where that is not known."""
        return self.images.whole_paths or [""] * len(self._now)

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        """The places of the images by the last part of their paths, or of their ids."""
        found: dict[str, list[int]] = {}
        for place, (path, name) in enumerate(zip(self._whole_paths, self._now, strict=True)):
            found.setdefault((path or name).rpartition("/")[2], []).append(place)
        return found


def _ends(path: str, end: str) -> bool:
    """Whether a path ends in another one, at the border of a folder."""
    return path == end or path.endswith(f"/{end}")
