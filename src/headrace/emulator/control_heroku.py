"""Control API: what customers and Heroku do to apps and add-ons."""

from datetime import datetime
from typing import Annotated

import msgspec

from headrace.emulator.order import Order
from headrace.emulator.records import Addon, App, Attachment
from headrace.emulator.traffic import mask_body
from headrace.models import Stage

Times = Annotated[int, msgspec.Meta(ge=1, le=100)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class NewPipeline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`owner` is a user's e-mail address or the name of a team."""

    name: Text
    owner: Text


class NewApp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With a `pipeline` the app is coupled to it at once."""

    name: Text
    owner: Text
    region: str = "us"
    pipeline: str = ""
    stage: Stage = Stage.DEVELOPMENT


class NewName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Text


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pipeline: Text
    stage: Stage


class NewStage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    stage: Stage


class NewAddon(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`plan` reads `service:plan`; a `user` has to see the app, and without one nobody is asked."""

    app: Text
    plan: Text
    options: dict[str, str] = {}
    name: str = ""
    user: str | None = None


class Repeat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    times: Times = 1


class NewPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    plan: Text


class NewAttachment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    app: Text
    name: str = ""


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`user` is an e-mail address; without one it is the app's owner."""

    user: str | None = None


class ShownAttachment(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    app: str


class ShownAddon(msgspec.Struct, frozen=True, kw_only=True):
    """`deadline` is when a provision that stays unmarked ends."""

    id: str
    name: str
    app: str
    plan: str
    state: str
    provider_id: str
    message: str
    deadline: datetime | None
    attachments: tuple[ShownAttachment, ...]


class ShownApp(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    owner: str
    region: str
    pipeline: str | None
    stage: Stage | None
    addons: tuple[str, ...]


class ShownAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner answered, its secrets masked; `status` is null when it did not."""

    status: int | None
    body: str


class ShownLogin(msgspec.Struct, frozen=True, kw_only=True):
    """The form that Heroku posts to log somebody in."""

    action: str
    fields: dict[str, str]


def create_pipeline(order: Order) -> dict[str, str]:
    wanted = order.read(NewPipeline)
    pipeline = order.emulator.create_pipeline(wanted.name, owner=wanted.owner)
    return {"id": pipeline.id, "name": pipeline.name}


def create_app(order: Order) -> ShownApp:
    wanted = order.read(NewApp)
    pipeline = order.emulator.find_pipeline(wanted.pipeline) if wanted.pipeline else None
    app = order.emulator.create_app(wanted.name, owner=wanted.owner, region=wanted.region)
    if pipeline is not None:
        order.emulator.couple(app, pipeline.id, wanted.stage)
    return _show_app(app)


def show_app(order: Order) -> ShownApp:
    return _show_app(_find_app(order))


def rename_app(order: Order) -> ShownApp:
    app = _find_app(order)
    order.emulator.rename_app(app, order.read(NewName).name)
    return _show_app(app)


async def destroy_app(order: Order) -> None:
    await order.emulator.destroy_app(order.parts["app"])


def couple_app(order: Order) -> ShownApp:
    app, place = _find_app(order), order.read(Place)
    order.emulator.couple(app, place.pipeline, place.stage)
    return _show_app(app)


def move_app(order: Order) -> ShownApp:
    app = _find_app(order)
    order.emulator.move(app, order.read(NewStage).stage)
    return _show_app(app)


def uncouple_app(order: Order) -> ShownApp:
    app = _find_app(order)
    order.emulator.uncouple(app)
    return _show_app(app)


def promote_app(order: Order) -> dict[str, list[str]]:
    """Name the apps that got the release."""
    promotion = order.emulator.promote(order.parts["app"])
    return {"targets": [target.app.name for target in promotion.targets]}


async def create_addon(order: Order) -> ShownAddon:
    wanted = order.read(NewAddon)
    addon = await order.emulator.create_addon(
        wanted.app, wanted.plan, user=wanted.user, options=wanted.options, name=wanted.name
    )
    return _show_addon(addon)


def show_addon(order: Order) -> ShownAddon:
    return _show_addon(_find_addon(order))


async def repeat_provision(order: Order) -> list[ShownAnswer]:
    answers = await order.emulator.send_provision(order.parts["addon"], times=order.read(Repeat).times)
    return [ShownAnswer(status=status, body=mask_body(raw, is_config=False)) for status, raw in answers]


async def change_plan(order: Order) -> ShownAddon:
    addon = _find_addon(order)
    await order.emulator.change_plan(addon, order.read(NewPlan).plan)
    return _show_addon(addon)


async def deprovision(order: Order) -> None:
    await order.emulator.deprovision(order.parts["addon"])


def build_login(order: Order) -> ShownLogin:
    action, fields = order.emulator.sso_form(order.parts["addon"], order.read(Login).user)
    return ShownLogin(action=action, fields=fields)


def expire_tokens(order: Order) -> None:
    order.emulator.expire_tokens(order.parts["addon"])


def revoke_tokens(order: Order) -> None:
    order.emulator.revoke_tokens(order.parts["addon"])


def attach(order: Order) -> ShownAttachment:
    wanted = order.read(NewAttachment)
    return _show_attachment(order.emulator.attach(order.parts["addon"], wanted.app, wanted.name))


def detach(order: Order) -> None:
    order.emulator.detach(order.parts["attachment"])


def reset_secret(order: Order) -> dict[str, str]:
    """Tell the new client secret, as the Partner Portal does once."""
    return {"client_secret": order.emulator.reset_secret(order.parts["service"]).reveal()}


async def settle(order: Order) -> None:
    await order.emulator.settle()


def _find_app(order: Order) -> App:
    return order.emulator.find_app(order.parts["app"])


def _find_addon(order: Order) -> Addon:
    return order.emulator.find_addon(order.parts["addon"])


def _show_app(app: App) -> ShownApp:
    return ShownApp(
        id=app.id,
        name=app.name,
        owner=app.owner.email,
        region=app.region,
        pipeline=app.coupling.pipeline.name if app.coupling else None,
        stage=app.coupling.stage if app.coupling else None,
        addons=tuple(addon.name for addon in app.addons.values()),
    )


def _show_addon(addon: Addon) -> ShownAddon:
    return ShownAddon(
        id=addon.id,
        name=addon.name,
        app=addon.app.name,
        plan=addon.plan.full_name,
        state=addon.state,
        provider_id=addon.provider_id,
        message=addon.message,
        deadline=addon.deadline,
        attachments=tuple(_show_attachment(attachment) for attachment in addon.attachments.values()),
    )


def _show_attachment(attachment: Attachment) -> ShownAttachment:
    return ShownAttachment(id=attachment.id, name=attachment.name, app=attachment.app.name)
