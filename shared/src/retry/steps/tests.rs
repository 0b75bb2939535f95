use proptest::prelude::*;

use super::*;

fn policies() -> StepPolicies {
    let mut policies = StepPolicies::all(&StepPolicy {
        max: Duration::from_secs(8),
        ..StepPolicy::default()
    });
    *policies.of_mut(Step::Embed) = StepPolicy {
        first: Duration::from_secs(10),
        coefficient: 3.0,
        max: Duration::from_secs(100),
        attempts: Some(2),
        retryable: vec!["text_refused".to_owned()],
        final_codes: vec!["embedder_quota_spent".to_owned()],
        jitter: Jitter::Equal,
    };
    policies
}

fn plan(failure: Failure, before: Option<&Failure>, attempts: u32) -> Planned {
    policies().plan(failure, before, 1, attempts, 1.0)
}

#[test]
fn waits_grow_by_step() {
    let table = [
        (Step::Fetch, vec![1, 2, 4, 8, 8]),
        (Step::Embed, vec![10, 30, 90, 100, 100]),
    ];
    for (step, seconds) in table {
        // Uncharged: the attempt's number never grows, the wait does.
        let mut before = None;
        for expected in seconds {
            let planned = plan(Failure::throttled("down", "").at(step), before.as_ref(), 1);
            assert_eq!(planned.delay, Duration::from_secs(expected), "{step}");
            before = Some(planned.failure);
        }
    }
}

#[test]
fn another_step_begins_anew() {
    let first = plan(Failure::transient("odd", "").at(Step::Fetch), None, 1);
    let second = plan(
        Failure::transient("odd", "").at(Step::Fetch),
        Some(&first.failure),
        2,
    );
    assert_eq!(second.delay, Duration::from_secs(2));
    let other = plan(
        Failure::transient("odd", "").at(Step::Upsert),
        Some(&second.failure),
        3,
    );
    assert_eq!(other.delay, Duration::from_secs(1));
    assert_eq!(other.failure.tally.map(|tally| tally.charged), Some(1));
}

#[test]
fn codes_change_their_class() {
    let refused = plan(Failure::permanent("text_refused", "").at(Step::Embed), None, 1);
    assert_eq!(refused.failure.class, FailureClass::Transient);
    assert_eq!(refused.delay, Duration::from_secs(10));
    let elsewhere = plan(Failure::permanent("text_refused", "").at(Step::Chunk), None, 1);
    assert_eq!(elsewhere.failure.class, FailureClass::Permanent);
    assert_eq!(elsewhere.delay, Duration::ZERO);
    let quota = plan(
        Failure::throttled("embedder_quota_spent", "").at(Step::Embed),
        None,
        1,
    );
    assert_eq!(quota.failure.class, FailureClass::Permanent);
}

#[test]
fn a_step_has_attempts_of_its_own() {
    let odd = || Failure::transient("odd", "").at(Step::Embed);
    let first = plan(odd(), None, 1);
    assert!(!first.step_spent);
    // Uncharged ones do not count.
    let down = plan(
        Failure::throttled("down", "").at(Step::Embed),
        Some(&first.failure),
        2,
    );
    assert!(!down.step_spent);
    assert!(plan(odd(), Some(&down.failure), 2).step_spent);
    // Somebody asked for another try: attempts begin again, and so does the count.
    let asked = plan(odd(), Some(&plan(odd(), Some(&first.failure), 2).failure), 1);
    assert!(!asked.step_spent);
    assert_eq!(asked.delay, Duration::from_secs(10));
}

#[test]
fn a_newer_change_begins_anew() {
    let first = plan(Failure::transient("odd", "").at(Step::Embed), None, 1);
    let newer = policies().plan(
        Failure::transient("odd", "").at(Step::Embed),
        Some(&first.failure),
        2,
        2,
        1.0,
    );
    assert!(!newer.step_spent);
    assert_eq!(newer.delay, Duration::from_secs(10));
}

#[test]
fn a_dependency_that_names_its_time_gets_at_least_that() {
    let asked = |seconds| {
        Failure::throttled("busy", "")
            .at(Step::Fetch)
            .retry_after(Some(Duration::from_secs(seconds)))
    };
    assert_eq!(plan(asked(30), None, 1).delay, Duration::from_secs(30));
    assert_eq!(plan(asked(0), None, 1).delay, Duration::from_secs(1));
}

#[test]
fn a_failure_without_a_step_is_the_claims() {
    let planned = plan(Failure::transient("odd", ""), None, 1);
    assert_eq!(planned.failure.step, Some(Step::Claim));
}

proptest! {
    /// Whatever failed before: waits stay within bounds, charged failures never exceed the attempts, and the step is spent
    /// after its attempts at the latest.
    #[test]
    fn plans_are_bounded(
        failures in prop::collection::vec((0..7_usize, any::<bool>()), 1..40),
        random in 0.0..=1.0_f64,
    ) {
        let policies = policies();
        let mut before: Option<Failure> = None;
        let mut attempts = 0;
        for (step, charged) in failures {
            attempts += 1;
            let failure = if charged {
                Failure::transient("odd", "")
            } else {
                Failure::throttled("down", "")
            };
            let planned = policies.plan(failure.at(Step::ALL[step]), before.as_ref(), 1, attempts, random);
            let policy = policies.of(Step::ALL[step]);
            prop_assert!(planned.delay <= policy.max);
            prop_assert!(planned.delay >= policy.first / 2);
            let tally = planned.failure.tally.unwrap();
            prop_assert!(tally.charged <= attempts && tally.charged <= tally.in_a_row);
            if !charged {
                attempts -= 1;
            }
            before = Some(planned.failure);
        }
    }
}
