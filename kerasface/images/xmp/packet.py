"""A packet of XMP to a tree of elements and back: without entities, without depth, and of a size that a photo has."""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

MAX_BYTES = 4 * 2**20  # a packet in a JPEG has 64 kB; sidecars of retouched photos some hundred
_MAX_DEPTH = 100
_MAX_PARTS = 100_000  # elements and attributes; a photo with a long history has some thousands
_MAX_NAMESPACES, _MAX_URI = 500, 500  # of some 20 and 50; each name is as long as its namespace's
X, RDF = "adobe:ns:meta/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RS = "http://www.metadataworkinggroup.com/schemas/regions/"
AREA, DIM = "http://ns.adobe.com/xmp/sType/Area#", "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
PREFIXES = {
    X: "x",
    RDF: "rdf",
    RS: "mwg-rs",
    AREA: "stArea",
    DIM: "stDim",
    "http://www.w3.org/XML/1998/namespace": "xml",
}
_WRAPPER = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{}\n<?xpacket end="w"?>'


class XmpError(ValueError):
    """What should be XMP is not, or is not harmless; the message is the reason alone, a sentence."""


class Packet:
    """The elements of a packet, with the prefixes that it came with.

    Attributes:
        root: Its outermost element, `x:xmpmeta` or `rdf:RDF`.
        prefixes: Prefix of each namespace.
    """

    def __init__(self, root: Element | None = None, prefixes: dict[str, str] | None = None):
        self.root = _empty() if root is None else root
        self.prefixes = dict(prefixes or {})

    @property
    def rdf(self) -> Element:
        """The element that holds all descriptions.

        Raises:
            XmpError: If there is none.
        """
        tag = f"{{{RDF}}}RDF"
        found = self.root if self.root.tag == tag else self.root.find(f".//{tag}")
        if found is None:
            raise XmpError("The XMP has no rdf:RDF element.")
        return found

    def to_bytes(self) -> bytes:
        """Returns the packet in UTF-8."""
        prefixes = self._all_prefixes()
        declared = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for uri, prefix in prefixes.items() if prefix != "xml")
        return _WRAPPER.format(_text_of(self.root, prefixes, declared)).encode("utf-8", "surrogatepass")

    def _all_prefixes(self) -> dict[str, str]:
        """A prefix of its own for every namespace in use."""
        names = [name for element in self.root.iter() for name in (element.tag, *element.attrib)]
        used = dict.fromkeys(name[1:].partition("}")[0] for name in names if name.startswith("{"))
        found: dict[str, str] = {}
        for uri in used:
            wish = PREFIXES.get(uri) or self.prefixes.get(uri, "ns")
            prefix, number = wish, 1
            while prefix in found.values():
                prefix, number = f"{wish}{number}", number + 1
            found[uri] = prefix
        return found


def parse_packet(content: bytes) -> Packet:
    """Parses a packet, or a file of it.

    Raises:
        XmpError: If it is larger than `MAX_BYTES`, declares a document type or entities, is nested too deeply, has too
            many parts or namespaces, or is no XML.
    """
    if len(content) > MAX_BYTES:
        raise XmpError(f"XMP has at most {MAX_BYTES:,} bytes here. Received: more.")
    builder, prefixes, depth, count = TreeBuilder(), {}, 0, 0
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1 + len(attributes)
        if depth > _MAX_DEPTH:
            raise XmpError(f"XMP has at most {_MAX_DEPTH} elements in one another here. Received: more.")
        if count > _MAX_PARTS:
            raise XmpError(f"XMP has at most {_MAX_PARTS:,} elements and attributes here. Received: more.")
        builder.start(_qualified(name), {_qualified(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_qualified(name))

    def declare(prefix: str | None, uri: str | None) -> None:
        prefixes.setdefault(uri or "", prefix or "ns")
        if len(prefixes) > _MAX_NAMESPACES or len(uri or "") > _MAX_URI:
            raise XmpError(f"XMP has {_MAX_NAMESPACES} namespaces of {_MAX_URI} letters here at most. Received: more.")

    def refuse(*_) -> None:
        raise XmpError(
            "XMP has no document type and no entities of its own; this one declares some, as an attack does."
        )

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartNamespaceDeclHandler = declare
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = refuse
    try:
        if not content.startswith((b"\xff\xfe", b"\xfe\xff")):  # of UTF-16, where a zero may be half of a letter
            content = content.rstrip(b"\0")
        parser.Parse(content, True)
        return Packet(builder.close(), prefixes)
    except (expat.ExpatError, LookupError, AssertionError) as error:
        raise XmpError(f"It is no XML that can be read ({error}).") from error


def _qualified(name: str) -> str:
    return f"{{{name}" if "}" in name else name


def _empty() -> Element:
    root = Element(f"{{{X}}}xmpmeta", {f"{{{X}}}xmptk": "KerasFace"})
    rdf = Element(f"{{{RDF}}}RDF")
    rdf.append(Element(f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""}))
    root.append(rdf)
    return root


def _text_of(element: Element, prefixes: dict[str, str], declared: str = "") -> str:
    def shown(name: str) -> str:
        uri, _, local = name[1:].partition("}")
        return f"{prefixes[uri]}:{local}" if name.startswith("{") else name

    attributes = "".join(f" {shown(name)}={quoteattr(value)}" for name, value in element.attrib.items())
    inside = escape(element.text or "")
    inside += "".join(_text_of(child, prefixes) + escape(child.tail or "") for child in element)
    name = shown(element.tag)
    return f"<{name}{declared}{attributes}>{inside}</{name}>"
