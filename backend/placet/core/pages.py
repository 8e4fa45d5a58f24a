"""Pages of HTML from templates in which every value is escaped but `Markup`, which only our own text may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from placet.core.text import visible

if TYPE_CHECKING:
    from jinja2 import Template


def _shown(value: object) -> object:
    """What is not seen in a text of another party, written out; before it is escaped."""
    return visible(value, lines=True) if type(value) is str else value


def template(package: str, name: str) -> Template:
    """The template `name` of the folder `templates` of a package. A value that it lacks is an error, never empty."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters["grouped"] = "{:,}".format
    environment.filters["tenth"] = "{:.1f}".format
    return environment.get_template(name)
