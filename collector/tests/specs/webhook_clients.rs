//! Who may post, and how long they may take.

use std::time::Duration;

use chassis::Span;
use collector::Webhook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::next::Next;
use crate::poster::{Authority, Poster, address, arrived, https, item, line, list};
use crate::world::World;

/// A webhook without TLS, for clients that speak byte by byte.
fn plain(world: &mut World) {
    world.config.logs.clear();
    world.config.webhook = Some(Webhook::insecure("127.0.0.1:0".parse().unwrap()));
}

/// The head of a request that asks whether it may send its body.
fn head(bytes: usize) -> String {
    format!(
        "POST /audit?timeout=30s HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\nExpect: 100-continue\r\n\r\n"
    )
}

/// Begins a request; its head has arrived when this returns.
async fn begin(address: std::net::SocketAddr, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head(bytes).as_bytes()).await.unwrap();
    let asked = "HTTP/1.1 100 Continue\r\n\r\n";
    let mut answer = vec![0; asked.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, asked.as_bytes());
    stream
}

/// All that comes until the connection ends.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut text)).await;
    read.expect("the connection ends").unwrap();
    String::from_utf8(text).unwrap()
}

/// Waits until a connection ends, in whatever way, without a word.
async fn ended(mut stream: TcpStream) {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut text)).await;
    let _either = read.expect("the connection ends");
    assert!(text.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_clients_with_a_certificate_of_the_right_authority_may_post() {
    let (server, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let mut world = World::new(Next::takes_all());
    https(&mut world, &server, Some(&clients));
    let running = world.run().await;
    for identity in [None, Some(&others), Some(&server)] {
        let poster = Poster::to(&running, server.client(identity)).await;
        assert!(poster.post(list(&[item(1)])).await.is_err());
    }
    let poster = Poster::to(&running, server.client(Some(&clients))).await;
    poster.taken(list(&[item(2)])).await;
    world.next.until_count(1).await;
    assert_eq!(running.source().read.unwrap().events, 1);
    let says = |problem: &String| problem.starts_with("3 handshakes") && problem.contains("certificates");
    running.until("who was refused", |status| status.problems.iter().any(says)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_change_are_used_and_broken_ones_leave_those_from_before() {
    let (old, new) = (Authority::new(), Authority::new());
    let mut world = World::new(Next::takes_all());
    let files = https(&mut world, &old, None);
    let running = world.run().await;
    let before = Poster::to(&running, old.client(None)).await;
    before.taken(list(&[item(1)])).await;
    files.write(&new);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let after = Poster::to(&running, new.client(None)).await; // a handshake of its own
        match after.post(list(&[item(2)])).await {
            Ok(response) => break assert_eq!(response.status(), 200),
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "never used: {error}"),
        }
    }
    before.taken(list(&[item(3)])).await; // on its old connection
    files.spoil();
    loop {
        Poster::to(&running, new.client(None)).await.taken(list(&[item(4)])).await;
        let problems = running.collector.status().problems;
        if problems
            .iter()
            .any(|problem| problem.contains("certificates from before") && problem.contains("cert_file"))
        {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "never said; it says {problems:?}");
    }
    files.write(&new);
    loop {
        Poster::to(&running, new.client(None)).await.taken(list(&[item(4)])).await;
        let problems = running.collector.status().problems;
        if !problems.iter().any(|problem| problem.contains("certificates from before")) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "never good again");
    }
    world.next.until_count(4).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_no_good_at_the_start_end_the_run_and_are_named() {
    let mut world = World::new(Next::takes_all());
    let files = https(&mut world, &Authority::new(), None);
    let run =
        async |world: &World| world.open().await.run(chassis::Stop::new()).await.unwrap_err().to_string();
    files.spoil();
    let why = run(&world).await;
    assert!(why.contains("webhook.tls.cert_file") && why.contains("BEGIN CERTIFICATE"), "{why}");
    files.write(&Authority::new());
    let tls = world.config.webhook.as_mut().unwrap().tls.as_mut().unwrap();
    tls.key_file = tls.key_file.with_file_name("nowhere.key");
    let why = run(&world).await;
    assert!(why.contains("webhook.tls.key_file") && why.contains("nowhere.key"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_finish_its_body_is_told_so_and_cut() {
    let mut world = World::new(Next::takes_all());
    plain(&mut world);
    world.config.webhook.as_mut().unwrap().timeout = Span::secs(1);
    let running = world.run().await;
    let address = address(&running).await;
    let body = list(&[item(1)]);
    let mut slow = begin(address, body.len()).await;
    slow.write_all(&body.as_bytes()[..10]).await.unwrap();
    let answer = rest(slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("collector.webhook.timeout"), "{answer}");
    assert_eq!(running.source().read.unwrap().events, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_leaves_nothing_behind() {
    let mut world = World::new(Next::takes_all());
    plain(&mut world);
    let running = world.run().await;
    let address = address(&running).await;
    let body = list(&[item(1)]);
    let mut broken = begin(address, body.len()).await;
    broken.write_all(&body.as_bytes()[..body.len() - 1]).await.unwrap();
    broken.shutdown().await.unwrap();
    rest(broken).await;
    let mut whole = begin(address, body.len()).await;
    whole.write_all(body.as_bytes()).await.unwrap();
    world.next.until_count(1).await;
    running.stop().await;
    assert!(rest(whole).await.ends_with("taken\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_begun_before_a_stop_is_answered_and_nothing_new_is_accepted() {
    let mut world = World::new(Next::takes_all());
    plain(&mut world);
    let running = world.run().await;
    let address = address(&running).await;
    let body = list(&[item(1)]);
    let mut begun = begin(address, body.len()).await;
    let silent = TcpStream::connect(address).await.unwrap();
    let stopping = tokio::spawn(running.stop());
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(60), refused).await.expect("connections are refused");
    begun.write_all(body.as_bytes()).await.unwrap();
    let answer = rest(begun).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    ended(silent).await;
    stopping.await.unwrap();
    world.catch_up(1).await;
    assert_eq!(arrived(&world), [line(&item(1)).into_bytes()]);
}
