"""Pictures that say who and what is on them, as Lightroom, digiKam and Windows write it."""

from __future__ import annotations

import io
from xml.sax.saxutils import escape, quoteattr

from PIL import Image
from PIL.PngImagePlugin import PngInfo

_NAMES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
}
_SPACES = " ".join(f'xmlns:{prefix}="{address}"' for prefix, address in _NAMES.items())


def packet(body: str, attributes: str = "") -> bytes:
    """Return an XMP packet around *body*."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF {_SPACES}><rdf:Description rdf:about="" {attributes}>{body}</rdf:Description></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def bag(tag: str, *items: str) -> str:
    """Return a list property."""
    return f"<{tag}><rdf:Bag>{''.join(f'<rdf:li>{escape(item)}</rdf:li>' for item in items)}</rdf:Bag></{tag}>"


def faces(*names: str | None, kind: str = "Face") -> str:
    """Return face regions in the words of the Metadata Working Group; ``None`` is a face without a name."""
    regions = ""
    for number, name in enumerate(names):
        title = "" if name is None else f"<mwg-rs:Name>{escape(name)}</mwg-rs:Name>"
        if number % 2:  # programs write both forms
            title = "" if name is None else f"mwg-rs:Name={quoteattr(name)}"
            regions += f'<rdf:li><rdf:Description {title} mwg-rs:Type="{kind}"/></rdf:li>'
        else:
            regions += (
                f'<rdf:li rdf:parseType="Resource">{title}<mwg-rs:Type>{kind}</mwg-rs:Type>'
                '<mwg-rs:Area stArea:x="0.5" stArea:y="0.5" stArea:w="0.1" stArea:h="0.1"/></rdf:li>'
            )
    listing = f"<mwg-rs:RegionList><rdf:Bag>{regions}</rdf:Bag></mwg-rs:RegionList>"
    return f'<mwg-rs:Regions rdf:parseType="Resource">{listing}</mwg-rs:Regions>'


def microsoft_faces(*names: str | None) -> str:
    """Return face regions in Microsoft's words."""
    regions = "".join(
        "<rdf:li><rdf:Description MPReg:Rectangle='0.1, 0.1, 0.2, 0.2'"
        f"{'' if name is None else f' MPReg:PersonDisplayName={quoteattr(name)}'}/></rdf:li>"
        for name in names
    )
    listing = f"<MPRI:Regions><rdf:Bag>{regions}</rdf:Bag></MPRI:Regions>"
    return f"<MP:RegionInfo><rdf:Description>{listing}</rdf:Description></MP:RegionInfo>"


def picture(xmp: bytes = b"", *, seed: int = 0, kind: str = "JPEG") -> bytes:
    """Return a small picture with this packet."""
    image, out = Image.new("RGB", (16, 12), (seed % 256, seed // 256 % 256, 77)), io.BytesIO()
    if kind == "PNG":
        words = PngInfo()
        words.add_itxt("XML:com.adobe.xmp", xmp.decode())
        image.save(out, kind, pnginfo=words)
    elif kind == "TIFF":
        image.save(out, kind, tiffinfo={700: xmp})
    else:
        image.save(out, kind, xmp=xmp)
    return out.getvalue()


def with_iptc(*keywords: bytes) -> bytes:
    """Return a JPEG whose keywords are IPTC's, in a Photoshop segment."""
    records = b"".join(b"\x1c\x02\x19" + len(word).to_bytes(2) + word for word in keywords)
    block = b"8BIM\x04\x04\x00\x00" + len(records).to_bytes(4) + records + b"\0" * (len(records) % 2)
    body = b"Photoshop 3.0\0" + block
    plain = picture()
    return plain[:2] + b"\xff\xed" + (len(body) + 2).to_bytes(2) + body + plain[2:]
