"""manage.py places: what files tell of places, by the operator of this node; of those that a line names an operator of,
whose they are, in the log."""

from traceability.master_files import PLACES

from . import products


class Command(products.Command):
    help = "Show what CSV or EPCIS would change of places, and of whose they are; --apply does it."
    kind = PLACES
