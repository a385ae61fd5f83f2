#!/usr/bin/env python3
"""The same customers through Splink: a batch over a whole stream, and one record at a time.

usage: splink_match.py STREAM.csv TRUTH.csv [--singles N] [--clusters OUT.csv] [--latest]

What is compared are the states of all records, and a record is in the cluster of any of its states: so former values
count, as they do in the hub. With --latest, only the last state of each record is compared.
Companies and people have a model each. Blocking rules, comparisons and training follow Splink's own guides for
businesses and for people; no label is used for training. The threshold is picked by the truth: the best that any
threshold gives is told, which nobody who has no truth can know.

Prints JSON lines: about the batch, about single records, and the figures of each kind.
"""

import argparse
import collections
import csv
import json
import logging
import re
import time
import unicodedata

import pandas
import pyarrow
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

FORMS = """ab ag aps as asbl bv bvba co cv ei eirl ek eurl ev gbr gie gmbh inc kg kgaa limited llc llp ltd mbh nv
og ohg oy plc sa sarl sas sasu sca sci scop se selarl sl slu snc spa sprl srl ug vof vzw""".split()
FILLERS = "and da de del della der des di die du e el en et la le les los of the und van von y".split()
STREETS = {"av": "avenue", "ave": "avenue", "bd": "boulevard", "blvd": "boulevard", "bld": "boulevard", "r": "rue",
           "pl": "place", "ch": "chemin", "che": "chemin", "chem": "chemin", "all": "allee", "imp": "impasse",
           "rte": "route", "str": "strasse", "sq": "square", "rd": "road", "st": "street"}
NOBODY = {"noreply", "donotreply", "nepasrepondre", "unknown", "inconnu", "test", "none", "null", "na"}
THRESHOLDS = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999, 0.999999]


def words(text):
    """Lower case words without accents."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).replace(".", "")
    return re.findall(r"\w+", plain)


def or_none(text):
    return text or None


def cleaned(position, row):
    """A state as it is compared: normalised as Splink's guide asks for before linking."""
    name = [word for word in words(row["name"]) if word not in FORMS and word not in FILLERS]
    street = [STREETS.get(word, word) for word in words(row["street"])]
    phone = re.sub(r"\D", "", row["phone"])[-9:]
    email = row["email"].strip().lower()
    local, _, domain = email.partition("@")
    if not domain or local in NOBODY or domain.startswith("example."):
        email = domain = ""
    given, family = " ".join(words(row["given_name"])), " ".join(words(row["family_name"]))
    if row["kind"] == "person" and not given and not family:
        whole = words(row["name"])
        given, family = " ".join(whole[:-1]), " ".join(whole[-1:])
    vat = re.sub(r"\W", "", row["vat"]).upper()
    siren = re.sub(r"\D", "", row["siren"])[:9] or (vat[4:13] if vat.startswith("FR") else "")
    return {
        "unique_id": position, "record": f'{row["source"]}|{row["source_id"]}', "kind": row["kind"],
        "name": or_none(" ".join(sorted(name) or words(row["name"]))), "given": or_none(given), "family": or_none(family),
        "birth": or_none(row["birth_date"]), "siren": or_none(siren), "vat": or_none(vat),
        "iban": or_none(re.sub(r"\W", "", row["iban"]).upper()), "email": or_none(email), "domain": or_none(domain),
        "phone": or_none(phone if len(phone) >= 8 and len(set(phone)) > 2 else ""),
        "street": or_none(" ".join(street)), "postcode": or_none(row["postcode"].strip().upper()),
        "city": or_none(" ".join(words(row["city"]))),
    }


def read(path, is_latest):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if is_latest:
        rows = list({(row["source"], row["source_id"]): row for row in rows}.values())
    return pandas.DataFrame([cleaned(position, row) for position, row in enumerate(rows)])


def address():
    """Street and town in one comparison: they depend on each other."""
    return cl.CustomComparison(output_column_name="address", comparison_levels=[
        cll.Or(cll.NullLevel("street"), cll.NullLevel("postcode")),
        cll.And(cll.ExactMatchLevel("street"), cll.ExactMatchLevel("postcode")),
        cll.And(cll.JaroWinklerLevel("street", 0.92), cll.Or(cll.ExactMatchLevel("postcode"), cll.ExactMatchLevel("city"))),
        cll.ExactMatchLevel("postcode"),
        cll.ElseLevel(),
    ])


def shared():
    return [
        cl.EmailComparison("email"), cl.ExactMatch("phone").configure(term_frequency_adjustments=True), address(),
        cl.LevenshteinAtThresholds("iban", 2),
    ]


def of_companies():
    comparisons = [
        cl.JaroWinklerAtThresholds("name", [0.96, 0.88]).configure(term_frequency_adjustments=True),
        cl.ExactMatch("siren"), cl.ExactMatch("vat"), *shared(),
    ]
    blocks = [block_on("siren"), block_on("vat"), block_on("iban"), block_on("email"), block_on("phone"),
              block_on("name"), block_on("postcode", "substr(name, 1, 4)"), block_on("domain", "postcode"),
              block_on("street", "postcode")]
    sure = [block_on("siren"), block_on("iban"), block_on("email", "name")]
    return comparisons, blocks, sure, [block_on("email"), block_on("phone"), block_on("name")]


def of_people():
    comparisons = [
        cl.ForenameSurnameComparison("given", "family"),
        cl.DateOfBirthComparison("birth", input_is_string=True), *shared(),
    ]
    blocks = [block_on("iban"), block_on("email"), block_on("phone"), block_on("given", "family"),
              block_on("family", "birth"), block_on("given", "birth"), block_on("postcode", "family"),
              block_on("postcode", "given"), block_on("street", "postcode")]
    sure = [block_on("iban", "given"), block_on("email", "family"), block_on("given", "family", "birth")]
    return comparisons, blocks, sure, [block_on("email"), block_on("phone"), block_on("given", "family")]


def trained(frame, parts):
    """A linker whose weights are learned without labels."""
    comparisons, blocks, sure, rounds = parts
    settings = SettingsCreator(
        link_type="dedupe_only", comparisons=comparisons, blocking_rules_to_generate_predictions=blocks,
        retain_intermediate_calculation_columns=False, retain_matching_columns=False,
        additional_columns_to_retain=["record"],
    )
    database = DuckDBAPI()
    table = database.register(frame)
    linker = Linker(table, settings)
    linker.training.estimate_probability_two_random_records_match(sure, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e7)
    for rule in rounds:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    return linker, database, table


class Groups:
    """Records that are one, by union and find."""

    def __init__(self, names):
        self.above = {name: name for name in names}

    def top(self, name):
        while self.above[name] != name:
            self.above[name] = self.above[self.above[name]]
            name = self.above[name]
        return name

    def unite(self, one, other):
        self.above[self.top(one)] = self.top(other)


def clusters(pairs, records, threshold):
    """Connected components, as Splink's own clustering makes them, over records rather than states."""
    groups = Groups(records)
    for one, other in pairs[pairs.match_probability >= threshold][["record_l", "record_r"]].itertuples(index=False):
        groups.unite(one, other)
    return {record: groups.top(record) for record in records}


def figures(found, truth):
    """Pairwise precision, recall and F1, and B-cubed."""
    both = collections.Counter((found.get(record, record), entity) for record, entity in truth)
    cluster, entity = collections.Counter(), collections.Counter()
    for (mine, theirs), count in both.items():
        cluster[mine] += count
        entity[theirs] += count
    pairs = lambda counts: sum(count * (count - 1) // 2 for count in counts.values())
    precision, recall = pairs(both) / max(pairs(cluster), 1), pairs(both) / max(pairs(entity), 1)
    exact = sum(count * count / cluster[mine] for (mine, _), count in both.items()) / len(truth)
    whole = sum(count * count / entity[theirs] for (_, theirs), count in both.items()) / len(truth)
    mean = lambda one, other: 2 * one * other / (one + other) if one + other else 0.0
    return {"records": len(truth), "precision": round(precision, 5), "recall": round(recall, 5),
            "f1": round(mean(precision, recall), 5), "b3": round(mean(exact, whole), 5)}


def one_at_a_time(linker, database, table, frame, columns, count):
    """Each of some states, held against all others through the blocking rules; seconds of each."""
    for column in columns:
        linker.table_management.compute_tf_table(column)
    types = [(column, pyarrow.int64() if column == "unique_id" else pyarrow.string()) for column in frame.columns]
    taken = []
    for position, state in enumerate(frame.sample(n=min(count, len(frame)), random_state=7).to_dict("records")):
        state["unique_id"] = -1 - position
        state = {column: None if pandas.isna(value) else value for column, value in state.items()}
        begun = time.perf_counter()
        single = database.register(pyarrow.Table.from_pylist([state], schema=pyarrow.schema(types)))
        found = linker.inference.predict_between(table, single, threshold_match_probability=0.5, warning_mode="never")
        found.as_pandas_dataframe()
        taken.append(time.perf_counter() - begun)
    return sorted(taken[len(taken) // 20:])


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("stream")
    arguments.add_argument("truth")
    arguments.add_argument("--singles", type=int, default=100, help="so many states of each kind one at a time")
    arguments.add_argument("--clusters", help="write source, source_id, cluster of the best threshold here")
    arguments.add_argument("--latest", action="store_true", help="compare only the last state of each record")
    arguments = arguments.parse_args()
    logging.getLogger("splink").setLevel(logging.ERROR)
    states = read(arguments.stream, arguments.latest)
    with open(arguments.truth, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    truth = {kind: [(f'{row["source"]}|{row["source_id"]}', row["entity"]) for row in rows if row.get("kind") == kind]
             for kind in ("company", "person")}
    seconds, found, singles, best = collections.Counter(), {}, [], {}
    for kind, parts, columns in (("company", of_companies(), ["name", "phone", "email"]),
                                 ("person", of_people(), ["given", "family", "phone", "email"])):
        frame = states[states.kind == kind].reset_index(drop=True)
        begun = time.perf_counter()
        linker, database, table = trained(frame, parts)
        learned = time.perf_counter()
        predicted = linker.inference.predict(threshold_match_probability=0.2).as_pandas_dataframe()
        records = frame.record.unique()
        clusters(predicted, records, 0.99)
        done = time.perf_counter()
        seconds.update(training=learned - begun, prediction=done - learned)
        found[kind] = {threshold: clusters(predicted, records, threshold) for threshold in THRESHOLDS}
        best[kind] = max(THRESHOLDS, key=lambda threshold: figures(found[kind][threshold], truth[kind])["f1"])
        singles.append((kind, one_at_a_time(linker, database, table, frame, columns, arguments.singles)))
    batch = seconds["training"] + seconds["prediction"]
    print(json.dumps({"benchmark": "splink, batch", "states": len(states), "seconds": round(batch, 2),
                      "seconds_of_training": round(seconds["training"], 2),
                      "states_per_second": round(len(states) / batch)}))
    for kind, taken in singles:
        print(json.dumps({"benchmark": "splink, one at a time", "kind": kind, "states": len(taken),
                          "per_second": round(len(taken) / sum(taken), 2),
                          "p50_ms": round(taken[len(taken) // 2] * 1000, 1), "max_ms": round(taken[-1] * 1000, 1)}))
    together = {record: f"{kind} {cluster}" for kind in truth for record, cluster in found[kind][best[kind]].items()}
    for kind, records in {"all": truth["company"] + truth["person"], **truth}.items():
        about = {"benchmark": "splink, best threshold", "kind": kind, "threshold": best.get(kind, best)}
        print(json.dumps({**about, **figures(together, records)}))
    if arguments.clusters:
        with open(arguments.clusters, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["source", "source_id", "cluster"])
            writer.writerows([*record.split("|", 1), cluster] for record, cluster in together.items())


if __name__ == "__main__":
    main()
