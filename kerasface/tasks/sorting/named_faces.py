"""The way in: faces that another program has named in XMP, found again in the photos, on their way past the gate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.gallery.checks import checked_name
from kerasface.images.decoding import ImageError
from kerasface.images.stored import StoredForm, stored_form
from kerasface.images.xmp.files import read_sidecar, sidecar_of
from kerasface.images.xmp.packet import parse_packet
from kerasface.images.xmp.regions import Region, read_regions
from kerasface.tasks.enrollment import SourcePhoto
from kerasface.tasks.sorting.looking import LookedAt, look_at_photos

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class NamedFaces:
    """What names in XMP led to.

    Attributes:
        people: Name to photos, each with the one face that has the name.
        problems: `(photo, sentence)` of what could not be used.
    """

    people: dict[str, list[SourcePhoto]]
    problems: list[tuple[Path, str]]


def read_named_faces(
    paths: Sequence[Path], analyzer: FaceAnalyzer, *, on_progress: Progress | None = None
) -> NamedFaces:
    """Finds the faces that XMP names, in photos and in sidecars beside them; photos without names are not looked at.

    Args:
        paths: The photos.
        analyzer: The face front end.
        on_progress: Called with the number of photos done and their total.
    """
    people: dict[str, list[SourcePhoto]] = {}
    problems: list[tuple[Path, str]] = []
    named: dict[Path, tuple[list[Region], tuple[int, int]]] = {}
    for path in paths:
        try:
            form = stored_form(path)
        except ImageError as error:
            problems.append((path, str(error)))
            continue
        regions, said = _regions_of(path, form)
        problems += [(path, text) for text in said]
        if regions:
            named[path] = regions, form.upright_size
    report, done = on_progress or (lambda done, total: None), 0
    for looks in look_at_photos(list(named), analyzer):
        for look in looks:
            if look.problem is None:
                _match(look, *named[look.path], people, problems)
            else:
                problems.append((look.path, look.problem))
        done += len(looks)
        report(done, len(named))
    return NamedFaces(people, problems)


def _regions_of(photo: Path, form: StoredForm) -> tuple[list[Region], list[str]]:
    """Named areas of the upright photo, those of the sidecar and of the photo itself; and what is wrong with them."""
    found: list[Region] = []
    said = []
    for source, read in (
        (sidecar_of(photo), read_sidecar),
        (photo, lambda _: parse_packet(form.xmp) if form.xmp else None),
    ):
        try:
            packet = read(source)
            named = [region for region in read_regions(packet) if region.name] if packet else []
        except (OSError, ValueError) as error:
            said.append(f"{source}: names were not read: {error}")
            continue
        found += [region for region in named if not any(region == other for other in found)]
    return _undisputed(photo, found, form, said), said


def _undisputed(photo: Path, regions: list[Region], form: StoredForm, said: list[str]) -> list[Region]:
    """Areas of the upright photo that have one name."""
    kept: list[Region] = []
    disputed: list[Region] = []
    for region in regions:
        same = next((other for other in kept if other.overlaps(region)), None)
        if same is None:
            kept.append(region)
        elif same.name != region.name:
            said.append(f"{photo}: one face is called {same.name} and {region.name}; neither was used.")
            disputed.append(same)
    return [region.upright(form.orientation) for region in kept if region not in disputed]


def _match(
    look: LookedAt,
    regions: list[Region],
    size: tuple[int, int],
    people: dict[str, list[SourcePhoto]],
    problems: list[tuple[Path, str]],
) -> None:
    """Gives each named area of a photo, whose width and height are given, the face in it."""
    free = list(range(len(look.faces)))
    for region in regions:
        inside = [index for index in free if _is_in(look.faces[index].face.box, region, *size)]
        try:
            name = checked_name(region.name)
        except ValueError as error:
            problems.append((look.path, f"{look.path}: {error}"))
            continue
        if not inside:
            problems.append((look.path, f"{look.path}: no face was found where {name} is said to be."))
            continue
        free.remove(inside[0])
        face = replace(look.faces[inside[0]], crop=None)  # of thousands of photos only the embeddings are kept
        people.setdefault(name, []).append(SourcePhoto(str(look.path), look.source_hash, [face], face=1))


def _is_in(box: Sequence[float], region: Region, width: int, height: int) -> bool:
    """Whether the middle of a face lies in an area and that of the area in the face: programs draw differently."""
    x, y, wide, high = (value / side for value, side in zip(box, (width, height, width, height), strict=True))
    middle_x, middle_y = x + wide / 2, y + high / 2
    u, v, across, down = region.box
    return (
        abs(middle_x - u) <= min(across, wide) / 2
        and abs(middle_y - v) <= min(down, high) / 2
        and max(across / wide, wide / across) < 4  # not the whole body, nor a detail
    )
