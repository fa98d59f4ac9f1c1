"""From a file to a `Config`: read, validate, and report everything that is wrong at once."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from monitor.config.document import read_document
from monitor.config.model import Config
from monitor.config.problems import problems_of
from monitor.errors import ConfigurationError


def load_config(path: Path) -> Config:
    """The configuration in this YAML file; relative paths in it begin at its folder.

    Raises:
        ConfigurationError: every problem found, one line each: file, line, key, value, what is allowed.
    """
    document = read_document(path)
    problems = set(document.problems)
    config = None
    try:
        config = Config.model_validate(document.values, context={"folder": path.absolute().parent})
    except ValidationError as error:
        problems |= problems_of(document, error, Config)
    if config is None or problems:
        raise ConfigurationError(tuple(problem.sentence(path) for problem in sorted(problems)))
    return config
