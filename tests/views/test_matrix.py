"""The matrix and the table: what they take, what goes to the browser, what they refuse."""

import math

import pytest
from traitlets import TraitError

from cnnwidgets.views import Matrix, Table


def test_what_has_no_value_travels_as_none():
    matrix = Matrix()
    matrix.show(names=["a", "b"], values=[1, math.nan, 0.25, 1])
    assert matrix.get_state("values") == {"values": [1.0, None, 0.25, 1.0]}
    matrix.close()


def test_values_make_a_square_of_the_names():
    matrix = Matrix()
    with pytest.raises(TraitError, match="2 names take 4 values, row by row; got 3"):
        matrix.show(names=["a", "b"], values=[1, 2, 3])
    matrix.show(names=[], values=[], message=["No answers yet."])
    matrix.close()


def test_a_cell_is_a_row_and_a_column_or_none():
    matrix = Matrix(selected=(1, 0))
    assert matrix.selected == [1, 0]
    matrix.selected = []
    with pytest.raises(TraitError, match="selected takes 2 numbers"):
        matrix.selected = [1, 2, 3]
    matrix.close()


def test_a_row_of_a_table_has_a_word_for_each_head():
    table = Table(heads=["who", "how many"], rows=[["<b>x</b>", "3"]])
    with pytest.raises(TraitError, match="a row holds 2 words; got 1"):
        table.rows = [["x"]]
    assert table.rows == [["<b>x</b>", "3"]]
    table.close()
