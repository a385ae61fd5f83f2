//! What stewards and operators rely on: a ranked queue in which a question is asked once, and whose answers are kept.

use master::MasterId;

use super::Context;
use super::build::{TENANT, at, customer, only, resolve, step};
use crate::{
    Decision, Delivered, Export, NewTask, QUESTION_CHARS_MAX, Reopen, Resolved, Store, StoreError, TaskClosing,
    TaskFilter, TaskPlace, TaskStatus,
};

type Held = Result<(), StoreError>;

fn question(subject: &str, rank: i64) -> NewTask {
    NewTask {
        subject: subject.to_owned(),
        code: "match.doubtful".to_owned(),
        question: format!("{subject}?"),
        system: "crm".into(),
        rank,
        at: at(6),
        ..NewTask::default()
    }
}

fn closing(decision: Decision, second: i64) -> TaskClosing {
    TaskClosing { decision, reason: "they moved".to_owned(), by: "anna".to_owned(), at: at(second) }
}

async fn ask(store: &dyn Store, tasks: Vec<NewTask>) -> Held {
    resolve(store, TENANT, Resolved { tasks, ..Resolved::default() }).await
}

fn open() -> TaskFilter {
    only(TENANT).into()
}

fn closed() -> TaskFilter {
    TaskFilter { is_closed: true, ..open() }
}

/// The subjects of a listing.
async fn subjects(store: &dyn Store, filter: &TaskFilter) -> Result<Vec<String>, StoreError> {
    Ok(store.tasks(filter).await?.into_iter().map(|task| task.subject).collect())
}

/// The number of the open task of a subject.
async fn number(store: &dyn Store, subject: &str) -> Result<u64, StoreError> {
    let tasks = store.tasks(&open()).await?;
    let found = tasks.iter().find(|task| task.subject == subject).map(|task| task.number);
    found.ok_or_else(|| StoreError::Internal(format!("{subject} is not asked")))
}

pub async fn the_most_valuable_question_comes_first(context: &mut Context) -> Held {
    let store = context.store();
    let ranks = [("a", 0), ("b", 9_000), ("c", -5), ("d", 9_000), ("e", 100)];
    for (subject, rank) in ranks {
        ask(&*store, vec![question(subject, rank)]).await?;
    }
    drop(store);
    context.reopen().await?;
    let store = context.store();
    assert_eq!(subjects(&*store, &open()).await?, ["b", "d", "e", "a", "c"]);
    let mut page = TaskFilter { count_max: 2, ..open() };
    let mut turned = Vec::new();
    loop {
        let tasks = store.tasks(&page).await?;
        let Some(last) = tasks.last() else { break };
        page.after = Some(last.place());
        turned.push(tasks.into_iter().map(|task| task.subject).collect::<Vec<_>>().join(""));
        // What ends between two pages moves nobody.
        let end = Resolved { tasks_ended: vec!["d".to_owned()], ..Resolved::default() };
        resolve(&*store, TENANT, end).await?;
    }
    assert_eq!(turned, ["bd", "ea", "c"]);
    assert_eq!(store.task_count(&TaskFilter { after: page.after, count_max: 1, ..open() }).await?, 4);
    assert_eq!(store.counts(&only(TENANT)).await?.tasks, 4);
    Ok(())
}

pub async fn a_question_that_is_asked_again_is_brought_up_to_date(context: &mut Context) -> Held {
    let store = context.store();
    ask(&*store, vec![question("pair", 100), question("other", 50)]).await?;
    let before = number(&*store, "pair").await?;
    let changed = NewTask {
        question: "and now?".to_owned(),
        code: "match.flips".to_owned(),
        master_id: Some(MasterId(1)),
        other: Some(MasterId(2)),
        detail: Some("{\"bits\":1}".to_owned()),
        at: at(60),
        ..question("pair", 10)
    };
    ask(&*store, vec![question("pair", 500), changed]).await?;
    assert_eq!(subjects(&*store, &open()).await?, ["other", "pair"], "by the later rank");
    let tasks = store.tasks_numbered(Some(TENANT), &[before]).await?;
    let expected = TaskStatus {
        number: before,
        tenant: TENANT.into(),
        code: "match.flips".to_owned(),
        subject: "pair".to_owned(),
        question: "and now?".to_owned(),
        system: "crm".into(),
        master_id: Some(MasterId(1)),
        other: Some(MasterId(2)),
        rank: 10,
        since: at(6),
        closed: None,
        detail: Some("{\"bits\":1}".to_owned()),
    };
    assert_eq!(tasks, std::slice::from_ref(&expected));
    let listed = store.tasks(&TaskFilter { code: Some("match.flips".to_owned()), ..open() }).await?;
    assert_eq!(listed, [TaskStatus { detail: None, ..expected }], "listings have no details");
    // One that is as it was is not written again; each of its parts that changes is.
    let part = |change: fn(&mut NewTask)| {
        let mut task = question("part", 5);
        change(&mut task);
        task
    };
    ask(&*store, vec![question("part", 5)]).await?;
    for changed in [
        part(|task| task.code = "match.flips".to_owned()),
        part(|task| task.question = "and now?".to_owned()),
        part(|task| task.system = "erp".into()),
        part(|task| task.master_id = Some(MasterId(3))),
        part(|task| task.other = Some(MasterId(4))),
        part(|task| task.rank = 6),
        part(|task| task.detail = Some("{}".to_owned())),
        part(|_| ()),
    ] {
        ask(&*store, vec![changed.clone()]).await?;
        ask(&*store, vec![changed.clone()]).await?;
        let number = number(&*store, "part").await?;
        let kept = store.tasks_numbered(Some(TENANT), &[number]).await?.remove(0);
        let told = (kept.code, kept.question, kept.system, kept.master_id, kept.other, kept.rank, kept.detail);
        let NewTask { code, question, system, master_id, other, rank, detail, .. } = changed;
        assert_eq!(told, (code, question, system, master_id, other, rank, detail));
    }
    Ok(())
}

pub async fn tasks_come_from_every_stage(context: &mut Context) -> Held {
    let store = context.store();
    ask(&*store, vec![question("resolved", 3)]).await?;
    let delivered = Delivered { tasks: vec![question("delivered", 2)], ..Delivered::default() };
    store.finish_attempt(TENANT, "crm", None, delivered).await?;
    let drop = store.open_drop(super::build::drop_of("a.csv", 1, Export::Delta)).await?.number;
    let collected = crate::Collected { tasks: vec![question("collected", 1)], ..step(drop) };
    store.commit_collected(collected).await?;
    assert_eq!(subjects(&*store, &open()).await?, ["resolved", "delivered", "collected"]);
    Ok(())
}

pub async fn an_answer_is_kept_with_who_and_why(context: &mut Context) -> Held {
    let store = context.store();
    ask(&*store, vec![question("a", 3), question("b", 2), question("c", 1)]).await?;
    let numbers = [number(&*store, "c").await?, 4_711, number(&*store, "a").await?];
    let same = closing(Decision::Same, 20);
    assert_eq!(store.close_tasks(Some("globex"), &numbers, &same).await?, [0; 0], "of a tenant without any");
    assert_eq!(store.close_tasks(Some(TENANT), &numbers, &same).await?, [numbers[0], numbers[2]]);
    assert_eq!(
        store.close_tasks(None, &numbers, &closing(Decision::NotTheSame, 30)).await?,
        [0; 0],
        "the first counts"
    );
    let later = closing(Decision::Acknowledged, 40);
    assert_eq!(store.close_tasks(None, &[number(&*store, "b").await?], &later).await?.len(), 1);
    drop(store);
    context.reopen().await?;
    let store = context.store();
    assert_eq!(subjects(&*store, &open()).await?, [""; 0]);
    assert_eq!(store.counts(&only(TENANT)).await?.tasks, 0);
    let listed = store.tasks(&closed()).await?;
    let told: Vec<_> = listed.iter().map(|task| (&*task.subject, task.closed.clone())).collect();
    // The latest first, and of those that were closed at once the oldest.
    assert_eq!(told, [("b", Some(later)), ("a", Some(same.clone())), ("c", Some(same))]);
    assert_eq!(listed[2].place(), TaskPlace { order: crate::value::nanoseconds(at(20)), number: numbers[0] });
    let next = TaskFilter { after: Some(listed[1].place()), ..closed() };
    assert_eq!(subjects(&*store, &next).await?, ["c"]);
    assert_eq!(store.task_count(&closed()).await?, 3);
    Ok(())
}

pub async fn what_was_answered_is_asked_again_as_its_writer_wants(context: &mut Context) -> Held {
    let store = context.store();
    let with = |subject: &str, reopen, detail: &str| NewTask {
        reopen,
        detail: Some(detail.to_owned()),
        ..question(subject, 0)
    };
    let all = |detail: &str| {
        vec![
            with("always", Reopen::Always, detail),
            with("never", Reopen::Never, detail),
            with("on-new-detail", Reopen::OnNewDetail, detail),
        ]
    };
    ask(&*store, all("1")).await?;
    let numbers: Vec<u64> = store.tasks(&open()).await?.iter().map(|task| task.number).collect();
    assert_eq!(store.close_tasks(Some(TENANT), &numbers, &closing(Decision::NotTheSame, 20)).await?, numbers);
    ask(&*store, all("1")).await?;
    assert_eq!(subjects(&*store, &open()).await?, ["always"]);
    ask(&*store, all("2")).await?;
    assert_eq!(subjects(&*store, &open()).await?, ["always", "on-new-detail"]);
    // The open one is brought up to date, whatever was answered before.
    ask(&*store, vec![NewTask { rank: 7, ..with("on-new-detail", Reopen::OnNewDetail, "1") }]).await?;
    let asked = store.tasks(&open()).await?;
    assert_eq!(
        asked.iter().map(|task| (&*task.subject, task.rank)).collect::<Vec<_>>(),
        [("on-new-detail", 7), ("always", 0)]
    );
    assert!(asked.iter().all(|task| !numbers.contains(&task.number)), "a new question has a number of its own");
    // The latest answer counts.
    store.close_tasks(None, &[asked[0].number], &closing(Decision::Same, 30)).await?;
    ask(&*store, vec![with("on-new-detail", Reopen::OnNewDetail, "1")]).await?;
    assert_eq!(subjects(&*store, &open()).await?, ["always"]);
    assert_eq!(store.task_count(&closed()).await?, 4);
    Ok(())
}

pub async fn what_has_nothing_to_ask_about_disappears(context: &mut Context) -> Held {
    let store = context.store();
    ask(&*store, vec![question("a", 4), question("b", 3), question("c", 2), question("d", 1)]).await?;
    let (answered, again) = (number(&*store, "a").await?, number(&*store, "c").await?);
    store.close_tasks(None, &[answered], &closing(Decision::Same, 20)).await?;
    let decided = closing(Decision::NotTheSame, 30);
    let writes = Resolved {
        tasks_closed: vec![(number(&*store, "b").await?, decided.clone()), (answered, decided)],
        tasks_ended: ["a", "b", "c", "never asked"].map(str::to_owned).to_vec(),
        tasks: vec![question("c", 9)],
        ..customer("erp", "C1", 1, 1, "dupont", (1, 0))
    };
    resolve(&*store, TENANT, writes).await?;
    assert_eq!(subjects(&*store, &open()).await?, ["c", "d"], "what is asked at the same time is asked");
    assert_ne!(number(&*store, "c").await?, again);
    let told = store.tasks(&closed()).await?;
    let told: Vec<_> =
        told.iter().map(|task| (&*task.subject, task.closed.as_ref().map(|closing| closing.decision))).collect();
    assert_eq!(told, [("b", Some(Decision::NotTheSame)), ("a", Some(Decision::Same))], "what was answered stays");
    Ok(())
}

pub async fn tasks_are_narrowed(context: &mut Context) -> Held {
    let store = context.store();
    let about = |subject: &str, code: &str, system: &str, pair: [Option<u64>; 2]| NewTask {
        code: code.to_owned(),
        system: system.into(),
        master_id: pair[0].map(MasterId),
        other: pair[1].map(MasterId),
        detail: Some(format!("{{\"name\":\"Verrerie {subject}\"}}")),
        ..question(subject, 0)
    };
    let tasks = vec![
        about("a", "match.doubtful", "crm", [Some(1), Some(2)]),
        about("b", "match.doubtful", "erp", [Some(2), Some(3)]),
        about("c", "control.balance", "bank", [None, None]),
        about("d", "control", "bank", [None, None]),
        about("e", "controls.other", "bank", [Some(3), None]),
    ];
    ask(&*store, tasks).await?;
    let check = async |filter: TaskFilter, expected: &[&str]| {
        assert_eq!(subjects(&*store, &filter).await?, expected, "{filter:?}");
        assert_eq!(store.task_count(&filter).await?, expected.len() as u64, "{filter:?}");
        Ok::<_, StoreError>(())
    };
    let code = |code: &str| TaskFilter { code: Some(code.to_owned()), ..open() };
    check(code("match.doubtful"), &["a", "b"]).await?;
    check(code("control"), &["c", "d"]).await?;
    check(code("control.bal"), &[]).await?;
    check(TaskFilter { system: Some("erp".to_owned()), ..code("match") }, &["b"]).await?;
    check(TaskFilter { system: Some("never".to_owned()), ..open() }, &[]).await?;
    for (customer, expected) in [(1, &["a"][..]), (2, &["a", "b"]), (3, &["b", "e"]), (4, &[])] {
        let of = TaskFilter { customer: Some(MasterId(customer)), ..open() };
        check(TaskFilter { tenant: None, ..of.clone() }, expected).await?;
        check(of, expected).await?;
    }
    let text = |text: &str| TaskFilter { text: Some(text.to_owned()), ..open() };
    check(text("VERRERIE C"), &["c"]).await?;
    check(text("b?"), &["b"]).await?;
    check(text("nothing like it"), &[]).await
}

pub async fn old_answers_are_forgotten(context: &mut Context) -> Held {
    let store = context.store();
    ask(&*store, ["a", "b", "c", "d"].map(|subject| question(subject, 0)).to_vec()).await?;
    for (subject, second) in [("a", 30), ("b", 10), ("c", 20)] {
        store.close_tasks(None, &[number(&*store, subject).await?], &closing(Decision::Same, second)).await?;
    }
    assert_eq!(store.forget_closed_tasks(at(10), 10).await?, 0, "not older");
    assert_eq!(store.forget_closed_tasks(at(30), 1).await?, 1, "the oldest first");
    assert_eq!(subjects(&*store, &closed()).await?, ["a", "c"]);
    assert_eq!(store.forget_closed_tasks(at(31), 10).await?, 2);
    assert_eq!(
        (subjects(&*store, &closed()).await?.len(), subjects(&*store, &open()).await?),
        (0, vec!["d".to_owned()])
    );
    // Its answer is forgotten.
    ask(&*store, vec![NewTask { reopen: Reopen::Never, ..question("a", 0) }]).await?;
    assert_eq!(subjects(&*store, &open()).await?, ["d", "a"]);
    Ok(())
}

pub async fn questions_of_any_length_stop_nothing(context: &mut Context) -> Held {
    let store = context.store();
    let long = NewTask {
        question: "é".repeat(QUESTION_CHARS_MAX * 2),
        detail: Some(format!("\"{}\"", "x".repeat(crate::DETAIL_BYTES_MAX))),
        ..question("long", 2)
    };
    let odd =
        NewTask { question: super::ODD.to_owned(), detail: Some(super::ODD.to_owned()), ..question(super::ODD, 1) };
    ask(&*store, vec![long, odd]).await?;
    let numbers: Vec<u64> = store.tasks(&open()).await?.iter().map(|task| task.number).collect();
    let reversed = [numbers[1], numbers[0], numbers[1]];
    let tasks = store.tasks_numbered(None, &reversed).await?;
    assert_eq!(tasks.iter().map(|task| task.number).collect::<Vec<_>>(), reversed, "in the given order");
    assert_eq!((tasks[0].question.as_str(), tasks[0].detail.as_deref()), (super::ODD, Some(super::ODD)));
    assert_eq!((tasks[1].question.chars().count(), tasks[1].detail.as_deref()), (QUESTION_CHARS_MAX, None));
    let subject = "s".repeat(crate::KEY_BYTES_MAX + 1);
    assert!(ask(&*store, vec![question(&subject, 0)]).await.is_err(), "no engine could keep this subject");
    ask(&*store, vec![question(&subject[1..], 0)]).await
}
