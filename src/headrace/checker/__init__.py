"""The conformance checker: judges any provider of the Add-on Partner API, v3, over HTTP."""

from headrace.checker.bench import Limits
from headrace.checker.report import Report, Result, Verdict
from headrace.checker.run import Order, Selection, check_provider

__all__ = ["Limits", "Order", "Report", "Result", "Selection", "Verdict", "check_provider"]
