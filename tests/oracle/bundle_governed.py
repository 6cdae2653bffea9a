"""Bundles of a governed log: who accredits is changed by so many of its governors, in the log, from an index on.

Three govern, and two of them change the rules. The stories hold; the attacks are refused, most of them at step 5, which
asks who could say what.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

from . import note, statement
from .bundle import Chronicle, Log, drawn, prove, witness_line
from .bundle_cases import AUTHORITIES, LATER, QUORUM, Proven, Story, proven, revoke, vouch
from .bundle_forging import STRANGER, Attack, Attacked, segment
from .bundle_rules import FARTHEST
from .canonical import Members, encode
from .statement import ED25519, ESP256, Key
from .statement_cases import AUTHORITY, AUTHORITY_GLN, OPERATOR, named_key
from .tree import b64
from .tree_cases import A1, DISTRIBUTOR, KEYS, LOG, MAKER, PHARMACY, commission, link, receive, ship

Seat = tuple[str, Key]

#: A governor is a party, and may have several keys; one signs with P-256.
ANN, BEN, CAT = (("9521000001008", Key(ED25519, drawn("governor", "Ann"))),
                 ("9521000002005", Key(ESP256, drawn("governor", "Ben"))),
                 ("9521000003002", Key(ED25519, drawn("governor", "Cat"))))  # fmt: skip
ANNS_OTHER = (ANN[0], Key(ED25519, drawn("governor", "Ann", "other")))
HEIR = ("9521000004009", Key(ED25519, drawn("governor", "heir")))
BOARD = (ANN, BEN, CAT)
OLD: Seat = (AUTHORITY_GLN, AUTHORITY)
NEW: Seat = ("9521987000018", Key(ED25519, drawn("key", "new authority")))
NEWCOMER = "9521141000021"


def named(*seats: Seat) -> list[Members]:
    """Keys as rules and policies have them: by GLN, then by kid."""
    return [named_key(*seat) for seat in sorted(seats, key=lambda seat: (seat[0], seat[1].kid))]


def rules(**changed: Any) -> Members:
    """As they are to be after the first change, but for what is said: the new authority beside the old one."""
    return {
        "version": 1,
        "activation": 0,
        "tlog": "quorum none\n",
        "authorities": named(OLD, NEW),
        "governors": named(*BOARD),
        "quorum": 2,
        **changed,
    }


# --- what is said


def proposes(made: Chronicle, seat: Seat = ANN, **changed: Any) -> int:
    return made.states("policy", *seat, about=seat[0], **rules(**changed))


def approves(made: Chronicle, proposal: int, seat: Seat = BEN, **changed: Any) -> int:
    return made.states("approval", *seat, **{"about": seat[0], "entry": made.log.hashes[proposal].hex(), **changed})


def adopts(made: Chronicle, **changed: Any) -> int:
    """Proposed by one and approved by another: the index of the proposal."""
    proposal = proposes(made, **changed)
    approves(made, proposal)
    return proposal


BEFORE = 5  # entries, before governors say something


def governed(name: str) -> Chronicle:
    """A node that knows its parties, but for the maker."""
    made = Chronicle(name, Log(LOG), OPERATOR, keys=dict(KEYS))
    for party in (DISTRIBUTOR, PHARMACY):
        vouch(made, party, KEYS[party])
    return made


def accredits(made: Chronicle, seat: Seat) -> None:
    """An authority vouches for the maker: its key, and what it may issue."""
    vouch(made, MAKER, KEYS[MAKER], by=seat)
    made.states("prefix", *seat, about=MAKER, gtins=["0614141"])


def believing(made: Chronicle, tlog: str | None = None, *, seats: Sequence[Seat] = BOARD, quorum: int = 2) -> Members:
    """A policy that goes along with what governors change."""
    policy = made.policy(tlog, AUTHORITIES)
    return {**policy, "governance": {"quorum": quorum, "governors": named(*seats)}}


def told(made: Chronicle, **policy: Any) -> Proven:
    """The maker commissions a pack and ships it, and the distributor has it now."""
    made.tells(MAKER, commission("08:00:00", A1), ship("11:00:00", A1))
    made.tells(DISTRIBUTOR, receive("12:00:00", A1))
    return believing(made, **policy), proven(made)[1]


# --- stories


def authority_named_by_governors(name: str) -> Proven:
    """Two of three governors name one authority more, which then vouches for the maker's key and prefix."""
    made = governed(name)
    adopts(made)
    accredits(made, NEW)
    return told(made)


def prefix_by_an_authority_named_by_governors(name: str) -> Proven:
    made = governed(name)
    vouch(made, MAKER, KEYS[MAKER])
    adopts(made)
    made.states("prefix", *NEW, about=MAKER, gtins=["00614141123452"])
    return told(made)


def proposed_by_another_and_approved_by_the_third(name: str) -> Proven:
    """Any two of them."""
    made = governed(name)
    approves(made, proposes(made, CAT), BEN)
    accredits(made, NEW)
    return told(made)


def removed_authority_had_spoken_before(name: str) -> Proven:
    """What it said while it was one stands."""
    made = governed(name)
    accredits(made, OLD)
    adopts(made, authorities=named(NEW))
    return told(made)


def revoked_by_a_new_authority(name: str) -> Proven:
    """Any authority takes back what another said."""
    made = governed(name)
    accredits(made, OLD)
    made.tells(MAKER, commission("08:00:00", A1))
    adopts(made, authorities=named(NEW))
    revoke(made, MAKER, KEYS[MAKER], by=NEW)
    return believing(made), proven(made, keys=[[b64(KEYS[MAKER].kid), "revoked"]])[1]


def activation_reached(name: str) -> Proven:
    """Adopted for an index to come: before it the old authority vouches, from it on only the new one."""
    made = governed(name)
    adopts(made, activation=len(made.log.entries) + 3, authorities=named(NEW))
    vouch(made, MAKER, KEYS[MAKER])
    made.states("prefix", *NEW, about=MAKER, gtins=["0614141"])
    return told(made)


def as_far_ahead_as_may_be(name: str) -> Proven:
    """Adopted, and of no consequence for years."""
    made = governed(name)
    adopts(made, activation=len(made.log.entries) + FARTHEST, authorities=named(NEW))
    accredits(made, OLD)
    return told(made)


def second_change_waits_for_the_first(name: str) -> Proven:
    """Adopted while the first is still to come, and for earlier: in force when that would have been."""
    made = governed(name)
    first = len(made.log.entries) + 6
    adopts(made, activation=first, authorities=named(OLD))
    adopts(made, version=2, authorities=named(NEW))
    vouch(made, MAKER, KEYS[MAKER])
    vouch(made, MAKER, LATER[MAKER])
    made.states("prefix", *NEW, about=MAKER, gtins=["0614141"])
    return told(made)


def witnesses_changed_by_governors(name: str) -> Proven:
    """Whom the node asks is the rules' matter; who has to have cosigned, that of whoever looks."""
    made = governed(name)
    adopts(made, tlog=witness_line("W4") + "quorum W4\n")
    accredits(made, NEW)
    policy, bundle = told(made, tlog=QUORUM)
    return policy, bundle | {"segments": [made_again(made, bundle, ["W4", "W1", "W2"])]}


def made_again(made: Chronicle, bundle: Members, witnesses: list[str]) -> Members:
    """The segment under a checkpoint that these have cosigned."""
    return {**segment(bundle), "checkpoint": made.log.checkpoint(witnesses)}


def governors_changed_by_governors(name: str) -> Proven:
    """Two hand over to an heir, who changes the rules alone."""
    made = governed(name)
    adopts(made, governors=named(HEIR), quorum=1, authorities=named(OLD))
    proposes(made, HEIR, version=2, governors=named(HEIR), quorum=1)
    accredits(made, NEW)
    return told(made)


def one_governor_with_two_keys_and_another(name: str) -> Proven:
    """A proposal, an approval by the same party, and one by another."""
    made = governed(name)
    proposal = proposes(made)
    approves(made, proposal, ANNS_OTHER)
    approves(made, proposal, CAT)
    accredits(made, NEW)
    return told(made, seats=(*BOARD, ANNS_OTHER))


def proposal_that_waits(name: str) -> Proven:
    """Nobody agrees to it: the rules are what they were."""
    made = governed(name)
    proposes(made, authorities=named(NEW))
    accredits(made, OLD)
    return told(made)


def proposal_that_was_overtaken(name: str) -> Proven:
    """Two were made for one version; the other was adopted."""
    made = governed(name)
    proposes(made, CAT, authorities=named(NEW))
    adopts(made, authorities=named(OLD))
    accredits(made, OLD)
    return told(made)


def three_of_three(name: str) -> Proven:
    """A quorum that the first change asks for holds for the second."""
    made = governed(name)
    adopts(made, quorum=3, authorities=named(OLD))
    proposal = proposes(made, version=2)
    approves(made, proposal, BEN)
    approves(made, proposal, CAT)
    accredits(made, NEW)
    return told(made)


def participants_and_licences(name: str) -> Proven:
    """Who takes part, and where a party may trade: carried along, and of no consequence here."""
    made = governed(name)
    approves(made, made.states("partner", *ANN, about=NEWCOMER, name="Newcomer", role="dispenser"))
    approves(made, made.states("partner-exit", *BEN, about=NEWCOMER), CAT)
    licensed(made, OLD)
    accredits(made, OLD)
    return told(made)


#: A party that speaks of its own goods and readers, and what it says.
ITSELF: Seat = (PHARMACY, KEYS[PHARMACY])
HOLD = {"hold": "recall", "reason": "particles", "gtin": "00614141123452"}
HOLD_OF_A_PACK = {"hold": "suspect", "reason": "another smell", "epc": link(A1)}
GRANT = {"to": MAKER, "gtins": ["0614141"], "valid-to": "2027-01-01T00:00:00Z"}

LICENCE = {
    "about": PHARMACY, "licence": "PH-4711", "role": "dispenser", "states": ["NJ", "NY"],
    "valid-from": "2026-01-01T00:00:00Z", "valid-to": "2027-01-01T00:00:00Z",
}  # fmt: skip


def licensed(made: Chronicle, seat: Seat, **changed: Any) -> int:
    return made.states("licence", *seat, **(LICENCE | changed))


def governors_with_nothing_to_change(name: str) -> Proven:
    """A policy that names governors, and a log in which they have said nothing."""
    made = governed(name)
    accredits(made, OLD)
    return told(made)


STORIES: tuple[Story, ...] = (
    *(authority_named_by_governors, prefix_by_an_authority_named_by_governors),
    *(proposed_by_another_and_approved_by_the_third, removed_authority_had_spoken_before, revoked_by_a_new_authority),
    *(activation_reached, as_far_ahead_as_may_be, second_change_waits_for_the_first, witnesses_changed_by_governors),
    *(governors_changed_by_governors, one_governor_with_two_keys_and_another, proposal_that_waits),
    *(proposal_that_was_overtaken, three_of_three, participants_and_licences, governors_with_nothing_to_change),
)


# --- attacks


def after(change: Callable[[Chronicle], Any], *, seat: Seat = NEW, **policy: Any) -> Attack:
    """What is done to the rules; then an authority vouches for the maker, and the story goes on."""

    def attack(name: str) -> Attacked:
        made = governed(name)
        change(made)
        accredits(made, seat)
        return told(made, **policy)

    return attack


def proposed(**changed: Any) -> Attack:
    """A change that two agree to and that nobody may make. It would come long after all that is told here."""
    return after(lambda made: adopts(made, **({"activation": BEFORE + 100} | changed)), seat=OLD)


def by_one_and(*others: Seat, **policy: Any) -> Attack:
    """One proposes; these approve."""

    def change(made: Chronicle) -> None:
        proposal = proposes(made)
        for seat in others:
            approves(made, proposal, seat)

    return after(change, **policy)


def left_out(*which: int) -> Attack:
    """A carrier leaves out some of what was said, counted from the end, and proves the rest again."""

    def attack(name: str) -> Attacked:
        made = governed(name)
        adopts(made)
        accredits(made, NEW)
        policy, bundle = told(made)
        here = segment(bundle)
        here["relied"] = [each for place, each in enumerate(here["relied"], -len(here["relied"])) if place not in which]
        prove(here, made.log)
        return policy, bundle

    return attack


def approval_before_its_proposal(made: Chronicle) -> None:
    """Of an entry that is still to come."""
    ahead = Chronicle(made.name, Log(LOG), OPERATOR, number=made.number + 1)
    entry = ahead.log.hashes[proposes(ahead)]
    made.states("approval", *BEN, about=BEN[0], entry=entry.hex())
    assert made.log.hashes[proposes(made)] == entry


def approval_forged(made: Chronicle) -> None:
    """A governor's name and kid, and a signature that it did not make."""
    forge(made, approves(made, proposes(made)))


def forge(made: Chronicle, index: int) -> None:
    salt, data = made.log.entries[index]
    made.log.entries[index] = salt, data[:-1] + bytes([data[-1] ^ 1])
    made.log.hashes[index] = statement.entry(*made.log.entries[index])


def by_a_governor_that_was_removed(made: Chronicle) -> None:
    adopts(made, governors=named(BEN, CAT))
    approves(made, proposes(made, BEN, version=2), ANN)


def by_a_governor_that_left_meanwhile(made: Chronicle) -> None:
    """It proposed while it governed, and does no more when the second voice is heard."""
    adopts(made, governors=named(BEN, CAT), authorities=named(OLD), activation=len(made.log.entries) + 3)
    approves(made, proposes(made, ANN, version=2, governors=named(BEN, CAT)), BEN)


def by_a_governor_to_be(made: Chronicle) -> None:
    adopts(made, governors=named(HEIR), quorum=1, activation=len(made.log.entries) + 3)
    proposes(made, HEIR, version=2, quorum=1, governors=named(HEIR))


def with_the_quorum_to_be(made: Chronicle) -> None:
    """One would be enough by the rules that come into force with the next entry."""
    adopts(made, quorum=1, authorities=named(OLD), activation=len(made.log.entries) + 3)
    proposes(made, version=2, quorum=1)


def version_skipped(made: Chronicle) -> None:
    adopts(made, version=2)


def version_repeated(made: Chronicle) -> None:
    adopts(made, authorities=named(OLD))
    adopts(made)


def overtaken(made: Chronicle) -> None:
    """Approved after another was adopted in its place."""
    proposal = proposes(made, CAT)
    adopts(made, authorities=named(OLD))
    approves(made, proposal, BEN)


def approved_by_the_third_too(made: Chronicle) -> None:
    """What was adopted already waits for nobody."""
    approves(made, adopts(made), CAT)


def newcomer_approved_by_the_third_too(made: Chronicle) -> None:
    proposal = made.states("partner", *ANN, about=NEWCOMER, name="Newcomer", role="dispenser")
    approves(made, proposal, BEN)
    approves(made, proposal, CAT)


def second_before_the_first(made: Chronicle) -> None:
    """The second change is not in force before the first, whatever it says."""
    adopts(made, activation=len(made.log.entries) + 40, authorities=named(OLD))
    adopts(made, version=2)


def first_change_left_out(name: str) -> Attacked:
    """The second shows that there was one."""
    made = governed(name)
    adopts(made, authorities=named(OLD))
    adopts(made, version=2)
    accredits(made, NEW)
    policy, bundle = told(made)
    del segment(bundle)["relied"][2:4]
    prove(segment(bundle), made.log)
    return policy, bundle


def for_another_log(kind: str) -> Callable[[Chronicle], None]:
    """What governors have said to another node."""

    def change(made: Chronicle) -> None:
        elsewhere: Members = {"log": "other.example/log"}
        proposal = proposes(made, ANN, **(elsewhere if kind == "policy" else {}))
        approves(made, proposal, BEN, **(elsewhere if kind == "approval" else {}))

    return change


def without_governors(name: str) -> Attacked:
    """Whoever looks has agreed to no governor: nobody changes the authorities."""
    policy, bundle = authority_named_by_governors(name)
    return {name: value for name, value in policy.items() if name != "governance"}, bundle


def with_other_governors(name: str) -> Attacked:
    made = governed(name)
    adopts(made)
    accredits(made, NEW)
    return told(made, seats=(HEIR, CAT))


def removed(change: Callable[[Chronicle], Any]) -> Attack:
    """The old authority has vouched for the maker and is none any more; then it speaks."""

    def attack(name: str) -> Attacked:
        made = governed(name)
        accredits(made, OLD)
        adopts(made, authorities=named(NEW))
        change(made)
        return told(made)

    return attack


def off_bundles(kind: str, seat: Seat, **members: Any) -> Attack:
    """What a node says of its own record, and others of places, goods and readers: no bundle relies on it."""
    return after(lambda made: made.states(kind, *seat, **members), seat=OLD)


def of_what_is_not_shown(kind: str, seat: Seat, of: str, ended: Members, **members: Any) -> Attack:
    """The node leaves out what was said, and shows what was said to end it."""

    def change(made: Chronicle) -> None:
        index = made.states(of, *seat, about=PHARMACY, rely=False, **ended)
        made.states(kind, *seat, about=PHARMACY, entry=made.log.hashes[index].hex(), **members)

    return after(change, seat=OLD)


def said_again(change: Callable[[Chronicle], int]) -> Attack:
    """The node logs the same statement a second time, after it was taken back."""

    def attack(made: Chronicle) -> None:
        index = change(made)
        made.states("revocation", *OLD, about=MAKER, entry=made.log.hashes[index].hex())
        made.relied[LOG].append(made.log.append(*made.log.entries[index]))

    return after(attack, seat=OLD)


def signed_again(made: Chronicle) -> None:
    """Under another salt it is another entry, and the same statement."""
    index = made.states("prefix", *OLD, about=MAKER, gtins=["0614142"])
    made.states("revocation", *OLD, about=MAKER, entry=made.log.hashes[index].hex())
    made.relied[LOG].append(made.log.append(drawn("another salt"), made.log.entries[index][1]))


def policy_said_again(made: Chronicle) -> None:
    index = adopts(made, authorities=named(OLD))
    made.relied[LOG].append(made.log.append(*made.log.entries[index]))


LOG_LINE = f"log {note.vkey('other.example/log', note.LOG, STRANGER.public)}\n"
TWO_NAMES = "".join(f"witness {name} {note.vkey('w.example', note.WITNESS, STRANGER.public)}\n" for name in "AB")


def small_order() -> Members:
    """A key whose signatures fit any message, under its own thumbprint."""
    kid = statement.hashlib.sha256(statement.cose_key(ED25519, bytes(32))).digest()
    return {"gln": NEW[0], "kid": b64(kid), "public": b64(bytes(32))}


def key_of_small_order(made: Chronicle) -> None:
    said = small_order()
    made.states("key", *OLD, about=MAKER, kid=said["kid"], alg="Ed25519", public=said["public"])


GOVERNED: dict[str, Attack] = {
    "approval-missing": by_one_and(),
    "approval-left-out": left_out(-3),
    "proposal-left-out": left_out(-4),
    "change-left-out": left_out(-3, -4),
    "first-change-left-out": first_change_left_out,
    "approval-by-non-governor": by_one_and((HEIR[0], STRANGER)),
    "approval-by-an-authority": by_one_and(OLD),
    "approval-by-a-party": by_one_and((DISTRIBUTOR, KEYS[DISTRIBUTOR])),
    "approval-in-a-governors-name": by_one_and((BEN[0], STRANGER)),
    "approval-with-another-governors-key": by_one_and((BEN[0], CAT[1])),
    "approval-with-a-forged-signature": after(approval_forged),
    "approval-for-another-governor": after(lambda made: approves(made, proposes(made), BEN, about=CAT[0])),
    "approval-by-whoever-proposed": by_one_and(ANN),
    "one-governor-two-keys": by_one_and(ANNS_OTHER, seats=(*BOARD, ANNS_OTHER)),
    "approval-of-nothing": after(lambda made: approves(made, adopts(made), CAT, entry=drawn("nothing").hex())),
    "approval-of-a-key-statement": after(lambda made: (adopts(made), approves(made, 3, CAT))),
    "approval-before-its-proposal": after(approval_before_its_proposal),
    "approval-of-what-was-adopted": after(approved_by_the_third_too),
    "approval-of-a-partner-that-was-admitted": after(newcomer_approved_by_the_third_too, seat=OLD),
    "approval-of-another-log": after(for_another_log("approval")),
    "approval-by-a-governor-that-was-removed": after(by_a_governor_that_was_removed),
    "approval-of-what-was-overtaken": after(overtaken),
    "proposer-removed-before-the-approval": after(by_a_governor_that_left_meanwhile),
    "proposal-by-non-governor": after(lambda made: approves(made, proposes(made, (HEIR[0], STRANGER)))),
    "proposal-by-an-authority": after(lambda made: approves(made, proposes(made, OLD))),
    "proposal-by-the-governor-to-be": after(by_a_governor_to_be),
    "proposal-of-another-log": after(for_another_log("policy")),
    "quorum-of-rules-to-be": after(with_the_quorum_to_be),
    "quorum-of-three-by-two": by_one_and(BEN, quorum=3),
    "activation-not-reached": after(lambda made: adopts(made, activation=len(made.log.entries) + 3)),
    "activation-too-far-ahead": proposed(activation=BEFORE + FARTHEST + 1),
    "second-change-before-the-first": after(second_before_the_first),
    "authority-removed-by-policy": after(lambda made: adopts(made, authorities=named(NEW)), seat=OLD),
    "prefix-by-a-removed-authority": removed(
        lambda made: made.states("prefix", *OLD, about=DISTRIBUTOR, gtins=["0860001"])
    ),
    "key-revoked-by-a-removed-authority": removed(lambda made: revoke(made, PHARMACY, KEYS[PHARMACY])),
    "revocation-by-a-removed-authority": removed(
        lambda made: made.states("revocation", *OLD, about=DISTRIBUTOR, entry=made.log.hashes[3].hex())
    ),
    "policy-version-skipped": after(version_skipped),
    "policy-version-repeated": after(version_repeated),
    "policy-version-zero": after(lambda made: adopts(made, version=0)),
    "policy-said-twice": after(policy_said_again, seat=OLD),
    "policy-with-a-quorum-of-none": proposed(quorum=0),
    "policy-with-a-quorum-above-its-governors": proposed(quorum=4),
    "policy-with-a-quorum-of-keys": proposed(governors=named(ANN, ANNS_OTHER)),
    "policy-without-governors": proposed(governors=[]),
    "policy-without-authorities": proposed(authorities=[]),
    "policy-with-authorities-out-of-order": proposed(authorities=named(OLD, NEW)[::-1]),
    "policy-with-an-authority-twice": proposed(authorities=named(OLD, OLD)),
    "policy-with-another-kid": proposed(authorities=[named(OLD)[0], {**named(NEW)[0], "kid": named(OLD)[0]["kid"]}]),
    "policy-with-a-key-of-small-order": proposed(authorities=[named(OLD)[0], small_order()]),
    "policy-with-a-key-off-its-curve": proposed(
        authorities=[named(OLD)[0], {**named(NEW)[0], "public": b64(b"\4" + bytes(64))}]
    ),
    "policy-with-a-key-of-31-bytes": proposed(authorities=[{**named(OLD)[0], "public": b64(bytes(31))}]),
    "policy-with-a-key-that-says-more": proposed(authorities=[{**named(OLD)[0], "alg": "Ed25519"}]),
    "policy-that-names-a-log": proposed(tlog=LOG_LINE + "quorum none\n"),
    "policy-with-a-quorum-of-nobody": proposed(tlog="quorum nobody\n"),
    "policy-without-a-witness-quorum": proposed(tlog=witness_line("W4")),
    "policy-with-a-witness-by-two-names": proposed(tlog=TWO_NAMES + "quorum A\n"),
    "policy-with-witnesses-cut-short": proposed(tlog="quorum none"),
    "policy-with-a-group-that-cannot-agree": proposed(tlog=witness_line("W4") + "group G 2 W4\nquorum G\n"),
    "policy-with-a-log-as-witness": proposed(
        tlog=f"witness W4 {note.vkey('w.example', note.LOG, STRANGER.public)}\nquorum W4\n"
    ),
    "policy-with-an-unknown-witness-key": proposed(
        tlog=f"witness W4 w.example+00000000+{b64encode(bytes([4]) + STRANGER.public).decode()}\nquorum W4\n"
    ),
    "policy-with-an-activation-as-text": proposed(activation="0"),
    "policy-with-a-member-more": proposed(more="x"),
    "governors-of-nobody": without_governors,
    "governors-of-others": with_other_governors,
    "partner-by-an-authority": after(
        lambda made: made.states("partner", *OLD, about=NEWCOMER, name="Newcomer", role="dispenser"), seat=OLD
    ),
    "partner-without-a-name": after(
        lambda made: made.states("partner", *ANN, about=NEWCOMER, name="", role="dispenser"), seat=OLD
    ),
    "partner-exit-by-itself": after(
        lambda made: made.states("partner-exit", DISTRIBUTOR, KEYS[DISTRIBUTOR], about=DISTRIBUTOR), seat=OLD
    ),
    "licence-by-its-party": after(lambda made: licensed(made, (PHARMACY, KEYS[PHARMACY])), seat=OLD),
    "licence-by-a-governor": after(lambda made: licensed(made, ANN), seat=OLD),
    "licence-by-a-removed-authority": removed(lambda made: licensed(made, OLD)),
    "licence-of-states-out-of-order": after(lambda made: licensed(made, OLD, states=["NY", "NJ"]), seat=OLD),
    "key-vouched-for-by-a-governor": after(lambda made: None, seat=ANN),
    "key-of-small-order": after(key_of_small_order, seat=OLD),
    "prefix-said-again-after-its-revocation": said_again(
        lambda made: made.states("prefix", *OLD, about=MAKER, gtins=["0614142"])
    ),
    "prefix-logged-again-under-another-salt": after(signed_again, seat=OLD),
    "erasure-by-an-authority": off_bundles(
        "erasure", OLD, about=MAKER, entry=drawn("erased").hex(), reason="asked for", what=["document"]
    ),
    "deletion-certificate-by-an-authority": off_bundles(
        "deletion-certificate", OLD, about=OPERATOR, first=0, last=1, rule="after ten years"
    ),
    "legal-hold-by-an-authority": off_bundles("legal-hold", OLD, about=MAKER, hold="set", reason="a case"),
    "location-by-an-authority": off_bundles(
        "location", OLD, about=MAKER, place=PHARMACY, name="Dock", **{"valid-from": "2026-01-05T08:00:00Z"}
    ),
    "hold-by-an-authority": off_bundles("hold", OLD, about=PHARMACY, **HOLD),
    "hold-by-the-party-itself": off_bundles("hold", ITSELF, about=PHARMACY, **HOLD_OF_A_PACK),
    "release-by-an-authority": of_what_is_not_shown("release", OLD, "hold", HOLD, reason="cleared"),
    "release-by-the-party-itself": of_what_is_not_shown("release", ITSELF, "hold", HOLD_OF_A_PACK, reason="cleared"),
    "grant-by-an-authority": off_bundles("grant", OLD, about=PHARMACY, **GRANT),
    "grant-by-the-party-itself": off_bundles("grant", ITSELF, about=PHARMACY, to=MAKER),
    "revocation-of-a-grant-by-an-authority": of_what_is_not_shown("revocation", OLD, "grant", GRANT),
    "revocation-of-a-grant-by-the-party-itself": of_what_is_not_shown("revocation", ITSELF, "grant", GRANT),
}


def witnesses_of_the_new_rules_only(name: str) -> Attacked:
    """Governors have put others in the place of those that whoever looks asks for."""
    made = governed(name)
    adopts(made, tlog=witness_line("W4") + "quorum W4\n")
    accredits(made, NEW)
    policy, bundle = told(made, tlog=QUORUM)
    return policy, bundle | {"segments": [made_again(made, bundle, ["W4", "W1"])]}


def signed_with(seat: Seat) -> Attack:
    """Who changes the rules, or vouches for others, does not thereby speak itself."""

    def attack(name: str) -> Attacked:
        made = governed(name)
        adopts(made)
        made.tells(seat[0], commission("08:00:00", A1), key=seat[1])
        return believing(made), proven(made)[1]

    return attack


def as_submission(kind: str, seat: Seat, **members: Any) -> Attack:
    """What governors have said, or a party of its goods, stands among the hops."""

    def attack(name: str) -> Attacked:
        made = governed(name)
        accredits(made, OLD)
        told_by_maker = made.tells(MAKER, commission("08:00:00", A1))
        salt, _ = made.log.entries[told_by_maker.index]
        payload = {"v": 1, "log": LOG, "submitter": seat[0], "time": made.time, "statement": IDENTITY, "about": seat[0]}
        head = statement.protected(kind, seat[1], seat[0], f"urn:uuid:{IDENTITY}")
        data = statement.sign(head, encode(payload | members), seat[1])
        made.log.entries[told_by_maker.index] = salt, data
        made.log.hashes[told_by_maker.index] = statement.entry(salt, data)
        return believing(made), proven(made)[1]

    return attack


IDENTITY = "00000000-0000-4000-8000-00000000ffff"

GOVERNED_CHECKPOINT: dict[str, Attack] = {"witnesses-of-the-new-rules-only": witnesses_of_the_new_rules_only}
GOVERNED_STATEMENTS: dict[str, Attack] = {
    "signed-with-a-governors-key": signed_with(ANN),
    "signed-with-a-new-authoritys-key": signed_with(NEW),
    "policy-in-the-place-of-a-submission": as_submission("policy", ANN, **rules()),
    "hold-in-the-place-of-a-submission": as_submission("hold", (MAKER, KEYS[MAKER]), **HOLD),
}


# --- what is said, to be taken apart


def sayings() -> dict[str, Members]:
    """Of each kind of statement what it says, rightly."""
    return {
        "policy": {"about": ANN[0], **rules(tlog=QUORUM)},
        "approval": {"about": BEN[0], "entry": first_proposal().hex()},
        "partner": {"about": NEWCOMER, "name": "Newcomer", "role": "dispenser"},
        "partner-exit": {"about": NEWCOMER},
        "licence": LICENCE,
    }


def first_proposal() -> bytes:
    made = governed("saying")
    return made.log.hashes[proposes(made)]


def saying(kind: str, members: Members) -> Proven:
    """The maker's story, with this said before it by whom it becomes, and adopted if that may be."""
    made = governed("saying")
    if kind == "approval":
        proposes(made)
        made.states(kind, *BEN, **members)
    elif kind == "licence":
        made.states(kind, *OLD, **members)
    else:
        approves(made, made.states(kind, *ANN, **members))
    accredits(made, OLD)
    return told(made)
