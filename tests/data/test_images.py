"""Sets of pictures: embedded, folders, lists; names, categories, laziness, what is left out."""

import csv
import operator
import os
import subprocess
import sys
import threading
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnwidgets.data import ImageSet, images, load_images, read_picture, sequence
from cnnwidgets.data.folders import natural_order


def save(path: Path, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), (value, value, value)).save(path)
    return path


def values(pictures: ImageSet) -> list[int]:
    """The grey value of each picture that `save` made."""
    return [int(picture[0, 0, 0]) for picture in pictures]


@pytest.fixture
def folder(tmp_path) -> Path:
    """Folder 'holiday' of three pictures, 1 to 3 in natural order."""
    for name, value in (("img10", 3), ("img2", 2), ("img1", 1)):
        save(tmp_path / "holiday" / f"{name}.png", value)
    return tmp_path / "holiday"


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the files that are decoded, on an empty cache."""
    asked: list[str] = []

    def counting(path):
        asked.append(Path(path).name)
        return read_picture(path)

    monkeypatch.setattr(sequence, "read_picture", counting)
    monkeypatch.setattr(sequence, "_decoded", sequence.DecodedPictures(sequence.CACHE_BYTES))
    return asked


# Embedded sets


def test_photographs():
    photos = load_images("photos")
    assert len(photos) == 10
    assert photos.names[:2] == ("chelsea", "coffee")
    assert photos.categories is None
    assert photos["chelsea"].shape == (300, 451, 3)
    assert all(max(picture.shape) <= 512 and picture.dtype == np.uint8 for picture in photos)


def test_chelsea_is_orange_and_coffee_stands_on_a_red_saucer():
    photos = load_images("photos")
    for name in ("chelsea", "coffee"):
        red, green, blue = photos[name].reshape(-1, 3).mean(0)
        assert red > green + 10 > blue + 20
    red, green, blue = photos["coffee"][250:300, 150:175].reshape(-1, 3).mean(0)
    assert red > 2 * green
    assert red > 2 * blue


def test_every_photograph_has_title_author_licence_and_source():
    folder = Path(str(files("cnnwidgets.data") / "photos"))
    with (folder / "photos.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert list(rows[0]) == ["file", "name", "title", "author", "licence", "source"]
    assert all(all(row.values()) for row in rows)
    assert {row["licence"] for row in rows} <= {"CC0-1.0", "Public domain", "CC-BY-2.0"}
    assert {row["file"] for row in rows} == {file.name for file in folder.glob("*.jpg")}


def test_photographers_are_named_in_the_notice():
    root = Path(__file__).resolve().parents[2]
    notice = (root / "NOTICE").read_text(encoding="utf-8")
    table = root / "cnnwidgets" / "data" / "photos" / "photos.csv"
    with table.open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            assert row["author"] in notice
            assert row["file"] in notice


def test_objects_have_their_groups_as_categories():
    objects = load_images("objects")
    assert len(objects) == len(set(objects.names)) == 305
    assert objects.categories is not None
    assert set(objects.categories) == {
        "Animals & Nature", "Food & Drink", "Objects", "Travel & Places", "Activities",
    }  # fmt: skip
    groups = dict(zip(objects.names, objects.categories, strict=True))
    assert groups["airplane"] == "Travel & Places"
    assert groups["bell_pepper"] == "Food & Drink"
    assert groups["zebra"] == "Animals & Nature"


def test_objects_stand_on_white():
    objects = load_images("objects")
    assert {picture.shape for picture in objects} == {(256, 256, 3)}
    on_white = [name for name in objects.names if (objects[name][0, 0] == 255).all()]
    assert len(on_white) > 295  # a few, such as fireworks, fill their square
    red, green, blue = objects["tomato"][128, 128]
    assert red > 2 * green
    assert red > 2 * blue


# Folders


def test_flat_folder_is_in_natural_order_without_categories(folder):
    holiday = load_images(folder)
    assert holiday.names == ("img1", "img2", "img10")
    assert values(holiday) == [1, 2, 3]
    assert holiday.categories is None


def test_folders_in_the_folder_are_categories(tmp_path):
    for name, value in (("dog/b", 4), ("dog/a", 3), ("Cat/rex", 1), ("Cat/deep/er/tom", 2)):
        save(tmp_path / f"{name}.png", value)
    (tmp_path / "empty").mkdir()
    pets = load_images(str(tmp_path))
    assert sorted(zip(values(pets), pets.names, pets.categories, strict=True)) == [
        (1, "Cat/rex", "Cat"),
        (2, "Cat/deep/er/tom", "Cat"),
        (3, "dog/a", "dog"),
        (4, "dog/b", "dog"),
    ]
    assert pets.categories == ("Cat", "Cat", "dog", "dog")


def test_pictures_beside_folders_are_flat_and_it_is_said(folder):
    save(folder / "edited" / "x.png")
    (folder / "notes").mkdir()
    with pytest.warns(UserWarning, match=r"beside folders of pictures \(edited\): only the"):
        holiday = load_images(folder)
    assert holiday.names == ("img1", "img2", "img10")
    assert holiday.categories is None


def test_hidden_files_and_other_files_are_passed_over(folder):
    save(folder / ".img0.png")
    save(folder / ".thumbnails" / "a.png")
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".DS_Store").write_bytes(b"\0")
    assert len(load_images(folder)) == 3
    for file in folder.glob("img*.png"):
        file.unlink()
    with pytest.raises(ValueError, match="No pictures in"):
        load_images(folder)


def test_same_name_with_another_suffix_gets_a_number(folder):
    save(folder / "img1.bmp", 9)
    save(folder / "img1#2.png", 8)
    holiday = load_images(folder)
    assert len(set(holiday.names)) == len(holiday) == 5
    assert set(holiday.names) == {"img1", "img1#2", "img1#2#2", "img2", "img10"}


def test_empty_folder_says_what_is_read(tmp_path):
    (tmp_path / "holiday").mkdir()
    sentence = r"^No pictures in '.*holiday': PNG, JPEG, WebP, TIFF, GIF and BMP are read\.$"
    with pytest.raises(ValueError, match=sentence):
        load_images(tmp_path / "holiday")


def test_folder_of_broken_files_alone_says_why(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"No pictures in .* are read \(.*/a\.png is empty\)\.$"):
        load_images(tmp_path)


def test_one_unreadable_file_is_left_out_by_name(folder):
    tiff = save(folder / "7.tif")
    tiff.write_bytes(tiff.read_bytes()[:100])
    with pytest.warns(UserWarning, match="left out") as caught:
        holiday = load_images(folder)
    assert len(caught) == 1
    assert str(caught[0].message) == "holiday/7.tif is cut short or damaged; left out."
    assert caught[0].filename == __file__
    assert holiday.names == ("img1", "img2", "img10")


def test_many_unreadable_files_are_one_sentence_with_three_names(folder):
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(b"")
    (folder / "phone.heic").write_bytes(b"ftypheic")
    with pytest.warns(UserWarning, match="left out") as caught:
        load_images(folder)
    assert [str(warning.message) for warning in caught] == [
        "holiday/0.jpg is empty, holiday/1.jpg is empty, holiday/2.jpg is empty and 3 more; "
        "left out."
    ]


def test_categories_follow_what_is_left_out(tmp_path):
    save(tmp_path / "a" / "1.png", 1)
    (tmp_path / "a" / "2.png").write_bytes(b"")
    save(tmp_path / "b" / "3.png", 3)
    with pytest.warns(UserWarning, match=r"a/2\.png is empty; left out"):
        both = load_images(tmp_path)
    assert (both.names, both.categories) == (("a/1", "b/3"), ("a", "b"))


def test_wrong_name_gets_a_suggestion(folder):
    with pytest.raises(FileNotFoundError, match=r"'photo' is no folder.*did you mean 'photos'\?"):
        load_images("photo")
    with pytest.raises(FileNotFoundError, match=r"did you mean '.*holiday'\?"):
        load_images(folder.parent / "holliday")
    with pytest.raises(FileNotFoundError, match=r"'qqqq' is no folder.*'photos' and 'objects'\.$"):
        load_images("qqqq")


def test_file_in_place_of_a_folder(folder):
    with pytest.raises(NotADirectoryError, match=r"is a file; give its folder, or \['.*img1\.png'"):
        load_images(folder / "img1.png")


def test_folder_that_is_named_as_an_embedded_set(tmp_path, monkeypatch):
    save(tmp_path / "photos" / "mine.png")
    monkeypatch.chdir(tmp_path)
    assert load_images("photos").names[0] == "chelsea"
    assert load_images("./photos").names == load_images(Path("photos")).names == ("mine",)


def test_folder_of_links_without_end_is_listed(folder):
    (folder.parent / "classes").mkdir()
    os.symlink(folder, folder.parent / "classes" / "linked")
    os.symlink(folder.parent / "classes", folder / "back")
    linked = load_images(folder.parent / "classes")
    assert linked.categories == ("linked",) * 3


def test_natural_order():
    assert sorted(["b", "a10", "A9", "10", "9", "a", ""], key=natural_order) == [
        "", "9", "10", "a", "A9", "a10", "b",
    ]  # fmt: skip


def test_copies_stand_behind_what_they_were_copied_from(tmp_path):
    for name in ("rex (2).png", "rex (10).png", "rex.png", "rex-b.png"):
        save(tmp_path / name)
    assert load_images(tmp_path).names == ("rex", "rex (2)", "rex (10)", "rex-b")


# Lists


def test_list_of_images_arrays_and_paths(folder):
    array = np.full((5, 7), 50, np.uint8)
    opened = Image.open(folder / "img2.png")
    mixed = load_images([array, str(folder / "img1.png"), opened, Image.new("L", (2, 2), 70)])
    assert mixed.names == ("picture 1", "img1", "img2", "picture 4")
    assert values(mixed) == [50, 1, 2, 70]
    assert mixed.categories is None


def test_array_of_pictures_is_a_list():
    stack = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    pictures = load_images(stack)
    np.testing.assert_array_equal(np.stack(list(pictures)), stack)


def test_array_in_a_list_is_copied():
    array = np.zeros((4, 4, 3), np.uint8)
    pictures = load_images([array])
    array[:] = 255
    assert values(pictures) == [0]


def test_bad_entries_of_a_list_are_counted(folder):
    with pytest.raises(ValueError, match=r"No pictures: the list is empty\."):
        load_images([])
    with pytest.raises(ValueError, match=r"entry 2 of the list: .*this one has shape \[9\]"):
        load_images([np.zeros((3, 3)), np.zeros(9)])
    with pytest.raises(FileNotFoundError, match=r"none\.png' does not exist"):
        load_images([folder / "none.png"])
    (folder / "img1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"entry 1 of the list: .*img1\.png' is empty"):
        load_images([folder / "img1.png"])
    with pytest.raises(TypeError, match=r"a folder, or a list of PIL images.*got int"):
        load_images(7)


# The set


def test_pictures_by_number_name_and_slice(folder):
    holiday = load_images(folder)
    assert [int(holiday[key][0, 0, 0]) for key in (0, -1, np.int64(1), "img10")] == [1, 3, 2, 3]
    part = holiday[1:]
    assert isinstance(part, ImageSet)
    assert (part.names, values(part)) == (("img2", "img10"), [2, 3])
    assert holiday[::-1].names == ("img10", "img2", "img1")
    assert "img2" in holiday
    assert "img3" not in holiday
    assert values(ImageSet(part.names, holiday.images[1:])) == [2, 3]


def test_wrong_number_and_name(folder):
    holiday = load_images(folder)
    with pytest.raises(IndexError, match="picture 3 does not exist: there are 3, counted from 0"):
        holiday[3]
    with pytest.raises(KeyError, match=r"no picture is named 'img3'; did you mean 'img"):
        holiday["img3"]
    with pytest.raises(TypeError):
        holiday[1.0]


def test_sets_add_up(tmp_path):
    save(tmp_path / "a" / "1.png", 1)
    save(tmp_path / "b" / "2.png", 2)
    classes = load_images(tmp_path)
    twice = classes + classes
    assert twice.names == ("a/1", "b/2", "a/1#2", "b/2#2")
    assert twice.categories == ("a", "b", "a", "b")
    assert values(twice) == [1, 2, 1, 2]
    assert (classes + load_images([np.zeros((2, 2))])).categories is None
    with pytest.raises(TypeError):
        operator.add(classes, ["a"])


def test_set_says_in_short_what_it_is(folder):
    assert repr(load_images(folder)) == "ImageSet(3 pictures: img1, img2, img10)"
    assert repr(load_images(folder)[:1]) == "ImageSet(1 picture: img1)"
    assert repr(load_images("objects")) == (
        "ImageSet(305 pictures in 5 categories: abacus, accordion, airplane, ...)"
    )


def test_set_and_its_pictures_cannot_be_changed(folder):
    for pictures in (load_images(folder), load_images([np.zeros((3, 3))])):
        with pytest.raises(AttributeError):
            pictures.names = ("x",)
        with pytest.raises(ValueError, match="read-only"):
            pictures[0][:] = 9


def test_listing_decodes_nothing_and_looking_decodes_once(folder, decoded):
    holiday = load_images(folder)
    assert (holiday.fingerprint, decoded)[1] == []
    for key in (1, "img2", 1):
        assert holiday[key] is holiday[1]
    assert holiday[1:].images[0] is holiday[1]
    assert decoded == ["img2.png"]


def test_picture_that_breaks_later_raises_its_sentence(folder, decoded):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    (folder / "noise.png").write_bytes((folder / "noise.png").read_bytes()[:2000])
    holiday = load_images(folder)  # the header is whole
    with pytest.raises(ValueError, match=r"noise\.png' is cut short or damaged"):
        holiday["noise"]
    assert values(holiday[:3]) == [1, 2, 3]


def test_cache_keeps_to_its_limit(folder, monkeypatch, decoded):
    size = 6 * 4 * 3
    cache = sequence.DecodedPictures(limit=2 * size)
    monkeypatch.setattr(sequence, "_decoded", cache)
    holiday = load_images(folder)
    for number in (0, 1, 0, 2, 0, 1):
        holiday[number]
        assert cache.size <= 2 * size
    # 2 pushes 1 out, for 0 was looked at after it.
    assert decoded == ["img1.png", "img2.png", "img10.png", "img2.png"]
    monkeypatch.setattr(sequence, "_decoded", sequence.DecodedPictures(limit=1))
    assert values(holiday) == [1, 2, 3]


def test_cache_counts_right_under_threads(folder, monkeypatch, decoded):
    cache = sequence.DecodedPictures(limit=2 * 72)
    monkeypatch.setattr(sequence, "_decoded", cache)
    holiday, wrong = load_images(folder), []

    def look(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(0, 3, 200):
            if holiday[int(number)][0, 0, 0] != number + 1:
                wrong.append(number)

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert cache.size == sum(picture.nbytes for picture in cache._kept.values()) <= 2 * 72


def test_fingerprint_tells_contents_names_order_and_categories_apart(folder, tmp_path):
    first = load_images(folder).fingerprint
    assert first == load_images(folder).fingerprint
    assert len(first) == 64
    others = [
        load_images(folder)[::-1],
        load_images(folder)[:2],
        ImageSet(("a", "b", "c"), load_images(folder).images),
        ImageSet(load_images(folder).names, load_images(folder).images, ("x", "y", "z")),
        load_images([np.zeros((2, 8))]),
        load_images([np.zeros((4, 4))]),
    ]
    save(folder / "img1.png", 99)
    others.append(load_images(folder))
    assert len({first, *(other.fingerprint for other in others)}) == 8


def test_importing_pictures_is_cheap():
    code = "import sys, cnnwidgets.data; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "torchvision", "pandas", "scipy", "matplotlib", "ipywidgets"}


def test_names_of_embedded_sets_are_what_the_error_says():
    assert all(len(load_images(name)) > 0 for name in images.EMBEDDED)
