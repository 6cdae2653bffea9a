"""The rules of a log: changed by so many of its governors, from an index on, and the same for whoever replays them."""

import json
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ledger import keys, log
from ledger.tlog.checkpoint import Cosigner
from ledger.tlog.cose import PrivateKey
from partners.access import Purpose
from partners.models import Partner
from tests.world import Party, World, gln, unit
from traceability import audit, authorities, governing, statements
from traceability.authorities import Authority, Governors
from traceability.bundle.check import check
from traceability.bundle.report import BundleRefused
from traceability.errors import NotAllowed, NotSigned, Refusal
from traceability.models import Registration
from traceability.policy import Policy
from traceability.proving import bundle_for
from traceability.registration import register
from traceability.trust import own_policy


class Board:
    """Three governors, of whom two change the rules."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.keys = [PrivateKey.generate() for _ in range(3)]
        self.glns = [gln(10 * (n + 1)) for n in range(3)]
        named = tuple(Authority(*pair) for pair in zip(self.glns, (key.public for key in self.keys), strict=True))
        self.governors = Governors(2, named)
        settings.GOVERNORS.write_text(json.dumps(self.governors.as_json()))

    def says(self, number: int, kind: type[statements.Registration], **members: Any) -> Registration:
        said = kind(
            log=settings.LOG_ORIGIN,
            submitter=self.glns[number],
            time=self.world.passes().replace(microsecond=0),
            statement=str(uuid4()),
            **{"about": self.glns[number], **members},
        )
        return register(statements.sign(said, self.keys[number]), now=self.world.now)[0]

    def proposes(self, number: int = 0, **changes: Any) -> Registration:
        """New rules: as they are, but for what is said."""
        rules = governing.rules().last
        members = {
            "version": rules.version + 1,
            "activation": 0,
            "tlog": rules.tlog or "quorum none\n",
            "authorities": tuple(sorted(rules.authorities)),
            "governors": tuple(sorted(rules.governors)),
            "quorum": rules.quorum,
        }
        return self.says(number, statements.Policy, **members | changes)

    def approves(self, number: int, proposal: Registration) -> Registration:
        return self.says(number, statements.Approval, entry=bytes(proposal.entry.entry).hex())


@pytest.fixture
def board(world: World) -> Board:
    return Board(world)


def integrate(world: World) -> int:
    log.integrate(now=world.now, signer=keys.log_signer())
    return int(log.head().size)


def named(party: Party) -> statements.NamedKey:
    return statements.NamedKey(party.gln, party.key.public.kid, party.key.public.raw)


def accredits(world: World, authority: Party) -> None:
    """It vouches for a new key of the stranger."""
    world.enrols(world.stranger, PrivateKey.generate(), by=authority)


def test_two_of_three_governors_replace_an_authority(world: World, board: Board) -> None:
    new = Party(world, gln(77), "New Board", world.authority.role)
    with pytest.raises((NotAllowed, NotSigned)):
        accredits(world, new)
    proposal = board.proposes(authorities=(named(new),))
    with pytest.raises((NotAllowed, NotSigned)):
        accredits(world, new)  # one voice is none
    board.approves(1, proposal)
    accredits(world, new)
    with pytest.raises((NotAllowed, NotSigned)):
        accredits(world, world.authority)


def test_one_governor_with_many_voices_is_one(world: World, board: Board) -> None:
    proposal = board.proposes(quorum=1)
    board.approves(0, proposal)
    assert governing.rules().last.version == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 2}, "not_governed"),
        ({"quorum": 0}, "not_governed"),
        ({"quorum": 4}, "not_governed"),
        ({"tlog": "quorum nobody\n"}, "not_governed"),
        ({"tlog": "log example+f1a8a3b5+AQ==\nquorum none\n"}, "not_governed"),
    ],
)
def test_rules_that_nobody_could_live_under_are_not_proposed(
    world: World, board: Board, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(NotAllowed) as refused:
        board.proposes(**changes)
    assert refused.value.code == code
    assert not Registration.objects.filter(kind="policy").exists()


def test_only_governors_change_the_rules(world: World, board: Board) -> None:
    proposal = board.proposes(quorum=1)
    board.keys[2] = PrivateKey.generate()
    for say in (lambda: board.proposes(2, quorum=1), lambda: board.approves(2, proposal)):
        with pytest.raises(NotAllowed) as refused:
            say()
        assert refused.value.code == "governor_needed"
    with pytest.raises(NotAllowed) as refused:
        board.says(1, statements.Approval, entry="00" * 32)
    assert refused.value.code == "nothing_to_approve"


def test_a_proposal_that_another_overtook_is_adopted_no_more(world: World, board: Board) -> None:
    one, other = board.proposes(0, quorum=1), board.proposes(1, quorum=3)
    board.approves(2, other)
    with pytest.raises(NotAllowed) as refused:
        board.approves(2, one)
    assert refused.value.where == "version"
    assert governing.rules().last.quorum == 3


def test_rules_hold_from_their_activation_on_and_are_the_same_for_whoever_replays_them(
    world: World, board: Board
) -> None:
    new = Party(world, gln(77), "New Board", world.authority.role)
    size = integrate(world)
    proposal = board.proposes(authorities=(named(new),), activation=size + 5000)
    board.approves(1, proposal)
    accredits(world, world.authority)  # the change is far away
    integrate(world)
    rules = governing.rules()
    assert [rules.at(index).version for index in (0, size + 4999, size + 5000)] == [0, 0, 1]
    in_force = [[each.gln for each in governing.at(index).authorities] for index in (size + 4999, size + 5000)]
    assert in_force == [[world.authority.gln], [new.gln]]


def test_near_a_change_both_rules_have_to_allow_it(world: World, board: Board) -> None:
    """Where a statement will stand in the log is not known when it is accepted."""
    new = Party(world, gln(77), "New Board", world.authority.role)
    proposal = board.proposes(authorities=(named(new),), activation=integrate(world) + 100)
    board.approves(1, proposal)
    for authority in (new, world.authority):
        with pytest.raises((NotAllowed, NotSigned)):
            accredits(world, authority)


def test_governors_change_who_governs(world: World, board: Board) -> None:
    heir = Party(world, gln(78), "Heir", world.authority.role)
    board.approves(1, board.proposes(governors=(named(heir),), quorum=1))
    with pytest.raises(NotAllowed):
        board.proposes(0, quorum=1)
    board.keys[0], board.glns[0] = heir.key, heir.gln
    board.proposes(0, quorum=1)
    assert governing.rules().last.version == 2


def test_the_witnesses_are_what_the_rules_in_force_say(world: World, board: Board) -> None:
    cosigner = Cosigner("witness.example", PrivateKey.from_seed(bytes(32)))
    witness = f"witness W {cosigner.verifier} http://127.0.0.1:9\nquorum none\n"
    board.approves(1, board.proposes(tlog=witness))
    assert governing.enact() is False  # not before it is in the log
    integrate(world)
    assert governing.enact() is True
    assert settings.WITNESSES.read_text() == witness
    policy = keys.witnesses()
    assert policy is not None
    assert list(policy.witnesses) == ["W"]
    assert governing.enact() is False


def test_who_takes_part_is_for_governors_to_say_where_there_are_any(world: World, board: Board) -> None:
    newcomer = gln(900)
    proposal = board.says(0, statements.Partner, about=newcomer, name="Newcomer", role="dispenser")
    assert not Partner.objects.filter(gln=newcomer).exists()
    admitted = board.approves(1, proposal)
    assert Partner.objects.get(gln=newcomer).admitted == admitted.entry_id
    left = board.approves(2, board.says(0, statements.PartnerExit, about=newcomer))
    assert Partner.objects.get(gln=newcomer).left == left.entry_id


def test_who_took_part_before_anybody_governed_still_does(world: World) -> None:
    """What the operator said then is no matter of the governors'; what it says now is."""
    call_command("partner", gln=gln(900), name="Early", role="dispenser", stdout=StringIO(), stderr=StringIO())
    board = Board(world)
    board.approves(1, board.proposes(quorum=1))
    assert governing.rules().last.version == 1
    integrate(world)
    row = audit.audit(audit.begin(full=True, now=world.now), now=lambda: world.now)
    assert row.findings == []
    with pytest.raises(CommandError, match="governors decide"):
        call_command("partner", gln=gln(901), name="Late", role="dispenser", stdout=StringIO(), stderr=StringIO())


def test_once_a_governor_has_spoken_the_operator_admits_nobody_behind_their_backs(
    world: World, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: world.now)
    board.approves(1, board.proposes(quorum=1))
    integrate(world)
    aside = settings.GOVERNORS.rename(settings.GOVERNORS.with_suffix(".aside"))
    call_command("partner", gln=gln(901), name="Smuggled", role="dispenser", stdout=StringIO(), stderr=StringIO())
    aside.rename(settings.GOVERNORS)
    integrate(world)
    row = audit.audit(audit.begin(full=True, now=world.now), now=lambda: world.now)
    assert [(found["table"], found["detail"].split(";")[0]) for found in row.findings] == [
        ("traceability_registration", f"entry {log.head().size - 1}: not a governor's key")
    ]
    assert len(governing.changes(int(log.head().size))) == 2


def test_who_has_left_hands_nothing_in(world: World, board: Board) -> None:
    board.approves(1, board.says(0, statements.PartnerExit, about=world.maker.gln))
    with pytest.raises(Refusal) as refused:
        world.maker.commissions(serial="A1")
    assert refused.value.code == "unknown_partner"


# What a stranger makes of it


def story(world: World, board: Board) -> tuple[str, Party]:
    """A pack of a maker whom only an authority vouches for that the governors named later."""
    new = Party(world, gln(77), "New Board", world.authority.role)
    board.approves(1, board.proposes(authorities=tuple(sorted((named(new), named(world.authority))))))
    late = Party(world, gln(700), "Late Maker", world.maker.role)
    Partner.objects.create(gln=late.gln, name=late.name, role=late.role)
    world.enrols(late, by=new)
    gtins = ("50614141999991",)
    world.registers(statements.Prefix(about=late.gln, gtins=gtins, **world._from(new)), new.key)
    late.tells(late.commissioning([unit("A1", "50614141999991")]))
    integrate(world)
    return unit("A1", "50614141999991"), late


def test_a_bundle_shows_the_rules_by_which_its_keys_count(world: World, board: Board) -> None:
    pack, late = story(world, board)
    data = bundle_for(pack, late.partner, purpose=Purpose.CUSTODY, now=world.now)
    believes = own_policy()
    assert believes.governance is not None
    assert Policy.parse(str(believes)) == believes
    assert check(data, believes).item == check(data, own_policy(at=3)).item == pack
    alone = Policy(believes.text, believes.authorities, believes.nodes)
    with pytest.raises(BundleRefused) as refused:
        check(data, alone)
    assert refused.value.code == "governor_needed"


def test_the_file_of_governors_is_checked_when_it_is_read() -> None:
    settings.GOVERNORS.write_text('{"quorum":2,"governors":[]}')
    with pytest.raises(statements.StatementError, match="no governors"):
        authorities.Governors.load(settings.GOVERNORS)
    settings.GOVERNORS.write_text("[")
    with pytest.raises(statements.StatementError, match="not JSON"):
        authorities.Governors.load(settings.GOVERNORS)
