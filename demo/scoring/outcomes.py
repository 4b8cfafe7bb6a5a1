"""What would truly come of a change that somebody proposes: whether its work still fits, and what the bill falls by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from demo.billing import replay
from demo.billing.commitments import Reservation, SavingsPlan, reserve
from demo.errors import DemoError
from demo.opening import open_account
from demo.prices.sizes import memory_of, vcpus_of
from demo.scoring.proposals import Plan, Proposal
from demo.truth.key import WINDOW_HOURS
from demo.truth.schedules import Schedule, find_schedule, follow, mark
from demo.truth.sizes import resize, serves
from demo.truth.spelling import spell_monthly
from demo.world.accounts import PAYER, region_of
from demo.world.labels import WEEKS, bring_work, judge
from demo.world.resources import Database, Instance, Resource

_AHEAD = WEEKS * 7 * 24
_PLAN_TYPES = {"compute_savings_plan": "ComputeSavingsPlans", "ec2_instance_savings_plan": "EC2InstanceSavingsPlans"}


@dataclass(frozen=True)
class Outcome:
    """``is_safe``: nobody would miss anything; ``saving``: the fall of the bill in USD a month."""

    is_safe: bool
    saving: Decimal


class Outcomes:
    """Of an account in a folder, over the key's window. Raises DemoError where there is no account."""

    def __init__(self, directory: Path):
        self.account = open_account(directory, 500, 500)
        self.books = self.account.books
        horizon = self.account.horizon
        self.now = horizon.end
        self.first, self.last = max(horizon.cur_end - WINDOW_HOURS, horizon.start), horizon.cur_end

    @cached_property
    def _current(self) -> dict[str, Resource]:
        return {thing.resource_id: thing for thing in self.account.estate.resources if thing.is_current(self.now - 1)}

    def resize(self, resource_id: str, size: str) -> Outcome:
        """Of running a machine or database in another size of its family."""
        thing = self._find(resource_id)
        if not isinstance(thing, Instance | Database):
            raise DemoError(f"{resource_id} has no sizes that can be proposed")
        vcpus_of(size), memory_of(size)  # refuse what isn't sold
        is_safe = serves(thing, size, self.now) and not _is_managed(thing)
        return Outcome(is_safe, self._save(thing, resize(thing, size)))

    def schedule(self, resource_id: str, ranges: Sequence[Sequence[int]], time_zone: str) -> Outcome:
        """Of switching it off in some hours of the week, ranges [from, to) of 24 x weekday + hour in a time zone.

        Safe where no work came in these hours in the last eight weeks nor comes in the next, and where it can be
        stopped at all.
        """
        thing = self._find(resource_id)
        hours = frozenset(hour for start, end in ranges for hour in range(start, end))
        schedule = Schedule(time_zone, hours, True)
        first = max(self.now - _AHEAD, thing.life.launched)
        off = mark(hours, time_zone, first, self.now + _AHEAD)
        is_missed = bool(bring_work(thing, first, self.now + _AHEAD)[off].any())
        can_stop = find_schedule(thing, judge(thing, self.now), self.now) is not None
        return Outcome(can_stop and not is_missed, self._save(thing, follow(thing, schedule, self.first, self.last)))

    def save_together(self, proposals: Sequence[Proposal], plans: Sequence[Plan]) -> Decimal:
        """USD a month by which the bill would fall with all proposals carried out and all plans bought.

        The whole bill's use on demand is replayed; what others take over of freed commitments counts, and so do the
        plans' own fees.
        """
        changed = list(self.account.estate.resources)
        for proposal in proposals:
            changed = [other for thing in changed for other in self._carry_out(proposal, thing)]
        estate = replace(self.account.estate, resources=tuple(changed))
        before = replay.replay(self.books, self.first, self.last).cost_with((), self.first, self.last)
        bought = [self._buy(plan) for plan in plans]
        savings_plans = [each for each in bought if isinstance(each, SavingsPlan)]
        reservations = [each for each in bought if isinstance(each, Reservation)]
        books = replace(self.books, estate=estate, commitments=(*self.books.commitments, *reservations), replay=None)
        after = replay.Replay(books, self.first, self.last)
        hours = self.last - self.first
        fees = sum(each.rates.effective_rate * each.count * hours for each in reservations)
        fall = before - after.cost_with(savings_plans, self.first, self.last)
        return Decimal(spell_monthly(fall - fees, hours))

    def _carry_out(self, proposal: Proposal, thing: Resource) -> list[Resource]:
        if thing.resource_id != proposal.resource_id:
            return [thing]
        if proposal.action == "delete":
            return []
        if proposal.action == "stop":
            pauses = (*thing.life.pauses, (0, None))
            return [replace(thing, life=replace(thing.life, pauses=pauses))]
        if proposal.action == "resize":
            return [resize(thing, proposal.size)]
        hours = frozenset(hour for start, end in proposal.ranges for hour in range(start, end))
        return [follow(thing, Schedule(proposal.time_zone, hours, True), self.first, self.last)]

    def _buy(self, plan: Plan) -> Reservation | SavingsPlan:
        start, term, payment = self.first - 1, f"{plan.term_years}yr", plan.payment
        if plan.commitment_type in _PLAN_TYPES:
            plan_type = _PLAN_TYPES[plan.commitment_type]
            region = region_of(plan.region) if plan.family else None
            return SavingsPlan(
                "proposed " + plan.name, PAYER, plan_type, plan.units, start, payment, term, plan.family, region
            )
        product = f"ec2/{plan.instance_type}/{plan.platform}"
        return reserve(
            0, plan.name, PAYER, region_of(plan.region), product, plan.count, start, payment=payment, term=term
        )

    def _find(self, resource_id: str) -> Resource:
        try:
            return self._current[resource_id]
        except KeyError:
            raise DemoError(f"{resource_id} is not in the account") from None

    def _save(self, thing: Resource, changed: Resource) -> Decimal:
        first = max(self.first, thing.life.launched, thing.since)
        fall = replay.fall_with(self.books, thing.resource_id, changed, first, self.last)
        return Decimal(spell_monthly(fall, self.last - first))


def _is_managed(thing: Resource) -> bool:
    """Whether its size is somebody else's: a group's template, the Spot market."""
    return isinstance(thing, Instance) and (thing.is_spot or thing.group is not None)
