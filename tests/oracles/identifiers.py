"""Answers with python-stdnum's verdicts.

A request is a line `SCHEME COUNT` and COUNT lines with a number each.
The answer has a line for each of them: the normal form, or `-` when the number is not valid.
The request `structures 0` is answered with a line `COUNTRY STRUCTURE` for each country of the IBAN registry, and an empty
line.
"""

import sys

from stdnum import bic, ean, iban, iso11649, lei, numdb
from stdnum.ch import uid as swiss_company
from stdnum.ch import vat as swiss_vat
from stdnum.eu import vat as european_vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren, siret
from stdnum.gb import vat as british_vat
from stdnum.no import mva as norwegian_vat
from stdnum.no import orgnr as norwegian_company


def gln(number):
    """A location number is an EAN of 13 digits."""
    number = ean.validate(number)
    if len(number) != 13:
        raise ValidationError()
    return number


def vat(number):
    """The European Union has one module; its neighbours have one each, whose normal forms are brought to ours."""
    country = number.strip()[:2].upper()
    if country == "GB":
        return "GB" + british_vat.validate(number)
    if country == "CH":
        # The suffix of the language says that the company is registered for VAT; without it, the number is the company's.
        compact = swiss_vat.compact(number)
        return swiss_vat.validate(number)[:12] if len(compact) > 12 else swiss_company.validate(number)
    if country == "NO":
        compact = norwegian_vat.compact(number)
        if not compact.endswith("MVA"):
            return "NO" + norwegian_company.validate(compact)
        return "NO" + norwegian_vat.validate(number)[:-3]
    normal = european_vat.validate(number)
    # VAT numbers of Greece start with EL.
    return "EL" + normal[2:] if normal.startswith("GR") else normal


VALIDATE = {
    "siren": siren.validate,
    "siret": siret.validate,
    "vat": vat,
    "gln": gln,
    "lei": lei.validate,
    "iban": iban.validate,
    "bic": bic.validate,
    "creditor_reference": iso11649.validate,
}


def verdict(validate, number):
    try:
        return validate(number)
    except ValidationError:
        return "-"


def structures():
    for _, country, _, properties, _ in numdb.get("iban").prefixes:
        print(country, properties["bban"])
    print()


def main():
    for request in iter(sys.stdin.readline, ""):
        scheme, count = request.split()
        if scheme == "structures":
            structures()
        else:
            validate = VALIDATE[scheme]
            for _ in range(int(count)):
                print(verdict(validate, sys.stdin.readline().rstrip("\n")))
        sys.stdout.flush()


main()
