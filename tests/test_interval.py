"""Intervals: exact rules on small graphs, brute force on whole racks."""

import itertools
import math
import re
from pathlib import Path
from statistics import NormalDist

import numpy
import pytest

from rackcalc.config.racks import find_rack
from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.combine import largest, total
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import FORMULAS, KINDS, Quantity, Source, constant, formula
from rackcalc.questions.rack_file import load, load_text
from rackcalc.replay import distributions
from rackcalc.replay import latin_hypercube as orders
from rackcalc.replay.distributions import SPREAD, leaf_range
from rackcalc.replay.inherited_parameters import InheritedParameters
from rackcalc.replay.intervals import Draws, intervals
from rackcalc.replay.latin_hypercube import LEVELS, ORDERS

CONFIGS = Path(__file__).parent.parent / "configs"


@pytest.fixture(scope="module", autouse=True)
def forms():
    """Formulas of this file, taken out of the register again."""
    before = dict(FORMULAS)

    @formula(cite="test")
    def quotient(over, under):
        return over / under

    @formula(cite="test")
    def product(**terms):
        return math.prod(terms.values()) if not any(hasattr(x, "shape") for x in terms.values()) else _product(terms)

    @formula(cite="test")
    def difference(first, second):
        return first - second

    @formula(cite="test")
    def steep(x):
        return xp.exp(3 * x) * (1 + x)

    @formula(cite="test")
    def falling(x):
        return 1 / (x * x)

    @formula(cite="test", error=0.10)
    def model(x):
        return 2 * x

    @formula(cite="test", error=0.20)
    def rough_part(x):
        return x

    @formula(cite="test", error=0.05)
    def tested_whole(part):
        return part

    @formula(cite="test")
    def fragile(x):
        if x > 1.5:
            raise ZeroDivisionError
        return x

    yield {name.removeprefix("test_interval."): made for name, made in FORMULAS.items() if name not in before}
    FORMULAS.clear()
    FORMULAS.update(before)


def _product(terms):
    result = 1.0
    for term in terms.values():
        result = result * term
    return result


def leaf(value, low=None, high=None, kind="estimate", unit="s", **options):
    return Quantity(value, unit, "leaf", source=Source(kind), low=low, high=high, **options)


def of(figure):
    return Draws().interval(figure)


# --- leaves ----------------------------------------------------------------------------------------------------------


def test_a_leaf_has_its_own_range():
    assert of(leaf(2.0, 1.0, 3.0)) == pytest.approx((1.0, 3.0))
    assert of(leaf(2.0, None, 3.0)) == pytest.approx((2.0, 3.0))
    assert of(leaf(0.0, -1.0, 3.0)) == pytest.approx((-1.0, 3.0))


@pytest.mark.parametrize(("kind", "share"), [("press", 0.05), ("estimate", 0.15), ("assumed", 0.25)])
def test_a_leaf_without_a_range_has_the_spread_of_its_kind(kind, share):
    assert of(leaf(2.0, kind=kind)) == pytest.approx((2 / (1 + share), 2 * (1 + share)))
    assert of(leaf(-2.0, kind=kind)) == pytest.approx((-2 * (1 + share), -2 / (1 + share)))


def test_a_weaker_kind_is_in_no_less_doubt():
    spreads = [SPREAD.get(kind, 0.0) for kind in KINDS if kind != "hypothetical"]
    assert spreads == sorted(spreads) and spreads[KINDS.index("assumed")] > 0


def test_a_share_without_a_range_stays_below_the_whole():
    assert of(leaf(0.96, kind="assumed", unit="1")) == pytest.approx((0.95, 0.968))
    assert of(leaf(0.04, kind="assumed", unit="1")) == pytest.approx((0.032, 0.05))


@pytest.mark.parametrize(
    "exact",
    [
        leaf(2.0, kind="given"),
        leaf(2.0, kind="measured"),
        leaf(2.0, kind="datasheet"),
        leaf(2.0, kind="quoted"),
        leaf(2.0, kind="published"),
        leaf(2.0, kind="hypothetical"),
        leaf(8.0, kind="assumed", exact=True),
        leaf(300.0, kind="assumed", unit="K", absolute=True),
        leaf(0.0, kind="assumed"),
        leaf(math.inf, kind="assumed"),
        constant(3.0, "1", "gate matrices", "assumed"),
    ],
)
def test_what_is_certain_has_no_width(exact, forms):
    assert of(exact) == (exact.value, exact.value)
    assert of(total(a=exact, b=exact)) == (2 * exact.value, 2 * exact.value)


def test_a_share_of_all_there_can_be_is_exact_unless_it_has_a_range():
    kept = load("rack-of-god").rack.latency_value.share_kept
    assert (kept.value, kept.source.kind, leaf_range(kept)) == (1.0, "assumed", (1.0, 1.0))
    ranged = load("rack-of-god", "", ["latency_value.share_kept={value: 1, low: 0.5, kind: assumed}"])
    assert leaf_range(ranged.rack.latency_value.share_kept) == (0.5, 1.0)


def test_counts_of_a_rack_are_exact_whatever_their_kind():
    rack = load(str(CONFIGS / "rack-of-god.yaml")).rack
    assert rack.site.racks.source.kind == "assumed"
    assert of(rack.site.racks) == (1.0, 1.0)


def test_shares_and_amounts_stay_in_their_domain():
    share = Draws().column(leaf(0.1, 0.0, 0.9, unit="1"))
    assert min(share) == 0
    assert max(share) == 1
    assert min(Draws().column(leaf(5.0, 0.0, 6.0))) == 0


# --- formulas --------------------------------------------------------------------------------------------------------


def test_levels_are_normal_quantiles_and_hold_both_ends():
    law = NormalDist()
    assert pytest.approx([law.inv_cdf((i + 0.5) / 45) / law.inv_cdf(0.9) for i in range(45)], abs=2e-6) == LEVELS
    assert LEVELS[orders.TAIL] == -1
    assert LEVELS[-1 - orders.TAIL] == 1


def test_prepared_orders_are_whole_and_hardly_correlate():
    columns = numpy.array([[LEVELS[i] for i in _places(letters)] for letters in ORDERS])
    assert (numpy.sort(columns) == LEVELS).all()
    correlations = numpy.corrcoef(columns)[numpy.triu_indices(len(ORDERS), 1)]
    assert abs(correlations).max() < 0.03


def _places(letters):
    return [(ord(letter) - ord("A")) if letter.isupper() else (ord(letter) - ord("a") + 26) for letter in letters]


def test_a_rising_and_a_falling_formula_map_the_ends(forms):
    x = leaf(0.3, 0.1, 0.8)
    bent = forms["steep"].function
    assert of(forms["steep"](x=x)) == pytest.approx((bent(0.1), bent(0.8)))
    assert of(forms["falling"](x=x)) == pytest.approx((1 / 0.64, 100.0))


def test_a_sum_of_independent_terms_widens_as_the_root_of_the_squares():
    terms = {f"t{i}": leaf(10.0, 9.0, 11.0) for i in range(9)}
    low, high = of(total(**terms))
    assert high - low == pytest.approx(3 * 2.0, rel=0.12)
    assert (low + high) / 2 == pytest.approx(90.0, abs=1.0)  # a hundredth of skew


def test_a_product_of_independent_factors_is_lognormal(forms):
    factors = {f"f{i}": leaf(2.0, 1.0, 4.0, unit="1") for i in range(4)}
    low, high = of(forms["product"](**factors))
    assert math.log2(16 / low) == pytest.approx(2.0, rel=0.2)
    assert math.log2(high / 16) == pytest.approx(2.0, rel=0.2)


def test_what_is_shared_cancels(forms):
    a, b, c = leaf(5.0, 3.0, 9.0), leaf(1.0, 0.9, 1.1), leaf(2.0, 1.9, 2.1)
    assert of(forms["quotient"](over=a, under=a)) == (1.0, 1.0)
    both = forms["difference"](first=total(a=a, b=b), second=total(a=a, c=c))
    alone = forms["difference"](first=b, second=c)
    assert of(both) == pytest.approx(of(alone), rel=0.3)
    low, high = of(both)
    assert high - low == pytest.approx(0.2 * math.sqrt(2), rel=0.2)


def test_one_value_of_a_file_is_one_leaf_wherever_it_is_read(forms):
    first, again = (
        Quantity(4.0, "s", name, source=Source("press", file="links/x.yaml", path="latency"), low=2.0, high=8.0)
        for name in ("link.latency", "hop.latency")
    )
    other = Quantity(4.0, "s", "x", source=Source("press", file="links/x.yaml", path="hop"), low=2.0, high=8.0)
    draws = Draws()
    assert draws.interval(forms["quotient"](over=first, under=again)) == (1.0, 1.0)
    assert draws.interval(forms["quotient"](over=first, under=other))[1] > 2


def test_a_bend_shows_on_its_side_only():
    limit, x = leaf(1.0, kind="given"), leaf(1.0, 0.5, 2.0)
    assert of(largest(limit=limit, x=x)) == pytest.approx((1.0, 2.0))
    assert of(largest(limit=leaf(3.0, kind="given"), x=x)) == (3.0, 3.0)


def test_wider_ranges_never_narrow(forms):
    """Up to the noise of 45 draws."""
    other = leaf(3.0, 2.0, 4.0)
    widths = []
    for spread in (1.0, 1.05, 1.2, 1.5, 2.0, 4.0):
        low, high = of(forms["product"](a=leaf(3.0, 3 / spread, 3 * spread), b=other))
        widths.append(math.log(high / low))
    assert all(later > 0.9 * earlier for earlier, later in itertools.pairwise(widths))
    assert widths[-1] > 3 * widths[0]


def test_an_end_that_cannot_be_computed_does_not_count(forms):
    low, high = of(forms["fragile"](x=leaf(1.0, 0.5, 2.0)))
    assert low < 1 < high <= 1.5


# --- errors of formulas ----------------------------------------------------------------------------------------------


def test_the_error_of_a_form_is_the_mean_of_what_it_is_off_by(forms):
    figure = forms["model"](x=leaf(1.0, kind="given"))
    column = numpy.array(Draws().column(figure))
    assert abs(column / 2 - 1).mean() == pytest.approx(0.10, rel=0.06)
    assert of(figure) == pytest.approx((2 * math.exp(-0.1606), 2 * math.exp(0.1606)), rel=1e-3)


def test_one_form_is_off_the_same_way_wherever_it_is_used(forms):
    one, two = forms["model"](x=leaf(1.0, kind="given")), forms["model"](x=leaf(3.0, kind="given"))
    assert of(forms["quotient"](over=one, under=two)) == pytest.approx((1 / 3, 1 / 3))


def test_the_error_of_a_whole_contains_those_of_its_parts(forms):
    part = forms["rough_part"](x=leaf(1.0, kind="given"))
    whole = forms["tested_whole"](part=part)
    draws = Draws()
    assert draws.interval(part)[1] == pytest.approx(math.exp(0.2 * 1.606), rel=1e-3)
    assert draws.interval(whole)[1] == pytest.approx(math.exp(0.05 * 1.606), rel=1e-3)
    assert draws.interval(total(a=part, b=part))[1] == pytest.approx(2 * math.exp(0.2 * 1.606), rel=1e-3)


def test_parameters_from_other_families_widen_the_error(forms):
    fitted, carried = (
        forms["model"](x=Quantity(1.0, "s", "x", source=Source(kind, file="catalog/families/ada.yaml", line=1)))
        for kind in ("measured", "estimate")
    )
    assert InheritedParameters().widening(fitted) == 1
    assert InheritedParameters().widening(carried) == distributions.INHERITED
    half = total(a=fitted, b=carried, again=fitted)
    assert InheritedParameters().widening(half) == pytest.approx((1 + distributions.INHERITED) / 2)


# --- whole racks -----------------------------------------------------------------------------------------------------

NAMES = ("air-limit", "gb200-nvl72-deepseek-v3", "groqrack-llama2-70b")
CHECKED = r"latency\.(service|ttft|tpot)|throughput\.capacity|power\.(chips|it|facility|peak\.it)|cost\.(tco|per_hour)"


def brute_force(result, count):
    """Every figure in `count` random draws of all leaves and errors: the same rules, by numpy and by chance."""
    random = numpy.random.default_rng(1)
    scores, known, families = {}, {}, InheritedParameters()

    def score(key):
        return scores.setdefault(key, random.standard_normal(count) / NormalDist().inv_cdf(0.9))

    def drawn(quantity):
        (low, high), value, place = leaf_range(quantity), quantity.value, quantity.source
        if low == value == high or not math.isfinite(value):
            return value
        t = score((place.file, place.path) if place.path else id(quantity))
        if low > 0 and not quantity.absolute:
            x = value * numpy.where(t > 0, (high / value) ** t, (value / low) ** t)
        else:
            x = value + t * numpy.where(t > 0, high - value, value - low)
        x = numpy.maximum(x, 0) if low >= 0 else x
        return numpy.minimum(x, 1) if quantity.unit == "1" and low >= 0 and high <= 1 else x

    def value(quantity, bare=False):
        key = (id(quantity), bare)
        if key not in known:
            form = quantity.formula
            if form is None:
                known[id(quantity), True] = known[id(quantity), False] = drawn(quantity)
            else:
                inputs = {name: value(x, bare or form.error > 0) for name, x in quantity.inputs.items()}
                with numpy.errstate(all="ignore"):
                    known[key] = form.function(**inputs)
                    if form.error and not bare:
                        known[key] = known[key] * numpy.exp(
                            score(form) * distributions.WIDTH * form.error * families.widening(quantity)
                        )
        return known[key]

    return {path: value(quantity) for path, quantity in figures(result)}


@pytest.fixture(scope="module", params=NAMES)
def rack(request):
    result = estimate(load(str(CONFIGS / f"{request.param}.yaml")))
    return result, intervals(result)


def test_intervals_agree_with_brute_force(rack):
    result, found = rack
    checked = 0
    for path, column in brute_force(result, 4000).items():
        if not re.fullmatch(CHECKED, path) or numpy.ndim(column) == 0:
            continue
        low, high = numpy.quantile(column, [0.1, 0.9], method="inverted_cdf")
        finite = [
            (mine, theirs) for mine, theirs in zip(found[path], (low, high), strict=True) if math.isfinite(theirs)
        ]
        assert sum(map(math.isfinite, found[path])) == len(finite), path
        for mine, theirs in finite:  # an end may be unbounded: fans that heat the air faster than they move it
            assert abs(mine - theirs) < 0.3 * (finite[-1][1] - finite[0][1] or abs(theirs)), path
        checked += 1
    assert checked >= 9


def test_every_figure_lies_inside_its_interval(rack):
    result, found = rack
    for path, quantity in figures(result):
        if not math.isnan(quantity.value):
            assert found[path][0] <= quantity.value <= found[path][1], path


def test_the_work_is_bounded(rack):
    result, _ = rack
    formulas = {id(q): q for _, figure in figures(result) for q in _below(figure) if q.formula is not None}
    draws = Draws()
    for _, figure in figures(result):
        draws.interval(figure)
    assert draws.calls <= len(LEVELS) * len(formulas)
    before = draws.calls
    for _, figure in figures(result):
        draws.interval(figure)
    assert draws.calls == before


def _below(figure):
    seen, stack = {}, [figure]
    while stack:
        quantity = stack.pop()
        if id(quantity) not in seen:
            seen[id(quantity)] = quantity
            stack.extend(quantity.inputs.values())
    return seen.values()


def test_a_figure_has_the_same_interval_whichever_others_are_asked_for(rack):
    result, found = rack
    for path, figure in list(figures(result))[::7]:
        assert intervals(result, {path: figure}) == {path: pytest.approx(found[path], rel=1e-12, nan_ok=True)}
        assert Draws(result).interval(figure) == pytest.approx(found[path], rel=1e-12, nan_ok=True)


def test_the_same_rack_has_the_same_intervals_again():
    one, two = (intervals(estimate(load(str(CONFIGS / "air-limit.yaml")))) for _ in range(2))
    assert one == two


def test_comments_and_the_order_of_sections_move_no_interval():
    text = (CONFIGS / "air-limit.yaml").read_text(encoding="utf-8")
    sections = [part for part in re.split(r"^(?=\w+:)", text, flags=re.MULTILINE) if re.match(r"\w+:", part)]
    assert len(sections) > 5
    shuffled = "# moved\n\n" + "\n# so\n".join(reversed(sections))
    moved, plain = (intervals(estimate(load_text(given, "rack.yaml"))) for given in (shuffled, text))
    assert moved == plain
    assert sum(low < high for low, high in plain.values()) > 20


def test_ranges_of_two_options_are_two_leaves():
    sets = [f"economics.price.{pool}={{value: 100 USD, low: 50 USD, high: 200 USD}}" for pool in ("gpu", "lpu")]
    text, file = find_rack("rack-of-god")
    terms = dict(figures(estimate(load_text(text, file, sets=sets))))
    draws = Draws()
    gpu, lpu = (draws.column(terms[f"cost.capex_terms.{pool}"]) for pool in ("gpu", "lpu"))
    assert [x / gpu[0] for x in gpu] != pytest.approx([x / lpu[0] for x in lpu])


def test_what_is_released_changes_no_interval() -> None:
    found = [estimate(load(rack)) for rack in ("bert-a100", "rack-of-god", "llama70b-8xh100")]
    asked = [figure for result in found for _, figure in figures(result)][::3]
    held, released = Draws(), Draws()
    for figure in asked:
        expected = held.interval(figure)
        assert released.interval(figure) == expected or math.isnan(expected[0])
        released.release()
    assert released.size == 0 < held.size
