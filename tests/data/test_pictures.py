"""Every picture becomes RGB uint8, or one sentence says why it does not."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from cnnwidgets.data import load_images, picture_files, pictures, read_picture

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def corners(size=(40, 24)) -> Image.Image:
    """A picture whose four quarters differ, so that a wrong turn shows."""
    image = Image.new("RGB", size, WHITE)
    width, height = size
    for colour, corner in ((RED, (0, 0)), (GREEN, (width // 2, 0)), (BLUE, (0, height // 2))):
        image.paste(colour, (*corner, corner[0] + width // 2, corner[1] + height // 2))
    return image


def saved(tmp_path: Path, image: Image.Image, name: str, **options) -> Path:
    path = tmp_path / name
    image.save(path, **options)
    return path


def patches() -> Image.Image:
    """A picture of many colours, large enough that every format has data to lose."""
    colours = np.random.default_rng(1).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    return Image.fromarray(colours.repeat(6, axis=0).repeat(6, axis=1))


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("png", {}),
        ("bmp", {}),
        ("tif", {}),
        ("tif", {"compression": "tiff_lzw"}),
        ("webp", {"lossless": True}),
    ],
)
def test_lossless_formats_keep_every_pixel(tmp_path, suffix, options):
    picture = read_picture(saved(tmp_path, corners(), f"a.{suffix}", **options))
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert picture.flags.writeable
    np.testing.assert_array_equal(picture, np.asarray(corners()))


def test_path_string_home_image_and_array_are_the_same_picture(tmp_path, monkeypatch):
    path = saved(tmp_path, corners(), "a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    expected = np.asarray(corners())
    for source in (path, str(path), "~/a.png", Image.open(path), corners(), expected):
        np.testing.assert_array_equal(read_picture(source), expected)


def test_picture_is_a_copy():
    array = np.zeros((4, 5, 3), np.uint8)
    read_picture(array)[:] = 255
    assert array.max() == 0


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_black_and_white_get_three_equal_channels(tmp_path, mode):
    ramp = np.linspace(0, 255, 30).astype(np.uint8).repeat(4).reshape(-1, 4)
    image = Image.fromarray(ramp).convert(mode, dither=Image.Dither.NONE)
    picture = read_picture(saved(tmp_path, image, "a.png"))
    expected = ramp if mode == "L" else np.where(ramp >= 128, 255, 0)
    for channel in range(3):
        np.testing.assert_array_equal(picture[..., channel], expected)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bit_grey_is_scaled_not_cut_off(tmp_path, name):
    values = np.array([[0, 128, 129, 257], [25700, 32768, 65406, 65535]], np.uint16)
    picture = read_picture(saved(tmp_path, Image.fromarray(values), name))
    # 65535 / 255 = 257 steps of 16 bits are one step of 8 bits.
    expected = np.rint(values / 257).astype(np.uint8)
    np.testing.assert_array_equal(picture, np.repeat(expected[..., None], 3, axis=2))


def sixteen_bit_colour_png(values: np.ndarray) -> bytes:
    """Pillow writes no such file, so the chunks are put together here."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_sixteen_bit_colour_becomes_eight(tmp_path):
    values = np.random.default_rng(2).integers(0, 65536, (5, 4, 3))
    (tmp_path / "a.png").write_bytes(sixteen_bit_colour_png(values))
    picture = read_picture(tmp_path / "a.png").astype(int)
    assert np.abs(picture - values / 257).max() <= 1


def test_cmyk_becomes_rgb(tmp_path):
    inks = Image.merge(
        "CMYK", [Image.new("L", (8, 8), ink) for ink in (0, 255, 255, 0)]
    )  # magenta and yellow make red
    picture = read_picture(saved(tmp_path, inks, "a.jpg", quality=100))
    assert picture.shape == (8, 8, 3)
    assert np.abs(picture.astype(int) - RED).max() <= 3


def test_half_transparent_colour_is_laid_on_white(tmp_path):
    image = Image.new("RGBA", (3, 2), (*RED, 255))
    image.putpixel((1, 0), (*RED, 128))
    image.putpixel((2, 1), (0, 0, 0, 0))
    for source in (saved(tmp_path, image, "a.png"), image, np.asarray(image)):
        picture = read_picture(source)
        assert tuple(picture[0, 0]) == RED
        np.testing.assert_allclose(picture[0, 1], [255, 127, 127], atol=1)
        assert tuple(picture[1, 2]) == WHITE


def test_transparent_entry_of_a_palette_becomes_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putpixel((1, 0), 1)
    for name in ("a.png", "a.gif"):
        picture = read_picture(saved(tmp_path, image, name, transparency=1))
        assert [tuple(pixel) for pixel in picture[0]] == [RED, WHITE]
        picture = read_picture(saved(tmp_path, image, name))
        assert [tuple(pixel) for pixel in picture[0]] == [RED, GREEN]


def test_grey_with_alpha_and_rgb_with_a_transparent_colour(tmp_path):
    image = Image.new("LA", (2, 1), (100, 255))
    image.putpixel((1, 0), (100, 0))
    assert read_picture(saved(tmp_path, image, "a.png"))[0].tolist() == [[100] * 3, [255] * 3]
    keyed = saved(tmp_path, corners(), "b.png", transparency=RED)
    assert tuple(read_picture(keyed)[0, 0]) == WHITE


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
def test_picture_is_turned_as_exif_says(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if name == "a.webp" else {}
    path = saved(tmp_path, corners(), name, exif=exif, **options)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert expected.shape[:2] == ((24, 40) if orientation < 5 else (40, 24))
    np.testing.assert_array_equal(read_picture(path), expected)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_animation_gives_its_first_frame(tmp_path, name):
    frames = [Image.new("RGB", (6, 4), colour) for colour in (RED, GREEN, BLUE)]
    path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
    with Image.open(path) as image:
        assert image.n_frames == 3
    np.testing.assert_allclose(read_picture(path), np.full((4, 6, 3), RED), atol=3)


def test_phone_picture_with_a_second_view_gives_the_first(tmp_path):
    second = Image.new("RGB", (40, 24), BLUE)
    written = io.BytesIO()
    corners().save(written, "MPO", save_all=True, append_images=[second], subsampling=0)
    (tmp_path / "a.jpg").write_bytes(written.getvalue())
    difference = read_picture(tmp_path / "a.jpg").astype(int) - np.asarray(corners())
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("png", {}),
        ("jpg", {}),
        ("jpg", {"progressive": True}),
        ("webp", {}),
        ("tif", {}),
        ("tif", {"compression": "tiff_lzw"}),
        ("gif", {}),
        ("bmp", {}),
    ],
)
def test_picture_cut_short_is_never_read_in_part(tmp_path, suffix, options):
    path = saved(tmp_path, patches(), f"a.{suffix}", **options)
    content, whole = path.read_bytes(), read_picture(path)
    refused = 0
    for length in np.linspace(0, len(content) - 1, 60).astype(int):
        path.write_bytes(content[:length])
        try:
            np.testing.assert_array_equal(read_picture(path), whole)
        except ValueError as error:
            assert f"'{path}' is " in str(error)  # noqa: PT017
            refused += 1
    assert refused >= 50
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"is cut short or damaged"):
        read_picture(path)


def test_picture_cut_short_is_refused_also_where_pillow_was_told_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = saved(tmp_path, patches(), "a.jpg")
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ValueError, match=r"a\.jpg' is cut short or damaged; save or fetch it"):
        read_picture(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "gif", "bmp"])
def test_scrambled_file_is_read_or_refused_and_nothing_else(tmp_path, suffix):
    path = saved(tmp_path, patches(), f"a.{suffix}")
    content, random = path.read_bytes(), np.random.default_rng(5)
    for _ in range(100):
        scrambled = bytearray(content)
        for place in random.integers(0, len(content), 4):
            scrambled[place] = random.integers(0, 256)
        path.write_bytes(scrambled)
        try:
            assert read_picture(path).ndim == 3
        except ValueError as error:
            assert f"'{path}'" in str(error)  # noqa: PT017


def test_text_and_nothing_are_no_pictures(tmp_path):
    (tmp_path / "a.jpg").write_text("not a picture")
    (tmp_path / "b.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.jpg' is no picture that can be read \(PNG, JPEG"):
        read_picture(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=r"b\.jpg' is empty\."):
        read_picture(tmp_path / "b.jpg")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png' does not exist; give the path"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(IsADirectoryError, match="is a folder; load_images reads folders"):
        read_picture(tmp_path)


def png_that_claims(width: int, height: int) -> bytes:
    """A small file whose header says a size: a decompression bomb."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("side", [8950, 10_000, 60_000])
def test_huge_picture_is_refused_before_it_is_decoded(tmp_path, side):
    (tmp_path / "a.png").write_bytes(png_that_claims(side, side))
    with pytest.raises(ValueError, match="is too large.*at most 80 million pixels are read"):
        read_picture(tmp_path / "a.png")


def test_limit_is_below_pillows_own():
    # Above its own limit Pillow warns, and above twice that it raises: our sentence comes first.
    assert picture_files.PIXEL_LIMIT < Image.MAX_IMAGE_PIXELS


def test_picture_without_pixels_is_refused():
    with pytest.raises(ValueError, match=r"the picture has no pixels \(0 x 5\)"):
        read_picture(Image.new("RGB", (0, 5)))
    with pytest.raises(ValueError, match=r"the picture has no pixels \(shape \[0, 5, 3\]\)"):
        read_picture(np.zeros((0, 5, 3), np.uint8))


def test_closed_image_is_refused(tmp_path):
    with Image.open(saved(tmp_path, corners(), "a.png")) as image:
        pass
    with pytest.raises(
        ValueError, match="the picture belongs to a file that is closed; give its path"
    ):
        read_picture(image)


def test_modes_without_a_way_to_rgb_are_refused():
    with pytest.raises(ValueError, match="32-bit whole numbers; save it with 8 or 16 bits"):
        read_picture(Image.new("I", (3, 3), 70_000))
    with pytest.raises(ValueError, match="colour mode La, which does not turn into RGB"):
        read_picture(Image.new("La", (3, 3)))


def test_image_given_is_left_as_it_was(tmp_path):
    image = Image.open(saved(tmp_path, corners().convert("RGBA"), "a.png"))
    read_picture(image)
    assert image.mode == "RGBA"
    assert image.size == (40, 24)
    image.close()


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1)])
def test_grey_arrays(shape):
    array = np.arange(20, dtype=np.uint8).reshape(shape)
    picture = read_picture(array)
    np.testing.assert_array_equal(picture, np.repeat(array.reshape(5, 4, 1), 3, axis=2))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_runs_from_zero_to_one(dtype):
    array = np.array([[0.0, 0.25, 0.5, 1.0]], dtype)
    assert read_picture(array)[0, :, 0].tolist() == [0, 64, 128, 255]


def test_bool_and_sixteen_bit_arrays():
    assert read_picture(np.array([[False, True]]))[0, :, 0].tolist() == [0, 255]
    assert read_picture(np.array([[0, 32768, 65535]], np.uint16))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("values", [[0.0, 255.0], [-0.1, 1.0], [0.5, np.nan]])
def test_floating_point_out_of_range_is_refused(values):
    with pytest.raises(ValueError, match="floating point, which runs from 0 to 1, but this one"):
        read_picture(np.array([values]))


def test_other_numbers_are_refused():
    with pytest.raises(TypeError, match=r"numbers of type int64.*\.astype\('uint8'\)"):
        read_picture(np.zeros((3, 3, 3), np.int64))


def test_channels_first_is_told_how_to_turn():
    with pytest.raises(ValueError, match=r"shape \[3, 20, 30\]: turn its axes with \.transpose"):
        read_picture(np.zeros((3, 20, 30), np.uint8))
    with pytest.raises(ValueError, match=r"this one has shape \[7\]"):
        read_picture(np.zeros(7, np.uint8))


def test_other_things_are_refused():
    with pytest.raises(TypeError, match="a path, a PIL image or a numpy array.*got bytes"):
        read_picture(b"picture")


def test_embedded_photograph_cut_short(tmp_path):
    path = tmp_path / "chelsea.jpg"
    embedded = Path(pictures.__file__).parent / "photos" / "chelsea.jpg"
    path.write_bytes(embedded.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"chelsea\.jpg' is cut short or damaged"):
        read_picture(path)
    np.testing.assert_array_equal(read_picture(embedded), load_images("photos")["chelsea"])


@pytest.mark.parametrize("ask", [read_picture, load_images, lambda name: load_images([name])])
def test_a_name_that_no_file_can_have_is_of_none(ask):
    with pytest.raises(FileNotFoundError, match=r"^'\\x00\.png' (does not exist|is no folder)"):
        ask("\0.png")
