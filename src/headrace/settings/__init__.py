"""What an operator sets, read once from the environment.

To add a setting: a field of `Settings` in `settings`, with how its text is read from `texts`. `./dev draw` writes
.env.example and docs/settings.md from there.
"""

from headrace.settings.declaring import Setting
from headrace.settings.settings import SETTINGS, Settings, find_database, read_settings

__all__ = ["SETTINGS", "Setting", "Settings", "find_database", "read_settings"]
