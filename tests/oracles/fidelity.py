"""Holds the packs ubl-2.1 and cii-d16b against the official validators, file by file; see docs/fidelity.md.

    ./tests/fidelity DIRECTORY…     every UBL, CII and Factur-X file in these directories
    ./tests/fidelity --write …      the same, and the table of docs/fidelity.md

Prints one line of JSON for each file. Exit 1 when a file fell short, 3 when there was none.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import facturx
from lxml import etree

import completeness
import page
import terms
from validation import Validator, parse, syntax_of

PACKS = {"ubl": "ubl-2.1/invoice", "cii": "cii-d16b/invoice"}
SUFFIXES = {".xml", ".pdf"}

# Rules on which our verdict is never weaker than the official one: arithmetic, code lists and identifiers.
JUDGED = re.compile(r"BR-(CO-(09|1[0-7])|CL-\d+|DEC-\d+|[A-Z]{1,2}-0[89])")
UNMAPPED = re.compile(r"^unmapped: .*?: ([^ ]+) \(\d+ records?\)$")
FINDING = re.compile(r"(fatal|warning): .*\[([A-Z0-9-]+)\]$")


class Converted:
    """What `passerelle convert` gave of one file."""

    def __init__(self, command, file, source, target=None):
        arguments = [command, "convert", "--from", PACKS[source], *(["--to", PACKS[target]] if target else [])]
        ran = subprocess.run([*arguments, str(file)], capture_output=True, timeout=120, check=False)
        lines = ran.stderr.decode(errors="replace").splitlines()
        self.output = ran.stdout
        self.code = ran.returncode
        self.messages = lines
        self.unmapped = [found.group(1) for found in map(UNMAPPED.match, lines) if found]
        found = [found.groups() for found in map(FINDING.search, lines) if found]
        self.fatal = sorted({rule for severity, rule in found if severity == "fatal"})
        self.rules = {rule for _, rule in found}
        self.rejected = [line for line in lines if ": rejected: " in line or ": refused: " in line]

    def document(self):
        """The canonical document; None when the file was rejected."""
        return json.loads(self.output) if self.output.strip() and not self.rejected else None


def xml_of(file):
    """The XML of a file: its own, or what is attached to a PDF, as the package factur-x finds it."""
    content = file.read_bytes()
    if file.suffix.lower() == ".pdf":
        return facturx.get_facturx_xml_from_pdf(content, check_xsd=False)[1]
    return content


class Proof:
    """The proof of one file."""

    def __init__(self, command, validator, table, folder, file):
        self.command, self.validator, self.table = command, validator, table
        self.folder, self.file = folder, file
        self.shortfalls = []

    def run(self, root):
        """One line of the report."""
        syntax = syntax_of(root)
        schema_error = self.validator.schema_error(root, whole=True)
        official = self.validator.fatal_rules(root)
        valid = not schema_error and not official
        read = Converted(self.command, self.file, syntax)
        document = read.document()
        line = {"file": self.file.name, "syntax": syntax, "valid": valid, "read": self.verdict(read, valid)}
        line["fatal"] = official
        # The validator counts white space around a value, we do not: what a file breaks by it alone is no rule on arithmetic.
        root = terms.trimmed(root)
        judged = self.validator.fatal_rules(root) if official else []
        missing = sorted(rule for rule in judged if JUDGED.fullmatch(rule) and rule not in read.rules)
        line["weaker"] = [] if document is None else missing
        if line["weaker"]:
            self.shortfalls.append("weaker")
        if document is None:
            return self.finish({**line, "unmapped": [], "same_syntax": None, "other_syntax": None, "round_trip": None})
        carried = completeness.check(root, syntax, self.table, read.unmapped, document.get("extensions"))
        values = carried.values
        line["unmapped"] = terms.differences(self.table, values, terms.of_document(document, self.table))
        line["beyond"] = read.unmapped
        line["lost"] = carried.lost
        other = "cii" if syntax == "ubl" else "ubl"
        line["same_syntax"], _ = self.written(syntax, syntax, document, values, official)
        line["other_syntax"], file = self.written(syntax, other, document, values, official)
        line["round_trip"] = "not written"
        if file:
            back = Converted(self.command, self.stored(Converted(self.command, file, other, syntax).output, "back"), syntax)
            line["round_trip"] = self.same(back.document(), document)
        expected = {"unmapped": [], "lost": [], "same_syntax": "ok", "other_syntax": "ok", "round_trip": "ok"}
        self.shortfalls += [name for name, wanted in expected.items() if line[name] != wanted]
        return self.finish(line)

    def verdict(self, read, valid):
        """Whether a file was read as it should be."""
        if read.rejected or read.code not in (0, 1):
            verdict = "rejected"
        else:
            verdict = "findings" if read.fatal else "ok"
        if valid and verdict != "ok" or read.code not in (0, 1):
            self.shortfalls.append("read")
        return verdict

    def written(self, syntax, target, document, values, official):
        """Writes the document in a syntax: what is wrong with it, else "ok", and the file."""
        made = Converted(self.command, self.file, syntax, target)
        if made.rejected or not made.output.strip():
            return f"not written: {'; '.join(made.rejected)}", None
        file = self.stored(made.output, target)
        root = parse(made.output)
        wrong = []
        # What a source breaks itself, its faithful copy breaks too.
        if not official:
            wrong += [f"schema: {error}" for error in [self.validator.schema_error(root)] if error]
            wrong += [f"fatal: {rule}" for rule in self.validator.fatal_rules(root)]
        written = terms.of_xml(root, target, self.table)
        if target != syntax:
            values, written = terms.without_repeated_currency(values), terms.without_repeated_currency(written)
        wrong += [f"value: {term}" for term in terms.differences(self.table, values, written)]
        same = self.same(Converted(self.command, file, target).document(), document)
        wrong += [same] if same != "ok" else []
        return "; ".join(wrong) or "ok", file

    def same(self, found, wanted):
        """Whether two documents say the same, but for what is a syntax's own."""
        left, right = comparable(found), comparable(wanted)
        if left == right:
            return "ok"
        names = sorted(name for name in {*left, *right} if left.get(name) != right.get(name))
        return f"document: {', '.join(names)}"

    def stored(self, content, name):
        """A file for the next step."""
        path = Path(self.folder) / f"{abs(hash(self.file))}-{name}.xml"
        path.write_bytes(content)
        return path

    def finish(self, line):
        """The line, with what fell short."""
        order = ["file", "syntax", "valid", "read", "unmapped", "same_syntax", "other_syntax", "fatal", "round_trip"]
        ordered = {name: line[name] for name in order}
        ordered.update({name: value for name, value in line.items() if name not in ordered and value})
        # A file that is not valid is to be judged, and need not survive.
        counted = self.shortfalls if line["valid"] else [name for name in self.shortfalls if name in ("weaker", "read")]
        if counted:
            ordered["short"] = counted
        return ordered


def comparable(document):
    """A document without what belongs to one syntax; identifiers have no order."""
    document = dict(document or {})
    document.pop("extensions", None)
    if document.get("vat_currency") == document.get("currency"):
        # CII forbids to say that VAT is accounted for in the invoice's own currency (BR-53).
        document.pop("vat_currency", None)
        totals = dict(document.get("totals") or {})
        totals.pop("vat_amount_in_vat_currency", None)
        document["totals"] = totals
    for role in ("seller", "buyer", "payee"):
        if isinstance(document.get(role), dict) and "identifiers" in document[role]:
            identifiers = sorted(document[role]["identifiers"], key=lambda item: json.dumps(item, sort_keys=True))
            document[role] = {**document[role], "identifiers": identifiers}
    return document


def candidates(directories):
    """The invoices in directories, in order, each with its root element."""
    for directory in directories:
        for file in sorted(Path(directory).rglob("*")):
            if file.suffix.lower() not in SUFFIXES or not file.is_file():
                continue
            try:
                root = parse(xml_of(file))
            except (etree.XMLSyntaxError, TypeError, ValueError) as error:
                yield file, None, str(error)
                continue
            if root is not None and syntax_of(root):
                yield file, root, None


def broken(command, file, reason):
    """A file that no XML parser reads is refused with a reason, and nothing panics."""
    ran = [Converted(command, file, syntax) for syntax in PACKS]
    refused = all(found.code == 1 and found.rejected for found in ran)
    line = {"file": file.name, "syntax": None, "valid": False, "read": "rejected" if refused else "?", "unmapped": []}
    line.update({"same_syntax": None, "other_syntax": None, "fatal": [reason], "round_trip": None})
    return line if refused else {**line, "short": ["read"]}


def main():
    """Runs the proof."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", metavar="DIRECTORY")
    parser.add_argument("--write", action="store_true", help="write the table of docs/fidelity.md")
    arguments = parser.parse_args()
    command = os.environ["PASSERELLE_BINARY"]
    validator, table = Validator(), terms.load()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for file, root, reason in candidates(arguments.directories):
            proof = Proof(command, validator, table, folder, file)
            line = broken(command, file, reason) if root is None else proof.run(root)
            print(json.dumps(line, ensure_ascii=False), flush=True)
            lines.append((file.parent.name, line))
    if not lines:
        print("there is no invoice in these directories", file=sys.stderr)
        return 3
    if arguments.write:
        page.write(lines)
    short = sum("short" in line for _, line in lines)
    print(f"{len(lines)} files, {short} fell short", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
