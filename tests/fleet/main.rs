//! Fleets of processes with their backends: PostgreSQL, RabbitMQ, Azurite, a vector server and a model.

mod bad_input;
mod command_line;
mod generations;
mod index_settings;
mod outages;
mod survival;
mod tracing;
mod up_on_servers;
