//! What is posted is taken as a whole and accounted for.

use chassis::ByteSize;

use crate::next::{Next, busy};
use crate::poster::{accounted, address, arrived, bodies, item, line, lines, list, poster, posting};
use crate::world::{SMALL, event, events};

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
    world.catch_up(lines().len() as u64).await;
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
