//! What is not taken leaves nothing behind, and whoever posted it is told what to do.

use std::io::Write;

use chassis::ByteSize;

use crate::next::{Next, busy};
use crate::poster::{accounted, item, list, poster, posting};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_waits_outside_while_its_bad_items_cannot_be_kept() {
    let (world, client) = posting(Next::takes_all()).await;
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    let quarantine = world.queue_dir().join("quarantine");
    std::fs::remove_dir(&quarantine).unwrap();
    let body = list(&[item(1), "null".into()]);
    let refused = poster.post(body.clone()).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "5"));
    let says = |problem: &String| problem.contains("bodies are refused") && problem.contains("quarantine");
    running.until("why bodies are refused", |status| status.problems.iter().any(says)).await;
    assert_eq!(running.source().read.unwrap().events, 0);
    std::fs::create_dir(&quarantine).unwrap();
    assert_eq!(poster.taken(body).await, "taken\n");
    world.next.until_count(1).await;
    let status = running.until_empty().await;
    assert_eq!(status.problems, [""; 0]);
    accounted(&running.source(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_collector_is_drained_nothing_is_taken_and_the_same_is_taken_afterwards() {
    let (world, client) = posting(Next::takes_all()).await;
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    let drain: &dyn proto::Drain = &*running.collector;
    drain.close(true);
    let body = list(&[item(1)]);
    let refused = poster.post(body.clone()).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "5"));
    assert!(refused.text().await.unwrap().contains("paused by an operator"));
    drain.close(false);
    assert_eq!(poster.taken(body).await, "taken\n");
    world.next.until_count(1).await;
    running.until_empty().await;
    accounted(&running.source(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_takes_nothing_and_says_when_to_come_again() {
    let (mut world, client) = posting(Next::answers(busy)).await;
    (world.config.max_line_size, world.config.chunk_size) = (ByteSize::kib(64), ByteSize::kib(64));
    world.config.queue.max_size = ByteSize::mib(1);
    world.config.webhook.as_mut().unwrap().max_body_size = ByteSize::kib(256);
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    let mut random = 1_u64;
    let mut body = || {
        let noise = (0..4000).map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{random:016x}")
        });
        list(&[format!("{{\"a\":\"{}\"}}", noise.collect::<String>())])
    };
    let mut taken = 0;
    let refused = loop {
        let body = body();
        let response = poster.post(body.clone()).await.unwrap();
        if response.status() == 429 {
            assert_eq!(response.headers()["retry-after"], "5");
            assert!(response.text().await.unwrap().contains("queue is full"));
            break body;
        }
        assert_eq!(response.status(), 200);
        taken += 1;
        assert!(taken < 100, "the queue is never full");
    };
    let says = |status: &proto::v1::ServiceStatus| {
        status.problems.iter().any(|problem| problem.contains("bodies are refused"))
    };
    running.until("why bodies are refused", says).await;
    let source = running.source();
    assert_eq!((source.read.unwrap().events, source.queued.unwrap().events), (taken, taken));
    world.next.answers_now(|_| Ok(()));
    running.until_empty().await;
    assert_eq!(poster.taken(refused).await, "taken\n");
    world.next.until_count(taken + 1).await;
    let status = running.until_empty().await;
    assert!(!says(&status), "{:?}", status.problems);
    accounted(&running.source(), taken + 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_list_of_events_is_refused_with_why_and_nothing_of_it_is_read() {
    let (world, client) = posting(Next::takes_all()).await;
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    let old = list(&[item(1)]).replace("audit.k8s.io/v1", "audit.k8s.io/v1beta1");
    let cases = [
        ("".to_owned(), "no JSON at byte 0"),
        (list(&[item(1)]) + "x", "trailing characters"),
        (list(&["{\"a\":}".into()]), "no JSON at byte"),
        (item(1), "only an EventList is read"),
        (old, "only audit.k8s.io/v1 is read"),
    ];
    let count = cases.len();
    for (body, why) in cases {
        let response = poster.post(body).await.unwrap();
        assert_eq!(response.status(), 400);
        let text = response.text().await.unwrap();
        assert!(text.contains(why), "{text}");
    }
    let says = format!("{count} bodies that are no EventList");
    running.until(&says, |status| status.problems.iter().any(|problem| problem.contains(&says))).await;
    assert_eq!(running.source().read.unwrap().events, 0);
    poster.taken(list(&[item(1)])).await;
    world.next.until_count(1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_path_or_method_is_refused() {
    let (world, client) = posting(Next::takes_all()).await;
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    let mut elsewhere = poster.clone();
    elsewhere.url.push('/');
    let response = elsewhere.post(list(&[item(1)])).await.unwrap();
    assert_eq!(response.status(), 404);
    assert!(response.text().await.unwrap().contains("/audit"));
    let response = client.get(&poster.url).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, "POST"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_however_it_comes_and_gzip_is_read() {
    let (mut world, client) = posting(Next::takes_all()).await;
    let limit = ByteSize::kib(64);
    world.config.webhook.as_mut().unwrap().max_body_size = limit;
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    let with = |bytes: usize| {
        let frame = list(&["{\"a\":\"\"}".to_owned()]).len();
        list(&[format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - frame))])
    };
    let packed = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let gzip = |body: Vec<u8>| poster.request().header("content-encoding", "gzip").body(body).send();
    poster.taken(with(limit.as_usize())).await;
    let (long, huge) = (with(limit.as_usize() + 1), with(50 * limit.as_usize()));
    let stream = |text: &str| {
        let parts: Vec<_> =
            text.as_bytes().chunks(999).map(|part| Ok::<_, std::io::Error>(part.to_vec())).collect();
        reqwest::Body::wrap_stream(futures_util::stream::iter(parts))
    };
    let answers = [
        poster.post(long.clone()).await.unwrap(),
        poster.post(stream(&long)).await.unwrap(),
        gzip(packed(&long)).await.unwrap(),
        gzip(packed(&huge)).await.unwrap(),
    ];
    for answer in answers {
        assert_eq!(answer.status(), 413);
        assert!(answer.text().await.unwrap().contains("--audit-webhook-truncate-enabled"));
    }
    let says = |status: &proto::v1::ServiceStatus| {
        status
            .problems
            .iter()
            .any(|problem| problem.contains("max_body_size") && problem.starts_with("4 bodies"))
    };
    running.until("why bodies are refused", says).await;
    assert_eq!(gzip(packed(&list(&[item(7)]))).await.unwrap().status(), 200);
    assert_eq!(gzip(b"no gzip".to_vec()).await.unwrap().status(), 400);
    let brotli = poster.request().header("content-encoding", "br").body("x").send().await.unwrap();
    assert_eq!(brotli.status(), 415);
    poster.taken(stream(&with(1000))).await;
    world.next.until_count(3).await;
    running.stop().await;
}
