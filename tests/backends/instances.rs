//! Files and runs as people hold and end them, through the front door on SQLite and on PostgreSQL: status, actions, races,
//! listings, purges, and why a document is not found.

#[cfg(test)]
mod desk;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod status;
#[cfg(test)]
mod why;

/// Runs each case on a ledger of its own, of both kinds.
#[cfg(test)]
macro_rules! on_both {
    ($($module:ident: $($case:ident),+;)+) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn on_sqlite() {
            $($({
                let desk = desk::Desk::on_sqlite().await;
                $module::$case(&desk).await;
            })+)+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn on_postgres() {
            let postgres = tests::postgres::Postgres::start().unwrap();
            $($({
                let desk = desk::Desk::on_postgres(&postgres, stringify!($case)).await;
                $module::$case(&desk).await;
            })+)+
        }
    };
}

#[cfg(test)]
on_both! {
    status: a_file_is_followed_to_its_end, a_terminated_file_stays_so, a_suspended_file_waits, a_suspended_run_waits,
        a_terminated_run_is_cancelled, a_run_is_rewound, terminate_races_with_commit, two_clients_ask_for_the_same, nonsense_is_never_a_server_error;
    listing: instances_are_listed_in_pages, what_has_ended_is_purged, files_are_listed_by_error, histories_are_paged;
    why: the_walk_says_where_it_stops, a_store_that_does_not_answer_is_a_verdict;
}
