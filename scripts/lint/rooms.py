"""Who may import whom."""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from scripts.lint.files import FRONT_DOOR, PACKAGE, Repository, Source, Violation, room_of

# Each line may import itself and the lines above it. Packages in one line stand side by side: not each other.
LAYERS = (
    ("data",),
    ("design",),
    ("model",),
    ("results",),
    ("jobs",),
    ("inference",),
    ("criteria", "predict", "time_to_event"),
    ("comparison", "sensitivity"),
    ("accuracy",),
    ("checks",),
    ("plots",),
    ("report",),
    ("cli",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
FREE = ("arguments", "errors", "_version", "process_wide", "progress", "shown")
ENTRY = "__main__"  # `python -m bayesctc`, which may know what the room cli may
MAP = "CONTRIBUTING.md"


def imports_point_one_way(repository: Repository) -> Iterator[Violation]:
    """A room imports itself, the rooms below it and what is free to all."""
    for source in repository.package:
        if source.module == FRONT_DOOR:
            continue
        own = "cli" if source.room == ENTRY else source.room
        for line, name in source.imports():
            other = room_of(name)
            if name.split(".")[0] != PACKAGE or other in (*FREE, "__version__"):
                continue
            if own in FREE or not (other == own or (other in RANK and RANK[other] < RANK.get(own, 0))):
                yield source.at(line, f"imports {name}, which {own} may not know")


def modules_below(repository: Repository) -> dict[str, dict[str, tuple[Source, int]]]:
    """The modules that each module imports, but for types alone; each with the file and line that does."""
    modules = {source.module.removesuffix(".__init__"): source for source in repository.package}
    found: dict[str, dict[str, tuple[Source, int]]] = {name: {} for name in modules}
    for name, source in modules.items():
        for line, imported in source.imports(types=False):
            target = imported if imported in modules else imported.rpartition(".")[0]
            if target in modules and target not in (name, PACKAGE):
                found[name].setdefault(target, (source, line))
    return found


def no_module_imports_itself_by_way_of_others(repository: Repository) -> Iterator[Violation]:
    """Modules have an order; imports inside functions do not hide a cycle."""
    below = modules_below(repository)
    while True:
        try:
            return TopologicalSorter(below).prepare()
        except CycleError as error:
            cycle = error.args[1][::-1]  # each imports the next
        source, line = below[cycle[0]].pop(cycle[1])
        yield source.at(line, "a cycle of modules: " + " -> ".join(cycle))


def every_package_has_a_layer(repository: Repository) -> Iterator[Violation]:
    """The map of layers names the packages and modules that there are."""
    top = repository.root / PACKAGE
    packages = {path.parent.name for path in top.glob("*/__init__.py")}
    modules = {path.stem for path in top.glob("*.py")} - {"__init__", ENTRY}
    for name in sorted((packages - set(RANK)) | (modules - set(FREE))):
        yield Violation(f"{PACKAGE}/{name}", 1, f"{__name__} names no layer for it")
    for name in sorted((set(RANK) - packages) | (set(FREE) - modules)):
        yield Violation(f"{PACKAGE}/{name}", 1, f"is not there, though {__name__} names it")


def pictures_and_reports_never_fit(repository: Repository) -> Iterator[Violation]:
    """Nothing is fitted by looking at it."""
    for source in repository.package:
        for line, name in source.imports():
            fits = name.startswith(f"{PACKAGE}.inference") or name in (f"{PACKAGE}.fit_ml", f"{PACKAGE}.fit_bayes")
            if fits and source.room in ("plots", "report"):
                yield source.at(line, f"imports {name}: pictures and reports never fit")


def contributing_maps_the_packages(repository: Repository) -> Iterator[Violation]:
    """CONTRIBUTING's table names the packages that there are, from the bottom up."""
    section = repository.text(MAP).split("## Packages", 1)[1].split("\n## ", 1)[0]
    named = re.findall(r"^\| `([a-z_/]+)/` \|", section, flags=re.MULTILINE)
    inits = [source.path.parent for source in repository.package if source.path.name == "__init__.py"]
    there = {"/".join(folder.parts[1:]) for folder in inits if len(folder.parts) > 1}
    for name in sorted(there - set(named)):
        yield repository.at(MAP, "## Packages", f"has no row for {name}/")
    for name in sorted(set(named) - there):
        yield repository.at(MAP, f"| `{name}/` |", f"there is no package {name}/")
    for low, high in pairwise(name for name in named if name.split("/")[0] in RANK):
        if RANK[low.split("/")[0]] > RANK[high.split("/")[0]]:
            yield repository.at(MAP, f"| `{high}/` |", f"stands above {low}/ in the layers: from the bottom up")


RULES = (
    imports_point_one_way,
    no_module_imports_itself_by_way_of_others,
    every_package_has_a_layer,
    pictures_and_reports_never_fit,
    contributing_maps_the_packages,
)
