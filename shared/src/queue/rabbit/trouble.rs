//! Errors of the broker in words that say what to do.

use lapin::{Error, ErrorKind};

use super::super::QueueError;
use super::settings::Address;

/// Reply codes of AMQP 0-9-1 that are told apart.
pub(super) const ACCESS_REFUSED: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// The broker's reply code, when it was the broker that objected.
pub(super) fn reply_code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// An error with nothing to add.
pub(super) fn unavailable(error: &Error) -> QueueError {
    QueueError::Unavailable(match error.kind() {
        ErrorKind::ProtocolError(error) => format!("RabbitMQ says {}", error.get_message()),
        _ => format!("the connection to RabbitMQ failed: {error}"),
    })
}

/// Why there is no connection.
pub(super) fn on_connect(error: &Error, address: &Address) -> QueueError {
    let (user, vhost) = (address.user(), address.vhost());
    QueueError::Unavailable(match (error.kind(), reply_code(error)) {
        (_, Some(ACCESS_REFUSED)) => format!(
            "RabbitMQ at {address} does not let user {user:?} in: check the user and the password in the URL \
             (the user guest may connect from the broker's own machine only)"
        ),
        (_, Some(NOT_ALLOWED)) => format!(
            "RabbitMQ at {address} does not let user {user:?} use the vhost {vhost:?}: create it (rabbitmqctl \
             add_vhost) and give the user permissions on it (rabbitmqctl set_permissions), or correct the URL"
        ),
        (ErrorKind::IOError(error), _) if error.to_string().contains("certificate") => format!(
            "RabbitMQ at {address} shows a certificate that is not trusted: {error}; add the certificate of its authority \
             to the trusted ones (ca_pem), and use the host name that it was made for"
        ),
        (ErrorKind::IOError(error), _) => format!(
            "cannot reach RabbitMQ at {address}: {error}; check that it runs and that the URL has the right host, port \
             and scheme"
        ),
        _ => format!("cannot connect to RabbitMQ at {address}: {error}"),
    })
}

/// Why a queue or exchange could not be declared.
pub(super) fn on_declare(error: &Error, name: &str) -> QueueError {
    match (reply_code(error), error.kind()) {
        (Some(PRECONDITION_FAILED), ErrorKind::ProtocolError(said)) => QueueError::Unavailable(format!(
            "{name} exists in RabbitMQ with other arguments than these settings give it: give every service the same \
             settings, or delete it (rabbitmqctl delete_queue {name}; nothing is lost, the ledger wakes again what it \
             still owes) and it is made anew. RabbitMQ says {}",
            said.get_message()
        )),
        (Some(ACCESS_REFUSED), ErrorKind::ProtocolError(said)) => QueueError::Unavailable(format!(
            "the user may not use {name} in RabbitMQ: give it permission to configure, write and read names with this \
             prefix (rabbitmqctl set_permissions). RabbitMQ says {}",
            said.get_message()
        )),
        (Some(NOT_FOUND), _) => QueueError::Unavailable(format!(
            "{name} does not exist in RabbitMQ and the user may not make it: let an operator make it, or give the user \
             permission to configure names with this prefix"
        )),
        _ => unavailable(error),
    }
}

/// Why a queue that others make cannot be consumed.
pub(super) fn on_look(error: &Error, name: &str) -> QueueError {
    match reply_code(error) {
        Some(NOT_FOUND) => QueueError::Unavailable(format!(
            "the queue {name} does not exist in RabbitMQ: make it and bind it to where events are published, or correct \
             its name"
        )),
        Some(ACCESS_REFUSED) => QueueError::Unavailable(format!(
            "the user may not read the queue {name} in RabbitMQ: give it permission (rabbitmqctl set_permissions)"
        )),
        _ => unavailable(error),
    }
}
