"""How the settings of notices that are sent out are read."""

from enum import StrEnum

from headrace.errors import ConfigurationError
from headrace.models import Secret
from headrace.settings.declaring import Given
from headrace.settings.texts import read_url

NOTICE_SECRET, NOTICE_FORM = "HEADRACE_NOTICE_SECRET", "HEADRACE_NOTICE_FORM"


class NoticeForm(StrEnum):
    """In which form notices are sent out: signed JSON, or what chat tools take."""

    JSON = "json"
    CHAT = "chat"


def read_notice_url(given: Given) -> Secret | None:
    """Read an address, which for many chat tools is all the secret that there is."""
    if not given.text:
        return None
    url = read_url(given)
    if given.texts[NOTICE_FORM] == NoticeForm.JSON and not given.texts[NOTICE_SECRET]:
        raise ConfigurationError(
            [f"wants a {NOTICE_SECRET}, which signs what is sent, or {NOTICE_FORM}=chat for a chat tool."]
        )
    return Secret(url)


def read_notice_form(given: Given) -> NoticeForm:
    try:
        return NoticeForm(given.text)
    except ValueError:
        raise ConfigurationError([f"{given.text[:20]} is neither {NoticeForm.JSON} nor {NoticeForm.CHAT}."]) from None
