"""Run by the Python of `.venv-scitt`, which has scitt-cose and nothing of ours: receipts in, what it makes of each out.

JSON on standard input: `[{"receipt": hex, "entry": hex, "key": PEM}, ...]`. JSON on standard output, in the same order:
`{"ok", "size", "index", "issuer", "subject"}`; for `{"make": {"entries": [hex], "index", "alg", "key": PEM}}` it is
`{"receipt": hex}`, of its own making.
"""

import json
import sys
from typing import Any


def main() -> None:
    from scitt_cose import verify_receipt  # type: ignore[import-not-found]  # only where this runs

    answers: list[dict[str, Any]] = []
    for asked in json.load(sys.stdin):
        if "make" in asked:
            answers.append(make(asked["make"]))
            continue
        found = verify_receipt(bytes.fromhex(asked["receipt"]), leaf_entry_hex=asked["entry"],
                               log_public_key_pem=asked["key"])  # fmt: skip
        answers.append({"ok": found.ok, "size": found.tree_size, "index": found.leaf_index, "issuer": found.issuer,
                        "subject": found.subject})  # fmt: skip
    json.dump(answers, sys.stdout)


def make(asked: dict[str, Any]) -> dict[str, Any]:
    from scitt_cose import build_receipt

    entries = asked["entries"]
    receipt = build_receipt(leaf_entry_hex=entries[asked["index"]], leaf_index=asked["index"], tree_entries_hex=entries,
                            alg=asked["alg"], log_private_key_pem=asked["key"], iss="https://log.example",
                            sub="urn:example", kid=b"its own")  # fmt: skip
    return {"receipt": receipt.hex()}


if __name__ == "__main__":
    main()
