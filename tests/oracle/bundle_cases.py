"""The good cases of `tests/vectors/bundle/oracle.json`: stories of packs, each proven to a stranger with a policy."""

from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any

from . import bundle_check, merkle
from .bundle import Chronicle, Log, drawn, encoded, witness_line
from .canonical import Members
from .canonical_cases import observed, xml_document
from .statement import Key
from .statement_cases import AUTHORITY, AUTHORITY_GLN, OPERATOR, key_members
from .tree import b64
from .tree_cases import (
    A1,
    A2,
    A3,
    C1,
    DISTRIBUTOR,
    HEADER,
    KEYS,
    LOG,
    MAKER,
    OTHER_PALLET,
    PALLET,
    PHARMACY,
    PLACE,
    at,
    call_off,
    case_of,
    commission,
    destroy,
    dispense,
    export,
    link,
    mistaken,
    pack,
    plan,
    receive,
    send_back,
    ship,
    take_back,
    to_pallet,
    unpack,
)

AUTHORITIES = {AUTHORITY_GLN: AUTHORITY}
#: One key more for each party, of either algorithm.
LATER = {party: Key(key.alg, drawn("later key", party)) for party, key in KEYS.items()}
REPORTED = [["reporter", MAKER]]
TOTE = "https://maker.example/tote/7"
RULES_2: Members = {"rules": 2}  # of a status: the moves that version 1 did not know


def chronicle(name: str, *parties: str) -> Chronicle:
    """A node that knows its parties: the authority vouched for their keys and for the maker's prefix."""
    made = Chronicle(name, Log(LOG), OPERATOR, keys=dict(KEYS))
    introduce(made, parties or (MAKER, DISTRIBUTOR, PHARMACY))
    return made


def introduce(made: Chronicle, parties: Iterable[str]) -> None:
    for party in parties:
        made.introduced[made.log.origin, vouch(made, party, KEYS[party])] = party
    made.states("prefix", AUTHORITY_GLN, AUTHORITY, about=MAKER, gtins=["0614141"])


def vouch(made: Chronicle, party: str, key: Key, *, by: tuple[str, Key] = (AUTHORITY_GLN, AUTHORITY)) -> int:
    return made.states("key", by[0], by[1], about=party, **key_members(key))


def revoke(made: Chronicle, party: str, key: Key, *, by: tuple[str, Key] = (AUTHORITY_GLN, AUTHORITY),
           **members: Any) -> int:  # fmt: skip
    return made.states("key-revocation", by[0], by[1], about=party, kid=b64(key.kid), **members)


Proven = tuple[Members, Members]  # policy, bundle with its parts named
Story = Callable[[str], Proven]


def proven(made: Chronicle, epc: str = A1, word: str = "held", *, tlog: str | None = None, **options: Any) -> Proven:
    return made.policy(tlog, AUTHORITIES), made.bundle(link(epc), word, **options)


# --- stories


def to_the_patient(name: str) -> Chronicle:
    """Commissioned, packed into a case and onto a pallet, shipped, received, unpacked, shipped, received, dispensed."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet())
    made.tells(MAKER, ship("11:00:00", PALLET))
    made.tells(DISTRIBUTOR, receive("12:00:00", PALLET), unpack("12:10:00", PALLET, C1), unpack("12:20:00", C1, A1))
    made.tells(DISTRIBUTOR, ship("13:00:00", A1, party=DISTRIBUTOR, to=PHARMACY))
    made.tells(PHARMACY, receive("14:00:00", A1, party=PHARMACY, sender=DISTRIBUTOR), dispense("15:00:00", A1))
    return made


def at_the_distributor(name: str = "carried") -> Chronicle:
    """From the line to the distributor, in case and on pallet: what most attackers start from."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet())
    made.tells(MAKER, ship("11:00:00", PALLET))
    made.tells(DISTRIBUTOR, receive("12:00:00", PALLET), unpack("12:10:00", PALLET, C1), unpack("12:20:00", C1, A1))
    return made


def carried(name: str) -> Proven:
    """The good case that the damaged ones come from."""
    return proven(at_the_distributor(name))


def from_line_to_patient(name: str) -> Proven:
    return proven(to_the_patient(name), word="dispensed")


def for_a_regulator(name: str) -> Proven:
    return proven(to_the_patient(name), word="dispensed", regulator=True)


def the_pallet_itself(name: str) -> Proven:
    return proven(to_the_patient(name), PALLET)


def another_pack_of_the_case(name: str) -> Proven:
    """Left in the case when its neighbour was taken out."""
    return proven(to_the_patient(name), A2)


def another_case_of_the_pallet(name: str) -> Proven:
    made = to_the_patient(name)
    return proven(made, A3)


def one_statement(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET))
    return proven(made, word="in_transit")


def just_commissioned(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1, A2))
    return proven(made)


def one_pack_alone(name: str) -> Proven:
    """One leaf in every tree."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    return proven(made)


def one_pack_in_a_case(name: str) -> Proven:
    """One child: the root of the content is its leaf, and the path to it is empty."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1))
    return proven(made)


def document_backwards(name: str) -> Proven:
    """Events apply by their time, whatever their place in the document."""
    made = chronicle(name)
    made.tells(MAKER, *reversed(to_pallet()))
    return proven(made)


def packed_in_two_goes(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    made.tells(MAKER, commission("10:00:00", A3), pack("10:10:00", C1, A3))
    made.tells(MAKER, unpack("10:20:00", C1, A2, party=MAKER))
    return proven(made)


def all_out(name: str) -> Proven:
    """An unpacking that names no children: its container's leaf says that it is empty."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), unpack("10:00:00", C1, party=MAKER))
    made.tells(MAKER, ship("11:00:00", A1, to=PHARMACY))
    return proven(made, word="in_transit")


def packed_again(name: str) -> Proven:
    """Into the same case a second time: its last leaf was shown before."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), unpack("10:00:00", C1, A1, party=MAKER))
    made.tells(MAKER, pack("11:00:00", C1, A1))
    return proven(made)


def from_case_to_case(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), commission("09:10:00", "urn:epc:id:sgtin:0614141.512345.C2"))
    made.tells(MAKER, unpack("10:00:00", C1, A1, party=MAKER))
    made.tells(MAKER, pack("11:00:00", "urn:epc:id:sgtin:0614141.512345.C2", A1))
    return proven(made)


def opened_without_a_record(name: str) -> Proven:
    """Dispensed out of a case on a pallet: implied received, and taken out of both."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET, to=PHARMACY))
    made.tells(PHARMACY, dispense("15:00:00", A1), plans={0: plan(opened=[link(C1), link(PALLET)])})
    return proven(made, word="dispensed")


def left_in_an_opened_container(name: str) -> Proven:
    """Its neighbour was taken out without a record: nobody knows what is in there, and the status says so."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET, to=PHARMACY))
    made.tells(PHARMACY, dispense("15:00:00", A1), plans={0: plan(opened=[link(C1), link(PALLET)])})
    return proven(made, A2, word="in_transit")


def moved_on_in_an_opened_container(name: str) -> Proven:
    """The container's next leaf says itself that its content is unknown."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET, to=PHARMACY))
    made.tells(PHARMACY, dispense("15:00:00", A1), plans={0: plan(opened=[link(C1), link(PALLET)])})
    made.tells(PHARMACY, receive("16:00:00", PALLET, party=PHARMACY))
    return proven(made, A2)


def implied_receipt(name: str) -> Proven:
    """A consignee who ships on is taken to have received."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("11:00:00", A1))
    made.tells(DISTRIBUTOR, ship("13:00:00", A1, party=DISTRIBUTOR, to=PHARMACY))
    return proven(made, word="in_transit")


def a_look_that_takes_out(name: str) -> Proven:
    """Its consignee looks at one pack of a pallet on its way: implied received, and taken out."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET, to=PHARMACY))
    looked_at = observed(epcList=[A1], bizStep="inspecting", **at("15:00:00", PHARMACY))
    made.tells(PHARMACY, looked_at, plans={0: plan(opened=[link(C1), link(PALLET)])})
    return proven(made)


def a_look_at_the_whole(name: str) -> Proven:
    """Its consignee looks at the pallet: it is still on its way."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET, to=PHARMACY))
    made.tells(PHARMACY, observed(epcList=[PALLET], bizStep="inspecting", **at("15:00:00", PHARMACY)))
    return proven(made, word="in_transit")


def from_place_to_place(name: str) -> Proven:
    """Sources and destinations that name places and owners, as most files of the trade do."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, ship("10:00:00", A1) | by_place(MAKER, PHARMACY))
    made.tells(PHARMACY, receive("12:00:00", A1, party=PHARMACY) | by_place(MAKER, PHARMACY))
    return proven(made)


def to_a_place_of_ones_own(name: str) -> Proven:
    """Who operates a place only the node's master data say: that is its word."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, ship("10:00:00", A1) | by_place(MAKER, DISTRIBUTOR))
    made.tells(PHARMACY, receive("12:00:00", A1, party=PHARMACY) | by_place(MAKER, DISTRIBUTOR))
    return proven(made)


def dispensed_at_a_place_by_a_stranger(name: str) -> Proven:
    """On its way to a place; that its operator, who has no key here, has dispensed it another tells."""
    made = chronicle(name, MAKER, DISTRIBUTOR)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, ship("10:00:00", A1) | by_place(MAKER, PHARMACY))
    made.tells(DISTRIBUTOR, dispense("12:00:00", A1), told=[["reporter", PHARMACY]])
    return proven(made, word="dispensed")


def by_place(sender: str, receiver: str) -> Members:
    return {
        "sourceList": [{"type": kind, "source": PLACE[sender]} for kind in ("location", "owning_party")],
        "destinationList": [{"type": kind, "destination": PLACE[receiver]} for kind in ("location", "owning_party")],
    }


def packed_again_after_a_while(name: str) -> Proven:
    """The case went its own ways meanwhile: its leaf has a predecessor that is not the pack's business."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), unpack("10:00:00", C1, A1, party=MAKER))
    made.tells(MAKER, observed(epcList=[C1], bizStep="inspecting", **at("10:30:00")))
    made.tells(MAKER, pack("11:00:00", C1, A1))
    return proven(made)


def straight_onto_the_pallet(name: str) -> Proven:
    """Out of its case, without a record, and onto the pallet that the case is on."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet())
    made.tells(MAKER, pack("11:00:00", PALLET, A1), plans={0: plan(opened=[link(C1), link(PALLET)])})
    made.tells(MAKER, ship("12:00:00", PALLET))
    return proven(made, word="in_transit")


def packed_into_its_own_case(name: str) -> Proven:
    """Once more, without having been taken out: it was, in between."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    made.tells(MAKER, pack("11:00:00", C1, A1), plans={0: plan(standing={link(A1): made.state.heads[link(A1)][0]})})
    made.tells(MAKER, ship("12:00:00", C1))
    return proven(made, word="in_transit")


def begun_by_being_packed(name: str) -> Proven:
    """A pallet that nobody commissioned."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1), pack("10:00:00", OTHER_PALLET, C1), ship("11:00:00", OTHER_PALLET))
    return proven(made, OTHER_PALLET, word="in_transit")


def without_lot_and_expiry(name: str) -> Proven:
    """A carrier has taken them out: what is left still holds, and is not all that a bundle shows."""
    made = at_the_distributor(name)
    policy, bundle = proven(made)
    first = bundle["segments"][0]["hops"][0]["events"][0]
    first["fields"] = []
    first["path"] = merkle.multiproof([0], [leaf.hash for leaf in made.told[0].trees.events[0].leaves])
    return policy, bundle


def commissioned_without_lot_and_expiry(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1, lot=None))
    return proven(made)


def a_tote_of_the_makers_own(name: str) -> Proven:
    """A container with a name that no GS1 key is in: nobody licenses that."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1), pack("10:00:00", TOTE, C1))
    return proven(made, TOTE)


def a_name_that_looks_like_a_pack(name: str) -> Proven:
    """No Digital Link, for its end; whoever looks at it will see one."""
    made = chronicle(name)
    other = link(A1).replace("id.gs1.org", "maker.example") + "/"
    made.tells(DISTRIBUTOR, commission("08:00:00", other, party=DISTRIBUTOR))
    return proven(made, other)


def begun_anew(name: str) -> Proven:
    """Its first packing was declared an error: what begins anew follows that leaf."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1), pack("10:00:00", OTHER_PALLET, C1))
    restored = {link(C1): made.state.heads[link(C1)][1], link(OTHER_PALLET): "unknown"}
    made.tells(MAKER, mistaken(pack("10:00:00", OTHER_PALLET, C1)), plans={0: plan(restored=restored)})
    made.tells(MAKER, pack("11:00:00", OTHER_PALLET, C1))
    return proven(made, OTHER_PALLET)


def begun_anew_without_a_connection(name: str) -> Proven:
    """A device could not know what its first packing had come to."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1), pack("10:00:00", OTHER_PALLET, C1))
    restored = {link(C1): made.state.heads[link(C1)][1], link(OTHER_PALLET): "unknown"}
    made.tells(MAKER, mistaken(pack("10:00:00", OTHER_PALLET, C1)), plans={0: plan(restored=restored)})
    made.tells(MAKER, pack("11:00:00", OTHER_PALLET, C1), offline=True)
    return proven(made, OTHER_PALLET)


def pallet_commissioned_later(name: str) -> Proven:
    """Nobody licenses the number of a pallet: whoever signs its commissioning has begun it."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(PHARMACY, commission("08:00:00", PALLET, lot=None), told=REPORTED)
    vouch(made, MAKER, KEYS[MAKER])
    made.tells(MAKER, commission("08:00:00", PALLET, lot=None), plans={0: plan(seen=[link(PALLET)])})
    return proven(made, PALLET)


def opened_and_put_right(name: str) -> Proven:
    """A shipment put right that was made when nobody knew any more what was in the case."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    made.tells(MAKER, ship("10:00:00", A1, to=PHARMACY), plans={0: plan(opened=[link(C1)])})
    made.tells(MAKER, ship("11:00:00", C1))
    made.tells(MAKER, mistaken(ship("11:00:00", C1)), plans={0: plan(restored={link(C1): "unknown"})})
    return proven(made, A2)


def shipment_put_right(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), ship("10:00:00", C1))
    content = made.state.heads[link(C1)][1]
    made.tells(MAKER, mistaken(ship("10:00:00", C1)), plans={0: plan(restored={link(C1): content})})
    made.tells(MAKER, ship("11:00:00", C1, to=PHARMACY))
    return proven(made, word="in_transit")


def pack_put_right(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    restored = {link(epc): "none" for epc in (A1, A2, C1)}
    made.tells(MAKER, mistaken(pack("09:00:00", C1, A1, A2)), plans={0: plan(restored=restored)})
    made.tells(MAKER, ship("11:00:00", A1, to=PHARMACY))
    return proven(made, word="in_transit")


def unpack_put_right(name: str) -> Proven:
    """The leaf in the container's content is that of the packing, not the item's head."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    content, standing = made.state.heads[link(C1)][1], made.state.heads[link(A1)][0]
    made.tells(MAKER, unpack("10:00:00", C1, A1, party=MAKER))
    made.tells(
        MAKER,
        mistaken(unpack("10:00:00", C1, A1, party=MAKER)),
        plans={0: plan(restored={link(A1): "none", link(C1): content}, standing={link(A1): standing})},
    )
    made.tells(MAKER, commission("10:30:00", A3), pack("10:40:00", C1, A3))
    made.tells(MAKER, ship("11:00:00", C1))
    return proven(made, word="in_transit")


def commissioning_put_right(name: str) -> Proven:
    """Declared an error, and commissioned again: the second time begins anew."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, mistaken(commission("08:00:00", A1)), plans={0: plan(restored={link(A1): "none"})})
    made.tells(MAKER, commission("09:00:00", A1, lot="L008"))
    return proven(made)


def told_by_a_reporter(name: str) -> Proven:
    """A receiver uploads its sender's file."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    file = [commission("08:00:00", A1, A2), commission("08:10:00", C1), pack("09:00:00", C1, A1, A2),
            ship("10:00:00", C1)]  # fmt: skip
    made.tells(DISTRIBUTOR, *file, receive("12:00:00", C1), told=[*REPORTED * 4, ["actor", None]])
    return proven(made)


def known_from_its_shipment_on(name: str) -> Proven:
    """A reporter tells of a pack that nobody commissioned here."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(PHARMACY, ship("10:00:00", A1, to=PHARMACY), told=REPORTED)
    made.tells(PHARMACY, receive("12:00:00", A1, party=PHARMACY))
    return proven(made)


def commissioned_later_by_its_licensee(name: str) -> Proven:
    """The licensee's own commissioning of a record that a reporter began becomes its beginning, and moves nothing."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(PHARMACY, ship("10:00:00", A1, to=PHARMACY), told=REPORTED)
    vouch(made, MAKER, KEYS[MAKER])
    made.tells(MAKER, commission("08:00:00", A1), plans={0: plan(seen=[link(A1)])})
    made.tells(PHARMACY, receive("12:00:00", A1, party=PHARMACY))
    return proven(made)


def told_again_by_its_actor(name: str) -> Proven:
    """The same event, told for itself later by the party whose act it was."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(PHARMACY, commission("08:00:00", A1), ship("10:00:00", A1, to=PHARMACY), told=REPORTED * 2)
    made.tells(PHARMACY, receive("12:00:00", A1, party=PHARMACY))
    vouch(made, MAKER, KEYS[MAKER])
    made.tells(MAKER, commission("08:00:00", A1), plans={0: plan(seen=[link(A1)])})
    return proven(made)


def told_by_an_intake(name: str) -> Proven:
    """Bytes that came through an authenticated account: the node signs, with its own key."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(OPERATOR, commission("08:00:00", A1), ship("10:00:00", A1, to=PHARMACY), told=[["intake", MAKER]] * 2,
               key=made.log.node)  # fmt: skip
    made.tells(PHARMACY, receive("12:00:00", A1, party=PHARMACY))
    return proven(made)


def told_by_an_agent(name: str) -> Proven:
    """A contract packer, under a delegation in the log."""
    made = chronicle(name)
    made.states("delegation", MAKER, KEYS[MAKER], about=MAKER, to=DISTRIBUTOR, steps=["commissioning", "shipping"])
    made.tells(DISTRIBUTOR, commission("08:00:00", A1), ship("10:00:00", A1, to=PHARMACY), told=[["agent", MAKER]] * 2)
    made.tells(PHARMACY, receive("12:00:00", A1, party=PHARMACY))
    return proven(made)


def packed_by_an_agent_under_another_word(name: str) -> Proven:
    """It may pack; what it calls that is its own affair."""
    made = chronicle(name)
    made.states("delegation", MAKER, KEYS[MAKER], about=MAKER, to=DISTRIBUTOR, steps=["packing"])
    made.tells(MAKER, commission("08:00:00", A1), commission("08:10:00", C1))
    made.tells(DISTRIBUTOR, pack("09:00:00", C1, A1) | {"bizStep": "loading"}, told=[["agent", MAKER]])
    return proven(made)


def without_a_connection(name: str) -> Proven:
    """A device signed without links: they are the node's word."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, observed(epcList=[A1], bizStep="inspecting", **at("09:00:00")), offline=True)
    made.tells(MAKER, ship("11:00:00", A1))
    return proven(made, word="in_transit")


def key_of_p_256(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("11:00:00", A1, to=PHARMACY))
    made.tells(PHARMACY, receive("14:00:00", A1, party=PHARMACY))
    return proven(made)


def vouched_for_by_an_earlier_key(name: str) -> Proven:
    made = chronicle(name)
    vouch(made, PHARMACY, LATER[PHARMACY], by=(PHARMACY, KEYS[PHARMACY]))
    made.tells(MAKER, commission("08:00:00", A1), ship("11:00:00", A1, to=PHARMACY))
    made.tells(PHARMACY, receive("14:00:00", A1, party=PHARMACY), key=LATER[PHARMACY])
    return proven(made)


def revoked_after_use(name: str) -> Proven:
    """Valid by log index: what was logged before the revocation stays."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("11:00:00", A1, to=PHARMACY))
    vouch(made, MAKER, LATER[MAKER], by=(MAKER, KEYS[MAKER]))
    revoke(made, MAKER, KEYS[MAKER], by=(MAKER, LATER[MAKER]))
    made.tells(PHARMACY, receive("14:00:00", A1, party=PHARMACY))
    keys = sorted([(KEYS[MAKER].kid, "revoked"), (KEYS[PHARMACY].kid, "valid")])
    return proven(made, keys=[[b64(kid), state] for kid, state in keys])


def revoked_by_itself(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    revoke(made, MAKER, KEYS[MAKER], by=(MAKER, KEYS[MAKER]), compromised="2026-01-06T00:00:00Z")
    return proven(made, keys=[[b64(KEYS[MAKER].kid), "revoked"]])


def revoked_by_its_entry(name: str) -> Proven:
    """A key statement is an entry as any other: revoked as one, its key has ended."""
    made = chronicle(name)
    index = vouch(made, MAKER, LATER[MAKER], by=(MAKER, KEYS[MAKER]))
    made.tells(MAKER, commission("08:00:00", A1), key=LATER[MAKER])
    made.states("revocation", MAKER, KEYS[MAKER], about=MAKER, entry=made.log.hashes[index].hex())
    made.tells(MAKER, ship("11:00:00", A1))
    keys = sorted([(KEYS[MAKER].kid, "valid"), (LATER[MAKER].kid, "revoked")])
    return proven(made, word="in_transit", keys=[[b64(kid), state] for kid, state in keys])


def one_key_of_two_parties(name: str) -> Proven:
    """A company with several GLNs signs with one key for all of them."""
    made = chronicle(name, MAKER)
    vouch(made, DISTRIBUTOR, KEYS[MAKER])
    made.tells(MAKER, commission("08:00:00", A1), ship("11:00:00", A1))
    made.tells(DISTRIBUTOR, receive("14:00:00", A1), key=KEYS[MAKER])
    return proven(made)


def one_key_of_two_parties_revoked_for_one(name: str) -> Proven:
    """A status names keys alone: revoked is what is revoked for any of those who signed with it."""
    made = chronicle(name, MAKER)
    vouch(made, DISTRIBUTOR, KEYS[MAKER])
    made.tells(MAKER, commission("08:00:00", A1), ship("11:00:00", A1))
    made.tells(DISTRIBUTOR, receive("14:00:00", A1), key=KEYS[MAKER])
    revoke(made, DISTRIBUTOR, KEYS[MAKER])
    return proven(made, keys=[[b64(KEYS[MAKER].kid), "revoked"]])


def revoked_for_whoever_else_claims_it(name: str) -> Proven:
    """Anybody may claim a key and give it up again: that says nothing about who signed with it."""
    made = chronicle(name, MAKER)
    vouch(made, PHARMACY, KEYS[MAKER])
    revoke(made, PHARMACY, KEYS[MAKER], compromised="2026-01-01T00:00:00Z")
    made.tells(MAKER, commission("08:00:00", A1))
    return proven(made)


def prefix_for_one_product(name: str) -> Proven:
    made = Chronicle(name, Log(LOG), OPERATOR, keys=dict(KEYS))
    vouch(made, MAKER, KEYS[MAKER])
    made.states("prefix", AUTHORITY_GLN, AUTHORITY, about=MAKER, gtins=["00614141123452", "50614141123457"])
    made.tells(MAKER, *case_of(A1))
    return proven(made)


QUORUM = "".join(map(witness_line, ("W1", "W2", "W3"))) + "group two 2 W1 W2 W3\nquorum two\n"


def witnessed(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    return proven(made, tlog=QUORUM, witnesses=["W3", "W1"])


def witnessed_by_strangers_too(name: str) -> Proven:
    """A cosignature of a witness that the policy does not name is not looked at."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    return proven(made, tlog=QUORUM, witnesses=["W9", "W1", "W2", "W3"])


def quorum_of_groups(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    lines = "".join(map(witness_line, ("W1", "W2", "W3"))) + "group any any W1 W2\ngroup both all any W3\nquorum both\n"
    return proven(made, tlog=lines, witnesses=["W2", "W3"])


def held_back(name: str) -> Proven:
    """Recalled: the history holds, and the status says what lies over it."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    return proven(made, holds=["recall"])


def held_back_twice(name: str) -> Proven:
    """Recalled by one and suspected by another, on its way: each word once, in their order."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("11:00:00", A1))
    return proven(made, word="in_transit", holds=["recall", "suspect"])


def held_back_for_a_reason_unknown_here(name: str) -> Proven:
    """By a word that a reader does not know: whatever lies over it, it is to be looked at."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    return proven(made, holds=["embargo"])


def passed_on(name: str) -> Proven:
    """Given to a party that shipped it on: up to its own part."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("11:00:00", A1))
    return proven(made, word="passed_on")


def decommissioned(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, observed(epcList=[A1], action="DELETE", bizStep="decommissioning", **at("09:00:00")))
    return proven(made, word="decommissioned")


def shipment_called_off(name: str) -> Proven:
    """The pallet has not left after all: it is with its sender again, and goes elsewhere."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET))
    made.tells(MAKER, call_off("12:00:00", PALLET))
    made.tells(MAKER, ship("13:00:00", PALLET, to=PHARMACY))
    made.tells(PHARMACY, receive("14:00:00", PALLET, party=PHARMACY))
    return proven(made, **RULES_2)


def called_off_out_of_its_pallet(name: str) -> Proven:
    """One pack of what is on its way: taken out without a record."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET))
    made.tells(MAKER, call_off("12:00:00", A1), plans={0: plan(opened=[link(C1), link(PALLET)])})
    return proven(made, **RULES_2)


def on_its_way_when_another_was_called_off(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET))
    made.tells(MAKER, call_off("12:00:00", A1), plans={0: plan(opened=[link(C1), link(PALLET)])})
    return proven(made, A2, word="in_transit", **RULES_2)


def called_off_on_its_way_to_a_place(name: str) -> Proven:
    """Who operates the place is not asked: who has sent it is known."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, ship("10:00:00", A1) | by_place(MAKER, PHARMACY))
    made.tells(MAKER, call_off("12:00:00", A1) | by_place(MAKER, PHARMACY))
    return proven(made, **RULES_2)


def calling_off_put_right(name: str) -> Proven:
    """It had left all the same."""
    made = chronicle(name)
    called = call_off("12:00:00", A1)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1), called)
    made.tells(MAKER, mistaken(called), plans={0: plan(restored={link(A1): "none"})})
    made.tells(DISTRIBUTOR, receive("13:00:00", A1))
    return proven(made, **RULES_2)


def called_off_by_an_agent(name: str) -> Proven:
    made = chronicle(name)
    made.states("delegation", MAKER, KEYS[MAKER], about=MAKER, to=DISTRIBUTOR, steps=["void_shipping"])
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1, to=PHARMACY))
    made.tells(DISTRIBUTOR, call_off("12:00:00", A1, to=PHARMACY), told=[["agent", MAKER]])
    return proven(made, **RULES_2)


def called_off_by_hearsay(name: str) -> Proven:
    """Of a sender that has no key here."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(PHARMACY, commission("08:00:00", A1), ship("10:00:00", A1, to=PHARMACY),
               call_off("12:00:00", A1, to=PHARMACY), told=REPORTED * 3)  # fmt: skip
    return proven(made, **RULES_2)


def known_since_it_was_called_off(name: str) -> Proven:
    """What others tell first may be anything; here, that it did not leave."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(PHARMACY, call_off("08:00:00", A1), told=REPORTED)
    return proven(made, **RULES_2)


def sent_back_and_taken_back(name: str) -> Proven:
    """A return: shipped by who has it, and received by who takes it back."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    made.tells(DISTRIBUTOR, receive("11:00:00", A1), send_back("12:00:00", A1))
    made.tells(MAKER, take_back("13:00:00", A1))
    return proven(made, **RULES_2)


def taken_back_by_its_sender(name: str) -> Proven:
    """Nobody has told of its arrival: the goods are on the sender's dock again."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET))
    made.tells(MAKER, take_back("13:00:00", PALLET))
    return proven(made, **RULES_2)


def taken_back_out_of_its_pallet(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET) | by_place(MAKER, DISTRIBUTOR))
    made.tells(MAKER, take_back("13:00:00", A1), plans={0: plan(opened=[link(C1), link(PALLET)])})
    return proven(made, **RULES_2)


def destroyed(name: str) -> Proven:
    """With the case that it is in."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), destroy("10:00:00", C1))
    return proven(made, word="destroyed", **RULES_2)


def exported(name: str) -> Proven:
    """By whom it was sent to, who is taken to have received it; the CBV has no word for that."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    made.tells(DISTRIBUTOR, export("12:00:00", A1, party=DISTRIBUTOR))
    return proven(made, word="exported", **RULES_2)


def sold_over_the_counter(name: str) -> Proven:
    """Which is dispensing, by another word."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, observed(epcList=[A1], bizStep="retail_selling", disposition="dispensed", **at("09:00:00")))
    return proven(made, word="dispensed", **RULES_2)


def shipped_with_its_papers(name: str) -> Proven:
    """The header: transaction statement, product and parties in the partner's bundle, the rest left out."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, document=("xml", shipment(A1)))
    return proven(made, word="in_transit")


def shipped_with_its_papers_for_a_regulator(name: str) -> Proven:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, document=("xml", shipment(A1)))
    return proven(made, word="in_transit", regulator=True)


def shipment(epc: str) -> str:
    parties = (
        '<extension><sourceList><source type="urn:epcglobal:cbv:sdt:possessing_party">urn:epc:id:sgln:0614141.00777.0'
        '</source></sourceList><destinationList><destination type="urn:epcglobal:cbv:sdt:possessing_party">'
        "urn:epc:id:sgln:0860001.00001.0</destination></destinationList></extension>"
    )
    return xml_document(
        "<ObjectEvent><eventTime>2026-01-05T11:00:00Z</eventTime><eventTimeZoneOffset>-05:00</eventTimeZoneOffset>"
        f"<epcList><epc>{epc}</epc></epcList><action>OBSERVE</action><bizStep>urn:epcglobal:cbv:bizstep:shipping"
        f"</bizStep>{parties}</ObjectEvent>",
        header=HEADER,
    )


def on_another_log(name: str) -> Proven:
    """A history that goes on in another node's log: version 1 writes one segment, readers take several."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), ship("11:00:00", C1))
    first = made.log
    made.log = Log("other.example/log")
    introduce(made, [DISTRIBUTOR])
    made.tells(DISTRIBUTOR, receive("12:00:00", C1), unpack("12:20:00", C1, A1))
    return made.policy(None, AUTHORITIES, first), made.bundle(link(A1), "held")


STORIES: tuple[Story, ...] = (
    carried,
    *(from_line_to_patient, for_a_regulator, the_pallet_itself, another_pack_of_the_case, another_case_of_the_pallet),
    *(one_statement, just_commissioned, one_pack_alone, one_pack_in_a_case, document_backwards, packed_in_two_goes),
    *(all_out, packed_again, from_case_to_case, opened_without_a_record, left_in_an_opened_container),
    *(a_look_that_takes_out, a_look_at_the_whole, from_place_to_place, to_a_place_of_ones_own),
    *(without_lot_and_expiry, commissioned_without_lot_and_expiry),
    *(a_tote_of_the_makers_own, a_name_that_looks_like_a_pack),
    *(packed_again_after_a_while, straight_onto_the_pallet, packed_into_its_own_case, begun_by_being_packed),
    *(begun_anew, begun_anew_without_a_connection, pallet_commissioned_later, opened_and_put_right),
    dispensed_at_a_place_by_a_stranger,
    *(moved_on_in_an_opened_container, implied_receipt, shipment_put_right, pack_put_right, unpack_put_right),
    *(commissioning_put_right, told_by_a_reporter, known_from_its_shipment_on),
    *(commissioned_later_by_its_licensee, told_again_by_its_actor, told_by_an_intake, told_by_an_agent),
    packed_by_an_agent_under_another_word,
    *(without_a_connection, key_of_p_256, vouched_for_by_an_earlier_key, revoked_after_use, revoked_by_itself),
    *(one_key_of_two_parties, one_key_of_two_parties_revoked_for_one, revoked_for_whoever_else_claims_it),
    revoked_by_its_entry,
    *(prefix_for_one_product, witnessed, witnessed_by_strangers_too, quorum_of_groups),
    *(held_back, held_back_twice, held_back_for_a_reason_unknown_here, passed_on),
    *(decommissioned, shipped_with_its_papers, shipped_with_its_papers_for_a_regulator, on_another_log),
    *(shipment_called_off, called_off_out_of_its_pallet, on_its_way_when_another_was_called_off),
    *(called_off_on_its_way_to_a_place, calling_off_put_right, called_off_by_an_agent, called_off_by_hearsay),
    known_since_it_was_called_off,
    *(sent_back_and_taken_back, taken_back_by_its_sender, taken_back_out_of_its_pallet),
    *(destroyed, exported, sold_over_the_counter),
)  # fmt: skip


def name_of(story: Callable[..., Any]) -> str:
    return story.__name__.replace("_", "-")


def good(stories: Iterable[Story]) -> list[Members]:
    out = []
    for story in stories:
        policy, bundle = story(name_of(story))
        data = encoded(bundle)
        case = {"name": name_of(story), "about": " ".join((story.__doc__ or "").split()), "policy": policy}
        out.append({**case, "bundle": b64encode(data).decode(), **bundle_check.check(data, policy).shown()})
    return out
