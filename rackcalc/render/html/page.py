"""The frame of a page: head, style, and what stands at its end."""

from collections.abc import Sequence

from rackcalc.render.html.markup import escaped, tag
from rackcalc.render.html.style import STYLE
from rackcalc.version import __version__

# nothing is loaded from anywhere, and no script runs, whatever a rack file says
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, content: str, contents: Sequence[tuple[str, str]] = (), hint: str = "") -> str:
    """A whole page. content: markup. contents: id and title of its parts, where there are several. hint: at its end."""
    links = "".join(tag("li", tag("a", escaped(name), href=f"#{identity}")) for identity, name in contents)
    listed = tag("nav", tag("ul", links), aria_label="Contents") if contents else ""
    said = f" {tag('span', escaped(hint), class_='screen')}" if hint else ""
    end = f"Made by rackcalc {escaped(__version__)}.{said}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escaped(POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{tag('title', escaped(title))}<style>{STYLE}</style></head><body>"
        f"{tag('a', 'Skip to the answer', href='#main', class_='skip')}"
        f"{listed}{tag('main', content, id='main')}{tag('footer', tag('p', end, class_='small'))}</body></html>\n"
    )
