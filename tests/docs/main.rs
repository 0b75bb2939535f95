//! What the documentation says is so: settings, and the commands of its quick start.

mod quick_start;
mod settings;
