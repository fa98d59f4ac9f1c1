"""Rows to stdout: a table for people, JSON or CSV for programs."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

Row: TypeAlias = Mapping[str, object]
Format: TypeAlias = Literal["table", "json", "csv"]


def print_rows(rows: Sequence[Row], form: Format, styles: Mapping[str, str] | None = None) -> None:
    """Print every row; all have the keys of the first.

    Args:
        rows: one mapping per row; nested mappings are one JSON object in CSV.
        form: ``json`` is one array, values that are not finite become null; ``csv`` has a header line.
        styles: rich style by cell text (a verdict's colour), for the table.
    """
    if form == "json":
        print_json(rows)
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if rows:
            writer.writerow(rows[0])
        writer.writerows([_csv_cell(value) for value in row.values()] for row in rows)
    else:
        _print_table(rows, styles or {})


def print_json(value: object) -> None:
    """Print one JSON value; numbers that are not finite become null."""
    plain = (sys.stdout.encoding or "").lower() not in {"utf-8", "utf8"}  # then JSON has escapes of its own
    json.dump(_finite(value), sys.stdout, indent=2, ensure_ascii=plain, allow_nan=False)
    sys.stdout.write("\n")


def _print_table(rows: Sequence[Row], styles: Mapping[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=not sys.stdout.isatty())
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name, value in (rows[0] if rows else {}).items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        texts = [cell(value) for value in row.values()]
        table.add_row(*(Text(text, style=styles.get(text, "")) for text in texts))
    if not sys.stdout.isatty():
        # a pipe has no width: nothing is cut off
        console = Console(width=max(80, console.measure(table, options=console.options.update(width=10_000)).maximum))
    console.print(table)


def cell(value: object) -> str:
    """A value as a person reads it in a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "-"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={cell(item)}" for key, item in value.items())
    return str(value)


def _csv_cell(value: object) -> object:
    if isinstance(value, Mapping):
        return json.dumps(_finite(value), ensure_ascii=False)
    return "" if value is None or (isinstance(value, float) and not math.isfinite(value)) else value


def _finite(value: object) -> object:
    """JSON has no NaN: unknown is null."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
