"""The contract: golden payloads, generated schemas, and that one fits the other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import monitor.publish.schema as schema_module
from monitor.detect.kinds import AlarmKind
from monitor.detect.lifecycle import Verb
from monitor.publish.contract import PAYLOADS
from monitor.publish.encoding import Utc
from monitor.publish.messages import Alarm, Event, to_message
from monitor.publish.schema import files, schemas
from monitor.publish.topics import Topics
from tests.publish.samples import SAMPLES, T

GOLDEN = Path(__file__).parent / "golden"
SHIPPED = Path(schema_module.__file__).parent / "schemas"
TOPICS = Topics("acme/hall3", "pc1")


def validator(payload_name: str) -> jsonschema.Draft202012Validator:
    found = schemas()[f"{payload_name}.json"]
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("name", SAMPLES)
def test_each_payload_is_what_its_golden_file_says(name: str) -> None:
    sent = json.loads(to_message(SAMPLES[name], TOPICS).payload)
    path = GOLDEN / f"{name}.json"
    assert sent == json.loads(path.read_text()), f"the contract changed: {path.name}"
    assert list(sent) == list(json.loads(path.read_text())), "the keys' order changed"


@pytest.mark.parametrize("name", SAMPLES)
def test_each_payload_fits_its_schema(name: str) -> None:
    validator(SAMPLES[name].name).validate(json.loads(to_message(SAMPLES[name], TOPICS).payload))


def test_every_payload_has_a_sample() -> None:
    assert {type(sample) for sample in SAMPLES.values()} == set(PAYLOADS)


@pytest.mark.parametrize("name", sorted(files()))
def test_the_shipped_contract_is_what_the_records_give(name: str) -> None:
    assert (SHIPPED / name).read_text() == files()[name], (
        "run: python -m monitor.publish.schema monitor/publish/schemas"
    )


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = json.loads(files()["asyncapi.json"])

    def references(node: object) -> list[str]:
        if isinstance(node, list):
            return [found for each in node for found in references(each)]
        if not isinstance(node, dict):
            return []
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for each in node.values() for found in references(each)]

    for reference in references(document):
        if reference.startswith("./"):
            assert reference[2:] in schemas()
            continue
        here = document
        for part in reference.removeprefix("#/").split("/"):
            here = here[part]
    assert document["asyncapi"] == "3.0.0"
    for channel in document["channels"].values():
        assert {f"{{{name}}}" for name in channel["parameters"]} == set(re.findall(r"\{\w+\}", channel["address"]))


def test_every_topic_of_the_code_is_in_the_asyncapi_document() -> None:
    addresses = {each["address"] for each in json.loads(files()["asyncapi.json"])["channels"].values()}
    topics = Topics("{prefix}", "{node}")
    known = {
        topics.status, topics.info, topics.health, topics.event, topics.kpi, topics.alarm("", "{kind}"),
        topics.alarm("{machine}", "{kind}"), topics.availability("{machine}"), topics.score("{machine}"),
        topics.response("{verb}"), *(topics.command(verb) for verb in Verb),
    }  # fmt: skip
    assert addresses == known


def test_no_shipped_schema_is_left_over() -> None:
    assert {path.name for path in SHIPPED.iterdir()} == set(files())


@pytest.mark.parametrize(
    ("key", "value"),
    [("level", "dreadful"), ("active", None), ("time", 12), ("kind", "noise"), ("seq", 1.5), ("schema", 2)],
)
def test_a_schema_refuses_a_wrong_value(key: str, value: object) -> None:
    document = json.loads(to_message(SAMPLES["event"], TOPICS).payload) | {key: value}
    with pytest.raises(jsonschema.ValidationError):
        validator("event").validate(document)


def test_every_property_of_every_schema_is_described() -> None:
    def undescribed(schema: dict[str, Any], path: str) -> list[str]:
        found = []
        for key, each in schema.get("properties", {}).items():
            found += [] if each.get("description") else [f"{path}.{key}"]
            found += undescribed(each, f"{path}.{key}") + undescribed(each.get("items", {}), f"{path}.{key}[]")
        return found

    assert [name for file, schema in schemas().items() for name in undescribed(schema, file)] == []


def test_a_score_that_is_not_finite_leaves_as_null() -> None:
    sent = json.loads(to_message(SAMPLES["score"], TOPICS).payload)
    assert sent["score"] is None
    assert sent["views"] == {"reconstruction": 1.25, "profile": None}


def test_an_alarm_without_a_machine_is_one_of_the_node() -> None:
    flood = Alarm(id="x", node="pc1", time=T, published_at=T, machine=None, kind=AlarmKind.FLOOD)
    assert to_message(flood, TOPICS).topic == "acme/hall3/pc1/alarm/flood"


def test_records_cannot_be_changed() -> None:
    event = SAMPLES["event"]
    assert isinstance(event, Event)
    with pytest.raises(AttributeError):
        event.seq = 3  # type: ignore[misc]


def test_all_times_of_an_event_are_rfc_3339() -> None:
    sent = json.loads(to_message(SAMPLES["event"], TOPICS).payload)
    assert sent["time"] == "2025-10-09T08:53:20.250Z"
    assert sent["published_at"] == Utc(T + 1.5).rfc3339()
    assert sent["calibration"].endswith("Z")
