"""Receipts as their owner checks them, in either form: c2sp.org/tlog-proof and RFC 9942. Pure."""

from typing import Any

from ledger.tlog.cose import Algorithm, PublicKey
from ledger.tlog.errors import MalformedProof, PolicyNotMet
from ledger.tlog.policy import Policy
from ledger.tlog.proof import Proof
from ledger.tlog.receipt import Receipt

from .statements import b64

COSE_SIGN1 = b"\xd2"  # CBOR tag 18
PROOF = b"c2sp.org/tlog-proof@v1\n"


def check(data: bytes, entry: bytes, policy: Policy) -> str:
    """One sentence on where the entry is. Raises unless the policy's log has it, and enough witnesses saw that."""
    if data[:1] == COSE_SIGN1:
        return _check_cose(Receipt.parse(data), entry, policy)
    proof = _proof(data)
    vouched = proof.check(entry, policy)
    seen = f"seen by {', '.join(sorted(vouched.witnesses))}" if vouched.witnesses else "not independently witnessed"
    head = vouched.checkpoint
    return f"entry {proof.index} of the {head.size} in {head.origin}; {seen}"


def _check_cose(receipt: Receipt, entry: bytes, policy: Policy) -> str:
    """A COSE Receipt has the log's word alone: a policy that asks for witnesses is not met by it."""
    keys = {PublicKey(Algorithm.ED25519, peer.key.public): peer.key.name for peer in policy.logs if peer.key.kind == 1}
    known = next((key for key in keys if key.kid == receipt.signed.kid), None)
    if known is None:
        found = (receipt.signed.kid or b"").hex()
        raise PolicyNotMet("signed by no log that the policy names", code="no_log_signature", found=found)
    receipt.check(entry, known)
    if policy.quorum is not None:
        detail = "a COSE Receipt has no cosignatures: ask for the tlog-proof"
        raise PolicyNotMet(detail, code="no_quorum", expected=policy.quorum, found="none")
    return f"entry {receipt.index} of {keys[known]}; not independently witnessed"


def contents(data: bytes) -> dict[str, Any] | None:
    """What a receipt says, as plain values; None of anything else."""
    if data.startswith(PROOF):
        proof = _proof(data)
        hashes = [b64(each) for each in proof.hashes]
        return {"tlog-proof": proof.index, "hashes": hashes, "checkpoint": proof.checkpoint.splitlines()}
    if data[:1] != COSE_SIGN1:
        return None
    try:
        receipt = Receipt.parse(data)
    except ValueError:
        return None
    signed = receipt.signed
    return {
        "cose-receipt": receipt.index,
        "size": receipt.size,
        "issuer": signed.issuer,
        "subject": signed.subject,
        "kid": signed.kid and b64(signed.kid),
        "hashes": [b64(each) for each in receipt.hashes],
    }


def _proof(data: bytes) -> Proof:
    try:
        return Proof.parse(data.decode())
    except UnicodeDecodeError as error:
        raise MalformedProof("neither a tlog-proof nor a COSE Receipt", found=repr(data[:8])) from error
