"""Another node, with a world of its own: `python -m tests.other_node`, with its DATABASE_URL and VAR_DIR.

Its maker may issue a product that nobody may issue in the tests' own world, and has made one pack of it. Prints the
token of the pharmacy, which is a partner of both.
"""

from tests.bench.stage import build
from tests.world import EXPIRY, LOT, World

GTIN, SERIAL = "09521050000013", "N/1"
PRINTED = f"(01){GTIN}(21){SERIAL}(10){LOT}(17){EXPIRY[2:].replace('-', '')}"


def main(world: World) -> None:
    from partners.models import ApiToken

    world.lets_issue(world.maker, "9521050")
    world.maker.commissions(serial=SERIAL, gtin=GTIN)
    print(ApiToken.issue(world.pharmacy.partner, now=world.now)[1])


if __name__ == "__main__":
    main(build())
