"""
spec/openapi.yaml is one whole: what it refers to is there, what is there is referred to, and it has every route,
every method and every status that the server has.
"""

import re

import jsonschema
import pytest

from openapi import ROOT, follow, load, operations

DOCUMENT = load()
OPERATIONS = operations(DOCUMENT)


def references(thing):
    if isinstance(thing, dict):
        if "$ref" in thing:
            yield thing["$ref"]
        for value in thing.values():
            yield from references(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from references(value)


def test_it_is_of_the_version_that_it_says():
    assert DOCUMENT["openapi"] == "3.1.0"
    assert set(DOCUMENT) <= {"openapi", "info", "servers", "paths", "components"}
    version = re.search(r"version: '([\d.]+)'", (ROOT / "meson.build").read_text())[1]
    assert DOCUMENT["info"]["version"] == version


def test_every_reference_leads_somewhere():
    for place in set(references(DOCUMENT)):
        assert isinstance(follow(DOCUMENT, {"$ref": place}), dict), place


def test_every_component_is_referred_to():
    used = set(references(DOCUMENT))
    there = {f"#/components/{kind}/{name}" for kind, all_of_them in DOCUMENT["components"].items()
             for name in all_of_them}
    assert there - used == set()


def test_a_reference_stands_alone():
    """Beside one, OpenAPI ignores everything; in a schema nothing."""
    def look(thing, in_schema):
        if isinstance(thing, dict):
            assert in_schema or "$ref" not in thing or len(thing) == 1, thing
            for key, value in thing.items():
                look(value, in_schema or key in ("schema", "schemas"))
        elif isinstance(thing, list):
            for value in thing:
                look(value, in_schema)

    look(DOCUMENT, False)


def schemas():
    def look(thing):
        if isinstance(thing, dict):
            if "schema" in thing:
                yield thing["schema"]
            for value in thing.values():
                yield from look(value)
        elif isinstance(thing, list):
            for value in thing:
                yield from look(value)

    yield from DOCUMENT["components"]["schemas"].values()
    yield from look(DOCUMENT)


def test_every_schema_is_one():
    for schema in schemas():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_is_complete():
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    for path, method, operation in OPERATIONS:
        assert set(operation) <= {"operationId", "summary", "description", "parameters", "requestBody", "responses"}
        assert operation["summary"].endswith(".")
        assert any(status.startswith("2") for status in operation["responses"])
        parameters = operation.get("parameters", []) + DOCUMENT["paths"][path].get("parameters", [])
        parameters = [follow(DOCUMENT, parameter) for parameter in parameters]
        assert ({parameter["name"] for parameter in parameters if parameter["in"] == "path"}
                == set(re.findall(r"{(\w+)}", path)))
        for status, response in operation["responses"].items():
            response = follow(DOCUMENT, response)
            assert re.fullmatch("[2-5][0-9][0-9]", status) and response["description"], (path, method)
            assert set(response) <= {"description", "headers", "content"}
            for header in response.get("headers", {}).values():
                assert set(follow(DOCUMENT, header)) <= {"description", "required", "schema"}
        for parameter in parameters:
            assert set(parameter) <= {"name", "in", "required", "description", "schema"}, parameter


def test_it_has_the_routes_of_the_server():
    """Those of the tables in server/endpoint.c and server/admin.c, and no others; OPTIONS * is no path."""
    source = "".join((ROOT / "server" / name).read_text() for name in ("endpoint.c", "admin.c"))
    rows = re.findall(r'^\s*{ "([A-Z]+)", ([^,]+), \w+ },$', source, re.MULTILINE)
    names = {"base_path": "/files/", "upload": "/files/{id}", 'ADMIN_UPLOADS "*"': "/api/uploads/{id}",
             'ADMIN_UPLOADS "*/expire"': "/api/uploads/{id}/expire"}
    routes = {(names.get(path, path.strip('"')), method.lower()) for method, path in rows}
    assert ("*", "options") in routes
    assert routes - {("*", "options")} == {(path, method) for path, method, _ in OPERATIONS}


def statuses_told():
    return {status for _, _, operation in OPERATIONS for status in operation["responses"]}


def test_it_has_the_statuses_of_all_refusals():
    """But those of a request for nothing that is there, and of the connection."""
    said = set(re.findall(r"\bSAY\((\d+),", (ROOT / "server/answer.c").read_text()))
    assert said - statuses_told() - {"405"} == set()


@pytest.mark.parametrize("status", sorted(statuses_told()))
def test_every_status_has_a_reason_phrase(status):
    names = set(re.findall(r"STATUS\((\d+),", (ROOT / "server/status.def").read_text()))
    assert status in names
