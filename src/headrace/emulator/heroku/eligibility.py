"""Which apps may have an add-on, and which pipeline may have an app."""

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.kit.errors import invalid
from headrace.emulator.world.manifests import ATTACHABLE, MANY_PER_APP
from headrace.emulator.world.records import Addon, AddonService, App, Pipeline


def check_install(heroku: Heroku, service: AddonService, app: App) -> None:
    """Refuse a new add-on where its service is not offered, or is there already (contract §5, §11).

    Raises:
        Declined: the customer cannot have it on this app.

    """
    regions = service.manifest.regions
    if app.region not in regions and "*" not in regions:
        raise invalid(f"{service.manifest.name} is not available in region {app.region}.")
    _check_generation(service, app)
    _check_number(heroku, service, app)


def check_attachment(heroku: Heroku, addon: Addon, app: App) -> None:
    """Refuse to share an add-on with another app, unless the manifest says that it may be (contract §5).

    Raises:
        Declined: the customer cannot attach it to this app.

    """
    if app is addon.app:
        return
    service = addon.service
    _check_generation(service, app)
    if heroku.switches.requires_enforced and ATTACHABLE not in service.manifest.requires:
        raise invalid(f"{service.manifest.name} add-ons cannot be attached to other apps.")
    if all(attachment.addon is not addon for attachment in app.attachments.values()):
        _check_number(heroku, service, app)


def check_coupling(heroku: Heroku, app: App, pipeline: Pipeline) -> None:
    """Refuse an app of another generation than its pipeline's.

    Raises:
        Declined: the two do not go together.

    """
    if app.generation != pipeline.generation and not heroku.switches.mixed_generations:
        raise invalid(
            f"{app.name} is a {app.generation} app and cannot be in {pipeline.name}, a {pipeline.generation} pipeline."
        )


def _check_generation(service: AddonService, app: App) -> None:
    if app.generation not in service.generations:
        raise invalid(f"{service.manifest.name} does not support {app.generation} apps, such as {app.name}.")


def _check_number(heroku: Heroku, service: AddonService, app: App) -> None:
    """One add-on of a service is enough for an app; whose it is does not matter, as the schema says."""
    if not heroku.switches.requires_enforced or MANY_PER_APP in service.manifest.requires:
        return
    if any(attachment.addon.service is service for attachment in app.attachments.values()):
        raise invalid(f"{app.name} already has an add-on of {service.manifest.name}, and cannot have another.")
