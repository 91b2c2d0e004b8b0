"""Recipes: from which paths a collection was built, and how they were read, so that it can be done again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["RECIPES", "Recipe", "merge_recipe", "read_recipes"]

RECIPES = "recipes"
"""Their name in the table ``meta``."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Absolute paths, whether what is gone from them is removed, and the options of their reading as JSON values."""

    paths: tuple[str, ...]
    prune: bool
    reading: Mapping[str, Any]


def read_recipes(meta: Mapping[str, Any]) -> list[Recipe]:
    """All recipes of a collection, in the order in which they were first used."""
    return [Recipe(tuple(one["paths"]), one["prune"], one["reading"]) for one in meta.get(RECIPES, ())]


def merge_recipe(recipes: Sequence[Recipe], recipe: Recipe) -> list[dict[str, Any]]:
    """The recipes with another one as JSON values; it takes the place of an earlier one for the same paths."""
    others = [one if one.paths != recipe.paths else recipe for one in recipes]
    return [asdict(one) for one in (others if recipe in others else [*others, recipe])]
