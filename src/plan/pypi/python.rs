//! On which Python a wheel is built. Pure.

use jiff::Timestamp;

use super::requirements::are_before_python_3_12;

/// A Python that builds run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Python {
    pub(super) image: &'static str,
    pub(super) why: &'static str,
}

/// Today's Python.
pub(super) const CURRENT: Python = Python {
    image: "python",
    why: "a pure wheel seldom depends on the Python that builds it",
};

/// The last Python with distutils and pkgutil.ImpImporter, which the setuptools of
/// its time imports (What's New in Python 3.12, "Removed").
pub(super) const BEFORE_3_12: Python = Python {
    image: "python-3.11",
    why: "build backends of the time before Python 3.12 need what it took away",
};

/// When Python 3.12.0 came out: 2023-10-02.
pub(super) const PYTHON_3_12: i64 = 1_696_204_800;

/// The Pythons to build on with what these requirements ask for, the likelier first.
pub(super) fn pythons(published: Option<Timestamp>, requirements: &[String]) -> [Python; 2] {
    if published.is_some_and(|time| time.as_second() < PYTHON_3_12)
        || are_before_python_3_12(requirements)
    {
        [BEFORE_3_12, CURRENT]
    } else {
        [CURRENT, BEFORE_3_12]
    }
}
