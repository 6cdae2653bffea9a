"""A PostgreSQL cluster of our own, to restart: Debian's programs, on another port.

PostgreSQL does not run as root: where the tests do, the user `postgres` runs it.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from shutil import which

from tests.chaos.node import free_port

OWNER = "postgres"
INITDB = which("initdb") or next((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")), "")


def missing() -> str:
    """Why there can be none here; nothing, if there can."""
    if not INITDB:
        return "no initdb here"
    if os.geteuid():
        return ""
    if OWNER not in {user.pw_name for user in pwd.getpwall()} or which("runuser") is None:
        return f"as root, and no user {OWNER} or no runuser"
    return ""


class PostgresqlServer:
    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="unitproof-postgresql-"))  # which others than root may enter
        self.data, self.port = self.folder / "data", free_port()
        self._as_owner: list[str] = []
        if not os.geteuid():
            shutil.chown(self.folder, OWNER)
            self._as_owner = ["runuser", "-u", OWNER, "--"]

    @property
    def url(self) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{OWNER}"

    def make(self) -> None:
        self._run("initdb", "--username", OWNER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n"
            )

    def start(self) -> None:
        self._control("start")

    def restart(self, mode: str) -> None:
        """`fast`: sessions are ended in good order; `immediate`: as if it crashed, and it recovers at the start."""
        self._control("restart", "--mode", mode)

    def stop(self) -> None:
        self._control("stop", "--mode", "immediate")

    def remove(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, verb: str, *options: str) -> None:
        """Comes back when it is done: what has started takes connections."""
        self._run("pg_ctl", verb, "--wait", "--timeout", "120", "--log", str(self.folder / "log"), *options)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_owner, str(Path(INITDB).with_name(program)), "--pgdata", str(self.data), *arguments]
        with (self.folder / "said").open("ab") as said:  # a pipe would stay open as long as the server
            subprocess.run(command, cwd=self.folder, stdout=said, stderr=said, check=True)
