"""The ledger explorer: what anybody sees of the log, and an entry's proof, to whom it concerns."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ledger import cosigning, keys, log, models, published, tasks
from ledger.tlog import merkle
from ledger.tlog.checkpoint import Checkpoint, Cosigner
from ledger.tlog.cose import PrivateKey
from ledger.tlog.note import Signer
from ledger.tlog.policy import Policy
from ledger.tlog.proof import Proof
from partners.models import AccessRecord
from tests.ledger.witnesses import Running, make, serving
from tests.traceability.web.shelf import printed
from tests.world import Party, World
from traceability.cli import main
from traceability.models import Submission
from traceability.web import explorer
from traceability.web.drawing import path_of
from traceability.web.quorum import Member, drawn

NOW = datetime(2026, 1, 6, 12, tzinfo=UTC)


def looks(client: Client, party: Party) -> None:
    """With other eyes from here on."""
    client.post("/demo/look-as", {"party": party.gln})


def queries(ask: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        ask()
    return len(captured)


def grows(world: World, times: int, name: str) -> None:
    for n in range(times):
        world.maker.commissions(serial=f"{name}{n}")
        tasks.sweep()


# ---- overview -------------------------------------------------------------------------------------------------------


def test_growth_is_drawn_from_what_was_published_and_told_in_numbers(client: Client, world: World) -> None:
    grows(world, 3, "A")
    page = client.get("/log/").text
    sizes = list(models.Checkpoint.objects.order_by("size").values_list("size", flat=True))
    drawing = re.search(r'aria-label="The size of the log over time: (\d+) entr\w+ on [^,]+, (\d+) on', page)
    assert drawing
    assert list(map(int, drawing.groups())) == [sizes[0], sizes[-1]]
    assert [int(size) for size in re.findall(r"</td><td>(\d+)</td>", page)] == sizes


def test_samples_are_never_further_off_than_their_part_of_the_log(ledger_of: Callable[[int], None]) -> None:
    ledger_of(5000)
    drawn_sizes = [size for size, _ in published.growth(20)]
    assert (drawn_sizes[0], drawn_sizes[-1]) == (7, 4998)
    assert len(drawn_sizes) == 21
    assert all(later - earlier <= 250 + 14 for earlier, later in pairwise(drawn_sizes))


@pytest.fixture
def ledger_of(db: None) -> Callable[[int], None]:
    """Checkpoints as if there had been so many entries, one for every 7; every fifth was never published."""

    def fill(size: int) -> None:
        rows = [
            models.Checkpoint(
                size=n,
                previous=n - 7,
                root=n.to_bytes(32, "big"),
                note=f"localhost/log\n{n}\n",
                created_at=NOW + timedelta(seconds=n),
                published_at=NOW + timedelta(seconds=n) if n % 35 else None,
            )
            for n in range(7, size + 1, 7)
        ]
        models.Checkpoint.objects.bulk_create(rows, batch_size=2000)
        last = max(row.size for row in rows if row.published_at)
        models.Log.objects.create(origin="localhost/log", size=size, signed=last, published=last)

    return fill


def test_the_public_pages_ask_as_little_of_a_long_log_as_of_a_short_one(
    client: Client, ledger_of: Callable[[int], None]
) -> None:
    pages = ("/log/checkpoints", "/log/checkpoints?before=99", "/log/checkpoints?after=9")
    paths = ("/log/", "/log/witnesses", *pages)
    ledger_of(100)
    few = [queries(lambda path=path: client.get(path)) for path in paths]  # type: ignore[misc]
    models.Log.objects.all().delete()
    models.Checkpoint.objects.all().delete()
    ledger_of(20_000)
    assert [queries(lambda path=path: client.get(path)) for path in paths] == few  # type: ignore[misc]
    assert max(few) <= 5


def test_samples_are_looked_up_in_the_index_one_by_one(ledger_of: Callable[[int], None]) -> None:
    ledger_of(20_000)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE ledger_checkpoint")
        explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{explain} {published._GROWTH}", [60, 60])
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert not re.search(r"Seq Scan on ledger_checkpoint|SCAN c\b", plan), plan
    assert "checkpoint_published" in plan or "SEARCH c" in plan, plan


def test_a_frozen_log_says_so_in_plain_words(client: Client, world: World) -> None:
    tasks.sweep()
    assert "This log is frozen" not in client.get("/log/").text
    log.freeze(f"{cosigning.BEHIND}: it has 3 entries, w1 has seen 5")
    page = unescape(client.get("/log/").text)
    assert "This log is frozen" in page
    assert "an old backup was restored" in page
    log.freeze(f"{cosigning.OTHER}: it has 3 entries, w1 has cosigned another tree")
    assert "was rewritten by somebody who had its key" in client.get("/log/").text
    log.freeze(f"{log.SIGNER_REFUSES}: log_rolled_back")
    assert "something in it was changed or lost" in client.get("/log/").text
    log.freeze("whatever else")
    assert "Its operator has stopped it." in client.get("/log/").text


# ---- witnesses ------------------------------------------------------------------------------------------------------


@pytest.fixture
def witnesses(world: World, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Running]]:
    """Two who answer, one who is away, and the operator's own; two of the others and the own one are to agree."""
    monkeypatch.setattr(cosigning, "_carrier", cosigning.Carrier())
    verifier = keys.log_signer().verifier
    running = [make(tmp_path, f"witness.example/w{n}", verifier) for n in (1, 2)]
    own = make(tmp_path, "own.example/witness", verifier)
    (settings.KEYS_DIR / "witness.pem").write_bytes(own.witness.cosigner.key.to_pem())
    settings.WITNESS_NAME = "own.example/witness"
    away = Cosigner("away.example", PrivateKey.generate()).verifier
    with serving(*running, own):
        lines = [each.line.replace("witness.example-", "") for each in running]
        lines += [f"witness away {away} http://127.0.0.1:9\n", own.line.replace("own.example-witness", "own")]
        quorum = "group others 2 w1 w2 away\ngroup both all others own\nquorum both\n"
        settings.WITNESSES.write_text("".join(lines) + quorum)
        yield running
        cosigning._carrier.close()


def rows(page: str) -> dict[str, str]:
    """What is said of each witness, by name."""
    found = re.findall(r"<li>\s*<h3>([^<]*)</h3>(.*?)</dl>", page, re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]+>", " ", text).split()) for name, text in found}


def members(page: str) -> dict[str, bool]:
    """The quorum as drawn: by name, whether it is met."""
    found = re.findall(r'<li class="(met|unmet)">.*?<strong>([^<]*)</strong>', page, re.DOTALL)
    return {name: state == "met" for state, name in found}


def test_each_witness_is_shown_with_its_lag_and_whose_it_is(
    client: Client, world: World, witnesses: list[Running]
) -> None:
    grows(world, 1, "A")
    size = models.Log.objects.get().published
    page = client.get("/log/witnesses").text
    said = rows(page)
    assert list(said) == ["witness.example/w1", "witness.example/w2", "away.example", "own.example/witness"]
    assert f"Independent of the operator. Cosigned up to {size} entries Behind not at all" in said["witness.example/w1"]
    assert re.search(r"Answers in \d+ ms", said["witness.example/w1"])
    assert "The operator’s own: never counts as independent." in said["own.example/witness"]
    assert f"Cosigned up to nothing yet Behind {size} entries" in said["away.example"]
    assert "gave no cosignature" in said["away.example"]
    assert "Connection refused" not in page  # where else a node is, and what it found there, is nobody's business
    assert members(page) == dict.fromkeys(["both", "others", "w1", "w2", "own"], True) | {"away": False}
    assert "Independently witnessed." in page


def test_what_waits_for_cosignatures_is_shown_with_who_has_given_theirs(
    client: Client, world: World, witnesses: list[Running]
) -> None:
    grows(world, 1, "A")
    witnesses[1].says = b"no\n"
    grows(world, 1, "B")
    head = models.Log.objects.get()
    assert head.signed > head.published
    overview, page = client.get("/log/").text, client.get("/log/witnesses").text
    assert f"A checkpoint of {head.signed} entries waits for cosignatures" in overview
    root = bytes(models.Checkpoint.objects.get(size=head.signed).root).hex()
    assert root not in overview + page + client.get("/log/checkpoints").text  # it is not handed out
    assert members(page) == {"both": False, "others": False, "w1": True, "w2": False, "away": False, "own": True}


def test_a_signer_that_is_away_keeps_nobody_from_looking(
    client: Client, world: World, witnesses: list[Running], settings: Any, tmp_path: Path
) -> None:
    grows(world, 1, "A")
    settings.SIGNER_SOCKET = str(tmp_path / "nobody.there")
    for path in ("/log/", "/log/witnesses", "/log/checkpoints"):
        assert client.get(path).status_code == 200


def test_a_log_without_witnesses_says_so(client: Client, world: World) -> None:
    tasks.sweep()
    assert "This log has no witnesses." in client.get("/log/witnesses").text


@pytest.mark.parametrize(
    ("agreeing", "met"),
    [(set(), False), ({"w1"}, False), ({"w1", "w2"}, True), ({"w3"}, False), ({"w1", "w3"}, False)],
)
def test_what_is_drawn_as_met_is_what_the_policy_takes_for_a_quorum(agreeing: set[str], met: bool) -> None:
    keys_ = [Cosigner(f"w{n}", PrivateKey.generate()).verifier for n in (1, 2, 3)]
    lines = "".join(f"witness w{n} {key}\n" for n, key in enumerate(keys_, 1))
    policy = Policy.parse(f"{lines}group two all w1 w2\ngroup any any two\nquorum any\n")
    quorum = drawn(policy, agreeing)
    assert isinstance(quorum, Member)
    assert quorum.met is met
    assert [member.name for member in quorum.members] == ["two"]
    assert drawn(Policy.parse(f"{lines}quorum none\n"), agreeing) is None


# ---- checkpoints ----------------------------------------------------------------------------------------------------


def test_every_published_checkpoint_is_there_as_signed_newest_first(
    client: Client, world: World, witnesses: list[Running]
) -> None:
    grows(world, 3, "A")
    page = unescape(client.get("/log/checkpoints").text)
    heads = list(models.Checkpoint.objects.order_by("-size"))
    assert [int(size) for size in re.findall(r'<li id="c(\d+)">', page)] == [head.size for head in heads]
    assert all(head.note in page for head in heads)
    assert page.count("own.example/witness</strong>") == len(heads)
    assert page.count("the operator’s own") == len(heads)


def test_pages_of_checkpoints_leave_out_none_and_repeat_none(client: Client, ledger_of: Callable[[int], None]) -> None:
    ledger_of(1000)
    older = turns(client, "/log/checkpoints", "next")
    seen = [size for page in older for size in page]
    expected = models.Checkpoint.objects.filter(published_at__isnull=False).order_by("-size")
    assert seen == list(expected.values_list("size", flat=True))


def turns(client: Client, path: str | None, rel: str) -> list[list[int]]:
    """What each page shows, from one to where there is none in this direction."""
    pages = list[list[int]]()
    while path:
        page = client.get(path).text
        pages.append([int(size) for size in re.findall(r'<li id="c(\d+)">', page)])
        found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
        path = found and found[1]
    return pages


def test_pages_of_checkpoints_are_the_same_both_ways(client: Client, ledger_of: Callable[[int], None]) -> None:
    ledger_of(1000)
    older = turns(client, "/log/checkpoints", "next")
    assert all(len(page) == explorer.A_PAGE for page in older[:-1])
    newer = turns(client, f"/log/checkpoints?after={older[-1][-1] - 1}", "prev")
    assert [size for page in reversed(newer) for size in page] == [size for page in older for size in page]
    assert 'rel="prev"' not in client.get("/log/checkpoints").text


@pytest.mark.django_db
def test_a_page_goes_one_way(client: Client) -> None:
    assert client.get("/log/checkpoints?before=9&after=3").status_code == 404
    assert client.get("/log/checkpoints?after=x").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("before", ["", "x", "-1", "1.5", "٣", "9" * 19, "1" * 40, "%00"])
def test_the_address_of_no_page_is_none(client: Client, before: str) -> None:
    assert client.get(f"/log/checkpoints?before={before}").status_code == 404


def test_witnesses_that_are_asked_again_every_minute_fill_no_pages(world: World, witnesses: list[Running]) -> None:
    grows(world, 1, "A")
    before = models.Cosignature.objects.count()
    for _ in range(2):
        time.sleep(1.05)  # a witness signs with the time, in whole seconds: another signature each time
        cosigning.compare(now=NOW)
    assert models.Cosignature.objects.count() == before == 3


# ---- one entry ------------------------------------------------------------------------------------------------------


@pytest.fixture
def entered(told: World, demo: None) -> Submission:
    """The distributor's shipment, in the log."""
    return Submission.objects.filter(submitter=told.distributor.gln).order_by("-entry_id")[0]


def address(row: Submission, more: str = "") -> str:
    return f"/log/entry/{row.submission}{more}"


def test_who_submitted_it_sees_the_proof_drawn_and_in_words(client: Client, told: World, entered: Submission) -> None:
    looks(client, told.distributor)
    page = client.get(address(entered)).text
    proof = Proof.parse(log.receipt(bytes(entered.entry.entry)))
    assert f"<h1>Entry {proof.index}</h1>" in page
    steps = re.findall(r"<td>(left|right)</td><td>(entr[^<]+)</td><td><code>(\w+)</code>", page)
    assert [hash_ for *_, hash_ in steps] == [sibling.hex() for sibling in proof.hashes]
    (svg,) = re.findall(r'<svg class="path".*?</svg>', page, re.DOTALL)
    boxes = ElementTree.fromstring(svg).findall(".//rect")
    assert len(boxes) == 2 * len(proof.hashes) + 1
    assert not AccessRecord.objects.filter(what="entry").exists()  # one's own


def test_the_proof_is_a_file_that_the_command_on_the_page_checks(
    client: Client, told: World, entered: Submission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    looks(client, told.distributor)
    page = client.get(address(entered)).text
    (command,) = re.findall(r"<code>unitproof (receipt [^<]+)</code>", page)
    link = re.search(r'<a class="button" href="(/log/entry/[^"]+)"', page)
    assert link
    fetched = client.get(unescape(link[1]))
    monkeypatch.chdir(tmp_path)
    name = fetched.headers["Content-Disposition"].split('"')[1]
    Path(name).write_text(fetched.text)
    (tmp_path / "policy.json").write_text(client.get("/demo/policy.json").text)
    assert main(command.split()) == 0
    assert "in localhost/log" in capsys.readouterr().out
    wrong = command.replace(bytes(entered.entry.entry).hex(), "00" * 32)
    assert main(wrong.split()) == 1
    assert "wrong_root" in capsys.readouterr().out


def test_a_regulators_reading_is_recorded(client: Client, told: World, entered: Submission) -> None:
    looks(client, told.regulator)
    assert client.get(address(entered)).status_code == 404
    told.opens_case()
    for path in (address(entered), address(entered, "/proof"), address(entered, f"?by={entered.submitter}")):
        assert client.get(path).status_code == 200
    read = AccessRecord.objects.filter(what="entry").values_list("reader", "subject", "purpose")
    assert list(read) == [(told.regulator.gln, f"urn:uuid:{entered.submission}", "case 24-117")] * 3


def test_what_cannot_be_recorded_is_not_shown(
    client: Client, told: World, entered: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks(client, told.regulator)
    told.opens_case()
    monkeypatch.setattr("partners.access._RECORD", "INSERT INTO nowhere VALUES (%s, %s, %s, %s, %s) RETURNING 1")
    client.raise_request_exception = False
    assert client.get(address(entered)).status_code == 500


def test_for_everybody_else_it_is_not_there(client: Client, told: World, entered: Submission) -> None:
    nothing = "/log/entry/00000000-0000-4000-8000-000000000000"
    for party in (None, told.pharmacy, told.maker, told.stranger):  # the pharmacy has received what it is about
        if party:
            looks(client, party)
        answers = [
            client.get(address(entered)),
            client.get(address(entered, f"?by={entered.submitter}")),
            client.get(nothing),
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({re.sub(r'value="[^"]+"', "", answer.text) for answer in answers}) == 1
        assert client.get(address(entered, "/proof")).status_code == 404
    assert not AccessRecord.objects.filter(what="entry").exists()


@pytest.mark.parametrize("by", ["x", "%00", "1" * 14, "1" * 12])
def test_by_whom_is_a_gln_or_nobody(client: Client, told: World, entered: Submission, by: str) -> None:
    looks(client, told.regulator)
    assert client.get(address(entered, f"?by={by}")).status_code == 404


def test_an_id_that_two_have_drawn_shows_each_its_own(client: Client, told: World, entered: Submission) -> None:
    theirs = Submission.objects.filter(submitter=told.maker.gln).order_by("entry_id")[0]
    Submission.objects.filter(pk=theirs.pk).update(submission=entered.submission)
    shown = {}
    for party in (told.distributor, told.maker):
        looks(client, party)
        shown[party.gln] = re.findall(
            r"<dt>Entry</dt><dd><code class=\"hash\">(\w+)", client.get(address(entered)).text
        )
    assert shown == {
        entered.submitter: [bytes(entered.entry.entry).hex()],
        theirs.submitter: [bytes(theirs.entry.entry).hex()],
    }
    looks(client, told.regulator)
    told.opens_case()
    for row in (entered, theirs):
        assert bytes(row.entry.entry).hex() in client.get(address(entered, f"?by={row.submitter}")).text


def test_one_that_waits_says_so(client: Client, told: World, demo: None) -> None:
    told.maker.commissions(serial="LATE")
    row = Submission.objects.order_by("-entry_id")[0]
    looks(client, told.maker)
    assert "not yet under a published checkpoint" in client.get(address(row)).text
    assert client.get(address(row, "/proof")).status_code == 404


def test_damaged_tiles_are_not_drawn_as_a_proof_that_holds(client: Client, told: World, entered: Submission) -> None:
    tile = models.Tile.objects.get(level=0, index=0)
    models.Tile.objects.filter(level=0, index=0).update(hashes=bytes(len(tile.hashes)))
    looks(client, told.distributor)
    assert "do not lead to the root" in client.get(address(entered)).text


def test_an_entry_takes_as_many_queries_in_a_long_log_as_in_a_short_one(
    client: Client, told: World, entered: Submission
) -> None:
    looks(client, told.distributor)
    few = queries(lambda: client.get(address(entered)))
    grows(told, 5, "MORE")
    last = Submission.objects.filter(submitter=told.distributor.gln).order_by("entry_id")[0]
    assert queries(lambda: client.get(address(last))) == few <= 12


def test_a_hop_leads_to_its_entry_where_the_reader_may_open_it(client: Client, told: World, demo: None) -> None:
    def links(party: Party) -> set[str]:
        looks(client, party)
        page = client.post("/", {"scan": printed("GOOD7K")}).text
        found = set(re.findall(r'href="(/log/entry/[^"]+)"', page))
        assert all(client.get(link).status_code == 200 for link in found)
        return {link.partition("?by=")[2] for link in found}

    assert links(told.pharmacy) == {told.pharmacy.gln}
    assert links(told.regulator) == set()
    told.opens_case()
    assert links(told.regulator) == {told.maker.gln, told.distributor.gln, told.pharmacy.gln}
    assert links(told.stranger) == set()


# ---- drawing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 21, 100])
def test_what_is_drawn_is_the_tree(size: int) -> None:
    entries = [bytes([n]) * 32 for n in range(size)]
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    note = Checkpoint("example/log", size, merkle.root_of(leaves)).sign(Signer("example/log", PrivateKey.generate()))
    for index in range(size):
        path = path_of(entries[index], Proof(index, tuple(merkle.inclusion_proof(leaves, index)), note), size)
        assert path.root.value == merkle.root_of(leaves)
        for node in path.nodes:
            assert node.value == merkle.root_of(leaves[node.start : node.end])
            assert 0 <= node.x <= 360 - 164
        for step in path.steps:
            assert {step.given.start, step.known.start} == {step.gives.start, max(step.given.start, step.known.start)}
            assert (step.side == "left") is (step.given.start < step.known.start)
            assert step.gives.y < step.given.y == step.known.y
