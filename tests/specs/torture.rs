//! A log is rotated in every way that is known, at full speed, while the collector is stopped and killed at every
//! moment and the next stage is slow, refuses or is away: no line is lost, none changes, none comes twice but in a
//! batch that is known from before, and the order stays.
//!
//! `AUDITRAIL_TORTURE_SEED` repeats a run's plan, `AUDITRAIL_TORTURE_KILLS` says how often each way of rotation is
//! killed (`tests/torture.sh` does it more often than this).
#![cfg(unix)]

use tests::rotating::Rotation;

use crate::torture::run::{Plan, torture};

mod run;
mod verdict;

macro_rules! torture {
    ($($way:ident: $rotation:ident),+ $(,)?) => {$(
        mod $way {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn kills_lose_no_line_and_repeat_only_whole_batches_that_were_on_their_way() {
                torture(stringify!($way), Plan::with_kills(Rotation::$rotation)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn stops_lose_no_line_and_repeat_none() {
                torture(stringify!($way), Plan::with_stops_only(Rotation::$rotation)).await;
            }
        }
    )+};
}

torture!(
    without_rotation: Never,
    rotated_by_lumberjack: Lumberjack,
    rotated_by_lumberjack_and_packed_by_gzip: LumberjackGzip,
    rotated_by_lumberjack_and_packed_by_zstd: LumberjackZstd,
    copied_and_truncated: CopyTruncate,
    copied_and_truncated_under_a_writer_that_keeps_its_offset: CopyTruncateHole,
    renamed_by_logrotate: Logrotate,
    removed_and_created_anew: DeleteRecreate,
);
