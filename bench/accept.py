#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the rows of the acceptance tables: `./dev accept [ID...] [--json] [--list]`.

A row is a function in bench/rows/*.py marked @row(id, target): it measures with the one default build and
returns (figure, passed). A row that lacks its data or its peer raises Skip with a word about it.
"""
import argparse
import importlib
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from common import ROWS, Skip  # noqa: E402


def load_rows():
    for path in sorted((pathlib.Path(__file__).parent / "rows").glob("*.py")):
        importlib.import_module(f"rows.{path.stem}")


def run(row):
    start = time.time()
    try:
        figure, passed = row.measure()
        verdict = "pass" if passed else "FAIL"
    except Skip as why:
        figure, verdict = str(why), "skip"
    except Exception as error:  # a broken row is a failed row, and the others still run
        figure, verdict = f"{type(error).__name__}: {error}", "FAIL"
    return {"id": row.id, "target": row.target, "figure": figure, "verdict": verdict,
            "seconds": round(time.time() - start, 1)}


def main():
    parser = argparse.ArgumentParser(prog="./dev accept")
    parser.add_argument("ids", nargs="*", help="rows, or the beginnings of their names; none: all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    load_rows()
    rows = [r for r in ROWS if not args.ids or any(r.id.startswith(i) for i in args.ids)]
    if not rows:
        parser.error(f"no row is called {' '.join(args.ids)}; --list shows them")
    results = []
    for row in rows:
        if args.list:
            print(f"{row.id:24} {row.target}")
            continue
        result = run(row)
        results.append(result)
        print(f"{result['verdict']:4}  {row.id:24} {row.target:34} {result['figure']}  ({result['seconds']} s)",
              file=sys.stderr if args.json else sys.stdout, flush=True)
    if args.json and not args.list:
        print(json.dumps({"rows": results}))
    return any(r["verdict"] == "FAIL" for r in results)


if __name__ == "__main__":
    sys.exit(main())
