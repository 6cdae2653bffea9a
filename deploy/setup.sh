#!/bin/sh
# Before anything else runs: the tables, and each key in the folder that only its own process mounts.
#
#     keys/signer   log.pem, log.memory      the signer's
#     keys/node     node.pem, custody.keys   of those who answer
#     witness       witness.pem, .memory     the witness's
#     policy        who witnesses whom       public; for everybody to read
#
# Run again, it makes what is missing and leaves what is there.
set -eu
cd "$(dirname "$0")/.."

write() { # FILE, whole or not at all
    cat > "$1.draft"
    mv "$1.draft" "$1"
}

python manage.py migrate --no-input
KEYS_DIR="$VAR_DIR/keys/signer" python manage.py keygen log
KEYS_DIR="$VAR_DIR/keys/node" python manage.py keygen node custody
KEYS_DIR="$VAR_DIR/witness" python manage.py keygen witness

write "$VAR_DIR/policy/witnessed.policy" << END
log $(cat "$VAR_DIR/keys/signer/log.vkey")
quorum none
END
if [ ! -e "$VAR_DIR/policy/witnesses.policy" ]; then
    write "$VAR_DIR/policy/witnesses.policy" << END
# Who cosigns this log. w1 is the operator's own (OWN_WITNESSES): add those of others, and a group that must agree.
witness w1 $(cat "$VAR_DIR/witness/witness.vkey") $WITNESS_URL
quorum w1
END
fi
