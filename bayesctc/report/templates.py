"""How every page is filled in: user text is escaped, and nothing may be missing."""

import jinja2


def templates(package: str) -> jinja2.Environment:
    """The templates of a package."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
