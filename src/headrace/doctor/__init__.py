"""What `headrace doctor` looks at: each finding says what is wrong and what to do."""

from headrace.doctor.examining import examine, examine_workflows, find_misconfigured
from headrace.doctor.findings import Finding, Level

__all__ = ["Finding", "Level", "examine", "examine_workflows", "find_misconfigured"]
