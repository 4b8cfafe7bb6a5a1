"""Finds the service a request is for, lets faults have their way, and answers from the account as it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from demo import hand
from demo.errors import DemoError
from demo.faults import ConnectionDropped, Fault, Faults, Throttle, denied
from demo.journal import Event, Journal, write_journal
from demo.opening import Opener, open_account, refresh_reports
from demo.parameters import Parameters
from demo.protocols import Call, understand
from demo.services import buckets, catalogue, s3, sts
from demo.services.context import Context
from demo.services.rest import resolve
from demo.standing import Account
from demo.timeline import Horizon
from demo.wire import Caller, Request, Response, ServiceError
from demo.world.changes import change as change_estate

__all__ = ["ConnectionDropped", "Router"]

LONGEST_ADVANCE_HOURS = 3 * 366 * 24


class Router:
    """All services of the account in ``directory``. Page sizes can be made small to try paging with little data.

    ``faults`` is what goes wrong on demand; ``throttle``: whether AWS's published request rates hold. Safe to use from
    many threads: a request is answered from the account as it stood when it came.
    """

    def __init__(
        self,
        directory: Path,
        *,
        metrics_per_page: int = 500,
        groups_per_page: int = 1000,
        faults: tuple[Fault, ...] = (),
        throttle: bool = False,
        opener: Opener = open_account,
        refresh: Callable[[Path], None] = refresh_reports,
    ):
        self.directory = directory
        self.tokens = sts.TokenService()
        self.faults = Faults(faults)
        self.throttle = Throttle() if throttle else None
        self.objects = s3.ObjectStore(directory / "s3")
        self._open: Callable[[], Account] = lambda: opener(directory, metrics_per_page, groups_per_page)
        self._refresh = refresh
        self._lock = threading.Lock()
        self.account = self._open()

    @property
    def parameters(self) -> Parameters:
        """The parameters that the account was made with."""
        return self.account.parameters

    @property
    def horizon(self) -> Horizon:
        """The times the account is known for."""
        return self.account.horizon

    # --- the clock and the hand ------------------------------------------------------------------------------------

    def advance(self, hours: int) -> int:
        """Move the present on, have the reports written that AWS would have written since; the new present in hours.

        Requests under way are answered from the account as it was. Raises DemoError for hours that lead nowhere.
        """
        if not 1 <= hours <= LONGEST_ADVANCE_HOURS:
            raise DemoError(f"the clock can't be advanced by {hours} hours; ask for 1 to {LONGEST_ADVANCE_HOURS:,}")
        with self._lock:
            journal = self.account.journal
            return self._follow(replace(journal, now=journal.now + hours)).now

    def tell(self, event: Event) -> None:
        """Write down an event that no client can cause: a restated bill, late reports.

        The reports that are there stay as they are: it shows from the next ones on, as the clock advances. Raises
        DemoError for one that can't be.
        """
        hand.check_told(event, self.account.horizon)
        with self._lock:
            journal = self.account.journal
            self._follow(replace(journal, events=(*journal.events, event)), is_delivered=False)

    def _follow(self, journal: Journal, *, is_delivered: bool = True) -> Account:
        """Write a journal and bring the folder to it, or leave both as they were. The caller holds the lock.

        ``is_delivered``: whether reports are written for it at once.
        """
        before = self.account.journal
        write_journal(self.directory, journal)
        try:
            if is_delivered:
                self._refresh(self.directory)
            self.account = self._open()
        except BaseException:
            write_journal(self.directory, before)
            raise
        return self.account

    def _change(self, caller: Caller, action: str, resource_id: str, details: dict[str, Any]) -> Account:
        with self._lock:
            account = self.account
            journal, estate = hand.record(
                self.directory, account.journal, account.estate, change_estate, caller, action, resource_id, details
            )
            self.account = account.changed(journal, estate)
            return self.account

    # --- answering -------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        """The response to a request; AWS's errors come in the protocol of the request.

        Raises ConnectionDropped where a fault asks for it.
        """
        try:
            call = understand(request)
        except ServiceError as error:
            return Response(error.status, {"Content-Type": "text/plain"}, error.message.encode())
        try:
            return self._answer(call, request)
        except ServiceError as error:
            if error.code == "MissingAuthenticationToken" and call.service == "s3":
                error = ServiceError(403, "AccessDenied", "Access Denied")
            return call.fail(error)

    def _answer(self, call: Call, request: Request) -> Response:
        caller = self.tokens.recognise(request)
        action, parameters = self._resolve(call, request)
        place = (caller.region, caller.account.account_id, request.path)
        self.faults.meet(call.dialect, action, *place, caller.arn)
        if self.throttle is not None:
            self.throttle.meet(call.dialect, action, *place[:2])
        if not hand.is_reading(action) and not caller.may_write:
            raise denied(call.dialect, action, caller.arn, "because no identity-based policy allows the action")
        account = self.account
        context = Context(account, caller, self._change)
        if call.service == "s3":
            return self.faults.spoil(buckets.answer(context, self.objects, request), action, *place)
        return call.respond(self._perform(call, action, parameters, account, context))

    def _resolve(self, call: Call, request: Request) -> tuple[str, dict[str, Any]]:
        if call.service == "s3":
            return buckets.action_of(request), {}
        if call.service in catalogue.REST:
            return resolve(catalogue.REST[call.service], request)
        return call.action, call.read()

    def _perform(self, call: Call, action: str, parameters: dict[str, Any], account: Account, context: Context) -> Any:
        if call.service == "sts":
            return self.tokens.answer(action, parameters, context.caller)
        if call.service == "cloudwatch":
            return account.metrics.answer(action, parameters, context.caller)
        if call.service == "ce":
            return account.costs.answer(action, parameters, context.caller)
        known = catalogue.ACTIONS.get(call.service, {})
        if action not in known:
            code = "InvalidAction" if call.protocol in ("query", "ec2") else "UnknownOperationException"
            raise ServiceError(400, code, f"{action} of {call.service or 'this service'} is not simulated.")
        return known[action](context, parameters)
