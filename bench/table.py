"""The rows of the bench and the table they make."""
import collections

Row = collections.namedtuple("Row", "about measure")
ROWS = {}


def row(name, about):
    """Registers a function that measures and returns lines."""
    def register(measure):
        ROWS[name] = Row(about, measure)
        return measure
    return register


class Line:
    """One comparison: two figures, their ratio, and what the ratio is to be.

    `better` says whether the ratio is to be at least ("higher") or at most ("lower") its floor. A line without a floor
    only informs. A line against a fixed limit (milliseconds, MiB) has the limit as its floor and no peer.
    """

    def __init__(self, what, unit, ours, peer=None, theirs=None, ratio=None, floor=None, reach=None, better="lower"):
        self.what, self.unit, self.ours, self.peer, self.theirs = what, unit, ours, peer, theirs
        self.ratio, self.floor, self.reach, self.better = ratio, floor, reach, better

    @property
    def compared(self):
        return self.ours if self.peer is None else self.ratio

    def meets(self, limit):
        if limit is None:
            return True
        return self.compared >= limit if self.better == "higher" else self.compared <= limit

    @property
    def holds(self):
        return self.meets(self.floor)

    @property
    def verdict(self):
        if self.floor is None:
            return "-"
        if not self.holds:
            return "MISSED"
        return "reached" if self.reach is not None and self.meets(self.reach) else "holds"


def _number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _limit(line, value):
    if value is None:
        return ""
    return (">= " if line.better == "higher" else "<= ") + _number(value) + ("" if line.peer is None else "x")


def show(lines):
    heads = ["what", "unit", "reeld", "peer", "is", "ratio", "floor", "reach", ""]
    cells = [[line.what, line.unit, _number(line.ours), line.peer or "", _number(line.theirs),
              "" if line.ratio is None else f"{line.ratio:.2f}x", _limit(line, line.floor), _limit(line, line.reach),
              line.verdict] for line in lines]
    widths = [max(len(row[i]) for row in [heads, *cells]) for i in range(len(heads))]
    numeric = {2, 4, 5}

    def text(row):
        return "  ".join(cell.rjust(width) if i in numeric else cell.ljust(width)
                         for i, (cell, width) in enumerate(zip(row, widths))).rstrip()

    print("\n" + text(heads))
    print("  ".join("-" * width for width in widths))
    for row_cells in cells:
        print(text(row_cells))
