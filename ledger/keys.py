"""The node's keys, as files: `log` signs checkpoints; `node` signs promises and statuses, the node's own word;
`witness` cosigns the checkpoints of other logs.

    KEYS_DIR/log.pem       the secret key of checkpoints (Ed25519, PKCS #8)
    KEYS_DIR/log.vkey      the public one, for whoever checks them (c2sp.org/signed-note)
    KEYS_DIR/log.retired   public keys that the log had before, one a line, as log.vkey has them
    KEYS_DIR/log.memory    what was signed last: goes where log.pem goes, and is no part of the database's backup
    KEYS_DIR/node.pem      the secret key of the node's word
    KEYS_DIR/witness.pem   the secret key of cosignatures
    KEYS_DIR/witness.vkey  the public one, for whoever counts them
    KEYS_DIR/custody.keys  secrets under which keys are kept that others have this node hold (Fernet), one a line: the
                           first seals, each opens. Whoever has it and the database has those keys

`manage.py keygen` makes them, and `manage.py custodial` the secret for custody where there is none; while DEBUG is on,
so does the first use of any other.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

from .errors import KeyMissing
from .memory import Memory
from .signer import LogSigner, SignsCheckpoints
from .signing_process import RemoteSigner
from .tlog.checkpoint import Cosigner
from .tlog.cose import Algorithm, PrivateKey, PublicKey
from .tlog.note import Signer, Verifier, parse_key
from .tlog.policy import Peer, Policy
from .witness import Witness, WitnessMemory


def node_key() -> PrivateKey:
    """The key of the node's own word (FORMATS section 6)."""
    return _load("node")


def log_signer() -> SignsCheckpoints:
    """Who signs this node's checkpoints: its key has the log's name (c2sp.org/tlog-checkpoint)."""
    if settings.SIGNER_SOCKET:
        return RemoteSigner(Path(settings.SIGNER_SOCKET))
    return local_signer()


def local_signer() -> LogSigner:
    """The signer in this very process, with the log's key from its file."""
    return LogSigner(Signer(settings.LOG_ORIGIN, _load("log")), Memory(settings.KEYS_DIR / "log.memory"))


def log_verifiers() -> list[Verifier]:
    """The keys that this log's checkpoints are checked with: its own, and those that it had before."""
    retired = settings.KEYS_DIR / "log.retired"
    lines = retired.read_text().splitlines() if retired.exists() else []
    return list(dict.fromkeys([log_signer().verifier, *(parse_key(line) for line in lines if line)]))


def receipt_keys() -> list[PublicKey]:
    """The same, as receipts name them."""
    return [PublicKey(Algorithm.ED25519, verifier.public) for verifier in log_verifiers()]


def witness() -> Witness | None:
    """This node as a witness of the logs that the file WITNESSED_LOGS names; None without such a file."""
    if not settings.WITNESSED_LOGS.exists():
        return None
    logs = Policy.parse(settings.WITNESSED_LOGS.read_text()).logs
    return Witness(cosigner(), logs, WitnessMemory(settings.KEYS_DIR / "witness.memory"))


def cosigner() -> Cosigner:
    """The name and key of this node, or of a witness alone, as a witness."""
    return Cosigner(settings.WITNESS_NAME, _load("witness"))


def own_witness_key() -> bytes | None:
    """The public key of this node as a witness, if it has one: among the witnesses of its own log it never counts."""
    path = settings.KEYS_DIR / "witness.pem"
    return _load("witness").public.raw if path.exists() else None


def witnesses() -> Policy | None:
    """Who cosigns this log, and how many must before a checkpoint is published: the file WITNESSES. None: nobody."""
    policy = witnesses_named()
    return replace(policy, logs=(Peer(log_signer().verifier),)) if policy else None


def witnesses_named() -> Policy | None:
    """The same without the log's own key, which a signer that is away cannot tell: for whoever checks nothing."""
    try:
        policy = _read_policy(settings.WITNESSES, settings.WITNESSES.stat().st_mtime_ns)
    except FileNotFoundError:
        return None
    return policy if policy.witnesses else None


@lru_cache(maxsize=8)
def _read_policy(path: Path, _version: int) -> Policy:
    return Policy.parse(path.read_text())


def make(directory: Path, origin: str) -> None:
    """Make what is missing of the keys; what is there stays."""
    make_node(directory)
    make_log(directory, origin)


def make_node(directory: Path) -> None:
    """Make the key of the node's own word, unless it is there."""
    with _held(directory):
        if not (directory / "node.pem").exists():
            _write(directory / "node.pem", PrivateKey.generate().to_pem())


def make_log(directory: Path, origin: str) -> None:
    """Make the log's key, and its memory, in which nothing was signed, unless they are there.

    The file of a secret key comes last: until it is there, nothing that was made for it counts.
    """
    with _held(directory):
        if not (directory / "log.pem").exists():
            _demand_nothing_signed(Memory(directory / "log.memory"))
            signer = Signer(origin, PrivateKey.generate())
            _write(directory / "log.memory", Memory.of_empty_log(signer))
            _write(directory / "log.vkey", f"{signer.verifier}\n".encode())
            _write(directory / "log.pem", signer.key.to_pem())


def make_witness(directory: Path, name: str) -> None:
    """Make a witness's key, and its memory, in which nothing was cosigned; what is there stays."""
    with _held(directory):
        if not (directory / "witness.pem").exists():
            cosigner = Cosigner(name, PrivateKey.generate())
            WitnessMemory(directory / "witness.memory").make()
            _write(directory / "witness.vkey", f"{cosigner.verifier}\n".encode())
            _write(directory / "witness.pem", cosigner.key.to_pem())


def make_custody(directory: Path) -> None:
    """Make the secret under which others' keys are kept, unless there is one."""
    with _held(directory):
        if not (directory / "custody.keys").exists():
            _write(directory / "custody.keys", Fernet.generate_key() + b"\n")


def custody() -> MultiFernet:
    """What others' keys are sealed with, and opened."""
    path = settings.KEYS_DIR / "custody.keys"
    try:
        return _read_custody(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        detail = "what the keys are sealed with that others have this node hold is not there: bring it back"
        raise KeyMissing(detail, where=path.name) from None


@lru_cache(maxsize=8)
def _read_custody(path: Path, _version: int) -> MultiFernet:
    return MultiFernet([Fernet(line) for line in path.read_bytes().split()])


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """The directory of keys: two processes that start at once make one key."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
        os.fsync(held)
    finally:
        os.close(held)


def _demand_nothing_signed(memory: Memory) -> None:
    """Were a key made beside what another one signed, that other, brought back, could sign a second log."""
    if not memory.path.exists():
        return
    with memory.held() as file:
        signed = memory.read(file)[1].size
    if signed:
        detail = "the log's key is gone, and it has signed: bring it back"
        raise KeyMissing(detail, where="log.pem", expected=f"beside log.memory, which knows {signed} entries")


def _load(name: str) -> PrivateKey:
    path = settings.KEYS_DIR / f"{name}.pem"
    if settings.DEBUG and not path.exists():
        make(settings.KEYS_DIR, settings.LOG_ORIGIN)
        make_witness(settings.KEYS_DIR, settings.WITNESS_NAME)
    try:
        return _read(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        raise KeyMissing("a key that `manage.py keygen` makes is not there", where=path.name) from None


@lru_cache(maxsize=8)
def _read(path: Path, _version: int) -> PrivateKey:
    return PrivateKey.from_pem(path.read_bytes())


def _write(path: Path, content: bytes) -> None:
    """A file that only the node's own user reads, whole or not there."""
    draft = path.with_name(f".{path.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
