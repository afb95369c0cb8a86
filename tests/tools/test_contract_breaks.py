"""A contract that breaks a client of the released one is refused; one that only grows is not."""

import copy
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from contract_breaks import breaks  # noqa: E402

RELEASED = {
    "security": [{"user": ["read"]}],
    "paths": {"/v1/things": {
        "get": {
            "parameters": [
                {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
                {"$ref": "#/components/parameters/state"}],
            "responses": {"200": {
                "headers": {"ETag": {}},
                "content": {"application/json": {"schema": {
                    "type": "object", "required": ["id", "state"], "properties": {
                        "id": {"type": "string", "format": "uuid"},
                        "state": {"$ref": "#/components/schemas/State"},
                        "note": {"type": ["string", "null"]},
                        "parts": {"type": "array", "items": {"type": "integer"}}}}}}}}},
        "post": {
            "requestBody": {"required": False, "content": {"application/json": {"schema": {
                "allOf": [{"$ref": "#/components/schemas/New"}]}}}},
            "responses": {"201": {}}}}},
    "components": {
        "parameters": {"state": {"name": "state", "in": "query", "schema": {
            "$ref": "#/components/schemas/State"}}},
        "schemas": {
            "State": {"type": "string", "enum": ["open", "done"]},
            "New": {"type": "object", "additionalProperties": False, "required": ["name"],
                    "properties": {"name": {"type": "string", "maxLength": 50},
                                   "size": {"type": "integer", "minimum": 1}}}}},
}


def things(spec):
    return spec["paths"]["/v1/things"]


def answer(spec):
    return things(spec)["get"]["responses"]["200"]["content"]["application/json"]["schema"]


def new(spec):
    return spec["components"]["schemas"]["New"]


BREAKS = {
    "an operation is gone": (lambda s: things(s).pop("post"), "POST /v1/things: is gone"),
    "a parameter is gone": (lambda s: things(s)["get"]["parameters"].pop(0), "parameter limit: is gone"),
    "a parameter is required": (lambda s: things(s)["get"]["parameters"][0].update(required=True),
                                "limit: is required"),
    "a new parameter is required": (lambda s: things(s)["get"]["parameters"].append(
        {"name": "q", "in": "query", "required": True}), "parameter q"),
    "less may be asked for": (lambda s: things(s)["get"]["parameters"][0]["schema"].update(maximum=50),
                              "maximum"),
    "the body is required": (lambda s: things(s)["post"]["requestBody"].update(required=True), "body"),
    "a field must be sent": (lambda s: new(s)["required"].append("size"), ".size: is required"),
    "a field may not be sent": (lambda s: new(s)["properties"].pop("size"), ".size: is gone"),
    "a field may be shorter only": (lambda s: new(s)["properties"]["name"].update(maxLength=20),
                                    "maxLength"),
    "a pattern is asked for": (lambda s: new(s)["properties"]["name"].update(pattern="^a"), "pattern"),
    "another type is asked for": (lambda s: new(s)["properties"]["size"].update(type="string"),
                                  "its type"),
    "an answer is gone": (lambda s: things(s)["get"].update(responses={"204": {}}), "the answer 200"),
    "a field of an answer is gone": (lambda s: answer(s)["properties"].pop("note"), ".note: is gone"),
    "a field of an answer may be missing": (lambda s: answer(s)["required"].remove("id"),
                                            ".id: may be missing"),
    "a field of an answer has another type": (
        lambda s: answer(s)["properties"]["parts"]["items"].update(type="string"), ".parts[]"),
    "a field of an answer may be null": (
        lambda s: answer(s)["properties"]["id"].update(type=["string", "null"]), ".id: its type"),
    "a value that no client knows": (lambda s: s["components"]["schemas"]["State"]["enum"].append("new"),
                                     "allows more"),
    "a value that may not be asked for": (
        lambda s: s["components"]["schemas"]["State"]["enum"].remove("done"), "allows less"),
    "a header is gone": (lambda s: things(s)["get"]["responses"]["200"]["headers"].clear(), "ETag"),
    "another media type": (lambda s: things(s)["post"]["requestBody"].update(content={}), "is gone"),
    "more rights are asked for": (lambda s: s["security"][0].update(user=["read", "write"]), "security"),
    "a mark of nothing": (lambda s: things(s)["get"].update({"x-breaks": "why"}), "marks nothing"),
}

KEEPS = {
    "nothing": lambda s: None,
    "a new operation": lambda s: things(s).update(delete={"responses": {"204": {}}}),
    "a new parameter": lambda s: things(s)["get"]["parameters"].append({"name": "q", "in": "query"}),
    "more may be asked for": lambda s: things(s)["get"]["parameters"][0]["schema"].update(maximum=500),
    "a field may be sent": lambda s: new(s)["properties"].update(color={"type": "string"}),
    "a field may be left out": lambda s: new(s).update(required=[]),
    "a field more in an answer": lambda s: answer(s)["properties"].update(at={"type": "string"}),
    "an answer that is never null": lambda s: answer(s)["properties"]["note"].update(type="string"),
    "fewer rights are asked for": lambda s: things(s)["get"].update(security=[]),
    "a marked break": lambda s: things(s)["get"].update(
        {"x-breaks": "why"}, responses={"204": {}}),
    "a marked end": lambda s: s.update({"x-removed": {"POST /v1/things": things(s).pop("post") and "why"}}),
}


@pytest.mark.parametrize("change", BREAKS)
def test_a_break_is_refused(change):
    spoil, says = BREAKS[change]
    fresh = copy.deepcopy(RELEASED)
    spoil(fresh)
    found = list(breaks(RELEASED, fresh))
    assert any(says in line for line in found), found


@pytest.mark.parametrize("change", KEEPS)
def test_what_breaks_nobody_is_not(change):
    fresh = copy.deepcopy(RELEASED)
    KEEPS[change](fresh)
    assert list(breaks(RELEASED, fresh)) == []
