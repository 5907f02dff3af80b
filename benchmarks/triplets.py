"""Similarity against the plain sum, and what a triplet's reader waits for.

``python -m benchmarks.triplets``. Ratios, not milliseconds, where there is a plain way: the sum
over contexts, vectorised over pairs, of which some contexts are timed in turns with ours, in one
process, after both gave the same numbers. Embeddings are random, sparse and as large as that of
THINGS; how exact all of it is, is the tests' question.
"""

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from cnnwidgets.engines import alignment, choices
from cnnwidgets.models.devices import set_threads_once

OBJECTS, DIMENSIONS = 1854, 66
CONTEXTS = 20  # of the plain way, a turn
TURNS = 5
ASKED, ASKED_COMPILED = 3, 15
RELEVANT, ASKED_RELEVANCE = 1_000_000, 8  # triplets; s
POOL, ASKED_NEXT = 200_000, 100  # triplets; ms
IMAGES, SAMPLED, ASKED_SAMPLE = 24_102, 20_000_000, 60  # s
ASKED_REVEAL = 60  # ms


def planted(objects: int, dimensions: int, seed: int = 0) -> Tensor:
    """Give a sparse embedding whose choices are about as sure as people's."""
    source = torch.Generator().manual_seed(seed)
    weights = torch.empty(objects, dimensions, dtype=torch.float64)
    weights.exponential_(5, generator=source)
    return weights * (torch.rand(objects, dimensions, generator=source) < 0.4)


def seconds(function: Callable[..., object], *given: object, **named: object) -> float:
    start = time.perf_counter()
    function(*given, **named)
    return time.perf_counter() - start


def plain(exponentials: np.ndarray, contexts: range) -> np.ndarray:
    """Give the sum over contexts as anybody would write it: one n x n step a context."""
    total = np.zeros_like(exponentials)
    for k in contexts:
        shares = exponentials / (exponentials + exponentials[:, k, None] + exponentials[k])
        shares[k] = shares[:, k] = 0
        total += shares
    return total


def similarity() -> None:
    """Print how much faster the exact similarity is than the plain way, and what it takes."""
    few = planted(150, DIMENSIONS)
    wanted = torch.from_numpy(plain((few @ few.T).exp().numpy(), range(150)) / 148)
    wanted.fill_diagonal_(1)
    weights = planted(OBJECTS, DIMENSIONS)
    exponentials = (weights @ weights.T).exp().numpy()
    ways = {"numpy": (False, ASKED)}
    if find_spec("numba") is not None:
        ways["numba"] = (True, ASKED_COMPILED)
    for compiled, _ in ways.values():
        found = alignment.similarity(few, compiled=compiled)  # also compiles
        assert torch.allclose(found, wanted, rtol=0, atol=1e-12)
    times: dict[str, list[float]] = {name: [] for name in ("plain", *ways)}
    for turn in range(TURNS):
        asked = range(turn * CONTEXTS, (turn + 1) * CONTEXTS)
        times["plain"].append(seconds(plain, exponentials, asked) * OBJECTS / CONTEXTS)
        for name, (compiled, _) in ways.items():
            times[name].append(seconds(alignment.similarity, weights, compiled=compiled))
    slow = statistics.median(times["plain"])
    print(f"Exact similarity of {OBJECTS} x {DIMENSIONS}: plain way {slow:.1f} s")
    for name, (_, least) in ways.items():
        took = statistics.median(times[name])
        print(f"  with {name} {took:.2f} s: plain / ours {slow / took:.1f} (asked {least})")
    if "numba" not in ways:
        print("  numba is not installed: pip install 'cnnwidgets[fast]'")
    sampled = seconds(alignment.similarity, weights, contexts=64)
    print(f"  64 random contexts {sampled:.2f} s; most memory {_matrices(weights):.1f} n x n")


def _matrices(weights: Tensor) -> float:
    """Give the most memory that arrays take at a time, in n x n matrices of float64."""
    tracemalloc.start()
    alignment.similarity(weights, compiled=False)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / (8 * len(weights) ** 2)


def streams() -> None:
    """Print what takes seconds: sampling for a whole study, and relevance."""
    took = seconds(choices.sample, IMAGES, SAMPLED)
    print(f"{SAMPLED:,} triplets of {IMAGES:,} objects: {took:.1f} s (asked {ASKED_SAMPLE})")
    weights, triplets = planted(OBJECTS, DIMENSIONS), choices.sample(OBJECTS, RELEVANT)
    for name, given in (("float32", weights.float()), ("float64", weights)):
        whole = seconds(alignment.relevance, triplets, given)
        five = seconds(alignment.strongest_dimensions, triplets, given, 5)
        print(
            f"Relevance of {RELEVANT:,} x {DIMENSIONS}, {name}: {whole:.2f} s (asked"
            f" {ASKED_RELEVANCE}); the five strongest {five:.2f} s"
        )


def live() -> None:
    """Print what somebody waits for who goes from triplet to triplet."""
    one, two = planted(OBJECTS, DIMENSIONS), planted(OBJECTS, 512, seed=1)
    triplets = choices.sample(OBJECTS, POOL)
    drives = [choices.logits(triplets, given) for given in (one, two)]
    p, q = (choices.probabilities(d, choices.automatic_temperature(d)) for d in drives)
    for mode in alignment.MODES:
        alignment.divergence(p, q, mode)  # a warm-up
        scored = 1000 * seconds(alignment.divergence, p, q, mode)
        scores = alignment.divergence(p, q, mode)
        took = [
            1000 * seconds(alignment.divergent, triplets, p, q, count=count, scores=scores)
            for count in (1, 100)
        ]
        print(
            f"Divergent ({mode}) of {POOL:,}: the next {took[0]:.0f} ms, the next hundred"
            f" {took[1]:.0f} ms (asked {ASKED_NEXT}); the pool scored once in {scored:.0f} ms"
        )
    times = [1000 * seconds(reveal, row[None], one, two) for row in triplets[:200]]
    least = [1000 * seconds(choices.least_asked, triplets[:5000], OBJECTS) for _ in "12345"]
    print(
        f"Numbers of a reveal {statistics.median(times):.1f} ms (asked {ASKED_REVEAL} with the"
        f" page); least asked of {OBJECTS} {statistics.median(least):.0f} ms"
    )


def reveal(triplet: Tensor, *embeddings: Tensor) -> None:
    for weights in embeddings:
        choices.probabilities(choices.logits(triplet, weights))
        alignment.contributions(triplet, weights)
        for odd in range(3):
            alignment.relevance(triplet, weights, odd=odd)


def correlation() -> None:
    """Print the time of a bootstrap and a permutation test of a thousand each."""
    for objects in (305, OBJECTS):
        one, two = planted(objects, DIMENSIONS), planted(objects, DIMENSIONS, seed=1)
        took = seconds(alignment.rsa, one @ one.T, two @ two.T)
        print(f"RSA of {objects} objects, 1000 resamples and permutations: {took:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"similarity": similarity, "streams": streams, "live": live, "rsa": correlation}
    parser.add_argument("--only", choices=list(parts), help="one of these")
    chosen = parser.parse_args()
    set_threads_once()
    for name, part in parts.items():
        if chosen.only in (None, name):
            part()


if __name__ == "__main__":
    main()
