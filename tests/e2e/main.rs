//! The embedded mode and the command line, as processes: what people run, what they see, and what goes wrong around it.

mod budget;
mod circuit;
mod cli;
mod convert_command;
mod crash;
mod documents;
mod embedder_trouble;
mod embedding;
mod folder_trouble;
mod index_settings;
mod logs;
mod lossy_queue;
mod main_job;
mod mcp;
mod outside_converters;
mod search;
mod several_indexes;
mod suspended;
mod tokens;
mod tracing;
