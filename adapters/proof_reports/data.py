"""A report for programs: JSON, and JUnit's XML as build servers show it."""

import hashlib
from collections import defaultdict
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from adapters.proof_reports.words import count, excused, per_second, sentence, verdict, visible
from application.proof.report import Finding, Report
from domain.specification.analysis import Right, declared_channels
from domain.specification.gains import for_any_account, public


def fingerprint(report: Report) -> str:
    """The SHA-256 of the specification's text, so that one can tell which text a proof was about."""
    return hashlib.sha256(report.source.encode("utf-8", "surrogatepass")).hexdigest()


# --- JSON -----------------------------------------------------------------------------------


def as_json(report: Report) -> dict[str, Any]:
    """The whole report as one JSON object."""
    spec, ended = report.specification, verdict(report)
    found = {
        "app": spec.app,
        "version": spec.version,
        "specification_sha256": fingerprint(report),
        "proved": ended.proved,
        "verdict": f"{ended.word}. {ended.sentence}",
        "seed": report.seed,
        "budget": report.budget,
        "seconds": round(report.seconds, 3),
        "worlds": report.worlds,
        "stories": report.stories,
        "comparisons": dict(report.comparisons),
        "total": report.total,
        "per_second": per_second(report),
        "cells": [
            {
                "resource": resource,
                "action": action,
                "relation": relation,
                "allowed": cell.allowed,
                "refused": cell.refused,
                "leaks": cell.leaks,
            }
            for (resource, action, relation), cell in report.cells.items()
        ],
        "public": [_right(report, found.right) for found in public(spec)],
        "any_account": [_right(report, found.right) for found in for_any_account(spec)],
        "grants": [
            {
                "resource": use.resource,
                "action": use.action,
                "who": use.text,
                "line": use.line,
                "decided": use.decided,
                "missed": use.missed,
            }
            for use in report.grants
        ],
        "channels": [
            {
                "resource": channel.resource,
                "kind": channel.kind,
                "line": channel.place.line,
                "because": channel.because,
                "excused": excused(report, channel.resource, channel.kind),
            }
            for channel in declared_channels(spec)
        ],
        "excused": dict(report.channels),
        "not_covered": list(report.not_covered),
        "skipped": list(report.skipped),
        "findings": [_finding(finding) for finding in report.findings],
        "mutants": None
        if report.mutants is None
        else {
            "tried": report.mutants.tried,
            "caught": report.mutants.caught,
            "survivors": list(report.mutants.survivors),
            "seconds": round(report.mutants.seconds, 3),
        },
    }
    return {key: _encodable(value) for key, value in found.items()}


def _right(report: Report, right: Right) -> dict[str, Any]:
    return {
        "resource": right.resource,
        "action": right.action,
        "who": right.who,
        "line": right.place.line,
        "sentence": f"{sentence(report.specification, right)}.",
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "reading": finding.reading,
        "resource": finding.resource,
        "action": finding.action,
        "relation": finding.relation,
        "title": finding.title,
        "because": finding.because,
        "story": list(finding.story),
        "expected": finding.expected,
        "given": finding.given,
        "curl": finding.curl,
        "lines": list(finding.lines),
    }


def _encodable(value: Any) -> Any:
    """The value with lone surrogates written as escapes: nothing else in it could fail to be encoded."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_encodable(key): _encodable(each) for key, each in value.items()}
        case list():
            return [_encodable(each) for each in value]
    return value


# --- JUnit ----------------------------------------------------------------------------------


def as_junit(report: Report) -> str:
    """JUnit XML: a case for each resource, action and relation, for each grant, and for the mutants.

    Each finding fails the case of its place; a grant that decided nothing is a skipped case.
    """
    spec = report.specification
    suite = Element("testsuite", name=visible(f"freehold prove: {spec.app} {spec.version}"))
    properties = SubElement(suite, "properties")
    for name, value in (
        ("seed", str(report.seed)),
        ("budget", report.budget),
        ("comparisons", str(report.total)),
        ("specification_sha256", fingerprint(report)),
    ):
        SubElement(properties, "property", name=name, value=visible(value))
    _cells(suite, report)
    _grants(suite, report)
    _mutants(suite, report)
    if not report.total:
        case = _case(suite, f"{spec.app}.proof", "something was compared")
        _fail(case, "empty", verdict(report).sentence, "")
    cases = suite.findall("testcase")
    for name, number in (
        ("tests", len(cases)),
        ("failures", sum(case.find("failure") is not None for case in cases)),
        ("errors", 0),
        ("skipped", sum(case.find("skipped") is not None for case in cases)),
    ):
        suite.set(name, str(number))
    suite.set("time", f"{report.seconds:.3f}")
    indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _case(suite: Element, group: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=visible(group), name=visible(name), time="0")


def _fail(case: Element, kind: str, message: str, text: str) -> None:
    failure = SubElement(case, "failure", type=kind, message=visible(message))
    failure.text = visible(text)


def _cells(suite: Element, report: Report) -> None:
    found: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        found[finding.resource, finding.action, finding.relation].append(finding)
    for place in dict.fromkeys([*report.cells, *found]):
        resource, action, relation = place
        case = _case(suite, f"{report.specification.app}.{resource}", f"{action} by {relation}")
        here, cell = found[place], report.cells.get(place)
        if here:
            kinds = " ".join(dict.fromkeys(finding.kind.value for finding in here))
            text = "\n\n".join(_told(report, finding) for finding in here)
            _fail(case, kinds, " ".join(finding.title for finding in here), text)
        elif cell is not None and cell.leaks:
            _fail(case, "leak", f"{count(cell.leaks, 'answer')} leaked.", "")
        elif cell is not None:
            SubElement(case, "system-out").text = f"{cell.allowed} allowed, {cell.refused} refused, no leak"


def _grants(suite: Element, report: Report) -> None:
    for use in report.grants:
        group = f"{report.specification.app}.{use.resource}.rules"
        case = _case(suite, group, f"line {use.line}: {use.action}: {use.text}")
        if use.decided:
            SubElement(case, "system-out").text = f"decided {use.decided} cases; {use.missed} near misses"
        else:
            SubElement(case, "skipped", message="This grant decided no case: it was not tested.")


def _mutants(suite: Element, report: Report) -> None:
    if report.mutants is None:
        return
    group = f"{report.specification.app}.mutants"
    case = _case(suite, group, "deliberate mistakes are noticed")
    SubElement(case, "system-out").text = f"{report.mutants.caught} of {report.mutants.tried} noticed"
    for survivor in report.mutants.survivors:
        _fail(_case(suite, group, survivor), "mutant", "This deliberate mistake went unnoticed.", survivor)


def _told(report: Report, finding: Finding) -> str:
    steps = [f"{number}. {step}" for number, step in enumerate(finding.story, 1)]
    return "\n".join(
        [
            finding.title,
            finding.because,
            "",
            *steps,
            "",
            f"expected: {finding.expected}",
            f"given:    {finding.given}",
            "",
            finding.curl,
            "",
            f"Repeat with --seed {report.seed}",
        ]
    )
