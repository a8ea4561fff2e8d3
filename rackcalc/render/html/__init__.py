"""One self-contained HTML page: pictures as inline SVG, with the explanation of each figure behind it. No script.

A picture is a file with a function from a view of the estimate to text, "" where the estimate has nothing to show.
"""
