"""XMP from anywhere: read in all of its forms, refused where it would do harm, given back with all that it held."""

import pytest

from kerasface.images.xmp.packet import MAX_BYTES, Packet, XmpError, parse_packet
from kerasface.images.xmp.regions import Region, add_regions, read_regions

RS = 'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"'
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
ADA = Region("Ada", (0.25, 0.5, 0.1, 0.2))
AREA = 'stArea:x="0.25" stArea:y="0.5" stArea:w="0.1" stArea:h="0.2" stArea:unit="normalized"'
ITEMS = {
    "attributes": f"""<rdf:li><rdf:Description mwg-rs:Name="Ada" mwg-rs:Type="Face"><mwg-rs:Area {AREA}/>
        </rdf:Description></rdf:li>""",
    "attributes of the item": f'<rdf:li mwg-rs:Name="Ada"><mwg-rs:Area {AREA}/></rdf:li>',
    "elements": """<rdf:li rdf:parseType="Resource"><mwg-rs:Name> Ada
        </mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type><mwg-rs:Area rdf:parseType="Resource"><stArea:x>0.25</stArea:x>
        <stArea:y>0.5</stArea:y><stArea:w>0.1</stArea:w><stArea:h>0.2</stArea:h></mwg-rs:Area></rdf:li>""",
}
USELESS = {
    "no face": f'<rdf:li mwg-rs:Name="Rex" mwg-rs:Type="Pet"><mwg-rs:Area {AREA}/></rdf:li>',
    "no area": '<rdf:li mwg-rs:Name="Ada"/>',
    "area as text": '<rdf:li mwg-rs:Name="Ada" mwg-rs:Area="0"/>',
    "not a number": f'<rdf:li mwg-rs:Name="Ada"><mwg-rs:Area {AREA.replace("0.25", "nan")}/></rdf:li>',
    "outside": f'<rdf:li mwg-rs:Name="Ada"><mwg-rs:Area {AREA.replace("0.25", "2.5")}/></rdf:li>',
    "pixels": f'<rdf:li mwg-rs:Name="Ada"><mwg-rs:Area {AREA.replace("normalized", "pixel")}/></rdf:li>',
}


def packet(items, more=""):
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description rdf:about="" {RS}
        xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A &amp; B</dc:title>{more}
        <mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag></mwg-rs:RegionList>
        </mwg-rs:Regions></rdf:Description></rdf:RDF></x:xmpmeta>""".encode()


@pytest.mark.parametrize("form", ITEMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_regions_are_read_in_every_form(form, encoding):
    content = packet(ITEMS[form] + USELESS["no face"]).decode().encode(encoding)
    assert read_regions(parse_packet(content)) == [ADA]


@pytest.mark.parametrize("kind", USELESS)
def test_what_is_no_face_of_the_picture_is_left_out(kind):
    assert read_regions(parse_packet(packet(USELESS[kind]))) == []


def test_names_of_any_kind_come_back_and_the_rest_stays():
    names = ["Jürgen Müller", 'O\'Neil "Bob" <x> & Co', "李雷 😀", "tab\tand\x07bell"]
    regions = [Region(name, (0.1 + 0.2 * place, 0.9, 0.1, 0.1)) for place, name in enumerate(names)]
    before = parse_packet(packet(ITEMS["attributes"] + USELESS["no face"]))
    assert add_regions(before, [ADA, *regions], (400, 300)) == (4, [])
    content = before.to_bytes()
    after = parse_packet(content)
    assert [one.name for one in read_regions(after)] == ["Ada", *names[:3], "tab and�bell"]
    assert b"<dc:title>A &amp; B</dc:title>" in content
    assert b"Rex" in content
    assert add_regions(after, [ADA, *regions[:3]], (400, 300)) == (0, [])  # a second time nothing is new


@pytest.mark.parametrize("form", ITEMS)
def test_a_name_that_is_there_stays_and_a_nameless_face_gets_one(form):
    moved = Region("Eve", (0.26, 0.51, 0.11, 0.19))
    there = parse_packet(packet(ITEMS[form]))
    assert add_regions(there, [moved], (9, 9)) == (0, [("Eve", "Ada")])
    nameless = parse_packet(packet(ITEMS[form].replace("Ada", "")))
    assert add_regions(nameless, [moved], (9, 9)) == (1, [])
    assert [one.name for one in read_regions(parse_packet(nameless.to_bytes()))] == ["Eve"]


def test_a_new_packet_says_what_it_was_measured_on():
    fresh = Packet()
    add_regions(fresh, [ADA], (400, 300))
    assert b"<stDim:w>400</stDim:w><stDim:h>300</stDim:h><stDim:unit>pixel</stDim:unit>" in fresh.to_bytes()
    assert read_regions(parse_packet(fresh.to_bytes())) == [ADA]


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(9))
HOSTILE = {
    "laughs": (f"<!DOCTYPE x [{LAUGHS}]><x>&l8;</x>".encode(), "no entities of its own"),
    "file": (b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>', "no entities of its own"),
    "type": (b'<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><x/>', "no entities of its own"),
    "in UTF-16": ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'.encode("utf-16"), "no entities of its own"),
    "deep": (b"<x>" * 5000 + b"</x>" * 5000, "at most 100 elements in one another"),
    "large": (b"<x>" + b" " * MAX_BYTES + b"</x>", "at most 4,194,304 bytes"),
    "many": (b"<x>" + b"<y/>" * 100_001 + b"</x>", "at most 100,000 elements and attributes"),
    "many of one": (b"<x " + b" ".join(b'a%x=""' % n for n in range(100_001)) + b"/>", "at most 100,000 elements"),
    "many names": (b"<x>" + b"".join(b'<p:y xmlns:p="%x"/>' % n for n in range(501)) + b"</x>", "500 namespaces of"),
    # Each element would have the whole of it in its name: 280 kB took 11 s.
    "a long name": (b'<x xmlns="' + b"u" * 501 + b'">' + b"<y/>" * 9 + b"</x>", "namespaces of 500 letters"),
    "cut": (b"<x><y>", "no XML that can be read"),
    "nothing": (b"", "no XML that can be read"),
    "picture": (bytes(range(256)), "no XML that can be read"),
    "unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><x/>', "no XML that can be read"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_would_do_harm_is_refused_with_the_reason(kind):
    content, reason = HOSTILE[kind]
    with pytest.raises(XmpError, match=reason):
        parse_packet(content)


def test_a_photo_has_500_areas_and_no_more():
    items = ITEMS["attributes of the item"] * 500
    assert len(read_regions(parse_packet(packet(items)))) == 500
    crowd = parse_packet(packet(items + USELESS["no area"]))
    for use in (lambda: read_regions(crowd), lambda: add_regions(crowd, [ADA], (9, 9))):
        with pytest.raises(XmpError, match="at most 500 areas"):
            use()


def test_xmp_without_descriptions_is_named():
    with pytest.raises(XmpError, match="no rdf:RDF"):
        read_regions(parse_packet(b"<x/>"))
