"""Python's garbage collector, each of whose passes holds up everything else."""

import gc

# Python's own are 700, 10 and 10: new objects before a pass over the youngest, and passes before one over older ones.
COLLECTED_AFTER = (5_000, 10, 20)
# Imports make objects by the hundred thousand, of which hardly any is garbage.
COLLECTED_AFTER_MEANWHILE = (50_000, 10, 10)


def spare_collector_at_the_start() -> None:
    """Make its passes rare for as long as a process starts."""
    gc.set_threshold(*COLLECTED_AFTER_MEANWHILE)


def spare_collector() -> None:
    """Make its passes rarer and shorter, once a process has started.

    What is there by then stays there, and a busy worker makes and drops objects by the million.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)
