"""usage: check_css.py FILE.css ... Names what a browser would skip in them."""

import sys

import tinycss2

SKIP = {"skip_comments": True, "skip_whitespace": True}


def errors(nodes):
    """The parse errors among the nodes and inside of them."""
    for node in nodes:
        if node.type == "error":
            yield node
        if node.type == "qualified-rule":
            yield from errors(tinycss2.parse_declaration_list(node.content, **SKIP))
        if node.type == "at-rule" and node.content is not None:
            yield from errors(tinycss2.parse_rule_list(node.content, **SKIP))


found = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        sheet = tinycss2.parse_stylesheet(file.read(), **SKIP)
    for error in errors(sheet):
        print(f"{path}:{error.source_line}: {error.message}", file=sys.stderr)
        found += 1
sys.exit(1 if found else 0)
