"""What can be wrong with labels, each with a stable code."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from partners.gs1.errors import Gs1Error

from ..epcis.errors import DocumentError

T = TypeVar("T")
Made = TypeVar("Made")
MOST_NAMED = 100  # wrong labels that a refusal names


class LabelError(DocumentError):
    """Labels that are not printed. One wrong label and there is no PDF: nobody looks for the one that is missing.

    `where` names the label as its list does (`labels[3]: expiry`, `line 5: expiry`). The codes:

        malformed_labels                                      not a list of labels in JSON, or a table in CSV
        label_incomplete, element_out_of_place                an element without the one that it says something of
        unknown_stock, unknown_resolution, unknown_symbol     not what labels can be printed on, at, or as
        malformed_resolver                                    not what a Digital Link can begin with
        symbol_does_not_fit, text_does_not_fit                larger than the label, at its smallest
        no_labels, too_many_labels                            less than one, or more than are printed at once

    Members keep the codes of `DocumentError`, and identifiers those of `partners.gs1.errors`.
    """

    code = "malformed_labels"


@dataclass(frozen=True, slots=True)
class WrongLabel:
    """What is wrong with a label: the first thing, where several are."""

    where: str | None  # the label, as its list calls it, and which of its members
    code: str
    detail: str
    expected: str | None
    found: str | None


class LabelsWrong(LabelError):
    """The first wrong label of a list; `wrong` names all of them, or a hundred, and `count` says how many there are
    of `total` labels."""

    def __init__(self, wrong: tuple[WrongLabel, ...], count: int, total: int) -> None:
        first = wrong[0]
        super().__init__(first.detail, code=first.code, where=first.where, expected=first.expected, found=first.found)
        self.wrong, self.count, self.total = wrong, count, total


def all_or_wrong(labels: Iterable[T], make: Callable[[T], Made]) -> tuple[Made, ...]:
    """What is made of each of them. Raises `LabelsWrong` once all have been looked at, if any is refused."""
    made: list[Made] = []
    wrong: list[WrongLabel] = []
    count = 0
    for each in labels:
        try:
            made.append(make(each))
        except (LabelError, Gs1Error) as error:
            count += 1
            if count <= MOST_NAMED:
                wrong.append(WrongLabel(error.where, error.code, error.detail, error.expected, error.found))
    if wrong:
        raise LabelsWrong(tuple(wrong), count, count + len(made))
    return tuple(made)
