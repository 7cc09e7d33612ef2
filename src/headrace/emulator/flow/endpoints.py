"""Platform API: the rows of everything that a pipeline has beside its apps."""

from headrace.emulator.flow import repositories, review_app_calls, setup_calls, test_run_calls

ENDPOINTS = (
    *repositories.ENDPOINTS,
    *review_app_calls.ENDPOINTS,
    *setup_calls.ENDPOINTS,
    *test_run_calls.ENDPOINTS,
)
