"""./dev fuzz [TARGET] [SECONDS]: runs libFuzzer targets on top of their kept corpus.

What they find beyond the corpus stays in the build folder; a crash is kept
there too, named in the output, and ends with a failure.
"""
import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def targets(build):
    return {path.name.removeprefix("fuzz_"): path
            for path in sorted((build / "tests" / "fuzz").glob("fuzz_*")) if path.is_file()}


def fuzz(build, name, program, seconds):
    work = build / "corpus" / name
    crashes = build / "crashes" / name
    for folder in (work, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    command = [str(program), str(work)]
    seeds = HERE / "corpus" / name
    if seeds.is_dir():
        command.append(str(seeds))
    dictionary = HERE / "corpus" / f"{name}.dict"
    if dictionary.is_file():
        command.append(f"-dict={dictionary}")
    command += [f"-max_total_time={seconds}", "-max_len=16384", "-timeout=20",
                f"-artifact_prefix={crashes}/", "-print_final_stats=1", "-verbosity=0"]
    print(f"== {name}, {seconds} s", flush=True)
    return subprocess.run(command).returncode == 0


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz")
    parser.add_argument("build", type=Path)
    parser.add_argument("target", nargs="?")
    parser.add_argument("seconds", nargs="?", type=int, default=60)
    args = parser.parse_args()
    found = targets(args.build)
    if args.target is not None and args.target.isdigit():
        args.target, args.seconds = None, int(args.target)
    if args.target is not None and args.target not in found:
        parser.error(f"no target {args.target}; there are: {', '.join(found)}")
    failed = [name for name, program in found.items()
              if args.target in (None, name) and not fuzz(args.build, name, program, args.seconds)]
    print(f"{len(failed)} failed" + (": " + ", ".join(failed) if failed else ""))
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
