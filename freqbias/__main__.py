"""``python -m freqbias`` is the command line."""

from freqbias.cli.main import main

main()
