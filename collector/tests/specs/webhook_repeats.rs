//! What is posted again is taken once.

use crate::next::{Next, busy};
use crate::poster::{accounted, arrived, bodies, filtered, item, line, list, poster, posting};

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
