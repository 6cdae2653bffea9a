"""What is read off a label, as pages print it."""

import re

from django.template import Library
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = Library()

_NUMBER = re.compile(r"(\(\d{2,4}\)[^\s(]+|\d{8,})")


@register.filter
def unbroken(text: str) -> SafeString:
    """Each element of a label on one line, as long as one line takes it: half a serial number is read as a whole one.

    >>> unbroken("case (01)50614141123457(21)C1 & more")
    'case <span class="whole">(01)50614141123457</span><span class="whole">(21)C1</span> &amp; more'
    """
    parts = enumerate(_NUMBER.split(str(text)))  # every second one is a number
    return format_html_join("", "{}{}{}", (_whole(part) if odd % 2 else ("", part, "") for odd, part in parts))


@register.filter
def words(code: str) -> str:
    """A word of ours, as people write it.

    >>> words("wholesale_distributor")
    'wholesale distributor'
    """
    return str(code).replace("_", " ")


def _whole(part: str) -> tuple[SafeString, str, SafeString]:
    return SafeString('<span class="whole">'), part, SafeString("</span>")
