"""Control API: what customers and Heroku do to apps and add-ons."""

from datetime import datetime
from typing import Annotated

import msgspec

from headrace.emulator.local.instruction import Control, Instruction
from headrace.emulator.world.records import Addon, App, Attachment
from headrace.emulator.world.traffic import mask_body
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


class NewCoupling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


class ShownService(msgspec.Struct, frozen=True, kw_only=True):
    slug: str
    plans: tuple[str, ...]


class ShownLogin(msgspec.Struct, frozen=True, kw_only=True):
    """The form that Heroku posts to log somebody in."""

    action: str
    fields: dict[str, str]


def create_pipeline(instruction: Instruction) -> dict[str, str]:
    wanted = instruction.read(NewPipeline)
    pipeline = instruction.emulator.create_pipeline(wanted.name, owner=wanted.owner)
    return {"id": pipeline.id, "name": pipeline.name}


def create_app(instruction: Instruction) -> ShownApp:
    wanted = instruction.read(NewApp)
    pipeline = instruction.emulator.find_pipeline(wanted.pipeline) if wanted.pipeline else None
    app = instruction.emulator.create_app(wanted.name, owner=wanted.owner, region=wanted.region)
    if pipeline is not None:
        instruction.emulator.couple(app, pipeline.id, wanted.stage)
    return _show_app(app)


def show_app(instruction: Instruction) -> ShownApp:
    return _show_app(_find_app(instruction))


def rename_app(instruction: Instruction) -> ShownApp:
    app = _find_app(instruction)
    instruction.emulator.rename_app(app, instruction.read(NewName).name)
    return _show_app(app)


async def destroy_app(instruction: Instruction) -> None:
    await instruction.emulator.destroy_app(instruction.parts["app"])


def couple_app(instruction: Instruction) -> ShownApp:
    app, wanted = _find_app(instruction), instruction.read(NewCoupling)
    instruction.emulator.couple(app, wanted.pipeline, wanted.stage)
    return _show_app(app)


def move_app(instruction: Instruction) -> ShownApp:
    app = _find_app(instruction)
    instruction.emulator.move(app, instruction.read(NewStage).stage)
    return _show_app(app)


def uncouple_app(instruction: Instruction) -> ShownApp:
    app = _find_app(instruction)
    instruction.emulator.uncouple(app)
    return _show_app(app)


def promote_app(instruction: Instruction) -> dict[str, list[str]]:
    """Name the apps that got the release."""
    promotion = instruction.emulator.promote(instruction.parts["app"])
    return {"targets": [target.app.name for target in promotion.targets]}


async def create_addon(instruction: Instruction) -> ShownAddon:
    wanted = instruction.read(NewAddon)
    addon = await instruction.emulator.create_addon(
        wanted.app, wanted.plan, user=wanted.user, options=wanted.options, name=wanted.name
    )
    return _show_addon(addon)


def show_addon(instruction: Instruction) -> ShownAddon:
    return _show_addon(_find_addon(instruction))


async def repeat_provision(instruction: Instruction) -> list[ShownAnswer]:
    answers = await instruction.emulator.send_provision(
        instruction.parts["addon"], times=instruction.read(Repeat).times
    )
    return [ShownAnswer(status=status, body=mask_body(raw, is_config=False)) for status, raw in answers]


async def change_plan(instruction: Instruction) -> ShownAddon:
    addon = _find_addon(instruction)
    await instruction.emulator.change_plan(addon, instruction.read(NewPlan).plan)
    return _show_addon(addon)


async def deprovision(instruction: Instruction) -> None:
    await instruction.emulator.deprovision(instruction.parts["addon"])


def build_login(instruction: Instruction) -> ShownLogin:
    action, fields = instruction.emulator.sso_form(instruction.parts["addon"], instruction.read(Login).user)
    return ShownLogin(action=action, fields=fields)


def expire_tokens(instruction: Instruction) -> None:
    instruction.emulator.expire_tokens(instruction.parts["addon"])


def revoke_tokens(instruction: Instruction) -> None:
    instruction.emulator.revoke_tokens(instruction.parts["addon"])


def attach(instruction: Instruction) -> ShownAttachment:
    wanted = instruction.read(NewAttachment)
    return _show_attachment(instruction.emulator.attach(instruction.parts["addon"], wanted.app, wanted.name))


def detach(instruction: Instruction) -> None:
    instruction.emulator.detach(instruction.parts["attachment"])


def list_services(instruction: Instruction) -> list[ShownService]:
    services = instruction.emulator.state.addon_services
    return [ShownService(slug=service.name, plans=tuple(service.plans)) for service in services]


def reset_secret(instruction: Instruction) -> dict[str, str]:
    """Tell the new client secret, as the Partner Portal does once."""
    return {"client_secret": instruction.emulator.reset_secret(instruction.parts["service"]).reveal()}


async def settle(instruction: Instruction) -> None:
    await instruction.emulator.settle()


CONTROLS = (
    Control("POST", "/settle", settle),
    Control("POST", "/pipelines", create_pipeline),
    Control("POST", "/apps", create_app),
    Control("GET", "/apps/{app}", show_app),
    Control("PATCH", "/apps/{app}", rename_app),
    Control("DELETE", "/apps/{app}", destroy_app),
    Control("POST", "/apps/{app}/coupling", couple_app),
    Control("PATCH", "/apps/{app}/coupling", move_app),
    Control("DELETE", "/apps/{app}/coupling", uncouple_app),
    Control("POST", "/apps/{app}/promote", promote_app),
    Control("POST", "/addons", create_addon),
    Control("GET", "/addons/{addon}", show_addon),
    Control("PATCH", "/addons/{addon}", change_plan),
    Control("DELETE", "/addons/{addon}", deprovision),
    Control("POST", "/addons/{addon}/provision", repeat_provision),
    Control("GET", "/addons/{addon}/sso", build_login),
    Control("POST", "/addons/{addon}/expire-tokens", expire_tokens),
    Control("POST", "/addons/{addon}/revoke-tokens", revoke_tokens),
    Control("POST", "/addons/{addon}/attachments", attach),
    Control("DELETE", "/attachments/{attachment}", detach),
    Control("GET", "/addon-services", list_services),
    Control("POST", "/addon-services/{service}/reset-secret", reset_secret),
)


def _find_app(instruction: Instruction) -> App:
    return instruction.emulator.find_app(instruction.parts["app"])


def _find_addon(instruction: Instruction) -> Addon:
    return instruction.emulator.find_addon(instruction.parts["addon"])


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
