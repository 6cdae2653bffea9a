"""What hangs on all parties, kept as it is: a lock of PostgreSQL for each such thing, taken before any party's own.

SQLite has one writer at a time, and needs none.
"""

from typing import Literal, TypeAlias

from django.db import connection

Thing: TypeAlias = Literal["deliveries", "descriptions", "holds", "jobs", "legal holds", "notices", "prefixes"]

LOCKS = {False: "pg_advisory_xact_lock_shared", True: "pg_advisory_xact_lock"}


def keep_still(thing: Thing, *, exclusive: bool = False) -> None:
    """Until this transaction ends, nobody changes it: `exclusive` to change it oneself."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {LOCKS[exclusive]}(%s)", [int.from_bytes(f"{thing:<8.8}".encode())])
