"""The command `headrace`, and `python -m headrace`: what it imports is left alone by Python's collector."""

from headrace.process.collector import spare_collector_at_the_start


def run() -> None:
    """Do what the command line says."""
    spare_collector_at_the_start()
    from headrace.cli.main import main

    main(prog_name="headrace")


if __name__ == "__main__":
    run()
