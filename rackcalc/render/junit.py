"""JUnit XML, which CI systems show as tests: Jenkins, GitLab, Buildkite, actions of GitHub."""

from collections.abc import Sequence
from xml.etree import ElementTree

from rackcalc.quantities.problems import printable

ELEMENTS = {"fail": "failure", "error": "error", "skip": "skipped"}
Case = tuple[str, str, str, str]  # name, path of the figure, status, and the result in one line
Suite = tuple[str, Sequence[Case], Sequence[str]]  # a rack, its cases, and the notes on its estimate


def as_junit(suites: Sequence[Suite], kind: str = "gate") -> str:
    """One suite for every rack, one case for every gate. "fail" is a failure, "error" an error, "skip" is skipped.

    Any other status is a test that passed, and stands in its output.

    It has only attributes and elements that the schemas of Jenkins and of its xUnit plug-in both allow, and no time of
    day, so that the same input gives the same bytes.
    """
    root = ElementTree.Element("testsuites")
    for title, cases, notes in suites:
        found = [status for _, _, status, _ in cases]
        failures, errors, skipped = (str(found.count(status)) for status in ("fail", "error", "skip"))
        counts = {"tests": str(len(cases)), "failures": failures, "errors": errors, "time": "0", "skipped": skipped}
        suite = ElementTree.SubElement(root, "testsuite", {"name": printable(title), **counts})
        for name, path, status, line in cases:
            place = {"name": printable(name), "classname": f"rackcalc.{path}", "time": "0"}
            case = ElementTree.SubElement(suite, "testcase", place)
            if status in ELEMENTS:
                shown = {"message": printable(line), "type": kind}
                ElementTree.SubElement(case, ELEMENTS[status], shown).text = line
            else:
                ElementTree.SubElement(case, "system-out").text = f"{status.upper()} {line}".lstrip()
        if notes:
            ElementTree.SubElement(suite, "system-out").text = "\n".join(f"note: {printable(note)}" for note in notes)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
