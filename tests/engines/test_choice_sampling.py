"""Triplets are drawn uniformly and none twice; the next of a class is one of those asked least."""

from itertools import combinations, permutations
from math import comb

import numpy as np
import pytest
import torch

from cnnwidgets.engines.choices import least_asked, plan, sample


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("objects", [3, 4, 7, 41])
def test_all_triplets_there_are_come_once(objects: int) -> None:
    found = sample(objects, comb(objects, 3), generator=generator())
    assert found.dtype == torch.int32
    assert sorted(map(tuple, found.tolist())) == list(combinations(range(objects), 3))
    if objects == 41:  # in random order
        order = (found * torch.tensor([41**2, 41, 1])).sum(1).double()
        assert (
            abs(float(torch.corrcoef(torch.stack([order, torch.arange(len(order))]))[0, 1])) < 0.1
        )


@pytest.mark.parametrize(("objects", "count"), [(30, 200), (30, 3000), (24_102, 200_000)])
def test_triplets_are_different_and_every_object_comes_as_often(objects: int, count: int) -> None:
    found = sample(objects, count, generator=generator(1)).long()
    assert bool((found[:, 0] < found[:, 1]).all() and (found[:, 1] < found[:, 2]).all())
    codes = (found[:, 0] * objects + found[:, 1]) * objects + found[:, 2]
    assert len(codes.unique()) == count == len(found)
    times = torch.bincount(found.flatten(), minlength=objects).double()
    chance = 3 / objects
    sigma = (count * chance * (1 - chance)) ** 0.5
    assert float((times - count * chance).abs().max()) < 5 * max(sigma, 1)
    # No trend along the rows: the first half is as random as the second.
    half = found[: count // 2].double().mean(0) - found[count // 2 :].double().mean(0)
    assert float(half.abs().max()) < objects * 5 / count**0.5


def test_every_triplet_is_as_likely() -> None:
    source, times = generator(2), np.zeros(comb(7, 3))
    index = {triplet: i for i, triplet in enumerate(combinations(range(7), 3))}
    for _ in range(1500):
        for triplet in sample(7, 5, generator=source).tolist():
            times[index[tuple(triplet)]] += 1
    expected = 1500 * 5 / 35
    assert abs(times - expected).max() < 5 * expected**0.5


def test_the_last_triplet_of_very_many_objects_is_reached() -> None:
    from cnnwidgets.engines.choices.sampling import _triplets

    for objects in (3, 2000, 24_102, 2_000_000):
        last = torch.tensor(
            [0, comb(objects - 1, 3) - 1, comb(objects - 1, 3), comb(objects, 3) - 1]
        )
        found = _triplets(last).tolist()
        assert found[0] == [0, 1, 2] and found[3] == [objects - 3, objects - 2, objects - 1]
        assert found[2] == [0, 1, objects - 1]
        if objects > 3:
            assert found[1] == [objects - 4, objects - 3, objects - 2]


def test_the_same_seed_gives_the_same_triplets_and_stopping_ends_them() -> None:
    one, two = (sample(50, 400, generator=generator(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, sample(50, 400, generator=generator(4)))

    def stop(done: int, total: int) -> None:
        raise InterruptedError(f"{done} of {total}")

    with pytest.raises(InterruptedError, match="0 of 400"):
        sample(50, 400, progress=stop)


def test_more_triplets_than_there_are_are_refused() -> None:
    with pytest.raises(ValueError, match="5 objects make 10 triplets; asked were 11"):
        sample(5, 11)
    with pytest.raises(ValueError, match="asked were 0"):
        sample(5, 0)
    with pytest.raises(ValueError, match="got 2"):
        sample(2, 1)


def pairs(asked: list[tuple[int, int, int]], objects: int) -> np.ndarray:
    times = np.zeros((objects, objects), int)
    for triplet in asked:
        for i, j in combinations(sorted(triplet), 2):
            times[i, j] += 1
    return times[np.triu_indices(objects, 1)]


def follows(
    triplet: tuple[int, int, int],
    asked: list[tuple[int, int, int]],
    times: np.ndarray,
    objects: int,
) -> bool:
    """Whether a pair of it was asked least, and of the new triplets with it, the third least."""
    matrix = np.zeros((objects, objects), int)
    matrix[np.triu_indices(objects, 1)] = times
    matrix += matrix.T
    for i, j, k in permutations(triplet):
        new = [
            other
            for other in set(range(objects)) - {i, j}
            if tuple(sorted((i, j, other))) not in asked
        ]
        least = min(matrix[i, other] + matrix[j, other] for other in new) if new else -1
        if matrix[i, j] == times.min() and k in new and matrix[i, k] + matrix[j, k] == least:
            return True
    return False


def test_the_least_asked_come_next() -> None:
    objects, source = 9, generator(5)
    asked = [(0, 1, 2)]
    for _ in range(83):
        times = pairs(asked, objects)
        asked.append(least_asked(torch.tensor(asked), objects, generator=source))
        assert follows(asked[-1], asked[:-1], times, objects)
    assert len(set(asked)) == len(asked) == comb(9, 3)  # none again before all have come
    times = pairs(asked, objects)
    assert times.max() == times.min() == 7
    random = pairs([tuple(row) for row in sample(9, 30, generator=source).tolist()], objects)
    assert pairs(asked[:30], objects).std() < 0.7 * random.std()


def test_the_first_triplet_comes_of_nothing_and_the_seed_decides_it() -> None:
    nothing = torch.empty(0, 3, dtype=torch.int64)
    found = {least_asked(nothing, 40, seed=seed) for seed in range(20)}
    assert len(found) > 15
    assert all(0 <= i < j < k < 40 for i, j, k in found)
    assert least_asked(nothing, 40, seed=3) == least_asked(nothing.numpy(), 40, seed=3)
    assert least_asked(nothing, 3) == (0, 1, 2)
    with pytest.raises(ValueError, match="at least 3 objects"):
        least_asked(nothing, 2)
    with pytest.raises(ValueError, match="from 0 to 3, got 0 to 4"):
        least_asked(torch.tensor([[0, 1, 4]]), 4)


def test_a_plan_in_numbers_and_words() -> None:
    found = plan(16, 30, 19)
    assert (found.triplets, found.answers, found.trials_for_all) == (560, 570, 19)
    assert found.per_triplet == 570 / 560 and found.share_seen == 1
    assert found.per_pair == 570 * 3 / 120 and found.per_picture == 570 * 3 / 16
    assert found.sentence == (
        "16 pictures make 560 triplets; 30 people with 19 trials each answer 570: each triplet"
        " about once."
    )
    assert (plan(24, 1, 1).triplets, plan(32, 1, 1).triplets) == (2024, 4960)
    some = plan(24, 30, 19)
    assert some.share_seen == 570 / 2024
    assert some.sentence.endswith(
        "28 % of the triplets once; all of them once would take 68 trials each."
    )
    assert plan(8, 30, 19).sentence.endswith("each triplet about 10.2 times.")
    assert plan(3, 1, 1).sentence.startswith("3 pictures make 1 triplet; 1 person with 1 trial")


def test_the_share_seen_at_random_is_that_of_a_simulation() -> None:
    source, seen = generator(6), []
    for _ in range(200):
        people = [sample(7, 4, generator=source).tolist() for _ in range(6)]
        seen.append(len({tuple(row) for person in people for row in person}) / 35)
    assert abs(np.mean(seen) - plan(7, 6, 4).share_seen_at_random) < 0.01


def test_a_plan_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 pictures, got 2"):
        plan(2, 3, 4)
    for people, trials in ((0, 5), (5, 0)):
        with pytest.raises(ValueError, match="at least one person with one trial"):
            plan(5, people, trials)


@pytest.mark.parametrize("given", [(4.7, 2, 2), (5, 2.5, 2), (5, 2, 1.9), (5, 2, float("nan"))])
def test_a_plan_counts_in_whole_numbers(given: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=f"whole numbers: got {given[0]}, {given[1]} and"):
        plan(*given)  # type: ignore[arg-type]
    assert plan(np.int64(5), np.int32(2), 1) == plan(5, 2, 1)


def test_pairs_of_very_many_objects_are_not_counted() -> None:
    nothing = torch.empty(0, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match="at most 5,000 objects, got 40,000; of more, draw them"):
        least_asked(nothing, 40_000)


def test_the_least_asked_with_one_object_in_each() -> None:
    objects, source = 8, generator(6)
    asked: list[tuple[int, int, int]] = []
    for _ in range(comb(objects - 1, 2)):
        matrix = np.zeros((objects, objects), int)
        matrix[np.triu_indices(objects, 1)] = pairs(asked, objects)
        matrix += matrix.T
        found = least_asked(np.array(asked).reshape(-1, 3), objects, holding=3, generator=source)
        others = [n for n in range(objects) if n != 3]
        least = min(matrix[3, other] for other in others)
        assert 3 in found and least in [matrix[3, n] for n in found if n != 3]
        asked.append(found)
    assert len(set(asked)) == 21
    assert np.bincount(np.ravel(asked)).tolist() == [6] * 3 + [21] + [6] * 4
    with pytest.raises(ValueError, match="the object held is a number from 0 to 7, got 8"):
        least_asked(np.array(asked), objects, holding=8)
