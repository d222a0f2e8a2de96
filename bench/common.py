# SPDX-License-Identifier: Apache-2.0
"""What acceptance rows share: the table, running the command, the real data, peers."""
import collections
import json
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SNUG = ROOT / "build" / "snug"
DATA = ROOT.parent / "shared" / "data"
MODELS = ["linear", "mlp", "mlp-256-128-64", "lenet", "cnn", "resnet8"]

Row = collections.namedtuple("Row", "id target measure")
ROWS = []


class Skip(Exception):
    """The row cannot be measured here."""


def row(name, target):
    def add(function):
        ROWS.append(Row(name, target, function))
        return function
    return add


def data(name):
    path = DATA / name
    if not path.exists():
        raise Skip(f"no data: {name}")
    return str(path)


def snug(*args, check=True, env=None, cwd=None, timeout=3600):
    """Run a command with --json; its one JSON object."""
    done = subprocess.run([str(SNUG), *map(str, args), "--json"], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})}, cwd=cwd)
    if check and done.returncode != 0:
        raise RuntimeError(f"snug {' '.join(map(str, args))}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout) if done.stdout.strip() else {"exit": done.returncode, "stderr": done.stderr}


def train(*args, **kwargs):
    """Train in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        return snug("train", *args, "--out", os.path.join(folder, "run"), "--quiet", **kwargs)


def ctest(*names):
    """Run test programs of the build; raise with their output when one fails."""
    for name in names:
        program = ROOT / "build" / name
        if not program.exists():
            raise Skip(f"{name} is not built")
        done = subprocess.run([str(program)], capture_output=True, text=True, cwd=ROOT)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {(done.stdout + done.stderr)[-400:]}")


def array(values, kind, shape):
    """The bytes of an .npy file."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(shape)}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(values)


def median(values):
    return statistics.median(values)


def which(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"no {name}")
    return path
