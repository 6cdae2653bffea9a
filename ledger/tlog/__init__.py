"""A transparency log as bytes and proofs: one module for each specification. No database, network, clock or settings.

errors      what can be wrong, each with a stable code
merkle      the tree: leaf_hash, node_hash, root_of; inclusion, consistency and multiproofs, made and checked
tiles       the tree as files: Tile, grow, TileReader; entry bundles
cose        keys and the signed envelope: PublicKey, PrivateKey, sign, decode, Signed1, thumbprint
note        signed text: Signer, Verifier, parse_key, sign, open
checkpoint  the tree's head: Checkpoint; a witness's word on it: Cosigner
policy      whom to trust: Policy
proof       one entry's place, for a stranger to check: Proof
receipt     the same as SCITT has it: SignedRoot, Receipt

>>> from ledger.tlog.merkle import leaf_hash, root_of
>>> root_of([leaf_hash(b"one"), leaf_hash(b"two")]).hex()[:16]
'4f55f619d9215235'
"""
