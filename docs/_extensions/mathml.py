"""Formulas as MathML, which browsers show by themselves: a page asks no other server for anything."""

from docutils import nodes
from latex2mathml.converter import convert


def _write(self, node, display):
    tag = "div" if display == "block" else "span"
    self.body.append(self.starttag(node, tag, "", CLASS="math"))
    self.body.append(convert(node.astext(), display=display))
    self.body.append(f"</{tag}>")
    raise nodes.SkipNode


def _inline(self, node):
    _write(self, node, "inline")


def _block(self, node):
    _write(self, node, "block")


def setup(app):
    """Make the renderer known to Sphinx, by the name that `html_math_renderer` of conf.py gives."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
