"""
spec/openapi.yaml, read: what its operations answer, with every reference followed
"""

import pathlib

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).parents[2]
METHODS = ("get", "head", "post", "patch", "delete", "options", "put", "trace")


def load():
    return yaml.safe_load((ROOT / "spec/openapi.yaml").read_text())


def follow(document, thing):
    """What a reference refers to; KeyError when that is nothing."""
    while isinstance(thing, dict) and "$ref" in thing:
        place = thing["$ref"]
        assert place.startswith("#/"), place
        thing = document
        for step in place[2:].split("/"):
            thing = thing[step]
    return thing


def operations(document):
    """(path, method, operation)"""
    return [(path, method, operation) for path, item in document["paths"].items()
            for method, operation in item.items() if method in METHODS]


def validate(document, schema, value):
    resolver = jsonschema.RefResolver("", document)
    jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)
