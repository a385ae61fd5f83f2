"""Holds the payment orders that the packs write against the schemas of ISO 20022 that sepaxml ships.

    python orders.py FILE…      each file holds one or several messages, one after the other

Exits with 1 when a message does not satisfy its schema, or when there is none at all.
"""

import os
import re
import sys

import sepaxml
from lxml import etree

SCHEMAS = os.path.join(os.path.dirname(sepaxml.__file__), "schemas")


def schema_of(namespace, known={}):
    """The schema of a namespace; None when sepaxml has none."""
    if namespace not in known:
        path = os.path.join(SCHEMAS, namespace.rsplit(":", 1)[-1] + ".xsd")
        known[namespace] = etree.XMLSchema(etree.parse(path)) if os.path.exists(path) else None
    return known[namespace]


def messages(path):
    """The messages of a file."""
    with open(path, "rb") as file:
        text = file.read()
    parts = re.split(rb"(?=<\?xml )", text)
    return [part for part in parts if part.strip()]


def main(paths):
    judged, refused = 0, 0
    for path in paths:
        for number, message in enumerate(messages(path), 1):
            root = etree.fromstring(message)
            namespace = etree.QName(root).namespace
            schema = schema_of(namespace)
            if schema is None:
                print(f"{path}, message {number}: no schema for {namespace}")
                refused += 1
                continue
            judged += 1
            if not schema.validate(root):
                refused += 1
                # The text of an error may hold a value: only its kind and its place are told.
                for error in schema.error_log:
                    print(f"{path}, message {number}, line {error.line}: {error.type_name} at {error.path}")
    print(f"orders: {judged} messages judged by their schemas, {refused} refused")
    return 1 if refused or not judged else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
