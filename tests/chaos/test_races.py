"""Many at once over one unit: one wins, the others are told why not, and nobody gets an error that is ours."""

from collections import Counter

from tests.chaos.partner import Partners
from tests.signing import Signed, heads_of, sign, sign_over
from tests.world import World, document, gln
from traceability.models import Event, Item, Sighting, Submission
from traceability.rebuild import rebuild
from traceability.telling import handoff

ROUNDS, RACERS = 20, 100


def handoffs(world: World, pack: str) -> list[Signed]:
    """One unit, promised by its holder to a hundred receivers, each time over the same head."""
    heads = heads_of(pack)
    time = world.passes()
    told = [world.maker.teller.observing("shipping", [pack], time, **handoff(world.maker.gln, gln(1000 + racer)))
            for racer in range(RACERS)]  # fmt: skip
    return [sign_over(world.maker, document(event), heads) for event in told]


def test_i3_of_a_hundred_simultaneous_handoffs_of_one_unit_one_wins(world: World, partners: Partners) -> None:
    packs = world.maker.commissions(serial=[f"R{number}" for number in range(ROUNDS)])
    for pack in packs:
        answers = partners.at_once(world.maker, handoffs(world, pack))
        outcomes = Counter((answer.status, answer.code) for answer in answers)
        assert outcomes[201, ""] == 1, outcomes
        assert {status for status, _ in outcomes} == {201, 409}, outcomes
        assert {code for status, code in outcomes if status == 409} <= {"in_transit", "stale_head"}, outcomes
    assert Item.objects.filter(status="in_transit", sequence=2).count() == ROUNDS
    assert Event.objects.filter(biz_step="shipping").count() == ROUNDS
    assert Sighting.objects.count() <= ROUNDS * (RACERS - 1)
    assert rebuild() == []


def test_i2_one_submission_sent_fifty_times_at_once_is_taken_once(world: World, partners: Partners) -> None:
    pack = world.maker.commissions(serial="A1")
    signed = sign(world.maker, document(world.maker.shipping(pack, world.pharmacy)))
    answers = partners.at_once(world.maker, [signed] * 50)
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 49}
    assert len({answer.promise for answer in answers}) == 1
    assert Submission.objects.filter(submission=signed.submission).count() == 1
