"""Run by the Python of `.venv-cwt`, which has cwt and nothing of ours: statements in, what cwt makes of each out.

JSON on standard input: `[{"statement": hex, "alg": -19 or -9, "public": hex}, ...]`. JSON on standard output, in the
same order: the payload as hex, or null where cwt does not verify the statement.
"""

import json
import sys
from hashlib import sha256
from typing import Any


def cose_key(alg: int, public: bytes) -> dict[int, Any]:
    """RFC 9053 section 7: an Ed25519 key, or an uncompressed P-256 point."""
    return {1: 1, -1: 6, -2: public} if alg == -19 else {1: 2, -1: 1, -2: public[1:33], -3: public[33:]}


def main() -> None:
    import cbor2
    from cwt import COSE, COSEKey  # type: ignore[import-not-found]  # only where this runs

    answers = []
    for asked in json.load(sys.stdin):
        members = cose_key(asked["alg"], bytes.fromhex(asked["public"]))
        kid = sha256(cbor2.dumps(members, canonical=True)).digest()  # RFC 9679
        key = COSEKey.new({**members, 2: kid, 3: asked["alg"]})
        try:
            answers.append(COSE.new(verify_kid=True).decode(bytes.fromhex(asked["statement"]), keys=[key]).hex())
        except Exception:  # it raises many kinds; all of them mean no
            answers.append(None)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
