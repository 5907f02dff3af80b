"""What to cite for what an explorer shows: references in one file, and who stands on which."""

from cnnwidgets.widgets.citations.citation import Citation, citation
from cnnwidgets.widgets.citations.shown import of_tuning, of_unit

__all__ = ["Citation", "citation", "of_tuning", "of_unit"]
