//! A whole hub that nothing disturbs, on the embedded bus and store: the checker finds nothing.

use passerelle_tests::checker::{Company, Inbox, Portal, Size, check, furnish};
use passerelle_tests::directory::Directory;
use tokio::task::block_in_place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undisturbed_hub_passes() {
    let outside = tempfile::tempdir().unwrap();
    let at = |inner: &str| outside.path().join(inner);
    let directory = Directory::new(&[("passerelle.toml", "")]);
    let portal = Portal::start(&at("portal.jsonl"), None).await.unwrap();
    furnish(&directory, Some(portal.address));
    directory.run(&["check"]).with(0);
    let mut ledger = Inbox::new(directory.path("ledger/in"), "id", &at("ledger.jsonl")).unwrap();
    let mut company = Company::new(11, Size { rounds: 3, ..Size::of(200) }, at("sources")).unwrap();
    while let Some(dropped) = company.next_round().unwrap() {
        for file in &dropped {
            file.drop_into(&directory.path(&format!("{}/in", file.system))).unwrap();
        }
        block_in_place(|| directory.run(&["run", "--once"])).with(0);
        ledger.pick_up().unwrap();
    }
    let logs = [at("ledger.jsonl"), at("portal.jsonl")];
    let verdict = check(&at("sources"), &[("ledger", &logs[0]), ("portal", &logs[1])]).unwrap();
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(verdict.read, 200 + 200 + 200 + 100 + 200);
}
