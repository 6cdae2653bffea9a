"""What came back as a saleable return is sold on only once it was verified (21 U.S.C. 360eee-1: (c)(4)(D) wholesale
distributors, (b)(4)(E) manufacturers, (e)(4)(E) repackagers).

A pack is verified from its own code, with all four elements, by whoever is to sell it on, for this purpose, and after
whatever happened to it last before it came back (`dscsa/returns.py`). What a container brought back is verified pack by
pack, unless the container has a code of its own that can be.
"""

from collections.abc import Collection, Sequence
from functools import cache

from django.db import connection

from partners.access import Purpose
from partners.models import Role

from . import bulk
from .custody import RETURNED

#: Who sells on only what it has verified. A dispenser sells to patients, and sends back.
BOUND = (Role.MANUFACTURER, Role.REPACKAGER, Role.WHOLESALE_DISTRIBUTOR)

#: Reasons of a verification with which a pack may be sold on: nothing speaks against it, but perhaps that its record
#: still has it where it came back from, or that somebody on its way has not signed.
SALEABLE = frozenset(
    {"genuine", "genuine_by_record", "pending_in_log", "held_by_other", "in_transit_to_other",
     "not_signed_by_licensee", "not_signed_by_sender", "not_linked"}
)  # fmt: skip


class RecordedReturns:
    """Which items of a document came back to a party, and were not verified since: asked once for each party."""

    def __init__(self, known: Collection[str]) -> None:
        """`known`: EPCs that the document names, of items that are recorded."""
        self._known = sorted(known)
        self._found: dict[str, frozenset[str]] = {}

    def __call__(self, party: str, epcs: Sequence[str]) -> str | None:
        """The first of these that the party may not sell on."""
        if party not in self._found:
            sql, around = _unverified(connection.vendor), {"before": [party], "after": [party] * 2}
            self._found[party] = frozenset(epc for (epc,) in bulk.select_in(sql, self._known, "text", **around))
        return min(self._found[party].intersection(epcs), default=None)


@cache
def _unverified(vendor: str) -> str:
    roles = ", ".join(f"'{role.value}'" for role in BOUND)
    reasons = ", ".join(f"'{code}'" for code in sorted(SALEABLE))
    materialized = "MATERIALIZED " if vendor == "postgresql" else ""
    return _UNVERIFIED.format(
        values="{values}", roles=roles, reasons=reasons, returned=RETURNED, materialized=materialized,
        purpose=Purpose.SALEABLE_RETURN.value,
    )  # fmt: skip


#: `back`: each return to the party of an item, or of what it was in at the time; `since`: the event before that, after
#: which it has to have been verified.
_UNVERIFIED = """WITH bound AS {materialized}(
    SELECT gln FROM partners_partner WHERE gln = %s AND role IN ({roles})
), returns AS {materialized}(
    SELECT 1 FROM traceability_event AS r JOIN bound ON r.party = bound.gln
    WHERE r.biz_step = 'receiving' AND r.disposition = '{returned}' LIMIT 1
)
SELECT i.epc FROM {values} CROSS JOIN returns JOIN traceability_item AS i ON i.epc = named.value WHERE EXISTS (
    SELECT 1 FROM (
        SELECT m.event_id, coalesce(
            (SELECT b.event_id FROM traceability_move AS b WHERE b.item_id = i.id AND b.sequence = m.sequence - 1),
            (SELECT c.event_id FROM traceability_containment AS c
                WHERE c.item_id = i.id AND c.sequence = m.sequence - 1),
            i.begun_id) AS since
        FROM traceability_move AS m WHERE m.item_id = i.id
        UNION ALL
        SELECT m.event_id, c.event_id FROM traceability_containment AS c
        JOIN traceability_move AS m ON m.item_id = c.parent_id AND m.event_id > c.event_id
            AND (c.closed_id IS NULL OR m.event_id < c.closed_id)
        WHERE c.item_id = i.id
    ) AS back
    JOIN traceability_event AS e ON e.id = back.event_id
    WHERE e.party = %s AND e.biz_step = 'receiving' AND e.disposition = '{returned}' AND NOT e.is_error_declaration
    AND NOT EXISTS (
        SELECT 1 FROM partners_accessrecord AS a WHERE a.subject = i.epc AND a.reader = %s AND a.in_hand
        AND a.purpose = '{purpose}' AND a.reason IN ({reasons}) AND a.at >= (
            SELECT s.accepted FROM traceability_event AS b JOIN traceability_submission AS s ON s.id = b.submission_id
            WHERE b.id = back.since))
)"""
