"""python -m rackcalc"""

from rackcalc.cli.main import main

main()
