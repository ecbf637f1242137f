"""Every speed promise of the project, each measured against its peer in the same run: ``make bench``.

``python tests/benchmarks/run.py mining occlusion/vgg16`` measures one part, and one case of another.
``--record`` stores the ratios as those of this release. Else a ratio that has lost more than a fifth of the
last recorded one is a failure: it is measured again, twice at the most, before it is believed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import commands
import feeding
import history
import invariance
import mining
import occlusion
import pages
import photographs
import projections
import reading
import spreading
import transfer
from counts import matrix_rate
from report import PAGE, failures, line, show, with_table
from table import Part, Row

PARTS: dict[str, Part] = {
    "mining": mining,
    "projections": projections,
    "occlusion": occlusion,
    "photographs": photographs,
    "feeding": feeding,
    "reading": reading,
    "invariance": invariance,
    "transfer": transfer,
    "spreading": spreading,
    "commands": commands,
    "pages": pages,
}


def main() -> int:
    """Measure everything, or what is named; returns 1 where a ratio has fallen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "parts", nargs="*", metavar="PART[/CASE]", help=f"of {', '.join(PARTS)}; default: all"
    )
    parser.add_argument("--record", action="store_true", help="store the ratios as those of this release")
    asked = parser.parse_args()
    try:
        cases = chosen(asked.parts)
    except KeyError as error:
        parser.error(str(error.args[0]))
    known, here = history.read(), history.machine()
    print(
        f"{here.processor}, {here.cores} cores, {here.threads} threads; a matrix product of float32: ", end=""
    )
    print(f"{matrix_rate() / 1e9:.0f} billion multiply-adds a second", flush=True)
    rows = list(measured(cases, known))
    show(rows, known)
    if asked.record:
        known = history.recorded(known, rows, *history.release())
        history.write(known)
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), known), encoding="utf-8")
        return 0
    fallen = failures(rows, known)
    for text in fallen:
        print(text, file=sys.stderr)
    return int(any(fallen.values()))


def chosen(asked: Sequence[str]) -> list[tuple[str, str]]:
    """The parts and cases that are named: ``occlusion`` or ``occlusion/vgg16``; all where none is.

    Raises:
        KeyError: If there is no such part or case.
    """
    every = [(part, case) for part, module in PARTS.items() for case in module.CASES]
    unknown = [name for name in asked if all(name not in {part, f"{part}/{case}"} for part, case in every)]
    if unknown:
        raise KeyError(f"there is no {unknown[0]}; there are {', '.join(f'{a}/{b}' for a, b in every)}")
    return [(part, case) for part, case in every if not asked or {part, f"{part}/{case}"} & set(asked)]


def measured(cases: Sequence[tuple[str, str]], known: Sequence[history.Record]) -> Iterator[Row]:
    """The rows of some cases, each told when it is known; those that have fallen are measured again."""
    here = history.machine()

    def bad(row: Row) -> bool:
        return not row.noisy and history.fallen(row, history.last(known, row, here))

    for part, case in cases:
        for row, tries in history.settled(
            lambda part=part, case=case: rated(PARTS[part].measured(case)),  # type: ignore[misc]
            bad,
        ):
            again = f"; the best of {tries} times" if tries > 1 else ""
            print(line(row, history.last(known, row, here)) + again, flush=True)
            yield row


def rated(rows: Iterator[Row]) -> list[Row]:
    """The rows with the rate of a matrix product at that time, where it says something."""
    return [row._replace(rate=matrix_rate()) if row.multiply_adds else row for row in rows]


if __name__ == "__main__":
    sys.exit(main())
