"""Picture files as strangers have them: whole, odd, damaged, hostile. Each says what must come out.

What a file must give is known from how it was made, never from how it is read.
"""

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SUFFIXES = ("jpg", "png", "webp", "gif", "tif", "bmp")
WHOLE = {  # how a file is saved: suffix and options
    "png": ("png", {}),
    "png of 256 colours": ("png", {"palette": True}),
    "jpg": ("jpg", {"quality": 95, "subsampling": 0}),
    "progressive jpg": ("jpg", {"quality": 95, "subsampling": 0, "progressive": True}),
    "webp": ("webp", {"lossless": True}),
    "lossy webp": ("webp", {"quality": 95, "exact": True}),
    "gif": ("gif", {}),
    "tif": ("tif", {}),
    "lzw tif": ("tif", {"compression": "tiff_lzw"}),
    "deflate tif": ("tif", {"compression": "tiff_adobe_deflate"}),
    "bmp": ("bmp", {}),
}
LOSSY = 12
"""How far a pixel may be off after a lossy format: patches differ by far more."""


@dataclass(frozen=True, eq=False)
class Case:
    """One file.

    Attributes
    ----------
    kind : line of the table.
    name : of the file; `write` makes it at a path.
    truth : the picture that must come out, within `tolerance`; None where none may.
    sentence : pattern of what is said instead.
    header : whether the header tells, so that a folder leaves the file out; None where it may.
    """

    kind: str
    name: str
    write: Callable[[Path], Any]
    truth: np.ndarray | None = None
    tolerance: int = 0
    sentence: str = ""
    header: bool | None = True


def corpus() -> list[Case]:
    """Every file, always the same ones; no name comes twice."""
    makers = (_whole, _modes, _deep, _clear, _first_frames, _turned, _profiles, _names, _cut)
    cases = [case for maker in makers for case in maker()]
    cases += [case for maker in (_no_pictures, _bombs, _damaged, _places) for case in maker()]
    assert len({case.name for case in cases}) == len(cases)
    return cases


def patches(seed: int = 1, size: tuple[int, int] = (32, 48)) -> np.ndarray:
    """Patches of 8 x 8 in eight strong colours: no turned, cut or other picture is like it."""
    rows, columns = size[0] // 8, size[1] // 8
    colours = np.random.default_rng(seed).integers(0, 2, (rows, columns, 3)) * 200 + 20
    return colours.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def content(image: Image.Image, suffix: str, **options: Any) -> bytes:
    """What a file of this image holds."""
    written = io.BytesIO()
    if options.pop("palette", False):
        image = image.quantize(256)
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
    image.save(written, kind, **options)
    return written.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes, *, bits: int = 8, colour: int = 2) -> list[bytes]:
    """Parts of a PNG file, put together by hand: signature, header, data, end."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows, 9))
    return [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), data, chunk(b"IEND", b"")]


def _right(
    kind: str, name: str, data: bytes, truth: np.ndarray | None = None, tolerance: int = 0
) -> Case:
    truth = patches() if truth is None else truth
    return Case(kind, name, partial(Path.write_bytes, data=data), truth, tolerance)


def _refused(kind: str, name: str, data: bytes, sentence: str, *, header: bool = True) -> Case:
    return Case(kind, name, partial(Path.write_bytes, data=data), sentence=sentence, header=header)


def _image() -> Image.Image:
    return Image.fromarray(patches())


def _whole() -> Iterator[Case]:
    grey = np.repeat(patches()[..., :1], 3, axis=2)  # lossy WebP halves the size of colour
    for name, (suffix, options) in WHOLE.items():
        truth = grey if "lossy" in name else patches()
        data = content(Image.fromarray(truth), suffix, **options)
        tolerance = LOSSY if "jpg" in name or "lossy" in name else 0
        yield _right("whole", f"whole {name}.{suffix}", data, truth, tolerance)
    wrong = content(_image(), "png")
    yield _right("whole, with the suffix of another format", "in truth a png.jpg", wrong)
    yield _right("whole, with the suffix of another format", "in capitals.JPG", wrong)
    yield _right(
        "whole, with the suffix of another format", "in truth a gif.bmp", content(_image(), "gif")
    )
    behind = content(_image(), "jpg", quality=95, subsampling=0) + b"<script>alert(1)</script>" * 9
    yield _right("whole, with something behind the end", "more behind.jpg", behind, tolerance=LOSSY)
    yield _right("whole, with something behind the end", "more behind.png", wrong + b"\0" * 5000)


def _modes() -> Iterator[Case]:
    inks = 255 - patches().astype(int)
    cmyk = Image.fromarray(np.dstack([inks, np.zeros_like(inks[..., :1])]).astype(np.uint8), "CMYK")
    yield _right("CMYK", "cmyk.tif", content(cmyk, "tif"))
    yield _right("CMYK", "cmyk.jpg", content(cmyk, "jpg", quality=98), tolerance=LOSSY)
    dark = np.dstack([np.zeros_like(inks), 255 - inks[..., :1]]).astype(np.uint8)
    grey = np.repeat(255 - dark[..., 3:], 3, axis=2)
    black = Image.fromarray(dark, "CMYK")
    yield _right("CMYK", "black ink alone.tif", content(black, "tif"), grey)
    bits = patches()[..., 0] > 128
    line = np.repeat((bits * 255).astype(np.uint8)[..., None], 3, axis=2)
    for suffix in ("png", "tif", "bmp", "gif"):
        yield _right("1 bit", f"one bit.{suffix}", content(Image.fromarray(bits), suffix), line)
    one = patches()[..., 0]
    grey = np.repeat(one[..., None], 3, axis=2)
    for suffix in ("png", "tif", "bmp", "gif", "jpg", "webp"):
        options = {"lossless": True} if suffix == "webp" else {}
        data = content(Image.fromarray(one), suffix, **options)
        yield _right("grey", f"grey.{suffix}", data, grey, LOSSY if suffix == "jpg" else 0)
    for suffix in ("png", "gif", "tif", "bmp"):
        data = content(_image(), suffix, palette=True)
        yield _right("palette", f"palette.{suffix}", data)
    few = _image().quantize(8)
    yield _right("palette", "palette of 4 bits.png", content(few, "png", bits=4))
    lab = Image.merge("LAB", [Image.new("L", (48, 32), 128) for _ in "Lab"])
    # L* = 100 * 128 / 255 has luminance ((L* + 16) / 116)^3 = 0.186, which is 119 in sRGB.
    grey = np.full((32, 48, 3), 119, np.uint8)
    yield _right("colours of another kind", "lab.tif", content(lab, "tif"), grey, 2)
    ycc = content(_image().convert("YCbCr"), "tif")
    yield _right("colours of another kind", "ycbcr.tif", ycc, tolerance=3)


def _deep() -> Iterator[Case]:
    """More than 8 bits: a ramp that is not a multiple of 257, so that rounding shows."""
    values = np.linspace(0, 65535, 32 * 48).reshape(32, 48).astype(np.uint16)
    grey = np.repeat(np.rint(values / 257).astype(np.uint8)[..., None], 3, axis=2)
    yield _right("16-bit grey", "grey16.png", content(Image.fromarray(values), "png"), grey)
    yield _right("16-bit grey", "grey16.tif", content(Image.fromarray(values), "tif"), grey)
    big = Image.frombytes("I;16B", (48, 32), values.astype(">u2").tobytes())
    yield _right("16-bit grey", "grey16 big-endian.tif", content(big, "tif"), grey)
    yield from _grey_levels(values, grey)
    colours = np.dstack([values, values[::-1], values[:, ::-1]])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    truth = (colours // 257).astype(np.uint8)
    data = b"".join(png(48, 32, rows, bits=16))
    yield _right("16-bit colour", "colour16.png", data, truth, 1)
    keyed = png(48, 32, rows, bits=16)
    keyed.insert(2, chunk(b"tRNS", colours[3, 5].astype(">u2").tobytes()))
    kind, sentence = "16-bit colour, one transparent", "16-bit colours, one of them transparent; s"
    yield _refused(kind, "key16 of colours.png", b"".join(keyed), sentence, header=False)
    unit = (values / 65535).astype(np.float32)
    truth = np.repeat(np.rint(unit.astype(float) * 255).astype(np.uint8)[..., None], 3, axis=2)
    kind = "floating point, from 0 to 1"
    yield _right(kind, "float.tif", content(Image.fromarray(unit), "tif"), truth)
    packed = content(Image.fromarray(unit), "tif", compression="tiff_lzw")
    yield _right(kind, "float lzw.tif", packed, truth)
    kind, sentence = "floating point, other range", "floating point, which runs from 0 to 1"
    for name, array in {
        "to 255": unit * 255, "below 0": unit - 0.5, "nan": np.where(unit > 0.5, np.nan, unit),
        "infinite": np.where(unit > 0.5, np.inf, unit),
    }.items():  # fmt: skip
        data = content(Image.fromarray(array.astype(np.float32)), "tif")
        yield _refused(kind, f"float {name}.tif", data, sentence, header=False)
    whole = content(Image.fromarray(values.astype(np.int32)), "tif")
    kind, sentence = "32-bit whole numbers", "32-bit whole numbers; save it with 8 or 16 bits"
    yield _refused(kind, "int32.tif", whole, sentence, header=False)


def _grey_levels(values: np.ndarray, grey: np.ndarray) -> Iterator[Case]:
    """Numbers that stand for other levels than 0 for black and 65535 for white."""
    deep, kind = Image.fromarray(values), "grey where 0 is white (TIFF)"
    data = content(deep, "tif", tiffinfo={262: 0})
    yield _right(kind, "white is 0, 16 bits.tif", data, 255 - grey)
    unit = Image.fromarray((values / 65535).astype(np.float32))
    data = content(unit, "tif", tiffinfo={262: 0})
    yield _right(kind, "white is 0, floating point.tif", data, 255 - grey, 1)
    data = content(Image.fromarray(grey[..., 0]), "tif", tiffinfo={262: 0})  # turned by Pillow
    yield _right(kind, "white is 0, 8 bits.tif", data, grey)
    pairs = (values // 16).reshape(-1, 2).astype(int)
    three = [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255]
    packed = np.stack(three, axis=1).astype(np.uint8).tobytes()
    truth = np.rint((values // 16) / 4095 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    yield _right("12-bit grey (TIFF)", "grey12.tif", _grey_tiff(48, 32, packed, bits=12), truth)
    for bits in (16, 4, 2):
        levels = values >> (16 - bits)
        lines = levels.astype(">u2") if bits == 16 else _packed(levels, bits)
        parts = png(48, 32, b"".join(b"\0" + line.tobytes() for line in lines), bits=bits, colour=0)
        key = int(levels[20, 7])
        parts.insert(2, chunk(b"tRNS", struct.pack(">H", key)))
        truth = np.rint(levels / (2**bits - 1) * 255)
        truth = np.where(levels == key, 255, truth).astype(np.uint8)[..., None].repeat(3, axis=2)
        yield _right("one grey transparent", f"key of {bits} bits.png", b"".join(parts), truth)


def _packed(levels: np.ndarray, bits: int) -> np.ndarray:
    """Several numbers a byte, the first in the highest bits."""
    several = levels.reshape(len(levels), -1, 8 // bits).astype(int)
    shifts = np.arange(8 - bits, -1, -bits)
    return (several << shifts).sum(axis=-1).astype(np.uint8)


def _grey_tiff(width: int, height: int, data: bytes, *, bits: int) -> bytes:
    """A TIFF file put together by hand: header, one directory, the data; 0 is black."""
    start = 8 + 2 + 9 * 12 + 4
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: start, 277: 1, 278: height}
    entries[279] = len(data)
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(4) + data


def _clear() -> Iterator[Case]:
    """Transparency, laid on white: half of the patches, one in full and one by half."""
    alpha = np.full((32, 48), 255, np.uint8)
    alpha[:16, :24], alpha[16:, 24:] = 0, 128
    part = alpha[..., None] / 255
    on_white = np.rint(patches() * part + 255 * (1 - part)).astype(np.uint8)
    rgba = Image.fromarray(np.dstack([patches(), alpha]))
    yield _right("alpha", "alpha.png", content(rgba, "png"), on_white, 1)
    yield _right(
        "alpha", "alpha.webp", content(rgba, "webp", lossless=True, exact=True), on_white, 1
    )
    yield _right("alpha", "alpha.tif", content(rgba, "tif"), on_white, 1)
    one = patches()[..., :1]
    truth = np.repeat(np.rint(one * part + 255 * (1 - part)).astype(np.uint8), 3, axis=2)
    grey = Image.fromarray(np.dstack([one, alpha[..., None]]))
    yield _right("grey with alpha", "grey alpha.png", content(grey, "png"), truth, 1)
    yield _right("grey with alpha", "grey alpha.tif", content(grey, "tif"), truth, 1)
    few, kind = _image().quantize(8), "palette with transparency"
    indices = np.asarray(few)
    clear = np.where((indices == 3)[..., None], 255, patches()).astype(np.uint8)
    for suffix in ("png", "gif"):
        yield _right(kind, f"clear entry.{suffix}", content(few, suffix, transparency=3), clear)
    levels = np.array([255, 0, 128, 255, 64, 255, 192, 0], np.uint8)
    part = levels[indices][..., None] / 255
    truth = np.rint(patches() * part + 255 * (1 - part)).astype(np.uint8)
    several = content(few, "png", transparency=levels.tobytes())
    yield _right(kind, "clear entries.png", several, truth, 1)
    key = tuple(int(value) for value in patches()[0, 0])
    clear = np.where((patches() == patches()[0, 0]).all(-1, keepdims=True), 255, patches())
    keyed = content(_image(), "png", transparency=key)
    yield _right("one colour transparent", "key.png", keyed, clear.astype(np.uint8))


def _first_frames() -> Iterator[Case]:
    others = [Image.fromarray(patches(seed)) for seed in (2, 3)]
    for suffix in ("gif", "webp", "png", "tif"):
        options = {"lossless": True} if suffix == "webp" else {}
        data = content(_image(), suffix, save_all=True, append_images=others, **options)
        yield _right("animated, or of several pages", f"three frames.{suffix}", data)
    views = io.BytesIO()
    _image().save(views, "MPO", save_all=True, append_images=others, quality=95, subsampling=0)
    yield _right("animated, or of several pages", "views.jpg", views.getvalue(), tolerance=LOSSY)


def _turned() -> Iterator[Case]:
    """EXIF says where the first row and column of what is stored belong."""
    kept = {  # row and column of what is seen -> what is stored
        1: lambda seen: seen, 2: np.fliplr, 3: lambda seen: np.rot90(seen, 2), 4: np.flipud,
        5: lambda seen: seen.transpose(1, 0, 2), 6: np.rot90,
        7: lambda seen: np.rot90(seen, 2).transpose(1, 0, 2), 8: lambda seen: np.rot90(seen, -1),
    }  # fmt: skip
    for suffix in ("jpg", "png", "tif", "webp"):
        options = {"jpg": {"quality": 95, "subsampling": 0}, "webp": {"lossless": True}}
        for orientation, stored in kept.items():
            exif = Image.Exif()
            exif[0x0112] = orientation
            image = Image.fromarray(np.ascontiguousarray(stored(patches())))
            data = content(image, suffix, exif=exif, **options.get(suffix, {}))
            tolerance = LOSSY if suffix == "jpg" else 0
            name = f"orientation {orientation}.{suffix}"
            yield _right("EXIF orientation", name, data, tolerance=tolerance)
    for name, exif in {
        "nonsense": b"Exif\0\0" + bytes(range(200)),
        "cut": b"Exif\0\0MM\0*\0\0\0\x08\0\x03\x01\x12",
        "far": b"Exif\0\0II*\0\xff\xff\xff\x7f",
        "orientation 99": _exif(99), "orientation 0": _exif(0),
    }.items():  # fmt: skip
        data = content(_image(), "jpg", exif=exif, quality=95, subsampling=0)
        yield _right("EXIF that is wrong", f"exif {name}.jpg", data, tolerance=LOSSY)
        data = content(_image(), "png", exif=exif)
        yield _right("EXIF that is wrong", f"exif {name}.png", data)


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _profiles() -> Iterator[Case]:
    """Colour profiles are not applied, so no profile can do harm."""
    header = bytearray(128)
    header[:4], header[12:20], header[36:40] = struct.pack(">I", 132), b"prtrCMYK", b"acsp"
    profiles = {
        "of cmyk": bytes(header) + bytes(4),
        "of nonsense": bytes(range(256)) * 4,
        "of one byte": b"\0",
        "that is long": b"acsp" * 40_000,
        "that claims 4 GB": b"\xff\xff\xff\xff" + bytes(header[4:]) + b"\xff" * 4,
    }
    for name, profile in profiles.items():
        for suffix in ("jpg", "png", "tif", "webp"):
            options = {"jpg": {"quality": 95, "subsampling": 0}, "webp": {"lossless": True}}
            data = content(_image(), suffix, icc_profile=profile, **options.get(suffix, {}))
            tolerance = LOSSY if suffix == "jpg" else 0
            kind = "colour profile, wrong or broken"
            yield _right(kind, f"profile {name}.{suffix}", data, tolerance=tolerance)


NAMES = (
    *("Zażółć gęślą jaźń", "日本語の写真", "e\u0301 in two signs", "\u00e9 in one sign"),
    *("x" * 200, "ж" * 120, "שלום עולם", "\u05de\u202egpj.exe", "line\nbreak", "tab\tand\rreturn"),
    *('double " quote', "single ' quote", "`back` \\ slash", "\U0001f469\u200d\U0001f467"),
    *("<script>alert(1)<", "<img src=x onerror=a>", "&amp;", "100% %s %d {0}", "-rf", " ", "a.b.c"),
    *("[1]", "*?", "\udcff\udcfe no unicode", "\x1b[31mred", "$HOME"),
)  # fmt: skip


def _names() -> Iterator[Case]:
    data = content(_image(), "png")
    for name in NAMES:
        yield _right("unusual name", f"{name}.png", data)


def _cut() -> Iterator[Case]:
    """Cut at twelve places: what is left is never enough."""
    for name, (suffix, options) in WHOLE.items():
        data = content(Image.fromarray(_noise()), suffix, **options)
        for part in (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97):
            left = data[: max(4, int(len(data) * part))]
            sentence, file = (
                "is cut short or damaged|is no pict",
                f"{name} cut at {part:.1%}.{suffix}",
            )
            yield Case(
                "cut short", file, partial(Path.write_bytes, data=left), None, 0, sentence, None
            )


def _noise() -> np.ndarray:
    """A picture that no format makes small."""
    return np.random.default_rng(3).integers(0, 256, (64, 96, 3), dtype=np.uint8)


def _no_pictures() -> Iterator[Case]:
    for suffix in SUFFIXES:
        yield _refused("0 bytes", f"nothing.{suffix}", b"", "is empty")
    contents = {
        "text": b"not a picture\n" * 50, "page": b"<!DOCTYPE html><html><script>alert(1)</script>",
        "archive": b"PK\x03\x04" + bytes(60), "zeros": bytes(5000), "film": b"\0\0\0 ftypisom" * 20,
        "noise": np.random.default_rng(4).bytes(3000),
        "sound": b"RIFF\x24\0\0\0WAVEfmt " + bytes(40),
        "drawing": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "one byte": b"\xff",
        "document": b"%PDF-1.7\n", "ppm": b"P6 1 1 255 abc",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    }  # fmt: skip
    for number, (name, data) in enumerate(contents.items()):
        suffix = SUFFIXES[number % len(SUFFIXES)]
        sentence = "is no picture that can be read|is cut short or damaged"
        yield _refused("another thing by a picture's name", f"{name}.{suffix}", data, sentence)
    for suffix in ("heic", "avif", "svg", "psd", "nef"):
        sentence = "is in a format that is not read|is no picture that can be read"
        yield _refused("format that is not read", f"phone.{suffix}", b"ftyp" * 9, sentence)


def _bombs() -> Iterator[Case]:
    """Small files that claim, or are, more than the memory holds."""
    forged = {
        "png": b"".join(png(60_000, 60_000, bytes(1000))),
        "jpg": _patched(content(_image(), "jpg"), b"\xff\xc0", 5, ">HH", (65_000, 65_000)),
        "gif": _patched(content(_image(), "gif"), b"GIF", 6, "<HH", (65_535, 65_535)),
        "bmp": _patched(content(_image(), "bmp"), b"BM", 18, "<ii", (90_000, 90_000)),
        "webp": _patched(content(_image(), "webp", lossless=True), b"VP8L", 9, "<I", (0x0FFFFFFF,)),
        "tif": _tiff_that_claims(content(_image(), "tif"), 300_000),
    }
    for suffix, data in forged.items():
        yield _refused(
            "bomb: a header that claims too much", f"bomb.{suffix}", data, "is too large"
        )
    for side in (8_950, 10_000, 14_000):
        rows = (b"\0" + bytes(side // 8 + 1)) * side
        data = b"".join(png(side, side, rows, bits=1, colour=0))
        assert len(data) < 30_000
        name = f"really {side}.png"
        yield _refused("bomb: little that unpacks to much", name, data, "is too large")
    signature, header, data, end = png(48, 32, _rows(patches()))
    packed = zlib.compress(bytes(64 * 2**20), 9)
    for name, extra in {
        "text": chunk(b"zTXt", b"a\0\0" + packed), "profile": chunk(b"iCCP", b"a\0\0" + packed),
    }.items():  # fmt: skip
        yield _refused(
            "bomb: little that unpacks to much",
            f"bomb in its {name}.png",
            signature + header + extra + data + end,
            "is cut short or damaged",
        )


def _rows(pixels: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in pixels)


def _patched(data: bytes, mark: bytes, behind: int, form: str, values: tuple[int, ...]) -> bytes:
    place = data.index(mark) + behind
    return data[:place] + struct.pack(form, *values) + data[place + struct.calcsize(form) :]


def _tiff_that_claims(data: bytes, side: int) -> bytes:
    """Width and height (tags 256 and 257) of the first directory, as four bytes each."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    made = bytearray(data)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, place)[0] in (256, 257):
            struct.pack_into(
                "<HHII", made, place, *struct.unpack_from("<H", data, place), 4, 1, side
            )
    return bytes(made)


def _damaged() -> Iterator[Case]:
    """The header is whole, and what comes behind it is not: this comes out when it is read."""
    sentence = "is cut short or damaged; save or fetch it again"
    noise = _noise()
    signature, header, data, end = png(96, 64, _rows(noise))
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0x55
    parts = {
        "flipped": signature + header + bytes(flipped) + end,
        "without data": signature + header + end,
        "data of another": signature + header + png(8, 8, _rows(noise[:8, :8]))[2] + end,
    }
    for name, whole in parts.items():
        yield _refused("data damaged", f"data {name}.png", whole, sentence, header=False)
    for suffix in ("jpg", "gif", "bmp", "tif"):
        whole = content(Image.fromarray(noise), suffix)
        if suffix == "tif":  # its directory stands at the end, or at the beginning
            whole = _directory_first(noise)
        file = f"data ends.{suffix}"
        yield _refused("data damaged", file, whole[: len(whole) * 3 // 4], sentence, header=False)


def _directory_first(pixels: np.ndarray) -> bytes:
    """A TIFF file, put together by hand: header, directory, bits a sample, pixels."""
    height, width, _ = pixels.shape
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 122), (259, 3, 1, 1),
        (262, 3, 1, 2), (273, 4, 1, 128), (277, 3, 1, 3), (278, 4, 1, height),
        (279, 4, 1, pixels.nbytes),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    start = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    return start.ljust(122, b"\0") + struct.pack("<HHH", 8, 8, 8) + pixels.tobytes()


def _places() -> Iterator[Case]:
    """What stands in a folder by the name of a picture, and is no file."""
    good = content(_image(), "png")

    def linked(path: Path) -> None:
        target = path.with_name(".target")
        target.write_bytes(good)
        path.symlink_to(target.name)

    def circle(path: Path) -> None:
        path.symlink_to(".other")
        path.with_name(".other").symlink_to(path.name)

    def locked(path: Path) -> None:
        path.write_bytes(good)
        path.chmod(0)

    yield Case("link", "link.png", linked, patches())
    nowhere, circles = "is a link that leads nowhere", "cannot be opened .Too many levels"
    closed = "cannot be opened .Permission denied"
    for name, write, sentence in (
        ("link to nothing.png", lambda path: path.symlink_to("nothing"), nowhere),
        ("link to itself.png", lambda path: path.symlink_to(path.name), circles),
        ("link in a circle.png", circle, circles),
        ("link to a device.png", lambda path: path.symlink_to("/dev/zero"), "is no file"),
        ("pipe.jpg", os.mkfifo, "is no file"),
        ("locked.png", locked, closed),
        ("locked.jpg", locked, closed),
    ):
        kind = "no permission" if name.startswith("locked") else "link or pipe that is no file"
        yield Case(kind, name, write, sentence=sentence)
