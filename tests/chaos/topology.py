"""The node of docker-compose.yml as processes of this machine: the same commands, variables, keys and secrets.

    topology.start("web")     a service, once it is healthy by its own health check
    topology.run("web", ...)  another command, with what that service is given
    topology.speak()          a client beyond the proxy, which is this test

PostgreSQL is the one that DATABASE_URL names, with a database of its own; Redis is a process of the test's own.
"""

import os
import subprocess
import sys
from pathlib import Path

import httpx

from tests.chaos.node import PATIENCE, Process, free_port, wait_for
from tests.chaos.redis_server import RedisServer
from tests.compose import ROOT, Service, services
from traceability.client import Node

HOST, ORIGIN = "pharma.example", "pharma.example/log"
VALUES = {"ALLOWED_HOSTS": HOST, "LOG_ORIGIN": ORIGIN, "OPERATOR_GLN": "0614141000012"}
SAYS = {"worker": b" ready."}  # when it begins to hear; whoever asks for its health before waits for seconds in vain
FOLDERS = ("keys/node", "keys/signer", "policy", "socket", "witness")


class Topology:
    def __init__(self, folder: Path, database_url: str, redis: RedisServer) -> None:
        self.folder, self.redis = folder, redis
        self.home, self.secrets, self.temporary = folder / "home", folder / "secrets", folder / "tmp"
        self.port, self.witness_port = free_port(), free_port()
        self.processes: dict[str, Process] = {}
        self.clients: list[Node] = []
        for each in (*(self.home / name for name in FOLDERS), self.temporary):
            each.mkdir(parents=True, mode=0o700)
        subprocess.run(["deploy/secrets.sh", str(self.secrets)], cwd=ROOT, check=True)
        (self.secrets / "database_url").unlink()
        (self.secrets / "database_url").write_text(f"{database_url}\n")
        self.services = services(VALUES, self._here())

    def _here(self) -> dict[str, str]:
        """What a container's addresses and folders are on this machine."""
        web, witness = f"127.0.0.1:{self.port}", f"127.0.0.1:{self.witness_port}"
        return {
            "/var/lib/unitproof": str(self.home),
            "/run/secrets": str(self.secrets),
            "/tmp": str(self.temporary),
            "redis:6379": f"127.0.0.1:{self.redis.port}",
            "witness:8100": witness,
            "0.0.0.0:8100": witness,
            "127.0.0.1:8100": witness,
            "0.0.0.0:8000": web,
            "127.0.0.1:8000": web,
        }

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _environment(self, service: Service) -> dict[str, str]:
        """The image's, and the service's."""
        image = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "VAR_DIR": str(self.home),
            "STATIC_ROOT": str(self.folder / "static"),  # where the image has been given them
            "TMPDIR": str(self.temporary),
        }
        return image | service.environment

    def run(self, name: str, *command: str) -> str:
        """What a command prints that a service's container runs, such as the operator's."""
        service = self.services[name]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment(service), capture_output=True, text=True, timeout=2 * PATIENCE
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def start(self, name: str) -> Process:
        service, said = self.services[name], self.folder / f"{name}.log"
        before = said.stat().st_size if said.exists() else 0
        process = Process(service.command, self._environment(service), said)
        self.processes[name] = process
        if words := SAYS.get(name):
            wait_for(f"{name}, see {said}", lambda: words in said.read_bytes()[before:])
        wait_for(f"{name}, see {said}", lambda: self.is_healthy(name), 2 * PATIENCE)
        return process

    def is_healthy(self, name: str) -> bool:
        service = self.services[name]
        command, environment = service.health, self._environment(service)
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True).returncode == 0

    def kill(self, name: str) -> None:
        self.processes.pop(name).kill()

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
        for client in self.clients:
            client.http.close()

    # ---- what a client sees -----------------------------------------------------------------------------------------

    def speak(self, token: str = "") -> Node:
        """As the proxy passes it on."""
        node = Node(self.address, token)
        self.clients.append(node)
        node.http.headers.update({"Host": HOST, "X-Forwarded-Proto": "https"})
        return node

    def ready(self) -> httpx.Response:
        return httpx.get(f"{self.address}/ready", headers={"Host": HOST}, timeout=PATIENCE)

    def not_ready(self) -> dict[str, str]:
        """The checks that do not hold, and why."""
        return {check["name"]: check["detail"] for check in self.ready().json()["checks"] if not check["ok"]}

    def measures(self) -> dict[str, float]:
        """What Prometheus reads with its token."""
        token = (self.secrets / "metrics_token").read_text()
        asked = {"Host": HOST, "Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{self.address}/metrics", headers=asked, timeout=PATIENCE)
        lines = [line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def written(self) -> dict[str, str]:
        """What each service has logged so far."""
        return {path.stem: path.read_text() for path in self.folder.glob("*.log")}
