"""`python -m gliner_adapters`: the command line where no script is installed."""

from gliner_adapters.cli import main

if __name__ == "__main__":
    main()
