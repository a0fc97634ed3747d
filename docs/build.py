"""Pages that are made when the documents are built: the reference, and the documents of the root.

`mkdocs.yml` names this file as its hook. Nothing that it makes is kept in the repository. The functions that
write Markdown need no mkdocs, so that tests can call them.
"""

import ast
import html
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

import click
import yaml

from xmodal_pipeline.cli import xmodal
from xmodal_pipeline.dictionary import TABLES
from xmodal_pipeline.errors import ADVICE, CaptureCode, Trouble
from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.ingest import BandLayout
from xmodal_pipeline.params.presets import PRESETS
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.params.variants import BaselineParams, StrategyParams
from xmodal_pipeline.pipelines import STAGES

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
CONF: Final = ROOT / "conf" / "base"
SOURCE: Final = ROOT / "src"
PACKAGE: Final = "xmodal_pipeline"
ROOT_PAGES: Final = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Documents that stand in the root, and the page that each becomes."""
_BEYOND_DOCS = re.compile(r"\]\((?:\.\./)+(" + "|".join(map(re.escape, ROOT_PAGES)) + r")(#[^)]*)?\)")
_OTHER_HOSTS = re.compile(
    r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>|url\(\s*[\"']?https?:"
    r"|class=\"mermaid\""  # the theme fetches what draws these
)


def write_pages() -> dict[str, str]:
    """Markdown of every page that is made, by its place among the documents."""
    pages = {target: root_page(ROOT / name) for name, target in ROOT_PAGES.items()}
    return pages | {
        "reference/parameters.md": parameters_page(),
        "reference/columns.md": columns_page(),
        "reference/codes.md": codes_page(),
        "reference/commands.md": commands_page(),
        **{f"reference/python/{name}.md": text for name, text in python_pages().items()},
    }


def root_page(path: Path) -> str:
    """A document of the root, with links that hold among the pages."""
    text = path.read_text().replace("](docs/decisions)", "](decisions/README.md)").replace("](docs/", "](")
    for name, target in ROOT_PAGES.items():
        text = re.sub(rf"\]\({re.escape(name)}(#[^)]*)?\)", rf"]({target}\1)", text)
    return text


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _classes(path: Path) -> dict[str, ast.ClassDef]:
    return {one.name: one for one in _tree(path).body if isinstance(one, ast.ClassDef)}


def _said_below(owner: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Fields, or members of an enumeration, with the string that follows each."""
    for node, following in zip(owner.body, owner.body[1:], strict=False):
        if not isinstance(node, ast.AnnAssign | ast.Assign) or not isinstance(following, ast.Expr):
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if isinstance(target, ast.Name) and isinstance(following.value, ast.Constant):
            yield target.id, " ".join(str(following.value.value).split())


# Parameters

_PARAMETERS_INTRODUCTION = """# Parameters

Every key of `conf/base/parameters_<stage>.yml`, from the models that check it. Set a key with
`kedro run --params group.key=value`, or in `conf/<environment>/parameters.yml`. An unknown or impossible
value stops every command before it starts. Where several defaults stand, the key is `null` and
`training.preset` decides."""
_PARAMETERS_HEAD = ("| key | type | default | meaning |", "|---|---|---|---|")
_TYPES: Final = {"integer": "whole number", "string": "text", "boolean": "true or false"}
_LIMITS: Final = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_OWN_BANDS: Final = BandLayout(name="own", order=("UV",), rgb=(), uv=("UV",))


class Key(NamedTuple):
    """One key that a parameters file may hold."""

    name: str
    """Dotted, as `--params` takes it."""
    type: str
    default: str
    meaning: str


def list_keys() -> Iterator[Key]:
    """Every key, in the order of the models; those of a variant under its name."""
    yield from _keys_of(Parameters(), "")
    for model in (*get_args(StrategyParams), BaselineParams):
        for name in get_args(model.model_fields["fusion_type"].annotation):
            yield from _keys_of(model(fusion_type=name), f"variants.{name}.")
    yield from _keys_of(_OWN_BANDS, "specimens.layout.")


def _keys_of(values: ParamsModel, prefix: str) -> Iterator[Key]:
    schema = type(values).model_json_schema()
    meanings = _meanings(type(values))
    for name in type(values).model_fields:
        value = getattr(values, name)
        if isinstance(value, ParamsModel):
            yield from _keys_of(value, f"{prefix}{name}.")
        elif name != "variants":
            kind = _describe_type(schema["properties"][name], schema.get("$defs", {}))
            yield Key(f"{prefix}{name}", kind, _describe_default(values, name, prefix), meanings[name])


def _meanings(model: type[ParamsModel]) -> dict[str, str]:
    """What stands below each field of a model, its bases' too."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if owner.__module__.startswith(f"{PACKAGE}.params"):
            path = SOURCE / (owner.__module__.replace(".", "/") + ".py")
            found |= dict(_said_below(_classes(path)[owner.__name__]))
    return found


def _describe_type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A JSON schema in words."""
    if "$ref" in schema:
        return _describe_type(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for either in ("anyOf", "oneOf"):
        if either in schema:
            return " or ".join(dict.fromkeys(_describe_type(one, definitions) for one in schema[either]))
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{_as_yaml(value)}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any value")
    if kind == "array":
        if "prefixItems" in schema:
            return f"list of {len(schema['prefixItems'])} numbers"
        return f"list of: {_describe_type(schema['items'], definitions)}"
    if kind == "object":
        return "bands of your own" if "order" in schema.get("properties", {}) else "names with their values"
    limits = " and ".join(f"{sign} {schema[word]:g}" for word, sign in _LIMITS.items() if word in schema)
    word = "path" if schema.get("format") == "path" else _TYPES.get(kind, kind)
    return f"{word} {limits}".strip()


def _describe_default(values: ParamsModel, name: str, prefix: str) -> str:
    value = values.model_dump(mode="json")[name]
    if name in type(values).of_preset:
        chosen = {preset: _preset_value(keys, prefix + name, value) for preset, keys in PRESETS.items()}
        return ", ".join(f"{preset} `{_as_yaml(one)}`" for preset, one in chosen.items())
    is_required = values is _OWN_BANDS and type(values).model_fields[name].is_required()
    return "required" if is_required else f"`{_as_yaml(value)}`"


def _preset_value(groups: Any, key: str, default: Any) -> Any:
    for part in key.split("."):
        if part not in groups:
            return default
        groups = groups[part]
    return groups


def _as_yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parameters_page() -> str:
    """The reference of every parameter, a table per group, in the order of the stages."""
    first = [f"parameters_{stage}.yml" for stage in ("run", *STAGES)]
    files = sorted(CONF.glob("parameters_*.yml"), key=lambda path: [*first, path.name].index(path.name))
    order = ["study", *(name for path in files for name in yaml.safe_load(path.read_text()))]
    groups: dict[str, list[str]] = {}
    for key in sorted(list_keys(), key=lambda key: order.index(key.name.partition(".")[0])):
        group = key.name.rpartition(".")[0] or "of every run"
        groups.setdefault(group, []).append(_row(f"`{key.name}`", *key[1:]))
    sections = ["\n".join([f"## {group}", "", *_PARAMETERS_HEAD, *rows]) for group, rows in groups.items()]
    return "\n\n".join([_PARAMETERS_INTRODUCTION, *sections]) + "\n"


# Columns

_COLUMNS_INTRODUCTION = """# Tables and columns

Every table that a run writes. `<study>` is the study's name; what stands in braces is the variant's, or the
model's. Parquet opens with pandas, polars and R's arrow; a CSV of the same name beside it has the same
columns. `*` in the name of a column stands for any letters. "Units of the band" are reflectance where
captures are calibrated, else shares of full scale."""
_COLUMNS_HEAD = ("| column | unit | meaning |", "|---|---|---|")
_SOMETIMES = " Not in every study or variant."


def columns_page() -> str:
    """The reference of every table, with its file and its columns."""
    files = _files_of_tables()
    parts = [_COLUMNS_INTRODUCTION]
    for name, table in TABLES.items():
        head = [f"## {name}", "", f"`{files[name]}`. A row is {table.row}.", "", *_COLUMNS_HEAD]
        rows = [
            _row(f"`{column}`", one.unit, one.meaning + ("" if one.is_always_there else _SOMETIMES))
            for column, one in table.columns.items()
        ]
        parts.append("\n".join([*head, *rows]))
    return "\n\n".join(parts) + "\n"


def _files_of_tables() -> dict[str, str]:
    """Path of each table, as the catalog has it."""
    layers = yaml.safe_load((CONF / "catalog.yml").read_text())
    found = {}
    for path in sorted(CONF.glob("catalog_*.yml")):
        for name, entry in yaml.safe_load(path.read_text()).items():
            if name in TABLES:
                filled = re.sub(r"\$\{(_\w+)\}", lambda match: layers[match[1]], entry["filepath"])
                found[name] = filled.replace("${_study}", "<study>")
    return found


# Codes

_CODES_INTRODUCTION = """# Codes

Codes are stable: tables and papers may quote them.

## Captures

In `rejected_captures` and `unusable_files`, and, where the capture is used all the same, among the `flags` of
`specimen_index` and `quality_report`.
"""
_CODES_HEAD = ("| code | meaning | what to do |", "|---|---|---|")


def codes_page() -> str:
    """The reference of every code: what it means and what to do."""
    owners = _classes(SOURCE / PACKAGE / "errors.py")
    meanings, wrongs = (dict(_said_below(owners[one.__name__])) for one in (CaptureCode, Trouble))
    captures = [_row(f"`{code}`", meanings[code.name], ADVICE[code]) for code in CaptureCode]
    troubles = [
        _row(f"`{one}`", wrongs[one.name], f"[read on]({one.page.replace('docs/', '../')})")
        for one in Trouble
    ]
    parts = [_CODES_INTRODUCTION, *_CODES_HEAD, *captures, "", "## Findings", "", *_CODES_HEAD, *troubles]
    return "\n".join(parts) + "\n"


# Commands

_COMMANDS_INTRODUCTION = """# Commands

Beside Kedro's own, of which `kedro run` [runs everything or a part](../how-to/stages.md). All run in the
folder of the project."""


def commands_page() -> str:
    """The reference of `kedro xmodal`: each command with its arguments, words and options."""
    parts = [_COMMANDS_INTRODUCTION]
    for name, command in sorted(xmodal.commands.items()):
        context = click.Context(command)
        usage = " ".join(["kedro xmodal", name, *command.collect_usage_pieces(context)])
        words = html.escape(inspect.cleandoc(command.help or ""))
        options = [one for one in command.params if isinstance(one, click.Option)]
        listed = [f"- `{', '.join(one.opts)}`: {one.help}" for one in options]
        parts += [f"## {name}", f"`{usage}`", words, "\n".join(listed)]
    return "\n\n".join(parts) + "\n"


# Python


def public_names() -> dict[str, dict[str, str]]:
    """Per module with an `__all__`, each of its names and where that is defined."""
    found = {}
    for path in sorted((SOURCE / PACKAGE).rglob("*.py")):
        assignments = (one for one in _tree(path).body if isinstance(one, ast.Assign))
        assigned = {ast.unparse(one.targets[0]): one.value for one in assignments}
        if "__all__" in assigned:
            module = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
            names = ast.literal_eval(assigned["__all__"])
            found[module] = {name: _origin(module, name) for name in names}
    return found


def _origin(module: str, name: str) -> str:
    """Where a name is defined that a module may only pass on."""
    if not module.startswith(PACKAGE):
        return f"{module}.{name}"
    for node in ast.walk(_tree(_path_of(module))):
        if isinstance(node, ast.ImportFrom) and name in [one.asname or one.name for one in node.names]:
            return _origin(str(node.module), name)
    return f"{module}.{name}"


def _path_of(module: str) -> Path:
    path = SOURCE / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def python_pages() -> dict[str, str]:
    """A page per room of the package, with a directive of mkdocstrings for each public name."""
    pages: dict[str, list[str]] = {}
    shown: set[str] = set()
    for module, names in public_names().items():
        said = ast.get_docstring(_tree(_path_of(module))) or ""
        parts = [f"## {module}", said]
        for name, origin in names.items():
            if not origin.startswith(PACKAGE):
                parts.append(f"`{name}` is `{origin}`.")
            elif origin in shown:
                parts.append(f"[`{name}`][{origin}], see above.")
            else:
                parts.append(f"::: {origin}")
            shown.add(origin)
        room = module.split(".")[1] if "." in module else PACKAGE
        pages.setdefault(room, []).extend(parts)
    return {room: "\n\n".join([f"# {room}", *parts]) + "\n" for room, parts in pages.items()}


# What mkdocs calls


def on_config(config: "MkDocsConfig") -> "MkDocsConfig":
    """Let a folder in the navigation stand for its pages, in the order of their names."""
    config.nav = _unfold(config.nav)
    return config


def _unfold(nav: Any) -> Any:
    if isinstance(nav, list):
        return [_unfold(one) for one in nav]
    if isinstance(nav, dict):
        return {title: _unfold(one) for title, one in nav.items()}
    if not nav.endswith("/"):
        return nav
    kept = [path.relative_to(DOCS).as_posix() for path in (DOCS / nav).glob("*.md")]
    made = [name for name in write_pages() if name.startswith(nav)]
    return sorted([*kept, *made], key=lambda name: (not name.endswith("README.md"), name))


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add the pages that are made."""
    from mkdocs.structure.files import File

    for name, text in write_pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: "Page", **_: Any) -> str:
    """Let links to documents of the root, which hold on the disk, lead to their pages."""
    up = "../" * page.file.src_uri.count("/")
    return _BEYOND_DOCS.sub(lambda match: f"]({up}{ROOT_PAGES[match[1]]}{match[2] or ''})", markdown)


def on_post_build(config: "MkDocsConfig") -> None:
    """Check what was built: every public name is there, and nothing is loaded from another host."""
    from mkdocs.exceptions import PluginError

    site = Path(config.site_dir)
    texts = {path: path.read_text() for path in site.rglob("*") if path.suffix in (".html", ".css")}
    foreign = {path.name: found[0] for path, text in texts.items() if (found := _OTHER_HOSTS.search(text))}
    if foreign:
        raise PluginError(f"site: every asset must lie in it, got {foreign}; leave them out, or copy them")
    anchors = {html.unescape(one) for text in texts.values() for one in re.findall(r'\bid="([^"]+)"', text)}
    public = {origin for names in public_names().values() for origin in names.values()}
    missing = sorted(one for one in public - anchors if one.startswith(PACKAGE))
    if missing:
        raise PluginError(f"reference: must show every public name, got none of {missing}; see docs/build.py")
