"""What is wrong in a configuration is said at once, each in one line that a technician can act on."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.config import load_config
from monitor.errors import ConfigurationError

MINIMAL = "machines:\n  fan-1:\n    source: {microphone: mic1}\n"

ALIAS_BOMB = b"a: &a [x]\n" + b"".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n".encode() for before, name in itertools.pairwise("abcdefg")
)

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


def test_every_problem_comes_at_once_in_the_order_of_the_file(write: Write) -> None:
    path = write(
        "nod: x\n"
        "window_s: ten\n"
        "mqtt:\n"
        "  port: 99999\n"
        "machines:\n"
        "  fan-1:\n"
        "    source: {microphone: m}\n"
        "    alarm: {raise: 9 of 5}\n"
    )
    assert problems(path) == (
        f"{path}:1: nod: unknown key; did you mean 'node'?",
        f"{path}:2: window_s: 'ten' is not a number; allowed 1 to 60 s",
        f"{path}:4: mqtt.port: 99999 is out of range; allowed 1 to 65535",
        f"{path}:8: machines.fan-1.alarm.raise: '9 of 5' is not a rule; allowed \"K of N\" with 1 <= K <= N <= 1000",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"window_s: 0.5\n{MINIMAL}", "1: window_s: 0.5 is out of range; allowed 1 to 60 s"),
        (f"window_s: true\n{MINIMAL}", "1: window_s: true is not a number; allowed 1 to 60 s"),
        (f"hop_s: .nan\n{MINIMAL}", "1: hop_s: nan is out of range; allowed 0.1 to 3600 s"),
        (f"hop_s: .inf\n{MINIMAL}", "1: hop_s: inf is out of range; allowed 0.1 to 3600 s"),
        (f"hop_s: 0\n{MINIMAL}", "1: hop_s: 0 is out of range; allowed 0.1 to 3600 s"),
        (f"hop_s: 010\n{MINIMAL}", "1: hop_s: '010' is not a number; allowed 0.1 to 3600 s"),
        (f"node: a/b\n{MINIMAL}", "1: node: 'a/b' is not a node name; allowed 1 to 64 letters, digits, dots, dashes"),
        (f"node: 5\n{MINIMAL}", "1: node: 5 is not text"),
        (f"device: gpu\n{MINIMAL}", "1: device: 'gpu' is not a device; allowed auto, cpu, cuda, cuda:N"),
        (f"log: {{level: warn}}\n{MINIMAL}", "1: log.level: 'warn' is not one of them; allowed debug, info, warning,"),
        (f"mqtt: {{prefix: a/#}}\n{MINIMAL}", "1: mqtt.prefix: 'a/#' is not a topic prefix; allowed levels"),
        (f"mqtt: {{port: '1883'}}\n{MINIMAL}", "1: mqtt.port: '1883' is not a whole number; allowed 1 to 65535"),
        (f"mqtt: {{protocol: 4}}\n{MINIMAL}", "1: mqtt.protocol: '4' is not one of them; allowed 5, 3.1.1"),
        (f"mqtt: null\n{MINIMAL}", "1: mqtt: null is not a mapping of keys to values; leave the key out"),
        (f"mqtt: {{tls: {{key_file: k}}}}\n{MINIMAL}", "1: mqtt.tls: names only one of cert_file and key_file"),
        (f"mqtt: {{password_file: p}}\n{MINIMAL}", "1: mqtt: has a password but no username"),
        ("machines: {}", "1: machines: a mapping is empty; allowed at least one machine"),
        ("node: a", "1: machines: is missing; each machine by its id"),
        ("machines: [a]", "1: machines: a list is not a mapping of keys to values"),
        (machine("5"), "2: machines.fan-1: 5 is not a mapping of keys to values"),
        (machine("{}"), "2: machines.fan-1.source: is missing; where its sound comes from"),
        (machine("{sorce: x}"), "2: machines.fan-1.sorce: unknown key; did you mean 'source'?"),
        (machine("{source: 5}"), "2: machines.fan-1.source: 5 is not a source; allowed exactly one of"),
        (machine("{source: {microfone: x}}"), "did you mean 'microphone'?)"),
        (machine("{source: {microphone: x, simulated: fan}}"), "source: names microphone and simulated; allowed"),
        (machine("{source: {microphone: x, speed: 2}}"), "2: machines.fan-1.source.speed: unknown key; allowed"),
        (machine("{source: {microphone: x, chanel: 2}}"), "source.chanel: unknown key; did you mean 'channel'?"),
        (machine("{source: {microphone: x, channel: 0}}"), "source.channel: 0 is out of range; allowed 1 to 256"),
        (machine("{source: {microphone: ''}}"), "microphone: '' is empty; allowed a device of `monitor devices`"),
        (machine("{source: {recording: []}}"), "source.recording: an empty list is empty; allowed a file"),
        (machine("{source: {recording: [a, 5]}}"), "source.recording.1: 5 is not text"),
        (machine("{source: {recording: a, speed: fast}}"), "source.speed: 'fast' is not a number; allowed a number"),
        (machine("{source: {recording: a, speed: -1}}"), "source.speed: -1 is out of range; allowed a number over 0"),
        (machine("{source: {recording: a, loop: yes}}"), "source.loop: 'yes' is not true or false"),
        (machine("{source: {stream: 'file:///etc/passwd'}}"), "allowed an address that begins with rtsp://, rtsps://"),
        (machine("{source: {stream: 'rtsx://u:s3cret@cam/a'}}"), "***@cam/a' is not the address of a stream"),
        (
            machine("{source: {stdin: {rate_hz: 16000, format: u8}}}"),
            "'u8' is not a sample format; allowed s16le, s32le",
        ),
        (machine("{source: {stdin: {rate_hz: 16000}, channel: 2}}"), "has no channel 2; stdin.channels is 1"),
        (machine("{source: {microphone: x}, ignored_faults: [hums]}"), "not a fault of a microphone; allowed device"),
        (
            machine("{source: {microphone: x}, ignored_faults: [clipped, mufled]}"),
            "muffled, mains_hum; did you mean 'muffled'?",
        ),
        (
            "machines:\n  a: {source: {stdin: {rate_hz: 16000}}}\n  b: {source: {stdin: {rate_hz: 8000}}}\n",
            "describes the one standard input in two ways; a and b differ under stdin",
        ),
        (machine("{source: {simulated: gearbx}}"), "simulated: 'gearbx' is not a simulated machine; allowed gearbox"),
        (machine("{source: {simulated: fan, fault: {kind: berring}}}"), "kind: 'berring' is not a simulated fault"),
        (
            machine("{source: {simulated: fan, fault: {kind: missing_stroke}}}"),
            "has a fault that a fan cannot have: miss",
        ),
        (machine("{source: {simulated: fan, fault: {kind: leak, snr_db: 99}}}"), "allowed -60 to 60 dB"),
        (machine("{source: {microphone: x}, preset: papr}"), "'papr' is not a preset; allowed default, paper"),
        (machine("{source: {microphone: x}, false_alarms: {per: year}}"), "'year' is not one of them; allowed day"),
        (machine("{source: {microphone: x}, false_alarms: {at_most: 0}}"), "allowed 0.001 to 1000 false alarms"),
        (machine("{source: {microphone: x}, alarm: {clear_after_s: -1}}"), "-1 is out of range; allowed 0 to 86400 s"),
        ("machines: {Fan 1: {source: {microphone: x}}}", "machines.Fan 1: 'Fan 1' is not a machine id; allowed 1 to"),
        ("machines: {../x: {source: {microphone: x}}}", "machines.../x: '../x' is not a machine id"),
        ("machines:\n  1: {source: {microphone: x}}", "2: machines: the key '1' is not text; write it in quotes"),
        (f"hop_s: 1\nhop_s: 2\n{MINIMAL}", "2: hop_s: stands twice; first on line 1"),
        (f"{MINIMAL}  fan-1: {{source: {{microphone: y}}}}\n", "4: machines.fan-1: stands twice; first on line 2"),
        (f"node: !!python/name:os.system\n{MINIMAL}", "1: node: '' with the tag tag:yaml.org,2002:python/name"),
        ("machines: &a {b: *a}", "1: machines.b: refers to itself"),
        ("a: &a {<<: *a}", "1: "),
    ],
)
def test_a_wrong_value_is_named_with_line_key_and_what_is_allowed(write: Write, text: str, expected: str) -> None:
    path = write(text)
    found = problems(path)
    assert any(expected in line for line in found), found
    assert all(line.startswith(f"{path}:") and "\n" not in line for line in found)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ": is empty; at least `machines:` is needed"),
        (b"# only a comment\n", ": is empty; at least `machines:` is needed"),
        (b"- a\n- b\n", ":1: is not a mapping of keys to values; begin with `machines:`"),
        (b"just text", ":1: is not a mapping"),
        (b"node: [a\nmachines: {}\n", ":2: is not YAML: "),
        (b"node: a\n\tmqtt: b\n", ":2: is not YAML: "),
        (b"node: a\nnode2: \xff\xfe\n", ":2: is not UTF-8 text (byte 0xff)"),
        (b"node: a\x00b\n", ": is not YAML: special characters are not allowed"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", ": is not YAML: "),
        (b"[" * 100_000, ": is nested too deeply"),
        (b"#" * 5_000_000, ": is larger than 4 MB"),
        (ALIAS_BOMB, ": holds more than 100000 values"),
    ],
)
def test_what_is_no_configuration_at_all_gets_one_clear_line(write: Write, content: bytes, expected: str) -> None:
    path = write(content)
    (line,) = problems(path)
    assert line.startswith(f"{path}{expected}")


def test_a_missing_file_a_folder_and_a_forbidden_file_get_one_clear_line(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.yaml") == (f"{tmp_path}/none.yaml: no such file",)
    assert problems(tmp_path) == (f"{tmp_path}: cannot be read: Is a directory",)
