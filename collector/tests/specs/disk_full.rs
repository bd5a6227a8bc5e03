//! A disk that runs full under the queue: reading waits and says so, nothing is lost, and it goes on by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::next::{Next, busy};
use crate::world::{World, event};

/// A small file system of its own, where this machine lets one be made; unmounted when dropped.
struct Volume {
    dir: tempfile::TempDir,
}

impl Volume {
    fn new(mebibytes: u64) -> Result<Volume, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        std::fs::create_dir(dir.path().join("mounted")).map_err(|error| error.to_string())?;
        let volume = Volume { dir };
        let size = format!("size={mebibytes}m");
        let at = volume.path().display().to_string();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs", &at]).output();
        let mounted = mounted.map_err(|error| format!("no mount: {error}"))?;
        match mounted.status.success() {
            true => Ok(volume),
            false => Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned()),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("mounted")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Takes all room that is left.
fn fill_up(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 12, 1 << 8] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_holds_reading_is_said_loses_nothing_and_reading_goes_on_when_there_is_room() {
    let volume = match Volume::new(48) {
        Ok(volume) => volume,
        Err(why) => return println!("skipped: {why}"),
    };
    let mut world = World::new(Next::answers(busy));
    world.config.queue.dir = volume.path().join("queue");
    world.config.chunk_size = chassis::ByteSize::kib(64);
    let running = world.run().await;
    world.append(event(0) + "\n");
    running.until("the first line", |status| status.queue.as_ref().unwrap().records == 1).await;
    let filler = volume.path().join("other");
    fill_up(&filler);
    // lines that do not pack, and one that is none, whose place in quarantine needs room too
    let lines: Vec<String> = (1..6000).map(crate::world::noise).collect();
    world.append("garbage\n".to_owned() + &lines.join("\n") + "\n");
    let full = |problem: &String| problem.contains("room") || problem.contains("No space");
    let status = running.until("the disk", |status| status.problems.iter().any(full)).await;
    assert!(status.sources[0].last < 6001);
    world.next.answers_now(|_| Ok(()));
    std::fs::remove_file(filler).unwrap();
    world.next.until_count(6000).await;
    let status = running.until_empty().await;
    running.stop().await;
    let arrived = world.next.text_of(&world.log());
    assert!(arrived[0] == event(0) && arrived[1..] == lines);
    assert_eq!(world.next.count(), 6000);
    assert_eq!(status.sources[0].dead[0].count.unwrap().events, 1);
    assert_eq!(status.problems, [""; 0]);
}
