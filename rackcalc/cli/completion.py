"""What the shell offers on TAB. Each list is made only when it is asked for; what cannot be known is an empty list."""

from collections.abc import Callable, Iterable
from typing import Any

from rackcalc.quantities.problems import InputError

SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """The text that makes a shell complete rackcalc: `eval "$(rackcalc --show-completion bash)"`."""
    from typer._completion_shared import get_completion_script

    return get_completion_script(prog_name="rackcalc", complete_var="_RACKCALC_COMPLETE", shell=shell) + "\n"


def one_of(*words: str) -> Callable[[str], list[str]]:
    """A fixed choice."""

    def offered(incomplete: str) -> list[str]:
        return _beginning(incomplete, words)

    return offered


def racks(incomplete: str) -> list[str]:
    """Bundled racks, and YAML files of the folder that is being typed."""
    from pathlib import Path

    from rackcalc.config.racks import bundled_racks

    typed = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    folder = "" if typed == Path() else f"{str(typed).rstrip('/')}/"
    files = (folder + path.name for path in typed.glob("*") if path.suffix in (".yaml", ".yml"))
    return _beginning(incomplete, [*bundled_racks(), *sorted(files)])


def files(incomplete: str) -> list[str]:
    """YAML files and folders of the folder that is being typed."""
    from pathlib import Path

    typed = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    folder = "" if typed == Path() else f"{str(typed).rstrip('/')}/"
    found = [path for path in typed.glob("[!.]*") if path.suffix in (".yaml", ".yml") or path.is_dir()]
    return _beginning(incomplete, sorted(f"{folder}{path.name}{'/' * path.is_dir()}" for path in found))


def commits(incomplete: str) -> list[str]:
    """Branches and tags, as the base of a change; after the dots as its head."""
    from rackcalc.config.git_files import find_repository

    try:
        known = find_repository().names()
    except InputError:
        return []
    base, dots, _ = incomplete.partition("...") if "..." in incomplete else incomplete.partition("..")
    return _beginning(incomplete, [f"{base}{dots}{name}" if dots else f"{name}..." for name in known])


def scenarios(ctx: Any, incomplete: str) -> list[str]:
    """Scenarios of the racks named so far."""
    from rackcalc.config.racks import find_rack, known_scenarios

    return _beginning(incomplete, (name for rack in _named(ctx) for name in _known(known_scenarios, *find_rack(rack))))


def paths(ctx: Any, incomplete: str) -> list[str]:
    """Figures of the first rack named so far; of the usual one where there is none."""
    from rackcalc.estimation.estimate import estimate
    from rackcalc.quantities.figures import figures
    from rackcalc.questions.rack_file import load

    rack = next(iter(_named(ctx)), "rack-of-god")
    return _beginning(incomplete, _known(lambda: dict(figures(estimate(load(rack))))))


def kinds(incomplete: str) -> list[str]:
    """Kinds of parts."""
    from rackcalc.spec.part_kinds import CATALOG

    return _beginning(incomplete, CATALOG)


def parts(ctx: Any, incomplete: str) -> list[str]:
    """Parts of the kind that was named."""
    from rackcalc.config.catalog_files import part_names

    return _beginning(incomplete, part_names(str(ctx.params.get("kind") or "")))


def links(incomplete: str) -> list[str]:
    """Links of the catalog."""
    from rackcalc.config.catalog_files import part_names

    return _beginning(incomplete, part_names("links"))


def bundled(incomplete: str) -> list[str]:
    """Bundled racks alone."""
    from rackcalc.config.racks import bundled_racks

    return _beginning(incomplete, bundled_racks())


def _named(ctx: Any) -> list[str]:
    """The racks on the line that can be read; never standard input, which is the terminal."""
    from rackcalc.config.racks import find_rack

    given = ctx.params.get("racks") or ctx.params.get("rack") or ctx.args  # args: where an option still lacks its value
    asked = [given] if isinstance(given, str) else list(given)
    return [rack for rack in asked if rack != "-" and _known(find_rack, rack)]


def _known(look_up: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return look_up(*arguments)
    except InputError:
        return ()


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)]
