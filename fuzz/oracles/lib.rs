//! What must hold, whatever the bytes are: one file for each target.
//!
//! Promise: an oracle answers in another way than the code that it judges. The same files are modules of tests in
//! `audit` and `collector`, which run them over the seeds and over invented bytes, so that a stable compiler guards
//! them too; that is why they speak of each other as `super::`.

pub mod choices;
pub mod condition;
pub mod decide;
pub mod event_line;
pub mod event_list;
pub mod hidden;
pub mod lists;
pub mod lowered;
pub mod policy_text;
pub mod splice;
pub mod tree;
