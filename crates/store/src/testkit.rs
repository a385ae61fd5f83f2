//! The conformance suite of the store: what every backend must do, as named cases.
//!
//! A backend passes when [`run`] returns no failure. The cases know nothing of SQL and check the guarantees that the
//! contract's doc comments give, one by one.

mod attachments;
mod build;
mod collect;
mod deliver;
mod discard;
mod earlier;
mod find;
mod full;
mod ids;
mod keys;
mod lease;
mod matching;
mod operate;
mod parking;
mod rebuild;
mod resolve;
mod tasks;
mod tenants;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::full::{ODD, OTHER_TENANT, fill};
use crate::{Store, StoreError};

/// A backend under test.
#[async_trait]
pub trait Backend: Send + Sync {
    /// A store with nothing in it.
    async fn open(&mut self) -> Result<Arc<dyn Store>, StoreError>;

    /// Opens again what [`open`](Self::open) made. The suite has dropped the store before.
    async fn reopen(&mut self) -> Result<Arc<dyn Store>, StoreError>;
}

/// One fact that holds for every backend.
pub struct Case {
    /// What holds.
    pub name: &'static str,
    run: for<'a> fn(&'a mut Context) -> Checking<'a>,
}

type Checking<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// A case that did not hold.
#[derive(Debug)]
pub struct Failed {
    /// The case.
    pub name: &'static str,
    /// What was seen.
    pub reason: String,
}

/// What a case works on.
pub(crate) struct Context {
    /// Present but for the moment of a restart.
    open: Option<Arc<dyn Store>>,
    backend: Box<dyn Backend>,
}

impl Context {
    /// The store, for the case and for tasks that it starts.
    pub fn store(&self) -> Arc<dyn Store> {
        match &self.open {
            Some(store) => Arc::clone(store),
            None => panic!("the case goes on after a restart that failed"),
        }
    }

    /// Closes the store and opens it again, as a restart would. The case must have let go of its own handle.
    pub async fn reopen(&mut self) -> Result<(), StoreError> {
        drop(self.open.take());
        self.open = Some(self.backend.reopen().await?);
        Ok(())
    }
}

macro_rules! cases {
    ($($module:ident: $($case:ident),+ $(,)?;)+) => {
        vec![$($(Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: |context| Box::pin($module::$case(context)),
        }),+),+]
    };
}

/// All cases.
pub fn cases() -> Vec<Case> {
    cases! {
        attachments: an_attached_file_is_kept_once;
        collect: a_stream_that_was_never_read_has_the_default_state, a_checkpoint_and_a_run_survive_a_restart,
            drop_numbers_increase_and_are_never_reused, an_open_drop_goes_on_with_its_number,
            another_drop_ends_the_open_one_as_refused, a_full_export_repeats_the_last_accepted_only,
            a_delta_repeats_any_earlier_one, another_mapping_is_news, again_reads_a_repeated_drop,
            a_refused_drop_is_not_compared_with, a_duplicate_counts_what_the_first_had,
            known_records_are_told_in_order, rows_are_dense_and_stay, a_forgotten_record_is_new,
            a_full_export_tells_what_it_has_not_shown, what_was_seen_survives_a_restart,
            rejects_are_stored_once, a_step_of_an_unknown_drop_changes_nothing, mapping_versions_are_remembered;
        resolve: what_was_committed_is_read_back, a_second_write_replaces_the_first,
            dropping_a_resolution_changes_nothing, resolutions_come_one_after_another,
            numbers_begin_at_one_and_never_repeat, keys_that_nobody_has_lead_nowhere,
            match_keys_come_and_go, sources_of_a_master_are_complete, waiting_documents_keep_their_order,
            parked_keys_block, outcomes_of_several_drops_are_added, outcomes_may_come_before_the_step,
            the_outbox_is_in_order_and_coalesced, a_backlog_is_in_order_and_coalesced, a_confirmation_of_an_older_change_keeps_the_newer,
            changes_for_one_system_are_united, the_outbox_wakes_the_relay, declared_entities_are_kept;
        deliver: held_tells_all_of_one_system, local_keys_leave_out_what_is_gone, attempts_survive_a_restart,
            an_attempt_is_begun_once, finishing_is_one_step, a_parked_delivery_blocks_its_root,
            what_a_system_shows_during_a_call_speaks_for_itself, a_delivery_that_comes_again_is_parked_once,
            targets_have_a_state, deliveries_are_counted;
        operate: streams_show_their_sum_and_last_drop, listings_are_narrowed_and_bounded,
            parked_messages_line_up, parked_deliveries_are_tried_again, parked_observations_are_accounted_for,
            masters_are_listed_by_id, a_story_is_complete, a_drop_tells_its_journal,
            everything_is_counted, commands_are_answered_once;
        discard: what_was_given_up_is_taken_again, a_delta_with_what_was_given_up_stays_a_duplicate,
            an_embedded_document_that_was_given_up_comes_with_its_record;
        parking: a_delivery_goes_when_another_makes_its_key_known, a_delivery_goes_when_its_system_shows_the_key,
            a_need_that_is_met_already_is_not_waited_for, a_line_with_something_for_a_person_stays,
            what_is_needed_is_let_past, what_is_needed_and_stands_behind_is_sent_ahead,
            what_stood_behind_something_that_was_given_up_goes, a_task_ends_with_what_it_asks_about;
        earlier: what_was_delivered_before_is_kept_until_the_system_shows_its_record,
            of_a_system_that_is_never_read_only_the_last_delivery_is_kept;
        lease: work_is_done_by_one, of_many_that_ask_at_once_one_gets_it, work_that_was_given_back_or_ran_out_is_free,
            a_lease_that_ran_out_is_prolonged_if_nobody_took_it, workers_know_of_each_other,
            who_lost_a_lease_changes_nothing;
        find: a_master_is_found_by_what_people_know, drops_are_found_by_number_and_name,
            rejects_and_waiting_are_found_by_key, messages_are_found_by_id, hits_are_bounded;
        keys: keys_of_the_greatest_length_are_kept, longer_keys_change_nothing;
        ids: an_id_outlives_its_master_and_leads_to_what_took_its_place;
        rebuild: what_was_published_is_kept_until_it_is_resolved, removals_are_kept_with_who_they_were,
            drops_with_something_in_flight_are_marked,
            what_was_resolved_parked_or_given_up_is_told_from_the_rest,
            a_drop_that_is_given_up_adds_up_and_is_taken_again, what_a_system_may_lack_is_delivered_again,
            what_is_known_of_the_bus_survives_a_restart, reading_is_closed_when_nobody_reads;
        tasks: the_most_valuable_question_comes_first, a_question_that_is_asked_again_is_brought_up_to_date,
            tasks_come_from_every_stage, an_answer_is_kept_with_who_and_why,
            what_was_answered_is_asked_again_as_its_writer_wants, what_has_nothing_to_ask_about_disappears,
            tasks_are_narrowed, old_answers_are_forgotten, questions_of_any_length_stop_nothing;
        matching: what_a_record_has_shown_is_read_back, a_record_that_shows_more_is_replaced, keys_lead_to_records,
            a_key_that_too_many_have_leads_nowhere, dropping_a_resolution_decides_nothing,
            who_is_who_is_decided_one_after_another, judgements_are_kept_in_order,
            only_people_bind_and_only_until_it_is_undone, a_record_that_moved_is_found_under_its_first_master,
            documents_of_a_customer_are_turned_page_by_page, questions_about_a_master_are_known,
            documents_that_are_to_be_looked_at_again_are_remembered, a_model_never_changes,
            what_is_decided_is_written_with_the_rest;
        tenants: nobody_sees_the_rows_of_another, nobody_learns_who_is_who_elsewhere;
    }
}

/// Runs every case on a store of its own; returns those that do not hold.
pub async fn run<F>(backend: F) -> Vec<Failed>
where
    F: Fn() -> Box<dyn Backend>,
{
    let mut failed = Vec::new();
    for Case { name, run } in cases() {
        let mut backend = backend();
        // A task of its own, so that a panic is one case's failure.
        let outcome = tokio::spawn(async move {
            let open = Some(backend.open().await?);
            let mut context = Context { open, backend };
            run(&mut context).await
        });
        let reason = match outcome.await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => match panic.try_into_panic() {
                Ok(payload) => panic_text(payload.as_ref()),
                Err(stopped) => stopped.to_string(),
            },
        };
        failed.push(Failed { name, reason });
    }
    failed
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}
