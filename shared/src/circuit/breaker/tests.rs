use proptest::prelude::*;

use super::*;

fn policy() -> BreakerPolicy {
    BreakerPolicy {
        failures: 3,
        first_open: Duration::from_secs(4),
        max_open: Duration::from_secs(10),
        growth: 2.0,
        probes: 1,
        jitter: Jitter::None,
    }
}

fn fail(breaker: &mut Breaker, now: Instant) -> bool {
    let ticket = breaker.admit(now).unwrap();
    breaker.ended(ticket, Ended::Failed, now, 1.0)
}

fn answer(breaker: &mut Breaker, now: Instant) -> bool {
    let ticket = breaker.admit(now).unwrap();
    breaker.ended(ticket, Ended::Answered, now, 1.0)
}

#[test]
fn it_opens_after_failures_in_a_row() {
    let now = Instant::now();
    let mut breaker = Breaker::new(policy());
    for _ in 0..5 {
        assert!(!fail(&mut breaker, now) && !fail(&mut breaker, now));
        assert!(!answer(&mut breaker, now), "an answer in between begins anew");
    }
    assert!(!fail(&mut breaker, now) && !fail(&mut breaker, now) && fail(&mut breaker, now));
    assert_eq!(breaker.state(now), CircuitState::Open);
    assert_eq!(breaker.admit(now), Err(Duration::from_secs(4)));
}

#[test]
fn a_probe_decides() {
    let zero = Instant::now();
    let at = |second| zero + Duration::from_secs(second);
    let mut breaker = Breaker::new(policy());
    for _ in 0..3 {
        fail(&mut breaker, zero);
    }
    assert_eq!(breaker.state(at(4)), CircuitState::HalfOpen);
    // One probe at a time.
    let probe = breaker.admit(at(4)).unwrap();
    assert!(breaker.admit(at(4)).is_err());
    assert!(breaker.ended(probe, Ended::Failed, at(5), 1.0));
    assert_eq!(
        breaker.admit(at(5)),
        Err(Duration::from_secs(8)),
        "open for longer"
    );
    // A probe that nobody waited for makes room for another.
    let left = breaker.admit(at(13)).unwrap();
    assert!(!breaker.ended(left, Ended::Unknown, at(13), 1.0));
    assert!(fail(&mut breaker, at(13)));
    assert_eq!(breaker.probe_at(), Some(at(23)), "never longer than the longest");
    assert!(answer(&mut breaker, at(23)));
    assert_eq!(breaker.state(at(23)), CircuitState::Closed);
    // Closed, it is as new.
    for _ in 0..3 {
        fail(&mut breaker, at(30));
    }
    assert_eq!(breaker.probe_at(), Some(at(34)));
}

#[test]
fn what_began_before_tells_nothing() {
    let zero = Instant::now();
    let later = zero + Duration::from_secs(60);
    let mut breaker = Breaker::new(policy());
    let early: Vec<Ticket> = (0..4).map(|_| breaker.admit(zero).unwrap()).collect();
    for _ in 0..3 {
        fail(&mut breaker, zero);
    }
    let probe = breaker.admit(later).unwrap();
    for (ticket, how) in
        early
            .into_iter()
            .zip([Ended::Answered, Ended::Failed, Ended::Unknown, Ended::Failed])
    {
        assert!(!breaker.ended(ticket, how, later, 1.0));
        assert_eq!(breaker.state(later), CircuitState::HalfOpen);
        assert!(breaker.admit(later).is_err(), "the probe keeps its place");
    }
    assert!(breaker.ended(probe, Ended::Answered, later, 1.0));
}

#[derive(Clone, Debug)]
enum Op {
    Wait(u64),
    Ask,
    End(usize, u8),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0..5000_u64).prop_map(Op::Wait),
        Just(Op::Ask),
        (any::<usize>(), 0..3_u8).prop_map(|(which, how)| Op::End(which, how)),
    ];
    prop::collection::vec(op, 1..300)
}

proptest! {
    /// Whatever happens in whatever order: an open circuit lets nothing through before its time, a half open one at most
    /// its probes, only failures open it, only answers close it, it never stays open for longer than the longest time, and
    /// once all requests have ended it lets one through after that time.
    #[test]
    fn it_keeps_its_promises(ops in ops(), probes in 1..4_u32) {
        let policy = BreakerPolicy { probes, ..policy() };
        let mut breaker = Breaker::new(policy.clone());
        let mut now = Instant::now();
        let mut under_way: Vec<(Ticket, CircuitState)> = Vec::new();
        for op in ops {
            let before = breaker.state(now);
            match op {
                Op::Wait(millis) => {
                    now += Duration::from_millis(millis);
                    let after = breaker.state(now);
                    prop_assert!(after == before || (before, after) == (CircuitState::Open, CircuitState::HalfOpen));
                }
                Op::Ask => match breaker.admit(now) {
                    Ok(ticket) => {
                        prop_assert_ne!(before, CircuitState::Open);
                        under_way.push((ticket, before));
                        let probing = under_way.iter().filter(|(ticket, _)| ticket.period == breaker.period).count();
                        prop_assert!(before == CircuitState::Closed || probing <= probes as usize);
                    }
                    Err(wait) => {
                        prop_assert_ne!(before, CircuitState::Closed);
                        prop_assert!(wait <= policy.max_open);
                    }
                },
                Op::End(which, how) if !under_way.is_empty() => {
                    let (ticket, _) = under_way.swap_remove(which % under_way.len());
                    let how = [Ended::Answered, Ended::Failed, Ended::Unknown][usize::from(how)];
                    let changed = breaker.ended(ticket, how, now, 1.0);
                    let after = breaker.state(now);
                    prop_assert!(changed || before == after);
                    prop_assert!(after != CircuitState::Open || before == after || how == Ended::Failed);
                    prop_assert!(after != CircuitState::Closed || before == after || how == Ended::Answered);
                }
                Op::End(..) => {}
            }
            prop_assert!(breaker.probe_at().is_none_or(|at| at <= now + policy.max_open));
        }
        for (ticket, _) in under_way {
            breaker.ended(ticket, Ended::Unknown, now, 1.0);
        }
        prop_assert!(breaker.admit(now + policy.max_open).is_ok());
    }
}
