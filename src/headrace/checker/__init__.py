"""The conformance checker: judges any provider of the Add-on Partner API, v3, over HTTP."""

from headrace.checker.kit.harness import Limits
from headrace.checker.report import Report, Result, Verdict
from headrace.checker.run import Assignment, Selection, check_provider

__all__ = ["Assignment", "Limits", "Report", "Result", "Selection", "Verdict", "check_provider"]
