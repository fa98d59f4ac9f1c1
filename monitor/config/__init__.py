"""The configuration: YAML in, one frozen `Config` out, every error at once with file, line and key."""

from __future__ import annotations

from monitor.config.load import load_config
from monitor.config.model import AlarmConfig, Config, EvidenceConfig, FalseAlarmsConfig, LogConfig, MachineConfig
from monitor.config.mqtt import MqttConfig, TlsConfig
from monitor.config.source import (
    FaultSettings,
    MicrophoneSource,
    RecordingSource,
    SimulatedSource,
    StdinSource,
    StreamSource,
)

__all__ = [
    "AlarmConfig",
    "Config",
    "EvidenceConfig",
    "FalseAlarmsConfig",
    "FaultSettings",
    "LogConfig",
    "MachineConfig",
    "MicrophoneSource",
    "MqttConfig",
    "RecordingSource",
    "SimulatedSource",
    "StdinSource",
    "StreamSource",
    "TlsConfig",
    "load_config",
]
