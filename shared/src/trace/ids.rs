//! Ids of traces that follow from what they are about.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use crate::ids::{FileId, IndexId};

/// The trace of one version of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionTrace {
    pub(super) trace: TraceId,
    /// The span in which the ledger took the version over: the parent of whatever has no nearer one.
    pub(super) root: SpanId,
}

impl VersionTrace {
    /// The trace of the version that `seq`, a `desired_seq`, stands for. All builds must agree on it.
    #[must_use]
    pub fn of(index: &IndexId, file_id: FileId, seq: i64) -> Self {
        let hash = blake3::hash(format!("longshore trace 1\n{index}\n{file_id}\n{seq}").as_bytes());
        let (mut trace, mut root) = ([0; 16], [0; 8]);
        trace.copy_from_slice(&hash.as_bytes()[..16]);
        root.copy_from_slice(&hash.as_bytes()[16..24]);
        // Zero is no id.
        Self {
            trace: TraceId::from(u128::from_be_bytes(trace).max(1)),
            root: SpanId::from(u64::from_be_bytes(root).max(1)),
        }
    }

    /// The trace's id as people look it up: 32 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        self.trace.to_string()
    }

    /// The root span as somebody else's. Whether it was sampled is left to whoever decides by the trace's id.
    #[must_use]
    pub fn parent(&self) -> SpanContext {
        SpanContext::new(
            self.trace,
            self.root,
            TraceFlags::NOT_SAMPLED,
            true,
            TraceState::NONE,
        )
    }

    /// The nearest parent: the sender's span where it is one of this trace, or else the root.
    #[must_use]
    pub fn parent_near(&self, sender: Option<&SpanContext>) -> SpanContext {
        match sender {
            Some(sender) if sender.trace_id() == self.trace => sender.clone(),
            _ => self.parent(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::blob_path::BlobPath;

    fn of(index: &str, path: &str, seq: i64) -> VersionTrace {
        let index = IndexId::new(index).unwrap();
        let file = FileId::of(&index, &BlobPath::new(path).unwrap());
        VersionTrace::of(&index, file, seq)
    }

    #[test]
    fn is_the_same_in_every_build() {
        let trace = of("docs", "a/b.md", 7);
        assert_eq!(trace.id(), "2b1f358fcea90fb2205101fe5de99ed7");
        assert_eq!(trace.root.to_string(), "63da83a9a9fd213c");
    }

    #[test]
    fn the_senders_span_counts_only_within_the_trace() {
        let (trace, other) = (of("docs", "a", 1), of("docs", "a", 2));
        let near = SpanContext::new(
            trace.trace,
            SpanId::from(9),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        );
        assert_eq!(trace.parent_near(Some(&near)), near);
        assert_eq!(other.parent_near(Some(&near)), other.parent());
        assert_eq!(other.parent_near(None), other.parent());
    }

    proptest! {
        #[test]
        fn each_version_has_its_own(one in (0_u8..3, 0_u8..3, -3_i64..3), other in (0_u8..3, 0_u8..3, -3_i64..3)) {
            let make = |(index, path, seq): (u8, u8, i64)| of(&format!("i{index}"), &format!("f{path}"), seq);
            let (a, b) = (make(one), make(other));
            prop_assert_eq!(one == other, a.trace == b.trace);
            prop_assert_eq!(one == other, a.root == b.root);
            prop_assert!(a.parent().is_valid());
            prop_assert_eq!(a.id().len(), 32);
        }
    }
}
