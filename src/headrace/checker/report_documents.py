"""A report for programs: JSON, and the XML that continuous integration reads as JUnit's."""

from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from headrace.checker.report import Report, Result, Verdict


def render_json(report: Report) -> str:
    """Return the shape that docs/checker.md describes."""
    document: dict[str, Any] = {"passed": report.has_passed, "summary": report.count(), **msgspec.to_builtins(report)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def render_junit(report: Report) -> str:
    """Return a test suite for each feature. A warning is a passed case that says what was wrong in its output."""
    suites = ET.Element("testsuites", name="headrace check")
    for feature in dict.fromkeys(result.feature for result in report.results):
        _add_suite(suites, feature, [result for result in report.results if result.feature == feature])
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode")


def _add_suite(suites: ET.Element, feature: str, results: list[Result]) -> None:
    suite = ET.SubElement(
        suites,
        "testsuite",
        name=feature,
        tests=str(len(results)),
        failures=str(sum(_is_failure(result) for result in results)),
        errors="0",
        skipped=str(sum(result.verdict is Verdict.SKIPPED and result.is_good for result in results)),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        _add_case(suite, result)


def _add_case(suite: ET.Element, result: Result) -> None:
    case = ET.SubElement(suite, "testcase", classname=result.feature, name=result.id, time=f"{result.seconds:.3f}")
    if _is_failure(result):
        failure = ET.SubElement(case, "failure", message=_clean(result.fact), type=result.level)
        failure.text = _clean(_describe(result))
    elif result.verdict is Verdict.SKIPPED:
        ET.SubElement(case, "skipped", message=_clean(f"{result.why}: {result.reason}"))
    elif result.verdict is Verdict.WARN:
        ET.SubElement(case, "system-out").text = _clean(f"warning: {result.fact}\n{_describe(result)}")


def _is_failure(result: Result) -> bool:
    """Whether the provider does not pass because of it: what must hold and could not be judged counts too."""
    return not result.is_good


def _describe(result: Result) -> str:
    if result.verdict is Verdict.SKIPPED:
        return f"not judged, {result.why}: {result.reason}"
    parts = {"expected": result.expected, "sent": result.sent, "came": result.came, "see": result.url}
    return "\n".join(f"{name}: {text}" for name, text in parts.items() if text)


def _clean(text: str) -> str:
    """Replace what XML 1.0 cannot hold, which a provider's answer may well."""
    return "".join(char if _is_xml(ord(char)) else "�" for char in text)


def _is_xml(code: int) -> bool:
    return code in {0x9, 0xA, 0xD} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
