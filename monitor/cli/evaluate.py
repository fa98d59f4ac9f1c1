"""`monitor evaluate`: train and test on a data set in the layout of DCASE Challenge Task 2, and report the figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.options import JobsOption, PrecisionOption, precision_named
from monitor.errors import BadInputError, DeviceError

if TYPE_CHECKING:  # loaded when a command needs them, so that --help answers at once
    from monitor.learn.evaluate import Evaluation
    from monitor.learn.evaluate_layout import Layout
    from monitor.learn.evaluate_section import Settings
    from monitor.memcae.preset import Preset


def evaluate(
    data_dir: Annotated[
        Path,
        typer.Argument(help="A folder of machines, or one machine: folders train and test.", metavar="DATA_DIR"),
    ],
    preset: Annotated[str, typer.Option(help="default, paper or paper-literal.", metavar="NAME")] = "default",
    machines: Annotated[
        list[str] | None,
        typer.Option("--machines", "-m", help="Only these, e.g. -m ToyCar -m fan, or ToyCar,fan.", show_default=False),
    ] = None,
    views: Annotated[
        list[str] | None,
        typer.Option("--views", help="Only these views of the preset, for an ablation.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where results, pictures and models go. [default: evaluation/PRESET]",
            show_default=False,
            metavar="FOLDER",
        ),
    ] = None,
    jobs: JobsOption = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    precision: PrecisionOption = "auto",
    false_alarms: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Share of the normal clips that may exceed the threshold.")
    ] = 0.1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do finished sections again.")] = False,
) -> None:
    """Train on each machine's normal clips, score its test clips, and write the figures, tables and pictures.

    Names and folders as in DCASE Challenge Task 2, 2020 to 2025. A section that was finished with the same clips,
    settings and program is not done again.
    """
    from monitor.learn.evaluate_layout import read_layout

    layout = read_layout(data_dir, _names(machines))
    chosen, asked = _preset(preset, _names(views)), precision_named(precision)
    from monitor.cli.progress import bars_of
    from monitor.learn.evaluate import evaluate as evaluate_sections
    from monitor.learn.evaluate_section import Settings
    from monitor.learn.precision import choose, processor_of
    from monitor.memcae.fleet import choose_device

    try:
        arithmetic = choose(asked, processor_of(choose_device(device)))  # refused now, not after an hour of reading
    except DeviceError as error:
        raise BadInputError(f"--{error}") from error
    settings = Settings(chosen, out or Path("evaluation") / chosen.name, false_alarms, seed, device, arithmetic)
    with bars_of("sections", len(layout.sections)) as progress:
        done = evaluate_sections(layout.sections, settings, jobs=jobs, fresh=fresh, progress=progress)
    if not done.results:
        raise BadInputError("\n".join((*done.failures, *layout.problems)))
    _write(done, layout, settings)
    if done.failures:
        raise typer.Exit(1)


def _names(given: list[str] | None) -> tuple[str, ...]:
    """``-m a -m b`` and ``-m a,b`` alike."""
    return tuple(name.strip() for text in given or () for name in text.split(",") if name.strip())


def _preset(name: str, views: tuple[str, ...]) -> Preset:
    from monitor.memcae.preset import PRESETS

    if name not in PRESETS:
        raise BadInputError(f"--preset: {name!r} is none of {', '.join(PRESETS)}")
    if not views:
        return PRESETS[name]
    from monitor.learn.evaluate_section import views_of

    return views_of(PRESETS[name], views)


def _write(done: Evaluation, layout: Layout, settings: Settings) -> None:
    from monitor.cli.table import print_rows
    from monitor.learn.evaluate_output import rows, write_outputs
    from monitor.learn.evaluate_pictures import draw_pictures

    paths = write_outputs(done, layout, settings)
    for result in done.results:
        draw_pictures(settings.out, result)
    print_rows(rows(done), "table")
    for problem in layout.problems:
        typer.echo(f"monitor: note: {problem}", err=True)
    for failure in done.failures:
        typer.echo(f"monitor: failed: {failure}", err=True)
    for result in done.results:
        for problem in result.problems:
            typer.echo(f"monitor: skipped: {problem}", err=True)
    if done.resumed:
        typer.echo(f"monitor: {len(done.resumed)} sections were finished before; --fresh does them again", err=True)
    typer.echo(f"written: {', '.join(str(path) for path in paths)}", err=True)
