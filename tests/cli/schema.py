# SPDX-License-Identifier: Apache-2.0
"""The part of JSON Schema that tests/schema uses."""
import json
import os
import re

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "schema")
KNOWN = {"$schema", "$ref", "title", "description", "type", "properties", "required", "items",
         "additionalProperties", "minimum", "maximum", "enum", "pattern", "minItems"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def load(name):
    with open(os.path.join(FOLDER, name)) as f:
        return json.load(f)


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def problems(value, schema, at="$"):
    """Every way in which value breaks the schema."""
    if "$ref" in schema:
        yield from problems(value, load(schema["$ref"]), at)
        return
    unknown = set(schema) - KNOWN
    if unknown:
        yield f"{at}: the validator does not know {sorted(unknown)}"
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(is_type(value, n) for n in names):
        yield f"{at}: {value!r} is not of type {' or '.join(names)}"
        return
    yield from of_value(value, schema, at)
    if isinstance(value, dict):
        yield from of_object(value, schema, at)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{at}: {len(value)} items are too few"
        for i, item in enumerate(value):
            yield from problems(item, schema.get("items", {}), f"{at}[{i}]")


def of_value(value, schema, at):
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is not one of {schema['enum']}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    if is_type(value, "number"):
        if value < schema.get("minimum", value):
            yield f"{at}: {value} is below {schema['minimum']}"
        if value > schema.get("maximum", value):
            yield f"{at}: {value} is above {schema['maximum']}"


def of_object(value, schema, at):
    known = schema.get("properties", {})
    for key in schema.get("required", []):
        if key not in value:
            yield f"{at}: '{key}' is missing"
    for key, item in value.items():
        more = schema.get("additionalProperties", True)
        if key in known:
            yield from problems(item, known[key], f"{at}.{key}")
        elif more is False:
            yield f"{at}: '{key}' is not in the schema"
        elif isinstance(more, dict):
            yield from problems(item, more, f"{at}.{key}")


def check(value, name):
    found = list(problems(value, load(name)))
    assert not found, "\n".join([f"{name}:"] + found)
