"""The phylogeny of a study: which of its tips is which species."""

import difflib
import io
import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.params.ingest import SpecimensParams

COLUMNS = ("species", "tip", "status", "nearest")
# An unclosed comment is matched to the end: looked for again from each of its brackets, it takes minutes.
_QUOTED_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|\[[^\]]*(?:\]|\Z)")
_LOOSE_LABEL = re.compile(r'[^\s(),:;]+[ \t]+[^\s(),:;]+|[^\s(),:;]*"[^(),:;]*')
_SIMILARITY = 0.8
"""Of `difflib`, above which a tip is shown as what a species may have been meant to be."""


def find_tips(root: Path, specimens: SpecimensParams) -> tuple[str, ...]:
    """Tips of the study's tree, from the file as named or inside `root`; none where no tree is named.

    Raises:
        ParametersError: if the file is absent, holds no single Newick tree, or its tips are not told apart.
    """
    if specimens.tree is None:
        return ()
    path = next((p for p in (specimens.tree, root / specimens.tree) if p.is_file()), None)
    if path is None:
        raise ParametersError(
            f"specimens.tree: must be an existing file, got '{specimens.tree}'; check the path"
        )
    try:
        tips = read_tips(path)
    except (ValueError, OSError) as error:
        raise ParametersError(f"specimens.tree: {error}") from error
    return tips


def read_tips(path: Path) -> tuple[str, ...]:
    """Tip labels of a Newick file, in no particular order, quotes removed.

    Raises:
        ValueError: if it is not one tree, a label has spaces outside single quotes, or a tip has no label or
            one that another has, spelt alike.
    """
    # Imported here: most studies have no tree.
    from Bio import Phylo
    from Bio.Phylo.NewickIO import NewickError

    where = f"tree '{path.name}'"
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    # The library would take the last word of such a label for the whole.
    loose = _LOOSE_LABEL.search(_QUOTED_OR_COMMENT.sub(partial(_replace_whole, where), text))
    if loose and not text.lstrip().startswith("#"):
        raise ValueError(
            f"{where}: a label must have neither spaces nor double quotes, got '{loose.group().strip()}'; "
            "join its words by underscores"
        )
    try:
        tree = Phylo.read(io.StringIO(text), "newick")  # type: ignore[attr-defined, no-untyped-call]
    except (NewickError, ValueError) as error:
        raise ValueError(
            f"{where}: must be one tree in Newick format, got '{str(error).rstrip('.')}'; export it as Newick"
        ) from error
    # By levels: depth first, the library recurses, and a comb of a thousand tips is too deep.
    tips = [tip.name for tip in tree.find_clades(terminal=True, order="level")]
    if len(tips) < 2 or not all(tips):
        raise ValueError(
            f"{where}: every tip must have a label and there must be at least two, got {len(tips)} tips, "
            f"{sum(not tip for tip in tips)} without a label; label tips Genus_species"
        )
    names = pd.Series([_spell(tip) for tip in tips])
    if names.duplicated().any():
        twice = [tip for tip, again in zip(tips, names.duplicated(keep=False), strict=True) if again]
        raise ValueError(f"{where}: a species must be one tip, got {twice[:4]}; keep one of each")
    return tuple(tips)


def _replace_whole(where: str, found: re.Match[str]) -> str:
    if found.group().startswith("[") and not found.group().endswith("]"):
        raise ValueError(f"{where}: every comment must be closed, got '[' without ']'; export it as Newick")
    return "x"


def match_tips(tips: Sequence[str], species: Iterable[str]) -> pd.DataFrame:
    """Set the species of a study beside the tips of its tree.

    Letter case, and underscores or spaces between words, make no difference; nothing else is guessed.

    Args:
        tips: of `read_tips`.
        species: labels of the study; repeated and missing ones count once and not at all.

    Returns:
        `species, tip, status, nearest`: matched species, then species that the tree lacks (`not_in_tree`,
        with the tip that is spelt most like it, if any is), then tips that the study lacks (`not_in_study`),
        each in alphabetical order.

    Raises:
        ParametersError: if two species are spelt alike.
    """
    by_name = {_spell(tip): tip for tip in tips}
    known = sorted(set(pd.Series(list(species), dtype=object).dropna()))
    spelt = pd.Series([_spell(name) for name in known], index=known, dtype=object)
    if spelt.duplicated().any():
        raise ParametersError(
            f"specimens.tree: species must differ in more than case and underscores, got "
            f"{list(spelt.index[spelt.duplicated(keep=False)][:4])}; write them alike in the metadata"
        )
    rows: list[tuple[str | None, str | None, str, str | None]] = []
    for name in known:
        tip = by_name.get(_spell(name))
        near = (
            difflib.get_close_matches(_spell(name), by_name, n=1, cutoff=_SIMILARITY) if tip is None else []
        )
        status = "not_in_tree" if tip is None else "matched"
        rows.append((name, tip, status, by_name[near[0]] if near else None))
    taken = {tip for _, tip, _, _ in rows}
    rows += [(None, tip, "not_in_study", None) for tip in sorted(set(tips) - taken)]
    order = {"matched": 0, "not_in_tree": 1, "not_in_study": 2}
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype("string")
    return table.sort_values("status", key=lambda status: status.map(order), kind="stable", ignore_index=True)


def _spell(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
