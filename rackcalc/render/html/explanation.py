"""The explanation of a figure, three levels deep: formula, values and source behind each number, closed until opened.

A quantity is explained once on a page; wherever else it is met, a link leads there. So is the code of a formula.
"""

from collections.abc import Iterator

from rackcalc.quantities.display import show_value
from rackcalc.quantities.quantity import Formula, Quantity
from rackcalc.questions.explain import provenance, sentence, source_of, substituted
from rackcalc.questions.formula_text import body
from rackcalc.render.figure_rows import SECTIONS
from rackcalc.render.html.markup import escaped, tag
from rackcalc.render.html.reasons import Key, Reasons

LEVELS = 3
FEW = 12  # explanations that are listed as they are; more of them are in groups, which open for a link
MOST = 320_000  # bytes of all explanations on a page: with more of them they have fewer levels


class Explanations:
    """All explanations of figures that a page refers to.

    levels: of inputs that are explained below a figure. told: id of the place where a quantity or formula is explained.
    """

    def __init__(self, reasons: Reasons, levels: int = LEVELS) -> None:
        self.reasons, self.levels = reasons, levels
        self.told: dict[int, str] = {}

    def all(self) -> str:
        """The explanations, in the order in which they were asked for."""
        # the figures themselves first: a figure within another is a link to its own explanation
        for key, quantity in self.reasons.items():
            self.told.setdefault(id(source_of(quantity)), self.reasons.place(key))
        groups: dict[str, list[str]] = {}
        for key, quantity in self.reasons.items():
            title = SECTIONS.get(key[1].partition(".")[0], ("Inputs",))[0]
            groups.setdefault(title, []).append(self._figure(key, quantity))
        if len(self.reasons.asked) <= FEW:
            return "".join(each for group in groups.values() for each in group)
        return "".join(
            tag("details", tag("summary", escaped(f"{title} ({len(group)})")) + "".join(group))
            for title, group in groups.items()
        )

    def _figure(self, key: Key, quantity: Quantity) -> str:
        of, path = key
        about = f" of {of}" if of else ""
        said = tag("code", escaped(path)) + escaped(about + sentence(path, quantity).removeprefix(path))
        identity, whole = self.reasons.place(key), source_of(quantity)
        if not self.levels:
            return tag("p", said, id=identity)
        inside = self._inside(whole, 1) if self.told[id(whole)] == identity else self._elsewhere(whole)
        return tag("details", tag("summary", said) + inside, id=identity)

    def _elsewhere(self, quantity: Quantity) -> str:
        return tag("p", "The same as " + tag("a", "this one", href=f"#{self.told[id(quantity)]}") + ".")

    def _inside(self, quantity: Quantity, level: int) -> str:
        """The formula of a quantity, and its inputs; where a leaf is from."""
        if quantity.formula is None:
            return tag("p", escaped(provenance(quantity)))
        inputs = "".join(self._input(name, value, level) for name, value in quantity.inputs.items())
        return "".join(self._law(quantity, quantity.formula)) + tag("ul", inputs)

    def _law(self, quantity: Quantity, formula: Formula) -> Iterator[str]:
        values = substituted(quantity)
        if id(formula) not in self.told:
            self.told[id(formula)] = identity = self.reasons.id(f"law-{len(self.told)}")
            summary = (formula.__doc__ or "").strip().splitlines()
            yield tag("p", escaped(summary[0] if summary else formula.name), id=identity)
            if not formula.variadic:
                yield tag("pre", escaped(body(formula)))
            yield tag(
                "p", f"Formula {tag('code', escaped(formula.label))}; source: {escaped(formula.cite)}", class_="small"
            )
        else:
            link = tag("a", escaped(formula.label), href=f"#{self.told[id(formula)]}")
            yield tag("p", f"Formula {link}", class_="small")
        if values and not formula.variadic:
            yield tag("pre", escaped(f"= {values}"))

    def _input(self, name: str, quantity: Quantity, level: int) -> str:
        whole = source_of(quantity)
        head = f"{tag('code', escaped(name))} = {escaped(show_value(quantity))}"
        if whole.formula is None:
            return tag("li", f'{head} <span class="small">{escaped(provenance(whole))}</span>')
        if id(whole) in self.told:
            return tag("li", f"{head} ({tag('a', 'explained here', href=f'#{self.told[id(whole)]}')})")
        if level >= self.levels:
            return tag("li", f'{head} <span class="small">{escaped(whole.formula.label)}</span>')
        self.told[id(whole)] = identity = self.reasons.id(f"more-{len(self.told)}")
        return tag("li", tag("details", tag("summary", head) + self._inside(whole, level + 1), id=identity))


def explanations(reasons: Reasons, most: int = MOST) -> str:
    """All explanations that the page refers to, with as many levels as fit into so many bytes: at least a sentence."""
    for levels in range(LEVELS, 0, -1):
        made = Explanations(reasons, levels).all()
        if len(made.encode()) <= most:
            return made
    return Explanations(reasons, 0).all()
