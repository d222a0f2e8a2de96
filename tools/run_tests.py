#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs CTest in build folders and counts single cases: run_tests.py [--skipped TEXT] DIR... [-- CTEST OPTIONS]

A cmocka case counts as one, so does a line `ok - name` or `not ok - name` of a script; a program
that prints neither counts as one case by its exit status (77: skipped). What failed is shown whole.
The last line is `N passed, N failed, N skipped`; exit status 1 when something failed.
"""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

CASE = re.compile(r"^(?:\[ +(OK|FAILED|SKIPPED) +\] (?!\d+ test)(?!tests?:)(\S.*)|(not ok|ok)\b(.*))$",
                  re.M)


def cases(text):
    """Names of cases by outcome; cmocka names a failed case twice."""
    found = {"passed": set(), "failed": set(), "skipped": set()}
    for m in CASE.finditer(text):
        if m[1]:
            outcome = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[m[1]]
        else:
            outcome = "failed" if m[3] == "not ok" else "passed"
            if "# SKIP" in m[4].upper():
                outcome = "skipped"
        found[outcome].add(m[2] or m[4])
    return found


def run_ctest(folder, options):
    report = os.path.join(folder, "tests.xml")
    if os.path.exists(report):
        os.remove(report)
    jobs = str(len(os.sched_getaffinity(0)))
    subprocess.run(["ctest", "--test-dir", folder, "-j", jobs, "--output-junit",
                    os.path.abspath(report), "--test-output-size-passed", "10000000",
                    "--test-output-size-failed", "10000000", *options])
    if not os.path.exists(report):
        print(f"{folder}: ctest left no report", file=sys.stderr)
        return []
    return xml.etree.ElementTree.parse(report).getroot().iter("testcase")


def count(test, sums):
    """Adds one program's cases; whether it failed."""
    status, text = test.get("status"), test.findtext("system-out") or ""
    found = cases(text)
    n = {outcome: len(names) for outcome, names in found.items()}
    failed = status not in ("run", "disabled", "notrun") or test.find("failure") is not None
    if test.find("skipped") is not None:
        failed, n = False, {"passed": 0, "failed": 0, "skipped": max(1, n["skipped"])}
    elif failed:
        n["failed"] = max(1, n["failed"])
    elif sum(n.values()) == 0:
        n["passed"] = 1
    for outcome in sums:
        sums[outcome] += n[outcome]
    return failed, text, sorted(found["skipped"])


def main():
    args, options, folders = sys.argv[1:], [], []
    if "--" in args:
        options = args[args.index("--") + 1:]
        args = args[:args.index("--")]
    sums, skipped, failures = {"passed": 0, "failed": 0, "skipped": 0}, [], []
    while args:
        word = args.pop(0)
        if word == "--skipped":
            skipped.append(args.pop(0))
            sums["skipped"] += 1
        else:
            folders.append(word)
    for folder in folders:
        n_tests = 0
        for test in run_ctest(folder, options):
            n_tests += 1
            failed, text, names = count(test, sums)
            if failed:
                failures.append(f"==== {folder}: {test.get('name')}\n{text}")
            elif test.find("skipped") is not None:
                skipped.append(f"{test.get('name')}: {text.strip().splitlines()[-1:] or ['']}")
            skipped += [f"{test.get('name')}: {name}" for name in names]
        if n_tests == 0:
            failures.append(f"==== {folder}: no tests were run")
            sums["failed"] += 1
    for failure in failures:
        print(failure)
    for what in skipped:
        print(f"skipped: {what}")
    print(f"{sums['passed']} passed, {sums['failed']} failed, {sums['skipped']} skipped")
    return 1 if sums["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
