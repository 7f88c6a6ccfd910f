"""One line a figure: name, value, unit, and where there is one the baseline, the ratio and the bar."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value; ``bar`` is what it must reach (``at_most`` says in which direction)."""

    name: str
    value: float
    unit: str
    baseline: str = ""
    ratio: float | None = None
    bar: float | None = None
    at_most: bool = True
    note: str = ""

    @property
    def reached(self) -> bool:
        """True if the figure (its ratio, if it has one) is on the right side of its bar."""
        if self.bar is None:
            return True
        measured = self.value if self.ratio is None else self.ratio
        return measured <= self.bar if self.at_most else measured >= self.bar

    def line(self) -> str:
        """Return the figure as one line."""
        text = f"{self.name:<52} {self.value:>14,.3f} {self.unit:<12}"
        if self.ratio is not None:
            text += f" {self.ratio:>7.2f} x {self.baseline}"
        if self.bar is not None:
            text += (
                f"  (bar {'<=' if self.at_most else '>='} {self.bar:g}: {'yes' if self.reached else 'NO'})"
            )
        if self.note:
            text += f"  [{self.note}]"
        return text.rstrip()


def show(figures: list[Figure]) -> int:
    """Print figures; return the exit status: 1 if a bar was missed."""
    for figure in figures:
        print(figure.line(), flush=True)
    return 0 if all(figure.reached for figure in figures) else 1
