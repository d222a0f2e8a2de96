#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` leaves: files, symbols, and a library that programs are built against."""
import os
import re
import shutil
import subprocess

from harness import ROOT, Skip, case, check, main, sanitized

EXAMPLE = os.path.join(ROOT, "examples", "train_mnist.c")
HEADERS = os.path.join(ROOT, "include", "snug")


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **more)
    check(done.returncode == 0, *command, done.stdout, done.stderr)
    return done.stdout


def installed(folder):
    if sanitized():
        raise Skip("libraries with sanitizers are not installed")
    for tool in ("cmake", "cc", "pkg-config", "nm"):
        if not shutil.which(tool):
            raise Skip(f"no {tool} here")
    run("cmake", "--install", os.environ.get("SNUG_BUILD", os.path.join(ROOT, "build")),
        "--prefix", folder)
    found = {}
    for path, _, names in os.walk(folder):
        found.update({name: os.path.join(path, name) for name in names})
    return found


def flags(folder, files, *wanted):
    """The prefix is not the one that the build was set up for."""
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(files["snug.pc"]))
    return run("pkg-config", f"--define-variable=prefix={folder}", *wanted, "snug", env=env).split()


def trains(program, **more):
    out = run(program, "glyphs:n=200", "1", env=dict(os.environ, **more))
    check("test accuracy" in out, out)


@case
def everything_is_there(folder):
    files = installed(folder)
    expected = {"snug", "snug.1", "libsnug.a", "libsnug.so", "snug.pc", "_snug", "snug.fish",
                "LICENSE", "README.md"} | set(os.listdir(HEADERS))
    check(expected <= set(files), "missing:", expected - set(files))
    check("train" in run(os.path.join(folder, "bin", "snug"), "help"), "no help")


@case
def programs_use_the_shared_library(folder):
    files, program = installed(folder), os.path.join(folder, "program")
    run("cc", EXAMPLE, "-o", program, *flags(folder, files, "--cflags", "--libs"))
    trains(program, LD_LIBRARY_PATH=os.path.dirname(files["libsnug.so"]))


@case
def programs_use_the_static_library(folder):
    files, program = installed(folder), os.path.join(folder, "program")
    libs = flags(folder, files, "--static", "--cflags", "--libs")
    run("cc", EXAMPLE, "-o", program,
        *(files["libsnug.a"] if flag == "-lsnug" else flag for flag in libs))
    trains(program)


@case
def only_the_public_interface_is_exported(folder):
    public = set()
    for name in os.listdir(HEADERS):
        with open(os.path.join(HEADERS, name)) as f:
            public.update(re.findall(r"\bsnug_\w+", f.read()))
    table = run("nm", "-D", "--defined-only", installed(folder)["libsnug.so"])
    exported = {line.split()[-1] for line in table.splitlines()}
    check(exported and exported <= public, "not in include/snug:", exported - public)


if __name__ == "__main__":
    main()
