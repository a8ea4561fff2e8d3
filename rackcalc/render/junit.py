"""Verdicts as JUnit XML, which CI systems show as tests: Jenkins, GitLab, GitHub actions that read it, Buildkite."""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from rackcalc.errors import printable
from rackcalc.gates import Verdict
from rackcalc.render.checks import line


def as_junit(report: Any, verdicts: Sequence[Verdict]) -> str:
    """One suite for the rack, one case a gate. A warning is a case that passed and says so in its output.

    Only attributes and elements that the schemas of Jenkins and of its xUnit plug-in both know; no time of day, so that
    the same input gives the same bytes.
    """
    failures = sum(verdict.status == "fail" for verdict in verdicts)
    counts = {"tests": str(len(verdicts)), "failures": str(failures), "errors": "0", "time": "0"}
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", {"name": printable(report.title), **counts, "skipped": "0"})
    for verdict in verdicts:
        place = {
            "name": printable(verdict.condition.text),
            "classname": f"rackcalc.{verdict.condition.path}",
            "time": "0",
        }
        case = ElementTree.SubElement(suite, "testcase", place)
        if verdict.status == "fail":
            failure = {"message": line(verdict), "type": "gate"}
            ElementTree.SubElement(case, "failure", failure).text = line(verdict)
        else:
            ElementTree.SubElement(case, "system-out").text = f"{verdict.status.upper()} {line(verdict)}"
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
