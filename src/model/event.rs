//! What the line tells whoever watches it. The core emits, the edge presents.

use std::sync::Arc;

use super::VerdictKind;

/// A station of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Station {
    /// Metadata and the published file.
    Registry,
    /// Finding and checking out the source.
    Source,
    /// Inferring how to rebuild.
    Plan,
    /// The container run, prepare phase.
    Prepare,
    /// The container run, build phase.
    Build,
    /// Holding the two files against each other.
    Compare,
    /// Writing the signed statement.
    Attest,
}

impl Station {
    /// Every station in the order of the line.
    pub const ALL: [Self; 7] = [
        Self::Registry,
        Self::Source,
        Self::Plan,
        Self::Prepare,
        Self::Build,
        Self::Compare,
        Self::Attest,
    ];

    /// One word for a progress bar.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Source => "source",
            Self::Plan => "plan",
            Self::Prepare => "prepare",
            Self::Build => "build",
            Self::Compare => "compare",
            Self::Attest => "attest",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// An artifact entered a station.
    Entered {
        /// The artifact's file name, or the package URL before one is chosen.
        subject: String,
        /// Which station.
        station: Station,
    },
    /// An artifact has its verdict.
    Finished {
        /// The artifact's file name.
        subject: String,
        /// The verdict's name.
        verdict: VerdictKind,
    },
    /// A person should know, and nothing stops.
    Notice(String),
}

/// Takes events. Cheap to clone.
#[derive(Clone)]
pub struct EventSink(Arc<dyn Fn(Event) + Send + Sync>);

impl EventSink {
    /// Sends every event to `consumer`, which must not block.
    pub fn new(consumer: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(consumer))
    }

    /// Drops every event.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Sends one event.
    pub fn emit(&self, event: Event) {
        (self.0)(event);
    }
}

impl std::fmt::Debug for EventSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventSink")
    }
}
