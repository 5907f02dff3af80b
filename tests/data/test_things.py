"""THINGS: its files under all their names, joined in one order; what is wrong is told."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from cnnwidgets.data import Things, load_images, load_things, load_triplets

COUNT = 1854


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CNNWIDGETS_DATA", raising=False)
    return tmp_path / "cache" / "things"


@dataclass(frozen=True)
class Made:
    """A folder as of the release, and what is in it."""

    folder: Path
    ids: list[str]
    embedding: np.ndarray
    order: np.ndarray
    trials: np.ndarray


@pytest.fixture
def made(tmp_path: Path) -> Made:
    random = np.random.default_rng(3)
    ids = [f"thing_{number}" for number in range(COUNT)]
    ids[7:9] = ["bat1", "bat2"]
    embedding = random.gamma(0.5, size=(COUNT, 49))
    order = random.permutation(COUNT)  # what is raw[order] is in the order of the ids
    trials = np.array([[*random.choice(COUNT, 3, replace=False), n % 3, n % 4] for n in range(200)])
    folder = tmp_path / "release"
    (folder / "data").mkdir(parents=True)
    (folder / "variables").mkdir()
    np.savetxt(folder / "data" / "spose_embedding_49d_sorted.txt", embedding)
    from_one = trials + np.array([1, 1, 1, 1, 9])
    np.savetxt(folder / "data" / "triplets_noiseceiling.csv", from_one, "%d")
    variables = folder / "variables"
    (variables / "unique_id.txt").write_text("\r\n".join(ids) + "\r\n")
    savemat(variables / "sortind.mat", {"sortind": order[:, None] + 1})
    labels = np.array([f"label {n} / x" for n in range(49)], object)
    savemat(variables / "labels.mat", {"labels": labels[:, None]})
    shown = ["bat" if name in ids[7:9] else name.replace("_", " ") for name in ids]
    words = [f"{shown[n]}\tx\t{ids[n]}" for n in reversed(range(COUNT))]
    (folder / "items1854names.tsv").write_text("\n".join(["Word\tWordnet\tuniqueID", *words]))
    return Made(folder, ids, embedding, order, trials)


def test_a_release_is_read_into_one_order(made: Made) -> None:
    things = load_things(made.folder)
    assert things.ids == tuple(made.ids)
    assert things.names[7:9] == ("bat1", "bat2")  # one word, so its ids
    assert things.names[5] == "thing 5"
    assert things.embedding.dtype == np.float32 and np.allclose(things.embedding, made.embedding)
    assert things.labels[48] == "label 48 / x" and len(things.kinds) == 49
    assert things.categories.names == () and things.categories.members.shape == (COUNT, 0)
    raw_ids = np.empty(COUNT, object)
    raw_ids[made.order] = made.ids
    trials = things.trials
    assert trials is not None and trials.people is not None and trials.names == things.names
    for row, (i, j, k, odd, person), who in zip(
        trials.triplets, made.trials, trials.people, strict=True
    ):
        triplet = [raw_ids[i], raw_ids[j], raw_ids[k]]
        assert things.ids[row[2]] == triplet[odd]
        assert {things.ids[n] for n in row} == set(triplet) and who == person
    assert things.rows_of(["bat2", "thing_0"]).tolist() == [8, 0]
    with pytest.raises(ValueError, match="1 of 2 are no ids of THINGS, the first is 'unicorn'"):
        things.rows_of(["bat1", "unicorn"])


def test_where_it_is_looked_for(
    made: Made, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match="cnnwidgets things get") as caught:
        load_things()
    assert str(own_cache) in str(caught.value) and "CNNWIDGETS_DATA" in str(caught.value)
    monkeypatch.setenv("CNNWIDGETS_DATA", str(made.folder))
    assert load_things().folder == made.folder
    made.folder.rename(made.folder.with_name("things"))
    monkeypatch.setenv("CNNWIDGETS_DATA", str(made.folder.parent))
    assert load_things().folder == load_things(made.folder.parent).folder
    own_cache.parent.mkdir()
    os.rename(made.folder.with_name("things"), own_cache)
    assert load_things().folder == own_cache  # though the variable names a folder without it
    with pytest.raises(FileNotFoundError, match="spose_embedding_66d_sorted.txt"):
        load_things(dimensions=66)
    with pytest.raises(FileNotFoundError, match="are not in 'nowhere'"):
        load_things("nowhere")
    with pytest.raises(ValueError, match="49 or 66 dimensions, not 50"):
        load_things(dimensions=50)  # type: ignore[arg-type]


def test_without_the_optional_files(made: Made) -> None:
    for name in ("variables/sortind.mat", "variables/labels.mat", "items1854names.tsv"):
        (made.folder / name).unlink()
    things = load_things(made.folder)
    assert things.trials is None and things.names[5] == "thing 5"
    assert things.labels[:2] == ("dimension 1", "dimension 2")


def cut_rows(folder: Path) -> None:
    np.savetxt(folder / "data" / "spose_embedding_49d_sorted.txt", np.ones((1800, 49)))


def gaps(folder: Path) -> None:
    np.savetxt(folder / "data" / "spose_embedding_49d_sorted.txt", np.full((COUNT, 49), np.nan))


def ragged(folder: Path) -> None:
    (folder / "data" / "spose_embedding_49d_sorted.txt").write_text("1 2 3\n1 2\n")


def twice(folder: Path) -> None:
    (folder / "variables" / "unique_id.txt").write_text("bat\n" * COUNT)


def few_labels(folder: Path) -> None:
    (folder / "labels_49.txt").write_text("one\ntwo\n")


def no_permutation(folder: Path) -> None:
    (folder / "sortindex").write_text("0\n" * COUNT)


def other_words(folder: Path) -> None:
    (folder / "items1854names.tsv").write_text("Word\tuniqueID\nbat\tbat1\n")


def no_columns(folder: Path) -> None:
    (folder / "items1854names.tsv").write_text("name\tid\nbat\tbat1\n")


def few_members(folder: Path) -> None:
    (folder / "category_mat_manual.tsv").write_text("animal\tbird\n0\t1\n")


def bad_rating(folder: Path) -> None:
    (folder / "dim_labels.csv").write_text("dim,rater,quality\n1,a,5\n")


def bad_dimension(folder: Path) -> None:
    (folder / "dim_labels.csv").write_text("dim,rater,quality\n50,a,1\n")


def no_matlab(folder: Path) -> None:
    (folder / "labels_49.mat").write_text("labels")


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (cut_rows, "49d_sorted.txt' should hold 1854 x 49 numbers, and holds 1800 x 49"),
        (gaps, "49d_sorted.txt' has gaps"),
        (ragged, "49d_sorted.txt' should hold rows of numbers, all of one length"),
        (twice, "unique_id.txt' should hold 1854 different ids, and holds 1"),
        (few_labels, "labels_49.txt' should hold 49 labels, and holds 2"),
        (no_permutation, "sortindex' should hold each number of 1854 objects once"),
        (other_words, "items1854names.tsv' should name all 1854 objects, and lacks 'thing_0'"),
        (no_columns, "should hold columns Word and uniqueID, and holds id, name"),
        (few_members, "category_mat_manual.tsv' should hold 1854 rows of 2 zeros and ones"),
        (bad_rating, "dim_labels.csv', line 2: quality should be 1 .*not '5'"),
        (bad_dimension, "dim_labels.csv', line 2: dim should be 1 to 49, not '50'"),
        (no_matlab, "labels_49.mat' is no file of Matlab"),
    ],
)
def test_a_file_of_another_shape_is_told(
    made: Made, harm: Callable[[Path], None], sentence: str
) -> None:
    harm(made.folder)
    with pytest.raises(ValueError, match=sentence) as caught:
        load_things(made.folder)
    assert "\n" not in str(caught.value)


def test_raters_take_the_place_of_our_judgement(made: Made) -> None:
    ours = load_things(made.folder).kinds
    votes = ["dim,rater,quality", "1,a,1", "1,b,1", "1,c,2", "2,a,4", "3,a,1", "3,b,2"]
    (made.folder / "dim_labels.csv").write_text("\n".join(votes))
    kinds = load_things(made.folder).kinds
    assert kinds[:3] == ("visual", "unclear", "mixed") and kinds[3:] == ours[3:]


@pytest.fixture(scope="module", params=[49, 66])
def real(request: pytest.FixtureRequest, shared_data: Path) -> Things:
    return load_things(shared_data, request.param)


def test_the_real_objects(real: Things) -> None:
    assert real.embedding.shape == (COUNT, len(real.labels)) and len(set(real.names)) == COUNT
    assert real.names[0] == "aardvark" and real.ids[803] == "hot-air_balloon"
    assert len(real.categories.names) == 27 and real.categories.members.shape == (COUNT, 27)
    assert set(real.kinds) == {"semantic", "mixed", "visual"}
    pictures = load_images("objects")
    rows = real.rows_of(pictures.names)
    assert len(set(rows.tolist())) == 305
    assert [real.ids[row] for row in rows] == list(pictures.names)


def test_the_real_dimensions_are_of_these_objects(real: Things) -> None:
    """The order of the rows: what lies high on a dimension is what its label says."""
    labels = {label.partition(" /")[0]: n for n, label in enumerate(real.labels)}
    members = dict(zip(real.categories.names, real.categories.members.T, strict=True))
    for label, category, share in (("animal-related", "animal", 1), ("food-related", "food", 0.9)):
        top = np.argsort(-real.embedding[:, labels[label]])[:30]
        assert members[category][top].mean() >= share, label
    fire = [n for n, label in enumerate(real.labels) if label.startswith(("fire", "heat"))]
    tops = {real.ids[row] for row in np.argsort(-real.embedding[:, fire[0]])[:15]}
    assert tops & {"candle", "fireworks", "bonfire", "torch", "match", "sparkler", "flame"}


def test_the_real_categories_stand_in_the_order_of_the_ids(real: Things) -> None:
    """The rows of these objects differ between the orders of the release."""
    expected = {
        "chicken2": "animal", "hot-air_balloon": "vehicle", "hot_chocolate": "drink",
        "ice_cream": "dessert", "ice_pack": "medical equipment", "pepper_mill": "kitchen tool",
        "pepper2": "vegetable", "camera2": "electronic device",
    }  # fmt: skip
    for name, category in expected.items():
        row, column = real.ids.index(name), real.categories.names.index(category)
        assert real.categories.members[row, column], name


def test_the_real_choices(real: Things, shared_data: Path, tmp_path: Path) -> None:
    trials = real.trials
    assert trials is not None and trials.people is not None
    assert trials.triplets.shape == (10_020, 3) and len(np.unique(trials.people)) == 325
    likely = 0
    for i, j, odd in trials.triplets.tolist():
        x, y, z = (real.embedding[n].astype(float) for n in (i, j, odd))
        likely += float(x @ y) > max(float(x @ z), float(y @ z))
    accuracy = likely / len(trials)
    if len(real.labels) == 66:
        assert accuracy == pytest.approx(0.6365, abs=0.0001)
    assert accuracy > 0.62
    np.save(tmp_path / "first.npy", trials.triplets[:, [2, 0, 1]])
    found = load_triplets(tmp_path / "first.npy", reference=real.embedding)
    assert np.array_equal(found.triplets, trials.triplets)
    assert "the odd one is the first" in found.remarks[0]
