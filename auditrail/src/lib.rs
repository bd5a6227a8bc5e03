//! auditrail.
