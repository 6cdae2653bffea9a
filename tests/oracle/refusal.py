"""What the oracle will not take."""


class Refused(ValueError):
    """A document or an envelope that FORMATS.md refuses; `code` names the reason."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


def demand(holds: object, code: str, detail: object = "") -> None:
    if not holds:
        raise Refused(code, str(detail))
