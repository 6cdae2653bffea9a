#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, each a file of its own, in the folder `secrets` or the one named.
# What is there stays. The files can be read by whoever may enter the folder: a container's user has another number.
set -eu
folder=${1:-secrets}

random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

keep() { # NAME VALUE
    [ -e "$folder/$1" ] || (umask 333 && printf '%s' "$2" > "$folder/$1")
}

mkdir -p "$folder"
chmod 700 "$folder"
keep secret_key "$(random)"
keep metrics_token "$(random)"
keep postgres_password "$(random)"
keep database_url "postgres://unitproof:$(cat "$folder/postgres_password")@postgres:5432/unitproof"
