//! The vocabulary that every other room speaks.
//!
//! Plain data with the rules that make wrong values impossible to hold. It
//! imports nothing of this project and it never touches a disk, a network or a
//! clock: whoever needs one of those is a room above.

mod artifact;
mod cause;
mod comparison;
mod config;
mod digest;
mod event;
mod learnt;
mod plan;
mod provenance;
mod purl;
mod rebuild;
mod record;
mod replayed;
mod sdist;
mod source;
mod text;
mod toolchain;
mod verdict;

pub use artifact::{Artifact, ArtifactKind, FetchedArtifact, PublishedAt, Release, TimeSource};
pub use cause::Cause;
pub use comparison::{
    CauseCount, Comparison, Difference, DifferenceKind, Differs, Equivalence, NESTED,
    Normalization, Severity,
};
pub use config::{
    BucketAddress, BucketConfig, BuilderConfig, BuilderFormat, CommandConfig, Config, ConfigError,
    CredentialConfig, DatabaseConfig, DiskConfig, FarmConfig, FarmLimits, LogConfig,
    ProvenanceConfig, RegistryConfig, ScheduleConfig, SigningConfig, SourceConfig, StoreConfig,
    TokenConfig, ToolchainConfig, TryLimits, WorkerConfig,
};
pub use digest::{Digest, DigestError, Sha256Digest, Sha512Digest};
pub use event::{Event, EventSink, Station};
pub use learnt::Learnt;
pub use plan::{
    CrlfCheckout, DatedBy, Input, InputOrigin, Limits, Network, PackingSystem, Plan, PlanSource,
    RELAY_PORT, Recipe, RecipeError, RecoveredFact, Step, WORK_DIR, Yanked,
};
pub use provenance::{Provenance, ProvenanceFindings};
pub use purl::{Ecosystem, PackageName, Purl, PurlError, Version};
pub use rebuild::{PhaseName, PhaseReport, Rebuild, RebuiltFile, ServedFile};
pub use record::{ArtifactSummary, Attempt, Batch, Distance, LeftOut, ResultRecord};
pub use replayed::{Compressor, DeflateFamily, ReplayedFact};
pub use sdist::{CommitLink, HeldFiles, Packer, PackerCount, SdistLink, StrayFile, Strays};
pub use source::{
    BlobId, CommitId, CommitIdError, Evidence, EvidenceKind, GitSource, RepositoryHint,
    SdistSource, Source, SourceHints,
};
pub use text::{printable, printable_json, root_cause, steers};
pub use toolchain::{NotAToolchain, Tool, Toolchain};
pub use verdict::{BuildFailure, BuildStage, Verdict, VerdictKind};
