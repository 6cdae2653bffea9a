"""Partners' systems, as many at once as it takes, over HTTP."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

from httpx import Client, HTTPError, Limits, Response

from partners.models import ApiToken
from tests.signing import Signed
from tests.world import Party


@dataclass(frozen=True)
class Answer:
    """What came back, and after how many seconds. Status 0: nothing did, and nobody knows what happened."""

    status: int
    body: dict[str, Any]
    seconds: float

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))

    @property
    def promise(self) -> str:
        return str(self.body.get("promise", ""))


class Partners:
    """The one place that knows how submissions reach the node."""

    def __init__(self, address: str, parties: Iterable[Party]) -> None:
        at_once = Limits(max_connections=200, max_keepalive_connections=0)  # one kept alive may be closed as we write
        self.http = Client(base_url=address, limits=at_once, timeout=60, trust_env=False)
        self.tokens = {party.gln: ApiToken.issue(party.partner, now=party.world.now)[1] for party in parties}

    def close(self) -> None:
        self.http.close()

    def hands_in(self, party: Party, signed: Signed) -> Answer:
        parts = {
            "document": ("document", signed.received, "application/json"),
            "opening": ("opening", signed.opening, "application/json"),
            "statement": ("statement", signed.statement, "application/cose"),
        }
        return self._ask("POST", "/api/v1/submissions", party, files=parts)

    def receipt(self, party: Party, signed: Signed) -> Answer:
        return self._ask("GET", f"/api/v1/submissions/{signed.submission}/receipt", party)

    def at_once(self, party: Party, all_signed: Sequence[Signed]) -> list[Answer]:
        """All of them, at the same moment."""
        barrier = Barrier(len(all_signed))

        def one(signed: Signed) -> Answer:
            barrier.wait()
            return self.hands_in(party, signed)

        with ThreadPoolExecutor(len(all_signed)) as threads:
            return list(threads.map(one, all_signed))

    def _ask(self, method: str, path: str, party: Party, **content: Any) -> Answer:
        began = time.monotonic()
        try:
            answer = self.http.request(
                method, path, headers={"Authorization": f"Bearer {self.tokens[party.gln]}"}, **content
            )
        except HTTPError as error:
            return Answer(0, {"detail": str(error)}, time.monotonic() - began)
        return Answer(answer.status_code, _members(answer), time.monotonic() - began)


def _members(answer: Response) -> dict[str, Any]:
    if "json" in answer.headers.get("Content-Type", ""):
        return dict(answer.json())
    return {"text": answer.text}
