"""Results to text and JSON. Each module renders the results of the command whose name it bears.

`iter_text(result, style)` yields pieces of text without a final newline; `iter_json(result)` yields pieces of one JSON
object, which together make one line.
"""
