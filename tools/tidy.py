#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over src/ and tests/, a few files at a time: tidy.py BUILD_DIR [FILE...]

A source that is compiled once a kernel tier is looked at once. What a clean file was made of is
remembered (build/tidy), so that only files that changed are looked at again.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

CACHE = "build/tidy"
GCC_ONLY = re.compile(r" -fno-split-loops\b")


def commands(build):
    """One entry a source, the last tier's, as clang reads it."""
    with open(os.path.join(build, "compile_commands.json")) as f:
        entries = {entry["file"]: entry for entry in json.load(f)}
    for entry in entries.values():
        entry["command"] = GCC_ONLY.sub("", entry["command"])
    root = os.getcwd() + "/"
    return {file[len(root):]: entry for file, entry in sorted(entries.items())
            if file.startswith((root + "src/", root + "tests/"))}


def fingerprint(path, entry):
    """Of everything that the file's check depends on, as the preprocessor sees it."""
    command = re.sub(r" -o \S+ -c ", " -E -P ", entry["command"])
    out = subprocess.run(command, shell=True, cwd=entry["directory"], capture_output=True).stdout
    with open(".clang-tidy", "rb") as f:
        return hashlib.sha256(f.read() + entry["command"].encode() + out).hexdigest()


def check(path, entry, folder):
    stamp = os.path.join(CACHE, fingerprint(path, entry))
    if os.path.exists(stamp):
        return ""
    run = subprocess.run(["clang-tidy", "--quiet", "-p", folder, path], capture_output=True,
                         text=True)
    if run.returncode == 0:
        open(stamp, "w").close()
        return ""
    return run.stdout or run.stderr


def main():
    build, only = sys.argv[1], sys.argv[2:]
    os.makedirs(CACHE, exist_ok=True)
    entries = commands(build)
    with open(os.path.join(CACHE, "compile_commands.json"), "w") as f:
        json.dump(list(entries.values()), f)
    chosen = {p: e for p, e in entries.items() if not only or p in only}
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for text in pool.map(lambda item: check(*item, CACHE), chosen.items()):
            bad += bool(text)
            sys.stdout.write(text)
    print(f"clang-tidy: {len(chosen)} files, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
