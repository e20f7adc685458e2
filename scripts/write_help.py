"""Write gdbext/live/helptexts.py from the declarations of the commands: .venv/bin/python -m scripts.write_help"""

from __future__ import annotations

from gdbext.commands import MODULES
from gdbext.frontend import load_commands
from scripts.qemu import ROOT

PATH = ROOT / "gdbext" / "live" / "helptexts.py"
HEAD = '''"""The help of every command: GDB wants it at its start, when the commands themselves are not imported yet.

Written by scripts/write_help.py; a test compares it with the declarations.
"""

HELP_TEXTS = {
'''


def render() -> str:
    """The file as it should be."""
    parts = [HEAD]
    commands = load_commands()
    for name in MODULES:
        text = commands[name].describe_help().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        parts.append(f'    "{name}": """\\\n{text}\n""",\n')
    return "".join([*parts, "}\n"])


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
