"""python -m rackcalc"""

from rackcalc.cli import main

main()
