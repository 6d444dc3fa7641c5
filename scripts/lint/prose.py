"""What the pages of the site must not contain."""

import json
import re
from collections.abc import Iterator

from scripts.lint.files import Repository, Violation

FENCE = re.compile(r"(`{3,}|~{3,})(.*)")
COMMENT = "begins with %, which the site takes for a comment and does not show: join it with the line above"


def no_line_of_text_is_a_comment(repository: Repository) -> Iterator[Violation]:
    """In MyST a line that begins with "%" is a comment, also within a paragraph that was wrapped there."""
    root = repository.root
    for path in sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")]):
        for number in _comments(path.read_text(encoding="utf-8")):
            yield Violation(path.relative_to(root).as_posix(), number, COMMENT)
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        name = path.relative_to(root).as_posix()
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"])
            for number in _comments(text) if cell["cell_type"] == "markdown" else ():
                as_stored = json.dumps(text.splitlines()[number - 1], ensure_ascii=False)[:-1]
                yield repository.at(name, as_stored, COMMENT)


def _comments(text: str) -> Iterator[int]:
    """Numbers of the lines that begin with "%" outside blocks of code; directives contain text."""
    open_fences: list[tuple[str, bool]] = []
    for number, line in enumerate(text.splitlines(), 1):
        start = line.strip()
        fence, is_code = open_fences[-1] if open_fences else ("", False)
        if fence and start.startswith(fence) and set(start) == {fence[0]}:
            open_fences.pop()
        elif not is_code and (found := FENCE.match(start)):
            open_fences.append((found[1], not found[2].startswith("{")))
        elif not is_code and start.startswith("%"):
            yield number


RULES = (no_line_of_text_is_a_comment,)
