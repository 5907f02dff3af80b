"""The views of the class board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from cnnwidgets.views import Fold, Matrix, NumberRow, Table, Verdict, layout, words
from cnnwidgets.widgets.triplets.class_files import Reading
from cnnwidgets.widgets.triplets.class_look import BoardLook
from cnnwidgets.widgets.triplets.class_words import (
    HEADS,
    NEVER,
    agreement_numbers,
    class_numbers,
    correlation,
    matrix_alt,
    pace_number,
    pair_words,
    plan_words,
    sitting_rows,
)
from cnnwidgets.widgets.triplets.words import spoken


class ClassPanels:
    """Numbers, the two matrices, sentences, and the list of sittings.

    Attributes
    ----------
    matrices : of the class and of the network.
    main : all but the list; `strip` : the list, folded.
    """

    def __init__(self) -> None:
        self.plan = layout.plain()
        self.counts, self.agreements = NumberRow(), NumberRow()
        self.matrices = (Matrix(unknown=NEVER), Matrix(unknown="not known to it"))
        self.verdict, self.pair = Verdict(), Verdict()
        self.fold, self.table = Fold(title="Sittings"), Table(heads=HEADS, alt="Sittings")
        self.main = layout.board_main(
            self.plan, (self.counts, self.agreements), self.matrices, self.verdict, self.pair
        )
        self.strip = layout.folded_strip(self.fold, self.table)

    def draw(self, look: BoardLook, *, objects: int, trials: int | None, waiting: str) -> None:
        """Show what is known of a class.

        Parameters
        ----------
        objects : how many the board is about; `trials` : planned for each person, or None.
        waiting : why there is no network, "" where there is one.
        """
        found = look.question.reading.merged.sittings
        self.plan.value = plan_words(look, objects, trials)
        counted = class_numbers(look)
        self.counts.show(numbers=counted, alt="The class so far")
        self.agreements.show(numbers=agreement_numbers(look), alt="Agreement with the class")
        shown = len(look.names)
        some = [f"the {shown} of {look.occurring} with the most answers"]
        notes = [*(some if shown < look.occurring else [f"{shown} objects"]), look.order]
        notes = notes if shown else []
        self._matrix(0, look, look.similarity if shown else None, "The class", notes)
        name = spoken(look.question.network) or "Network"
        setting = look.question.setting
        made = [text for text in (setting.layer, setting.measure) if text and look.question.network]
        self._matrix(1, look, look.network if shown else None, name, made, waiting)
        self.verdict.show(parts=correlation(look) if shown else [])
        self.fold.show(notes=[f"{len(found)}, in the order they were started"])
        self.table.show(rows=sitting_rows(found))

    def keep_pace(self, reading: Reading) -> None:
        """Show another pace where nothing else is new."""
        numbers = list(self.counts.numbers)
        if len(numbers) > 2:
            numbers[2] = pace_number(reading)
            self.counts.show(numbers=numbers)

    def choose(self, look: BoardLook, pair: Sequence[str]) -> None:
        """Outline a pair in both matrices and say it."""
        known = len(pair) == 2 and {*pair} <= {*look.names}
        place = [look.names.index(name) for name in pair] if known else []
        parts = pair_words(look, pair)
        said = "".join(one["text"] for one in parts)
        self.pair.show(parts=parts if look.names else [])
        for matrix in self.matrices:
            matrix.show(selected=place if matrix.names else [], said=said)

    def _matrix(
        self,
        which: int,
        look: BoardLook,
        values: Tensor | None,
        title: str,
        notes: list[str],
        waiting: str = "",
    ) -> None:
        state: dict[str, Any] = {"title": words.shortened(title, 30), "notes": notes}
        if values is None:
            empty = waiting or "No answers yet: each appears here within seconds."
            state |= {"values": [], "names": [], "breaks": [], "limits": [], "alt": empty}
            self.matrices[which].show(**state, message=[empty])
            return
        state |= {
            "values": values.flatten().tolist(),
            "names": [spoken(name) for name in look.names],
            "breaks": look.breaks,
            "limits": look.limits,
            "alt": matrix_alt(title, look, values),
        }
        self.matrices[which].show(**state, message=[])
