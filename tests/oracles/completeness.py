"""Whether every text of an invoice is a value of a term, a part of the syntax, or listed as not carried."""

from dataclasses import dataclass

import terms
from terms import NAMESPACES

# Texts that say what an element is, or how it is written, and no value of the semantic model.
STRUCTURE = {
    "ubl": [
        "//cac:TaxScheme/cbc:ID",
        "//cac:AllowanceCharge/cbc:ChargeIndicator",
        "//cbc:DocumentTypeCode[.='130' or .='50']",
        "//@currencyID",
        "//@schemeID[.='SEPA']",
    ],
    "cii": [
        "//ram:SpecifiedTaxRegistration/ram:ID/@schemeID",
        "//ram:TypeCode[.='VAT']",
        "//ram:AdditionalReferencedDocument/ram:TypeCode",
        "//ram:ChargeIndicator/udt:Indicator",
        "//ram:SpecifiedProcuringProject/ram:Name",
        # The gross price may say again for how many units it is.
        "//ram:GrossPriceProductTradePrice/ram:BasisQuantity[.=../../ram:NetPriceProductTradePrice/ram:BasisQuantity]",
        "//ram:GrossPriceProductTradePrice/ram:BasisQuantity/@unitCode"
        "[.=../../../ram:NetPriceProductTradePrice/ram:BasisQuantity/@unitCode]",
        "//@format",
        "//@currencyID",
    ],
}
SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"


@dataclass
class Carried:
    """The values of the terms, and the texts that are none and not listed."""

    values: dict
    lost: list


def path_of(node, root):
    """The path of an element from the root, as `passerelle convert` lists it."""
    prefixes = {uri: prefix for prefix, uri in NAMESPACES.items()}
    names = []
    while node is not root:
        uri, _, local = node.tag[1:].rpartition("}")
        names.append(f"{prefixes[uri]}:{local}" if uri in prefixes else f"{{{uri}}}{local}")
        node = node.getparent()
    return "/".join(reversed(names))


def key_of(item):
    """What tells a text apart: its element, and its attribute where it is one."""
    if isinstance(item, str):
        return item.getparent(), item.attrname
    return item, None


def check(root, syntax, table, unmapped, extensions):
    """Holds every text of an invoice against the table and against what was listed."""
    seen = set()
    values = terms.of_xml(root, syntax, table, lambda item: seen.add(key_of(item)))
    for path in STRUCTURE[syntax]:
        seen.update(key_of(item) for item in root.xpath(path, namespaces=NAMESPACES))
    kept = set(scalars(extensions))
    lost = set()
    for node in root.iter("*"):
        path = path_of(node, root)
        text = " ".join(terms.text_of(node).split())
        if text and (node, None) not in seen and path not in unmapped and text not in kept:
            lost.add(path)
        for name, value in node.attrib.items():
            place = f"{path}/@{name}" if path else f"@{name}"
            listed = place in unmapped or path in unmapped
            if value.strip() and not name.startswith(SCHEMA_INSTANCE) and (node, name) not in seen and not listed:
                lost.add(place)
    return Carried(values, sorted(lost))


def scalars(value):
    """Every scalar of a JSON value, as text."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [found for item in value for found in scalars(item)]
    return [] if value is None else [str(value)]
