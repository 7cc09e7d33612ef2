"""All that commands of headrace import, for a process that others are forked out of: imported nowhere else.

What they import only once they run is in it too: after the fork each of them would do that anew. Python's collector is
to leave it alone: in each of them it would look at half a million objects anew.
"""

import gc
import importlib

import lab.kit.forked
from lab.kit.modules import LATE, find_ours

__all__ = ["lab"]

for name in (*find_ours(), *LATE):
    importlib.import_module(name)

gc.collect()
gc.freeze()
