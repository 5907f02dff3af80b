"""The corpus: the right picture or one sentence; and folders in which things go wrong."""

import os
import subprocess
import sys
import textwrap
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnwidgets.data import LeftOut, load_images, pictures, read_picture
from cnnwidgets.data.names import one_line
from tests.data.picture_corpus import NAMES, content, corpus, patches, png
from tests.data.picture_survey import PAGE, as_anybody, fault, in_page, open_folder, survey, table

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and permissions of POSIX")


@pytest.fixture(scope="module")
def surveyed():
    with open_folder() as folder:
        yield survey(folder)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Folder 'mixed' with one good picture, 'good.png'."""
    (tmp_path / "mixed").mkdir()
    return saved(tmp_path / "mixed" / "good.png").parent


def saved(path: Path, seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(Image.fromarray(patches(seed)), "png"))
    return path


def test_every_file_gives_its_picture_or_its_sentence(surveyed):
    seen, _, _ = surveyed
    assert len(seen) >= 200
    assert [fault(one) for one in seen if fault(one)] == []


def test_a_folder_loads_the_good_ones_and_lists_all_bad_ones(surveyed):
    seen, found, told = surveyed
    out = {left.file.name: left.reason for left in found.left_out}
    assert set(out) == {one.case.name for one in seen if one.left_out}
    assert len(found) + len(out) == len(seen)
    assert all(reason and reason == one_line(reason) for reason in out.values())
    assert len(told) == 1
    assert told[0].endswith(f" and {len(out) - 3} more; left out.")
    assert told[0] == one_line(told[0])


def test_the_page_tells_what_came_out(surveyed):
    assert in_page(PAGE.read_text(encoding="utf-8")) == table(surveyed[0])


def test_names_are_on_one_line_and_found_however_they_are_spelled(surveyed):
    _, found, _ = surveyed
    for name in NAMES:
        assert name in found
        assert np.array_equal(found[name], patches())
    assert all(name == one_line(name) and name.encode() for name in found.names)
    assert {"line\\nbreak", "\\udcff\\udcfe no unicode", "\u05de\\u202egpj.exe"} <= set(found.names)


def test_an_accent_in_two_signs_is_found_by_one(tmp_path):
    for form in ("NFC", "NFD"):
        place = tmp_path / form
        saved(place / "k" / unicodedata.normalize(form, "café.png"))
        found = load_images(place)
        assert found.names == ("k/caf\u00e9",)
        assert "k/cafe\u0301" in found
        assert np.array_equal(found["k/cafe\u0301"], found["k/caf\u00e9"])


def test_names_in_sentences_are_on_one_line(tmp_path):
    bad = tmp_path / "two\nlines"
    bad.mkdir()
    for ask in (read_picture, load_images, lambda path: load_images([path / "a\rb.png"])):
        with pytest.raises((OSError, ValueError), match=r"two\\nlines") as refused:
            ask(bad)
        assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(KeyError, match=r"no picture is named 'a\\+nb'"):
        load_images("photos")["a\nb"]


def test_the_line_that_loads_a_folder_can_be_run(tmp_path):
    for name in ("plain", 'a "quoted" \\ one', "line\nbreak", "\udcff", "日本\U0001f993", "\u202e"):
        saved(tmp_path / name / "a.png")
        made = load_images(os.fspath(tmp_path / name))
        made.source.encode()
        assert len(made.source.splitlines()) == 1
        again = eval(made.source.removeprefix("cw."), {"load_images": load_images})
        assert again.images.file(0) == made.images.file(0)


def test_sums_keep_what_was_left_out(folder):
    (folder / "bad.png").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"^mixed/bad\.png is empty; left out\.$"):
        mixed = load_images(folder)
    assert mixed.left_out == (LeftOut(folder / "bad.png", "is empty"),)
    assert (load_images("photos") + mixed).left_out == mixed.left_out
    assert load_images("photos").left_out == mixed[:1].left_out == ()


def test_the_folder_one_stands_in_has_its_files_told_by_name(folder, monkeypatch):
    (folder / "bad.png").write_bytes(b"")
    monkeypatch.chdir(folder)
    with pytest.warns(UserWarning, match=r"^bad\.png is empty; left out\.$"):
        load_images(".")


# What changes while one looks


def test_a_file_that_vanishes_grows_or_turns_into_a_pipe(tmp_path):
    for name in "abcd":
        saved(tmp_path / f"{name}.png")
    found = load_images(tmp_path)
    (tmp_path / "a.png").unlink()
    with (tmp_path / "b.png").open("ab") as opened:
        opened.write(b"more" * 1000)
    (tmp_path / "c.png").unlink()
    os.mkfifo(tmp_path / "c.png")
    (tmp_path / "d.png").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"a\.png' does not exist"):
        found["a"]
    assert np.array_equal(found["b"], patches())
    with pytest.raises(ValueError, match=r"c\.png' is no file\."):
        found["c"]
    with pytest.raises(ValueError, match=r"d\.png' is empty\."):
        found["d"]


def test_a_file_that_vanishes_between_its_header_and_its_pixels(folder, monkeypatch):
    def passed(path: Path) -> None:
        path.unlink()

    monkeypatch.setattr(pictures, "header_fault", passed)
    with pytest.raises(ValueError, match=r"good\.png' changed while it was read; try again"):
        read_picture(folder / "good.png")


def test_a_pipe_in_a_list_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for ask in (read_picture, load_images):
        with pytest.raises((ValueError, OSError), match=r"a\.png' is (no|a) file"):
            ask(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"entry 1 of the list: '.*a\.png' is no file"):
        load_images([tmp_path / "a.png"])


# Folders in folders


def test_a_folder_by_the_name_of_a_picture_is_a_category(tmp_path):
    saved(tmp_path / "x.jpg" / "a.png")
    saved(tmp_path / "y" / "b.png")
    found = load_images(tmp_path)
    assert (found.names, found.categories) == (("x.jpg/a", "y/b"), ("x.jpg", "y"))


def test_links_to_folders_above_are_passed_over(tmp_path):
    saved(tmp_path / "all" / "dog" / "a.png")
    (tmp_path / "all" / "me").symlink_to(".")
    (tmp_path / "all" / "up").symlink_to("..")
    (tmp_path / "all" / "dog" / "up").symlink_to("..")
    (tmp_path / "all" / "circle").symlink_to("circle")
    assert load_images(tmp_path / "all").names == ("dog/a",)


def test_folders_a_thousand_deep(tmp_path):
    deep = tmp_path.joinpath("k", *["d"] * 1200)
    place = tmp_path
    for part in deep.relative_to(tmp_path).parts:
        place = place / part
        place.mkdir()
    saved(deep / "a.png")
    assert load_images(tmp_path).categories == ("k",)


def test_a_dead_link_beside_folders_does_not_hide_them(tmp_path):
    saved(tmp_path / "dog" / "a.png")
    (tmp_path / "dead.png").symlink_to("nothing")
    with pytest.warns(UserWarning, match=r"dead\.png is a link that leads nowhere; left out"):
        assert load_images(tmp_path).categories == ("dog",)


def test_closed_folders_are_told():
    with open_folder() as top:
        saved(top / "dog" / "a.png")
        saved(top / "shut" / "b.png")
        (top / "shut").chmod(0)
        with as_anybody(), pytest.warns(UserWarning, match=r"shut cannot be opened \(Permission"):
            found = load_images(top)
        assert found.names == ("dog/a",)
        assert found.left_out[0].file == top / "shut"
        for ask, sentence in (
            (lambda: load_images(top / "shut"), r"shut' cannot be opened \(Permission denied\)\.$"),
            (lambda: read_picture(top / "shut" / "b.png"), r"b\.png' cannot be opened \(Perm"),
            (lambda: load_images([top / "shut" / "b.png"]), r"b\.png' cannot be opened \(Perm"),
        ):
            with as_anybody(), pytest.raises(ValueError, match=sentence):
                ask()


# Memory


def growth(folder: Path, what: str) -> float:
    """MiB that a process of its own grew by, at most, over a small picture, while it did this."""
    program = """
        import sys, warnings
        from pathlib import Path
        from cnnwidgets.data import load_images, read_picture

        def most():
            lines = Path("/proc/self/status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

        warnings.simplefilter("ignore")
        folder = Path(sys.argv[1])
        load_images(folder.parent / "good")[0]
        before = most()
    """
    told = "sys.stdout.write(str(most() - before))"
    code = "\n".join([textwrap.dedent(program), what, told])
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory as Linux tells it")
def test_bombs_stay_small(tmp_path):
    saved(tmp_path / "good" / "good.png")
    folder = tmp_path / "bombs"
    folder.mkdir()
    for case in corpus():
        if case.kind.startswith("bomb"):
            case.write(folder / case.name)
    saved(folder / "good.png")
    assert growth(folder, "assert len(load_images(folder)) == 1") < 40
    # Just below the limit: 79 million pixels are three times as many bytes, and one each before.
    side = 8_900
    rows = (b"\0" + bytes(side // 8 + 1)) * side
    (folder / "large.png").write_bytes(b"".join(png(side, side, rows, bits=1, colour=0)))
    read = "assert not read_picture(folder / 'large.png').any()"
    assert 4 * side**2 / 2**20 <= growth(folder, read) < 4.5 * side**2 / 2**20
