# SPDX-License-Identifier: Apache-2.0
"""Runs the command and judges what it did. Cases print `ok - name` or `not ok - name`."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SNUG = os.path.abspath(os.environ.get("SNUG", os.path.join(ROOT, "build", "snug")))
# Small enough for seconds, large enough to learn something.
GLYPHS = "glyphs:n=600,seed=3"
TINY = [GLYPHS, "--model", "mlp-256-128-64", "--epochs", "2", "--batch", "32", "--threads", "1"]

_cases = []


def sanitized():
    """Whether the command was built with sanitizers, whose memory and time are not Snug's."""
    try:
        with open(os.path.join(os.environ.get("SNUG_BUILD", ""), "CMakeCache.txt")) as f:
            return bool(re.search(r"^SNUG_SANITIZE:\w+=.", f.read(), re.M))
    except OSError:
        return False


class Skip(Exception):
    pass


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def environment(**more):
    env = {k: v for k, v in os.environ.items()
           if k not in ("COLUMNS", "NO_COLOR", "SNUG_FAULT", "SNUG_TRACE")}
    env.update(more)
    return env


def snug(*args, cwd=None, env=None, stdout=subprocess.PIPE, timeout=120):
    p = subprocess.run([SNUG, *map(str, args)], cwd=cwd, env=env or environment(), stdout=stdout,
                       stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=timeout)
    return Result(p.returncode, (p.stdout or b"").decode(), p.stderr.decode(errors="replace"))


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(map(str, what)))


def check_code(result, code):
    check(result.code == code, f"exit code {code} was due:", result)
    return result


def data(name):
    """A real data set beside the repository; skips the case when it is not there."""
    path = os.path.join(os.path.dirname(ROOT), "shared", "data", name)
    if not os.path.exists(path):
        raise Skip(f"{name} is not here")
    return path


def case(function):
    _cases.append(function)
    return function


def cases_of(name, rows):
    """A case for each row: a decorator for a function that takes one."""
    def add(function):
        for row in rows:
            def one(folder, row=row):
                return function(folder, *row[1:])
            one.__name__ = f"{name}: {row[0]}"
            _cases.append(one)
        return function
    return add


def main():
    wanted = [re.compile(a) for a in sys.argv[1:]]
    failed = 0
    for function in _cases:
        name = function.__name__.replace("_", " ")
        if wanted and not any(w.search(name) for w in wanted):
            continue
        folder = tempfile.mkdtemp(prefix="snug-test-")
        try:
            function(folder)
            print(f"ok - {name}", flush=True)
        except Skip as why:
            print(f"ok - {name} # SKIP {why}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok - {name}\n{traceback.format_exc()}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)
