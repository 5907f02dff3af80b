"""Pictures whose header is whole and whose data is not: said by name, and the widget lives on."""

import numpy as np
import pytest

from cnnwidgets.data import load_images
from cnnwidgets.widgets import UnitExplorer
from cnnwidgets.widgets.picture_pass import first_record
from cnnwidgets.widgets.scheduler import Lane
from cnnwidgets.widgets.triplets.pictures import TripletPictures
from tests.data.picture_corpus import content, corpus, patches
from tests.widgets.tiny import network


@pytest.fixture
def images(tmp_path):
    """Pictures a, b, c and d, of which a and c are damaged."""
    from PIL import Image

    damaged = next(case for case in corpus() if case.name == "data flipped.png")
    for name in "ac":
        damaged.write(tmp_path / f"{name}.png")
    for name in "bd":
        (tmp_path / f"{name}.png").write_bytes(content(Image.fromarray(patches()), "png"))
    found = load_images(tmp_path)
    assert (found.names, found.left_out) == (("a", "b", "c", "d"), ())
    return found


def test_the_unit_explorer_names_the_file_and_goes_on(images):
    lane = Lane(inline=True, clock=lambda: 0.0)
    explorer = UnitExplorer(network(), images, layer="4", unit=2, lane=lane)
    for number, name in ((0, "a"), (1, ""), (2, "c"), (3, "")):
        explorer._controls.picture.set_state({"index": number})
        lane.rest()
        assert explorer.picture == number
        if name:
            assert explorer.error.endswith(
                f"{name}.png' is cut short or damaged; save or fetch it again."
            )
        else:
            assert (explorer.error, explorer._status.state) == ("", "ready")
            assert explorer.result.layer == "4"
    explorer.close()


def test_a_pass_begins_with_the_first_whole_picture(images):
    model = network()
    wanted = model.preprocess([patches()])
    assert np.array_equal(first_record(model, images).picture.numpy(), wanted.numpy())


def test_a_page_is_sent_whole_files_only(images):
    shown = TripletPictures(images)
    assert set(shown.files(range(4))) == set(shown.tiny(range(4))) == {1, 3}
    with pytest.raises(ValueError, match=r"a\.png' is cut short or damaged"):
        shown.file(0)
