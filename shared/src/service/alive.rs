//! Asks the process that runs beside this one, with the same settings, whether it is alive: for containers without a shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

/// Longest wait for the answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks for `/healthz` at the address that the process listens at, with TLS where it speaks that.
///
/// # Errors
/// When there is no answer, or another than that it is alive.
pub(super) async fn ask(listen: SocketAddr) -> Result<(), String> {
    if listen.port() == 0 {
        return Err("--listen takes any free port: which one cannot be known here".to_owned());
    }
    let address = reachable(listen);
    let client = Client::builder()
        .timeout(PATIENCE)
        .redirect(Policy::none())
        .no_proxy()
        // It is this machine, and its certificate is made out to the name that others know it by.
        .tls_danger_accept_invalid_certs(true)
        .build()
        .map_err(|error| error.to_string())?;
    let mut why = String::new();
    for scheme in ["http", "https"] {
        match client.get(format!("{scheme}://{address}/healthz")).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => why = format!("{address} answers {}", answer.status()),
            Err(error) if error.is_timeout() => return Err(format!("{address} does not answer in time")),
            Err(_) if why.is_empty() => why = format!("nothing answers at {address}"),
            Err(_) => {}
        }
    }
    Err(why)
}

/// Where the machine itself reaches who listens at all of its addresses.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus::Registry;
    use tokio::net::TcpListener;

    use super::super::health;
    use super::*;
    use crate::shutdown::Tasks;

    #[tokio::test]
    async fn who_listens_is_alive_and_who_does_not_is_not() {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = Tasks::new();
        // Not ready: that is no reason to be restarted.
        let ready: health::Ready = Arc::new(|| Box::pin(async { Err("no ledger".to_owned()) }));
        tasks.spawn(health::serve(listener, ready, Registry::new(), tasks.stopping()));
        assert_eq!(ask(address).await, Ok(()));
        assert!(tasks.drain(PATIENCE).await);
        let error = ask(address).await.unwrap_err();
        assert!(error.contains("nothing answers"), "{error}");
    }

    #[tokio::test]
    async fn who_answers_no_is_not_alive() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = Tasks::new();
        let stop = tasks.stopping();
        tasks.spawn(async move {
            axum::serve(listener, axum::Router::new())
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
        });
        let error = ask(address).await.unwrap_err();
        assert!(error.contains("404"), "{error}");
        assert!(tasks.drain(PATIENCE).await);
        assert!(ask(SocketAddr::from(([127, 0, 0, 1], 0))).await.is_err());
    }

    #[test]
    fn all_addresses_are_reached_at_one() {
        for (listen, expected) in [
            ("0.0.0.0:7700", "127.0.0.1:7700"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.1:2", "10.0.0.1:2"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
        }
    }
}
