"""Reads the Java snippets of the recorded cases and runs them against the Python API.

The snippets are of one regular style: declarations, calls, lambdas, `new`. `parse` makes a tree of them,
`interpret` walks it, and `world` says what Java's names mean here: methods by the snake_case rule of the public
face, classes by their name. Nothing in it knows a single case.
"""
