"""Nothing stale passes: what a run refuses, by which names, and what it never calls stale."""

import functools
import importlib
import logging
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from kedro.framework.cli.utils import KedroCliError
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import MemoryDataset
from kedro.pipeline import Pipeline

from xmodal_pipeline.errors import ParametersError, StaleOutputsError
from xmodal_pipeline.params.ingest import SimulationParams
from xmodal_pipeline.params.root import Parameters, validate_parameters
from xmodal_pipeline.params.train import TrainingParams
from xmodal_pipeline.pipelines import STAGES
from xmodal_pipeline.provenance import hooks as provenance
from xmodal_pipeline.provenance.check import check_outputs
from xmodal_pipeline.provenance.entries import entry_path, read_record
from xmodal_pipeline.provenance.influence import NOT_IN_PREPARED, WITHOUT_INFLUENCE, flatten, is_parameter
from xmodal_pipeline.simulation import simulate_study

INGEST = ("provide_captures", "list_captures", "decide_study", "calibrate_captures", "examine_captures")
SPLIT = ("split.assign_partitions", "split.prepare_captures")
NODES = (*(f"ingest.{name}" for name in INGEST), *SPLIT)
"""What makes `prepared`, without the figures."""
ROOT = Path(__file__).parents[2]
SHARES = {"train": 0.5, "validation": 0.25, "test": 0.25}


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """Nine stacks with metadata."""
    root = tmp_path_factory.mktemp("captures") / "captures"
    params = SimulationParams(
        image_size_px=64, n_effect_species=1, n_redundant_species=0, n_plain_species=0, n_per_sex=4
    )
    simulate_study(params, root, n_jobs=1)
    (root / "simulation.json").unlink()
    return root


class Study:
    """A project, its study of a folder of captures, and what is typed about it."""

    def __init__(self, project, root):
        self.project, self.root = project, root
        self.settings = {"specimens": {"root": str(root)}, "split": SHARES}
        bootstrap_project(project)

    def session(self, settings):
        groups = self.settings.keys() | settings.keys()
        merged = {}
        for group in groups:
            mine, theirs = self.settings.get(group, {}), settings.get(group, {})
            merged[group] = {**mine, **theirs} if isinstance(theirs, dict) else theirs
        return KedroSession.create(project_path=self.project, env="smoke", runtime_params=merged)

    def run(self, *pipelines, nodes=None, settings=None, **more):
        with self.session(settings or {}) as session:
            return session.run(pipeline_names=list(pipelines), node_names=nodes, **more)

    def refuses(self, *pipelines, match, **more):
        with pytest.raises(KedroCliError, match=match) as caught:
            self.run(*pipelines, **more)
        return str(caught.value)

    def catalog(self):
        with self.session({}) as session:
            return session.load_context().catalog


@pytest.fixture(scope="module")
def made(tmp_path_factory, captures):
    """A study that is ingested and prepared, without figures; and a copy of it."""
    folder = tmp_path_factory.mktemp("made")
    project = folder / "project"
    copy_project(project)
    shutil.copytree(captures, project / "captures")
    # The summary waits for the figures, which take most of the time.
    (project / "data/03_primary/smoke").mkdir(parents=True)
    (project / "data/03_primary/smoke/ingest_summary.json").write_text("{}")
    study = Study(project, project / "captures")
    study.run("ingest", "split", nodes=NODES)
    shutil.copytree(project, folder / "kept")
    return study


def copy_project(project):
    shutil.copytree(ROOT / "conf", project / "conf")
    for name in ("src", "data"):
        (project / name).mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, project / name)


@pytest.fixture
def study(made, monkeypatch):
    """As it was made, whatever an earlier test did to it."""
    shutil.rmtree(made.project)
    shutil.copytree(made.project.with_name("kept"), made.project)
    monkeypatch.chdir(made.project)
    bootstrap_project(made.project)
    return made


def test_a_run_that_finds_nothing_missing_says_so(study, caplog):
    caplog.set_level("INFO", logger="xmodal_pipeline")
    study.run("ingest", "split", nodes=["split.find_leaks"])
    assert "node 1 of 1: split.find_leaks" in caplog.messages
    assert "nothing was run: every output is there" not in caplog.messages
    caplog.clear()
    study.run("ingest", "split", nodes=["split.find_leaks"], only_missing_outputs=True)
    assert "nothing was run: every output is there" in caplog.messages
    assert not [line for line in caplog.messages if line.startswith("node")]


def test_what_was_made_with_the_settings_of_now_is_never_called_stale(study, caplog):
    for nodes in (SPLIT, NODES, ["split.find_leaks"], ["ingest.describe_labels"]):
        study.run("ingest", "split", nodes=nodes)
    study.run("ingest", "split", nodes=NODES, only_missing_outputs=True)
    for path in study.root.iterdir():
        path.touch()  # times are no content
    moved = study.root.relative_to(study.project)
    study.run("split", nodes=SPLIT, settings={"specimens": {"root": str(moved)}})
    assert "otherwise" not in caplog.text
    unknown = {line for line in caplog.messages if line.startswith("no record")}
    assert unknown == {"no record says what made ingest_summary; unless you know, make them again"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"specimens": {"label": "species"}}, "specimens.label was null, is species"),
        ({"specimens": {"filter": "sex == 'm'"}}, "specimens.filter was null, is sex == 'm'"),
        ({"specimens": {"mask": "none"}}, "specimens.mask was band, is none"),
        ({"specimens": {"uv_name": "ventral"}}, "specimens.uv_name was UV, is ventral"),
        ({"registration": {"min_margin": 0.1}}, "registration.min_margin was 0.005, is 0.1"),
    ],
)
def test_another_setting_after_ingest_is_refused_by_name(study, settings, named):
    said = study.refuses("split", nodes=SPLIT, settings=settings, match=f"{named}$|{named}\n")
    assert said.startswith("split: outputs must have been made with the settings and files of now, got\n")
    assert "'kedro run --pipelines ingest'" in said
    assert "--params stale=warn" in said
    assert "docs/troubleshooting.md#stale-outputs" in said


def test_what_reaches_no_output_is_free_to_change(study, caplog):
    free = {"quality": {"n_jobs": 2}, "evaluation": {"n_jobs": 1, "folds": 3}, "training": {"lr": 1.0}}
    study.run("split", nodes=SPLIT, settings=free)
    assert "otherwise" not in caplog.text


def test_a_question_after_split_leaves_the_prepared_captures_as_they_are(study):
    """Ingested anew with every setting that is said not to reach them: the same bytes, and not stale."""
    folder = study.project / "data/04_feature/smoke"
    tree = study.project / "birds.nwk"
    tree.write_text("(a:1,b:1);")
    receptors = study.project / "receptors.csv"
    bands = ("R", "G", "B", "UV1", "UV2", "UV3")
    receptors.write_text("receptor,term,coefficient\n" + "".join(f"u,{band},0.1\n" for band in bands))
    other = {
        "label": "species",
        "confounders": ["session"],
        "tree": str(tree),
        "receptors": str(receptors),
        "receptor_scale": "unit",
        "rgb_name": "dorsal",
        "uv_name": "ventral",
    }
    assert {f"specimens.{key}" for key in other} == set(NOT_IN_PREPARED)
    settings = {"specimens": {**other, "scale": "unit"}}

    def made():
        return {path.name: path.read_bytes() for path in folder.rglob("*.*") if ".made_by" not in path.parts}

    # Receptors need reflectance: unit values, which the uint16 stacks are not.
    rescale(study.root)
    study.run("ingest", "split", nodes=NODES, settings={"specimens": {"scale": "unit"}})
    before = made()
    study.run("ingest", nodes=NODES[:5], settings=settings)
    study.run("split", nodes=["split.find_leaks"], settings=settings)
    study.run("split", nodes=SPLIT, settings=settings)
    after = made()
    assert before.keys() <= after.keys()
    assert {name for name in before if before[name] != after[name]} == set()


def rescale(root):
    for path in root.glob("*.tif"):
        stack = tifffile.imread(path).astype(np.float32)
        stack[:6] /= 65535
        stack[6] = stack[6] > 0
        tifffile.imwrite(path, stack, photometric="minisblack", planarconfig="separate")


def test_a_replaced_file_an_edited_row_and_a_new_capture_are_refused_by_name(study):
    first, second = sorted(study.root.glob("*.tif"))[:2]
    stack = tifffile.imread(first)
    stack[0, 30, 30] += 1
    tifffile.imwrite(first, stack, photometric="minisblack", planarconfig="separate")
    study.refuses("split", nodes=SPLIT, match=rf"1 of the files in .*: {first.name} \(changed\)\n")
    table = study.root / "metadata.csv"
    rows = table.read_text()
    table.write_text(rows.replace("female", "f", 1))
    (study.root / "new.tif").write_bytes(second.read_bytes())
    names = rf"{first.name} \(changed\), metadata.csv \(changed\), new.tif \(new\)"
    study.refuses("split", nodes=SPLIT, match=rf"3 of the files in .*: {names}\n")
    study.run("ingest", nodes=NODES[:5])
    study.run("split", nodes=SPLIT)


def test_after_ingest_anew_only_what_is_older_is_refused(study):
    settings = {"specimens": {"filter": "sex == 'm'"}}
    study.run("ingest", nodes=NODES[:5], settings=settings)
    said = study.refuses("split", nodes=["split.find_leaks"], settings=settings, match="prepared: specimens")
    assert "'kedro run --pipelines split'" in said


def test_with_stale_warn_a_run_goes_on_and_what_it_makes_stays_stale(study, caplog):
    settings = {"specimens": {"filter": "sex == 'm'"}}
    study.run("split", nodes=SPLIT, settings={**settings, "stale": "warn"})
    assert "split: outputs were made otherwise than now:" in caplog.text
    assert "specimens.filter was null, is sex == 'm'" in caplog.text
    study.refuses(
        "split", nodes=["split.find_leaks"], settings=settings, match="prepared: specimens.filter was"
    )
    study.run("split", nodes=["split.find_leaks"])
    mixed = {"split": {"seed": 1}}
    study.run("split", nodes=SPLIT[:1], settings=mixed)
    study.refuses("split", nodes=SPLIT[1:], match="partitions: split.seed was 1, is 0")
    study.run("split", nodes=SPLIT[1:], settings={"stale": "warn"})
    for settings in ({}, mixed):
        study.refuses(
            "split", nodes=["split.find_leaks"], settings=settings, match="split.seed was 1 and 0, is"
        )


def test_outputs_that_exist_are_not_kept_where_they_are_stale(study):
    names = r"prepared: split.image_size was 32, is 64\n--only-missing-outputs would keep them: leave it out"
    study.refuses(
        "split", nodes=SPLIT, settings={"split": {"image_size": 64}}, only_missing_outputs=True, match=names
    )


def test_a_save_that_was_interrupted_is_never_read(study, monkeypatch):
    def stopped(self, data):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("xmodal_pipeline.datasets.prepared.PreparedDataset.save", stopped)
        with pytest.raises(KeyboardInterrupt):
            study.run("split", nodes=SPLIT)
    study.refuses("split", nodes=["split.find_leaks"], match="prepared: its making was interrupted")
    study.run("split", nodes=SPLIT[1:])
    study.run("split", nodes=["split.find_leaks"])


def test_outputs_of_an_older_version_are_read_and_named(study, caplog):
    shutil.rmtree(study.project / "data/04_feature/smoke/.made_by")
    study.run("split", nodes=["split.find_leaks"])
    assert "no record says what made prepared; unless you know, make them again" in caplog.text
    assert read_record(study.catalog(), "leaks").unknown == ("prepared",)


@functools.cache
def registered(name):
    """A pipeline, whatever an earlier run of this process asked for."""
    names = STAGES if name == "__default__" else (name,)
    folders = (importlib.import_module(f"xmodal_pipeline.pipelines.{one}") for one in names)
    return sum((folder.create_pipeline() for folder in folders), Pipeline([]))


class Pretended(Study):
    """A study whose entries are empty files, recorded as if every node had run: records cost no numbers."""

    def __init__(self, project, root):
        super().__init__(project, root)
        with self.session({}) as session:
            self.context = session.load_context()
        self.tree = self.context.config_loader["parameters"]

    def parameters(self, settings):
        return validate_parameters(merged(self.tree, settings))

    def pretend(self, *pipelines, settings=None):
        recorder, catalog = provenance.RecordHooks(), self.context.catalog
        catalog["parameters"] = MemoryDataset(merged(self.tree, settings or {}))
        recorder.before_pipeline_run(pipeline=None, catalog=catalog)
        for node in (node for name in pipelines for node in registered(name).nodes):
            recorder.before_node_run(node=node, catalog=catalog, inputs={})
            for output in node.outputs:
                self._touch(catalog, output)
                recorder.before_dataset_saved(dataset_name=output, node=node)
                data = {"root": str(self.root)}
                recorder.after_dataset_saved(dataset_name=output, data=data, node=node)
        recorder.after_pipeline_run()
        return self

    def _touch(self, catalog, name):
        path = entry_path(catalog, name)
        if name == "capture_folder":
            catalog.save(name, {"root": str(self.root), "is_simulated": False})
        elif path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if path.suffix else path.mkdir(exist_ok=True)

    def check(self, name, settings=None, *, only_missing=False):
        """What a run of a pipeline is told before its first node; None where it may begin."""
        known, catalog = self.parameters(settings or {}), self.context.catalog
        try:
            check_outputs(registered(name), catalog, known, asked=name, only_missing=only_missing)
        except StaleOutputsError as error:
            return str(error)
        return None


def merged(tree, settings):
    """A parameter tree with single keys changed."""
    changed = dict(tree)
    for key, value in settings.items():
        mine = tree.get(key)
        changed[key] = merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return changed


@pytest.fixture(scope="module")
def pretence(tmp_path_factory, captures):
    """Every stage as if it had run; and a copy of that."""
    folder = tmp_path_factory.mktemp("pretence")
    copy_project(folder / "project")
    study = Pretended(folder / "project", captures).pretend(*STAGES)
    shutil.copytree(folder / "project", folder / "kept")
    return study


@pytest.fixture
def pretended(pretence):
    """As it was, whatever an earlier test did to it."""
    shutil.rmtree(pretence.project)
    shutil.copytree(pretence.project.with_name("kept"), pretence.project)
    return pretence


ON_REQUEST = ("colour", "canonical", "compare", "ablation")


def test_no_stage_calls_its_study_stale(pretended, caplog):
    caplog.set_level(logging.WARNING)
    for name in (*STAGES, "__default__", *ON_REQUEST):
        assert pretended.check(name) is None, name
        assert pretended.check(name, only_missing=True) is None, name
    pretended.pretend("colour", "canonical", "compare", "ablation", "report")
    for name in (*STAGES, "__default__", *ON_REQUEST):
        assert pretended.check(name, only_missing=True) is None, name
    assert [message for message in caplog.messages if "record" in message or "otherwise" in message] == []


def test_a_variant_that_is_added_later_is_no_fault_of_the_others(pretended):
    pretended.pretend("all_variants")
    for name in ("all_variants", "compare", "report", "__default__"):
        assert pretended.check(name) is None, name
    said = pretended.check("report", {"variants": {"concat_shared": {"modality_dropout": 0.5}}})
    # Maps follow from the claims, and these from a correction over all that was tested.
    assert re.search(
        r"attention\.uv_maps, comparison, concat\.uv_maps and \d+ more: "
        r"variants\.concat_shared\.modality_dropout was 0\.2, is 0\.5",
        said,
    ), said
    assert "histories" not in said  # the report stacks those of its own variants


def test_report_with_other_training_settings_is_refused_and_says_what_to_run(pretended):
    said = pretended.check("report", {"training": {"lr": 0.01}})
    assert "training.lr was 0.001, is 0.01" in said
    assert "--pipelines train,embed,evaluate'" in said
    assert "specimen_index" not in said
    assert pretended.check("embed", {"evaluation": {"folds": 4}}) is None


def test_a_report_is_not_kept_once_the_spread_of_seeds_is_known(pretended):
    pretended.pretend("ablation")
    said = pretended.check("report", only_missing=True)
    assert "known_seed_spread was made since" in said
    assert pretended.check("report") is None


def test_a_spread_of_seeds_of_other_trainings_is_left_out(pretended, caplog):
    pretended.pretend("ablation")
    other = {"training": {"lr": 0.01}}
    pretended.pretend(*STAGES, settings=other)
    caplog.clear()
    assert pretended.check("report", other) is None
    assert (
        "left out, as if it had not been made; 'kedro run --pipelines ablation' makes it again" in caplog.text
    )
    caplog.clear()
    assert pretended.check("report", {**other, "stale": "warn"}) is None
    assert "used all the same" in caplog.text


def test_a_file_that_compare_names_is_part_of_what_it_made(pretended, tmp_path):
    table = tmp_path / "embeddings.parquet"
    table.write_bytes(b"1")
    settings = {"compare": {"runs": {"mine": str(table)}}}
    pretended.pretend("compare", settings=settings)
    assert pretended.check("compare", settings, only_missing=True) is None
    table.write_bytes(b"2")
    assert "has other content" in pretended.check("compare", settings, only_missing=True)


def changed(value, rng):
    """Another value of a setting, of its own type; None where one does not come to mind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value * rng.choice([0.5, 0.9]) if isinstance(value, float) else None


def test_of_settings_changed_at_random_each_is_refused_by_name_or_taken_by_no_maker(pretended):
    """Every stage alone after two of ten settings changed; the sides of the claim are told by two ways."""
    rng = random.Random(0)
    flat = flatten(Parameters())
    now, catalog = flatten(pretended.parameters({})), pretended.context.catalog
    numbers = [key for key in flat if changed(now[key], rng) not in (None, now[key])]
    outcomes = {"refused": 0, "free": 0}
    for _ in range(6):
        keys = rng.sample(rng.sample(numbers, 10), 2)
        settings = valid_change(pretended, keys, now, rng)
        if settings is None:
            continue
        for stage in (*STAGES, "compare", "colour"):
            said = pretended.check(stage, settings) or ""
            reaching = {
                key
                for name in registered(stage).inputs()
                if not is_parameter(name) and (record := read_record(catalog, name))
                for key in keys
                if key in record.settings
            }
            assert {key for key in keys if f"{key} was" in said} == reaching, (stage, keys)
            assert reaching or not said
            assert not reaching & set(WITHOUT_INFLUENCE)
            outcomes["refused" if reaching else "free"] += 1
    assert min(outcomes.values()) >= 10


def valid_change(study, keys, now, rng):
    """The settings as a tree, or None where they do not go together."""
    tree = {}
    for key in keys:
        *groups, last = key.split(".")
        group = tree
        for name in groups:
            group = group.setdefault(name, {})
        group[last] = changed(now[key], rng)
    try:
        study.parameters(tree)
    except ParametersError:
        return None
    return tree


def test_a_report_says_what_made_the_numbers_and_not_what_is_set_now(pretended):
    """With `stale: warn`, the settings of nodes that describe are those of the records."""
    recorder, catalog = provenance.RecordHooks(), pretended.context.catalog
    tree = merged(pretended.tree, {"training": {"lr": 0.5}, "stale": "warn"})
    catalog["parameters"] = MemoryDataset(tree)
    as_kedro_has_it = {**tree, "training": TrainingParams(lr=0.5)}
    given = {
        "params:training": as_kedro_has_it["training"],
        "params:reporting": {"seed": 3},
        "parameters": as_kedro_has_it,
    }
    recorder.before_pipeline_run(pipeline=None, catalog=catalog)
    nodes = {node.name: node for node in registered("report").nodes}
    recorder.before_node_run(node=nodes["train.stack_histories"], catalog=catalog, inputs={})
    recorder.after_dataset_saved(dataset_name="histories", data=None, node=nodes["train.stack_histories"])
    node = nodes["report.describe_training"]
    taken = recorder.before_node_run(node=node, catalog=catalog, inputs=given)
    assert taken["params:training"].lr == 0.001
    assert taken["parameters"]["training"]["lr"] == 0.001
    assert as_kedro_has_it["training"].lr == tree["training"]["lr"] == 0.5
    assert "params:reporting" not in taken
    recorder.after_dataset_saved(dataset_name="section_training", data=None, node=node)
    assert recorder._made["section_training"].settings["training.lr"] == (0.001,)
    other = nodes["report.map_captures"]
    assert recorder.before_node_run(node=other, catalog=catalog, inputs=given) is None


def test_every_output_of_every_stage_is_recorded(pretended):
    catalog = pretended.context.catalog
    outputs = {name for stage in STAGES for name in registered(stage).all_outputs()}
    stored = {name for name in outputs if entry_path(catalog, name) is not None}
    assert len(stored) > 80
    assert {name for name in stored if read_record(catalog, name) is None} == set()
    assert {one for one in Path(pretended.project, "data").rglob("*.partial")} == set()
