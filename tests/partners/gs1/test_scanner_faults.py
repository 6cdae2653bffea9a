"""What happened to a code on its way is found out; and where nothing happened, nothing is found."""

import string
from datetime import date

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from partners.gs1.element_string import GS, ElementString, parse_scan
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import check_digit
from partners.gs1.keyboards import KEYBOARDS, retyped
from partners.gs1.scanner_faults import FAULTS, Fault, Nature, explain, is_whole, possible

SET_82 = string.ascii_letters + string.digits + "!\"%&'()*+,-./:;<=>?_"
PACK = parse_scan("(01)00614141123452(17)281231(10)L42y(21)GOOD7K")
GTIN_LIKE = (12, 13, 14, 18)  # so many digits alone are read as a GTIN or an SSCC

few = settings(max_examples=15)

gtins = st.text(string.digits, min_size=13, max_size=13).map(lambda payload: payload + check_digit(payload))
days = st.dates(date(2000, 1, 1), date(2049, 12, 31)).map(lambda day: f"{day:%y%m%d}")
values = st.text(SET_82, min_size=1, max_size=20)
labels = st.text(string.ascii_uppercase + string.digits + "-", min_size=1, max_size=20)


def packs(texts: st.SearchStrategy[str]) -> st.SearchStrategy[ElementString]:
    """The four elements, in any order that begins with the GTIN."""
    rest = st.tuples(texts, texts, days).flatmap(
        lambda found: st.permutations([("10", found[0]), ("21", found[1]), ("17", found[2])])
    )
    return st.tuples(gtins, rest).map(lambda found: ElementString((("01", found[0]), *found[1])))


def found(came: str | ElementString, *known: ElementString) -> Fault | None:
    return explain(possible(came), known)


def read(text: str) -> ElementString | None:
    try:
        return parse_scan(text)
    except Gs1Error:
        return None


US = ("`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./", '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?')


def typed_on(keyboard: str, text: str) -> str:
    """As a computer set to that keyboard reads a scanner that is set to US."""
    keys = dict(zip("".join(US), "".join(KEYBOARDS[keyboard]), strict=True))
    return "".join(keys.get(character, character) for character in text)


# ---- nothing happened -----------------------------------------------------------------------------------------------


@few
@given(packs(values), st.sampled_from(["", "]d2", GS]))
def test_a_clean_scan_has_no_fault(pack: ElementString, before: str) -> None:
    assert found(before + pack.scan()) is None
    assert found(str(pack)) is None
    assert found(pack) is None


@few
@given(packs(values))
def test_a_clean_scan_of_a_known_pack_has_none_either(pack: ElementString) -> None:
    assert found(pack.scan(), pack) is None


@pytest.mark.parametrize(
    "text",
    ["", "hello", "00614141123452", "614141123452",
     "https://maker.example/01/00614141123452/21/A1",
     "(414)0614141007776", "urn:epc:id:sgtin:0614141.012345.A1", "]E00614141123452",
     "(01)00614141123452(10)L42(17)281231"],
)  # fmt: skip
def test_what_is_no_packs_code_has_no_fault(text: str) -> None:
    assert found(text) is None


@given(st.text(max_size=300) | st.text("()0123456789\x1d]d2{}GSA-|^~àé&", max_size=100))
def test_any_text_at_all_is_looked_into(text: str) -> None:
    fault = found(text)
    assert fault is None or (set(fault.codes) <= set(FAULTS) and fault.sentence and fault.remedy)


# ---- on the way -----------------------------------------------------------------------------------------------------


@given(packs(values))
def test_swapped_case_is_recognised_by_what_is_known(pack: ElementString) -> None:
    came = ("]d2" + pack.scan()).swapcase()
    assert (fault := found(came, pack)) is not None
    assert (fault.codes, fault.reading, fault.taken) == (("case_swapped",), pack, True)


def test_swapped_case_shows_by_the_name_of_the_symbol() -> None:
    fault = found("]D2010061414112345217281231" + "10l42Y\x1d21good7k")
    assert fault is not None
    assert (fault.codes, fault.reading) == (("case_swapped",), PACK)


@pytest.mark.parametrize("keyboard", KEYBOARDS)
@few
@given(pack=packs(values))
def test_another_keyboard_is_recognised_by_what_is_known(keyboard: str, pack: ElementString) -> None:
    came = typed_on(keyboard, "]d2" + pack.scan())
    if read(came) == pack:  # it changed nothing, or nothing but the name of the symbol
        return
    fault = found(came, pack)
    assert fault is not None
    assert (fault.reading, fault.taken) == (pack, True)
    assert "keyboard_layout" in fault.codes or fault.codes == ("case_swapped",) or "symbology_prefix" in fault.codes


def test_azerty_shows_by_itself_and_names_the_keyboard() -> None:
    fault = found("à&" + "àà-&'&'&&é\"'(é" + '&èé_&é"&' + "&àL'é" + "\x1d" + "é&GOOD")
    assert fault is not None
    assert fault.codes == ("keyboard_layout",)
    assert str(fault.reading) == "(01)00614141123452(17)281231(10)L42(21)GOOD"
    assert "French" in fault.sentence


def test_qwertz_swaps_y_and_z_and_is_known_by_the_pack() -> None:
    came = "010061414112345217281231" + "10L42z\x1d21GOOD7K"
    assert (fault := found(came, PACK)) is not None
    assert (fault.codes, fault.reading) == (("keyboard_layout",), PACK)
    assert "QWERTZ" in fault.sentence
    assert found(came) is None  # it is a good code by itself


def test_a_letter_that_an_accent_was_set_upon_was_two_keys() -> None:
    sent = [sent for sent, pair in retyped("Á") if "German" in pair and pair.startswith("the computer")]
    assert sent == ["=A"]


@few
@given(packs(values))
def test_a_lost_separator_is_recognised(pack: ElementString) -> None:
    came = pack.scan().replace(GS, "")
    assume(GS in pack.scan() and read(came) != pack)
    assert (fault := found(came, pack)) is not None
    assert (fault.reading, fault.taken) == (pack, True)
    if not is_whole(read(came)):
        assert (unknown := found(came)) is not None
        assert unknown.codes == ("separator_lost",) or unknown.reading is not None
        assert "separator_lost" not in unknown.codes or unknown.reading is None  # never by guess


def test_where_a_lost_separator_leaves_two_known_packs_neither_is_taken() -> None:
    came = "0100614141123452" + "17281231" + "10A21B21C"
    one, other = (
        parse_scan(f"(01)00614141123452(17)281231(10){lot}(21){serial}")
        for lot, serial in (("A", "B21C"), ("A21B", "C"))
    )
    assert (fault := found(came, one, other)) is not None
    assert (fault.codes, fault.reading, fault.taken) == (("separator_lost",), None, False)
    assert (sure := found(came, other)) is not None
    assert sure.reading == other


@pytest.mark.parametrize(
    "written",
    ["<GS>", "[GS]", "<gs>", "\\x1d", "\\u001d", "%1D", "&#29;", "<FNC1>", " ", "#", "\t", "]", "@", "$", "§", "^]"],
)
@few
@given(pack=packs(labels))
def test_a_separator_that_came_as_something_else_is_recognised(written: str, pack: ElementString) -> None:
    came = "]d2" + pack.scan().replace(GS, written)
    assume(GS in pack.scan() and read(came) != pack)
    assert (fault := found(came)) is not None
    assert (fault.codes, fault.reading, fault.taken) == (("separator_substituted",), pack, True)


@pytest.mark.parametrize("written", ["0029", "029", "+", "/", ";"])
@few
@given(pack=packs(labels))
def test_one_that_a_value_could_hold_only_by_what_is_known(written: str, pack: ElementString) -> None:
    came = pack.scan().replace(GS, written)
    assume(GS in pack.scan() and read(came) != pack and written not in pack.scan())
    assert (fault := found(came, pack)) is not None
    assert fault.reading == pack
    assert (unknown := found(came)) is None or unknown.reading is None


@pytest.mark.parametrize("damaged", ["d2", "D2", "[d2", "}d2", "Q3", "C1"])
@few
@given(pack=packs(values))
def test_a_damaged_name_of_the_symbol_is_recognised(damaged: str, pack: ElementString) -> None:
    assert (fault := found(damaged + pack.scan())) is not None
    assert (fault.codes, fault.reading, fault.taken) == (("symbology_prefix",), pack, True)


@pytest.mark.parametrize("gap", ["", " ", "\r\n"])
@few
@given(pack=packs(values))
def test_one_code_twice_is_recognised(gap: str, pack: ElementString) -> None:
    once = "]d2" + pack.scan()
    assert (fault := found(once + gap + once)) is not None
    assert (fault.codes, fault.reading, fault.taken) == (("scanned_twice",), pack, True)


@few
@given(packs(labels), packs(labels))
def test_two_codes_at_once_are_recognised_and_none_is_taken(one: ElementString, other: ElementString) -> None:
    came = "]d2" + one.scan() + "]d2" + other.scan()
    assume(one != other and "]d201" not in one.scan()[1:] + other.scan()[1:])
    assert (fault := found(came)) is not None
    assert (fault.codes, fault.reading) == (("two_codes",), None)


@few
@given(packs(labels), st.data())
def test_a_code_that_breaks_off_is_recognised_and_nothing_is_made_up(pack: ElementString, data: st.DataObject) -> None:
    whole = pack.scan()
    came = whole[: data.draw(st.integers(1, len(whole) - 1))]
    shown = read(came)
    assume(not (came.isdigit() and len(came) in GTIN_LIKE))
    assume(shown is None or (shown.serial and not is_whole(shown)))
    assert (fault := found("]d2" + came)) is not None
    assert fault.reading is None
    assert fault.codes in (("cut_short",), ("separator_lost",))


def test_two_things_can_happen_at_once() -> None:
    came = typed_on("French (AZERTY)", "010061414112345217281231" + "10L42y" + "21GOOD7K")
    assert (fault := found(came, PACK)) is not None
    assert (fault.codes, fault.reading) == (("keyboard_layout", "separator_lost"), PACK)
    came = "]D2" + "010061414112345217281231" + "10l42Y" + "21good7k"
    assert (fault := found(came, PACK)) is not None
    assert (fault.codes, fault.reading) == (("case_swapped", "separator_lost"), PACK)


# ---- hands ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("came", "code", "reading"),
    [
        ("(01)O0614141123452(17)281231(10)L42y(21)GOOD7K", "lookalike_typed", PACK),
        ("(01)0061414l123452(17)28I231(10)L42y(21)GOOD7K", None, None),  # two slips: read it again
        ("(01)614141123452(17)281231(10)L42y(21)GOOD7K", "leading_zero_lost", PACK),
        ("(01)00614141123452(17)283112(10)L42y(21)GOOD7K", "date_order", PACK),
        ("(01)00614141123452(17)123128(10)L42y(21)GOOD7K", "date_order", PACK),  # MMDDYY
        ("(01)00614141123452(17)101412(10)L42y(21)GOOD7K", "date_order", None),  # 14 December, or October
        ("(01)00614141123453(17)281231(10)L42y(21)GOOD7K", "gtin_digit_wrong", None),
    ],
)
def test_a_slip_that_shows_is_named_and_never_taken(came: str, code: str | None, reading: ElementString | None) -> None:
    fault = found(came)
    assert (fault and fault.codes) == (code and (code,)), fault
    assert fault is None or (fault.reading == reading and not fault.taken)


@pytest.mark.parametrize(
    ("came", "code"),
    [
        ("(01)00614141123453(17)281231(10)L42y(21)GOOD7K", "gtin_digit_wrong"),
        ("(01)06014141123452(17)281231(10)L42y(21)GOOD7K", "gtin_digit_wrong"),
        ("(01)00164141123452(17)281231(10)L42y(21)GOOD7K", "characters_transposed"),
        ("(01)00614141123452(17)281231(10)L42y(21)G0OD7K", "lookalike_typed"),
        ("(01)00614141123452(17)281231(10)L42y(21)G007DK", None),
        ("(01)00614141123452(17)281231(10)4L2y(21)GOOD7K", "characters_transposed"),
        ("(01)00614141123452(17)311228(10)L42y(21)GOOD7K", "date_order"),
    ],
)
def test_a_slip_is_named_by_what_is_known_and_never_taken(came: str, code: str | None) -> None:
    fault = found(came, PACK)
    assert (fault and fault.codes) == (code and (code,))
    assert fault is None or (fault.reading == PACK and not fault.taken)


@few
@given(packs(values), st.integers(0, 13), st.integers(1, 9))
def test_any_one_digit_of_a_gtin(pack: ElementString, at: int, more: int) -> None:
    gtin = str(pack.gtin)
    wrong = gtin[:at] + str((int(gtin[at]) + more) % 10) + gtin[at + 1 :]
    came = str(pack).replace(f"(01){gtin}", f"(01){wrong}", 1)
    assert (fault := found(came, pack)) is not None
    assert (fault.codes, fault.reading, fault.taken) == (("gtin_digit_wrong",), pack, False)


def test_fields_that_were_typed_are_looked_into_like_a_code_that_was() -> None:
    typed = ElementString(tuple((ai, "G0OD7K" if ai == "21" else value) for ai, value in PACK.elements))
    assert (fault := found(typed, PACK)) is not None
    assert (fault.codes, fault.reading, fault.taken) == (("lookalike_typed",), PACK, False)


def test_every_fault_says_what_to_do_and_a_slip_is_of_hands() -> None:
    assert all(kind.sentence.endswith(".") and kind.remedy.endswith(".") for kind in FAULTS.values())
    slips = {code for code, kind in FAULTS.items() if kind.nature is Nature.SLIP}
    assert slips == {
        *("leading_zero_lost", "lookalike_typed", "gtin_digit_wrong", "characters_transposed", "date_order")
    }
