"""All that commands of headrace import, for a process that others are forked out of: imported nowhere else.

Python's collector is to leave it alone: in each of them it would look at half a million objects anew.
"""

import gc

import headrace.emulator
import headrace.logs
import headrace.routes
import headrace.serving
import headrace.store.sql.migrate
import headrace.workflows.engine.runtime
import lab.kit.forked

__all__ = ["headrace", "lab"]

gc.collect()
gc.freeze()
