"""The commands, and what the help says of each."""

COMMANDS = {
    "estimate": "Compute a rack: latency, throughput, memory, power, heat, cost, return. Several racks: side by side.",
    "compare": "Racks, scenarios or former estimates side by side: what differs, what moved, and why.",
    "check": "Hold a rack against its gates, from the file and from --fail-if. Exit 3 when one fails.",
    "diff": "What a change in git does to racks, and whether it keeps their gates. Exit 3 when one fails.",
    "claims": "Judge what is claimed of a rack: holds, claimed too high or too low, ... As a gate: --fail-if.",
    "explain": "Show why a figure is what it is: formula, values, inputs, sources, down to the catalog.",
    "figures": "What each figure of a result means, its unit, and which side of it is better.",
    "sweep": "Vary values, parts, scenarios: the best points, the Pareto front, statistics, or every point in a file.",
    "solve": "Goal seek and break-even: the first or best point at which something holds. Exit 3 when there is none.",
    "uncertainty": "How sure the figures are: intervals, odds of the gates, and which doubt matters most.",
    "plot": "A picture of a rack or a sweep as SVG or PNG: load, roofline, waterfall, cash flow, Pareto front.",
    "link": "How long one transfer takes over a link: direct, over a bounce buffer, through a network stack.",
    "validate": "Compare rackcalc with measurements, by kind and group. Exit 3 when a --fail-if holds.",
    "racks": "List the racks that come with the program; each is a RACK by its name.",
    "parts": "List the catalog, one kind of part, or one part with every value's source.",
    "schema": "Print the JSON Schema of rack files, for editors, or of an output, for programs.",
    "init": "Write a first rack file, commented, to change from there; or a copy of a bundled rack.",
}
