"""What whoever is signed in does here, on one page: where, and by whom."""

from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from partners.models import Partner

from .move_forms import MAKES, TASKS
from .page import for_partners, page
from .refusals import reads


class Line(NamedTuple):
    """A line of the page."""

    view: str  # name of the address
    title: str
    sentence: str
    roles: frozenset[str] = frozenset()  # whose job it is; none: everybody's


class Group(NamedTuple):
    """Lines that belong together, under a heading."""

    title: str
    lines: tuple[Line, ...]


def _moves(*words: str) -> tuple[Line, ...]:
    tasks = (TASKS[word] for word in words)
    return tuple(Line(task.view, task.title, task.sentence, task.roles) for task in tasks)


#: What is done every day comes first. A page that is built adds its line; of a move in no group, a test says so.
GROUPS: tuple[Group, ...] = (
    Group(
        "Check packs",
        (
            Line("scan", "Verify", "Scan a pack, and see whether it is what it says it is."),
            Line("verifications-page", "Verifications", "What you verified, why, and what came of it."),
            Line("alarms-page", "Alarms", "Packs that were seen where they cannot be."),
            Line("traces-page", "Traces", "Ask partners where goods have been; answer them, with proofs."),
            Line("cases-page", "Regulators' cases", "Who looks into goods of yours, and until when."),
            Line("samplings-page", "Sample a suspect lot", "How many packages have to be verified, and which."),
        ),
    ),
    Group("Move packs", _moves("receive", "dispense", "pack", "unpack", "ship")),
    Group(
        "When it goes another way",
        (
            Line("holds", "Hold and release", "Keep a pack, a lot or a product where it is; let it go again."),
            Line("recalls", "Recalls", "What is called back: where it is, who has answered; and your own answer."),
            Line(
                "exceptions-page",
                "Exceptions",
                "What is wrong with a shipment: found, reported to its sender, settled.",
            ),
            Line("scorecards", "Scorecards", "How partners keep to what they send and say."),
            Line("investigations", "Suspect product", "Quarantine it, investigate, and end it: with the law's clocks."),
            *_moves("void", "send_back", "return", "decommission", "destroy", "export"),
        ),
    ),
    Group(
        "Make and print",
        (
            Line("serials", "Serial numbers", "Have numbers for your packs drawn, and take them as a file.", MAKES),
            *_moves("commission"),
            Line("labels-page", "Print labels", "What stands on packs and pallets, as a PDF for your printer."),
            Line(
                "serials-report",
                "Line report",
                "Which lines of what was printed are wrong; or the document to sign.",
                MAKES,
            ),
        ),
    ),
    Group(
        "Papers and data",
        (
            Line("transactions", "Transactions", "Information and statements of what you sent and were sent."),
            Line(
                "products", "Products", "What packs are: name, strength, NDC; a file first shows what it would change."
            ),
            Line("places", "Places", "Names and addresses of sites."),
        ),
    ),
    Group(
        "Set up and look after",
        (
            Line("scanner", "Test a scanner", "Whether it sends all that is in a code."),
            Line("connectivity", "Verification services", "Where your systems ask; and who answers for a product."),
            Line("notices", "Notices", "What you were told, and what time you have for it."),
            Line("jobs-page", "Jobs", "What takes longer than a second: how far it is, and what came of it."),
        ),
    ),
)


def _of(role: str) -> list[Group]:
    """The groups, with what is this role's job."""
    its = (
        Group(group.title, tuple(line for line in group.lines if not line.roles or role in line.roles))
        for group in GROUPS
    )
    return [group for group in its if group.lines]


@never_cache
@reads
@for_partners
def work(request: HttpRequest, reader: Partner) -> HttpResponse:
    """What this party does here."""
    return page(request, "work", here="work", groups=_of(reader.role))
