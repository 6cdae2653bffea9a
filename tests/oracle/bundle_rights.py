"""Step 5 of checking a bundle: statements, whom a verifier trusts, and who could say what at which index of a log."""

import re
from dataclasses import dataclass, field

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from . import note, statement
from .bundle import unb64
from .bundle_rules import GOVERNED, InForce, Keys, Rules, public_keys
from .canonical import Members
from .refusal import Refused, demand
from .statement import ED25519, ESP256, KID
from .tree import b64

# --- the policy


@dataclass
class Trust:
    tlog: note.Policy
    begin: InForce  # authorities, and who may change them
    nodes: Keys  # by origin and kid


def read_policy(members: Members) -> Trust:
    """FORMATS 7; `governance` and `timestamps` may be absent. Time stamps are not checked here."""
    needed, optional = {"v", "tlog", "authorities", "nodes"}, {"governance", "timestamps"}
    demand(needed <= set(members) <= needed | optional and members["v"] == 1, "policy")
    authorities, nodes = public_keys(members["authorities"], "gln"), public_keys(members["nodes"], "origin")
    begin = InForce(authorities, *read_governance(members["governance"]) if "governance" in members else ({}, 1))
    stamps = members.get("timestamps", [])
    demand(all(set(each) == {"name", "certificate"} and each["name"] for each in stamps), "policy", "timestamps")
    demand(len({each["name"] for each in stamps}) == len(stamps), "policy", "timestamps")
    return Trust(note.read_policy(members["tlog"]), begin, nodes)


def read_governance(members: Members) -> tuple[Keys, int]:
    demand(isinstance(members, dict) and set(members) == {"quorum", "governors"}, "policy", "governance")
    governors, quorum = public_keys(members["governors"], "gln"), members["quorum"]
    demand(type(quorum) is int and 1 <= quorum <= len({gln for gln, _ in governors}), "policy", "quorum")
    return governors, quorum


# --- statements


@dataclass
class Envelope:
    """A statement before anybody asked whose key that is."""

    kind: str
    kid: str
    alg: int
    issuer: str  # GLN
    subject: str
    payload: Members
    to_be_signed: bytes
    signature: bytes

    def check(self, public: bytes) -> None:
        demand(self.alg == (ED25519 if len(public) == 32 else ESP256), "alg", self.alg)
        try:
            demand(len(self.signature) == 64, "signature")
            if self.alg == ED25519:
                Ed25519PublicKey.from_public_bytes(public).verify(self.signature, self.to_be_signed)
                return
            r, s = (int.from_bytes(half, "big") for half in (self.signature[:32], self.signature[32:]))
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
            key.verify(encode_dss_signature(r, s), self.to_be_signed, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError) as error:
            raise Refused("signature") from error


@dataclass(frozen=True)
class AnyKey:
    """Stands for whatever key an envelope names, so that `statement.open_statement` can read it before it is known."""

    alg: int
    kid: bytes

    def verify(self, signature: bytes, data: bytes) -> None:
        """Done by `Envelope.check`, when it is known whose key it is."""


def read_envelope(data: bytes) -> Envelope:
    """FORMATS 5, all but the signature."""
    try:
        head, _, text, signature = cbor2.loads(data).value
        members = cbor2.loads(head)
        alg, kid = members[statement.ALG], members[KID]
    except Exception as error:
        raise Refused("statement", str(error)) from error
    payload = statement.open_statement(data, AnyKey(alg, kid))  # type: ignore[arg-type]
    kind = re.fullmatch(r"application/vnd\.unitproof\.([a-z-]+)\+json", members[statement.CONTENT_TYPE])
    claims = members[statement.CWT_CLAIMS]
    return Envelope(kind[1] if kind else "", b64(kid), alg, payload["submitter"], claims[statement.SUB], payload,
                    statement.to_be_signed(head, text), signature)  # fmt: skip


# --- keys and rights


@dataclass
class PartnersKey:
    public: bytes
    since: int
    said: Members  # the statement that registered it
    until: int | None = None  # index of its revocation
    compromised: bool = False


@dataclass
class Rights:
    """What the statements relied on grant in one log, each from its index on."""

    trust: Trust
    origin: str
    rules: Rules = field(init=False)
    said: set[tuple[str, str]] = field(default_factory=set)  # statements, by issuer and id
    keys: dict[tuple[str, str], PartnersKey] = field(default_factory=dict)  # by GLN and kid
    prefixes: list[Members] = field(default_factory=list)
    delegations: list[Members] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rules = Rules(self.trust.begin)

    def key(self, gln: str, kid: str, index: int) -> bytes:
        found = self.keys.get((gln, kid))
        demand(found is not None and found.since < index, "key_not_vouched_for", gln)
        assert found is not None
        demand(found.until is None or found.until > index, "key_revoked", gln)
        return found.public

    def compromised(self, gln: str, kid: str) -> bool:
        """It holds by its place in the log; but whoever had the key may have signed before it was noticed."""
        key = self.keys.get((gln, kid))
        return key is not None and key.compromised

    def take(self, index: int, envelope: Envelope, entry: bytes) -> None:
        payload, take = envelope.payload, "take_" + envelope.kind.replace("-", "_")
        demand(hasattr(self, take) or envelope.kind in GOVERNED, "not_relied_on", envelope.kind)
        demand(payload["log"] == self.origin, "another_log", payload["log"])
        demand((envelope.issuer, envelope.subject) not in self.said, "said_twice", envelope.subject)
        self.said.add((envelope.issuer, envelope.subject))
        if envelope.kind in GOVERNED:
            self.rules.take(index, envelope, entry)
            return
        authority = self.rules.at(index).authorities.get((envelope.issuer, envelope.kid))
        envelope.check(authority or self.key(envelope.issuer, envelope.kid, index))
        demand(authority or self.may_say(envelope), "may_not_say_this", envelope.kind)
        getattr(self, take)(index, payload, entry)

    def may_say(self, envelope: Envelope) -> bool:
        """A party speaks of its own keys and delegations, and takes back what it has granted, and any delegation of its
        own, whoever has granted that."""
        if envelope.kind == "revocation":
            keys = [key.said for key in self.registered(envelope.payload)]
            named = self.granted(envelope.payload)
            acted_for = any(each["about"] == envelope.issuer for each in named if each in self.delegations)
            return acted_for or any(each["submitter"] == envelope.issuer for each in keys + named)
        own = envelope.issuer == envelope.payload.get("about")
        return own and envelope.kind in ("key", "key-revocation", "delegation")

    def granted(self, payload: Members) -> list[Members]:
        return [each for each in self.prefixes + self.delegations if each["entry"] == payload["entry"]]

    def registered(self, payload: Members) -> list[PartnersKey]:
        """A key statement is an entry too, and can be revoked as one."""
        return [each for each in self.keys.values() if each.said["entry"] == payload["entry"]]

    def take_key(self, index: int, payload: Members, entry: bytes) -> None:
        name = payload["about"], payload["kid"]
        demand(name not in self.keys, "key_registered_twice", payload["kid"])
        self.keys[name] = PartnersKey(unb64(payload["public"]), index, {**payload, "entry": entry.hex()})

    def take_key_revocation(self, index: int, payload: Members, entry: bytes) -> None:
        found = self.keys.get((payload["about"], payload["kid"]))
        demand(found is not None, "unknown_key", payload["kid"])
        assert found is not None
        demand(found.until is None, "revoked_twice", payload["kid"])
        found.until, found.compromised = index, "compromised" in payload

    def take_licence(self, index: int, payload: Members, entry: bytes) -> None:
        """Where a party may trade, and when: of no consequence here."""

    def take_prefix(self, index: int, payload: Members, entry: bytes) -> None:
        self.prefixes.append({**payload, "index": index, "entry": entry.hex(), "until": None})

    def take_delegation(self, index: int, payload: Members, entry: bytes) -> None:
        self.delegations.append({**payload, "index": index, "entry": entry.hex(), "until": None})

    def take_revocation(self, index: int, payload: Members, entry: bytes) -> None:
        for key in self.registered(payload):
            demand(key.said["about"] == payload["about"], "unknown_entry", payload["entry"])
            demand(key.until is None, "revoked_twice", payload["entry"])
            key.until = index
            return
        granted = self.granted(payload)
        demand(len(granted) == 1 and granted[0]["about"] == payload["about"], "unknown_entry", payload["entry"])
        demand(granted[0]["until"] is None, "revoked_twice", payload["entry"])
        granted[0]["until"] = index

    @staticmethod
    def held(right: Members, index: int) -> bool:
        return bool(right["index"] < index and (right["until"] is None or right["until"] > index))

    def may_issue(self, gln: str, gtin: str, index: int) -> bool:
        """A company prefix stands after the indicator digit of a GTIN-14."""
        return any(
            each["about"] == gln
            and self.held(each, index)
            and any(gtin == named if len(named) == 14 else gtin[1:].startswith(named) for named in each["gtins"])
            for each in self.prefixes
        )

    def may_speak(self, agent: str, party: str, word: str | None, index: int) -> bool:
        return any(
            (each["about"], each["to"]) == (party, agent) and self.held(each, index) and word in each["steps"]
            for each in self.delegations
        )
