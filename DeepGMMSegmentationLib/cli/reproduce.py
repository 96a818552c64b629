"""The command ``deepgmm reproduce``: the paper's tables."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled, InvalidInput
from ..version import __version__
from .console import say, show_progress
from .options import add_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..reproduction.myops import Slice
    from ..reproduction.protocol import Protocol
    from ..reproduction.scores import Score

PHANTOM = "phantom"
UNFINISHED = ".unfinished"
TABLE_FILES = ("tables.txt", "tables.md", "tables.tex", "table1.csv", "table2.csv", "slices.csv")
PICTURES = "pictures"
OUTPUTS = (
    *TABLE_FILES,
    *(PICTURES, f"{PICTURES}/table*.png"),
    *(PHANTOM, f"{PHANTOM}/myops_training_*.nii.gz"),
)
PAPER = "Schwab, Mayr and Haltmeier, arXiv:2404.12252"

REPRODUCE = f"""\
Run the experiments of {PAPER}, and print their
Tables 1 and 2 beside the paper's figures.

Examples:
  deepgmm reproduce --myops MyoPS2020/ --out tables/
  deepgmm reproduce --phantom --patients 5 --epochs 30 --out tables/

The MyoPS 2020 data set needs its organisers' consent (*_C0, *_T2, *_DE, *_gd.nii.gz). With
--phantom, the same is done with synthetic hearts, written in that layout into the folder phantom.
The deep methods take some ten seconds a slice on a CPU: all of it is a matter of hours.

Writes tables.txt, tables.md, tables.tex, table1.csv and table2.csv (means and deviations),
slices.csv (every slice), and into pictures/ every slice with its truth and all labels. Until it is
done, what is finished is beside the folder (tables{UNFINISHED}): the same command goes on from
there."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm reproduce``."""
    usage = "(--myops FOLDER | --phantom) --out FOLDER"
    summary = "run the paper's experiments"
    parser = add_command(subparsers, "reproduce", usage, summary, REPRODUCE)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--myops", metavar="FOLDER", help="the training cases of MyoPS 2020")
    source.add_argument("--phantom", action="store_true", help="synthetic hearts in their place")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the tables go")
    parser.add_argument("--force", action="store_true", help="replace earlier tables")
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="NAME",
        type=lambda name: name.replace("mu", "μ"),
        help="some of: GMM, deepG, SVGMM, 'SVGMM random', deepSVG, SVGMMmu, deepSVGmu, "
        "'deepSVG prior', 'infarct EM', 'infarct network' (default: all)",
    )
    for name, default, text in (
        ("patients", 25, "how many synthetic hearts, 2 or more"),
        ("iterations", 200, "the most iterations of a deep method on a slice"),
        ("epochs", 100, "the most epochs of a training"),
        ("filters", 32, "first filters of the paper's networks"),
        ("seed", 0, "seed of every random choice"),
    ):
        parser.add_argument(
            f"--{name}", type=int, default=default, help=f"{text} (default: {default})"
        )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Run ``deepgmm reproduce``."""
    from ..io.folders import whole_folder
    from ..reproduction.experiments import discard, reproduce
    from ..reproduction.myops import CROP, PHANTOM_CROP, read_myops, write_phantoms
    from ..reproduction.pictures import write_pictures
    from ..reproduction.protocol import METHODS, TABLES, Protocol
    from ..reproduction.scores import score_csv, table_csv, table_latex, table_markdown

    methods = tuple(args.methods or METHODS)
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise InvalidInput(f"There is no method {unknown[0]!r}; choose from {', '.join(METHODS)}.")
    if args.epochs < 1 or args.iterations < 1 or args.patients < 2:
        raise InvalidInput("--epochs and --iterations must be 1 or more, --patients 2 or more.")
    protocol = Protocol(methods, args.iterations, args.epochs, args.filters, args.seed, args.device)
    with whole_folder(args.out, OUTPUTS, args.force) as new:
        folder = args.myops
        if args.phantom:
            folder = new / PHANTOM
            folder.mkdir()
            write_phantoms(folder, args.patients, args.seed)
        slices = read_myops(folder, PHANTOM_CROP if args.phantom else CROP)
        out = Path(args.out).resolve()
        unfinished = out.with_name(out.name + UNFINISHED)
        try:
            with show_progress() as progress:
                scores, notes = reproduce(slices, protocol, unfinished, progress)
        except (Cancelled, KeyboardInterrupt) as error:
            raise Cancelled(f"the same command goes on from {unfinished}.") from error
        text = _text(args.phantom, slices, protocol, scores, notes)
        (new / "tables.txt").write_text(text + "\n", encoding="utf-8")
        (new / "slices.csv").write_text(score_csv(scores), encoding="utf-8")
        for table in TABLES:
            (new / f"table{table}.csv").write_text(table_csv(scores, table), encoding="utf-8")
        for name, render in (("tables.md", table_markdown), ("tables.tex", table_latex)):
            tables = "\n\n".join(render(scores, table) for table in TABLES)
            (new / name).write_text(tables + "\n", encoding="utf-8")
        (new / PICTURES).mkdir()
        write_pictures(slices, methods, unfinished, new / PICTURES)
    discard(unfinished)
    say(text)
    say(f"Written to {args.out}.")


def _text(
    phantom: bool,
    slices: Sequence[Slice],
    protocol: Protocol,
    scores: Sequence[Score],
    notes: Sequence[str],
) -> str:
    from ..reproduction.protocol import split
    from ..reproduction.scores import RULES, table_text

    _, test = split(slices)
    patients = len({item.patient for item in slices})
    tested = ", ".join(sorted({item.patient for item in test}))
    rows, columns = slices[0].case.roi.shape[1:]
    data = "SYNTHETIC hearts, no patients; the paper's figures are of MyoPS 2020"
    return "\n".join(
        [
            f"The experiments of {PAPER}, by DeepGMMSegmentation {__version__}.",
            f"Data: {data if phantom else 'MyoPS 2020'}. {len(slices)} slices with all four "
            f"tissues of {patients} patients, {columns} × {rows} pixels around the heart.",
            "",
            f"Table 1: every slice fitted by itself. Dice, mean ± standard deviation over "
            f"{len(slices)} slices.",
            table_text(scores, 1),
            "",
            f"Table 2: the {len(test)} slices of the test patients ({tested}); priors and networks "
            f"come from the other {len(slices) - len(test)} slices.",
            table_text(scores, 2),
            "",
            *(f"Labels {rule}: {meaning}." for rule, meaning in RULES.items()),
            "NLL: per voxel, of the intensities normalised over the crop; the infarct methods have "
            "other densities (Student t) and proportions (smooth), so theirs compares with "
            "nothing but itself. Seconds are without training.",
            "SVGMM starts from k-means, as the authors' code does; SVGMM random from random "
            "responsibilities, as the paper's text says.",
            "μ: the paper's μ_data, mean z-scores of the tissues over ten labelled training "
            "slices; deepSVG prior, ours, is drawn to a prior of all of them, mapped to each "
            "slice's region.",
            *notes,
            f"Deep methods: at most {protocol.iterations} iterations a slice, "
            f"{protocol.filters} first filters; seed {protocol.seed}.",
        ]
    )
