"""The table of docs/fidelity.md."""

from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fidelity.md"
START, END = "<!-- table: written by ./tests/fidelity --write -->", "<!-- end of the table -->"


def cell(value):
    """A value as a cell."""
    if value is None:
        return "–"
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return (text or "none").replace("|", "\\|")


def write(lines):
    """Puts the table between its two marks."""
    names = ["syntax", "valid", "read", "unmapped", "same_syntax", "other_syntax", "fatal", "round_trip"]
    table = [f"| file | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for folder, line in lines:
        values = [("yes" if line["valid"] else "no") if name == "valid" else cell(line[name]) for name in names]
        table.append(f"| {folder}/{line['file']} | {' | '.join(values)} |")
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{START}\n\n{chr(10).join(table)}\n\n{END}{after}", encoding="utf-8")
