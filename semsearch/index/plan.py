"""Which index for which collection: chosen from rows, dimension, metric and the speed of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.documents import Metric
from semsearch.common.environment import thread_count
from semsearch.index.inverted_lists import Reach
from semsearch.index.part import Part, pad, padded_dimension
from semsearch.index.partitioned import ApproximateIndex
from semsearch.index.quantized import Shape, build_quantized
from semsearch.index.rows import Rows

__all__ = ["Plan", "build_part", "choose", "is_current"]

EXACT_MS = 1.0
"""An exact scan that takes a query no longer than this needs no index."""
PART_ROWS = 1 << 20
"""Rows under one index: a longer part is slower to renew, and more of them are slower to search."""
LATENCY_MS = 4.0
"""A scan of all codes that takes a query longer than this gives way to lists, of which a query sees a share."""
LISTS, MANY_LISTS = 256, 1024
CODE_LADDER = ((192, 6, 4), (192, 4, 4), (64, 2, 2), (1, 1, 1))
"""Least dimension, dimensions for each code of four bits, and how many of them it holds; from the shortest code up.

Two thirds of the principal components, rotated at random so that all weigh the same, hold most of what long
vectors say: measured, codes of 32 bytes then find as much as 48 bytes of the whole vector do. Short vectors
have nothing to spare. FAISS encodes groups of 2 and 4 much faster than of 3.
"""
SAMPLE_A_LIST = 64
"""Rows to train on, for every list."""
LEAST_A_LIST = 16
"""Rows for every list, and for the 16 values of a code, without which a part is not worth building."""
BLOCK_ROWS = 2048
"""Rows that a thread codes at a time. It holds several copies of them: 3 MB each at 384 dimensions."""
TIMED = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """A FAISS factory string, and how many rows a part has; ``None`` is all rows in one part.

    ``level`` is the place of its codes on the ladder, if the program chose it and may choose another. The program then
    trains it, too, and adds a code (see ``quantized``), of which a factory string can say nothing.
    """

    factory: str
    part_rows: int | None = None
    level: int | None = None

    def spans(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts from the row ``start``, which begins one, to the row ``end``; none that is too short to train."""
        size = self.part_rows or max(end, 1)
        for first in range(start, end, size):
            last = min(first + size, end)
            if self.level is None or last - first >= LEAST_A_LIST * _count_lists(self.factory):
                yield first, last


def choose(rows: Rows, level: int = 0) -> Plan | None:
    """The plan for these rows; ``None`` is an exact scan.

    The codes are the shortest from ``level`` of the ladder on that fit the dimension. They lie in few lists, most of
    which a query sees, while that is fast enough, else in many. Beyond the ladder's end there is only the exact scan.
    """
    fitting = [place for place, (least, _, _) in enumerate(CODE_LADDER) if rows.dimension >= least and place >= level]
    count = len(rows)
    if not fitting or count * _exact_ms_a_row(rows) <= EXACT_MS:
        return None
    few = Plan(_factory(rows, fitting[0], LISTS), PART_ROWS, fitting[0])
    if count > PART_ROWS and count * _scan_ms_a_row(rows, few) > LATENCY_MS:
        return Plan(_factory(rows, fitting[0], MANY_LISTS), PART_ROWS, fitting[0])
    return few


def is_current(plan: Plan, rows: Rows) -> bool:
    """Whether this version of the program would build the same of a plan that it has made itself."""
    return plan.level is not None and plan.factory == _factory(rows, plan.level, _count_lists(plan.factory))


def _factory(rows: Rows, level: int, lists: int) -> str:
    """The FAISS factory string of an index of this kind, less what ``quantized`` adds."""
    if rows.metric is not Metric.L2:
        shape = _shape(rows, level, lists)
        return f"PCAR{shape.components},IVF{lists},PQ{shape.codes}x4fs_64"
    _, size, held = CODE_LADDER[level]
    codes = padded_dimension(rows.dimension) // size
    transform = f"PCAR{codes * held}," if held < size else ""
    return f"{transform}IVF{lists},PQ{codes}x4fs_64"


def _shape(rows: Rows, level: int, lists: int) -> Shape:
    """The shape of the codes of this level. Where components are left out, one code is used for the correction."""
    _, size, held = CODE_LADDER[level]
    dimension = padded_dimension(rows.dimension)
    return Shape(dimension, lists, dimension // size - (held < size), held)


def build_part(rows: Rows, plan: Plan, start: int, end: int) -> Part:
    """The part of the rows ``start`` to ``end``, trained on a sample of them."""
    lists = _count_lists(plan.factory)
    wanted = SAMPLE_A_LIST * max(lists, LISTS)
    chosen = np.sort(np.random.default_rng(start).permutation(end - start)[:wanted]) + start

    def read_sample() -> Float32:
        return pad(rows.take(chosen))

    blocks = [partial(_block, rows, first, min(first + BLOCK_ROWS, end)) for first in range(start, end, BLOCK_ROWS)]
    if plan.level is None or rows.metric is Metric.L2:
        return Part.build(
            plan.factory, rows.dimension, rows.metric, start, read_sample(), (block() for block in blocks)
        )
    shape = _shape(rows, plan.level, lists)
    return Part(build_quantized(shape, read_sample, end - start, blocks, thread_count()), start)


def _block(rows: Rows, first: int, end: int) -> Float32:
    return pad(rows.block(first, end))


def _count_lists(factory: str) -> int:
    """Number of lists in a factory string such as ``OPQ96,IVF1024,PQ96x4fs``."""
    numbers = [part[3:].split("_")[0] for part in factory.split(",") if part.startswith("IVF")]
    return int(numbers[0]) if numbers and numbers[0].isdecimal() else 1


def _exact_ms_a_row(rows: Rows) -> float:
    end = min(len(rows), 20_000)
    queries = rows.block(0, min(TIMED, end))
    return _fastest_ms(lambda query: rows.search(query, 10, end=end, threads=thread_count()), queries) / max(end, 1)


def _scan_ms_a_row(rows: Rows, plan: Plan) -> float:
    """Measured by one thread on a small part that is like the others, and divided by the number of threads."""
    end = min(len(rows), 1 << 16)
    index = ApproximateIndex([build_part(rows, plan, 0, end)], rows.metric)
    queries = rows.block(0, TIMED)
    all_lists = Reach(index.effort_limit)
    return _fastest_ms(lambda query: index.candidates(query, 100, all_lists), queries) / end / thread_count()


def _fastest_ms(search: Callable[[Float32], object], queries: Float32) -> float:
    """Of several queries: whatever else the machine does only makes them slower."""
    times = []
    for query in queries:
        begun = time.perf_counter()
        search(query[None])
        times.append(1000 * (time.perf_counter() - begun))
    return min(times, default=0.0)
