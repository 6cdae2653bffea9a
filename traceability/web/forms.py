"""What people and scanners hand in."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any, ClassVar

from django import forms
from django.forms.models import ModelChoiceIterator

from partners.gs1.element_string import LONGEST, ElementString
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import Gtin
from partners.gs1.scanner_faults import meant
from partners.models import Partner, Role

#: How people read an expiry date off a pack, and the six digits of AI 17; day 00 is the last of the month.
_EXPIRY = (
    (re.compile(r"(\d\d)(\d\d)(\d\d)"), "{0}{1}{2}"),
    (re.compile(r"\d\d(\d\d)-(\d\d)-(\d\d)"), "{0}{1}{2}"),
    (re.compile(r"\d\d(\d\d)-(\d\d)"), "{0}{1}00"),
    (re.compile(r"(\d\d)/\d\d(\d\d)"), "{1}{0}00"),
)

_TYPED = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}


def expiry_digits(text: str) -> str:
    """As AI 17 has it.

    >>> [expiry_digits(text) for text in ("281231", "2028-12-31", "2028-12", "12/2028")]
    ['281231', '281231', '281200', '281200']
    """
    for pattern, form in _EXPIRY:
        if match := pattern.fullmatch(text):
            return form.format(*match.groups())
    return text  # whatever it is, AI 17 refuses it with a reason


class Ready(forms.TextInput):
    """Empty for the next scan, whatever came of the last one: what is scanned would be typed behind it."""

    def format_value(self, value: Any) -> None:
        return None


class ScanForm(forms.Form):
    """A scan, or the four elements typed. `pack` is what came: text is left for the verification to read, and judge."""

    scan = forms.CharField(
        required=False,
        strip=False,  # GS is white space to Python, and not to us
        max_length=LONGEST,
        widget=Ready(
            {
                **_TYPED,
                "inputmode": "none",  # a scanner types; the keyboard of a phone would cover the answer
                "autofocus": True,
                "placeholder": "Ready to scan",
                "aria-describedby": "guidance",  # the answer, once there is one
            }
        ),
    )
    gtin = forms.CharField(
        label="Product code (GTIN)",
        required=False,
        max_length=14,
        widget=forms.TextInput({**_TYPED, "inputmode": "numeric"}),
    )
    serial = forms.CharField(label="Serial number", required=False, max_length=20, widget=forms.TextInput(_TYPED))
    lot = forms.CharField(label="Lot", required=False, max_length=20, widget=forms.TextInput(_TYPED))
    expiry = forms.CharField(
        required=False, max_length=10, help_text="2028-12-31, 2028-12 or 281231", widget=forms.TextInput(_TYPED)
    )

    #: By field, its application identifier, how its text becomes the value, and what to say of one that does not.
    ELEMENTS: ClassVar[Mapping[str, tuple[str, Callable[[str], str], str]]] = {
        "gtin": (
            "01",
            lambda text: str(Gtin.parse(text)),
            "Not a product code: 14 digits, and the last one has to fit the others.",
        ),
        "expiry": ("17", expiry_digits, "Not a date: write 2028-12-31, 2028-12 or 281231."),
        "lot": ("10", str, "No lot has such characters: read it again."),
        "serial": ("21", str, "No serial number has such characters: read it again."),
    }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            data["pack"] = data["scan"].strip(" \t\r\n") or self._typed(data)
        if "scan" in self.errors:
            attrs = self.fields["scan"].widget.attrs
            attrs["aria-describedby"] = f"{self['scan'].auto_id}_error {attrs['aria-describedby']}"
        return data

    @property
    def is_typed(self) -> bool:
        """Whether it was hands that handed it in."""
        return isinstance(self.cleaned_data["pack"], ElementString)

    def ask_for_the_rest(self) -> None:
        """Mark the fields that were left empty."""
        for name in self.ELEMENTS:
            if not self.cleaned_data[name]:
                self.add_error(name, "This is printed on the pack, too, and needed.")

    def _typed(self, data: dict[str, Any]) -> ElementString | None:
        elements: list[tuple[str, str]] = []
        for name, (ai, value_of, wrong) in self.ELEMENTS.items():
            if not (text := data[name]):
                continue
            try:
                elements += ElementString(((ai, value_of(text)),)).elements
            except Gs1Error:
                likely = meant(ai, text if name == "gtin" else value_of(text))
                self.add_error(name, f"{wrong} Did you mean {likely}?" if likely else wrong)
        if self.errors:
            return None
        if not elements:
            self.add_error("scan", "Nothing came: scan the square code on the pack, or type what is printed on it.")
            return None
        return ElementString(tuple(elements))


class ConnectivityForm(forms.Form):
    """The product of which it is wanted who answers for it."""

    gtin = forms.CharField(
        label="Product code (GTIN)", max_length=14, widget=forms.TextInput({**_TYPED, "inputmode": "numeric"})
    )

    def clean_gtin(self) -> str:
        try:
            return Gtin.parse(self.cleaned_data["gtin"]).value
        except Gs1Error:
            raise forms.ValidationError(ScanForm.ELEMENTS["gtin"][2]) from None


class ProofForm(forms.Form):
    """The item whose proof is wanted."""

    epc = forms.CharField(max_length=2000)


class SignInForm(forms.Form):
    """A partner's token, and where it wanted to go."""

    token = forms.CharField(
        max_length=200, widget=forms.PasswordInput({"autocomplete": "current-password", "autofocus": True})
    )
    next = forms.CharField(max_length=2000, required=False)


class ByRole(ModelChoiceIterator):
    """Parties by what they are, so that a line needs no more than a name."""

    def __iter__(self) -> Iterator[Any]:
        yield ("", self.field.empty_label)
        parties = self.queryset.order_by("role", "name")
        for role, those in groupby(parties, key=Partner.get_role_display):
            yield (role, [self.choice(party) for party in those])


class PartyField(forms.ModelChoiceField):
    """Parties by name, below their role."""

    iterator = ByRole

    def label_from_instance(self, party: Partner) -> str:
        return party.name


class LookAsForm(forms.Form):
    """Demonstration only: the party whose eyes one looks with; none is anybody on the street."""

    party = PartyField(
        Partner.objects.exclude(role=Role.OPERATOR),
        label="Looking as",
        empty_label="Anybody, not logged in",
        required=False,
    )
    scan = forms.CharField(required=False, max_length=LONGEST)  # of the pack that is looked at


class TransactionsForm(forms.Form):
    """Which of one's shipments; `api.transactions` reads the values, and refuses them."""

    since = forms.DateField(label="Shipped since", required=False, widget=forms.DateInput({"type": "date"}))
    before = forms.DateField(label="and before", required=False, widget=forms.DateInput({"type": "date"}))
    partner = forms.CharField(
        label="Partner (GLN)", required=False, max_length=13, widget=forms.TextInput({**_TYPED, "inputmode": "numeric"})
    )
    gtin = forms.CharField(
        label="Product code (GTIN)",
        required=False,
        max_length=14,
        widget=forms.TextInput({**_TYPED, "inputmode": "numeric"}),
    )
    lot = forms.CharField(label="Lot", required=False, max_length=20, widget=forms.TextInput(_TYPED))
