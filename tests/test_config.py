"""The configuration: what is accepted and what it becomes; secrets; the shipped examples and schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from monitor.audio import simulated
from monitor.config import Config, MicrophoneSource, RecordingSource, SimulatedSource, load_config
from monitor.config.schema import json_schema, schema_text
from monitor.config.source import FAULTS, SIMULATED
from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.errors import BadInputError, ConfigurationError

CONFIG = Path(__file__).parents[1] / "config"
EXAMPLES = sorted(CONFIG.glob("*.yaml"))
MINIMAL = "machines:\n  fan-1:\n    source: {microphone: mic1}\n"

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str | bytes) -> Path:
        path = tmp_path / "monitor.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load_config(path)
    return caught.value.problems


def machine(text: str) -> str:
    return f"machines:\n  fan-1: {text}\n"


def test_only_machines_must_be_given(write: Write) -> None:
    config = load_config(write(MINIMAL))
    assert (config.window_s, config.hop_s, config.device, config.mqtt.port) == (10, 10, "auto", 1883)
    assert config.machines["fan-1"].preset == "default"
    assert config.node


def test_a_configuration_is_frozen(write: Write) -> None:
    config = load_config(write(MINIMAL))
    with pytest.raises(ValueError, match="frozen"):
        config.hop_s = 1.0  # type: ignore[misc]


def test_a_source_is_told_by_its_first_key(write: Write) -> None:
    config = load_config(
        write(
            "machines:\n"
            "  a: {source: {microphone: mic1, channel: 2}}\n"
            "  b: {source: {recording: [x, /y], speed: max, loop: true}}\n"
            "  c: {source: {simulated: fan, fault: {kind: rattle}}}\n"
        )
    )
    a, b, c = (config.machines[name].source for name in "abc")
    assert isinstance(a, MicrophoneSource)
    assert a.channel == 2
    assert isinstance(b, RecordingSource)
    assert b.factor is None
    assert b.loop
    assert isinstance(c, SimulatedSource)
    assert c.factor == 1.0
    assert c.fault is not None
    assert c.fault.kind == "rattle"


def test_relative_paths_begin_at_the_folder_of_the_file(write: Write, tmp_path: Path) -> None:
    config = load_config(write("state_dir: state\nmachines: {a: {source: {recording: [fan/*.wav, /abs]}}}"))
    assert config.state_dir == tmp_path / "state"
    source = config.machines["a"].source
    assert isinstance(source, RecordingSource)
    assert source.recording == (str(tmp_path / "fan/*.wav"), "/abs")


def test_budget_and_alarm_rule_become_what_detection_takes(write: Write) -> None:
    body = "{source: {microphone: m}, false_alarms: {per: day, at_most: 2}, alarm: {raise: 2 of 3, clear_after_s: 5}}"
    config = load_config(write(machine(body)))
    assert config.machines["fan-1"].budget() == Budget("day", 2.0)
    assert config.machines["fan-1"].alarm_policy() == AlarmPolicy(2, 3, 5.0)


def test_a_machine_named_like_a_yaml_1_1_boolean_stays_a_name(write: Write) -> None:
    config = load_config(write("machines: {on: {source: {microphone: no}}}"))
    source = config.machines["on"].source
    assert isinstance(source, MicrophoneSource)
    assert source.microphone == "no"


def test_whole_numbers_and_exponents_are_numbers(write: Write) -> None:
    assert load_config(write(f"window_s: 1e1\nhop_s: 2\n{MINIMAL}")).window_s == 10.0


def test_merge_keys_and_anchors_are_understood(write: Write) -> None:
    config = load_config(
        write(
            "machines:\n"
            "  a: &a {source: {microphone: x}, preset: paper}\n"
            "  b:\n"
            "    <<: *a\n"
            "    source: {microphone: y}\n"
        )
    )
    source = config.machines["b"].source
    assert isinstance(source, MicrophoneSource)
    assert (source.microphone, config.machines["b"].preset) == ("y", "paper")


def test_a_byte_order_mark_is_no_obstacle(write: Write) -> None:
    assert load_config(write(b"\xef\xbb\xbf" + MINIMAL.encode())).machines


def test_an_unknown_machine_is_answered_with_those_there_are(write: Write) -> None:
    config = load_config(write(MINIMAL))
    with pytest.raises(BadInputError, match=r"unknown machine 'fan1'; configured: fan-1; did you mean 'fan-1'\?"):
        config.machine("fan1")


# --- secrets


@pytest.mark.parametrize(
    "mqtt",
    [
        "{password: hunter2}",
        "{passwd: hunter2}",
        "{host: 'mqtt://user:hunter2@broker'}",
        "{host: 'user:hunter2@broker:1883'}",
        "{username: u, password_file: {value: hunter2}}",
        "{username: u, password_file: [hunter2]}",
        "{username: u, password_env: [hunter2]}",
    ],
)
def test_a_password_written_into_the_file_is_refused_and_never_shown(write: Write, mqtt: str) -> None:
    found = problems(write(f"mqtt: {mqtt}\n{MINIMAL}"))
    assert "hunter2" not in "\n".join(found)


def test_the_password_is_the_first_line_of_its_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\nanything else\n")
    config = load_config(write(f"mqtt: {{username: u, password_file: secret}}\n{MINIMAL}"))
    assert config.mqtt_password() == "hunter2"
    assert "hunter2" not in repr(config)


def test_systemds_credential_goes_before_the_file_beside_the_configuration(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "secret").write_text("from systemd")
    (tmp_path / "secret").write_text("from beside")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    config = load_config(write(f"mqtt: {{username: u, password_file: secret}}\n{MINIMAL}"))
    assert config.mqtt_password() == "from systemd"


def test_the_password_can_come_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(write(f"mqtt: {{username: u, password_env: MQTT_TEST_PASSWORD}}\n{MINIMAL}"))
    with pytest.raises(ConfigurationError, match="the variable MQTT_TEST_PASSWORD is not set or empty"):
        config.mqtt_password()
    monkeypatch.setenv("MQTT_TEST_PASSWORD", "hunter2")
    assert config.mqtt_password() == "hunter2"


@pytest.mark.parametrize(
    ("content", "expected"), [(None, "cannot be read: No such file"), (b"\n", "not a password"), (b"\xff", "not UTF-8")]
)
def test_an_unusable_password_file_is_named(write: Write, tmp_path: Path, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    config = load_config(write(f"mqtt: {{username: u, password_file: secret}}\n{MINIMAL}"))
    with pytest.raises(ConfigurationError, match=rf"^mqtt.password_file: .*{expected}"):
        config.mqtt_password()


# --- the examples and the schema


def keys_of(model: type[BaseModel]) -> set[str]:
    return {info.alias or name for name, info in model.model_fields.items()}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid_for_us_and_for_editors(path: Path) -> None:
    load_config(path)
    jsonschema.Draft202012Validator(json_schema()).validate(yaml.safe_load(path.read_text()))
    assert path.read_text().startswith("# yaml-language-server: $schema=monitor.schema.json\n")


def test_the_annotated_example_shows_every_key_with_its_default_and_range() -> None:
    text = (CONFIG / "monitor.yaml").read_text()
    values = yaml.safe_load(text)
    shown = load_config(CONFIG / "monitor.yaml")
    defaults = Config.model_validate({"machines": {"fan-1": {"source": {"microphone": "card-id:Device"}}}})
    for name in Config.model_fields.keys() - {"machines", "node"}:
        assert getattr(shown, name) == getattr(defaults, name), name
    assert shown.machines["fan-1"] == defaults.machines["fan-1"]
    machines = values["machines"]
    sections: list[tuple[type[BaseModel], dict[str, object]]] = [
        (Config, values),
        (type(defaults.mqtt), values["mqtt"]),
        (type(defaults.log), values["log"]),
        (type(defaults.evidence), values["evidence"]),
        (type(defaults.machines["fan-1"]), machines["fan-1"]),
        (type(defaults.machines["fan-1"].alarm), machines["fan-1"]["alarm"]),
        (type(defaults.machines["fan-1"].false_alarms), machines["fan-1"]["false_alarms"]),
        (MicrophoneSource, machines["fan-1"]["source"]),
        (RecordingSource, machines["pump-2"]["source"]),
        (SimulatedSource, machines["test-rig"]["source"]),
    ]
    unwrapped = " ".join(text.replace("#", " ").split())
    for model, section in sections:
        assert keys_of(model) == set(section), model
        for name, info in model.model_fields.items():
            extra = info.json_schema_extra
            allowed = str(extra.get("allowed", "")) if isinstance(extra, dict) else ""
            if "to" in allowed.split() and info.metadata:
                assert f"Allowed: {allowed}" in unwrapped, name


def test_the_exported_schema_is_the_one_of_the_code() -> None:
    assert (CONFIG / "monitor.schema.json").read_text() == schema_text(), (
        "run: monitor check --schema > config/monitor.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize(
    "text",
    [
        f"nod: x\n{MINIMAL}",
        f"window_s: 90\n{MINIMAL}",
        f"device: gpu\n{MINIMAL}",
        f"mqtt: {{port: x}}\n{MINIMAL}",
        machine("{source: {microfone: x}}"),
        machine("{source: {microphone: x, simulated: fan}}"),
        machine("{source: {simulated: gearbx}}"),
        machine("{source: {microphone: x}, preset: papr}"),
        "machines: {Fan 1: {source: {microphone: x}}}",
    ],
)
def test_an_editor_refuses_what_we_refuse(text: str) -> None:
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(yaml.safe_load(text))


def test_the_kinds_are_those_that_can_be_simulated() -> None:
    assert {kind: simulated.faults_of(kind) for kind in simulated.MACHINES} == SIMULATED
    assert tuple(simulated.FAULTS) == FAULTS
