"""The terms of EN 16931 in both syntaxes and in the canonical document, and their values in either.

The table (terms.csv) is written from the public syntax bindings of the norm and knows nothing of the mapping packs.
"""

import base64
import copy
import csv
import hashlib
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

NAMESPACES = {
    "inv": "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
    "cn": "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2",
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}

# UBL writes BT-8 by UNTDID 2005, CII by UNTDID 2475.
POINT_CODES = {"cii": {"5": "3", "29": "35", "72": "432"}}

# UBL writes the subject code of a note (BT-21) in front of its text.
SUBJECT = re.compile(r"#([A-Za-z0-9]{3})#\s*(.*)", re.DOTALL)

# The zone of a day of XML Schema.
ZONE = re.compile(r"(?<=\d{4}-\d\d-\d\d)(Z|[+-]\d\d:\d\d)$")


@dataclass
class Term:
    """One row of the table."""

    term: str
    name: str
    group: str
    type: str
    compare: str
    ubl: str
    cii: str
    document: str
    members: list = field(default_factory=list)


def load(path=Path(__file__).with_name("terms.csv")):
    """The terms, those of a group below it."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = [Term(**row) for row in csv.DictReader(file)]
    groups = {row.term: row for row in rows if row.type == "group"}
    for row in rows:
        if row.group:
            groups[row.group].members.append(row)
    return [row for row in rows if not row.group]


def normal(kind, text, syntax):
    """A value in the form in which equal values are equal; None for a value that is not there."""
    text = " ".join(text.split())
    if kind == "subject" and syntax == "ubl":
        found = SUBJECT.match(text)
        text = found.group(1) if found else ""
    elif kind == "note" and syntax == "ubl":
        found = SUBJECT.match(text)
        text = found.group(2) if found else text
    elif kind == "derived" and text.startswith("+"):
        # A syntax demands a number that the document does not tell: it is written with a sign, and is no value.
        return None
    elif kind == "demanded" and text == "N/A":
        # UBL demands an order reference beside that of a sales order.
        return None
    elif kind in ("amount", "derived"):
        text = number(text)
    elif kind == "date" and re.fullmatch(r"\d{8}", text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    elif kind == "date":
        # A day of XML Schema may have a zone, which says nothing to the norm.
        text = ZONE.sub("", text)
    elif kind == "account":
        text = text.replace(" ", "").upper()
    elif kind == "point":
        text = POINT_CODES.get(syntax, {}).get(text, text)
    elif kind == "file" and syntax != "document":
        text = "sha256:" + hashlib.sha256(decode(text)).hexdigest() if text else ""
    return text or None


def decode(text):
    """The bytes of a base64 text, with or without its padding."""
    compact = "".join(text.split()).rstrip("=")
    return base64.b64decode(compact + "=" * (-len(compact) % 4))


def number(text):
    """A decimal without trailing zeros."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return "0" if value == 0 else format(value.normalize(), "f")


def texts(node, path):
    """The nodes at an XPath, with their texts."""
    found = node.xpath(path, namespaces=NAMESPACES)
    return [(item, item if isinstance(item, str) else text_of(item)) for item in found]


def text_of(node):
    """The text of an element, without the comments and processing instructions that may stand in it."""
    return "".join(node.xpath("text()"))


def of_xml(root, syntax, terms, visit=lambda node: None):
    """The values of every term in an XML invoice: {term: [(position in its group, value)]}."""
    values = {}

    def take(term, node, position):
        path = getattr(term, syntax)
        found = []
        for item, text in texts(node, path) if path else []:
            visit(item)
            value = normal(term.type, text, syntax)
            if value is not None:
                found.append(value)
        # "A person and a department" is one text of the semantic model.
        if term.type == "contact" and len(found) > 1:
            found = [" / ".join(found)]
        values.setdefault(term.term, []).extend((position, value) for value in found)

    for term in terms:
        if term.type != "group":
            take(term, root, 0)
            continue
        for position, item in enumerate(root.xpath(getattr(term, syntax), namespaces=NAMESPACES)):
            for member in term.members:
                take(member, item, position)
    return values


def trimmed(root):
    """A copy whose texts and attributes have no white space at their ends, which says nothing to us."""
    root = copy.deepcopy(root)
    for node in root.iter("*"):
        if not len(node) and node.text:
            node.text = node.text.strip()
        for name, value in node.attrib.items():
            node.set(name, value.strip())
    return root


def at(value, path):
    """The scalars at a dotted path of a document, in all items of the lists on the way."""
    if isinstance(value, list):
        return [found for item in value for found in at(item, path)]
    if not path:
        return [] if value is None else [str(value)]
    if not isinstance(value, dict):
        return []
    name, _, rest = path.partition(".")
    return at(value.get(name), rest)


def of_document(document, terms):
    """The values of every term in a canonical document."""
    values = {}

    def take(term, node, position):
        found = [text for path in term.document.split("|") for text in at(node, path)]
        found = [normal(term.type, text, "document") for text in found]
        values.setdefault(term.term, []).extend((position, value) for value in found if value is not None)

    for term in terms:
        if term.type != "group":
            take(term, document, 0)
            continue
        for position, item in enumerate(document.get(term.document) or []):
            for member in term.members:
                take(member, item, position)
    return values


def without_repeated_currency(values):
    """The values without a VAT currency that is the invoice's own, which CII forbids to write (BR-53)."""
    if values.get("BT-6") != values.get("BT-5"):
        return values
    return {term: found for term, found in values.items() if term not in ("BT-6", "BT-111")}


def differences(terms, wanted, found):
    """The terms whose values differ, in the order of the table."""
    differ = []
    for term in (row for top in terms for row in ([top] if top.type != "group" else top.members)):
        left, right = wanted.get(term.term, []), found.get(term.term, [])
        if term.compare == "distinct":
            left, right = set(left), set(right)
        elif term.compare == "set":
            left, right = sorted(left), sorted(right)
        if left != right:
            differ.append(term.term)
    return differ
