"""Coverage-guided fuzzing of the readers (needs atheris): inputs that end in anything but a refusal.

    python benchmarks/fuzz/run.py tiff --runs 100000 --corpus /tmp/corpus

The seeds are made by `targets.py`; what adds coverage is kept in `--corpus`. A finding is written beside it
as `<target>-crash-…` and ends the run; an input of more than 10 seconds or 2 GiB is one too.
"""

import argparse
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=["xmodal_pipeline", "tifffile", "PIL", "roifile", "Bio", "targets"]):
    import targets


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=sorted(targets.TARGETS))
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--corpus", type=Path, required=True)
    options = parser.parse_args()
    target = targets.TARGETS[options.target]
    corpus = options.corpus / options.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    fuzzer = [
        *(f"-runs={options.runs}", f"-max_total_time={options.seconds}", "-timeout=10", "-rss_limit_mb=2048"),
        *("-max_len=20000", f"-artifact_prefix={options.corpus}/{options.target}-", "-print_final_stats=1"),
    ]
    with targets.scratch(target.ending) as path:
        atheris.Setup(
            [sys.argv[0], *fuzzer, str(corpus)], lambda data: void(targets.feed(target, path, data))
        )
        atheris.Fuzz()


def void(_: bool) -> None:
    """What a fuzzer's target returns."""


if __name__ == "__main__":
    main()
