"""What docker-compose.yml describes, run as processes: submissions go through; whatever is killed, nothing is lost.

The test is the client, and the proxy before the node; it uses no database but through the node's own commands.
"""

import json
import os
import shutil
from collections.abc import Iterator

import httpx
import pytest

from ledger.tlog.policy import Policy
from ledger.tlog.proof import Proof
from tests import servers
from tests.chaos.node import wait_for
from tests.chaos.redis_server import PROGRAM, RedisServer
from tests.chaos.topology import HOST, ORIGIN, Topology
from tests.chaos.works import WORKS, Works
from traceability import statements
from traceability.client import Submitted

pytestmark = [pytest.mark.servers, pytest.mark.skipif(PROGRAM is None, reason="no redis-server here")]

MANAGE = ("python", "manage.py")
RESTING = 75.0  # seconds: a witness that kept failing is asked again within a minute


@pytest.fixture
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """PostgreSQL and Redis are there; nothing of ours is."""
    folder, name = tmp_path_factory.mktemp("node"), f"unitproof_topology_{os.getpid()}"
    redis = RedisServer(folder)
    redis.start()
    url = servers.create(os.environ["DATABASE_URL"], name)
    found = Topology(folder, url, redis)
    try:
        yield found
    finally:
        found.stop()
        redis.kill()
        servers.drop(os.environ["DATABASE_URL"], name)
        shutil.rmtree(folder, ignore_errors=True)


def demand_witnessed(receipt: str, submitted: Submitted, policy: Policy) -> None:
    """The receipt proves the entry by a checkpoint that the witness has cosigned."""
    promise = statements.open_promise(submitted.promise).payload
    vouched = Proof.parse(receipt).check(promise.entry, policy)
    assert (vouched.checkpoint.origin, list(vouched.witnesses)) == (ORIGIN, ["w1"])


def test_the_services_of_compose_keep_every_promise_whatever_is_killed(topology: Topology) -> None:
    # 1. once: tables and keys, each where only its own process has it
    topology.run("setup", "python", "manage.py", "collectstatic", "--no-input", "--verbosity", "0")
    for _ in range(2):
        topology.run("setup", *topology.services["setup"].command)
    keys = {path.relative_to(topology.home).as_posix() for path in topology.home.rglob("*.pem")}
    assert keys == {"keys/signer/log.pem", "keys/node/node.pem", "witness/witness.pem"}

    # 2. all services, each healthy by its own health check
    for name in ("signer", "witness", "web", "beat", "worker"):
        topology.start(name)
    assert topology.ready().status_code == 200, topology.ready().text
    assert httpx.get(f"{topology.address}/live", headers={"Host": HOST}).status_code == 200

    # 3. one submission, its receipt, and in it the witness's cosignature
    works = Works(topology.folder, lambda *command: topology.run("setup", *MANAGE, *command), topology.speak)
    policy = Policy.parse(json.loads(topology.run("web", "python", "manage.py", "policy"))["tlog"])
    first = works.commissions("TOPOLOGY-1")
    wait_for("the receipt", lambda: works.receipt(first))
    demand_witnessed(works.receipt(first), first, policy)
    assert topology.ready().status_code == 200, topology.ready().text
    measures = topology.measures()
    assert measures["unitproof_log_published_entries"] == 4  # party, key, prefix, submission
    assert measures['unitproof_witness_lag_entries{witness="witness.local/w1"}'] == 0
    assert measures["unitproof_log_witnessed"] == 0  # by the operator's own witness nobody else is convinced

    # 4. the witness is away: captures are answered, receipts wait, and /ready says why
    topology.kill("witness")
    second = works.commissions("TOPOLOGY-2")
    wait_for("/ready to notice", lambda: "witnesses" in topology.not_ready())
    assert topology.ready().status_code == 503
    assert topology.not_ready()["witnesses"].startswith("no quorum: w1 failed")
    third = works.commissions("TOPOLOGY-3")
    assert (works.receipt(second), works.receipt(third)) == ("", "")

    # 5. it is back
    topology.start("witness")
    wait_for("the receipts", lambda: works.receipt(second) and works.receipt(third), RESTING)
    for each in (second, third):
        demand_witnessed(works.receipt(each), each, policy)
    wait_for("/ready", lambda: topology.ready().status_code == 200)

    # 6. the worker is killed, and every doorbell is lost: the clock alone finds the work
    topology.kill("worker")
    fourth = works.commissions("TOPOLOGY-4")
    topology.redis.empty()
    assert works.receipt(fourth) == ""
    topology.start("worker")
    wait_for("the receipt", lambda: works.receipt(fourth))
    demand_witnessed(works.receipt(fourth), fourth, policy)

    # 7. the signer is away: as with the witness
    topology.kill("signer")
    fifth = works.commissions("TOPOLOGY-5")
    assert topology.not_ready()["signer"] == "signer_away: the signer does not answer"
    topology.start("signer")
    wait_for("the receipt", lambda: works.receipt(fifth))

    # 8. nothing was lost, nothing is twice; requests were counted by every process of gunicorn
    for each in (first, second, third, fourth, fifth):
        demand_witnessed(works.receipt(each), each, policy)
    measures = topology.measures()
    assert measures["unitproof_log_published_entries"] == 8
    accepted = 'unitproof_http_requests_total{method="POST",status="201",view="api/v1/submissions/'
    assert measures[f'{accepted}<uuid:submission>/statement"}}'] == 5
    demand_lines_without_secrets(topology, works)


def demand_lines_without_secrets(topology: Topology, works: Works) -> None:
    """What services log is JSON, a line each, without secrets, serial numbers or parties."""
    written = topology.written()
    secrets = {path.name: path.read_text().strip() for path in topology.secrets.iterdir()}
    pems = [path.read_text().splitlines()[1] for path in topology.home.rglob("*.pem")]
    for name, text in written.items():
        for secret in (*secrets.values(), *pems, works.token, "TOPOLOGY-", WORKS):
            assert secret not in text, (name, secret)
    for name in ("web", "worker", "beat"):
        lines = [json.loads(line) for line in written[name].splitlines()]
        assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in lines), name
    requests = [line for line in map(json.loads, written["web"].splitlines()) if line["event"] == "request"]
    assert len({line["request_id"] for line in requests}) == len(requests)
    waits = [line for line in map(json.loads, written["worker"].splitlines()) if "cosignatures" in line["event"]]
    assert {line["task"] for line in waits} == {"ledger.tasks.sweep"}


def test_what_a_node_does_not_get_stops_its_start(topology: Topology) -> None:
    """As `compose` would start it, but for one value: gunicorn ends at once, and forks nothing."""
    web = topology.services["web"]
    for missing in ("SECRET_KEY_FILE", "LOG_ORIGIN", "OPERATOR_GLN", "ALLOWED_HOSTS"):
        kept = web.environment.pop(missing)
        with pytest.raises(AssertionError, match=missing.removesuffix("_FILE")):
            topology.run("web", *web.command)
        web.environment[missing] = kept
