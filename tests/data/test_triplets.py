"""Choices from files: every layout, the first object's number, the odd column, the order."""

from pathlib import Path

import numpy as np
import pytest

from cnnwidgets.data import load_embedding, load_features, load_triplets, save_triplets
from cnnwidgets.data.triplets import StoredFeatures, TripletSet, tables

NAMES = tuple(f"object {number}" for number in range(30))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "triplets"


@pytest.fixture
def embedding() -> np.ndarray:
    return np.random.default_rng(5).gamma(0.5, size=(30, 4))


@pytest.fixture
def rows(embedding: np.ndarray) -> np.ndarray:
    """What the embedding would choose, but for a tenth; odd one last, [500, 3]."""
    random = np.random.default_rng(6)
    chosen = []
    for _ in range(500):
        i, j, k = (int(number) for number in random.choice(30, 3, replace=False))
        pairs = [(i, j, k), (i, k, j), (j, k, i)]
        alike = [embedding[a] @ embedding[b] for a, b, _ in pairs]
        chosen.append(pairs[random.integers(3) if random.random() < 0.1 else int(np.argmax(alike))])
    return np.array(chosen)


def written(path: Path, array: np.ndarray, mark: str = " ", header: str = "") -> Path:
    lines = [mark.join(str(number) for number in row) for row in array.tolist()]
    path.write_text("\n".join([header] * bool(header) + lines) + "\n", encoding="utf-8")
    return path


def positioned(rows: np.ndarray) -> np.ndarray:
    """The same choices as three objects and the position of the odd one, all from 1."""
    random = np.random.default_rng(7)
    shuffled = []
    for row in rows.tolist():
        turn = random.permutation(3)
        shuffled.append([row[n] + 1 for n in turn] + [turn.tolist().index(2) + 1])
    return np.array(shuffled)


def same(found: TripletSet, rows: np.ndarray) -> bool:
    """Whether these are the choices: the odd ones in place, and the pairs in either order."""
    return np.array_equal(found.triplets[:, 2], rows[:, 2]) and np.array_equal(
        np.sort(found.triplets[:, :2]), np.sort(rows[:, :2])
    )


@pytest.mark.parametrize("layout", ["npy", "float npy", "txt", "float txt", "tsv", "csv", "bom"])
def test_rows_of_three(tmp_path: Path, rows: np.ndarray, layout: str) -> None:
    path = tmp_path / f"choices.{layout.rpartition(' ')[2].replace('bom', 'csv')}"
    if path.suffix == ".npy":
        np.save(path, rows.astype(float) if "float" in layout else rows)
    else:
        marks = {".txt": " ", ".tsv": "\t", ".csv": ","}
        written(path, rows.astype(float) if "float" in layout else rows, marks[path.suffix])
    if layout == "bom":
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    found = load_triplets(path)
    assert found.triplets.dtype == np.int32 and np.array_equal(found.triplets, rows)
    assert (found.objects, found.names, found.people) == (30, None, None)
    (said,) = found.remarks
    assert "the odd one is taken to be the last" in said
    with_names = load_triplets(path, names=NAMES, odd="last")
    assert with_names.names == NAMES and with_names.remarks == ()


@pytest.mark.parametrize("layout", ["THINGS-data", "Hebart", "named"])
def test_rows_that_tell_the_position(tmp_path: Path, rows: np.ndarray, layout: str) -> None:
    table = positioned(rows)
    people = np.arange(500) % 7 * 10 + 3
    if layout == "THINGS-data":
        extra = np.column_stack([people, table, people * 99])
        header = "subject_id,trip.1,trip.2,trip.3,choice,RT"
        path = written(tmp_path / "trials.csv", extra, ",", header)
    elif layout == "Hebart":
        path = written(tmp_path / "trials.tsv", np.column_stack([table, people]), "\t")
    else:
        header = "id1\tid2\tid3\tposition\tparticipant"
        path = written(tmp_path / "trials.txt", np.column_stack([table, people]), "\t", header)
    found = load_triplets(path)
    assert same(found, rows) and found.objects == 30
    assert found.people is not None and np.array_equal(found.people, np.arange(500) % 7)
    (said,) = found.remarks
    assert "counted from 1" in said


@pytest.mark.parametrize("column", ["first", "second", "last"])
def test_the_odd_column_is_found_by_a_reference(
    tmp_path: Path, rows: np.ndarray, embedding: np.ndarray, column: str
) -> None:
    turned = {"first": [2, 0, 1], "second": [0, 2, 1], "last": [0, 1, 2]}[column]
    np.save(tmp_path / "choices.npy", rows[:, turned])
    for reference in (embedding, embedding @ embedding.T):
        found = load_triplets(tmp_path / "choices.npy", reference=reference)
        assert np.array_equal(found.triplets, rows) and found.objects == 30
        assert f"the odd one is the {column}" in found.remarks[0]
    found = load_triplets(tmp_path / "choices.npy", odd=column)  # type: ignore[arg-type]
    assert np.array_equal(found.triplets, rows) and found.remarks == ()


def test_a_reference_that_does_not_fit_is_told(
    tmp_path: Path, rows: np.ndarray, embedding: np.ndarray
) -> None:
    turned = np.concatenate([rows[:, turn] for turn in ([0, 1, 2], [0, 2, 1], [2, 0, 1])])
    np.save(tmp_path / "choices.npy", turned)
    with pytest.raises(ValueError, match="no column is clearly the odd one"):
        load_triplets(tmp_path / "choices.npy", reference=embedding)
    gap = np.where(embedding == embedding[3, 2], np.nan, embedding)
    with pytest.raises(ValueError, match="without gaps"):
        load_triplets(tmp_path / "choices.npy", reference=gap)
    with pytest.raises(ValueError, match="object number 29 counted from 0, and there are 20"):
        load_triplets(tmp_path / "choices.npy", reference=embedding[:20])
    with pytest.raises(ValueError, match="here 30 in names, 20 in reference"):
        load_triplets(tmp_path / "choices.npy", reference=embedding[:20], names=NAMES)


def test_the_first_objects_number(tmp_path: Path, rows: np.ndarray) -> None:
    np.save(tmp_path / "one.npy", rows + 1)
    assert same(load_triplets(tmp_path / "one.npy", names=NAMES), rows)  # 30 is the highest of 30
    assert same(load_triplets(tmp_path / "one.npy", base=1), rows)
    taken = load_triplets(tmp_path / "one.npy")
    assert taken.objects == 31 and "taken to be counted from 0, though 1 is" in taken.remarks[0]
    np.save(tmp_path / "many.npy", np.tile(rows + 1, (201, 1)))
    many = load_triplets(tmp_path / "many.npy")
    assert same(many, np.tile(rows, (201, 1))) and "no object 0 in 100500 rows" in many.remarks[0]
    np.save(tmp_path / "zero.npy", rows)
    with pytest.raises(ValueError, match="'zero.npy' holds an object 0"):
        load_triplets(tmp_path / "zero.npy", base=1)
    # A part that happens to lack the object 0 is not shifted: 29 is the highest of 30.
    part = rows[(rows != 0).all(1)]
    np.save(tmp_path / "part.npy", part)
    assert same(load_triplets(tmp_path / "part.npy", names=NAMES), part)


@pytest.mark.parametrize("first", [0, 1])
def test_the_order_of_objects_is_undone(tmp_path: Path, rows: np.ndarray, first: int) -> None:
    order = np.random.default_rng(8).permutation(30)
    raw_names = np.array([f"raw {number}" for number in range(30)])
    names = raw_names[order]  # wanted = files[order]
    np.save(tmp_path / "raw.npy", rows)
    found = load_triplets(tmp_path / "raw.npy", order=order + first)
    assert np.array_equal(names[found.triplets], raw_names[rows])
    with pytest.raises(ValueError, match="each of 30 objects' numbers once"):
        load_triplets(tmp_path / "raw.npy", order=np.minimum(order, 28))


def test_rows_with_one_object_twice_are_left_out(tmp_path: Path, rows: np.ndarray) -> None:
    bad = rows.copy()
    bad[[3, 50, 70], [0, 1, 2]] = bad[[3, 50, 70], [1, 2, 0]]
    table = np.column_stack([bad + 1, np.full(500, 3), np.arange(500)])
    found = load_triplets(written(tmp_path / "bad.txt", table))
    kept = np.delete(np.arange(500), [3, 50, 70])
    assert same(found, rows[kept]) and found.remarks[-1].endswith(
        "3 rows with one object twice left out"
    )
    assert found.people is not None and np.array_equal(found.people, kept)
    with pytest.raises(ValueError, match="one object twice in every row"):
        load_triplets(written(tmp_path / "all.txt", np.array([[1, 1, 0], [2, 0, 0]])))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty: rows of three objects"),
        ("\n \n", "is empty: rows of three objects"),
        ("a,b,c\n", "holds no choices"),
        ("0 1\n2 0\n", "three columns of objects, and has 2"),
        ("0 1 2\n0 1\n", "column 3: nothing stands in row 2"),
        ("0 1 2\n0 nan 1\n", "column 2: nothing stands in row 2"),
        ("0 1 2\n0 1 2 3 4 5\n", "is no table of choices"),
        ("0 1 2\n0 1 2.5\n", "column 3: 2.5 stands in row 2"),
        ("0 1 2\n0 -1 2\n", "column 2: -1 stands in row 2"),
        ("0 1 2\n0 1 9999999999\n", "column 3: 9999999999 stands in row 2"),
        ("0 1 2\n0 dog 3\n", "column 2: 'dog' is no number of an object"),
        ("dog cat cup\nbat dog cup\n", "column 1: 'bat' is no number of an object"),
        ("1 2 3 4\n", "should hold 1, 2 or 3"),
        ("1 2 3 0\n1 2 3 3\n", "should hold 1, 2 or 3"),
        ("trip.1,trip.2,trip.3,choice\n1,2,3,x\n", "column 'choice': 'x' is no number"),
    ],
)
def test_what_holds_no_choices_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=sentence) as caught:
        load_triplets(path)
    assert "\n" not in str(caught.value) and "wrong.txt" in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.arange(9))
    np.save(tmp_path / "none.npy", np.zeros((0, 3), int))
    np.save(tmp_path / "words.npy", np.array([["a", "b", "c"]]))
    (tmp_path / "no.npy").write_bytes(b"\x93NUMPY no more")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG \xff\xfe\x00\n\x81")
    (tmp_path / "choices.json").write_text("[[0, 1, 2]]")
    for name, sentence in {
        "flat.npy": r"has the shape \[9\]", "none.npy": "holds no choices",
        "words.npy": "should hold numbers, not <U1",
        "no.npy": "no array of numbers", "picture.txt": "is no table of choices",
        "choices.json": "no format that is read",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=sentence):
            load_triplets(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load_triplets(tmp_path / "not there.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no choices: train_90 and test_10"):
        load_triplets(tmp_path / "empty")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train_90.npy", "test_10.npy"), ("train_90.txt", "test_10.txt"),
        ("train_abc.npy", "test_abc.txt"),
        ("data1854_batch5_train90.txt", "data1854_batch5_test10.txt"),
    ],
)  # fmt: skip
def test_a_folder_of_two_parts(tmp_path: Path, rows: np.ndarray, train: str, test: str) -> None:
    for name, part in ((train, rows[:450]), (test, rows[450:])):
        if name.endswith("npy"):
            np.save(tmp_path / name, part)
        else:
            written(tmp_path / name, part)
    found = load_triplets(tmp_path)
    assert np.array_equal(found.triplets, rows) and found.test_from == 450 and found.split is None
    assert np.array_equal(found.train.triplets, rows[:450]) and found.train.split == "train"
    assert np.array_equal(found.test.triplets, rows[450:]) and found.test.split == "test"


def test_a_folder_of_one_part_and_of_too_many(tmp_path: Path, rows: np.ndarray) -> None:
    np.save(tmp_path / "test_triplets.npy", rows)
    found = load_triplets(tmp_path)
    assert np.array_equal(found.triplets, rows) and found.split == "test"
    assert found.test is found
    np.save(tmp_path / "test_2.npy", rows)
    with pytest.raises(ValueError, match="more than one file to test: test_2.npy, test_triplets"):
        load_triplets(tmp_path)


def test_what_is_saved_comes_back(tmp_path: Path, rows: np.ndarray) -> None:
    people = (np.arange(500) % 9).astype(np.int32)
    whole = TripletSet(rows.astype(np.int32), 30, NAMES, people, test_from=400)
    assert save_triplets(whole, tmp_path / "vice") == tmp_path / "vice"
    found = load_triplets(tmp_path / "vice")
    assert np.array_equal(found.triplets, rows)
    assert (found.test_from, found.names, found.objects) == (400, NAMES, 30)
    assert np.load(tmp_path / "vice" / "train_90.npy").dtype == np.int64
    table = load_triplets(save_triplets(whole, tmp_path, format="csv"), names=NAMES)
    assert np.array_equal(table.triplets, rows) and table.remarks == ()
    assert table.people is not None and np.array_equal(table.people, people)
    save_triplets(TripletSet(rows.astype(np.int32), 30), tmp_path / "shuffled", seed=1)
    shuffled = load_triplets(tmp_path / "shuffled")
    assert sorted(shuffled.triplets.tolist()) == sorted(rows.tolist())
    assert shuffled.test_from is not None and abs(shuffled.test_from - 450) <= 1
    assert not np.array_equal(shuffled.triplets, rows)
    for count, words in ((0, "is none"), (1, "is one")):
        with pytest.raises(ValueError, match=f"two different triplets at least, and here {words}"):
            save_triplets(TripletSet(rows[:count], 30), tmp_path)
    with pytest.raises(ValueError, match="'vice' or 'csv', not 'xls'"):
        save_triplets(whole, tmp_path, format="xls")  # type: ignore[arg-type]


@pytest.mark.parametrize("times", [1, 4, 40])
def test_no_triplet_is_both_trained_on_and_tested(tmp_path: Path, times: int) -> None:
    random = np.random.default_rng(2)
    each = np.array(sorted({tuple(sorted(random.choice(30, 3, replace=False))) for _ in range(90)}))
    repeated = np.repeat(each, random.integers(1, times + 1, len(each)), axis=0)
    choices = random.permuted(repeated, axis=1).astype(np.int32)
    often = np.tile(np.array([[29, 0, 1]], np.int32), (300, 1))  # by far too many to hold out
    for rows in (choices, np.concatenate([choices, often])):
        held_out = set()
        for seed in range(5):
            save_triplets(TripletSet(rows, 30), tmp_path, seed=seed)
            train, test = (np.load(tmp_path / name) for name in ("train_90.npy", "test_10.npy"))
            assert sorted([*train.tolist(), *test.tolist()]) == sorted(rows.tolist())
            trained, tested = ({frozenset(row) for row in part.tolist()} for part in (train, test))
            assert not trained & tested
            assert abs(len(test) - len(rows) / 10) <= times / 2 + 1
            assert not np.array_equal(np.sort(train, 1), np.unique(np.sort(train, 1), axis=0))
            held_out.add(frozenset(tested))
        assert len(held_out) == 5
    two = np.array([[0, 1, 2]] * 30 + [[1, 2, 3]] * 40, np.int32)
    save_triplets(TripletSet(two, 30), tmp_path)
    assert np.load(tmp_path / "test_10.npy").tolist() == two[:30].tolist()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"odd": "third"}, "'first', 'second' or 'last' of a row, or 'auto' finds it; not 'third'"),
        ({"odd": 2}, "or 'auto' finds it; not 2$"),
        ({"base": 2}, "counted from 0 or 1, or 'auto' finds out; not from 2$"),
        ({"base": "1"}, "counted from 0 or 1, or 'auto' finds out; not from '1'$"),
    ],
)
def test_what_cannot_be_said_of_a_file_is_refused(
    tmp_path: Path, rows: np.ndarray, said: dict[str, object], sentence: str
) -> None:
    np.save(tmp_path / "choices.npy", rows)
    with pytest.raises(ValueError, match=sentence):
        load_triplets(tmp_path / "choices.npy", **said)  # type: ignore[arg-type]


def test_a_large_text_is_read_once(
    tmp_path: Path, rows: np.ndarray, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = np.tile(np.column_stack([positioned(rows), np.arange(500)]), (170, 1))
    path = written(tmp_path / "large.txt", table)
    assert path.stat().st_size > 2**20
    first = load_triplets(path)
    assert len(list(own_cache.iterdir())) == 1
    monkeypatch.setattr(tables, "_of_text", lambda path: pytest.fail("read again"))
    second = load_triplets(path)
    assert np.array_equal(first.triplets, second.triplets) and first.remarks == second.remarks
    assert second.people is not None and np.array_equal(first.people, second.people)
    monkeypatch.undo()
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(tmp_path / "cache"))
    written(path, table[:-1])  # changed
    assert len(load_triplets(path)) == len(table) - 1
    for kept in own_cache.iterdir():
        kept.write_bytes(b"broken")
    assert len(load_triplets(path)) == len(table) - 1


def test_embeddings_of_other_programs(tmp_path: Path, embedding: np.ndarray) -> None:
    np.save(tmp_path / "final_embedding.npy", embedding)
    np.savetxt(tmp_path / "sparse_embed_epoch0500.txt", embedding.T)
    np.savetxt(tmp_path / "sorted.txt", embedding)
    shifted = embedding - 1
    np.savez(tmp_path / "pruned_params.npz", pruned_loc=shifted, pruned_scale=np.ones((30, 4)))
    np.savez(tmp_path / "parameters.npz", q_mu=np.ones((30, 9)), pruned_q_mu=shifted, method="d")
    for name in ("final_embedding.npy", "sparse_embed_epoch0500.txt", "sorted.txt"):
        for objects in (30, None):
            found = load_embedding(tmp_path / name, objects)
            assert found.dtype == np.float32 and np.allclose(found, embedding)
    assert np.allclose(load_embedding(tmp_path / "sorted.txt", 4), embedding.T)
    for name in ("pruned_params.npz", "parameters.npz"):
        assert np.allclose(load_embedding(tmp_path / name), np.maximum(shifted, 0))
    with pytest.raises(ValueError, match=r"has the shape \[30, 4\], for 31 objects"):
        load_embedding(tmp_path / "sorted.txt", 31)
    np.save(tmp_path / "gap.npy", np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="has gaps"):
        load_embedding(tmp_path / "gap.npy")
    (tmp_path / "words.txt").write_text("dog cat\n")
    with pytest.raises(ValueError, match="no table of numbers"):
        load_embedding(tmp_path / "words.txt")


def test_features_of_thingsvision(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="neither features.npy nor features.txt"):
        load_features(tmp_path)
    values = np.arange(24.0).reshape(3, 2, 2, 2)
    np.save(tmp_path / "features.npy", values)
    assert load_features(tmp_path).files is None
    (tmp_path / "file_names.txt").write_text("a/1.jpg\nb/2 x.jpg\nc.jpg\n")
    found = load_features(tmp_path)
    assert isinstance(found, StoredFeatures)
    assert np.array_equal(found.values, values) and found.files == ("a/1.jpg", "b/2 x.jpg", "c.jpg")
    (tmp_path / "file_names.txt").write_text("a/1.jpg\n")
    with pytest.raises(ValueError, match="has 3 rows, and file_names.txt 1 names"):
        load_features(tmp_path)
