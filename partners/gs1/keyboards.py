"""What a scanner that types for one keyboard leaves on a computer that is set to another.

A keyboard-wedge scanner sends keys, not characters. Set to US and plugged into a computer that is set to French, it
types `0100...` and the computer reads `à&àà...`. Each keyboard is a row: its characters in the order of the keys of a
US one, without Shift and with it.
"""

import unicodedata
from collections.abc import Iterator, Mapping

_US = ("`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./", '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?')

#: By name, the 47 keys that print, as Windows has them. An accent that waits for the next key stands as itself.
KEYBOARDS: Mapping[str, tuple[str, str]] = {
    "German (QWERTZ)": (
        "^1234567890ß´qwertzuiopü+#asdfghjklöäyxcvbnm,.-",
        "°!\"§$%&/()=?`QWERTZUIOPÜ*'ASDFGHJKLÖÄYXCVBNM;:_",
    ),
    "Swiss (QWERTZ)": (
        "§1234567890'^qwertzuiopü¨$asdfghjklöäyxcvbnm,.-",
        '°+"*ç%&/()=?`QWERTZUIOPè!£ASDFGHJKLéàYXCVBNM;:_',
    ),
    "French (AZERTY)": (
        "²&é\"'(-è_çà)=azertyuiop^$*qsdfghjklmùwxcvbn,;:!",
        "~1234567890°+AZERTYUIOP¨£µQSDFGHJKLM%WXCVBN?./§",
    ),
    "Belgian (AZERTY)": (
        "²&é\"'(§è!çà)-azertyuiop^$µqsdfghjklmùwxcvbn,;:=",
        "³1234567890°_AZERTYUIOP¨*£QSDFGHJKLM%WXCVBN?./+",
    ),
    "Spanish": (
        "º1234567890'¡qwertyuiop`+çasdfghjklñ´zxcvbnm,.-",
        'ª!"·$%&/()=?¿QWERTYUIOP^*ÇASDFGHJKLÑ¨ZXCVBNM;:_',
    ),
    "Italian": (
        "\\1234567890'ìqwertyuiopè+ùasdfghjklòàzxcvbnm,.-",
        '|!"£$%&/()=?^QWERTYUIOPé*§ASDFGHJKLç°ZXCVBNM;:_',
    ),
    "British": (
        "`1234567890-=qwertyuiop[]#asdfghjkl;'zxcvbnm,./",
        '¬!"£$%^&*()_+QWERTYUIOP{}~ASDFGHJKL:@ZXCVBNM<>?',
    ),
    "Nordic": (
        "§1234567890+´qwertyuiopå¨'asdfghjklöäzxcvbnm,.-",
        '½!"#¤%&/()=?`QWERTYUIOPÅ^*ASDFGHJKLÖÄZXCVBNM;:_',
    ),
}

_ACCENTS = {"\u0300": "`", "\u0301": "´", "\u0302": "^", "\u0303": "~", "\u0308": "¨"}


def _table(source: tuple[str, str], target: tuple[str, str]) -> dict[int, str]:
    return dict(zip(map(ord, "".join(source)), "".join(target), strict=True))


#: By what is to be said of it, how it is undone: the scanner set to US and the computer not, or the other way round.
_UNDONE: Mapping[str, dict[int, str]] = {
    **{f"the computer is set to {name}, the scanner to US": _table(keys, _US) for name, keys in KEYBOARDS.items()},
    **{f"the scanner is set to {name}, the computer to US": _table(_US, keys) for name, keys in KEYBOARDS.items()},
}


def retyped(text: str) -> Iterator[tuple[str, str]]:
    """What may have been sent, for each pair of keyboards that would have left this text; and which pairs those are.

    >>> [pair for sent, pair in retyped("à&") if sent == "01"]
    ['the computer is set to French (AZERTY), the scanner to US']
    """
    found: dict[str, str] = {}
    for pair, table in _UNDONE.items():
        sent = _keys(text, table).translate(table)
        if sent != text:
            found.setdefault(sent, pair)
    yield from found.items()


def _keys(text: str, table: Mapping[int, str]) -> str:
    """Without letters that an accent was set upon: two keys made them."""
    return "".join(each if ord(each) in table or each.isascii() else _apart(each) for each in text)


def _apart(character: str) -> str:
    letter, *accents = list(unicodedata.normalize("NFD", character))
    return "".join(_ACCENTS.get(accent, accent) for accent in accents) + letter
