"""The second verifier: a page without a server, against every vector there is, and against the first verifier.

The page is opened from disk in a browser without a network. Cases are asked by the hundred in one call of its
`unitproof.examine`; a few tests do what a person does.
"""

import json
import random
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from partners.gs1.identifiers import is_canonical
from tests.browser.conftest import DESK, PHONE, keep
from tests.browser.pages import choose, complaints_of_axe
from tests.browser.test_everyone import in_every_look
from tests.oracle import bundle_check
from tests.oracle.bundle import encoded, plain
from tests.oracle.bundle_cases import one_pack_in_a_case
from tests.oracle.bundle_forging import core_of, forged
from tests.oracle.bundle_lies import lies
from tests.oracle.bundle_plots import plots
from tests.oracle.identifiers import in_one_form
from tests.oracle.test_bundle_oracle import ANYTHING, nodes, otherwise, otherwise_said, put, step_of_oracle
from traceability.bundle import Step, examine
from traceability.epcis.errors import DocumentError
from traceability.policy import Policy
from traceability.web.codes import CODES
from traceability.web.offline import FILE

pytestmark = pytest.mark.browser

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "bundle"
Members = dict[str, Any]


def load(name: str) -> list[Members]:
    cases: list[Members] = json.loads((VECTORS / name).read_text())
    return cases


GOOD, REFUSED, CASES = load("oracle/good.json"), load("oracle/refused.json"), load("cases.json")
BY_NAME = {case["name"]: case for case in GOOD}


def bytes_of(case: Members) -> bytes:
    """A whole bundle, or a good one with other bytes in its middle."""
    if "bundle" in case:
        return b64decode(case["bundle"])
    good = bytes_of(BY_NAME[case["of"]])
    return good[: case["first"]] + b64decode(case["then"]) + good[len(good) - case["last"] :]


# ---- the page, from disk


@pytest.fixture(scope="module")
def asked_for() -> list[str]:
    """Every address that the page has asked for."""
    return []


@pytest.fixture(scope="module")
def from_disk(browser: Browser, asked_for: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens the page as a file. Whatever it complains of fails the tests of this module."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def heard(request: Request) -> None:
        asked_for.append(request.url)

    def open_page(script: str = "", **options: Any) -> Page:
        contexts.append(browser.new_context(offline=True, **{"viewport": DESK} | options))
        page = contexts[-1].new_page()
        page.on("request", heard)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if script:
            page.add_init_script(script)
        page.goto(FILE.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def page(from_disk: Callable[..., Page]) -> Page:
    return from_disk()


EXAMINE = """async (asked) => {
    const reports = [];
    for (const [bundle, policy] of asked) {
        reports.push(await unitproof.examine(Uint8Array.from(atob(bundle), (char) => char.charCodeAt(0)), policy));
    }
    return reports;
}"""


def reports(page: Page, asked: Iterable[tuple[bytes, Members | str]]) -> list[Members]:
    """What the page makes of bundles by policies."""
    texts = [
        (b64encode(data).decode(), policy if isinstance(policy, str) else json.dumps(policy)) for data, policy in asked
    ]
    found: list[Members] = page.evaluate(EXAMINE, texts)
    return found


def verdicts(page: Page, cases: list[Members]) -> Iterator[tuple[Members, Members]]:
    """Every case with its report."""
    found = reports(page, ((bytes_of(case), case["policy"]) for case in cases))
    return zip(cases, found, strict=True)


def story_of(report: Members, case: Members) -> Members:
    """As much of a report as the vector tells."""
    names = ("item", "outermost", "status", "holds", "amber", "witnesses")
    told = case["hops"][0].keys()
    return {name: report[name] for name in names} | {
        "hops": [{name: hop[name] for name in told} for hop in report["hops"]],
    }


def story_told(case: Members) -> Members:
    return {name: case[name] for name in ("item", "outermost", "status", "holds", "amber", "witnesses", "hops")}


# ---- the vectors


def test_it_accepts_what_holds_and_tells_the_same_story(page: Page) -> None:
    told = {case["name"]: (report["step"], story_of(report, case)) for case, report in verdicts(page, GOOD)}
    assert told == {case["name"]: (None, story_told(case)) for case in GOOD}


def test_it_refuses_every_attack_at_the_step_that_should(page: Page) -> None:
    steps = {case["name"]: (report["ok"], report["step"]) for case, report in verdicts(page, REFUSED)}
    assert steps == {case["name"]: (False, case["step"]) for case in REFUSED}


def test_no_attack_is_refused_by_an_error_that_nobody_thought_of(page: Page) -> None:
    thought_of = CODES.keys() - {"not_understood"}
    odd = [report["failure"] for _, report in verdicts(page, REFUSED) if report["code"] not in thought_of]
    assert odd == []


def test_it_says_of_a_nodes_bundles_what_the_first_verifier_says(page: Page) -> None:
    def verdict(report: Members) -> str:
        if not report["ok"]:
            return "refused"
        return "caution" if report["amber"] else "verified"

    said = {
        case["name"]: (verdict(report), [note["code"] for note in report["notes"]], report["step"], report["code"])
        for case, report in verdicts(page, CASES)
    }
    assert said == {case["name"]: (case["verdict"], case["notes"], case["step"], case["code"]) for case in CASES}


def test_a_refusal_tells_of_no_history(page: Page) -> None:
    for _, report in verdicts(page, REFUSED[::10]):
        assert (report["hops"], report["status"], report["product"], report["holder"]) == ([], None, None, None)
        results = [step["result"] for step in report["steps"]]
        assert results[report["step"] - 1] == "fails"
        assert set(results[report["step"] :]) <= {"not_reached"}


# ---- beside the first verifier, on damage that nobody named


def damaged(count: int) -> Iterator[tuple[Members, bytes]]:
    """Good bundles with one byte changed, drawn the same every time."""
    drawn = random.Random("one byte")
    for _ in range(count):
        case = drawn.choice(GOOD)
        data = bytearray(bytes_of(case))
        data[drawn.randrange(len(data))] ^= drawn.randrange(1, 256)
        yield case, bytes(data)


def test_whichever_byte_is_changed_both_refuse_at_one_step(page: Page) -> None:
    changed = list(damaged(300))
    found = reports(page, ((data, case["policy"]) for case, data in changed))
    for (case, data), report in zip(changed, found, strict=True):
        failure = examine(data, Policy.parse(json.dumps(case["policy"]))).failure
        assert report["step"] == (int(failure.step) if failure else None), (case["name"], failure, report["failure"])
        # only in a line of a checkpoint that a stranger, or nobody who was asked for, has signed may a byte be another
        assert failure or bytes_of(case).count("\n— ".encode()) > 1, case["name"]


def test_whatever_is_changed_in_the_file_both_refuse_at_one_step(page: Page) -> None:
    policy, good = one_pack_in_a_case("changed")
    raw = plain("bundle", good)
    changed = [
        (path, cbor2.dumps(put(raw, path, new), canonical=True))
        for path, value in nodes(raw)
        for new in otherwise(value)
    ]
    demand_agreement(page, policy, changed)


def test_whatever_a_liar_signs_as_core_both_see_it_alike(page: Page) -> None:
    policy, _ = forged(core_of(), word="in_transit")("liar")
    lies: list[tuple[Any, bytes]] = []
    for name, value in product([*bundle_check.CORE_FORMS, "epcList"], ANYTHING):
        _, lying = forged(core_of(**{name: value}), word="in_transit")("liar")
        assert not isinstance(lying, bytes)
        lies.append(((name, value), encoded(lying)))
    demand_agreement(page, policy, lies)


def test_whatever_is_lied_in_a_story_all_three_see_it_alike(page: Page) -> None:
    told = list(lies(250, first=10_000))
    found = reports(page, ((data, policy) for _, policy, data in told))
    for (seed, policy, data), report in zip(told, found, strict=True):
        failure = examine(data, Policy.parse(json.dumps(policy))).failure
        assert (seed, report["step"]) == (seed, int(failure.step) if failure else None), report["failure"]
        assert (seed, report["step"]) == (seed, step_of_oracle(data, policy))


def test_whatever_governors_and_others_say_all_three_see_it_alike(page: Page) -> None:
    told = list(plots(250, first=10_000))
    found = reports(page, ((data, policy) for _, policy, data in told))
    for (seed, policy, data), report in zip(told, found, strict=True):
        failure = examine(data, Policy.parse(json.dumps(policy))).failure
        said = (int(failure.step), failure.code) if failure else (None, None)
        assert (seed, report["step"], report["code"]) == (seed, *said), report["failure"]
        assert (seed, report["step"]) == (seed, step_of_oracle(data, policy))


def test_whatever_is_changed_in_what_a_governor_says_both_see_it_alike(page: Page) -> None:
    changed = list(otherwise_said())
    demand_agreement(page, changed[0][1], [(what, data) for what, _, data in changed])


SITES = """
    https://id.gs1.org HTTPS://ID.GS1.ORG http://id.gs1.org https://id.gs1.org:443 https://dl.maker.example
    https://müller.example ftp://id.gs1.org https:/id.gs1.org
"""
PATHS = """
    / /01 /gtin /x/y /20260131 /01/20260131 /01/00614141123452 /01/614141123452 /01/00000012345670/21/A
    /01/00012345678905/21/A /01/00614141123452/21/A1 /01/00614141123453/21/A1 /gtin/00614141123452/ser/A1
    /01/00614141123452/21/ /01/00614141123452/21/A1/ /01/00614141123452/21/A1/99/x /01/00614141123452/10/L1/21/A1
    /01/00614141123452/21/A1/10/L1 /01/00614141123452/22/V/21/A1 /01/00614141123452/22/V /01/00614141123452/235/T
    /01/00614141123452/235/T/21/A1 /01/00614141123452/21/A1/21/A2 /01/00614141123452/21/A%2FB
    /01/00614141123452/21/A%2fB /01/00614141123452/21/%41 /01/00614141123452/21/é /01/00614141123452/21/A%zz
    /01/00614141123452/21/A%C3%A9 /01/00614141123452/21/ABCDEFGHIJKLMNOPQRSTU /01/00614141123452/21/!
    /01/00614141123452/21/%21 /01/00614141123452/21/A~ /01/00614141123452?17=271231 /01/00614141123452#a
    /01/00614141123452/21/A1? /01/0061414112345２/21/A /shop/01/00614141123452/21/A1 /01/01/00614141123452/21/A1
    /a/01/00614141123452/21/A1 /01/x/21/414 /00/006141417000000004 /00/006141417000000005 /sscc/006141417000000004
    /00/006141417000000004/21/A /414/0614141007776 /414/0614141007777 /414/0614141007776/254/0
    /414/0614141007776/254/d-4 /party/0614141007776 /417/0614141007776 /417/0614141007776/254/x /253/0614141007776ABC
    /255/0614141007776 /255/06141410077761234 /401/0614141X /401/X614141 /402/06141410000000009 /402/06141410000000000
    /8003/00614141007776S1 /8003/10614141007776S1 /8004/0614141X /8006/006141411234520102 /8006/006141411234520201
    /8010/0614141A%2FB /8010/0614141A/8011/12 /8010/0614141A/8011/012 /8017/061414100000000007
    /8018/061414100000000007/8019/9 /415/0614141007776/8020/R /8020/R /10/L1
"""
OTHERS = """
    urn:epc:id:sgtin:0614141.012345.A1 URN:EPC:id:sgtin:0614141.012345.A1 urn:epc:id:bic:CSQU3054383 urn:epc:tag:x:1
    urn:epc:id:adi: urn:epc:idpat:sgtin:0614141.*.* urn:epc:idpat:sgtin:0614141.012345.* urn:epc:idpat:sscc:1.*
    urn:epc:pat:sgtin-64:3.0614141.012345.* urn:epc:idpat:sgtin:*.*.* urn:epc:class:lgtin:0614141.012345.L urn:epc:x
    urn:epcglobal:cbv:bt:0614141007776:PO-1 urn:uuid:93c8c77f-a277-438d-aa83-b97cfab380e7 tote:7 tote: tote:é 7:x
    t+.-7:x é:x :x http:x https:// httpſ://id.gs1.org/01/00614141123452
"""
WITH_BLANKS = [f"tote:a{blank}b" for blank in " \t\n\x00\x1c\x85\xa0\u2028\u3000\ufeff"]


def test_what_is_the_one_spelling_of_an_identifier_all_three_say_alike(page: Page) -> None:
    case = BY_NAME["one-pack-alone"]
    sites, paths = SITES.split(), PATHS.split()
    spelled = [*sites, *map("".join, product(sites, paths)), *OTHERS.split(), *WITH_BLANKS, ""]
    bundle = cbor2.loads(bytes_of(case))
    found = reports(page, ((cbor2.dumps(bundle | {"items": [epc]}, canonical=True), case["policy"]) for epc in spelled))
    said = {epc: report["code"] != "identifier_not_canonical" for epc, report in zip(spelled, found, strict=True)}
    assert said == {epc: in_one_form(epc) for epc in spelled} == {epc: is_canonical(epc) for epc in spelled}
    assert len(set(said.values())) == 2


@pytest.mark.parametrize("number", ["1.0", "1e0", "-1", "-0", "9007199254740992", "1E400", "0.5"])
def test_only_whole_numbers_that_every_reader_can_tell_are_read(page: Page, number: str) -> None:
    case = BY_NAME["one-pack-alone"]
    bundle = cbor2.loads(bytes_of(case))
    shown = bundle["segments"][0]["hops"][0][1][0]
    shown[2][1] = shown[2][1].replace('"items":[1,', f'"items":[{number},')
    data = cbor2.dumps(bundle, canonical=True)
    (report,) = reports(page, [(data, case["policy"])])
    failure = examine(data, Policy.parse(json.dumps(case["policy"]))).failure
    assert (report["step"], report["code"]) == (8, "unexpected_number")
    assert failure is not None
    assert failure.step is Step.LEAVES


def demand_agreement(page: Page, policy: Members, asked: list[tuple[Any, bytes]]) -> None:
    """Whatever comes of it, both say the same."""
    believed = Policy.parse(json.dumps(policy))
    found = reports(page, ((data, policy) for _, data in asked))
    for (what, data), report in zip(asked, found, strict=True):
        failure = examine(data, believed).failure
        assert (what, report["step"]) == (what, int(failure.step) if failure else None)


def with_policy(**changed: Any) -> str:
    return json.dumps(BY_NAME["carried"]["policy"] | changed)


def of_authority(**changed: str) -> list[Members]:
    return [BY_NAME["carried"]["policy"]["authorities"][0] | changed]


def certificate() -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tsa.example")]), datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now)
    return made.sign(key, SHA256())


PEM, DER = (certificate().public_bytes(form) for form in (Encoding.PEM, Encoding.DER))
TLOG: str = BY_NAME["carried"]["policy"]["tlog"]
LOG_LINE = TLOG.split("\n")[0]
POLICIES = {
    "empty": "",
    "not-json": "{",
    "a-list": "[]",
    "text-after-it": with_policy() + "x",
    "version-2": with_policy(v=2),
    "version-as-text": with_policy(v="1"),
    "member-more": with_policy(more=1),
    "member-twice": with_policy().replace('"v": 1,', '"v": 1, "v": 1,'),
    "member-of-every-object": with_policy(__proto__={"v": 1}),
    "nodes-missing": with_policy().replace('"nodes"', '"others"'),
    "authorities-not-a-list": with_policy(authorities={}),
    "authority-without-its-kid": with_policy(authorities=[{"gln": "9521987000001"}]),
    "authority-of-another-kid": with_policy(authorities=of_authority(kid="A" * 43)),
    "authority-that-is-no-gln": with_policy(authorities=of_authority(gln="952198700000")),
    "key-of-small-order": with_policy(authorities=of_authority(public="A" * 43)),
    "key-padded": with_policy(authorities=of_authority(public="A" * 43 + "=")),
    "key-of-31-bytes": with_policy(authorities=of_authority(public="A" * 42)),
    "key-not-on-its-curve": with_policy(authorities=of_authority(public=b64encode(b"\4" + bytes(64)).decode()[:87])),
    "governance-null": with_policy(governance=None),
    "governance-a-list": with_policy(governance=[]),
    "governance-without-its-quorum": with_policy(governance={"governors": of_authority()}),
    "governance-with-a-member-more": with_policy(governance={"governors": of_authority(), "quorum": 1, "more": 1}),
    "governance-of-nobody": with_policy(governance={"governors": [], "quorum": 1}),
    "governance-of-another-kid": with_policy(governance={"governors": of_authority(kid="A" * 43), "quorum": 1}),
    "governance-with-a-quorum-of-none": with_policy(governance={"governors": of_authority(), "quorum": 0}),
    "governance-with-a-quorum-of-two": with_policy(governance={"governors": of_authority(), "quorum": 2}),
    "governance-with-a-quorum-of-keys": with_policy(governance={"governors": of_authority() * 2, "quorum": 2}),
    "governance-with-a-quorum-as-text": with_policy(governance={"governors": of_authority(), "quorum": "1"}),
    "governance-with-a-quorum-of-truth": with_policy(governance={"governors": of_authority(), "quorum": True}),
    "governors-beside-it": with_policy(governors=of_authority()),
    "timestamps-null": with_policy(timestamps=None),
    "timestamps-not-a-list": with_policy(timestamps={}),
    "timestamps-without-certificate": with_policy(timestamps=[{"name": "tsa.example"}]),
    "timestamps-without-a-name": with_policy(timestamps=[{"name": "", "certificate": "x"}]),
    "timestamps-with-no-certificate": with_policy(timestamps=[{"name": "tsa.example", "certificate": "x"}]),
    "timestamps-of-two-by-one-name": with_policy(timestamps=[{"name": "a", "certificate": PEM.decode()}] * 2),
    "tlog-not-text": with_policy(tlog=1),
    "tlog-cut-short": with_policy(tlog=TLOG.rstrip("\n")),
    "tlog-without-quorum": with_policy(tlog=LOG_LINE + "\n"),
    "tlog-with-two": with_policy(tlog=TLOG + "quorum none\n"),
    "tlog-of-nobody": with_policy(tlog=LOG_LINE + "\nquorum someone\n"),
    "tlog-with-one-log-twice": with_policy(tlog=LOG_LINE + "\n" + TLOG),
    "tlog-with-a-word-more": with_policy(tlog="more\n" + TLOG),
    "tlog-with-another-key-id": with_policy(tlog=TLOG.replace("+9646987a+", "+00000000+")),
    "tlog-with-a-control-character": with_policy(tlog="\x07\n" + TLOG),
    "tlog-with-an-empty-group": with_policy(tlog="group G any\n" + TLOG),
    "tlog-with-a-log-as-witness": with_policy(tlog=LOG_LINE.replace("log ", "witness W ", 1) + "\n" + TLOG),
}


def test_what_is_no_policy_neither_reads(page: Page) -> None:
    data = bytes_of(BY_NAME["carried"])
    found = reports(page, ((data, text) for text in POLICIES.values()))
    for (name, text), report in zip(POLICIES.items(), found, strict=True):
        assert (name, report["ok"], report["code"]) == (name, False, "malformed_policy")
        with pytest.raises(DocumentError):
            Policy.parse(text)


def test_what_a_policy_may_say_beside_whom_to_believe_both_read(page: Page) -> None:
    stamps = [
        {"name": "a.example", "certificate": PEM.decode() * 2},
        {"name": "b.example", "certificate": b64encode(DER).decode()},
    ]
    governance = {"governors": of_authority(), "quorum": 1}
    texts = [with_policy(timestamps=stamps, governance=governance), with_policy(timestamps=[])]
    found = reports(page, ((bytes_of(BY_NAME["carried"]), text) for text in texts))
    assert [report["ok"] for report in found] == [True, True]
    assert [len(Policy.parse(text).timestamps) for text in texts] == [2, 0]


# ---- keys that no browser can check


def ml_dsa_witness(name: str) -> tuple[str, str]:
    """A vkey of kind 0x06, and a line that claims to be its cosignature."""
    key = b"\x06" + sha256(name.encode()).digest() * 41
    number = sha256(name.encode() + b"\n" + key).digest()[:4]
    line = f"— {name} {b64encode(number + bytes(8) + bytes(2420)).decode()}\n"
    return f"{name}+{number.hex()}+{b64encode(key).decode()}", line


def asked_of_witness(quorum: str, *, signed: bool) -> tuple[bytes, Members]:
    case = BY_NAME["carried"]
    vkey, line = ml_dsa_witness("modern.example")
    bundle = cbor2.loads(bytes_of(case))
    if signed:
        bundle["segments"][0]["checkpoint"] += line
    tlog = f"{LOG_LINE}\nwitness modern {vkey}\nquorum {quorum}\n"
    return cbor2.dumps(bundle, canonical=True), case["policy"] | {"tlog": tlog}


def test_a_signature_that_no_browser_can_check_never_counts(page: Page) -> None:
    needed, beside, absent = reports(
        page,
        [
            asked_of_witness("modern", signed=True),
            asked_of_witness("none", signed=True),
            asked_of_witness("none", signed=False),
        ],
    )
    assert (needed["step"], needed["code"]) == (3, "no_quorum")
    assert "ML-DSA" in needed["failure"]["detail"]
    assert (beside["ok"], beside["witnesses"], beside["amber"]) == (True, [], [3])
    assert "unsupported_key" in [note["code"] for note in beside["notes"]]
    assert (absent["ok"], absent["amber"]) == (True, [])


# ---- what this page does not follow


def with_anchors(anchors: Any) -> bytes:
    bundle = cbor2.loads(bytes_of(BY_NAME["witnessed"]))
    bundle["segments"][0]["anchors"] = anchors
    return cbor2.dumps(bundle, canonical=True)


def test_time_stamps_are_said_not_to_be_checked(page: Page) -> None:
    policy = BY_NAME["witnessed"]["policy"]
    stamped, none, by_name, twice = reports(
        page,
        [
            (with_anchors([["a.example", b"token"], ["b.example", b""]]), policy),
            (with_anchors([]), policy),
            (with_anchors([["b.example", b""], ["a.example", b""]]), policy),
            (with_anchors([["a.example", b"1"], ["a.example", b"2"]]), policy),
        ],
    )
    assert (stamped["ok"], stamped["amber"]) == (True, [])
    assert ("anchor_not_checked", False) in [(note["code"], note["amber"]) for note in stamped["notes"]]
    assert {(report["step"], report["code"]) for report in (none, by_name, twice)} == {(1, "malformed_bundle")}


# ---- one vocabulary, one file


def test_the_steps_have_the_names_of_the_first_verifier(page: Page) -> None:
    assert page.evaluate("unitproof.STEPS") == [[step.name.lower(), step.sentence] for step in Step]


def test_its_codes_are_those_of_the_table() -> None:
    source = FILE.read_text()
    spoken = re.findall(r'(?:Refused\(|note\(|notBegun\(|demand\([^"\n]*,\s*|seen\()\s*"([a-z0-9_]+)"', source)
    assert len(set(spoken)) > 50
    assert set(spoken) - CODES.keys() == set()


def test_it_is_one_file_that_asks_nobody_and_keeps_nothing() -> None:
    source = FILE.read_text()
    assert not re.search(r"\ssrc=|@import|\burl\(|<link(?! rel=\"icon\" href=\"data:)|\sstyle=|\son\w+=", source)
    for way in (
        *("fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "import(", "Worker"),
        *("localStorage", "sessionStorage", "indexedDB", "cookie", "caches", "innerHTML", "eval("),
    ):
        assert way not in source, way


# ---- what a person does


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str, bytes | None], tuple[Path, Path]]:
    """A proof and its policy on disk."""

    def write(name: str, data: bytes | None = None) -> tuple[Path, Path]:
        case = BY_NAME[name]
        bundle, policy = tmp_path / f"{name}.unitproof", tmp_path / f"{name}.json"
        bundle.write_bytes(data or bytes_of(case))
        policy.write_text(json.dumps(case["policy"]))
        return bundle, policy

    return write


Files = Callable[..., tuple[Path, Path]]


def test_a_proof_that_holds_is_shown_with_its_chain(from_disk: Callable[..., Page], files: Files) -> None:
    page = from_disk()
    choose(page, *files("witnessed"))
    result = page.locator("#result")
    expect(result.get_by_role("heading", level=2)).to_contain_text("It holds")
    expect(page.get_by_role("status")).to_contain_text("All twelve steps hold")
    expect(result.locator(".steps > li")).to_have_count(12)
    expect(result.locator(".chain > li")).to_have_count(len(BY_NAME["witnessed"]["hops"]))
    expect(result.locator(".chain > li").last).to_contain_text("Commissioned")
    for witness in BY_NAME["witnessed"]["witnesses"]:
        expect(result.get_by_text(witness, exact=True)).to_be_visible()
    keep(page, "offline-holds")


def test_what_is_not_witnessed_or_attested_is_called_so(from_disk: Callable[..., Page], files: Files) -> None:
    page = from_disk()
    choose(page, *files("told-by-a-reporter"))
    result = page.locator("#result")
    expect(result.get_by_role("heading", level=2)).to_have_text("It holds, with notes")
    expect(result.get_by_text("Not independently witnessed.", exact=True)).to_be_visible()
    expect(result.locator(".chain .unsigned").first).to_contain_text("not signed by that party")
    keep(page, "offline-notes")


def test_a_refusal_says_which_step_and_why_and_shows_no_chain(from_disk: Callable[..., Page], files: Files) -> None:
    page = from_disk()
    case = next(case for case in REFUSED if case["name"] == "entry-salt-wrong")
    choose(page, *files("carried", bytes_of(case)))
    result = page.locator("#result")
    expect(result.get_by_role("heading", level=2)).to_have_text("Refused")
    expect(result.get_by_text("Step 4 does not hold")).to_be_visible()
    expect(result.get_by_text("wrong_root")).to_be_visible()
    expect(result.get_by_text("Expected")).to_be_visible()
    expect(result.locator(".steps .refused")).to_contain_text("Entries")
    expect(result.locator(".chain")).to_have_count(0)
    keep(page, "offline-refused")


def test_an_answer_never_stands_beside_another_file(from_disk: Callable[..., Page], files: Files) -> None:
    page = from_disk()
    bundle, policy = files("carried")
    choose(page, bundle, policy)
    expect(page.locator("#verdict")).to_be_visible()
    page.get_by_text("Paste it instead").click()
    page.get_by_label("The policy as text").fill("{}")
    expect(page.locator("#result")).to_be_hidden()
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#verdict")).to_have_text("The policy cannot be read")
    page.get_by_label("The policy as text").fill(policy.read_text())
    page.get_by_role("button", name="Check").press("Enter")
    expect(page.locator("#verdict")).to_contain_text("It holds")


def test_files_may_be_dropped_anywhere(from_disk: Callable[..., Page], files: Files) -> None:
    page = from_disk()
    bundle, policy = files("carried")
    texts = [b64encode(path.read_bytes()).decode() for path in (bundle, policy)]
    page.evaluate(
        """(texts) => {
            const dataTransfer = new DataTransfer();
            for (const text of texts) {
                dataTransfer.items.add(new File([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))], "any"));
            }
            document.querySelector("h1").dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer }));
        }""",
        texts,
    )
    expect(page.locator("#verdict")).to_contain_text("It holds")


def test_what_is_missing_is_said(from_disk: Callable[..., Page]) -> None:
    page = from_disk()
    page.get_by_role("button", name="Check").press("Enter")
    expect(page.get_by_role("status")).to_have_text("Choose a proof first.")


NO_ED25519 = """
    const real = crypto.subtle.importKey.bind(crypto.subtle);
    crypto.subtle.importKey = (format, key, algorithm, ...rest) => (algorithm.name ?? algorithm) === "Ed25519"
        ? Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"))
        : real(format, key, algorithm, ...rest);
"""
NO_WEB_CRYPTO = "Object.defineProperty(crypto, 'subtle', { value: undefined });"


@pytest.mark.parametrize(("script", "words"), [(NO_ED25519, "Firefox from 129"), (NO_WEB_CRYPTO, "open it from disk")])
def test_a_browser_that_cannot_says_so(from_disk: Callable[..., Page], script: str, words: str) -> None:
    page = from_disk(script)
    expect(page.locator("#verdict")).to_have_text("Nothing can be checked here")
    expect(page.locator("#result")).to_contain_text(words)
    (report,) = reports(page, [(bytes_of(GOOD[0]), GOOD[0]["policy"])])
    assert (report["ok"], report["code"]) == (False, "browser_unsupported")


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_to_complain_of(
    from_disk: Callable[..., Page], files: Files, viewport: dict[str, int]
) -> None:
    found = {}
    for name, data in (("told-by-a-reporter", None), ("carried", b"\xa0")):
        page = from_disk(reduced_motion="reduce", viewport=viewport)
        choose(page, *files(name, data))
        expect(page.locator("#verdict")).to_be_visible()
        for look in in_every_look(page, viewport):
            keep(page, f"offline-{name}-{look}")
            if complaints := complaints_of_axe(page):
                found[name, look] = complaints
    assert found == {}


def test_nothing_has_to_be_scrolled_sideways(from_disk: Callable[..., Page], files: Files) -> None:
    for viewport in (PHONE, {"width": 320, "height": 640}):
        page = from_disk(viewport=viewport)
        choose(page, *files("from-line-to-patient"))
        expect(page.locator("#verdict")).to_be_visible()
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_it_has_asked_for_nothing_but_itself(
    from_disk: Callable[..., Page], asked_for: list[str], files: Files
) -> None:
    page = from_disk()
    choose(page, *files("witnessed"))
    expect(page.locator("#verdict")).to_be_visible()
    assert {url for url in asked_for if not url.startswith("data:")} == {FILE.as_uri()}


# ---- served


def test_a_node_serves_it_and_its_own_proofs_hold_there(opens: Callable[..., Page], tmp_path: Path) -> None:
    page = opens()
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the proof").click()
    bundle, policy = tmp_path / "good.unitproof", tmp_path / "policy.json"
    download.value.save_as(bundle)
    policy.write_bytes(page.request.get("/demo/policy.json").body())
    page.get_by_role("link", name="a page that works without us").click()
    expect(page).to_have_url(re.compile("/verify-offline$"))
    choose(page, bundle, policy)
    expect(page.locator("#verdict")).to_contain_text("It holds")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save this page").click()
    assert saved.value.path().read_bytes() == FILE.read_bytes()
    assert saved.value.suggested_filename == "verify-offline.html"


def test_where_it_is_served_nothing_else_could_run(opens: Callable[..., Page]) -> None:
    page = opens()
    answer = page.goto("/verify-offline")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert {"default-src 'none'", "connect-src 'none'"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    assert set(answer.headers["cache-control"].split(", ")) == {"max-age=3600", "public"}
    unchanged = page.request.get("/verify-offline", headers={"If-None-Match": answer.headers["etag"]})
    assert unchanged.status == 304
    assert complaints_of_axe(page) == ""
