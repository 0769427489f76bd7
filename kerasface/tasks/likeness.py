"""How alike are two people of a gallery, and would their photos match? Asked before the two are made one."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from kerasface.faces.rates.own_points import points_of

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery

# That of `kerasface.tasks.verification`, which needs TensorFlow.
_FMR = 0.001


@dataclass(frozen=True)
class Likeness:
    """How alike the samples of two people are.

    Attributes:
        names: The two people.
        num_pairs: Pairs of a sample of one and a sample of the other.
        best: Normalized score of the most alike pair; `None` where one of them has no sample.
        mean: That of all pairs on average. It decides, as the best of many pairs of strangers is high: of 60 people of
            LFW, two photos and two others of each, 57 are alike by the mean and 59 by the best pair; of 3,540 times
            two different people none and 6.
        threshold: Normalized score from which two photos are called a match.
        fmr: False match rate there.
        is_alike: Whether the mean reaches the threshold: two photos of one person usually do.
    """

    names: tuple[str, str]
    num_pairs: int
    best: float | None
    mean: float | None
    threshold: float
    fmr: float
    is_alike: bool

    @property
    def text(self) -> str:
        """The same in a sentence, for people."""
        first, second = self.names
        if self.mean is None:
            return f"How alike {first} and {second} are cannot be told: one of them has no sample."
        scores = (
            f"normalized score {self.mean:.2f}"
            if self.num_pairs == 1
            else f"normalized scores: mean {self.mean:.2f}, best {self.best:.2f}, {self.num_pairs} pairs of photos"
        )
        what = "are alike, as photos of one person are" if self.is_alike else "do not look like one person"
        return (
            f"{first} and {second} {what}: {scores}; two photos match from {self.threshold:.2f} (FMR {self.fmr:.1%})."
        )

    def to_dict(self) -> dict:
        """Returns it as JSON-ready values."""
        return asdict(self) | {"names": list(self.names)}


def likeness(gallery: "Gallery", first: str, second: str) -> Likeness:
    """Compares two people of a gallery.

    Args:
        gallery: An open gallery.
        first: Id or name of a person.
        second: Of the other.

    Raises:
        NoSuchPersonError: If one of them is not in the gallery.
        ValueError: If no threshold was measured for the gallery's embedder.

    Example:
        ```python
        if likeness(gallery, "Ada", "Ada L.").is_alike:
            gallery.merge("Ada", "Ada L.")
        ```
    """
    with gallery.snapshot():
        names = gallery.person(first).name, gallery.person(second).name
        samples = gallery.embeddings(first), gallery.embeddings(second)
        points = points_of(gallery)
    threshold = points.operating_point(_FMR).threshold
    if not all(map(len, samples)):
        return Likeness(names, 0, None, None, threshold, _FMR, False)
    scores = points.normalizer.scores(*samples)  # (samples of first, samples of second)
    best, mean = float(scores.max()), float(scores.mean())
    return Likeness(names, scores.size, best, mean, threshold, _FMR, mean >= threshold)
