//! Who is who, on the command line: why two are or are not one, judging it, taking it back, and learning a model.

use serde_json::{Value, json};

use crate::directory::{Directory, Ended, told};
use crate::running::{Running, wait_until};

const SHOP: &str = "tenant = \"acme\"\n[connector]\nkind = \"csv-drop\"\n[connector.streams.customers]\n\
    folder = \"in/shop\"\nfiles = \"customers*.csv\"\ndelimiter = \";\"\nencoding = \"utf-8\"\n\
    [streams.customers]\nmapping = \"shop/customer\"\nexport = \"delta\"\nevery = \"1h\"\n";

const SHOP_CUSTOMER: &str = "entity = \"customer\"\nformat = \"csv\"\nkey = \"ID\"\n[fields]\nlegal_name = \"NAME\"\n\
    addresses.main.line1 = \"STREET\"\naddresses.main.postcode = \"ZIP\"\naddresses.main.city = \"CITY\"\n\
    addresses.main.country = \"COUNTRY\"\n";

/// An ERP and a shop. Garage Hamon is one customer, Librairie Rozenn and Rozenn Papeterie are doubtful, Tanguy is alone.
const ERP_RECORDS: &str = "NO;NAME;SIRET;STREET;ZIP;CITY;COUNTRY;CREDIT;BLOCKED\n\
    C1;Garage Hamon SAS;;12 rue Foch;75002;Paris;FR;1 000,00;0\n\
    C2;Librairie Rozenn;;8 rue Haute;56000;Vannes;FR;1 000,00;0\n\
    C3;Tanguy;;1 rue du Port;29000;Quimper;FR;1 000,00;0\n";
const SHOP_RECORDS: &str = "ID;NAME;STREET;ZIP;CITY;COUNTRY\n\
    S1;GARAGE HAMON;12, rue Foch;75002;PARIS;FR\n\
    S2;Rozenn Papeterie;8 rue Haute;56000;Vannes;FR\n";

/// The two systems, with what they show.
struct Company(Directory);

impl Company {
    fn new() -> Self {
        let company = Company::empty();
        for (system, records) in [("erp", ERP_RECORDS), ("shop", SHOP_RECORDS)] {
            let file = company.0.write(&format!("{system}/customers-1.csv"), records);
            company.0.run(&["ingest", system, &file]).with(0);
        }
        company
    }

    fn empty() -> Self {
        let directory = Directory::new();
        directory.write("hub/systems/shop.toml", SHOP);
        directory.write("hub/mappings/shop/customer.toml", SHOP_CUSTOMER);
        directory.write("hub/in/shop/.keep", "");
        Company(directory)
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.0.run(arguments)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).with(0).json()
    }

    /// The master id of a record now.
    #[track_caller]
    fn id(&self, record: &str) -> String {
        let view = self.run(&["customers", "why", record, "erp/C3", "--json"]).with(1).json();
        view["one"]["master_id"].as_str().unwrap().to_owned()
    }

    /// The customers with their golden documents and the records of the sources, as they can be compared.
    fn state(&self) -> Vec<(Value, Value, Vec<Value>)> {
        let listed = self.json(&["customers", "list"]);
        let there = listed.as_array().unwrap().iter().filter(|master| master["state"] == "upsert");
        let one = |master: &Value| {
            let known = master["systems"].as_array().unwrap().iter().filter(|known| known[0] != "crm");
            (master["master_id"].clone(), master["document"].clone(), known.cloned().collect())
        };
        there.map(one).collect()
    }

    /// Asks why two are or are not one: the exit code must be this, and the cause.
    #[track_caller]
    fn why(&self, one: &str, other: &str, exit: i32, cause: &str) -> Value {
        let view = self.run(&["customers", "why", one, other, "--json"]).with(exit).json();
        assert_eq!((&view["is_one"], &view["because"]), (&json!(exit == 0), &json!(cause)), "{view}");
        view
    }
}

#[test]
fn two_customers_become_one_and_two_again() {
    let company = Company::new();
    let (one, other) = (company.id("erp/C2"), company.id("shop/S2"));
    let asked = company.why(&one, &other, 1, "question");
    let tasks = company.json(&["tasks", "list"]);
    assert_eq!((&asked["task"], &asked["since"]), (&tasks[0]["number"], &tasks[0]["since"]), "{tasks}");
    assert_eq!(asked["pairs"][0]["explanation"]["fields"][0]["levels"], json!([{"name": "part"}]));
    let text = company.run(&["customers", "why", "Papeterie", "C2"]).with(1).out;
    for part in [
        "are two customers",
        "tasks decide",
        "Rozenn Papeterie",
        "Librairie Rozenn",
        "keys in common: house, word-in-town, initial-at-house",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let before = company.state();

    let plan = company.json(&["customers", "merge", &one, "shop/S2", "--plan"]);
    assert_eq!(plan["records_moved"], json!([{"system": "shop", "key": "S2"}]), "{plan}");
    assert_eq!(company.state(), before, "a plan changes nothing");
    let merged = company.json(&["customers", "merge", &one, "shop/S2", "--reason", "one keeper", "--by", "anna"]);
    let number = merged["number"].to_string();
    assert_eq!(merged["records"].as_array().map(Vec::len), Some(2), "{merged}");
    let view = company.why("erp/C2", &other, 0, "judged");
    assert_eq!((&view["other"]["was"], &view["one"]["master_id"]), (&json!(other), &json!(one)), "{view}");
    assert_eq!(
        (&view["judgements"][0]["by"], &view["judgements"][0]["reason"]),
        (&json!("anna"), &json!("one keeper"))
    );
    let text = company.run(&["customers", "why", &one, &other]).with(0).out;
    assert!(text.contains("anna merged") && text.contains("because: one keeper"), "{text}");
    assert_eq!(company.json(&["tasks", "list"]), json!([]), "the question is answered");
    assert_eq!(company.state().len(), before.len() - 1);

    assert_eq!(company.json(&["customers", "undo", &number, "--plan"])["undoes"]["kind"], "merge");
    company.json(&["customers", "undo", &number, "--reason", "two shops", "--by", "bert"]);
    company.why(&one, &other, 1, "question");
    assert_eq!(company.state(), before, "documents and keys are what they were");
    let told: Vec<(Value, Value, Value)> = company
        .json(&["customers", "judgements", &other])
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["kind"].clone(), one["by"].clone(), one["is_undone"].clone()))
        .collect();
    let expected = [("undo", "bert", false), ("merge", "anna", true)];
    assert_eq!(told, expected.map(|(kind, by, undone)| (json!(kind), json!(by), json!(undone))));
    assert!(company.run(&["customers", "judgements"]).with(0).out.contains("took 1 back"));
}

#[test]
fn an_answer_of_the_queue_is_a_judgement() {
    let company = Company::new();
    let task = company.json(&["tasks", "list"])[0]["number"].to_string();
    company.run(&["tasks", "decide", &task, "not-the-same", "--reason", "wall to wall", "--by", "anna"]).with(0);
    let view = company.why("erp/C2", "shop/S2", 1, "judged");
    assert_eq!((&view["judgements"][0]["kind"], &view["task"]), (&json!("not-the-same"), &Value::Null));
}

#[test]
fn records_leave_their_customer_and_come_back() {
    let company = Company::new();
    let view = company.why("erp/C1", "shop/S1", 0, "resemblance");
    assert!(view["since"].is_string() && view["model"] == 0, "{view}");
    let explanation = &view["pairs"][0]["explanation"];
    let parts = explanation["fields"].as_array().unwrap().iter().map(|field| field["bits"].as_i64().unwrap());
    let sum = parts.sum::<i64>() + explanation["start"].as_i64().unwrap() + explanation["rarity"].as_i64().unwrap();
    assert_eq!(json!(sum), explanation["bits"], "what is told adds up");
    let garage = company.id("erp/C1");
    let before = company.state();
    let check = |arguments: &[&str], exit: i32, cause: &str| {
        let plan = [arguments, &["--plan"]].concat();
        let planned = company.json(&plan);
        assert!(!planned["customers"].as_array().unwrap().is_empty(), "{planned}");
        let judged = company.json(&[arguments, &["--reason", "a test", "--by", "anna"]].concat());
        let view = company.why("erp/C1", "shop/S1", exit, cause);
        assert!(view["judgement"] == judged["number"] || arguments[1] == "not-the-same", "{view}");
        judged["number"].to_string()
    };
    let split = check(&["customers", "split", &garage, "shop/S1"], 1, "judged");
    let after = company.state();
    assert_eq!(after.len(), before.len() + 1, "{after:?}");
    let link = check(&["customers", "link", "shop/S1", &garage], 0, "judged");
    company.run(&["customers", "undo", &link, "--reason", "a test"]).with(0);
    let view = company.why("erp/C1", "shop/S1", 1, "judged");
    assert_eq!(view["judgement"].to_string(), split, "what was decided before counts again: {view}");
    check(&["customers", "link", "shop/S1", &garage], 0, "judged");
    check(&["customers", "unlink", "shop/S1"], 1, "judged");
    check(&["customers", "merge", &garage, "shop/S1"], 0, "judged");
    assert_eq!(company.state(), before);
    check(&["customers", "not-the-same", &garage, "erp/C3"], 0, "judged");
    company.why(&garage, "erp/C3", 1, "judged");
    company.why("erp/C2", "erp/C3", 1, "never-compared");
}

#[test]
fn what_cannot_be_judged_is_told_with_a_remedy() {
    let company = Company::new();
    let garage = company.id("erp/C1");
    let why = ["--reason", "a test"];
    let check =
        |arguments: &[&str], code: &str, part: &str| told(company.run(&[arguments, &why].concat()), 2, code, part);
    check(&["customers", "merge", &garage, "m99"], "cli.unknown", "there is no customer \"m99\"; say a master id");
    check(&["customers", "merge", &garage, "Rozenn"], "cli.several", "is 2 customers");
    check(&["customers", "merge", &garage, "shop/S1"], "cli.refused", "customers split");
    check(&["customers", "not-the-same", "erp/C1", "shop/S1"], "cli.refused", "both are");
    check(&["customers", "split", &garage, "erp/C3"], "cli.unknown", "customers show");
    check(&["customers", "split", &garage, "C1"], "cli.record", "as erp/C-1001");
    check(&["customers", "split", "erp/C3", "erp/C3"], "cli.refused", "has no other records");
    check(&["customers", "unlink", "shop/S9"], "cli.unknown", "there is no customer \"shop/S9\"");
    check(&["customers", "undo", "77"], "cli.refused", "there is no judgement 77");
    let plan = company.run(&["customers", "undo", "77", "--plan"]);
    told(plan, 2, "cli.unknown", "`passerelle customers judgements` lists them");
    told(company.run(&["customers", "why", "erp/C1", "erp/C1"]), 2, "cli.unknown", "one and the same record");
    told(company.run(&["customers", "judgements", "--tenant", "globex"]), 2, "cli.unknown", "there is acme");
    let silent = company.run(&["customers", "merge", "erp/C1", "erp/C3", "--reason", " "]);
    told(silent, 2, "cli.refused", "a reason is missing");
    assert_eq!(company.json(&["customers", "judgements"]), json!([]), "nothing was decided");
}

#[test]
fn a_model_is_learned_from_what_a_hub_has_seen() {
    let early = Company::empty();
    let hub = early.0.hub();
    let learn = |company: &Company, more: &[&str]| {
        let hub = company.0.hub();
        crate::directory::passerelle(&[&["match", "learn", "--hub", &hub], more].concat())
    };
    let file = early
        .0
        .write("customers-1.csv", "NO;NAME;SIRET;STREET;ZIP;CITY;COUNTRY;CREDIT;BLOCKED\n1;Tanguy;;;;;;1,00;0\n");
    early.run(&["ingest", "erp", &file]).with(0);
    told(learn(&early, &[]), 2, "match.nothing-learned", "no two records of acme share a key, among 1 record");
    assert_eq!(crate::directory::passerelle(&["match", "models", "--hub", &hub, "--json"]).with(0).json(), json!([]));

    let company = Company::new();
    let first = learn(&company, &["--json"]).with(0).json();
    assert_eq!((&first["number"], &first["before"], &first["records"]), (&json!(1), &json!(0), &json!(5)), "{first}");
    let same = first["weights"].as_array().unwrap().iter().find(|weight| weight["level"] == json!({"phone": "same"}));
    let same = same.unwrap();
    assert_eq!(same["kind"], "company");
    assert!(same["against_unrelated"].as_i64() > Some(0) && same["before_against_unrelated"].is_i64(), "{same}");
    assert_eq!(company.why("erp/C2", "shop/S2", 1, "question")["model"], 1, "it is in force");
    let second = learn(&company, &["--sample", "4", "--seed", "7"]).with(0);
    assert!(second.out.contains("model 2 of acme, from 4 records"), "{}", second.out);
    assert!(second.out.contains("beside model 1") && second.err.contains("little can be learned"), "{}", second.err);
    let hub = company.0.hub();
    let models = crate::directory::passerelle(&["match", "models", "--hub", &hub, "--json"]).with(0).json();
    let numbers: Vec<&Value> = models.as_array().unwrap().iter().map(|model| &model["number"]).collect();
    assert_eq!(numbers, [&json!(2), &json!(1)]);
    learn(&company, &["--from", "erp/customer"]).with(2);
    learn(&company, &["customers.csv"]).with(2);
}

#[test]
fn a_running_hub_is_asked_and_judges() {
    let company = Company::new();
    let (one, other) = (company.id("erp/C2"), company.id("shop/S2"));
    let hub = Running::start(&company.0);
    let get = |path: &str| -> Value {
        let answer = hub.get(path);
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    };
    let path = format!("/api/customers/why?one={one}&other=shop/S2");
    assert_eq!(get(&path), company.run(&["customers", "why", &one, "shop/S2", "--json"]).with(1).json());
    let body = json!({"kind": "merge", "master_id": one, "other": other, "reason": "one keeper", "by": "anna"});
    let posted = hub.post("/api/customers/judge", &body.to_string());
    assert!(posted.starts_with("HTTP/1.1 200") && posted.contains("\"records\""), "{posted}");
    assert_eq!(get(&path)["because"], "judged");
    let judged = get(&format!("/api/customers/{other}/judgements"));
    assert_eq!((&judged[0]["kind"], &judged[0]["by"]), (&json!("merge"), &json!("anna")), "{judged}");
    assert_eq!(get("/api/customers/judgements"), judged);
    let number = judged[0]["number"].to_string();
    company.run(&["customers", "undo", &number, "--reason", "two shops"]).with(0);
    wait_until("the hub tells what the command did", || get(&path)["is_one"] == false);
    assert_eq!(get(&format!("/api/customers/{one}/judgements"))[1]["is_undone"], true);
    assert_eq!(hub.stop("-TERM"), 0);
}
