"""What can be wrong with a document, each with a stable code."""

from typing import Self


class DocumentError(ValueError):
    """A document, or a part of it, that is not taken; nothing of it is stored.

    `where` is a position that a person can find (`line 12, column 3`, `event 3: eventTime (line 70)`); events count
    from 0. The codes:

        malformed_document     no JSON or XML at that place, or text where none belongs
        html_escaped           the document went through something that made `&lt;` of every `<`
        not_utf8, nul, lone_surrogate, not_a_number, duplicate_member, doctype      could be read in two ways
        too_large, too_deep, too_many_events, too_many_epcs                         beyond a limit of this node
        unsupported_syntax, unsupported_event, unsupported_context                  good EPCIS that is not read here
        missing_member, unknown_member, unknown_prefix, wrong_type                  not the shape of an EPCIS 2.0 event
        unknown_word, bad_time, bad_offset, bad_number, bad_unit, bad_uri           no value that the member may have
        duplicate_epc, ilmd_not_allowed, conflicting_master_data                    cannot stand together

    What is wrong with a GS1 identifier keeps the code of `partners.gs1.errors`.
    """

    code = "malformed_document"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.where, self.expected, self.found = where, expected, found

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.detail}" if self.where else self.detail]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.found is not None:
            parts.append(f"found {self.found}")
        return "; ".join(parts)

    def inside(self, place: str) -> Self:
        """The same error as seen from one level further out.

        >>> DocumentError("no time of day", where="eventTime").inside("event 3").where
        'event 3: eventTime'
        """
        self.where = f"{place}: {self.where}" if self.where else place
        return self
