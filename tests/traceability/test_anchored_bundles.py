"""Bundles with time stamps: who saw all of it, and when; over another text it is refused, unknown it is said to be."""

import json
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ledger import anchoring, log
from ledger.anchor.rfc3161 import certificates, stamp
from ledger.tlog.note import Note
from partners.access import Purpose
from tests.ledger.tsa import Authority, openssl
from tests.traceability.test_proving import bundle, checked, integrate, trusted
from tests.world import World, unit
from traceability.bundle import Bundle, MalformedBundle, Step, examine
from traceability.policy import MalformedPolicy, Policy, Timestamping
from traceability.proving import bundle_for
from traceability.trust import own_policy

pytestmark = openssl
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authorities") / "one")


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    return World()


def anchored(world: World) -> bytes:
    purpose = Purpose.VERIFICATION
    return bundle_for(unit("A1"), world.maker.partner, purpose=purpose, now=world.now, anchored=True)


def with_token(data: bytes, *anchors: tuple[str, bytes]) -> bytes:
    read = Bundle.parse(data)
    return bytes(replace(read, segments=(replace(read.segments[0], anchors=anchors),)))


def trusting(world: World, authority: Authority, name: str = "one.example") -> Policy:
    return replace(trusted(world), timestamps=(Timestamping(name, authority.certificate),))


def text_of(data: bytes) -> bytes:
    return Note.parse(Bundle.parse(data).segments[0].checkpoint).text.encode()


def test_from_the_authority_to_whoever_checks_it(world: World, authority: Authority, settings: Any) -> None:
    with authority.serving():
        settings.ANCHORS.write_text(authority.line("one.example"))
        world.maker.commissions(serial="A1")
        integrate(world)
        anchoring.anchor(now=world.now)
        world.maker.commissions(serial="A2")  # the log goes on, and the bundle stays with what was anchored
        integrate(world)
        data = anchored(world)
    assert log.latest() != anchoring.anchored(1)
    head = anchoring.anchored(1)
    assert head is not None
    assert Bundle.parse(data).segments[0].checkpoint == head.note
    (row,) = head.anchors.all()
    assert row.anchored_at is not None
    for policy in (trusting(world, authority), Policy.parse(str(own_policy()))):
        report = examine(data, policy)
        assert report.failure is None
        (note,) = [each for each in report.notes if each.code == "anchored"]
        assert (
            note.sentence == f"All of this was there when one.example saw it, {row.anchored_at:%Y-%m-%d %H:%M:%S} UTC."
        )
        assert (note.step, note.amber) == (Step.CHECKPOINT, False)


def test_without_anchors_a_bundle_is_what_it_was(world: World, settings: Any) -> None:
    world.maker.commissions(serial="A1")
    integrate(world)
    assert Bundle.parse(anchored(world)).segments[0].anchors == ()
    assert b"anchors" not in anchored(world)
    assert b"anchors" not in bundle(world, unit("A1"), world.maker)
    assert checked(world, unit("A1"), world.maker).failure is None


@pytest.fixture
def stamped(world: World, authority: Authority) -> bytes:
    world.maker.commissions(serial="A1")
    integrate(world)
    plain = bundle(world, unit("A1"), world.maker)
    return with_token(plain, ("one.example", token_over(authority, text_of(plain))))


def token_over(authority: Authority, text: bytes) -> bytes:
    return stamp(text, authority.answer, certificates(authority.certificate))[0]


def test_an_authority_that_the_policy_does_not_name_is_said_not_to_be_checked(
    world: World, authority: Authority, stamped: bytes
) -> None:
    for data in (stamped, with_token(stamped, ("one.example", b"nonsense"))):
        report = examine(data, trusted(world))
        assert report.failure is None
        assert [note.code for note in report.notes if "anchor" in note.code] == ["anchor_not_checked"]
    assert examine(stamped, trusting(world, authority, "two.example")).failure is None


def of_another_text(authority: Authority, data: bytes) -> bytes:
    return token_over(authority, text_of(data) + b"more\n")


def of_the_signed_note(authority: Authority, data: bytes) -> bytes:
    return token_over(authority, Bundle.parse(data).segments[0].checkpoint.encode())


def of_a_stranger(authority: Authority, data: bytes) -> bytes:
    other = Authority(authority.folder.parent / "stranger")
    return token_over(other, text_of(data))


def cut(authority: Authority, data: bytes) -> bytes:
    return Bundle.parse(data).segments[0].anchors[0][1][:-1]


@pytest.mark.parametrize("forged", [of_another_text, of_the_signed_note, of_a_stranger, cut], ids=lambda f: f.__name__)
def test_a_token_that_does_not_fit_is_refused_with_the_checkpoint(
    world: World, authority: Authority, stamped: bytes, forged: Any
) -> None:
    data = with_token(stamped, ("one.example", forged(authority, stamped)))
    failure = examine(data, trusting(world, authority)).failure
    assert failure is not None
    assert failure.step is Step.CHECKPOINT
    assert failure.code in ("bad_anchor", "unknown_authority", "malformed_anchor")


@pytest.mark.parametrize(
    "anchors", [[("b", b"1"), ("a", b"2")], [("a", b"1"), ("a", b"2")], [("a", "text")], [(1, b"1")], [("a",)], [b"x"]]
)
def test_anchors_out_of_form_are_no_bundle(stamped: bytes, anchors: Any) -> None:
    with pytest.raises(MalformedBundle):
        Bundle.parse(with_token(stamped, *anchors))


def test_an_empty_list_of_anchors_is_a_second_form_of_none(stamped: bytes) -> None:
    import cbor2

    members = cbor2.loads(stamped)
    members["segments"][0]["anchors"] = []
    with pytest.raises(MalformedBundle):
        Bundle.parse(cbor2.dumps(members, canonical=True))


def test_a_policy_reads_back_with_its_authorities_of_time(world: World, authority: Authority) -> None:
    (certificate, *_) = certificates(authority.certificate)
    der = b64encode(certificate.public_bytes(Encoding.DER)).decode()
    for written in (authority.certificate, der):
        policy = replace(trusted(world), timestamps=(Timestamping("one.example", written),))
        assert Policy.parse(str(policy)) == policy
        assert policy.timestamps[0].trust == (certificate,)


@pytest.mark.parametrize(
    "timestamps",
    [{}, [{}], [{"name": "x"}], [{"name": "", "certificate": "x"}], [{"name": "x", "certificate": "nonsense"}],
     [{"name": "x", "certificate": "AAAA"}], [{"name": "x", "certificate": "AAAA", "more": 1}]],
)  # fmt: skip
def test_a_policy_whose_authorities_of_time_are_none_is_refused(world: World, timestamps: Any) -> None:
    members = json.loads(str(trusted(world))) | {"timestamps": timestamps}
    with pytest.raises((MalformedPolicy, ValueError)):
        Policy.parse(json.dumps(members))


def test_two_authorities_of_time_of_one_name_are_refused(world: World, authority: Authority) -> None:
    one = Timestamping("one.example", authority.certificate)
    with pytest.raises(MalformedPolicy):
        replace(trusted(world), timestamps=(one, one))


def test_whoever_has_no_time_stamp_to_check_loads_no_library_for_it(
    world: World, stamped: bytes, tmp_path: Path
) -> None:
    (tmp_path / "policy.json").write_text(str(trusted(world)))
    (tmp_path / "x.unitproof").write_bytes(stamped)
    script = (
        "import sys; from traceability.cli import main\n"
        "assert main(['verify', sys.argv[1], '--policy', sys.argv[2]]) == 0\n"
        "assert 'rfc3161_client' not in sys.modules and 'httpx' not in sys.modules"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "x.unitproof"), str(tmp_path / "policy.json")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
