"""A database of its own on a PostgreSQL server: `python -m tests.servers SERVER_URL create|drop NAME`."""

import sys
from urllib.parse import urlsplit

import psycopg
from psycopg import sql


def create(server: str, name: str) -> str:
    """Make the database and return its URL."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def drop(server: str, name: str) -> str:
    """Remove the database, and those that test runs made beside it and did not live to remove."""
    with psycopg.connect(server, autocommit=True) as connection:
        made = connection.execute(
            "SELECT datname FROM pg_database WHERE datname = %s OR datname LIKE %s", (name, f"test\\_{name}%")
        )
        for (database,) in made.fetchall():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
    return ""


if __name__ == "__main__":
    server_url, verb, database_name = sys.argv[1:]
    print({"create": create, "drop": drop}[verb](server_url, database_name))
