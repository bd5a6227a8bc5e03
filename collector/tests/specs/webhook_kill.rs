//! The webhook's process is killed in the middle, again and again.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use crate::next::{Next, busy};
use crate::poster::{SOURCE, item, line, list};
use crate::world::World;

const BODIES: u32 = 120;
const ROUNDS: usize = 6;

/// A collector of its own, killed when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A collector, and where it listens.
fn start(config: &std::path::Path) -> (Process, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_collector"));
    command.arg("--config").arg(config).stdin(Stdio::null()).stderr(Stdio::piped());
    let ours = |name: &String| name.starts_with("AUDITRAIL_") || name.starts_with("DD_");
    for name in std::env::vars().map(|(name, _)| name).filter(ours) {
        command.env_remove(name);
    }
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = said.by_ref().map_while(Result::ok).find(|line| line.contains("webhook at http://"));
    let line = line.expect("the collector says where its webhook is");
    let url = line.split("webhook at ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    std::thread::spawn(move || said.for_each(drop)); // so that it never waits for us
    (Process(child), url)
}

/// Posts bodies as the API server does: each until it is answered with 200.
async fn post(next: Arc<Mutex<u32>>, url: watch::Receiver<String>, taken: watch::Sender<usize>) {
    let client =
        reqwest::Client::builder().tls_certs_only([]).timeout(Duration::from_secs(30)).build().unwrap();
    loop {
        let body = {
            let mut next = next.lock().await;
            *next += 1;
            *next - 1
        };
        if body >= BODIES {
            return;
        }
        let text = list(&[item(2 * body), item(2 * body + 1)]);
        loop {
            let to = url.borrow().clone();
            let answer = client.post(&to).body(text.clone()).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await; // dead at the moment
        }
        taken.send_modify(|count| *count += 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_process_loses_no_body_and_takes_none_twice() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut world = World::new(Next::answers(busy));
    world.config.logs.clear();
    let config = world.path("collector.yaml");
    let dir = serde_json::to_string(world.queue_dir().to_str().unwrap()).unwrap();
    let text = format!(
        "collector:\n  id: cp-1\n  listen: 127.0.0.1:0\n  http_listen: 127.0.0.1:0\n  next: http://127.0.0.1:9\n  queue: {{dir: {dir}}}\n  webhook: {{listen: '127.0.0.1:0', insecure: true}}\n"
    );
    std::fs::write(&config, text).unwrap();
    let (mut process, url) = start(&config);
    let (address, urls) = watch::channel(url);
    let (next, taken) = (Arc::new(Mutex::new(0)), watch::Sender::new(0));
    let mut count = taken.subscribe();
    let posters: Vec<_> =
        (0..4).map(|_| tokio::spawn(post(Arc::clone(&next), urls.clone(), taken.clone()))).collect();
    for round in 1..=ROUNDS {
        let enough = round * BODIES as usize / (ROUNDS + 1);
        let waited = tokio::time::timeout(Duration::from_secs(60), count.wait_for(|count| *count >= enough));
        drop(waited.await.expect("bodies are taken").unwrap());
        drop(process);
        let url;
        (process, url) = start(&config);
        address.send_replace(url);
    }
    for poster in posters {
        poster.await.unwrap();
    }
    drop(process);
    world.next.answers_now(|_| Ok(()));
    world.catch_up(u64::from(2 * BODIES)).await;
    let mut arrived = world.next.text_of(SOURCE.as_ref());
    let whole: Vec<_> = (0..BODIES).map(|body| [line(&item(2 * body)), line(&item(2 * body + 1))]).collect();
    assert!(arrived.chunks(2).all(|body| whole.iter().any(|whole| whole == body)), "a body is torn");
    let mut expected: Vec<String> = (0..2 * BODIES).map(|number| line(&item(number))).collect();
    arrived.sort_unstable();
    expected.sort_unstable();
    assert_eq!(arrived, expected);
}
