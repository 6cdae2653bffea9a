"""The `unitproof` command: keys, statements and proofs, on the side of whoever signs or checks. Pure: no Django.

keygen ─> enrol ─> prefix       who speaks, who may issue what
delegate, licence; revoke       who may act for whom, and trade when; and no longer
recall ─> recalls               what is called back; where it is, and who has answered
hold ─> release; grant, case    what stays where it is; who else may read
investigate                     suspect product, to its end
pool ─> serials ─> report       numbers for packs; which of them a line has printed
jobs                            what takes a node longer than a second
commission, pack, ship, ...     what happened, by scans
submit, or sign; collect        what happened, in EPCIS; that it is in the log
proof ─> verify, show, receipt  what can be checked without anyone's word
products, places                what goods and sites are; `cli_master.py`
labels                          what stands on packs and pallets; needs no node
watch, notices                  what a node has under one's name; what it tells one
trace                           where goods have been: asked, answered, checked
accuse ─> convict               who signed what nobody honest signs
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from ledger.tlog.cose import Algorithm, PrivateKey, PublicKey
from ledger.tlog.errors import BadProof, BadSignature, LogError, PolicyNotMet
from partners.gs1.application_identifiers import check
from partners.gs1.element_string import parse_scan
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import canonical

from . import (
    cli_anchors,
    cli_exceptions,
    cli_investigate,
    cli_jobs,
    cli_moves,
    cli_notices,
    cli_readers,
    cli_recalls,
    cli_returns,
    cli_traces,
    cli_transactions,
    receipts,
    reporting,
    statements,
)
from . import convict as evidence
from .archive import examine_archive, is_archive
from .bundle.anchored import is_anchored
from .bundle.check import examine
from .bundle.reading import is_reading
from .bundle.recalled import is_recalled
from .bundle.report import Step
from .bundle.trace import is_trace
from .bundle.value import Bundle, MalformedBundle
from .epcis.documents import kind_of
from .epcis.errors import DocumentError
from .errors import NodeError
from .labels.stock import FORM as SIZES
from .labels.stock import NAMED as STOCKS
from .moving import MOVES
from .policy import Policy
from .rules import named, without_log_lines
from .statements import KeyAlgorithm, StatementError, b64
from .submission import Draft, Opening

if TYPE_CHECKING:
    from .client import Node, Submitted
    from .watching import Finding, Watcher

ALGORITHMS = {"ed25519": Algorithm.ED25519, "p-256": Algorithm.ESP256}
NAMES = {Algorithm.ED25519: KeyAlgorithm.ED25519, Algorithm.ESP256: KeyAlgorithm.ESP256}


# ---- keys and rights ------------------------------------------------------------------------------------------------


def keygen(args: argparse.Namespace) -> None:
    """Make a signing key. Keep the file secret: whoever has it signs as you."""
    key = PrivateKey.generate(ALGORITHMS[args.alg])
    descriptor = os.open(args.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.to_pem())
    print(f"kid    {b64(key.public.kid)}\npublic {b64(key.public.raw)}")


def enrol(args: argparse.Namespace) -> None:
    """Register a key for a party: vouched for by an authority, or by an earlier key of the party."""
    public = args.new_public or _key(args.new_key).public
    with _node(args) as node:
        said = statements.Key(
            about=args.about or args.gln,
            kid=public.kid,
            alg=NAMES[public.alg],
            public=public.raw,
            **node.said_by(args.gln),
        )
        _register(node, said, args)


def prefix(args: argparse.Namespace) -> None:
    """Let a party issue GTINs, or all GTINs of a company prefix; said by an authority."""
    with _node(args) as node:
        said = statements.Prefix(about=args.about, gtins=tuple(sorted(args.gtin)), **node.said_by(args.gln))
        _register(node, said, args)


def delegate(args: argparse.Namespace) -> None:
    """Let another party take some business steps for one, as its agent; said by the party itself, or an authority."""
    with _node(args) as node:
        said = statements.Delegation(
            about=args.about or args.gln,
            to=args.to,
            steps=tuple(sorted(set(args.step), key=statements.name_order)),
            **node.said_by(args.gln),
        )
        _register(node, said, args)


def revoke(args: argparse.Namespace) -> None:
    """Take back a key, or a right that stands in an entry of the log: by whoever gave it, or an authority."""
    about = args.about or args.gln
    with _node(args) as node:
        begun = node.said_by(args.gln)
        if args.entry and args.compromised:
            raise StatementError("a right is not stolen, a key is", where="--compromised", expected="with --kid")
        if args.entry:
            said: statements.Registration = statements.Revocation(about=about, entry=args.entry, **begun)
        else:
            said = statements.KeyRevocation(about=about, kid=args.kid, compromised=args.compromised, **begun)
        _register(node, said, args)


def licence(args: argparse.Namespace) -> None:
    """Let a party trade in some states, from one day to another; said by an authority."""
    with _node(args) as node:
        said = statements.Licence(
            about=args.about,
            licence=args.licence,
            role=args.role,
            states=tuple(sorted(args.state)),
            valid_from=args.valid_from,
            valid_to=args.valid_to,
            **node.said_by(args.gln),
        )
        _register(node, said, args)


def hold(args: argparse.Namespace) -> None:
    """Keep a pack, a container or a product where it is: not packed, shipped or dispensed until it is released."""
    with _node(args) as node:
        said = statements.Hold(
            about=args.about or args.gln,
            hold=args.kind,
            reason=args.reason,
            epc=args.epc and _canonical(args.epc),
            gtin=args.gtin,
            lot=args.lot,
            first=args.first,
            last=args.last,
            **node.said_by(args.gln),
        )
        _register(node, said, args)


def release(args: argparse.Namespace) -> None:
    """Let go of what a hold keeps back: by whoever set it, or an authority."""
    about = args.about or args.gln
    with _node(args) as node:
        said = statements.Release(about=about, entry=args.entry, reason=args.reason, **node.said_by(args.gln))
        _register(node, said, args)


def grant(args: argparse.Namespace) -> None:
    """Let another party read what one may read: all, or of some products; `revoke` ends it."""
    with _node(args) as node:
        said = statements.Grant(
            about=args.about or args.gln,
            to=args.to,
            gtins=tuple(sorted(set(args.gtin))) or None,
            valid_to=args.valid_to,
            **node.said_by(args.gln),
        )
        _register(node, said, args)


def case(args: argparse.Namespace) -> None:
    """Open, as a regulator, a case: within it one may read whole histories, on record; `revoke` closes it."""
    with _node(args) as node:
        said = statements.Case(
            about=args.gln,
            case=args.number,
            gtin=args.gtin,
            lot=args.lot,
            serials=tuple(sorted(set(args.serial), key=statements.name_order)) or None,
            reason=args.reason,
            valid_to=args.valid_to,
            **node.said_by(args.gln),
        )
        _register(node, said, args)


def anchor(args: argparse.Namespace) -> None:
    """Anchor the hash of any data, with a pointer to it: `anchored` fetches the proof, and `verify` compares."""
    with _node(args) as node:
        _register(node, cli_anchors.statement(args, node.said_by(args.gln)), args)


def anchored(args: argparse.Namespace) -> None:
    """Fetch the proof of data that was anchored."""
    cli_anchors.fetch(args, _node)


def recall(args: argparse.Namespace) -> None:
    """Call goods back; answer a recall that one was told of; close one's own. `recalls` shows how it stands."""
    cli_recalls.say(args, _node, lambda node, said: _registered(node, said, args))


def recalls(args: argparse.Namespace) -> None:
    """The recalls that concern you; of one, where its units are and who has answered, and its report as a file."""
    cli_recalls.look(args, _node)


def _canonical(text: str) -> str:
    """The one form of whatever names an item: a scan, a Digital Link, a URN."""
    return canonical(_epc(text))


# ---- rules ----------------------------------------------------------------------------------------------------------


def propose(args: argparse.Namespace) -> None:
    """Propose, as a governor, new rules or who takes part. Others approve the entry that this prints."""
    with _node(args) as node:
        begun = node.said_by(args.gln)
        if args.what == "admit":
            said: statements.Registration = statements.Partner(
                about=args.about, name=args.name, role=args.role, **begun
            )
        elif args.what == "exit":
            said = statements.PartnerExit(about=args.about, **begun)
        else:
            said = _new_rules(args, begun)
        _register(node, said, args)


def _new_rules(args: argparse.Namespace, begun: dict[str, Any]) -> statements.Policy:
    """From a policy file: its witnesses, authorities and governors, as they are to be."""
    with _reading(args.policy) as data:
        policy = Policy.parse(_text(data))
    if policy.governance is None:
        raise StatementError("says nothing of who governs", where=str(args.policy), expected="governance")
    return statements.Policy(
        about=args.gln,
        version=args.version,
        activation=args.activation,
        tlog=without_log_lines(policy.text),
        authorities=tuple(sorted(named(policy.authorities))),
        governors=tuple(sorted(named(policy.governance.keys))),
        quorum=policy.governance.quorum,
        **begun,
    )


def approve(args: argparse.Namespace) -> None:
    """Agree, as a governor, to what stands in an entry of the log."""
    with _node(args) as node:
        _register(node, statements.Approval(about=args.gln, entry=args.entry, **node.said_by(args.gln)), args)


def waiver(args: argparse.Namespace) -> None:
    """Say that a rule does not hold, for a party or for products: by an authority; of its products, by who issues them;
    of its drop shipments, by whoever sells so."""
    with _node(args) as node:
        said = statements.Waiver(
            about=args.about or args.gln,
            waiver=statements.WaiverKind(args.waiver),
            rules=tuple(sorted({statements.WaivedRule(each) for each in args.rule})),
            gtins=tuple(sorted(set(args.gtin))) or None,
            basis=args.basis,
            document=sha256(args.document.read_bytes()).digest(),
            valid_from=args.valid_from,
            valid_to=args.valid_to,
            **node.said_by(args.gln),
        )
        _register(node, said, args)


def _register(node: "Node", said: statements.Statement, args: argparse.Namespace) -> None:
    print(f"registered as entry {_registered(node, said, args)}")


def _registered(node: "Node", said: statements.Statement, args: argparse.Namespace) -> str:
    """The entry of a statement, once it is handed in."""
    done = node.register(said, _key(args.key), args.keep)
    for each in done.warnings:
        print(reporting.plain(f"warning {each}"), file=sys.stderr)
    return done.entry


def readers(args: argparse.Namespace) -> None:
    """Who has looked at an item of yours, and why; and the proof that a reading was recorded."""
    if (args.epc is None) == (args.proof is None) or (args.proof is None) != (args.out is None):
        detail, expected = "one or the other", "an item; or --proof NUMBER and --out FILE"
        raise StatementError(detail, code="conflicting_parameters", where="readers", expected=expected)
    cli_readers.show(args, _node, _epc)


def notices(args: argparse.Namespace) -> None:
    """What you were told, in order, on from a position: alarms, recalls, and clocks that run out."""
    cli_notices.show(args, _node)


def check_returns(args: argparse.Namespace) -> int:
    return cli_returns.check(args, _node)


# ---- serial numbers -------------------------------------------------------------------------------------------------

FORMS_OF_NUMBERS = {".csv": "text/csv", ".json": "application/json", ".xml": "application/xml"}


def pool(args: argparse.Namespace) -> None:
    """Have serial numbers of a product drawn by the node: a pool of them, or the one that is open."""
    drawn = {"characters": args.characters} if args.characters else {"character_set": args.set}
    with _node(args) as node:
        found = node.open_pool(gtin=args.gtin, length=args.length, enforced=args.enforced, **drawn)
    told = ", enforced" if found.get("enforced") else ""
    print(reporting.plain(f"pool {found.get('pool')}: {found.get('left')} numbers left{told}"))


def serials(args: argparse.Namespace) -> None:
    """Get serial numbers from a pool, up to a million, and write them to a new file."""
    request = args.request or str(uuid4())
    with _new(args.out) as file, _node(args) as node:
        try:
            block = node.allocate(args.pool, request, args.count, args.expires)
            file.write(node.numbers(block, FORMS_OF_NUMBERS.get(args.out.suffix.lower(), "text/csv")))
        except NodeError as error:
            if 400 <= getattr(error, "status", 0) < 500:  # asking again does not help
                raise
            again = f"the same with --request {request}: no number is given out twice for it"
            raise NodeError(f"{error}\n  to ask again: {again}") from error
    print(reporting.plain(f"{block.get('count')} numbers in {args.out}; block {block.get('block')}"))


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """A file that was not there, and that only its owner reads; none, if it cannot be written to the end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


def report(args: argparse.Namespace) -> int:
    """Check what a line has printed. Exit status 1 if a line is wrong; else a document to `submit` is written."""
    from .client import told_of

    with _reading(args.file) as data, _node(args) as node:
        judged = node.check_report(data, _kind_of_report(data))
    for each in told_of(judged, "wrong"):
        print(reporting.plain(f"line {each.get('line')}: {each.get('code')} at {each.get('where')}: {_said(each)}"))
    if judged.get("document") is None:
        print(reporting.plain(f"{len(told_of(judged, 'wrong'))} of {judged.get('lines')} lines are wrong"))
        return 1
    args.out.write_text(json.dumps(judged["document"]))
    print(reporting.plain(f"{judged.get('lines')} lines are right: `unitproof submit {args.out}` says so for good"))
    return 0


def _said(wrong: dict[str, Any]) -> str:
    more = [f"{name} {wrong[name]}" for name in ("expected", "found") if wrong.get(name)]
    return "; ".join([str(wrong.get("detail")), *more])


def _kind_of_report(data: bytes) -> str:
    """By its first character, as of a document; what is neither JSON nor XML is CSV."""
    try:
        return kind_of(data)
    except DocumentError:
        return "text/csv"


# ---- documents ------------------------------------------------------------------------------------------------------


def sign(args: argparse.Namespace) -> None:
    """Recompute a draft from its document, and sign it if every root comes out the same."""
    from .client import signed

    draft = Draft.parse(args.draft.read_bytes())
    args.out.write_bytes(signed(args.document.read_bytes(), draft, _key(args.key)))
    print(reporting.plain(f"signed {' '.join(draft.payload.meaning)} as {draft.payload.submitter}"))


def submit(args: argparse.Namespace) -> None:
    """Draw a draft, check it, sign it, hand it in."""
    received, key = args.document.read_bytes(), _key(args.key)
    with _node(args) as node:
        if args.offline:
            _accepted(node, node.submit_offline(received, key, args.offline, args.keep), args)
        else:
            _accepted(node, node.submit(received, key, args.keep), args)


def move(args: argparse.Namespace) -> None:
    """Have a move drafted, and sign it as `submit` does; its document is made here."""
    key = _key(args.key)
    with _node(args) as node:
        received = cli_moves.document(args.word, args, node)
        _accepted(node, node.submit(received, key, args.keep), args)


def _accepted(node: "Node", done: "Submitted", args: argparse.Namespace) -> None:
    """Say what came of it, and keep what is to be kept."""
    for kind, told in (("warning", done.warnings), ("exception", done.exceptions)):
        for each in told:
            print(reporting.plain(f"{kind} {each}"), file=sys.stderr)
    promise = statements.open_promise(done.promise).payload
    print(f"accepted {done.id}; in the log by {promise.integrate_by:%H:%M:%S} UTC")
    for each in (*done.of_others, *filter(None, [done.resent])):
        print(each)
    if args.keep:
        done.keep(args.keep / done.id)
        print(f"document, opening, statement and promise in {args.keep / done.id}")
    if args.receipt:
        sys.stdout.flush()  # that it is accepted is known while the log is waited for
        _collect(node, done.id, args.receipt, args)


def collect(args: argparse.Namespace) -> None:
    """Fetch the receipt of a submission, once it is in the log: waits for a minute at most."""
    with _node(args) as node:
        _collect(node, args.submission, args.out, args)


def _collect(node: "Node", submission: str, out: Path, args: argparse.Namespace) -> None:
    """However this fails, what was submitted is submitted, and its receipt can be had later."""
    try:
        text = node.receipt(submission)
    except NodeError as error:
        if getattr(error, "status", 0) in (401, 404):  # asking again does not help
            raise
        token = f" --token-file {args.token_file}" if args.token_file else ""
        again = f"unitproof collect {submission} --out {out} --node {args.node}{token}"
        raise NodeError(f"{error}\n  submission: {submission}\n  to ask again: {again}") from error
    out.write_text(text)
    print(f"receipt in {out}")


# ---- proofs ---------------------------------------------------------------------------------------------------------


def proof(args: argparse.Namespace) -> None:
    """Fetch the proof bundle of an item."""
    with _node(args) as node:
        bundle = node.bundle(_epc(args.epc), anchors=args.anchors)
    Bundle.parse(bundle)  # whatever answered, it was a node
    args.out.write_bytes(bundle)
    print(f"{len(bundle)} bytes in {args.out}")


def _epc(text: str) -> str:
    """A Digital Link or a URN as it is; of a scan, the item that it names."""
    if ":" in text:
        return text
    return parse_scan(text).uri or text


def verify(args: argparse.Namespace) -> int:
    """Check a proof bundle, a party's archive, a transaction on paper (PDF), the proof of anchored data, that of a
    reading, the report of a recall, or a trace: no network, no trust in whoever made it. Exit status 0 only if every
    step holds."""
    with _reading(args.policy) as data:
        policy = Policy.parse(_text(data))
    if is_archive(args.file):
        return _verify_archive(args.file, policy, as_json=args.json)
    bundle = args.file.read_bytes()
    if is_anchored(bundle):
        compared = args.data.read_bytes() if args.data else None
        return cli_anchors.verify(bundle, policy, compared, as_json=args.json)
    if is_reading(bundle):
        return cli_readers.verify(bundle, policy, as_json=args.json)
    if is_recalled(bundle):
        return cli_recalls.verify(bundle, policy, args.units, args.archive, as_json=args.json)
    if args.units or args.archive:
        detail, expected = "only the report of a recall is compared with any", "a file that `recalls --report` fetched"
        raise StatementError(detail, code="nothing_to_compare", where="--units", expected=expected)
    if args.data:
        detail, expected = "only the proof of anchored data is compared with any", "a file that `anchored` fetched"
        raise StatementError(detail, code="nothing_to_compare", where="--data", expected=expected)
    if is_trace(bundle):
        return cli_traces.verify(bundle, policy, as_json=args.json)
    if cli_transactions.checks(bundle):
        return cli_transactions.verify(bundle, policy, as_json=args.json)
    report = examine(bundle, policy)
    if args.json:
        print(json.dumps(report.as_json(), indent=1))
    else:
        print("\n".join(reporting.lines(report)))
    if report.failure and report.failure.step is Step.READ and (other := reporting.another(bundle)):
        print(reporting.plain(f"unitproof: {args.file} is {other}"), file=sys.stderr)
    return 1 if report.failure else 0


def _verify_archive(path: Path, policy: Policy, *, as_json: bool) -> int:
    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty() and done % 1000 == 0:
            print(f"\r{100 * done // of} %", end="\r", file=sys.stderr)

    report = examine_archive(path, policy, progress)
    text = json.dumps(report.as_json(), indent=1) if as_json else "\n".join(reporting.archive_lines(report))
    print(text)
    return 1 if report.failure else 0


def convict(args: argparse.Namespace) -> int:
    """Judge a file of evidence: whom it convicts, and of what. Exit status 0 if anybody, 1 if nobody."""
    with _reading(args.policy) as data:
        policy = Policy.parse(_text(data))
    with _reading(args.file) as data:
        try:
            found = evidence.convict(data, policy)
        except evidence.NotConvicted as reason:
            said = {"convicted": [], "reason": reason.code, "detail": reason.detail}
            print(json.dumps(said, indent=1) if args.json else f"convicts nobody\n{reporting.refusal(reason)}")
            return 1
    if args.json:
        print(json.dumps({"convicted": [each.as_json() for each in found]}, indent=1))
    else:
        print("\n".join(f"CONVICTS the {each.role} {each.who}: {each.what}\n  key {each.key}" for each in found))
    return 0


def accuse(args: argparse.Namespace) -> None:
    """Make evidence of two files that contradict each other: bundles, promises, checkpoints, status and checkpoint."""
    made = evidence.accuse(args.one.read_bytes(), args.other.read_bytes())
    args.out.write_bytes(made)
    print(f"{len(made)} bytes in {args.out}: judge it with `unitproof convict`")


def receipt(args: argparse.Namespace) -> int:
    """Check a receipt, a tlog-proof or a COSE Receipt: no network. Exit status 0 only if the entry is in the log."""
    with _reading(args.policy) as data:
        policy = Policy.parse(_text(data)).tlog
    *others, last = _asked(args)
    with _reading(args.file) as data:
        try:
            for entry in others:
                with suppress(BadProof):
                    print(receipts.check(data, entry, policy))
                    return 0
            print(receipts.check(data, last, policy))
        except (BadProof, BadSignature, PolicyNotMet) as error:
            print(f"REFUSED\n{reporting.refusal(error)}")
            return 1
    return 0


def _asked(args: argparse.Namespace) -> list[bytes]:
    """The entries of which a receipt has to be one's."""
    if args.kept:
        return kept_entries(args.kept, args.submission, args.entry)
    if args.entry and not args.submission:
        return [bytes.fromhex(args.entry)]
    detail, expected = "nothing says what has to be in the log", "--kept FOLDER, or --entry HEX"
    raise StatementError(detail, code="parameter_missing", where="receipt", expected=expected)


def kept_entries(folder: Path, submission: str | None = None, entry: str | None = None) -> list[bytes]:
    """The entries of what `submit --keep` wrote down, in this folder or below it; or of the one submission that has
    this id or this entry. At least one."""
    folder.stat()
    kept = dict(_kept(folder))
    found = [
        each
        for name, each in kept.items()
        if (submission is None or name == submission) and (entry is None or each.hex() == entry)
    ]
    if not found:
        detail, expected = "no such submission is kept here", "what `submit --keep` wrote"
        raise StatementError(
            detail, code="not_found", where=str(folder), expected=expected, found=", ".join(kept) or "none"
        )
    return found


def _kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each submission's id, and its entry: its statement, with the salt in its opening."""
    for path in sorted([*folder.glob("opening"), *folder.glob("*/opening")]):
        with _reading(path) as data:
            opening = Opening.parse(data)
        with _reading(path.with_name("statement")) as envelope:
            yield statements.open_statement(envelope).payload.id, statements.entry(opening.entry, envelope)


def _entry(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError("expected 64 hexadecimal digits")
    return text


def show(args: argparse.Namespace) -> None:
    """Print what is in a bundle, a receipt, a statement, a promise or a status. Nothing is checked."""
    if is_archive(args.file):
        raise MalformedBundle("an archive: `unitproof verify` checks it", where=str(args.file))
    with _reading(args.file) as data:
        print(reporting.printed(reporting.contents(data)))


# ---- labels ---------------------------------------------------------------------------------------------------------


def labels(args: argparse.Namespace) -> None:
    """Print labels: a PDF in true millimetres, of a table in CSV or a list in JSON. All of them, or none."""
    from .labels.job import READERS, Job  # only those who print need what draws
    from .labels.pdf import draw

    reader = READERS.get(args.file.suffix.lower())
    if reader is None:
        expected = ", ".join(READERS)
        raise DocumentError("which form?", code="unsupported_syntax", where=str(args.file), expected=expected)
    today = date.today()
    with _reading(args.file) as data:
        found = reader(data, today)
    job = Job.of(found, stock=args.stock, dpi=args.dpi, symbol=args.symbol, resolver=args.resolver)
    made = draw(job, today)
    args.out.write_bytes(made)
    print(f"labels: {len(found)}, pages: {-(-len(found) // job.stock.per_page)}, in {args.out}")


# ---- transactions ---------------------------------------------------------------------------------------------------


def transactions(args: argparse.Namespace) -> None:
    """List what you sent or were sent, or fetch transaction information and statement of one shipment."""
    cli_transactions.transactions(args, _node)


# ---- one's own name -------------------------------------------------------------------------------------------------


def watch(args: argparse.Namespace) -> int:
    """Compare what a node has under your name with what you kept. Exit status 1 if there is anything to look at."""
    from .watching import Watcher

    with _node(args) as node:
        watcher = Watcher(node, args.kept, frozenset(args.agent))
        if args.once or args.accept:
            return _watch_once(watcher, accept=args.accept)
        return _keep_watching(watcher, args.every)


def _watch_once(watcher: "Watcher", *, accept: bool) -> int:
    found = watcher.look()
    for finding in found:
        print(finding)
    if accept:
        found = watcher.accept(found)
    print(f"{len(found)} to look at, of {watcher.count} under your name")
    return 1 if found else 0


def _keep_watching(watcher: "Watcher", every: float) -> int:
    """Until somebody stops it; everything is told once. A node that is away is no reason to stop."""
    told: set[Finding] = set()
    with suppress(KeyboardInterrupt):
        while True:
            try:
                found = watcher.look()
            except NodeError as error:
                print(f"unitproof: {reporting.refusal(error)}", file=sys.stderr, flush=True)
                found = []
            for finding in found:
                if finding not in told:
                    print(finding, flush=True)
            told.update(found)
            time.sleep(every)
    return 1 if told else 0


# ---- arguments ------------------------------------------------------------------------------------------------------


@contextmanager
def _node(args: argparse.Namespace) -> Iterator["Node"]:
    from .client import Node, NodeRefused  # only those who ask a node need HTTP

    token = os.environ.get("UNITPROOF_TOKEN", "")
    if args.token_file:
        with _reading(args.token_file) as data:
            token = _text(data)
    with Node(args.node, printable(token.strip())) as node:
        try:
            yield node
        except NodeRefused as refused:
            if refused.status != 401:
                raise
            said = str(refused).partition("\n")[0]
            expected = "--token-file FILE, or UNITPROOF_TOKEN, with the token that `manage.py partner` made"
            raise NodeError(f"{said}\n  where: {args.node}\n  expected: {expected}") from refused


def printable(token: str) -> str:
    """A token goes into a header."""
    if not (token.isascii() and token.isprintable()):
        expected = "what `manage.py partner` made"
        raise StatementError("not an API token", code="malformed_token", where="token", expected=expected)
    return token


def _key(path: Path) -> PrivateKey:
    with _reading(path) as data:
        return PrivateKey.from_pem(data)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise StatementError("not a text", code="not_utf8", found=repr(data[:8])) from error


@contextmanager
def _reading(path: Path) -> Iterator[bytes]:
    """What is wrong with a file is said with its name."""
    try:
        yield path.read_bytes()
    except (DocumentError, LogError) as error:
        error.where = f"{path}: {error.where}" if error.where else str(path)
        raise


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return text
    except ValueError:  # a port that is none
        pass
    raise argparse.ArgumentTypeError(f"not an address: {text!r}; expected http:// or https://, and a host")


def _submission(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not the id of a submission: {text!r}") from error


def _pool(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not the id of a pool: {text!r}; expected what `pool` printed") from error


def _gln(text: str) -> str:
    return _checked("417", text)


def _gtin(text: str) -> str:
    """A GTIN-14 has a check digit; a company prefix has none."""
    return _checked("01", text) if len(text) == 14 else text


def _checked(ai: str, text: str) -> str:
    try:
        check(ai, text)
    except Gs1Error as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="unitproof", description="Sign and check the chain of custody of medicines.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    from . import cli_master  # which needs this module

    def command(
        verb: Callable[[argparse.Namespace], Any], *, node: bool = False, name: str = "", told: str = ""
    ) -> argparse.ArgumentParser:
        told = told or verb.__doc__ or ""
        added = commands.add_parser(name or verb.__name__, help=told, description=told)
        added.set_defaults(verb=verb)
        if node:
            _asked_of(added)
        return added

    made = command(keygen)
    made.add_argument("--out", type=Path, required=True, help="file for the secret key; must not exist")
    made.add_argument("--alg", choices=sorted(ALGORITHMS), default="ed25519")
    for verb, form in FORMS.items():
        added = command(verb, node=True)
        added.add_argument("--key", type=Path, required=True, help="key that signs the statement")
        added.add_argument("--gln", required=True, type=_gln, help="GLN of whoever signs it")
        added.add_argument("--keep", type=Path, metavar="FOLDER", help="what was signed, in a folder of its own there")
        form(added)
    signing = command(sign)
    signing.add_argument("document", type=Path)
    signing.add_argument("--draft", type=Path, required=True, help="the draft, as the node answered it")
    signing.add_argument("--key", type=Path, required=True)
    signing.add_argument("--out", type=Path, required=True, help="file for the statement")
    handing = command(submit, node=True)
    handing.add_argument("document", type=Path, help="EPCIS 1.2 XML or 2.0 JSON")
    _handing_in_form(handing)
    handing.add_argument(
        "--offline", metavar="GLN", type=_gln, help="sign as this party without a draft, and without links"
    )

    for word in MOVES:
        moved = command(move, node=True, name=word.replace("_", "-"), told=cli_moves.sentence(word))
        moved.set_defaults(word=word)
        _handing_in_form(moved)
        cli_moves.form(word, moved, _gln)

    cli_readers.form(command(readers, node=True))
    cli_notices.form(command(notices, node=True))
    cli_recalls.looking_form(command(recalls, node=True), _entry)
    told = "Verify packs that came back, for a saleable return: which may be sold on, and which sale they come from."
    cli_returns.form(command(check_returns, node=True, name="check-returns", told=told))

    opening = command(pool, node=True)
    opening.add_argument("gtin", type=_gtin, help="GTIN-14")
    opening.add_argument("--length", type=int, required=True, help="of each number, 20 at most")
    either = opening.add_mutually_exclusive_group()
    either.add_argument("--set", default="unambiguous", help="digits, or unambiguous: that is the default")
    either.add_argument("--characters", help="others, in the order of their codes")
    enforced = "from now on, only numbers that were given out are commissioned"
    opening.add_argument("--enforced", action="store_true", help=enforced)
    getting = command(serials, node=True)
    getting.add_argument("pool", type=_pool, metavar="ID", help="as `pool` printed it")
    getting.add_argument("--count", type=int, required=True, help="1,000,000 at most")
    getting.add_argument("--out", type=Path, required=True, help="a new file: *.csv, *.json or *.xml")
    getting.add_argument("--request", metavar="NAME", help="asked by the same name, the same numbers; else a new name")
    getting.add_argument("--expires", type=day, metavar="DATE", help="the day from which the unused count no more")
    telling = command(report, node=True)
    telling.add_argument("file", type=Path, help="gtin,serial,lot,expiry and a line for each pack; or JSON, or XML")
    telling.add_argument("--out", type=Path, required=True, help="file for the document to submit")
    told = "Ask a node for what takes longer than a second; wait for it, and fetch it."
    cli_jobs.form(commands.add_parser("jobs", help=told, description=told), _asked_of, _node)
    told = "Find what is wrong with a shipment, report it to its sender, answer, follow up; score partners."
    cli_exceptions.form(commands.add_parser("exceptions", help=told, description=told), _asked_of, _node, _key, _gln)
    told = "Investigate suspect product: quarantine it, and take each step until it is cleared, or disposed of."
    investigating = cli_investigate.Typed(_node, _asked_of, _key, _canonical, _gtin, _gln)
    cli_investigate.form(commands.add_parser("investigate", help=told, description=told), investigating)
    collecting = command(collect, node=True)
    collecting.add_argument("submission", type=_submission, metavar="ID", help="as `submit` printed it")
    collecting.add_argument("--out", type=Path, required=True, help="file for the receipt, *.receipt")
    fetching = command(proof, node=True)
    fetching.add_argument("epc", help="Digital Link, URN, or what a scanner reads")
    fetching.add_argument("--out", type=Path, required=True, help="file for the bundle, *.unitproof")
    fetching.add_argument("--anchors", action="store_true", help="with time stamps: who saw all of this, and when")

    proving = command(anchored, node=True)
    proving.add_argument("entry", type=_entry, metavar="HEX", help="the entry, as `anchor` printed it")
    proving.add_argument("--out", type=Path, required=True, help="file for the proof, *.unitproof")
    proving.add_argument("--anchors", action="store_true", help="with time stamps: who saw it, and when")

    checking = command(verify)
    checking.add_argument("file", type=Path)
    checking.add_argument("--policy", type=Path, required=True, help="whom you believe: logs, witnesses, authorities")
    checking.add_argument("--json", action="store_true", help="the report for programs")
    checking.add_argument("--data", type=Path, metavar="FILE", help="of anchored data: the bytes to compare")
    checking.add_argument("--units", type=Path, metavar="FILE", help="of a recall's report: the list of its units")
    checking.add_argument("--archive", type=Path, metavar="FILE", help="with it: a party's archive, to be found there")
    receiving = command(receipt)
    receiving.add_argument("file", type=Path, help="as the node answered it, in either form")
    receiving.add_argument("--policy", type=Path, required=True, help="whom you believe: logs and witnesses")
    kept = "what `submit --keep FOLDER` wrote: that folder, or the submission's own in it"
    receiving.add_argument("--kept", type=Path, metavar="FOLDER", help=kept)
    receiving.add_argument("--submission", type=_submission, metavar="ID", help="which, where FOLDER has several")
    receiving.add_argument("--entry", type=_entry, metavar="HEX", help="what has to be in the log; does without FOLDER")
    accusing = command(accuse)
    accusing.add_argument("one", type=Path)
    accusing.add_argument("other", type=Path)
    accusing.add_argument("--out", type=Path, required=True, help="file for the evidence")
    judging = command(convict)
    judging.add_argument("file", type=Path, help="evidence, as a node, a witness or a client has kept it")
    judging.add_argument("--policy", type=Path, required=True, help="whom you believe")
    judging.add_argument("--json", action="store_true", help="the judgement for programs")
    command(show).add_argument("file", type=Path)

    cli_transactions.arguments(command(transactions, node=True), _submission)
    told = "Ask partners where goods have been, and answer them: signed, with proofs."
    tracing = commands.add_parser("trace", help=told, description=told)
    cli_traces.form(tracing, _asked_of, _node, _gln, _gtin, _entry)
    cli_master.add(command)

    printing = command(labels)
    printing.add_argument(
        "file", type=Path, help="*.csv with the names of members in its first line, or *.json, a list"
    )
    printing.add_argument("--out", type=Path, required=True, help="file for the labels, *.pdf")
    printing.add_argument("--stock", default="a4-5x13", help=f"{', '.join(STOCKS)}; or {SIZES}; default: %(default)s")
    printing.add_argument("--dpi", type=int, default=300, help="of the printer: 203, 300 or 600; default: %(default)s")
    printing.add_argument("--symbol", default="datamatrix", help="datamatrix, gs1-128 or qr; default: %(default)s")
    begins = "what Digital Links begin with, in QR codes; default: %(default)s"
    printing.add_argument("--resolver", default="https://id.gs1.org", metavar="ADDRESS", help=begins)

    watching = command(watch, node=True)
    told = "the folder that --keep names each time"
    watching.add_argument("--kept", type=Path, required=True, metavar="FOLDER", help=told)
    expected = "GLN of an agent whose acts for you are expected; as often as you like"
    watching.add_argument("--agent", action="append", default=[], type=_gln, help=expected)
    watching.add_argument("--once", action="store_true", help="look once")
    watching.add_argument("--accept", action="store_true", help="look once, and keep what is found as looked into")
    watching.add_argument("--every", type=seconds, default=60, metavar="SECONDS", help="between looks; 60 by default")
    return parser


def _asked_of(added: argparse.ArgumentParser) -> None:
    added.add_argument("--node", required=True, type=_address, help="base address of the node")
    added.add_argument("--token-file", type=Path, help="file with the API token; else UNITPROOF_TOKEN")


def _handing_in_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("--key", type=Path, required=True)
    added.add_argument("--receipt", type=Path, help="wait for the receipt, a minute at most, and write it here")
    added.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="for the evidence: what was signed and promised, in a folder of its own there; the same FOLDER each time",
    )


def _enrol_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("--about", type=_gln, help="GLN the new key speaks for; default: --gln")
    either = added.add_mutually_exclusive_group(required=True)
    either.add_argument("--new-key", type=Path, help="key to register")
    printed = "its public half alone, as `keygen` or `manage.py custodial` printed it"
    either.add_argument("--new-public", type=_public, metavar="PUBLIC", help=printed)


def _prefix_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("--about", required=True, type=_gln, help="GLN that may issue")
    added.add_argument("gtin", nargs="+", type=_gtin, help="GTIN-14 or company prefix")


def _delegate_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("--about", type=_gln, help="GLN that is acted for; default: --gln")
    added.add_argument("--to", required=True, type=_gln, help="GLN of the agent")
    added.add_argument("step", nargs="+", help="business steps, as CBV 2.0 has them: packing, shipping, ...")


def _licence_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("--about", required=True, type=_gln, help="GLN that is licensed")
    added.add_argument("--licence", required=True, help="its number")
    added.add_argument("--role", required=True)
    added.add_argument("--valid-from", required=True, type=day, metavar="DATE")
    added.add_argument("--valid-to", required=True, type=day, metavar="DATE", help="the first day without it")
    added.add_argument("state", nargs="+", help="two letters")


def _revoke_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("--about", type=_gln, help="GLN whose key or right it is; default: --gln")
    either = added.add_mutually_exclusive_group(required=True)
    either.add_argument("--kid", type=_kid, help="of the key, as `keygen` printed it")
    either.add_argument("--entry", type=_entry, metavar="HEX", help="as the statement was registered")
    since = "since when others may have had the key; by default it was lost, not stolen"
    added.add_argument("--compromised", type=day, metavar="DATE", help=since)


def _hold_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("kind", type=_hold_kind, help=", ".join(statements.HoldKind))
    added.add_argument("--about", type=_gln, help="GLN of who holds it up; default: --gln")
    added.add_argument("--reason", required=True, help="for whoever has to stop")
    what = added.add_mutually_exclusive_group(required=True)
    what.add_argument("--epc", help="one item and all that is in it: Digital Link, URN, or what a scanner reads")
    what.add_argument("--gtin", type=_gtin, help="all of a product, or what of it the following name")
    added.add_argument("--lot")
    added.add_argument("--first", metavar="SERIAL", help="first of the serial numbers, with --last")
    added.add_argument("--last", metavar="SERIAL")


def _release_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("entry", type=_entry, help="as `hold` printed it: 64 hexadecimal digits")
    added.add_argument("--about", type=_gln, help="GLN of who held it up; default: --gln")
    added.add_argument("--reason", required=True)


def _grant_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("--about", type=_gln, help="GLN that lets read; default: --gln")
    added.add_argument("--to", required=True, type=_gln, help="GLN of the reader")
    added.add_argument(
        "--valid-to", type=day, metavar="DATE", help="the first day without it; by default until revoked"
    )
    added.add_argument("gtin", nargs="*", type=_gtin, help="GTIN-14 or company prefix; by default all goods")


def _case_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("number", help="of the case, as you write it; several of one number make one case")
    added.add_argument("--gtin", required=True, type=_gtin, help="the product that it is about")
    added.add_argument("--lot", help="of that, only a lot")
    added.add_argument("--serial", action="append", default=[], help="of that, only these: as often as you like")
    added.add_argument("--reason", required=True, help="for those whom it concerns")
    added.add_argument("--valid-to", required=True, type=day, metavar="DATE", help="the first day without it")


def _propose_form(added: argparse.ArgumentParser) -> None:
    what = added.add_subparsers(required=True, dest="what", metavar="WHAT")
    admit = what.add_parser("admit", help="a party takes part")
    admit.add_argument("--name", required=True)
    admit.add_argument("--role", required=True)
    leave = what.add_parser("exit", help="a party takes part no longer")
    for each in (admit, leave):
        each.add_argument("--about", required=True, type=_gln)
    rules = what.add_parser("rules", help="who witnesses, who accredits, who governs")
    rules.add_argument("--policy", type=Path, required=True, help="a policy file with `governance`")
    rules.add_argument("--version", type=int, required=True, help="one more than now")
    rules.add_argument("--activation", type=int, default=0, help="index of the log; at once by default")


def _approve_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("entry", type=_entry, help="as `propose` printed it: 64 hexadecimal digits")


def _waiver_form(added: argparse.ArgumentParser) -> None:
    added.add_argument("waiver", choices=[str(each) for each in statements.WaiverKind])
    added.add_argument("--rule", required=True, action="append", choices=[str(each) for each in statements.WaivedRule],
                       help="which does not hold; as often as needed")  # fmt: skip
    added.add_argument("--about", type=_gln, metavar="GLN", help="whose it is; whoever signs, if not said")
    added.add_argument("--gtin", action="append", default=[], type=_gtin, help="of these products alone; as often")
    added.add_argument("--basis", required=True, help="what it is based on, in words")
    added.add_argument("--document", required=True, type=Path, help="file that says so: its SHA-256 alone is signed")
    added.add_argument("--valid-from", required=True, type=day, metavar="DATE", help="YYYY-MM-DD")
    added.add_argument("--valid-to", type=day, metavar="DATE", help="the first day on which it no longer holds")


#: What is said of keys, rights and rules, and what else it takes to say it.
FORMS: dict[Callable[[argparse.Namespace], None], Callable[[argparse.ArgumentParser], None]] = {
    enrol: _enrol_form,
    prefix: _prefix_form,
    delegate: _delegate_form,
    licence: _licence_form,
    hold: _hold_form,
    release: _release_form,
    grant: _grant_form,
    case: _case_form,
    waiver: _waiver_form,
    anchor: cli_anchors.form,
    recall: lambda added: cli_recalls.form(added, _gtin, _entry, day),
    revoke: _revoke_form,
    propose: _propose_form,
    approve: _approve_form,
}


def seconds(text: str) -> float:
    """A pause that leaves the node time for others."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 1 <= found <= 1_000_000:
        raise argparse.ArgumentTypeError(f"not a number of seconds, from 1 to 1,000,000: {text!r}")
    return found


def _hold_kind(text: str) -> statements.HoldKind:
    try:
        return statements.HoldKind(text)
    except ValueError as error:
        expected = ", ".join(statements.HoldKind)
        raise argparse.ArgumentTypeError(f"no kind of hold: {text!r}; expected {expected}") from error


def _public(text: str) -> PublicKey:
    try:
        raw: bytes = statements.PUBLIC.read(text)
        return PublicKey(Algorithm.ED25519 if len(raw) == 32 else Algorithm.ESP256, raw)
    except (ValueError, LogError) as error:
        expected = "43 or 87 characters of base64url, as `keygen` prints them"
        raise argparse.ArgumentTypeError(f"not a public key: {text!r}; expected {expected}") from error


def _kid(text: str) -> bytes:
    try:
        kid: bytes = statements.HASH.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not a kid: {text!r}; expected 43 characters of base64url") from error
    return kid


def day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not a date: {text!r}; expected YYYY-MM-DD") from error


#: Options whose value may begin with a hyphen, as one key in 64 does: base64url and GS1's character set 82 have it.
HYPHENATED = frozenset({"--kid", "--lot", "--first", "--last", "--new-public", "--serial"})


def _joined(argv: Sequence[str]) -> Iterator[str]:
    """`--kid -x` as `--kid=-x`: argparse takes whatever begins with a hyphen for another option."""
    words = iter(argv)
    for word in words:
        value = next(words, None) if word in HYPHENATED else None
        yield word if value is None else f"{word}={value}"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 if all went well, 1 if something does not hold, 2 if it could not be asked or read."""
    args = _parser().parse_args(list(_joined(sys.argv[1:] if argv is None else argv)))
    try:
        status = int(args.verb(args) or 0)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever reads has seen enough: no words, and no 0 for what was not said to the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (DocumentError, LogError, Gs1Error, NodeError, OSError) as problem:
        print(f"unitproof: {reporting.refusal(problem)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
