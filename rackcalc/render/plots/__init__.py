"""Pictures as SVG or PNG, drawn by matplotlib, which is imported when a picture is asked for and not before.

A picture is a file with a function that draws on the axes of a figure. It says what is missing where there is nothing.
"""
