"""What to cite: for what is shown now, by entries that are whole."""

import re

import numpy as np
import pytest

import cnnwidgets as cw
from cnnwidgets.data.credits import OBJECTS, credits_of
from cnnwidgets.graph import RULES
from cnnwidgets.widgets.citations import citation, grounds
from cnnwidgets.widgets.citations.reference import references
from cnnwidgets.widgets.citations.shown import of_tuning
from cnnwidgets.widgets.scheduler import Lane
from tests.widgets.tiny import network, pictures

WORDS = [f"word {n}" for n in range(9)]


@pytest.fixture(scope="module")
def squeezenet():
    return cw.load_model("squeezenet1_1", device="cpu")


@pytest.fixture
def explorer(squeezenet):
    photos = cw.load_images("photos")[:2]
    made = cw.UnitExplorer(squeezenet, photos, layer="features.3", lane=Lane(inline=True))
    yield made
    made.close()


def test_every_entry_is_whole():
    found = references()
    text = (cw.widgets.citations.reference.files("cnnwidgets.widgets.citations")).joinpath(
        "references.bib"
    )
    assert len(found) == text.read_text(encoding="utf-8").count("\n@")
    for key, reference in found.items():
        assert re.fullmatch(r"[a-z]+(19|20)\d\d", key)
        assert key.endswith(reference.fields["year"])
        assert reference.fields["author"] and reference.fields["title"] and reference.venue
        surname = reference.fields["author"].partition(" and ")[0].split()[-1]
        assert key.startswith(surname.lower().rstrip("0123456789"))
        assert reference.text.count("{") == 0


def test_every_key_is_known_and_every_entry_is_used():
    used = {grounds.TRAINED_ON}
    for keys in (*grounds.RULES.values(), *grounds.NETWORKS.values()):
        used |= set(keys)
    lists = [value for name, value in vars(grounds).items() if isinstance(value, list)]
    for pairs in (*lists, *grounds.PEOPLE.values()):
        used |= {key for _, key in pairs}
    used.add("hebart2019")  # by the objects of triplets
    assert used == set(references())
    with pytest.raises(KeyError, match="'nobody1900' is not among the references"):
        citation([("nothing", "nobody1900")])


def test_each_rule_has_its_paper():
    cited = {rule: {key for _, key in grounds.of_rule(rule)} for rule in RULES}
    both = {"mahendran2016"}
    assert cited["deconvnet"] == {"zeiler2014"} | both
    assert cited["saliency"] == {"simonyan2013"} | both
    assert cited["guided"] == {"springenberg2015"} | both
    assert all(cited[rule] == both for rule in ("FTF", "FFT", "TFF", "TFT", "FFF"))


def test_a_unit_in_a_photograph(explorer):
    explorer.wait(60)
    explorer.rule = "saliency"
    explorer.wait(60)
    cited = explorer.cite()
    assert {"simonyan2013", "mahendran2016", "araujo2019", "iandola2016"} <= set(cited.keys)
    assert "springenberg2015" not in cited.keys
    assert any("Stefan van der Walt, CC0-1.0" in line for line in cited.credits)
    explorer.rule = "guided"
    explorer.wait(60)
    assert "springenberg2015" in explorer.cite().keys
    assert "simonyan2013" not in explorer.cite().keys


def test_text_and_bibtex_hold_the_same(explorer):
    cited = explorer.cite()
    assert repr(cited).startswith("cnnwidgets developers (2026). cnnwidgets: ")
    assert f"version {cw.__version__}" in repr(cited)
    entries = re.findall(r"^@\w+\{(\w+),$", cited.bibtex, re.MULTILINE)
    assert entries == ["cnnwidgets", *cited.keys]
    assert cited.bibtex.count("{") == cited.bibtex.count("}")
    for key in cited.keys:
        assert references()[key].fields["title"] in repr(cited)


def test_networks_are_known_by_how_they_were_loaded():
    cited, said = grounds.of_network(network())
    assert (cited, "The network Tiny: cite its authors" in said[0]) == ([], True)
    alexnet = cw.load_model("alexnet", device="cpu")
    keys = [key for _, key in grounds.of_network(alexnet)[0]]
    assert keys == ["krizhevsky2012", "krizhevsky2014", "russakovsky2015"]


def test_gratings():
    plain = of_tuning(network(), measured=False, population=False)
    assert plain.keys == ("araujo2019",)
    measured = of_tuning(network(), measured=True, population=False)
    assert set(measured.keys) - set(plain.keys) == {"shiraishi2021", "ringach2002", "skottun1991"}
    everything = of_tuning(network(), measured=True, population=True)
    assert set(everything.keys) - set(measured.keys) == {"wilson1927", "efron1993"}


def test_the_tuning_explorer_cites_what_is_measured():
    made = cw.TuningExplorer(network(), pictures(), lane=Lane(inline=True))
    made.wait(60)
    assert "ringach2002" in made.cite().keys
    assert "wilson1927" not in made.cite().keys
    made.close()


def test_a_triplet_is_cited_for_what_it_reveals():
    features = {name: np.random.default_rng(n).random((9, 3)) for n, name in enumerate("ab")}
    made = cw.TripletStepper(
        features, WORDS, people=None, sittings=None, seed=1, lane=Lane(inline=True)
    )
    made.wait(60)
    assert made.cite().keys == ()
    made.take_out(0)
    assert {"mahner2025", "wilson1927"} <= set(made.cite().keys)
    assert "The features b: cite whose they are." in made.cite().credits
    made.close()


def test_a_board_without_answers_cites_how_it_counts(tmp_path):
    features = {"Net": np.random.default_rng(0).random((9, 3))}
    made = cw.ClassBoard(
        tmp_path, features, WORDS, people=None, lane=Lane(inline=True, clock=lambda: 0.0)
    )
    made.wait(60)
    assert made.cite().keys == ("hebart2020",)
    made.close()


def test_people_are_cited_by_their_embedding(shared_data):
    things = [cw.data.load_things(shared_data, dimensions=n) for n in (49, 66)]
    features = {"Net": np.random.default_rng(0).random((1854, 3))}
    made = cw.TripletStepper(
        features, things[0], people=things, sittings=None, seed=1, lane=Lane(inline=True)
    )
    made.wait(60)
    made.take_out(0)
    first = set(made.cite().keys)
    assert {"hebart2019", "hebart2020", "zheng2019"} <= first
    assert any(line.endswith("CC BY 4.0.") for line in made.cite().credits)
    made.people = "SPoSE 66, THINGS"
    made.wait(60)
    assert {"hebart2023", "zheng2019"} <= set(made.cite().keys)
    assert "hebart2020" not in made.cite().keys
    made.close()


def test_pictures_have_their_credits():
    photos, objects = cw.load_images("photos"), cw.load_images("objects")
    lines = credits_of(photos)
    assert len(lines) == len(photos) == 10
    assert "vultilion, CC-BY-2.0" in lines[3]
    assert credits_of(photos[3:4]) == lines[3:4]
    assert credits_of(objects) == (OBJECTS,)
    assert credits_of(pictures()) == ("Pictures of your own: name whose they are.",)
    assert credits_of(objects + photos, [0, 305]) == (OBJECTS, lines[0])
