//! What is posted is taken as a whole, once, and accounted for.

use std::io::Write;

use chassis::ByteSize;
use proto::v1::SourceStatus;

use crate::next::{Next, busy};
use crate::poster::{Authority, Poster, address, arrived, bodies, https, item, line, lines, list};
use crate::world::{Running, SMALL, World, event, events};

/// A world with a webhook, and a client that it knows.
async fn posting(next: Next) -> (World, reqwest::Client) {
    let (mut world, authority) = (World::new(next), Authority::new());
    https(&mut world, &authority, None);
    (world, authority.client(None))
}

async fn poster(running: &Running, client: &reqwest::Client) -> Poster {
    Poster::to(running, client.clone()).await
}

fn filtered(source: &SourceStatus) -> (&str, u64) {
    let filtered = &source.filtered[0];
    (&filtered.name, filtered.count.unwrap().events)
}

/// Everything that was read has one end.
fn accounted(source: &SourceStatus, handed_on: u64) {
    let ended =
        source.filtered.iter().chain(&source.dead).map(|named| named.count.unwrap().events).sum::<u64>();
    let queued = source.queued.unwrap().events;
    assert_eq!(source.read.unwrap().events, ended + queued + handed_on, "{source:#?}");
    assert_eq!(source.last, source.read.unwrap().events);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_item_of_real_bodies_arrives_as_the_line_of_the_log_backend() {
    for chunk in [ByteSize::mib(1), SMALL] {
        let (mut world, client) = posting(Next::takes_all()).await;
        world.config.chunk_size = chunk;
        let running = world.run().await;
        let poster = poster(&running, &client).await;
        for body in bodies() {
            assert_eq!(poster.taken(body).await, "taken\n");
        }
        world.next.until_count(lines().len() as u64).await;
        let status = running.until_empty().await;
        assert_eq!(status.problems, [""; 0]);
        let source = running.source();
        accounted(&source, lines().len() as u64);
        assert_eq!(source.origin.as_ref().unwrap().path, "webhook:/audit");
        assert_eq!(source.origin.as_ref().unwrap().source, "kubernetes.audit");
        running.stop().await;
        assert!(arrived(&world) == lines());
        let mut batches = world.next.batches();
        batches.sort_by_key(|batch| batch.first);
        assert_eq!(batches.first().unwrap().first, 1);
        assert!(batches.windows(2).all(|pair| pair[0].last + 1 == pair[1].first));
        let mut before = 0;
        for batch in batches {
            assert_eq!(batch.events_before, before);
            before += u64::from(batch.events);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_with_200_is_there_after_a_kill_and_keeps_its_numbers() {
    let (world, client) = posting(Next::answers(busy)).await;
    for body in bodies() {
        let running = world.run().await;
        poster(&running, &client).await.taken(body).await;
        running.kill().await;
    }
    world.next.answers_now(|_| Ok(()));
    let running = world.run().await;
    world.next.until_count(lines().len() as u64).await;
    running.until_empty().await;
    running.stop().await;
    assert!(arrived(&world) == lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_posted_at_the_same_time_all_arrive_each_as_a_run_of_lines() {
    let (world, client) = posting(Next::takes_all()).await;
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    let posts = (0..40).map(|body| {
        let poster = poster.clone();
        tokio::spawn(async move {
            poster.taken(list(&(0..5).map(|at| item(body * 5 + at)).collect::<Vec<_>>())).await
        })
    });
    for post in posts.collect::<Vec<_>>() {
        assert_eq!(post.await.unwrap(), "taken\n");
    }
    world.next.until_count(200).await;
    running.until_empty().await;
    running.stop().await;
    let arrived = arrived(&world);
    for body in arrived.chunks(5) {
        let first = (0..40).find(|first| body[0] == line(&item(first * 5)).as_bytes()).unwrap();
        let expected: Vec<_> = (0..5).map(|at| line(&item(first * 5 + at)).into_bytes()).collect();
        assert_eq!(body, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_posted_again_is_taken_once_and_counted_also_after_a_kill() {
    let (world, client) = posting(Next::takes_all()).await;
    let body = bodies().swap_remove(0);
    let running = world.run().await;
    let first = poster(&running, &client).await;
    assert_eq!(first.taken(body.clone()).await, "taken\n");
    assert_eq!(first.taken(body.clone()).await, "taken before\n");
    world.next.until("all", |next| next.count() > 0).await;
    let count = world.next.count();
    running.kill().await;
    let running = world.run().await;
    let second = poster(&running, &client).await;
    assert_eq!(second.taken(body).await, "taken before\n");
    assert_eq!(second.taken(list(&[item(1)])).await, "taken\n");
    world.next.until_count(count + 1).await;
    running.until_empty().await;
    let source = running.source();
    assert_eq!(filtered(&source), ("webhook repeat", 2 * count));
    accounted(&source, count + 1);
    running.stop().await;
    assert_eq!(arrived(&world).last().unwrap(), line(&item(1)).as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_whose_answer_never_came_is_recognised_when_it_comes_again() {
    let (world, client) = posting(Next::answers(busy)).await;
    let running = world.run().await;
    let unanswered = poster(&running, &client).await;
    let body = list(&[item(1), item(2)]);
    let post = tokio::spawn({
        let body = body.clone();
        async move { unanswered.post(body).await }
    });
    running.until("two lines queued", |status| status.queue.as_ref().unwrap().records > 0).await;
    post.abort();
    running.kill().await;
    world.next.answers_now(|_| Ok(()));
    let running = world.run().await;
    assert_eq!(poster(&running, &client).await.taken(body).await, "taken before\n");
    world.next.until_count(2).await;
    running.until_empty().await;
    accounted(&running.source(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_body_posted_many_times_at_once_is_taken_once() {
    let (world, client) = posting(Next::takes_all()).await;
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    let body = list(&(0..100).map(item).collect::<Vec<_>>());
    let posts = (0..8).map(|_| {
        tokio::spawn({
            let (poster, body) = (poster.clone(), body.clone());
            async move { poster.taken(body).await }
        })
    });
    let mut answers = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        answers.push(post.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| *answer == "taken\n").count(), 1);
    world.next.until_count(100).await;
    running.until_empty().await;
    assert_eq!(filtered(&running.source()), ("webhook repeat", 700));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_id_that_comes_again_with_other_content_is_another_event() {
    let (world, client) = posting(Next::takes_all()).await;
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    for stage in ["RequestReceived", "ResponseComplete"] {
        let item = format!("{{\"auditID\":\"x\",\"stage\":\"{stage}\"}}");
        assert_eq!(poster.taken(list(&[item])).await, "taken\n");
    }
    world.next.until_count(2).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_are_no_events_are_counted_and_stop_nothing() {
    let (mut world, client) = posting(Next::takes_all()).await;
    world.config.max_line_size = SMALL;
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 10));
    let items = [item(1), "null".into(), item(2), long, "[1]".into()];
    let running = world.run().await;
    let poster = poster(&running, &client).await;
    poster.taken(list(&items)).await;
    poster.taken(list(&[item(3)])).await;
    poster.taken(list(&[])).await;
    world.next.until_count(3).await;
    running.until_empty().await;
    let source = running.source();
    accounted(&source, 3);
    assert_eq!((source.dead[0].name.as_str(), source.dead[0].count.unwrap().events), ("quarantine", 3));
    running.stop().await;
    let numbers: Vec<u64> = world.next.lines_of(crate::poster::SOURCE.as_ref()).into_keys().collect();
    assert_eq!(numbers, [1, 3, 6]);
    let kept = std::fs::read_to_string(world.queue_dir().join("quarantine/quarantine.jsonl")).unwrap();
    let kept: Vec<serde_json::Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept.len(), 3);
    assert_eq!((kept[0]["line"].as_str(), kept[0]["number"].as_u64()), (Some("null"), Some(2)));
    assert_eq!(kept[0]["path"], "webhook:/audit");
}

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

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_the_webhook_are_read_beside_each_other_and_each_keeps_its_numbers() {
    let (mut world, client) = posting(Next::takes_all()).await;
    world.config.logs = vec![chassis::datadog::LogsEntry::audit_log(world.log())];
    for round in 0..3 {
        let running = world.run().await;
        let poster = poster(&running, &client).await;
        world.append(events(round * 10..round * 10 + 10));
        for number in 0..5 {
            poster.taken(list(&[item(round * 5 + number)])).await;
        }
        world.next.until_count(u64::from(round + 1) * 15).await;
        running.until_empty().await;
        let status = running.collector.status();
        assert_eq!(status.sources.len(), 2);
        assert_eq!(status.problems, [""; 0]);
        running.stop().await;
    }
    assert_eq!(world.next.text_of(&world.log()), (0..30).map(event).collect::<Vec<_>>());
    assert_eq!(arrived(&world), (0..15).map(|number| line(&item(number)).into_bytes()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_once_opens_no_webhook() {
    let (mut world, _) = posting(Next::takes_all()).await;
    world.config.logs = vec![chassis::datadog::LogsEntry::audit_log(world.log())];
    world.config.webhook.as_mut().unwrap().tls.as_mut().unwrap().cert_file = "/nowhere".into();
    world.append(events(0..3));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_ends_the_run_with_the_setting_that_names_it() {
    let (mut world, _) = posting(Next::takes_all()).await;
    let running = world.run().await;
    world.config.webhook.as_mut().unwrap().listen = address(&running).await;
    world.config.queue.dir = world.path("other");
    let collector = world.open().await;
    let error = collector.run(chassis::Stop::new()).await.unwrap_err();
    assert!(matches!(error, collector::RunError::Webhook(_)), "{error}");
    assert!(error.to_string().contains("collector.webhook.listen"), "{error}");
    running.stop().await;
}
