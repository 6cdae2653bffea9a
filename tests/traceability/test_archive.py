"""Everything of a party in one file: made by the node, checked without it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from io import StringIO
from pathlib import Path
from uuid import uuid4
from zipfile import ZipFile, ZipInfo

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ledger import log
from ledger.keys import node_key
from partners.models import Role
from tests.traceability.story import a_pallet, off_node, retracted
from tests.traceability.test_proving import integrate, trusted
from tests.traceability.test_rules import Board, named
from tests.world import CASE_GTIN, Party, World, gln, pallet, unit
from traceability import archive, statements
from traceability.archive import Report, Step, examine_archive
from traceability.cli import main
from traceability.errors import Refusal
from traceability.export import export
from traceability.policy import Policy
from traceability.registration import register
from traceability.statements import b64
from traceability.trust import own_policy

GLN_OF_NOBODY = "9521141000021"


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


def a_year(world: World) -> None:
    """A little of everything: packed, shipped, received, taken out without a record, put right, told by others."""
    load, boxes, packs = a_pallet(world)
    world.maker.ships(load, to=world.distributor)
    world.distributor.receives(load, sender=world.maker)
    world.distributor.unpacks(boxes, out_of=load)
    world.distributor.ships(boxes[0], to=world.pharmacy)
    world.pharmacy.dispenses(packs[0])
    others = world.maker.commissions(serial=["B1", "B2"])
    box = world.maker.commissions(serial="C9", gtin=CASE_GTIN)
    event = world.maker.packing(others, box)
    world.maker.tells(event)
    world.maker.tells(retracted(event))
    maker = off_node(world)
    world.pharmacy.tells(
        maker.commissioning([unit("R1"), unit("R2")]),
        maker.packing([unit("R1"), unit("R2")], pallet(7)),
        maker.shipping(pallet(7), world.pharmacy),
    )
    world.pharmacy.receives(pallet(7), sender=maker)


def exported(world: World, gln: str, tmp_path: Path, bundles: int = 0) -> Path:
    integrate(world)
    out = tmp_path / f"{gln}.zip"
    export(gln, out, now=world.now, bundles=bundles)
    return out


def examined(path: Path, policy: Policy) -> Report:
    report = examine_archive(path, policy)
    assert report.failure is None, report.failure
    return report


@pytest.mark.parametrize(
    ("party", "submissions"), [("maker", 10), ("distributor", 3), ("pharmacy", 3), ("stranger", 0)]
)
def test_every_root_that_a_party_signed_is_computed_again_from_its_archive(
    world: World, tmp_path: Path, party: str, submissions: int
) -> None:
    a_year(world)
    gln = getattr(world, party).gln
    report = examined(exported(world, gln, tmp_path), trusted(world))
    assert (report.party, report.counted.get("submissions", 0), report.by_hash) == (gln, submissions, 0)
    assert report.counted["registrations"] == (3 if party == "maker" else 2)


def test_whatever_was_said_of_a_partys_rights_is_in_its_archive(world: World, tmp_path: Path) -> None:
    """By the operator, by an authority and by itself; given and taken back."""
    world.operates(world.pharmacy, gln(777))
    said = statements.Location(
        about=world.pharmacy.gln, place=gln(778), name="Cellar", valid_from=world.now.replace(microsecond=0),
        **world._from(world.authority),
    )  # fmt: skip
    world.registers(said, world.authority.key)
    world.takes_back(world.licenses(world.pharmacy, number="L-1"), world.pharmacy, by=world.authority)
    given = world.delegates(world.pharmacy, world.distributor, "dispensing")
    world.takes_back(given, world.pharmacy, by=world.pharmacy)
    report = examined(exported(world, world.pharmacy.gln, tmp_path), trusted(world))
    assert report.counted["registrations"] == 8


def test_the_same_archive_is_the_same_bytes(world: World, tmp_path: Path) -> None:
    a_year(world)
    first = exported(world, world.maker.gln, tmp_path).read_bytes()
    assert exported(world, world.maker.gln, tmp_path).read_bytes() == first


def test_with_bundles_of_what_the_party_holds(world: World, tmp_path: Path) -> None:
    a_year(world)
    report = examined(exported(world, world.maker.gln, tmp_path, bundles=2), trusted(world))
    assert report.counted["bundles"] == 2


def starts(works: Party, authority: Party) -> None:
    """A newcomer gets a key and a right, and uses both."""
    world = works.world
    world.enrols(works, by=authority)
    world.registers(
        statements.Prefix(about=works.gln, gtins=("50614141999991",), **world._from(authority)), authority.key
    )
    works.tells(works.commissioning([unit("A1", "50614141999991")]))


def test_whoever_was_let_in_by_the_operators_word_in_the_log(world: World, tmp_path: Path) -> None:
    """As every participant is: the node's key says so, which is no authority's."""
    admits(gln(800))
    works = Party(world, gln(800), "Works", Role.MANUFACTURER)
    starts(works, world.authority)
    report = examined(exported(world, works.gln, tmp_path), trusted(world))
    assert (report.counted["registrations"], report.counted["submissions"]) == (3, 1)


def test_whoever_was_let_in_by_governors_under_rules_of_theirs(world: World, tmp_path: Path) -> None:
    board = Board(world)
    new = Party(world, gln(77), "New Board", world.authority.role)
    board.approves(1, board.proposes(authorities=tuple(sorted((named(new), named(world.authority))))))
    works, other = (Party(world, gln(number), "Works", Role.MANUFACTURER) for number in (800, 900))
    for party in (works, other):
        let_in = board.says(0, statements.Partner, about=party.gln, name="Works", role="manufacturer")
        board.approves(2, let_in)
    integrate(world)
    starts(works, new)
    path = exported(world, works.gln, tmp_path)
    report = examined(path, own_policy())
    assert (report.counted["registrations"], report.counted["submissions"]) == (6, 1)
    believes = own_policy()
    refused = examine_archive(path, Policy(believes.text, believes.authorities, believes.nodes)).failure
    assert refused is not None
    assert (refused.step, refused.code) == (Step.RIGHTS, "governor_needed")


def test_who_takes_part_is_no_authoritys_to_say(world: World) -> None:
    said = statements.Partner(about=gln(800), name="Works", role="manufacturer", **world._from(world.authority))
    with pytest.raises(Refusal):
        world.registers(said, world.authority.key)


def test_once_governors_have_spoken_the_node_says_no_more_who_takes_part(world: World, tmp_path: Path) -> None:
    """What it said before stands, also in an archive that is checked by the governors' rules."""
    admits(gln(800))
    works = Party(world, gln(800), "Works", Role.MANUFACTURER)
    starts(works, world.authority)
    board = Board(world)
    path = exported(world, works.gln, tmp_path)
    board.approves(1, board.proposes(quorum=1))
    believes = own_policy()
    assert examine_archive(path, believes).failure is None  # it was said before
    with pytest.raises(Refusal):
        leaves(world, works.gln)


@pytest.mark.parametrize("kind", [statements.Partner, statements.PartnerExit])
def test_an_archive_in_which_the_node_says_so_after_governors_have_spoken_is_refused(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: type[statements.Registration]
) -> None:
    """As a dishonest operator can make it: the node forgets who governs, and its own keys sign the statement, the
    checkpoint and the archive."""
    works = gln(800)
    if kind is statements.PartnerExit:
        admits(works)
    board = Board(world)
    board.approves(1, board.proposes(quorum=1))
    believes, policy = own_policy(), tmp_path / "policy.json"
    policy.write_text(str(believes))
    with ungoverned():
        admits(works) if kind is statements.Partner else leaves(world, works)
        path = exported(world, works, tmp_path)
    with ZipFile(path) as file:
        late = max(name for name in file.namelist() if name.startswith("registrations/")).rpartition("/")[0]
        said = statements.open_statement(file.read(f"{late}/statement"))
    assert (type(said.payload), said.signed.kid) == (kind, node_key().public.kid)
    failure = examine_archive(path, believes).failure
    assert failure is not None
    assert (failure.step, failure.code) == (Step.RIGHTS, "governor_needed")
    assert (failure.where or "").startswith(late)  # and nothing before it
    assert main(["verify", str(path), "--policy", str(policy)]) == 1
    assert "governor_needed" in capsys.readouterr().out


@contextmanager
def ungoverned() -> Iterator[None]:
    """A node whose operator has put the governors aside."""
    aside = settings.GOVERNORS.rename(settings.GOVERNORS.with_suffix(".aside"))
    yield
    aside.rename(settings.GOVERNORS)


def admits(gln: str) -> None:
    """The node says that a party takes part."""
    call_command("partner", gln=gln, name="Works", role="manufacturer", stdout=StringIO(), stderr=StringIO())


def leaves(world: World, gln: str) -> None:
    """The node says that it takes part no longer."""
    said = statements.PartnerExit(
        log=settings.LOG_ORIGIN,
        submitter=settings.OPERATOR_GLN,
        time=world.passes().replace(microsecond=0),
        statement=str(uuid4()),
        about=gln,
    )
    register(statements.sign(said, node_key()), now=world.now)


def test_what_waits_for_the_log_is_in_the_next_archive(world: World, tmp_path: Path) -> None:
    world.maker.commissions(serial="A1")
    integrate(world)
    world.maker.commissions(serial="A2")
    out = tmp_path / "maker.zip"
    export(world.maker.gln, out, now=world.now)
    assert examined(out, trusted(world)).counted["submissions"] == 1


def test_an_archive_of_nobody_and_one_of_an_empty_log_are_refused(world: World, tmp_path: Path) -> None:
    assert log.latest() is None
    for each in (GLN_OF_NOBODY, world.maker.gln):
        with pytest.raises(CommandError):
            call_command("export-participant", each, "--out", str(tmp_path / "none.zip"), stderr=StringIO())
    assert list(tmp_path.glob("*.zip*")) == []


def test_the_command_writes_it_and_unitproof_verify_knows_it_for_what_it_is(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_year(world)
    integrate(world)
    out, policy = tmp_path / "maker.zip", tmp_path / "policy.json"
    policy.write_text(str(trusted(world)))
    said = StringIO()
    call_command("export-participant", world.maker.gln, "--out", str(out), "--bundles", "1", stdout=said)
    assert "10 submissions, 3 statements about keys and rights, 1 bundle," in said.getvalue()
    assert main(["verify", str(out), "--policy", str(policy)]) == 0
    assert "WHOLE: every step holds" in capsys.readouterr().out
    assert main(["verify", str(out), "--policy", str(policy), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "verified"


# ---- damaged, one way a case ----------------------------------------------------------------------------------------

Files = dict[str, bytes]


def rewritten(path: Path, change: Callable[[Files], None], *, signed_again: bool = False) -> Path:
    """The same archive with some of its files changed; `signed_again` by the node, over a manifest that fits."""
    with ZipFile(path) as file:
        files: Files = {name: file.read(name) for name in file.namelist()}
    change(files)
    manifest, signed = files.pop(archive.MANIFEST), files.pop(archive.SIGNED)
    with ZipFile(path, "w") as file:
        writer = archive.Writer(file)
        for name in sorted(files):
            writer.add(name, files[name])
        if signed_again:
            manifest, signed = signed_by_the_node(writer, manifest, signed)
        writer.add(archive.MANIFEST, manifest)
        writer.add(archive.SIGNED, signed)
    return path


def signed_by_the_node(writer: archive.Writer, manifest: bytes, signed: bytes) -> tuple[bytes, bytes]:
    said = json.loads(manifest)
    again = writer.manifest(origin=said["log"], party=said["party"], size=said["size"])
    payload = replace(statements.open_archive(signed).payload, manifest=sha256(again).digest())
    return again, statements.sign_archive(payload, node_key(), operator=settings.OPERATOR_GLN)


def last(files: Files, name: str) -> str:
    return max(each for each in files if each.startswith("submissions/") and each.endswith(f"/{name}"))


def swap(name: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        one, *_, other = sorted(each for each in files if each.startswith("submissions/") and each.endswith(f"/{name}"))
        files[one], files[other] = files[other], files[one]

    return change


def edit(name: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        at = last(files, name)
        assert old in files[at]
        files[at] = files[at].replace(old, new, 1)

    return change


def drop(what: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        for name in [name for name in files if name.startswith(what)]:
            del files[name]

    return change


def add(name: str) -> Callable[[Files], None]:
    return lambda files: files.update({name: b"more"})


def drop_last(files: Files) -> None:
    drop(last(files, "document").removesuffix("document"))(files)


def flip(files: Files) -> None:
    at = last(files, "document")
    files[at] = files[at][:-3] + bytes([files[at][-3] ^ 1]) + files[at][-2:]


def first_leaf_by_another_hash(files: Files) -> None:
    at = last(files, "leaves")
    lines = [json.loads(line) for line in files[at].splitlines()]
    lines[0]["leaves"][0] = ["i", b64(bytes(32))]
    files[at] = b"".join(archive.leaf_line(line["leaves"]) for line in lines)


def forget_a_line(files: Files) -> None:
    at = last(files, "leaves")
    files[at] = b"".join(files[at].splitlines(keepends=True)[1:])


#: By name: the damage, whether the node itself did it and signed, and the step and code that find it.
DAMAGED: dict[str, tuple[Callable[[Files], None], bool, Step, str]] = {
    "document-altered": (flip, False, Step.FILES, "file_altered"),
    "submission-left-out": (drop_last, False, Step.MANIFEST, "file_missing"),
    "file-added": (add("submissions/more"), False, Step.MANIFEST, "file_added"),
    "policy-altered": (lambda files: files.update({"policy.json": b"{}"}), False, Step.FILES, "file_altered"),
    "file-left-out-by-the-node": (
        lambda files: drop(last(files, "receipt"))(files),
        True,
        Step.STATEMENTS,
        "file_missing",
    ),
    "stray-file-of-the-node": (add("stray"), True, Step.RIGHTS, "file_added"),
    "document-of-another": (swap("document"), True, Step.DOCUMENTS, "payload_mismatch"),
    "opening-of-another": (swap("opening"), True, Step.STATEMENTS, "wrong_root"),
    "statement-of-another": (swap("statement"), True, Step.STATEMENTS, "wrong_root"),
    "receipt-of-another": (swap("receipt"), True, Step.STATEMENTS, "wrong_log"),
    "promise-of-another": (swap("promise"), True, Step.PROMISES, "another_promise"),
    "document-altered-by-the-node": (flip, True, Step.DOCUMENTS, "payload_mismatch"),
    "leaf-of-another-content": (edit("leaves", b'"none"', b'"unknown"'), True, Step.DOCUMENTS, "payload_mismatch"),
    "leaf-by-another-hash": (first_leaf_by_another_hash, True, Step.DOCUMENTS, "payload_mismatch"),
    "leaves-of-an-event-left-out": (forget_a_line, True, Step.DOCUMENTS, "malformed_archive"),
    "key-never-registered": (drop("registrations/"), True, Step.STATEMENTS, "key_not_vouched_for"),
    "no-checkpoint": (drop("checkpoint"), True, Step.CHECKPOINT, "malformed_archive"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_refuses(world: World, tmp_path: Path, name: str) -> None:
    change, by_node, step, code = DAMAGED[name]
    a_year(world)
    path = rewritten(exported(world, world.maker.gln, tmp_path), change, signed_again=by_node)
    failure = examine_archive(path, trusted(world)).failure
    assert failure is not None
    assert (failure.step, failure.code) == (step, code), failure


@pytest.mark.parametrize(("version", "code"), [("true", "malformed_archive"), ("1.0", "unexpected_number")])
def test_a_version_is_a_whole_number(world: World, tmp_path: Path, version: str, code: str) -> None:
    world.maker.commissions(serial="A1")
    path = exported(world, world.maker.gln, tmp_path)
    with ZipFile(path) as file:
        files = {name: file.read(name) for name in file.namelist()}
    said = files[archive.MANIFEST] = files[archive.MANIFEST].replace(b'"v":1', f'"v":{version}'.encode())
    payload = replace(statements.open_archive(files[archive.SIGNED]).payload, manifest=sha256(said).digest())
    files[archive.SIGNED] = statements.sign_archive(payload, node_key(), operator=settings.OPERATOR_GLN)
    with ZipFile(path, "w") as file:
        writer = archive.Writer(file)
        for name, data in files.items():
            writer.add(name, data)
    failure = examine_archive(path, trusted(world)).failure
    assert failure is not None
    assert (failure.step, failure.code) == (Step.MANIFEST, code), failure


def test_an_untouched_archive_written_again_still_holds(world: World, tmp_path: Path) -> None:
    """So that what is refused above is refused for its damage."""
    a_year(world)
    path = exported(world, world.maker.gln, tmp_path)
    examined(rewritten(path, lambda files: None), trusted(world))
    examined(rewritten(path, lambda files: None, signed_again=True), trusted(world))


def test_an_archive_by_another_node_or_of_another_log_is_refused(world: World, tmp_path: Path) -> None:
    world.maker.commissions(serial="A1")
    path, policy = exported(world, world.maker.gln, tmp_path), trusted(world)
    unknown = Policy(policy.text, policy.authorities, ())
    assert [failure.code for failure in (examine_archive(path, unknown).failure,) if failure] == ["unknown_node"]
    other = Policy(policy.text, (), policy.nodes)
    failure = examine_archive(path, other).failure
    assert failure is not None
    assert failure.step is Step.RIGHTS


@pytest.mark.parametrize("damage", ["cut", "half", "unsorted", "text"])
def test_a_file_that_is_no_whole_archive_is_refused_in_words(world: World, tmp_path: Path, damage: str) -> None:
    world.maker.commissions(serial="A1")
    path = exported(world, world.maker.gln, tmp_path)
    data = path.read_bytes()
    if damage == "unsorted":
        with ZipFile(path) as file:
            files = {name: file.read(name) for name in file.namelist()}
        with ZipFile(path, "w") as file:
            for name in reversed(files):
                file.writestr(ZipInfo(name, archive.TIME), files[name])
    else:
        path.write_bytes({"cut": data[:-1], "half": data[: len(data) // 2], "text": b"PK\3\4 and no more"}[damage])
    failure = examine_archive(path, trusted(world)).failure
    assert failure is not None
    assert failure.step is Step.READ
