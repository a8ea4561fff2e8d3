"""The explanation of a figure, three levels deep: formula, values and source behind each number, closed until opened.

A quantity is explained once on a page; wherever else it is met, a link leads there. So is the code of a formula.
"""

from collections.abc import Iterator

from rackcalc.quantities.display import show_value
from rackcalc.quantities.quantity import Formula, Quantity
from rackcalc.questions.explain import provenance, sentence, source_of, substituted
from rackcalc.questions.formula_text import body
from rackcalc.render.html.markup import escaped, tag
from rackcalc.render.html.view import View

LEVELS = 3


class Explanations:
    """All explanations on a page of one estimate. told: id of the place where a quantity or a formula is explained."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.told: dict[int, str] = {}

    def all(self) -> str:
        """The explanations of the figures that the page refers to."""
        # the figures themselves first: a figure within another is a link to its own explanation
        for path, quantity in self.view.asked.items():
            self.told.setdefault(id(source_of(quantity)), self.view.why_id(path))
        return "".join(self._figure(path, quantity) for path, quantity in self.view.asked.items())

    def _figure(self, path: str, quantity: Quantity) -> str:
        said = tag("code", escaped(path)) + escaped(sentence(path, quantity).removeprefix(path))
        identity, whole = self.view.why_id(path), source_of(quantity)
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
            self.told[id(formula)] = identity = self.view.id(f"law-{len(self.told)}")
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
        if level >= LEVELS:
            return tag("li", f'{head} <span class="small">{escaped(whole.formula.label)}</span>')
        self.told[id(whole)] = identity = self.view.id(f"more-{len(self.told)}")
        return tag("li", tag("details", tag("summary", head) + self._inside(whole, level + 1), id=identity))


def explanations(view: View) -> str:
    """All explanations that the page refers to."""
    return Explanations(view).all()
