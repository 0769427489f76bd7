"""Named areas of a photo in XMP, as digiKam, Lightroom and Picasa exchange them.

Reference: Metadata Working Group, "Guidelines for Handling Image Metadata" 2.0, 5.9 (mwg-rs): an area is that of the
picture as it is stored, its middle and size in parts of width and height; EXIF orientation turns the areas, too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from xml.etree.ElementTree import Element, SubElement

from kerasface.images.xmp.packet import AREA, DIM, RDF, RS, Packet, XmpError

_SAME = 0.4  # of the union of two areas: detectors draw faces more or less tightly
_MOST = 500  # areas of one photo; each is compared with every other
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Where (x, y) of the upright picture lies in the stored one, by EXIF orientation; both in parts of the sides.
_STORED = {
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (y, 1 - x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (1 - y, x),
}
_BACK = {6: 8, 8: 6}  # all others are their own way back


@dataclass(frozen=True)
class Region:
    """A face that has a name, or none yet.

    Attributes:
        name: Of the person; empty where the face has none.
        box: x and y of the middle, width and height, each a part of the picture's width or height, in `[0, 1]`.
    """

    name: str
    box: tuple[float, float, float, float]

    def overlaps(self, other: "Region") -> bool:
        """Whether both are about one face."""
        (x, y, w, h), (u, v, wide, high) = self.box, other.box
        across = min(x + w / 2, u + wide / 2) - max(x - w / 2, u - wide / 2)
        down = min(y + h / 2, v + high / 2) - max(y - h / 2, v - high / 2)
        shared = max(0.0, across) * max(0.0, down)
        return shared > 0 and shared >= _SAME * (w * h + wide * high - shared)

    def stored(self, orientation: int) -> "Region":
        """The same area of the picture as it is stored, of one in the upright picture.

        Args:
            orientation: EXIF's, 1 to 8.
        """
        x, y, width, height = self.box
        if orientation >= 5:
            width, height = height, width
        return replace(self, box=(*_STORED[orientation](x, y), width, height))

    def upright(self, orientation: int) -> "Region":
        """The way back of `stored`."""
        return self.stored(_BACK.get(orientation, orientation))


def read_regions(packet: Packet) -> list[Region]:
    """Returns the faces of a packet, areas of the stored picture; those without a usable area are left out.

    Raises:
        XmpError: If it has no descriptions, or more areas than a photo has faces.
    """
    return [region for _, region in _listed(packet)]


def add_regions(packet: Packet, regions: Sequence[Region], size: tuple[int, int]) -> tuple[int, list[tuple[str, str]]]:
    """Adds faces to a packet, or names to faces that have none there; whatever else it holds stays.

    Args:
        packet: Changed in place.
        regions: Named faces, areas of the stored picture.
        size: Width and height of the stored picture in pixels.

    Returns:
        How many names are new, and `(name, name there)` for each face that has another name there, which stays.

    Raises:
        XmpError: As `read_regions`.
    """
    there, added, others = list(_listed(packet)), 0, []
    for region in regions:
        name = _NOT_XML.sub("\ufffd", region.name)
        known = next(((element, old) for element, old in there if old.overlaps(region)), None)
        if known is None:
            _append(_list_of(packet, size), replace(region, name=name))
        elif known[1].name == name:
            continue
        elif known[1].name:
            others.append((name, known[1].name))
            continue
        else:
            _set(known[0], f"{{{RS}}}Name", name)
        added += 1
    return added, others


def _listed(packet: Packet) -> Iterator[tuple[Element, Region]]:
    for number, item in enumerate(_items(packet.rdf)):
        if number == _MOST:
            raise XmpError(f"XMP has at most {_MOST} areas of one photo here. Received: more.")
        fields = _fields(item)
        if _text(fields.get(f"{{{RS}}}Type", "Face")) != "Face":
            continue
        area = fields.get(f"{{{RS}}}Area")
        if area is None or isinstance(area, str):
            continue
        box = _numbers(_fields(area))
        if box is not None:
            yield item, Region(_text(fields.get(f"{{{RS}}}Name", "")), box)


def _items(rdf: Element) -> Iterator[Element]:
    for listed in rdf.iter(f"{{{RS}}}RegionList"):
        for bag in listed:
            yield from bag.findall(f"{{{RDF}}}li")


def _fields(element: Element) -> dict[str, Element | str]:
    """The fields of a structure, in whichever of RDF's forms: attributes, elements, or those of a description."""
    found: dict[str, Element | str] = dict(element.attrib)
    for child in element:
        found |= _fields(child) if child.tag == f"{{{RDF}}}Description" else {child.tag: child}
    return found


def _text(value: Element | str) -> str:
    text = value if isinstance(value, str) else "".join(value.itertext())
    return " ".join(text.split())


def _numbers(fields: dict[str, Element | str]) -> tuple[float, float, float, float] | None:
    """An area, or `None` where it is no part of a picture."""
    if _text(fields.get(f"{{{AREA}}}unit", "normalized")) != "normalized":
        return None
    try:
        x, y, width, height = (float(_text(fields[f"{{{AREA}}}{name}"])) for name in "xywh")
    except (KeyError, ValueError):
        return None
    usable = all(map(isfinite, (x, y, width, height))) and 0 <= x <= 1 and 0 <= y <= 1
    return (x, y, width, height) if usable and 0 < width <= 1 and 0 < height <= 1 else None


def _list_of(packet: Packet, size: tuple[int, int]) -> Element:
    """The list of regions of a packet, made where there is none."""
    rdf, resource = packet.rdf, {f"{{{RDF}}}parseType": "Resource"}
    for listed in rdf.iter(f"{{{RS}}}RegionList"):
        if len(listed):
            return listed[0]
        return SubElement(listed, f"{{{RDF}}}Bag")
    description = rdf.find(f"{{{RDF}}}Description")
    if description is None:
        description = SubElement(rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    regions = next(rdf.iter(f"{{{RS}}}Regions"), None)
    if regions is None:
        regions = SubElement(description, f"{{{RS}}}Regions", resource)
        width, height = size
        dimensions = SubElement(regions, f"{{{RS}}}AppliedToDimensions", resource)
        for name, value in (("w", width), ("h", height), ("unit", "pixel")):
            SubElement(dimensions, f"{{{DIM}}}{name}").text = str(value)
    elif (inner := regions.find(f"{{{RDF}}}Description")) is not None:
        regions = inner
    return SubElement(SubElement(regions, f"{{{RS}}}RegionList"), f"{{{RDF}}}Bag")


def _append(bag: Element, region: Region) -> None:
    item = SubElement(bag, f"{{{RDF}}}li", {f"{{{RDF}}}parseType": "Resource"})
    SubElement(item, f"{{{RS}}}Name").text = region.name
    SubElement(item, f"{{{RS}}}Type").text = "Face"
    area = SubElement(item, f"{{{RS}}}Area", {f"{{{RDF}}}parseType": "Resource"})
    for name, value in zip("xywh", region.box, strict=True):
        SubElement(area, f"{{{AREA}}}{name}").text = f"{value:.6f}"
    SubElement(area, f"{{{AREA}}}unit").text = "normalized"


def _set(item: Element, tag: str, text: str) -> None:
    """Sets a field of a structure, in the form in which it is there."""
    holder = item.find(f"{{{RDF}}}Description")
    holder = item if holder is None else holder
    for one in (item, holder):
        if tag in one.attrib:
            one.attrib[tag] = text
            return
    element = holder.find(tag)
    element = SubElement(holder, tag) if element is None else element
    element.text = text
