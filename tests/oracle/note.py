"""C2SP as a bundle needs it: signed notes, checkpoints, cosignatures and policies; made, and read strictly.

signed-note        text, an empty line, then lines "— name base64(key id ‖ signature)"
tlog-checkpoint    origin, size, base64 of the root
tlog-cosignature   eight bytes of time, then Ed25519 over "cosignature/v1", the time and the text
tlog-policy        which logs and witnesses, and how many of them must agree
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .refusal import Refused
from .statement import Key

LOG, WITNESS = 1, 4  # signature types: Ed25519, cosignature/v1


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def vkey(name: str, kind: int, public: bytes) -> str:
    return f"{name}+{key_id(name, kind, public).hex()}+{b64encode(bytes([kind]) + public).decode()}"


def read_vkey(text: str, kind: int) -> tuple[str, bytes]:
    """Name and public key of the one kind that is wanted."""
    name, _, rest = text.partition("+")
    digest, _, encoded = rest.partition("+")
    data = unbase64(encoded)
    if not name or data[:1] != bytes([kind]) or len(data) != 33 or key_id(name, kind, data[1:]).hex() != digest:
        raise Refused("vkey", text)
    return name, data[1:]


def unbase64(text: str) -> bytes:
    """The one way its bytes are written."""
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        raise Refused("base64", text) from error
    if b64encode(data).decode() != text:
        raise Refused("base64", text)
    return data


# --- notes


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    return f"{origin}\n{size}\n{b64encode(root).decode()}\n"


def line(name: str, kind: int, public: bytes, signature: bytes) -> str:
    return f"— {name} {b64encode(key_id(name, kind, public) + signature).decode()}\n"


def signed(text: str, name: str, key: Key) -> str:
    return line(name, LOG, key.public, key.sign(text.encode()))


def to_be_cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosigned(text: str, name: str, key: Key, time: int) -> str:
    return line(name, WITNESS, key.public, time.to_bytes(8, "big") + key.sign(to_be_cosigned(text, time)))


@dataclass(frozen=True)
class Note:
    text: str
    signatures: list[tuple[str, bytes, bytes]]  # name, key id, signature


def read_note(note: str) -> Note:
    if re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise Refused("note", "control characters")
    text, empty, lines = note.rpartition("\n\n")
    if not empty or not lines.endswith("\n"):
        raise Refused("note", "no signatures")
    signatures = []
    for each in lines.removesuffix("\n").split("\n"):
        match = re.fullmatch(r"— ([^\s+]+) (\S+)", each)
        data = unbase64(match[2]) if match else b""
        if not match or len(data) < 5:
            raise Refused("note", each)
        signatures.append((match[1], data[:4], data[4:]))
    return Note(text + "\n", signatures)


def read_checkpoint(text: str) -> tuple[str, int, bytes]:
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not lines[0] or "" in lines[:-1]:
        raise Refused("checkpoint", "lines")
    origin, size, root = lines[:3]
    if not re.fullmatch("0|[1-9][0-9]*", size, re.ASCII) or int(size) >= 2**63 or len(unbase64(root)) != 32:
        raise Refused("checkpoint", "size or root")
    return origin, int(size), unbase64(root)


def verify(public: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


# --- policies


@dataclass
class Policy:
    """c2sp.org/tlog-policy, as far as its lines say."""

    logs: list[tuple[str, bytes]] = field(default_factory=list)
    witnesses: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str = ""

    def add(self, words: list[str]) -> None:
        if words[0] == "log" and len(words) in (2, 3):
            self.logs.append(self.new_key(read_vkey(words[1], LOG), self.logs))
        elif words[0] == "witness" and len(words) in (3, 4):
            key = self.new_key(read_vkey(words[2], WITNESS), self.witnesses.values())
            self.witnesses[self.new(words[1])] = key
        elif words[0] == "group" and len(words) > 3:
            members = [self.free(name) for name in words[3:]]
            needs = {"any": 1, "all": len(members)} | {str(need): need for need in range(1, len(members) + 1)}
            if words[2] not in needs or len(set(members)) < len(members):
                raise Refused("policy", " ".join(words))
            self.groups[self.new(words[1])] = needs[words[2]], members
        elif words[0] == "quorum" and len(words) == 2 and not self.quorum:
            self.quorum = words[1] if words[1] == "none" else self.known(words[1])
        else:
            raise Refused("policy", " ".join(words))

    def new(self, name: str) -> str:
        if name == "none" or name in self.witnesses or name in self.groups:
            raise Refused("policy", name)
        return name

    def known(self, name: str) -> str:
        if name not in self.witnesses and name not in self.groups:
            raise Refused("policy", name)
        return name

    def free(self, name: str) -> str:
        """Each is in one group."""
        if any(name in members for _, members in self.groups.values()):
            raise Refused("policy", name)
        return self.known(name)

    def new_key(self, key: tuple[str, bytes], others: Iterable[tuple[str, bytes]]) -> tuple[str, bytes]:
        if key[1] in [public for _, public in others]:
            raise Refused("policy", "one key twice")
        return key

    def agrees(self, name: str, cosigners: set[str]) -> bool:
        """Whether a witness, or enough of a group, is among those that cosigned."""
        if name in self.witnesses:
            return name in cosigners
        need, members = self.groups[name]
        return sum(self.agrees(member, cosigners) for member in members) >= need

    def check(self, note: str) -> tuple[str, int, bytes, set[str]]:
        """Origin, size and root of a checkpoint, and who cosigned it: signed by its log, seen by the quorum.

        A line is matched by name and key id. One that names a key of the policy and does not verify spoils the note.
        """
        read = read_note(note)
        origin, size, root = read_checkpoint(read.text)
        if not any(self.signed_by(read, name, LOG, public) for name, public in self.logs if name == origin):
            raise Refused("log_signature", origin)
        cosigners = {called for called, (name, public) in self.witnesses.items()
                     if self.signed_by(read, name, WITNESS, public)}  # fmt: skip
        if self.quorum != "none" and not self.agrees(self.quorum, cosigners):
            raise Refused("quorum", f"only {sorted(cosigners)}")
        return origin, size, root, cosigners

    def signed_by(self, note: Note, name: str, kind: int, public: bytes) -> bool:
        found = False
        for called, digest, signature in note.signatures:
            if (called, digest) != (name, key_id(name, kind, public)):
                continue
            data = note.text.encode()
            if kind == WITNESS:
                data = to_be_cosigned(note.text, int.from_bytes(signature[:8], "big"))
                signature = signature[8:]
            if not verify(public, signature, data):
                raise Refused("signature", name)
            found = True
        return found


def read_policy(text: str) -> Policy:
    policy = Policy()
    if not text.endswith("\n") or re.search("[^\t\n -~\x80-\U0010ffff]", text):
        raise Refused("policy", "cut short, or no text")
    for each in text.split("\n"):
        words = re.findall("[^ \t]+", each)
        if words and not words[0].startswith("#"):
            policy.add(words)
    if not policy.quorum:
        raise Refused("policy", "no quorum")
    return policy
