//! What has been reported of another agent (the Datadog Agent, by the numbers of its issues) and must not happen here:
//! each as a spec that drives a real collector between real files and a real next stage.
#![cfg(unix)]

use std::path::{Path, PathBuf};

use proto::v1::{ServiceStatus, SourceStatus};
use tests::apiserver::ApiServer;
use tests::lone_collector::LoneCollector;
use tests::next_stage::{NextStage, Record};
use tests::numbered::{Kind, Numbered};

mod endings;
mod offsets;
mod rotations;
mod state;

/// A collector between an API server and a next stage.
struct World {
    directory: tempfile::TempDir,
    lines: Numbered,
    next: NextStage,
    collector: LoneCollector,
    server: ApiServer,
    /// The number of the last line that was written.
    last: u64,
}

impl World {
    /// All is there and the stage takes everything; the collector does not run yet.
    async fn new(in_flight: usize) -> World {
        let directory = tempfile::tempdir().unwrap();
        let lines = Numbered::new(51505);
        let mut next = NextStage::new(lines, 1);
        next.open().await;
        let settings = format!(
            "  max_line_size: 3MiB\n  chunk_size: 16KiB\n  poll_interval: 50ms\n  in_flight: {in_flight}\n"
        );
        let collector = LoneCollector::new(directory.path(), &next.address(), "64MiB", &settings);
        let server = ApiServer::in_directory(&collector.logs());
        World { directory, lines, next, collector, server, last: 0 }
    }

    /// Writes the next lines, some of them blank and some junk.
    fn write(&mut self, count: u64) {
        for _ in 0..count {
            self.last += 1;
            self.server.write(&self.lines.line(self.last));
        }
    }

    /// Counts a line that was written otherwise and is no event.
    fn wrote_another(&mut self) {
        self.last += 1;
        self.next.taking().leaves_out(self.last);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.collector.logs().join(name)
    }

    /// Waits until all lines that were written came, and the collector has nothing to do.
    async fn settled(&mut self) -> SourceStatus {
        self.all_came().await;
        self.idle().await
    }

    /// Waits until all events that were written came.
    async fn all_came(&self) {
        let last = (1..=self.last).rev().find(|&line| self.lines.kind(line) == Kind::Event);
        self.next.taking().until(last.unwrap_or(0)).await;
    }

    /// Waits until so many lines at the most did not come.
    async fn some_came(&self, missing: u64) {
        self.next.taking().until(self.last - missing).await;
    }

    /// Waits until the collector read everything and has every receipt.
    async fn idle(&mut self) -> SourceStatus {
        let last = self.last;
        let status = self
            .collector
            .until("all is read and has its receipt", |status| {
                status.queue.as_ref().is_some_and(|queue| queue.records == 0)
                    && source(status).is_some_and(|source| {
                        source.last >= last && source.queued.is_some_and(|queued| queued.events == 0)
                    })
            })
            .await;
        source(&status).unwrap().clone()
    }

    /// Stops and starts it.
    fn restart(&mut self) {
        self.collector.stop();
        self.collector.start();
    }

    /// Fails unless each line came once, as it was written, and with the number of its place.
    fn assert_each_once(&self) -> Record {
        let record = self.assert_none_lost();
        let repeated: Vec<_> = record.batches.iter().filter(|(_, taken)| taken.times > 1).collect();
        assert!(repeated.is_empty(), "came again: {repeated:?}");
        record
    }

    /// Fails unless each line came, as it was written, and with the number of its place; whole batches may have come
    /// again.
    fn assert_none_lost(&self) -> Record {
        let record = self.next.taking().record();
        assert_eq!(record.wrong, [""; 0]);
        let is_event = |line| self.lines.kind(line) == Kind::Event && !record.left_out.contains(&line);
        let lost = (1..=self.last).filter(|&line| is_event(line) && record.number(line) != line);
        let lost: Vec<_> = lost.map(|line| (line, record.number(line))).collect();
        assert!(lost.is_empty(), "lost, or with another number: {lost:?}");
        record
    }
}

fn source(status: &ServiceStatus) -> Option<&SourceStatus> {
    status.sources.first()
}

/// Every file below a directory.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}
