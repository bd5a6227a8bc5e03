//! Who may read what is kept on disk: audit events are for their owner, whatever the umask.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::fixture::{slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};

in_both_layouts!(what_queue_and_spools_keep_only_its_owner_may_read);

async fn what_queue_and_spools_keep_only_its_owner_may_read(layout: Layout) {
    let intake = Intake::start(Mood::Refuse(400)).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let mut lines = superset();
    lines.truncate(40);
    lines.push(b"no event".to_vec());
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));
    cluster.settled(lines.len()).await;
    let quarantined = std::fs::read_dir(cluster.directory().join("collector/quarantine")).unwrap().count();
    assert!(quarantined > 0, "a line that is no event lies there");

    let mut kept = Vec::new();
    for place in ["collector", "shipper"] {
        let place = cluster.directory().join(place);
        assert!(place.is_dir(), "{}", place.display());
        open_files(&place, is_open(&place), &mut kept);
    }
    assert_eq!(kept, Vec::<String>::new(), "anybody may read these");
}

fn is_open(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// Files that others may read, where they may come to them; empty ones tell nothing.
fn open_files(directory: &Path, way_is_open: bool, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let open = way_is_open && is_open(&path);
        if path.is_dir() {
            open_files(&path, open, found);
        } else if open && std::fs::metadata(&path).is_ok_and(|found| found.len() > 0) {
            found.push(path.display().to_string());
        }
    }
}
