"""Ask an address of this machine whether it answers, for a container's health check: `python -m traceability.probe`.

    python -m traceability.probe [ADDRESS [STATUS]]    http://127.0.0.1:8000/live and 200 by default

It names a host that the node allows, as ALLOWED_HOSTS says, and loads nothing but the standard library.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

LIVE = "http://127.0.0.1:8000/live"


def main(address: str = LIVE, status: str = "200") -> int:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=5)
    try:
        connection.request("GET", parts.path, headers={"Host": host()})
        found = str(connection.getresponse().status)
    except (OSError, HTTPException) as error:
        found = str(error)
    print(f"{address}: {found}")
    return 0 if found == status else 1


def host() -> str:
    """The first host that the node answers to."""
    path = os.environ.get("ALLOWED_HOSTS_FILE")
    hosts = Path(path).read_text() if path else os.environ.get("ALLOWED_HOSTS", "")
    first = hosts.split(",")[0].strip().lstrip(".")
    return first if first not in ("", "*") else "localhost"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
