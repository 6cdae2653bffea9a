"""The proof bundle: one file with everything a stranger needs to check what is said of an item (FORMATS section 7).

value.py       the file: read and written
build.py       from what a node stores to a bundle
check.py       from a bundle and a policy to a report, step by step
rights.py      step 5: keys, prefixes, delegations, from index to index of the log
links.py       step 9: leaf by leaf through every container
possession.py  step 11: who possessed it, and who spoke
report.py      what came of it
shipment.py    the same of one event that ships, with all that it shipped down to the last unit
"""

from .build import CannotProve, EventSource, Profile, Source, build, find_leaf
from .check import check, examine
from .report import BundleRefused, Failure, HopReport, Note, Report, Result, Step, Verdict
from .value import MEDIA_TYPE, Bundle, Entered, MalformedBundle

__all__ = [
    "MEDIA_TYPE",
    "Bundle",
    "BundleRefused",
    "CannotProve",
    "Entered",
    "EventSource",
    "Failure",
    "HopReport",
    "MalformedBundle",
    "Note",
    "Profile",
    "Report",
    "Result",
    "Source",
    "Step",
    "Verdict",
    "build",
    "check",
    "examine",
    "find_leaf",
]
