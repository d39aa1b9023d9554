//! The container run on a real engine: what a build can reach, what it can use
//! up, what comes out of it, and what is left of it afterwards.

mod cleanup;
mod confinement;
mod images;
mod limits;
mod output;
mod reach;
mod support;
