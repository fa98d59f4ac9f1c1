"""A YAML file as plain values that remember their lines; what YAML itself cannot mean here is refused with its line.

The scalars are those of YAML 1.2: only ``true`` and ``false`` are booleans and only ``010``-free decimals are
integers, so that a machine named ``on`` or ``no`` stays a name.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from monitor.errors import ConfigurationError

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands: mapping keys and list positions from the top, e.g. ``("machines", "fan-1", "source")``."""

MAX_NODES = 100_000
"""A plant PC has hundreds of machines of some twenty values; more is an alias bomb, not a configuration."""

MAX_BYTES = 4_000_000
"""A hundred times a large configuration; refuses a recording given by mistake before it is parsed."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, and where."""

    line: int
    key: str
    what: str

    def sentence(self, path: Path) -> str:
        """As the user reads it: ``FILE:LINE: KEY: WHAT``."""
        return f"{path}:{self.line}: {self.key + ': ' if self.key else ''}{self.what}"


@dataclass(frozen=True)
class Document:
    """One YAML file whose top level is a mapping."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    """Line, from 1, of each key (of each item, in a list)."""
    problems: tuple[Problem, ...] = ()
    """Duplicate keys and the like: the rest of the file is still readable."""

    def line_of(self, key: KeyPath) -> int:
        """The line of this key, or of the nearest key around it that the file has; 1 when there is none."""
        while key:
            if key in self.lines:
                return self.lines[key]
            key = key[:-1]
        return 1


def read_document(path: Path) -> Document:
    """Read the file.

    Raises:
        ConfigurationError: it is missing, unreadable, empty, not UTF-8, not YAML or not a mapping; one line.
    """
    text = _read_text(path)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigurationError((_syntax_problem(path, error),)) from error
    except RecursionError:
        raise ConfigurationError((f"{path}: is nested too deeply; not a configuration",)) from None
    if root is None:
        raise ConfigurationError((f"{path}: is empty; at least `machines:` is needed",))
    if not isinstance(root, yaml.MappingNode):
        line = root.start_mark.line + 1
        raise ConfigurationError((f"{path}:{line}: is not a mapping of keys to values; begin with `machines:`",))
    walk = _Walk(path)
    values = walk.value(root, ())
    return Document(path, values, walk.lines, tuple(walk.problems))


def _read_text(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise ConfigurationError((f"{path}: is larger than {MAX_BYTES // 1_000_000} MB; not a configuration",))
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigurationError((f"{path}: no such file",)) from error
    except OSError as error:
        raise ConfigurationError((f"{path}: cannot be read: {error.strerror}",)) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError((f"{path}:{line}: is not UTF-8 text (byte 0x{data[error.start]:02x})",)) from error


def _syntax_problem(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
    column = f", column {mark.column + 1}" if mark is not None else ""
    hint = "; indent with spaces, not tabs" if "'\\t'" in what else ""
    return f"{where}: is not YAML: {' '.join(what.split())}{column}{hint}"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  the parent's own form


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.inf|\.Inf|\.INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


class _Walk:
    """Turns nodes into values, noting the line of every key and what must be refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self._constructor = _Loader("")
        self._open: set[int] = set()
        self._nodes = 0

    def value(self, node: yaml.Node, key: KeyPath) -> Any:  # noqa: ANN401  YAML holds anything
        """The plain value of a node that stands at this key."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ConfigurationError((f"{self.path}: holds more than {MAX_NODES} values; not a configuration",))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key)
        if id(node) in self._open:
            self._refuse(node, key, "refers to itself")
            return None
        self._open.add(id(node))
        try:
            return self._mapping(node, key) if isinstance(node, yaml.MappingNode) else self._sequence(node, key)
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode, key: KeyPath) -> object:
        try:
            return self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self._refuse(node, key, f"{node.value!r} with the tag {node.tag} is not accepted; write a plain value")
            return None

    def _sequence(self, node: yaml.Node, key: KeyPath) -> list[object]:
        items = []
        for index, item in enumerate(node.value):
            self.lines[(*key, index)] = item.start_mark.line + 1
            items.append(self.value(item, (*key, index)))
        return items

    def _mapping(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, object]:
        self._refuse_duplicates(node, key)
        try:
            self._constructor.flatten_mapping(node)
        except (yaml.YAMLError, RecursionError):
            self._refuse(node, key, "'<<' needs a mapping to merge")
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            name = self._constructor.construct_object(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(name, str):
                shown = getattr(key_node, "value", name) if isinstance(key_node, yaml.ScalarNode) else "this key"
                self._refuse(key_node, key, f"the key {shown!r} is not text; write it in quotes")
                continue
            self.lines[(*key, name)] = key_node.start_mark.line + 1
            values[name] = self.value(value_node, (*key, name))
        return values

    def _refuse_duplicates(self, node: yaml.MappingNode, key: KeyPath) -> None:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag.endswith(":merge"):
                continue
            line = key_node.start_mark.line + 1
            if key_node.value in seen:
                self._refuse(key_node, (*key, key_node.value), f"stands twice; first on line {seen[key_node.value]}")
            seen.setdefault(key_node.value, line)

    def _refuse(self, node: yaml.Node, key: KeyPath, what: str) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, ".".join(str(part) for part in key), what))
