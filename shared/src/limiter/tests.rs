use futures::FutureExt;
use futures::future::join_all;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);
const SLOW: Duration = Duration::from_secs(5);

fn limiter(max: usize) -> Arc<Limiter> {
    Limiter::new(max, PATIENCE, SLOW)
}

async fn after(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn places_are_bounded_and_come_back() {
    let limiter = limiter(2);
    let first = limiter.place().await.unwrap();
    let second = limiter.place().await.unwrap();
    assert!(limiter.place().now_or_never().is_none(), "both places are taken");
    drop(first);
    let third = limiter.place().now_or_never().unwrap().unwrap();
    assert!(limiter.place().now_or_never().is_none());
    second.succeeded();
    third.overloaded(None);
    assert!(limiter.place().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn overload_halves_and_success_restores() {
    let limiter = limiter(8);
    let round = join_all((0..8).map(|_| limiter.place())).await;
    after(1).await;
    for place in round {
        place.unwrap().overloaded(None);
    }
    assert_eq!(limiter.limit(), 4, "one round is one overload");
    after(1).await;
    for _ in 0..40 {
        let places = join_all((0..limiter.limit()).map(|_| limiter.place())).await;
        for place in places {
            place.unwrap().succeeded();
        }
    }
    assert_eq!(limiter.limit(), 8);
}

#[tokio::test(start_paused = true)]
async fn slow_answers_are_overload() {
    let limiter = limiter(8);
    let place = limiter.place().await.unwrap();
    after(6).await;
    place.succeeded();
    assert_eq!(limiter.limit(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_requested_pause_holds_everybody_back() {
    let limiter = limiter(4);
    limiter
        .place()
        .await
        .unwrap()
        .overloaded(Some(Duration::from_secs(3)));
    let asked_at = Instant::now();
    let _place = limiter.place().await.unwrap();
    assert_eq!(asked_at.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_dead_service_fails_everybody_after_one_patience() {
    let limiter = limiter(1);
    let _stuck = limiter.place().await.unwrap();
    let asked_at = Instant::now();
    let answers = join_all((0..50).map(|_| limiter.place())).await;
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(asked_at.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn waiting_goes_on_while_others_succeed() {
    let limiter = limiter(1);
    let serve = async || {
        let place = limiter.place().await?;
        after(4).await;
        place.succeeded();
        Ok::<_, Stalled>(())
    };
    let asked_at = Instant::now();
    let answers = join_all((0..10).map(|_| serve())).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(asked_at.elapsed(), Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_waiting_leaves_no_trace() {
    let limiter = limiter(1);
    let stuck = limiter.place().await.unwrap();
    let gone = tokio::time::timeout(Duration::from_secs(1), limiter.place()).await;
    assert!(gone.is_err());
    drop(stuck);
    assert!(limiter.place().now_or_never().is_some());
}
