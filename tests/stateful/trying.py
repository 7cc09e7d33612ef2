"""How many random histories are played, and how."""

import os

from hypothesis import HealthCheck, Phase, settings

VARIABLE = "HEADRACE_TEST_HISTORIES"


def trying(examples: int) -> settings:
    """So many, the same ones each time; as many others as the variable says where it is set.

    A history takes about a second: the service, its database and its restarts are real ones.
    """
    return settings(
        max_examples=int(os.environ.get(VARIABLE, examples)),
        deadline=None,
        database=None,
        derandomize=VARIABLE not in os.environ,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
