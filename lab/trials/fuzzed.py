"""One fuzzing target in a process of its own, with headrace instrumented for coverage."""

import importlib
import sys


def main() -> None:
    # Installed by `./dev fuzz` alone, so nothing else may need it.
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["headrace"]):
        targets = importlib.import_module("fuzz.targets").TARGETS
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, targets[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
