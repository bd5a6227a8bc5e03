//! The services, started as the manifests of `try` say, but for addresses and the roots of their paths.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use tests::apiserver::ApiServer;
use tests::eventually::eventually;
use tests::fixture::{slices, small};
use tests::lake::raw_lines;
use tests::port::free_port;
use tests::process::Process;

use crate::manifests::laid_out::LaidOut;
use crate::manifests::rendered::{Rendered, Workload, text};

/// The services from the end of the way to its beginning.
const SERVICES: [&str; 4] = ["shipper", "router", "collector", "insight"];

/// What a node and the cluster's network are to the pods.
struct Node {
    directory: tempfile::TempDir,
    /// What stands in the manifests, and what stands for it here.
    instead: Vec<(String, String)>,
}

impl Node {
    fn new() -> Node {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path().display().to_string();
        let roots = ["/var/lib/auditrail", "/var/cache/auditrail", "/var/log/kubernetes"];
        let mut instead: Vec<_> = roots.map(|root| (root.to_owned(), format!("{here}{root}"))).into();
        for port in [7101, 7102, 7103, 7104, 8080, 9101, 9102, 9103] {
            let (host, free) = ("127.0.0.1", free_port());
            for name in ["0.0.0.0", "127.0.0.1", "router.audit", "shipper.audit"] {
                instead.push((format!("{name}:{port}"), format!("{host}:{free}")));
            }
        }
        Node { directory, instead }
    }

    fn here(&self, text: &str) -> String {
        self.instead.iter().fold(text.to_owned(), |text, (there, here)| text.replace(there, here))
    }

    fn logs(&self) -> PathBuf {
        self.directory.path().join("var/log/kubernetes/apiserver")
    }

    fn start(&self, workload: &Workload) -> (LaidOut, Process) {
        let laid_out = LaidOut::of(workload);
        for (path, _) in workload.files() {
            let path = laid_out.path(&path);
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(path, self.here(&text)).unwrap();
        }
        let words = self.directory.path().join(&workload.name);
        let process = Process::start(laid_out.command(), &words);
        (laid_out, process)
    }

    /// Asks as a kubelet does.
    fn probe(&self, workload: &Workload, probe: &str) -> Result<(), String> {
        let section = &workload.configuration[&workload.name];
        let path = text(&workload.container()[probe]["httpGet"], "/path");
        get(&self.here(&text(section, "/http_listen")), &path)
    }
}

fn get(address: &str, path: &str) -> Result<(), String> {
    let mut stream = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer) }
}

fn in_lake(directory: &Path) -> usize {
    if directory.is_dir() { raw_lines(directory).len() } else { 0 }
}

#[tokio::test]
async fn services_that_are_started_as_the_manifests_say_take_a_log_to_the_lake_and_end_cleanly() {
    let node = Node::new();
    let rendered = Rendered::of("try");
    let lines = small();
    std::fs::create_dir_all(node.logs()).unwrap();
    ApiServer::in_directory(&node.logs()).write_all(slices(&lines));
    let mut running = Vec::new();
    for name in SERVICES {
        let workload = rendered.workload(name);
        let (files, process) = node.start(&workload);
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let what = format!("{name} answers its {probe}; {}", process.words());
            eventually(&what, async || node.probe(&workload, probe)).await;
        }
        running.push((name, files, process));
    }
    let lake = node.directory.path().join("var/lib/auditrail/lake");
    eventually("the whole log is in the lake", async || match in_lake(&lake) {
        count if count == lines.len() => Ok(()),
        count => Err(format!("{count} of {}", lines.len())),
    })
    .await;
    for (name, _files, process) in running {
        let status = process.stop();
        assert!(status.success(), "{name}: {status}");
    }
    assert_eq!(in_lake(&lake), lines.len());
}
