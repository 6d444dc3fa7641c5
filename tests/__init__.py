"""A package by name, so that one called `tests` that another distribution installs does not stand in its place."""
