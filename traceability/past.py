"""How items came to be what they are, by their rows: for the few that are late, reported, taken over or refused.

Each question is asked when it first comes up, of all items of a document at once: one query, however many they are.
"""

from collections.abc import Mapping
from functools import cached_property

from . import bulk
from .facts import Past


class RecordedPast(Past):
    """The past of these items, given by EPC and key, for a submitter."""

    def __init__(self, keys: Mapping[str, int], submitter: str, as_of: int | None) -> None:
        self._keys, self._submitter = keys, submitter
        self._until = 2**63 - 1 if as_of is None else as_of  # number of the entry that asks: a replay knows no later

    def had_part(self, epc: str, party: str) -> bool:
        return (self._keys.get(epc), party) in self._parts

    def told_last(self, epc: str) -> bool:
        return self._keys.get(epc) in self._told_last

    def only_reported(self, epc: str) -> bool:
        return epc in self._keys and self._keys[epc] not in self._with_a_part

    def shipped_last(self, epc: str) -> str | None:
        return self._shippers.get(self._keys.get(epc, 0))

    @cached_property
    def _parts(self) -> frozenset[tuple[int, str]]:
        return frozenset(bulk.select_in(_PARTIES, list(self._keys.values()), "bigint"))

    @cached_property
    def _told_last(self) -> frozenset[int]:
        rows = bulk.select_in(_LAST_TELLERS, list(self._keys.values()), "bigint")
        return frozenset(key for key, submitter in rows if submitter == self._submitter)

    @cached_property
    def _with_a_part(self) -> frozenset[int]:
        rows = bulk.select_in(_SIGNED, list(self._keys.values()), "bigint")
        return frozenset(key for key, accepted in rows if accepted < self._until)

    @cached_property
    def _shippers(self) -> dict[int, str]:
        rows = bulk.select_in(_SHIPMENTS, list(self._keys.values()), "bigint")
        return {key: party for key, _, party in sorted(rows)}


#: What moved an item: `carried` are the item and every container it was in, each for as long as it was.
_TOLD = f"""WITH RECURSIVE carried (item, inside, after, upto) AS (
    SELECT named.value, named.value, CAST(0 AS bigint), CAST({2**63 - 1} AS bigint) FROM {{values}}
    UNION ALL
    SELECT carried.item, c.parent_id,
        CASE WHEN c.event_id > carried.after THEN c.event_id ELSE carried.after END,
        CASE WHEN c.closed_id < carried.upto THEN c.closed_id ELSE carried.upto END
    FROM carried JOIN traceability_containment AS c ON c.item_id = carried.inside
    WHERE c.event_id < carried.upto AND (c.closed_id IS NULL OR c.closed_id > carried.after)
), told (item, event_id) AS (
    SELECT carried.item, i.begun_id FROM carried JOIN traceability_item AS i ON i.id = carried.item
    UNION
    SELECT carried.item, c.event_id FROM carried JOIN traceability_containment AS c ON c.item_id = carried.inside
    WHERE c.event_id > carried.after AND c.event_id <= carried.upto
    UNION
    SELECT carried.item, m.event_id FROM carried JOIN traceability_move AS m ON m.item_id = carried.inside
    WHERE m.event_id > carried.after AND m.event_id <= carried.upto
)
"""  # noqa: S608
_PARTIES = f"""{_TOLD}
SELECT DISTINCT told.item, e.party FROM told JOIN traceability_event AS e ON e.id = told.event_id"""  # noqa: S608
_SHIPMENTS = f"""{_TOLD}
SELECT told.item, e.id, e.party FROM told JOIN traceability_event AS e ON e.id = told.event_id
WHERE e.biz_step = 'shipping' AND NOT e.is_error_declaration"""  # noqa: S608

#: Who told the event that made an item's last leaf: the last of its own rows, or its beginning if it has none. What an
#: agent told is its principal's: it gives no part in the item to whoever is its agent no more.
_LAST_TELLERS = """WITH asked (id) AS (SELECT named.value FROM {values}), own (item_id, event_id) AS (
    SELECT m.item_id, m.event_id FROM asked JOIN traceability_move AS m ON m.item_id = asked.id
    UNION ALL
    SELECT c.item_id, c.event_id FROM asked JOIN traceability_containment AS c ON c.item_id = asked.id
), latest (item_id, event_id) AS (SELECT item_id, max(event_id) FROM own GROUP BY item_id)
SELECT i.id, CASE WHEN e.voice = 'agent' THEN e.party ELSE s.submitter END
FROM asked JOIN traceability_item AS i ON i.id = asked.id
LEFT JOIN latest ON latest.item_id = i.id
JOIN traceability_event AS e ON e.id = coalesce(latest.event_id, i.begun_id)
JOIN traceability_submission AS s ON s.id = e.submission_id"""

#: Of every item that something else was in, or that was in something, and of every item that something happened to
#: which its own party has signed, when or since: the item, and the number of the entry that says so.
_SIGNED = """WITH asked (id) AS (SELECT named.value FROM {values}), told (item_id, event_id) AS (
    SELECT i.id, i.begun_id FROM asked JOIN traceability_item AS i ON i.id = asked.id
    UNION
    SELECT m.item_id, m.event_id FROM asked JOIN traceability_move AS m ON m.item_id = asked.id
)
SELECT told.item_id, s.entry_id FROM told JOIN traceability_event AS e ON e.id = told.event_id
JOIN traceability_event AS own ON own.identity = e.identity AND own.voice IN ('actor', 'agent')
JOIN traceability_submission AS s ON s.id = own.submission_id
UNION SELECT c.item_id, 0 FROM asked JOIN traceability_containment AS c ON c.item_id = asked.id
UNION SELECT c.parent_id, 0 FROM asked JOIN traceability_containment AS c ON c.parent_id = asked.id"""
