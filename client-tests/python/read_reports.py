"""Reads reports of the policy workbench as CI servers and code hosts do; ends with 1 and the reason when one is not read.

    read_reports.py KIND SCHEMAS REPORT...

KIND is `junit`, `cobertura` or `sarif`; SCHEMAS is the folder of the schemas.
"""

import json
import sys
from pathlib import Path

import jsonschema
from junitparser import JUnitXml
from lxml import etree

# What a report says beyond the schema: GitLab links a test case to its `file`, pytest's reports have `line` beside it, and
# quick-junit counts what was skipped. The readers of the others pass over them.
BEYOND_THE_SCHEMA = {"testsuites": ["skipped"], "testcase": ["file", "line"]}


def junit(report, schemas):
    schema = etree.XMLSchema(etree.parse(schemas / "jenkins-junit.xsd"))
    tree = etree.parse(report)
    for element, attributes in BEYOND_THE_SCHEMA.items():
        for found in tree.iter(element):
            for attribute in attributes:
                found.attrib.pop(attribute, None)
    schema.assertValid(tree)
    suites = JUnitXml.fromfile(str(report))
    cases = [case for suite in suites for case in suite]
    failed = [case for case in cases if not case.is_passed]
    if (len(cases), len(failed)) != (suites.tests, suites.failures):
        raise ValueError(
            f"{suites.tests} tests and {suites.failures} failures are announced, {len(cases)} and {len(failed)} are there"
        )


def cobertura(report, schemas):
    with (schemas / "coverage-04.dtd").open() as file:
        dtd = etree.DTD(file)
    dtd.assertValid(etree.parse(report))


def sarif(report, schemas):
    schema = json.loads((schemas / "sarif-2.1.0-rtm.5.json").read_text())
    jsonschema.Draft4Validator(schema).validate(json.loads(report.read_text()))


def main():
    kind, schemas, *reports = sys.argv[1:]
    read = {"junit": junit, "cobertura": cobertura, "sarif": sarif}[kind]
    if not reports:
        sys.exit("no report was given")
    for report in map(Path, reports):
        try:
            read(report, Path(schemas))
        except (etree.LxmlError, jsonschema.ValidationError, ValueError) as error:
            sys.exit(f"{report}: {error}")


main()
