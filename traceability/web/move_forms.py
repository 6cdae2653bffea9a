"""What the pages of the moves ask for: a row a page, and the form that comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from django import forms

from partners.models import Role

from ..moving import REASONS
from .things import lines

TRADING: frozenset[str] = frozenset(set(Role) - {Role.REGULATOR, Role.OPERATOR})
MAKES: frozenset[str] = frozenset({Role.MANUFACTURER, Role.REPACKAGER})
MOST_TEXT = 4_000_000  # characters in the field of scans: ten thousand of the longest labels


@dataclass(frozen=True)
class Task:
    """A row is a page."""

    word: str  # of MOVES
    title: str
    sentence: str
    button: str
    scan: str  # what the field asks for
    fields: tuple[str, ...] = ()  # of MoveForm, beside the scans
    roles: frozenset[str] = TRADING

    @property
    def view(self) -> str:
        return f"work-{self.word}"

    @property
    def command(self) -> str:
        """As `unitproof` calls it."""
        return self.word.replace("_", "-")


TASKS: Mapping[str, Task] = {
    task.word: task
    for task in (
        Task("commission", "Commission", "Say that packs were made, lot by lot, as their labels have it.",
             "Sign as made", "what was made", ("lot", "expiry"), MAKES),
        Task("pack", "Pack", "Put packs into a case, or cases on a pallet.", "Sign as packed", "what goes in",
             ("parent",)),
        Task("ship", "Ship", "Send packs, cases or pallets to another party.", "Sign as shipped", "what leaves",
             ("to", "purchase_order", "despatch_advice", "affirmed")),
        Task("receive", "Receive", "Take in what was shipped to you, against what was to come.", "Sign as received",
             "what came", ("sender",)),
        Task("unpack", "Unpack", "Take packs out of a case, or cases off a pallet.", "Sign as taken out",
             "what comes out", ("parent", "everything")),
        Task("dispense", "Dispense", "Give packs to a patient.", "Sign as dispensed", "what is given", (),
             frozenset({Role.DISPENSER})),
        Task("decommission", "Take out of use", "Damaged, expired or recalled: it is never used again.",
             "Sign as taken out of use", "what is taken out of use", ("reason",)),
        Task("void", "Call off a shipment", "What you shipped has not left, or has come back on the way: you have it.",
             "Sign as called off", "what has not left"),
        Task("send_back", "Send back", "Return packs to whoever sold them to you, or takes them back for them.",
             "Sign as sent back", "what goes back", ("to",)),
        Task("return", "Take back", "Take in what is returned to you, also where nobody told of sending it back.",
             "Sign as taken back", "what came back", ("sender",), TRADING - {Role.DISPENSER}),
        Task("destroy", "Destroy", "Destroyed, by you or for you: it is never sold again.", "Sign as destroyed",
             "what was destroyed"),
        Task("export", "Export", "It leaves the country for good, and is dispensed nowhere here.", "Sign as exported",
             "what leaves the country", (), TRADING - {Role.DISPENSER}),
    )
}  # fmt: skip

_TYPED = {"autocomplete": "off", "spellcheck": "false"}


def _typed(label: str, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=8000, strip=False, widget=forms.TextInput(_TYPED), **options
    )


#: By field of a form, the member of a request.
MEMBERS: Mapping[str, str] = {"everything": "all", "sender": "from"}


class MoveForm(forms.Form):
    """What a move needs. Text is left to be read by the move, which says what is wrong with it."""

    scans = forms.CharField(
        label="One scan on each line",
        required=False,
        strip=False,  # separators are white space to Python
        max_length=MOST_TEXT,
        widget=forms.Textarea({**_TYPED, "rows": 6, "autofocus": True}),
    )
    request = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    lot = _typed("Lot", help_text="where the labels do not say it")
    expiry = forms.DateField(
        label="Expiry",
        required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text="where the labels do not say it",
    )
    parent = _typed("The container")
    everything = forms.BooleanField(label="All that is in it", required=False)
    to = _typed("To whom (GLN)", help_text="13 digits, or scan the code on their door")
    purchase_order = _typed("Purchase order")
    despatch_advice = _typed("Despatch advice")
    affirmed = forms.BooleanField(label="We make the transaction statement for this shipment", required=False)
    sender = _typed("From whom (GLN)", help_text="only where it is not known from the shipment")
    reason = forms.ChoiceField(label="Why", choices=[(word, word.capitalize()) for word in REASONS], required=False)

    def __init__(self, task: Task, data: Any = None) -> None:
        super().__init__(data, initial={"request": str(uuid4()), "reason": REASONS[0]})
        for name in set(self.fields) - {"scans", "request", *task.fields}:
            del self.fields[name]
        if "to" in self.fields:
            self.fields["to"].widget.attrs["list"] = "parties"
        self.task = task

    def renew(self) -> None:
        """For the next press of the button another request: this one is done, or was for something else."""
        data: Any = self.data
        renewed = data.copy()
        renewed["request"] = str(uuid4())
        self.data = renewed

    def clear(self) -> None:
        """For the next load; who it goes to stays."""
        self.renew()
        data: Any = self.data
        for name in ("scans", "parent", "purchase_order", "despatch_advice", "everything"):
            data.pop(name, None)

    def beside(self) -> list[Any]:
        """The fields that stand beside the scans."""
        return [self[name] for name in self.task.fields]


def scanned(form: MoveForm) -> list[str]:
    return lines(form.cleaned_data.get("scans", "")) if form.is_valid() else []


def asked(form: MoveForm) -> dict[str, Any]:
    """The members of a request."""
    typed = {name: form.cleaned_data[name] for name in form.task.fields}
    members = {MEMBERS.get(name, name): _said(value) for name, value in typed.items() if value}
    return {"move": form.task.word, **members, "scans": scanned(form) or None}


def _said(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
