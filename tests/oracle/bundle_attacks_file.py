"""Attacks that steps 1 to 8 refuse: on the file, the log, the statements and the leaves."""

from collections.abc import Callable
from typing import Any

from . import merkle, note, statement, tree
from .bundle import (
    Chronicle,
    Log,
    changed,
    drawn,
    encoded,
    prove,
    shown_field,
    shown_item,
    unb64,
    witness,
    witness_line,
)
from .bundle_cases import (
    AUTHORITIES,
    LATER,
    QUORUM,
    REPORTED,
    at_the_distributor,
    chronicle,
    proven,
    revoke,
    shipped_with_its_papers,
    vouch,
)
from .bundle_forging import (
    STRANGER,
    Attack,
    Attacked,
    base,
    content_over,
    core_of,
    edited,
    event,
    file_attack,
    forged,
    hops,
    item,
    items_of,
    leaves_of,
    lie,
    logged,
    restated,
    segment,
    set_in,
    shuffled,
    with_field,
)
from .canonical import Members, encode
from .statement import Key, cbor
from .statement_cases import AUTHORITY, AUTHORITY_GLN, OPERATOR, key_members
from .tree import Leaf, b64
from .tree_cases import (
    A1,
    A2,
    A3,
    C1,
    DISTRIBUTOR,
    KEYS,
    LOG,
    MAKER,
    PALLET,
    PHARMACY,
    between,
    case_of,
    commission,
    link,
    mistaken,
    pack,
    plan,
    ship,
    unit,
)


def raw(change: Callable[[bytes], bytes]) -> Attack:
    return lambda name: (base()[0], change(encoded(base()[1])))


def unordered(data: bytes) -> bytes:
    """The map of the bundle with its first member last."""
    first = b"\x61v\x01"
    return data[:1] + data[1 + len(first) :] + first


def long_number(data: bytes) -> bytes:
    """The version in two bytes."""
    return data.replace(b"\x61v\x01", b"\x61v\x18\x01", 1)


def member_twice(data: bytes) -> bytes:
    return bytes([data[0] + 1]) + b"\x61v\x01" + data[1:]


def spelled(other: str) -> Attack:
    """By one who may not issue it, under a name that is no GTIN's to a careless reader, and to a careful one is."""

    def attack(name: str) -> Attacked:
        made = chronicle(name)
        renamed = items_of(lambda leaves: [Leaf([*leaf.members[:2], other, *leaf.members[3:]]) for leaf in leaves])
        made.tells(DISTRIBUTOR, commission("08:00:00", A1, party=DISTRIBUTOR), forge=renamed)
        return made.policy(None, AUTHORITIES), made.bundle(other)

    return attack


def statement_twice(bundle: Members) -> None:
    segment(bundle)["relied"].insert(0, segment(bundle)["relied"][0])


def hop_among_the_relied(bundle: Members) -> None:
    segment(bundle)["relied"].append(hops(bundle)[0]["entry"])


def one_log_in_two_segments(name: str) -> Attacked:
    """What was revoked in the first could be in force in the second."""
    made = at_the_distributor()
    policy, bundle = proven(made)
    second = changed(segment(bundle))
    del hops(bundle)[2:]
    del second["hops"][:2]
    bundle["segments"].append(second)
    for each in bundle["segments"]:
        prove(each, made.log)
    return policy, bundle


FILE: dict[str, Attack] = {
    "empty-file": raw(lambda data: b""),
    "cut-short": raw(lambda data: data[:-1]),
    "trailing-byte": raw(lambda data: data + b"\0"),
    "item-as-a-urn": spelled(A1),
    "item-as-a-urn-in-capitals": spelled(A1.replace("urn:epc", "URN:EPC")),
    "item-without-its-s": spelled(link(A1).replace("https:", "http:")),
    "item-in-words": spelled(link(A1).replace("/01/", "/gtin/").replace("/21/", "/ser/")),
    "item-on-another-site": spelled(link(A1).replace("id.gs1.org", "maker.example")),
    "item-on-another-site-in-words": spelled(
        link(A1).replace("id.gs1.org/01", "maker.example/shop/gtin").replace("/21/", "/ser/")
    ),
    "item-at-another-port": spelled(link(A1).replace(".org", ".org:443")),
    "item-in-capitals": spelled(link(A1).replace("https://id.gs1.org", "HTTPS://ID.GS1.ORG")),
    "item-with-its-lot": spelled(link(A1).replace("/21/", "/10/L007/21/")),
    "item-with-a-query": spelled(link(A1) + "?17=271231"),
    "item-with-more-behind-it": spelled(link(A1) + "/99/x"),
    "item-with-a-slash-behind-it": spelled(link(A1) + "/"),
    "item-escaped-needlessly": spelled(link(A1).replace("A1", "%411")),
    "item-of-a-shorter-gtin": spelled(link(A1).replace("/0061", "/61")),
    "item-with-another-check-digit": spelled(link(A1).replace("452/21", "453/21")),
    "item-that-is-no-uri": spelled("A1"),
    "json-instead": raw(lambda data: b'{"v":1}'),
    "members-out-of-order": raw(unordered),
    "member-twice": raw(member_twice),
    "non-deterministic-cbor": raw(long_number),
    "array-of-indefinite-length": raw(lambda data: data.replace(b"items\x83", b"items\x9f", 1)),
    "nested-without-end": raw(lambda data: b"\x81" * 5000 + b"\x01"),
    "version-2": file_attack(lambda b: set_in(b, "v", 2)),
    "version-true": file_attack(lambda b: set_in(b, "v", True)),
    "version-1.0": file_attack(lambda b: set_in(b, "v", 1.0)),
    "member-more": file_attack(lambda b: set_in(b, "anchors", [])),
    "member-missing": file_attack(lambda b: b.pop("status") and None),
    "no-segment": file_attack(lambda b: set_in(b, "segments", [])),
    "no-item": file_attack(lambda b: set_in(b, "items", [])),
    "an-item-twice": file_attack(lambda b: b["items"].append(b["items"][0])),
    "an-item-that-is-not-shown": file_attack(lambda b: b["items"].append(link(A3))),
    "an-item-that-is-not-listed": file_attack(lambda b: set_in(event(b, 0)["items"][0], "epc", 9)),
    "hop-without-events": file_attack(lambda b: set_in(hops(b)[1], "events", [])),
    "event-without-items": file_attack(lambda b: set_in(event(b, 0), "items", [])),
    "hops-out-of-order": file_attack(lambda b: shuffled(hops(b))),
    "hop-twice": file_attack(lambda b: hops(b).insert(1, hops(b)[0])),
    "relied-out-of-order": file_attack(lambda b: shuffled(segment(b)["relied"])),
    "statement-relied-on-twice": file_attack(statement_twice),
    "field-twice": file_attack(lambda b: event(b, 0)["fields"].append(event(b, 0)["fields"][0])),
    "items-out-of-order": file_attack(lambda b: shuffled(event(b, 0, 1)["items"])),
    "salt-cut-short": file_attack(lambda b: set_in(event(b, 0)["core"], "salt", bytes(15))),
    "entry-salt-cut-short": file_attack(lambda b: set_in(hops(b)[0]["entry"], "salt", bytes(31))),
    "hash-cut-short": file_attack(lambda b: set_in(segment(b)["path"], 0, bytes(31))),
    "prev-as-text": file_attack(lambda b: set_in(item(b, 0, 1, A1), "prev", b64(bytes(32)))),
    "index-negative": file_attack(lambda b: set_in(event(b, 0), "position", -1)),
    "index-beyond-numbers": file_attack(lambda b: set_in(event(b, 0)["root"], "n", 2**53)),
    "index-true": file_attack(lambda b: set_in(event(b, 0), "position", False)),
    "kind-unknown": file_attack(lambda b: set_in(item(b, 0, 0, A1), "kind", "e")),
    "seen-with-a-content": file_attack(lambda b: set_in(item(b, 0, 0, A1), "kind", "s")),
    "moved-without-a-content": file_attack(lambda b: set_in(item(b, 0, 0, A1), "content", None)),
    "content-of-another-word": file_attack(lambda b: set_in(item(b, 0, 0, A1), "content", "empty")),
    "statement-as-text": file_attack(lambda b: set_in(b, "status", "status")),
    "checkpoint-as-bytes": file_attack(lambda b: set_in(segment(b), "checkpoint", segment(b)["checkpoint"].encode())),
    "one-log-in-two-segments": one_log_in_two_segments,
}


def unknown_log(name: str) -> Attacked:
    """A log of the attacker's own, everything in it signed rightly."""
    made = at_the_distributor()
    policy = made.policy(None, AUTHORITIES)
    policy["tlog"] = made.policy()["tlog"].replace(made.log.origin, "trusted.example/log")
    trusted = Log("trusted.example/log")
    line = f"log {note.vkey(trusted.origin, note.LOG, trusted.key.public)}\n"
    return policy | {"tlog": line + "quorum none\n"}, made.bundle(link(A1))


def checkpoint_attack(change: Callable[[str], str], *witnesses: str, tlog: str | None = None) -> Attack:
    """A carrier's change to the note."""

    def attack(name: str) -> Attacked:
        policy, bundle = proven(at_the_distributor(), witnesses=witnesses, tlog=tlog)
        segment(bundle)["checkpoint"] = change(segment(bundle)["checkpoint"])
        return policy, bundle

    return attack


def resigned(log_name: str, key: Key, kind: int = note.LOG) -> Callable[[str], str]:
    """Another signature instead of all that were there."""

    def change(checkpoint: str) -> str:
        text = note.read_note(checkpoint).text
        return text + "\n" + note.line(log_name, kind, key.public, key.sign(text.encode()))

    return change


def impostor(checkpoint: str) -> str:
    """The log's name and key id, and a stranger's signature."""
    read = note.read_note(checkpoint)
    digest = read.signatures[0][1]
    public = STRANGER.public
    made = note.line(LOG, note.LOG, public, STRANGER.sign(read.text.encode()))
    data = note.unbase64(made.split(" ")[2].strip())
    return read.text + "\n" + f"— {LOG} {note.b64encode(digest + data[4:]).decode()}\n"


def flipped(checkpoint: str, number: int) -> str:
    """One bit of one signature."""
    read = note.read_note(checkpoint)
    lines = []
    for at, (name, digest, signature) in enumerate(read.signatures):
        last = signature[-1] ^ (at == number)
        lines.append(f"— {name} {note.b64encode(digest + signature[:-1] + bytes([last])).decode()}\n")
    return read.text + "\n" + "".join(lines)


def cosignature_again(checkpoint: str) -> str:
    return checkpoint + checkpoint.splitlines(keepends=True)[-1]


def cosigned_by_stranger(checkpoint: str) -> str:
    """A witness's name over a stranger's key."""
    text = note.read_note(checkpoint).text
    return checkpoint + note.cosigned(text, "W2.example", STRANGER, 1_767_600_000)


def cosigned_by_the_log(checkpoint: str) -> str:
    """The operator as its own witness."""
    text = note.read_note(checkpoint).text
    return checkpoint + note.cosigned(text, "W2.example", Log(LOG).key, 1_767_600_000)


def cosignature_of_another_checkpoint(checkpoint: str) -> str:
    text = note.checkpoint_text(LOG, 3, drawn("another root"))
    return checkpoint + note.cosigned(text, "W2.example", witness("W2"), 1_767_600_000)


def cosignature_at_another_time(checkpoint: str) -> str:
    text = note.read_note(checkpoint).text
    made = note.cosigned(text, "W2.example", witness("W2"), 1_767_600_000)
    data = note.unbase64(made.split(" ")[2].strip())
    later = data[:4] + (1_867_600_000).to_bytes(8, "big") + data[12:]
    return checkpoint + f"— W2.example {note.b64encode(later).decode()}\n"


def log_signature_as_cosignature(checkpoint: str) -> str:
    """A witness's key that signed the text as a log would: no time in it."""
    text = note.read_note(checkpoint).text
    key = witness("W2")
    return checkpoint + note.line("W2.example", note.WITNESS, key.public, bytes(8) + key.sign(text.encode()))


def checkpoint_of_another_log(name: str) -> Attacked:
    """Both logs are in the policy; the entries are in the first, the checkpoint is the second's, of the same tree."""
    made = at_the_distributor()
    other = Log("other.example/log")
    policy, bundle = made.policy(None, AUTHORITIES, other), made.bundle(link(A1))
    text = note.checkpoint_text(other.origin, len(made.log.entries), merkle.root(made.log.leaves))
    segment(bundle)["checkpoint"] = other.signed(text)
    return policy, bundle


ONE_OF_TWO = witness_line("W1") + witness_line("W2") + "group both all W1 W2\nquorum both\n"


CHECKPOINT: dict[str, Attack] = {
    "checkpoint-of-another-log": checkpoint_of_another_log,
    "checkpoint-signed-by-a-stranger": checkpoint_attack(resigned(LOG, STRANGER)),
    "checkpoint-signed-under-the-logs-key-id": checkpoint_attack(impostor),
    "checkpoint-signed-by-a-witness-alone": checkpoint_attack(
        resigned("W1.example", witness("W1"), note.WITNESS), tlog=witness_line("W1") + "quorum none\n"
    ),
    "checkpoint-signature-flipped": checkpoint_attack(lambda text: flipped(text, 0)),
    "checkpoint-without-signatures": checkpoint_attack(lambda text: text.partition("\n\n")[0] + "\n\n"),
    "checkpoint-of-another-size": checkpoint_attack(lambda text: text.replace("\n10\n", "\n11\n")),
    "checkpoint-with-a-leading-zero": checkpoint_attack(lambda text: text.replace("\n10\n", "\n010\n")),
    "checkpoint-with-carriage-returns": checkpoint_attack(lambda text: text.replace("\n", "\r\n")),
    "checkpoint-without-its-last-line-end": checkpoint_attack(lambda text: text[:-1]),
    "quorum-not-met": checkpoint_attack(lambda text: text, "W1", tlog=ONE_OF_TWO),
    "quorum-of-one-witness-twice": checkpoint_attack(cosignature_again, "W1", tlog=ONE_OF_TWO),
    "quorum-of-witnesses-not-asked": checkpoint_attack(lambda text: text, "W1", "W9", tlog=QUORUM),
    "cosignature-of-stranger": checkpoint_attack(cosigned_by_stranger, "W1", tlog=ONE_OF_TWO),
    "cosignature-of-the-log-itself": checkpoint_attack(cosigned_by_the_log, "W1", tlog=ONE_OF_TWO),
    "cosignature-of-another-checkpoint": checkpoint_attack(cosignature_of_another_checkpoint, "W1", tlog=ONE_OF_TWO),
    "cosignature-at-another-time": checkpoint_attack(cosignature_at_another_time, "W1", tlog=ONE_OF_TWO),
    "cosignature-without-a-time": checkpoint_attack(log_signature_as_cosignature, "W1", tlog=ONE_OF_TWO),
    "cosignature-flipped": checkpoint_attack(lambda text: flipped(text, 2), "W1", "W2", tlog=ONE_OF_TWO),
    "cosignature-flipped-though-none-is-asked": checkpoint_attack(
        lambda text: flipped(text, 1), "W1", tlog=witness_line("W1") + "quorum none\n"
    ),
}


def checkpoint_of_another_tree(name: str) -> Attacked:
    """An operator with two faces: another tree of the same size, signed with the log's own key."""
    made = at_the_distributor()
    policy, bundle = proven(made)
    text = note.checkpoint_text(LOG, len(made.log.entries), drawn("another root"))
    segment(bundle)["checkpoint"] = made.log.signed(text)
    return policy, bundle


def checkpoint_of_before(name: str) -> Attacked:
    """A true checkpoint, from before the last hop was in the log."""
    made = at_the_distributor()
    policy, bundle = proven(made)
    size = len(made.log.entries) - 1
    text = note.checkpoint_text(LOG, size, merkle.root(made.log.leaves[:size]))
    segment(bundle)["checkpoint"] = made.log.signed(text)
    return policy, bundle


def never_logged(name: str) -> Attacked:
    """Rightly signed by its party, and shown in the place of another entry."""
    made = at_the_distributor()
    policy, bundle = proven(made)
    other = at_the_distributor("never logged")
    hops(bundle)[1]["entry"] |= {"statement": other.log.entries[other.told[1].index][1]}
    return policy, bundle


def indexes_swapped(bundle: Members) -> None:
    one, other = segment(bundle)["relied"][:2]
    for name in ("salt", "statement"):
        one[name], other[name] = other[name], one[name]


def signature_of_a_statement_flipped(bundle: Members) -> None:
    entry = hops(bundle)[0]["entry"]
    entry["statement"] = entry["statement"][:-1] + bytes([entry["statement"][-1] ^ 1])


ENTRIES: dict[str, Attack] = {
    "checkpoint-of-another-tree": checkpoint_of_another_tree,
    "checkpoint-of-before": checkpoint_of_before,
    "never-logged": never_logged,
    "entry-index-swapped": file_attack(indexes_swapped),
    "entry-index-moved": file_attack(lambda b: set_in(segment(b)["relied"][0], "index", 0)),
    "entry-index-beyond-the-log": file_attack(lambda b: set_in(hops(b)[-1]["entry"], "index", 999)),
    "entry-salt-wrong": file_attack(lambda b: set_in(hops(b)[0]["entry"], "salt", drawn("salt"))),
    "statement-signature-flipped": file_attack(signature_of_a_statement_flipped),
    "spare-hash": file_attack(lambda b: segment(b)["path"].append(drawn("spare"))),
    "hash-missing": file_attack(lambda b: segment(b)["path"].pop() and None),
    "hashes-swapped": file_attack(lambda b: shuffled(segment(b)["path"])),
    "hop-among-the-relied": file_attack(hop_among_the_relied),
}


def story_of(change: Callable[[Chronicle], Any], **options: Any) -> Attack:
    """A pack of the maker's, on a node that knows only what `change` tells it."""

    def attack(name: str) -> Attacked:
        made = Chronicle(name, Log(LOG), OPERATOR, keys=dict(KEYS))
        change(made)
        made.tells(MAKER, commission("08:00:00", A1))
        return proven(made, **options)

    return attack


def known(made: Chronicle, *, prefix: bool = True) -> Chronicle:
    """The maker as the authority vouches for it."""
    vouch(made, MAKER, KEYS[MAKER])
    if prefix:
        made.states("prefix", AUTHORITY_GLN, AUTHORITY, about=MAKER, gtins=["0614141"])
    return made


def and_then(change: Callable[[Chronicle], Any]) -> Attack:
    """The same, on a node that knows the maker already."""
    return story_of(lambda made: change(known(made)))


def by_a_revoked_key(made: Chronicle) -> None:
    revoke(made, MAKER, KEYS[MAKER])
    vouch(made, MAKER, LATER[MAKER], by=(MAKER, KEYS[MAKER]))
    made.keys[MAKER] = LATER[MAKER]


def by_a_later_key(made: Chronicle) -> None:
    """Each would be vouched for by the other, had it only come first."""
    made.states("prefix", AUTHORITY_GLN, AUTHORITY, about=MAKER, gtins=["0614141"])
    vouch(made, MAKER, KEYS[MAKER], by=(MAKER, LATER[MAKER]))
    vouch(made, MAKER, LATER[MAKER], by=(MAKER, KEYS[MAKER]))


def for_another_log(made: Chronicle) -> None:
    """An authority's word to another node."""
    identity = "00000000-0000-4000-8000-00000000ffff"
    payload = {"v": 1, "log": "other.example/log", "submitter": AUTHORITY_GLN, "time": made.time,
               "statement": identity, "about": MAKER, **key_members(KEYS[MAKER])}  # fmt: skip
    made.logs("key", payload, identity, AUTHORITY, True)


def submission_relied_on(made: Chronicle) -> None:
    told = made.tells(MAKER, commission("07:00:00", A2))
    made.relied[LOG].append(told.index)


def forged_signature(made: Chronicle) -> None:
    """The authority's name, and a signature it did not make."""
    index = vouch(made, MAKER, LATER[MAKER])
    salt, data = made.log.entries[index]
    forged = data[:-1] + bytes([data[-1] ^ 1])
    made.log.entries[index] = (salt, forged)
    made.log.hashes[index] = statement.entry(salt, forged)


def in_the_authoritys_name(made: Chronicle) -> None:
    made.states("key", AUTHORITY_GLN, STRANGER, about=MAKER, **key_members(KEYS[MAKER]))


def revoked_by(party: str) -> Callable[[Chronicle], Any]:
    """A delegation, and its revocation by another than who gave it."""

    def change(made: Chronicle) -> None:
        vouch(made, DISTRIBUTOR, KEYS[DISTRIBUTOR])
        index = made.states("delegation", MAKER, KEYS[MAKER], about=MAKER, to=DISTRIBUTOR, steps=["shipping"])
        made.states("revocation", party, KEYS[party], about=MAKER, entry=made.log.hashes[index].hex())

    return change


def revoked_by_its_holder(made: Chronicle) -> None:
    """What an authority has granted, its party does not take back."""
    index = made.states("prefix", AUTHORITY_GLN, AUTHORITY, about=MAKER, gtins=["0614142"])
    made.states("revocation", MAKER, KEYS[MAKER], about=MAKER, entry=made.log.hashes[index].hex())


def revoked_out_of_nothing(made: Chronicle) -> None:
    made.states("revocation", AUTHORITY_GLN, AUTHORITY, about=MAKER, entry=drawn("nothing").hex())


def key_with_another_kid(made: Chronicle) -> None:
    members = key_members(LATER[MAKER]) | {"kid": b64(drawn("kid"))}
    made.states("key", AUTHORITY_GLN, AUTHORITY, about=MAKER, **members)


def revoked_and_registered_again(made: Chronicle) -> None:
    """A key that was compromised does not come back."""
    revoke(made, MAKER, KEYS[MAKER], compromised="2026-01-01T00:00:00Z")
    vouch(made, MAKER, KEYS[MAKER])


def revoked_twice(made: Chronicle) -> None:
    """The second revocation says no longer since when others may have had the key."""
    vouch(made, MAKER, LATER[MAKER])
    revoke(made, MAKER, KEYS[MAKER], compromised="2026-01-01T00:00:00Z")
    revoke(made, MAKER, KEYS[MAKER])
    made.keys[MAKER] = LATER[MAKER]


def delegation_revoked_twice(made: Chronicle) -> None:
    index = made.states("delegation", MAKER, KEYS[MAKER], about=MAKER, to=DISTRIBUTOR, steps=["shipping"])
    for _ in range(2):
        made.states("revocation", MAKER, KEYS[MAKER], about=MAKER, entry=made.log.hashes[index].hex())


def key_revoked_twice_over(made: Chronicle) -> None:
    """As a key, and then as the entry that registered it."""
    index = vouch(made, MAKER, LATER[MAKER])
    revoke(made, MAKER, LATER[MAKER], compromised="2026-01-01T00:00:00Z")
    made.states("revocation", AUTHORITY_GLN, AUTHORITY, about=MAKER, entry=made.log.hashes[index].hex())


def key_revoked_by_its_entry(by: str, about: str = MAKER) -> Callable[[Chronicle], Any]:
    """The statement that registered it, which an authority has made."""

    def change(made: Chronicle) -> None:
        vouch(made, DISTRIBUTOR, KEYS[DISTRIBUTOR])
        index = vouch(made, MAKER, LATER[MAKER])
        key = AUTHORITY if by == AUTHORITY_GLN else KEYS[by]
        made.states("revocation", by, key, about=about, entry=made.log.hashes[index].hex())

    return change


RIGHTS: dict[str, Attack] = {
    "key-vouched-for-by-itself": story_of(lambda made: vouch(made, MAKER, KEYS[MAKER], by=(MAKER, KEYS[MAKER]))),
    "key-vouched-for-by-another-party": and_then(
        lambda made: vouch(made, DISTRIBUTOR, STRANGER, by=(MAKER, KEYS[MAKER]))
    ),
    "key-vouched-for-by-a-stranger": story_of(
        lambda made: vouch(made, MAKER, KEYS[MAKER], by=(AUTHORITY_GLN[:-1] + "8", STRANGER))
    ),
    "key-vouched-for-in-the-authoritys-name": story_of(in_the_authoritys_name),
    "key-vouched-for-by-a-revoked-key": and_then(by_a_revoked_key),
    "key-vouched-for-by-a-later-key": story_of(by_a_later_key),
    "key-statement-of-another-log": story_of(for_another_log),
    "key-statement-with-a-forged-signature": and_then(forged_signature),
    "key-statement-with-another-kid": and_then(key_with_another_kid),
    "key-revoked-and-registered-again": and_then(revoked_and_registered_again),
    "prefix-granted-by-its-party": story_of(
        lambda made: known(made, prefix=False).states("prefix", MAKER, KEYS[MAKER], about=MAKER, gtins=["0614141"])
    ),
    "prefix-granted-by-another-party": and_then(
        lambda made: made.states("prefix", MAKER, KEYS[MAKER], about=DISTRIBUTOR, gtins=["0614141"])
    ),
    "key-revoked-by-another-party": and_then(
        lambda made: (
            vouch(made, DISTRIBUTOR, KEYS[DISTRIBUTOR]),
            revoke(made, DISTRIBUTOR, KEYS[DISTRIBUTOR], by=(MAKER, KEYS[MAKER])),
        )
    ),
    "key-revoked-twice": and_then(revoked_twice),
    "delegation-revoked-twice": and_then(delegation_revoked_twice),
    "key-revoked-as-a-key-and-as-an-entry": and_then(key_revoked_twice_over),
    "key-statement-revoked-by-who-did-not-make-it": and_then(key_revoked_by_its_entry(MAKER)),
    "key-statement-revoked-by-another-party": and_then(key_revoked_by_its_entry(DISTRIBUTOR)),
    "key-statement-revoked-as-another-partys": and_then(key_revoked_by_its_entry(AUTHORITY_GLN, about=DISTRIBUTOR)),
    "delegation-by-its-agent": and_then(
        lambda made: (
            vouch(made, DISTRIBUTOR, KEYS[DISTRIBUTOR]),
            made.states(
                "delegation", DISTRIBUTOR, KEYS[DISTRIBUTOR], about=MAKER, to=DISTRIBUTOR, steps=["commissioning"]
            ),
        )
    ),
    "delegation-revoked-by-its-agent": and_then(revoked_by(DISTRIBUTOR)),
    "prefix-revoked-by-its-party": and_then(revoked_by_its_holder),
    "revocation-of-nothing": and_then(revoked_out_of_nothing),
    "submission-among-the-relied": and_then(submission_relied_on),
}


def key_not_vouched_for(name: str) -> Attacked:
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(MAKER, commission("08:00:00", A1))
    return proven(made)


def statement_before_its_key(name: str) -> Attacked:
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(MAKER, commission("08:00:00", A1))
    vouch(made, MAKER, KEYS[MAKER])
    return proven(made)


def revoked_key(name: str) -> Attacked:
    made = chronicle(name)
    revoke(made, MAKER, KEYS[MAKER])
    made.tells(MAKER, commission("08:00:00", A1))
    return proven(made, keys=[[b64(KEYS[MAKER].kid), "revoked"]])


def key_of_another_party(name: str) -> Attacked:
    """The distributor speaks in the maker's name, with its own key."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), key=KEYS[DISTRIBUTOR])
    return proven(made)


def signed_with_an_authoritys_key(name: str) -> Attacked:
    """Whoever vouches for others does not thereby speak itself."""
    made = chronicle(name)
    made.tells(AUTHORITY_GLN, commission("08:00:00", A1), key=AUTHORITY)
    return proven(made)


def statement_of_another_log(name: str) -> Attacked:
    """Handed in elsewhere, and copied."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), log="other.example/log")
    return proven(made)


def operators_log_of_a_forged_signature(name: str) -> Attacked:
    made = chronicle(name)
    told = made.tells(MAKER, commission("08:00:00", A1))
    salt, data = made.log.entries[told.index]
    forged = data[:-1] + bytes([data[-1] ^ 1])
    made.log.entries[told.index] = (salt, forged)
    made.log.hashes[told.index] = statement.entry(salt, forged)
    return proven(made)


def envelope_attack(change: Callable[[Chronicle, Members, str], bytes]) -> Attack:
    return lambda name: logged(name, change)


def with_alg(alg: int) -> Callable[[Chronicle, Members, str], bytes]:
    def change(made: Chronicle, payload: Members, identity: str) -> bytes:
        head = statement.cbor2.loads(statement.protected("submission", KEYS[MAKER], MAKER, f"urn:uuid:{identity}"))
        return statement.sign(cbor({**head, statement.ALG: alg}), encode(payload), KEYS[MAKER])

    return change


def with_payload(**members: Any) -> Callable[[Chronicle, Members, str], bytes]:
    def change(made: Chronicle, payload: Members, identity: str) -> bytes:
        head = statement.protected("submission", KEYS[MAKER], MAKER, f"urn:uuid:{identity}")
        return statement.sign(head, encode(payload | members), KEYS[MAKER])

    return change


def of_kind(kind: str) -> Callable[[Chronicle, Members, str], bytes]:
    def change(made: Chronicle, payload: Members, identity: str) -> bytes:
        head = statement.protected(kind, KEYS[MAKER], MAKER, f"urn:uuid:{identity}")
        members = payload
        if kind == "key":
            shared = {name: payload[name] for name in ("v", "log", "submitter", "time")}
            members = shared | {"statement": identity, "about": MAKER, **key_members(KEYS[MAKER])}
        return statement.sign(head, encode(members), KEYS[MAKER])

    return change


def issued_by(gln: str) -> Callable[[Chronicle, Members, str], bytes]:
    def change(made: Chronicle, payload: Members, identity: str) -> bytes:
        head = statement.protected("submission", KEYS[MAKER], gln, f"urn:uuid:{identity}")
        return statement.sign(head, encode(payload), KEYS[MAKER])

    return change


def with_external_data(made: Chronicle, payload: Members, identity: str) -> bytes:
    head, text = statement.protected("submission", KEYS[MAKER], MAKER, f"urn:uuid:{identity}"), encode(payload)
    signature = KEYS[MAKER].sign(cbor(["Signature1", head, b"x", text]))
    return cbor(statement.cbor2.CBORTag(18, [head, {}, text, signature]))


def with_an_unprotected_header(made: Chronicle, payload: Members, identity: str) -> bytes:
    head, text = statement.protected("submission", KEYS[MAKER], MAKER, f"urn:uuid:{identity}"), encode(payload)
    signature = KEYS[MAKER].sign(statement.to_be_signed(head, text))
    return cbor(statement.cbor2.CBORTag(18, [head, {99: b"x"}, text, signature]))


def key_hidden(name: str) -> Attacked:
    """A carrier leaves out who vouched for the maker, and proves the other entries again."""
    made = at_the_distributor()
    policy, bundle = proven(made)
    del segment(bundle)["relied"][0]
    prove(segment(bundle), made.log)
    return policy, bundle


STATEMENTS: dict[str, Attack] = {
    "key-not-vouched-for": key_not_vouched_for,
    "key-statement-left-out": key_hidden,
    "statement-before-its-key": statement_before_its_key,
    "revoked-key": revoked_key,
    "key-of-another-party": key_of_another_party,
    "signed-with-an-authoritys-key": signed_with_an_authoritys_key,
    "statement-of-another-log": statement_of_another_log,
    "signature-forged-by-the-operator": operators_log_of_a_forged_signature,
    "issuer-of-another-party": envelope_attack(issued_by(DISTRIBUTOR)),
    "alg-minus-8": envelope_attack(with_alg(-8)),
    "alg-of-the-other-kind-of-key": envelope_attack(with_alg(-9)),
    "statement-of-another-kind": envelope_attack(of_kind("key")),
    "content-type-of-another-kind": envelope_attack(of_kind("prefix")),
    "payload-with-a-member-more": envelope_attack(with_payload(more="x")),
    "payload-of-another-version": envelope_attack(with_payload(v=2)),
    "signature-with-external-data": envelope_attack(with_external_data),
    "unprotected-header-not-empty": envelope_attack(with_an_unprotected_header),
}


def event_of_another_submission(name: str) -> Attacked:
    """The distributor's event in the maker's statement."""
    policy, bundle = base()
    hops(bundle)[1]["events"][0], hops(bundle)[2]["events"][0] = event(bundle, 2), event(bundle, 1)
    return policy, bundle


def positions_swapped(bundle: Members) -> None:
    one, other = event(bundle, 2, 0), event(bundle, 2, 1)
    one["position"], other["position"] = other["position"], one["position"]


EVENTS: dict[str, Attack] = {
    "wrong-size": file_attack(lambda b: set_in(event(b, 0)["root"], "n", event(b, 0)["root"]["n"] + 1)),
    "event-root-changed": file_attack(lambda b: set_in(event(b, 0)["root"], "root", drawn("root"))),
    "event-of-another-submission": event_of_another_submission,
    "positions-swapped": file_attack(positions_swapped),
    "position-beyond-the-document": file_attack(lambda b: set_in(event(b, 2, 2), "position", 3)),
    "spare-hash-of-the-events": file_attack(lambda b: hops(b)[0]["path"].append(drawn("spare"))),
    "hash-of-the-events-missing": file_attack(lambda b: hops(b)[0]["path"].pop() and None),
    "event-twice": file_attack(lambda b: hops(b)[1]["events"].append(event(b, 1))),
}


def core_attack(**members: Any) -> Attack:
    """A carrier's change to the core of the shipment."""
    return file_attack(lambda b: set_in(event(b, 1)["core"], "value", edited(event(b, 1)["core"]["value"], **members)))


def error_declaration_hidden(name: str) -> Attacked:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    made.tells(MAKER, mistaken(ship("10:00:00", A1)), plans={0: plan(restored={link(A1): "none"})})
    policy, bundle = proven(made)
    core = event(bundle, 1)["core"]
    core["value"] = edited(core["value"], errorDeclaration=None)
    return policy, bundle


def reporter_shown_as_actor(name: str) -> Attacked:
    made = chronicle(name, DISTRIBUTOR)
    made.tells(DISTRIBUTOR, commission("08:00:00", A1), told=REPORTED)
    policy, bundle = proven(made)
    core = event(bundle, 0)["core"]
    core["value"] = edited(core["value"], **{"as": "actor", "for": None})
    return policy, bundle


def fields_of_two_events(bundle: Members) -> None:
    """The lot of one event shown in another."""
    event(bundle, 1)["fields"] = event(bundle, 0)["fields"]


def another_items_leaf(name: str) -> Attacked:
    """The leaf of the pack beside it, with its own place in the tree."""
    made = at_the_distributor()
    policy, bundle = proven(made)
    grown = made.told[0].trees.events[0]
    index = next(at for at, leaf in enumerate(grown.items) if leaf.members[2] == link(A2))
    other = shown_item(index, grown.items[index], None, [link(A2)])
    mine = event(bundle, 0)["items"][0]
    event(bundle, 0)["items"][0] = other | {"epc": mine["epc"]}
    event(bundle, 0)["items_path"] = merkle.multiproof([index], [leaf.hash for leaf in grown.items])
    return policy, bundle


def header_attack(change: Callable[[Members], Any]) -> Attack:
    def attack(name: str) -> Attacked:
        policy, bundle = shipped_with_its_papers(name)
        change(hops(bundle)[1]["header"])
        return policy, bundle

    return attack


def header_of_nothing(bundle: Members) -> None:
    """A document without a header, shown with one."""
    leaf = Leaf(["h", b64(bytes(16)), "sender", "x"])
    hops(bundle)[0]["header"]["fields"] = [shown_field(0, leaf)]


def second_core(name: str) -> Attacked:
    """Two cores under one root; the second is shown in the place of the first."""

    def twice(leaves: list[Leaf]) -> list[Leaf]:
        core = leaves[0].members[2] | {"bizStep": "inspecting"}
        return [leaves[0], Leaf(["c", b64(drawn("second core")[:16]), core]), *leaves[1:]]

    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    told = made.tells(MAKER, ship("10:00:00", A1), forge=leaves_of(twice), meaning=["inspecting", "shipping"])
    policy, bundle = proven(made)
    leaves = told.trees.events[0].leaves
    shown = event(bundle, 1)
    shown["core"] = {"salt": unb64(leaves[1].members[1]), "value": encode(leaves[1].members[2]).decode()}
    shown["path"] = merkle.multiproof([1], [leaf.hash for leaf in leaves])
    return policy, bundle


def core_not_first(name: str) -> Attacked:
    """A signer that put its core after the fields: leaf 0 is none."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    told = made.tells(MAKER, ship("10:00:00", A1), forge=leaves_of(lambda leaves: [*leaves[1:], leaves[0]]))
    policy, bundle = proven(made)
    leaves = told.trees.events[0].leaves
    shown = event(bundle, 1)
    shown["core"] = {"salt": unb64(leaves[-1].members[1]), "value": encode(leaves[-1].members[2]).decode()}
    shown["path"] = merkle.multiproof([len(leaves) - 1], [leaf.hash for leaf in leaves])
    return policy, bundle


def for_regulators(attack: Callable[[str], tuple[Chronicle, str]]) -> Attack:
    """All fields shown, the forged one among them."""

    def shown(name: str) -> Attacked:
        made, word = attack(name)
        return proven(made, word=word, regulator=True)

    return shown


def lying_fields(change: Callable[[tree.Tree], tree.Tree]) -> Attack:
    def attack(name: str) -> tuple[Chronicle, str]:
        made = chronicle(name)
        made.tells(MAKER, commission("08:00:00", A1))
        made.tells(MAKER, ship("10:00:00", A1), forge=change)
        return made, "in_transit"

    return for_regulators(attack)


def said_of(trees: tree.Tree, name: str) -> list[Members]:
    """Sources or destinations of the first event."""
    said: list[Members] = trees.events[0].leaves[0].members[2][name]
    return said


def handed_over(name: str, **members: str) -> Attack:
    """The one source or destination of a shipment, said otherwise."""
    return forged(lambda trees: core_of(**{name: [said_of(trees, name)[0] | members]})(trees), word="in_transit")


def out_of_order(trees: tree.Tree) -> list[Members]:
    """A second one that would stand before the first: whoever reads the last takes another than who sorts."""
    return [*said_of(trees, "destinations"), {"destination": "https://id.gs1.org/414/0614141007776",
                                              "type": "possessing_party"}]  # fmt: skip


def fields_reversed(leaves: list[Leaf]) -> list[Leaf]:
    return [leaves[0], *reversed(leaves[1:])]


def items_unsorted(trees: tree.Tree) -> tree.Tree:
    """An items tree in another order than that of its hashes."""
    grown = trees.events[0]
    items = list(reversed(grown.items))
    core = grown.leaves[0].members[2] | {"items": tree.rooted([leaf.hash for leaf in items])}
    leaves = [Leaf(["c", grown.leaves[0].members[1], core]), *grown.leaves[1:]]
    events = [tree.EventTree(grown.event, items, leaves), *trees.events[1:]]
    return tree.Tree(trees.received, events, trees.order, trees.header, trees.document, trees.opening)


def unsorted_items(name: str) -> Attacked:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), commission("08:10:00", C1))
    made.tells(MAKER, pack("09:00:00", C1, A1), forge=items_unsorted)
    return proven(made)


def child_shown_as_container(name: str) -> Attacked:
    """Both leaves of a pack of kind p."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), commission("08:10:00", C1))

    def both(leaves: list[Leaf]) -> list[Leaf]:
        pack = next(leaf for leaf in restated(leaves, A1, kind="p") if leaf.members[2] == link(A1))
        case = next(leaf for leaf in leaves if leaf.members[2] == link(C1))
        return [pack, *restated([case], C1, content=content_over(made, pack.hash))]

    made.tells(MAKER, pack("09:00:00", C1, A1), forge=items_of(both))
    return proven(made)


def container_in_a_shipment(name: str) -> Attacked:
    """A leaf of kind p where nothing is packed or unpacked."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1))
    made.tells(MAKER, ship("10:00:00", C1), forge=lie(C1, kind="p"))
    return proven(made)


LEAVES: dict[str, Attack] = {
    "error-declaration-hidden": error_declaration_hidden,
    "reporter-shown-as-actor": reporter_shown_as_actor,
    "party-spoken-for-changed": core_attack(**{"for": DISTRIBUTOR}),
    "destination-changed": core_attack(destinations=between(MAKER, PHARMACY)["destinationList"]),
    "time-changed": core_attack(eventTime="2026-01-04T11:00:00.000Z"),
    "items-root-changed": core_attack(items=[1, b64(drawn("items"))]),
    "second-core": second_core,
    "core-not-first": core_not_first,
    "core-salt-changed": file_attack(lambda b: set_in(event(b, 1)["core"], "salt", drawn("salt")[:16])),
    "fields-of-two-events": file_attack(fields_of_two_events),
    "field-changed": file_attack(
        lambda b: set_in(event(b, 0)["fields"][0], "value", '{"urn:epcglobal:cbv:mda:lotNumber":"L9"}')
    ),
    "field-renamed": file_attack(lambda b: set_in(event(b, 0)["fields"][0], "name", "readPoint")),
    "field-moved": file_attack(lambda b: set_in(event(b, 0)["fields"][0], "index", 1)),
    "field-beyond-the-event": file_attack(lambda b: set_in(event(b, 0)["fields"][0], "index", 9)),
    "leaf-kind-swapped": file_attack(lambda b: set_in(item(b, 0, 1, C1), "kind", "i")),
    "moved-shown-as-seen": file_attack(lambda b: item(b, 2, 2, A1).update(kind="s", content=None, prev=None)),
    "another-items-leaf": another_items_leaf,
    "content-changed": file_attack(lambda b: set_in(item(b, 1, 0, PALLET), "content", "unknown")),
    "prev-changed": file_attack(lambda b: set_in(item(b, 1, 0, PALLET), "prev", drawn("prev"))),
    "prev-left-out": file_attack(lambda b: set_in(item(b, 1, 0, PALLET), "prev", None)),
    "item-salt-changed": file_attack(lambda b: set_in(item(b, 1, 0, PALLET), "salt", drawn("salt")[:16])),
    "item-renamed": file_attack(lambda b: b["items"].__setitem__(0, link(unit("CLONE")))),
    "item-moved": file_attack(lambda b: set_in(event(b, 0)["items"][0], "index", 4)),
    "spare-hash-of-the-items": file_attack(lambda b: event(b, 0)["items_path"].append(drawn("spare"))),
    "spare-hash-of-the-event": file_attack(lambda b: event(b, 0)["path"].append(drawn("spare"))),
    "items-not-in-the-order-of-their-hashes": unsorted_items,
    "header-value-changed": header_attack(lambda header: set_in(header["fields"][0], "value", '"x"')),
    "header-name-changed": header_attack(lambda header: set_in(header["fields"][0], "name", "sender")),
    "header-moved": header_attack(lambda header: set_in(header["fields"][-1], "index", 11)),
    "header-hash-spare": header_attack(lambda header: header["path"].append(drawn("spare"))),
    "header-left-out-but-for-its-hashes": header_attack(lambda header: set_in(header, "fields", [])),
    "header-of-a-document-without": file_attack(header_of_nothing),
    "voice-of-nobody": forged(core_of(**{"as": "owner"}), word="in_transit"),
    "core-without-its-time": forged(core_of(eventTime=None), word="in_transit"),
    "core-with-a-time-of-its-own": forged(core_of(eventTime="2026-01-05T10:00:00+02:00"), word="in_transit"),
    "core-without-an-action": forged(core_of(action=None), word="in_transit"),
    "core-of-an-unknown-type": forged(core_of(type="DreamEvent"), word="in_transit"),
    "core-with-a-member-more": forged(core_of(epcList=[link(A1)]), word="in_transit"),
    "core-without-items": forged(core_of(items=None), word="in_transit"),
    "core-that-is-a-list": forged(
        leaves_of(lambda leaves: [Leaf(["c", leaves[0].members[1], []]), *leaves[1:]]), word="in_transit"
    ),
    "step-in-another-spelling": forged(
        core_of(bizStep="urn:epcglobal:cbv:bizstep:dispensing"), meaning=["urn:epcglobal:cbv:bizstep:dispensing"]
    ),
    "step-as-a-web-address": forged(
        core_of(bizStep="https://ref.gs1.org/cbv/BizStep-decommissioning"),
        meaning=["https://ref.gs1.org/cbv/BizStep-decommissioning"],
    ),
    "step-with-its-prefix": forged(core_of(bizStep="cbv:BizStep-shipping"), meaning=["cbv:BizStep-shipping"]),
    "step-of-nobodys": forged(core_of(bizStep="teleporting"), meaning=["teleporting"]),
    "step-with-a-blank": forged(core_of(bizStep="dispensing "), meaning=["dispensing "]),
    "disposition-in-another-spelling": forged(
        core_of(disposition="urn:epcglobal:cbv:disp:in_transit"), word="in_transit"
    ),
    "source-in-another-spelling": handed_over("sources", source="urn:epc:id:sgln:0614141.00777.0"),
    "source-by-its-number": handed_over("sources", source="0614141007776"),
    "source-type-in-another-spelling": handed_over("sources", type="urn:epcglobal:cbv:sdt:possessing_party"),
    "destination-in-another-spelling": handed_over("destinations", destination="urn:epc:id:sgln:0860001.00001.0"),
    "destination-type-as-a-web-address": handed_over(
        "destinations", type="https://ref.gs1.org/cbv/SDT-possessing_party"
    ),
    "destinations-out-of-order": forged(lambda trees: core_of(destinations=out_of_order(trees))(trees)),
    "destination-twice": forged(lambda trees: core_of(destinations=said_of(trees, "destinations") * 2)(trees)),
    "destinations-of-nobody": forged(core_of(destinations=[]), word="in_transit"),
    "core-with-sources-of-no-kind": forged(core_of(sources="maker"), word="in_transit"),
    "core-that-declares-nothing": forged(core_of(errorDeclaration="yes"), word="in_transit"),
    "field-named-like-a-core-member": lying_fields(with_field("sourceList", [])),
    "fields-out-of-order": lying_fields(leaves_of(fields_reversed)),
    "field-of-one-name-twice": lying_fields(with_field("readPoint", {"id": "urn:x:1"})),
    "field-with-a-fraction": lying_fields(with_field("urn:x:n", 1.5)),
    "field-with-a-number-deep-inside": lying_fields(with_field("urn:x:n", {"urn:x:m": [{"urn:x:k": -1}]})),
    "meaning-narrowed": forged(lambda trees: trees, word="in_transit", meaning=["reported"]),
    "core-index-not-0": file_attack(lambda b: set_in(event(b, 0)["fields"][0], "index", 0)),
    "items-confused": file_attack(
        lambda b: set_in(event(b, 0, 1)["items"][0], "epc", event(b, 0, 1)["items"][1]["epc"])
    ),
    "core-with-a-space": file_attack(
        lambda b: set_in(event(b, 0)["core"], "value", event(b, 0)["core"]["value"].replace(":", ": ", 1))
    ),
    "core-member-twice": file_attack(
        lambda b: set_in(
            event(b, 0)["core"],
            "value",
            event(b, 0)["core"]["value"].replace('"as":"actor"', '"as":"actor","as":"actor"', 1),
        )
    ),
    "core-not-json": file_attack(lambda b: set_in(event(b, 0)["core"], "value", "{")),
    "core-nested-without-end": file_attack(lambda b: set_in(event(b, 0)["core"], "value", "[" * 5000 + "]" * 5000)),
    "core-with-a-number-too-big": file_attack(lambda b: set_in(event(b, 0)["core"], "value", "9007199254740993")),
    "core-not-a-number": file_attack(lambda b: set_in(event(b, 0)["core"], "value", "NaN")),
    "container-in-a-shipment": container_in_a_shipment,
    "child-shown-as-container": child_shown_as_container,
    "core-time-as-number": forged(core_of(eventTime=7), word="in_transit"),
    "core-step-as-number": forged(core_of(bizStep=7), word="in_transit"),
    "core-items-of-no-root": forged(core_of(items=["x", "y"]), word="in_transit"),
    "core-items-without-their-number": forged(core_of(items=[True, b64(bytes(32))]), word="in_transit"),
    "party-spoken-for-that-is-none": forged(core_of(**{"as": "reporter", "for": "the maker"}), word="in_transit"),
}
