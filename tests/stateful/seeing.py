"""Plays a history of who may see what, beside a model of who could know what when.

The model knows the truth at each moment, whether Heroku could tell it, and what Heroku was heard to tell. It knows
nothing of how the service stores answers or when it asks.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import singledispatchmethod

from browsing import log_in, read_csrf, visit
from headrace.emulator import Clock
from headrace.emulator.world.people import join_team, leave_team, transfer_app
from headrace.emulator.world.records import Addon, App, Team
from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.inspector.visibility import SAME_MOMENT
from headrace.web.ground.sessions import GOOD_FOR as SESSION_LASTS
from pair import SLUG, Pair, play_pair
from stateful.people import (
    APPS,
    PEOPLE,
    TEAM,
    Action,
    Answer,
    FallSilent,
    Join,
    JoinTeam,
    Leave,
    LeaveTeam,
    LogIn,
    Look,
    MoveAddon,
    MoveApp,
    Pass,
    Transfer,
)

# Real time goes on beside that of the history.
SLACK = timedelta(minutes=1)
# What was answered badly is left alone for a while, and 429 is obeyed.
HELD_OFF = timedelta(minutes=2)
PIPELINE = "shop"


@dataclass
class Session:
    """A login: for which add-on, and when; whether the person may have lost the add-on since, for however long."""

    cookie: str
    addon: Addon
    at: datetime
    was_out: bool = False
    was_refused: bool = False
    # The add-on, or the app it is on, was somewhere else when it began.
    has_moved: bool = False


@dataclass(kw_only=True)
class Sight:
    """A service, and what is true of its resources."""

    pair: Pair
    clock: Clock
    addons: list[Addon]
    sessions: dict[str, Session] = field(default_factory=dict)
    # By person and add-on, since when they may not see it.
    out_since: dict[tuple[str, str], datetime] = field(default_factory=dict)
    silence: FallSilent | None = None
    silent_until: datetime | None = None
    heard: int = 0

    def may_see(self, person: str, addon: Addon) -> bool:
        """The truth, by Heroku: who works on the app, owns it, or is of the team that does."""
        user, app = self.pair.heroku.state.find_user(person), addon.app
        assert user is not None
        is_of_team = isinstance(app.owner, Team) and user.id in app.owner.roles
        return app.owner is user or is_of_team or user.id in app.collaborators

    @property
    def can_tell(self) -> bool:
        """Whether Heroku answers, and the service is free to ask."""
        return self.silence is None and (self.silent_until is None or self.clock.now() > self.silent_until)

    def note_truth(self) -> None:
        """Note who may see what from now on."""
        for person in PEOPLE:
            for addon in self.addons:
                if self.may_see(person, addon):
                    self.out_since.pop((person, addon.id), None)
                else:
                    self.out_since.setdefault((person, addon.id), self.clock.now())
            session = self.sessions.get(person)
            if session is not None and not self.may_see(person, session.addon):
                session.was_out = True

    @singledispatchmethod
    async def take(self, action: Action) -> None:
        """Do what the action says."""
        raise NotImplementedError(action)

    @take.register
    async def _(self, action: Join) -> None:
        app, user = self._find_app(action.app), self.pair.heroku.state.find_user(action.person)
        if user is not None and app.owner is not user:
            self.pair.heroku.state.add_collaborator(app, user)

    @take.register
    async def _(self, action: Leave) -> None:
        app, user = self._find_app(action.app), self.pair.heroku.state.find_user(action.person)
        if user is None or user.id not in app.collaborators:
            return
        if action.is_told:
            self.pair.heroku.state.remove_collaborator(app, app.collaborators[user.id])
        else:
            del app.collaborators[user.id], user.collaborations[app.id]

    @take.register
    async def _(self, action: JoinTeam) -> None:
        user = self.pair.heroku.state.find_user(action.person)
        assert user is not None
        join_team(self.pair.heroku.state.teams[TEAM], user, "member")

    @take.register
    async def _(self, action: LeaveTeam) -> None:
        team, user = self.pair.heroku.state.teams[TEAM], self.pair.heroku.state.find_user(action.person)
        assert user is not None
        if user.id in team.roles:
            leave_team(team, user)

    @take.register
    async def _(self, action: Transfer) -> None:
        state = self.pair.heroku.state
        owner = state.teams[TEAM] if action.owner == TEAM else state.find_user(action.owner)
        assert owner is not None
        transfer_app(state, self._find_app(action.app), owner)

    @take.register
    async def _(self, action: MoveAddon) -> None:
        addon = self.addons[action.slot]
        addon.app = self._find_app(action.app)
        for session in self.sessions.values():
            session.has_moved |= session.addon is addon

    @take.register
    async def _(self, action: MoveApp) -> None:
        heroku, app = self.pair.heroku, self._find_app(action.app)
        if action.stage is None and app.coupling is not None:
            heroku.uncouple(app)
        elif action.stage is not None and app.coupling is None:
            heroku.couple(app, PIPELINE, action.stage)
        elif action.stage is not None:
            heroku.move(app, action.stage)

    @take.register
    async def _(self, action: LogIn) -> None:
        addon = self.addons[action.slot]
        if self.may_see(action.person, addon):
            cookie = await log_in(self.pair, addon, action.person)
            self.sessions[action.person] = Session(cookie, addon, self.clock.now())

    @take.register
    async def _(self, action: FallSilent) -> None:
        self.pair.heroku.faults.clear()
        self.pair.heroku.faults.add(action.fault)
        self.silence = action

    @take.register
    async def _(self, _action: Answer) -> None:
        if self.silence is not None:
            self.pair.heroku.faults.clear()
            self.silence, self.silent_until = None, self.clock.now() + HELD_OFF

    @take.register
    async def _(self, action: Pass) -> None:
        self.clock.advance(timedelta(minutes=action.minutes))

    @take.register
    async def _(self, action: Look) -> None:
        session = self.sessions.get(action.person)
        if session is None:
            return
        if action.is_checked and not session.was_refused:
            await self._check(session)
        before = self.clock.now()
        page = await visit(self.pair, "/board.json", cookie=session.cookie)
        shown = set(_list_shown(page.text)) if page.status == 200 else set()
        self._judge(action.person, session, page.status, shown, at=before)

    async def _check(self, session: Session) -> None:
        """Have everything looked at that the board shows."""
        page = await visit(self.pair, "/board", cookie=session.cookie)
        if page.status == 200:
            await visit(self.pair, "/board/check", cookie=session.cookie, form={"csrf": read_csrf(page)})
        else:
            session.was_refused = True

    def _judge(self, person: str, session: Session, status: int, shown: set[str], *, at: datetime) -> None:
        """What one look may show, and what it has to."""
        if session.was_refused or at - session.at >= SESSION_LASTS + SLACK:
            assert status == 401, "a session that was refused, or is over, is good for nothing"
            return
        for addon in self.addons:
            if addon.id in shown:
                self._require_may_be_shown(person, session, addon, at=at)
        is_over_soon = at - session.at >= SESSION_LASTS - SLACK
        is_told_whole = self.silence is None or self.silence.fault.path == "*"
        if not session.was_out and not is_over_soon and (is_told_whole or not session.has_moved):
            assert status == 200, f"{person} may see {session.addon.app.name} all the time"
            assert session.addon.id in shown
        session.was_refused = status == 403

    def _require_may_be_shown(self, person: str, session: Session, addon: Addon, *, at: datetime) -> None:
        since = self.out_since.get((person, addon.id))
        if since is None or at - since <= ACCESS_GOOD_FOR + SLACK:
            return
        assert addon is session.addon, f"{person} lost {addon.app.name} long ago, and did not come for it"
        assert not self.can_tell, f"{person} lost {addon.app.name} long ago, and Heroku says so"
        told = [each for each in self._list_told(addon.app) if each > max(since, session.at + SAME_MOMENT) + SLACK]
        assert session.has_moved or not told, f"Heroku said at {told[-1]} that {person} has lost {addon.app.name}"

    def _list_told(self, app: App) -> Iterator[datetime]:
        """When Heroku told who works on an app, while it answered everything."""
        for exchange in self.pair.heroku.traffic:
            if exchange.path == f"/apps/{app.id}/collaborators" and exchange.status == 200:
                yield exchange.at

    def _find_app(self, name: str) -> App:
        return self.pair.heroku.state.apps[name]


async def play_people(history: list[Action], database_url: str) -> None:
    """Play a history, judge each look, and in the end have everybody who may come in see that, and nothing else."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        addons = [await pair.heroku.create_addon(app, f"{SLUG}:basic") for app in APPS]
        await pair.settle()
        sight = Sight(pair=pair, clock=clock, addons=addons)
        sight.note_truth()
        for action in history:
            await sight.take(action)
            sight.note_truth()
        await _see_it_out(sight)


async def _see_it_out(sight: Sight) -> None:
    await sight.take(Answer())
    for person in PEOPLE:
        for slot, addon in enumerate(sight.addons):
            if not sight.may_see(person, addon):
                continue
            sight.clock.advance(ACCESS_GOOD_FOR + HELD_OFF + SLACK)
            await sight.take(LogIn(person, slot))
            page = await visit(sight.pair, "/board.json", cookie=sight.sessions[person].cookie)
            shown = set(_list_shown(page.text))
            allowed = {each.id for each in sight.addons if sight.may_see(person, each)}
            assert addon.id in shown, f"{person} came for {addon.app.name}"
            assert shown <= allowed, f"{person} sees what is not theirs"


def _list_shown(text: str) -> Iterator[str]:
    """The uuids on a board."""
    board = json.loads(text)
    cards = [*board["uncoupled"], *board["unknown"]]
    cards += [card for pipeline in board["pipelines"] for stage in pipeline["stages"].values() for card in stage]
    yield from (card["uuid"] for card in cards)
