//! The router as a service: gRPC in, HTTP beside it, an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;

use chassis::{ConfigError, Stop};
use proto::v1::{ElevateRequest, ReloadRequest, StatusRequest};
use proto::{Server, Stage, connect, connect_admin, connect_router};
use router::{Config, Route};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::given::{Shipper, SlowShipper, TOLD, batch, lines};

/// An address that was free a moment ago.
async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A router that serves between its address and this shipper.
struct Served {
    address: String,
    stop: Stop,
    ended: JoinHandle<anyhow::Result<()>>,
}

async fn served(shipper: Stage) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let next = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(
        Server::new(Arc::new(Default::default)).stage(shipper).run(listener, std::future::pending()),
    );
    let (listen, http_listen, stop) = (free().await, free().await, Stop::new());
    let routes = vec![Route::everything("all", ["lake"])];
    let config = Config { next, listen, http_listen, routes, ..Config::default() };
    let ended = tokio::spawn(router::serve(config, stop.clone()));
    // The service binds in its own task: until then nobody is there.
    while tokio::net::TcpStream::connect(http_listen).await.is_err() && !ended.is_finished() {
        tokio::task::yield_now().await;
    }
    Served { address: format!("http://{listen}"), stop, ended }
}

#[tokio::test]
async fn a_batch_passes_from_wire_to_wire_and_the_service_stops_when_asked() {
    let shipper = Shipper::default();
    let Served { address, stop, ended } = served(shipper.stage()).await;
    let sent = batch(&[TOLD.whole()]);
    let receipt = connect(&address).unwrap().oneshot(sent.clone()).await.unwrap();
    assert_eq!(receipt, sent.receipt());
    assert_eq!(lines(&shipper.only("lake")), [TOLD.whole()]);
    let status = connect_admin(&address).unwrap().status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.services[0].service, "router");
    stop.request();
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_batch_in_flight_is_answered_before_the_service_ends() {
    let slow = SlowShipper::default();
    let Served { address, stop, ended } = served(slow.stage()).await;
    let sent = batch(&[TOLD.whole()]);
    let pushed = tokio::spawn(connect(&address).unwrap().oneshot(sent.clone()));
    slow.asked().await;
    stop.request();
    slow.answer();
    assert_eq!(pushed.await.unwrap().unwrap(), sent.receipt());
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_bad_policy_is_refused_before_a_port_is_bound() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let routes = vec![Route::everything("all", ["lake"])];
    let policy = Some("no-such-policy.yaml".into());
    let config = Config { listen: taken.local_addr().unwrap(), policy, routes, ..Config::default() };
    let config = Config { next: "http://127.0.0.1:1".into(), ..config };
    let refused = router::serve(config, Stop::new()).await.unwrap_err();
    assert!(refused.downcast_ref::<ConfigError>().is_some(), "{refused:?}");
    assert!(refused.to_string().contains("no-such-policy.yaml cannot be read"), "{refused}");
}

#[tokio::test]
async fn an_address_that_is_none_is_bad_configuration() {
    let config = Config {
        next: "shipper".into(),
        routes: vec![Route::everything("all", ["lake"])],
        ..Config::default()
    };
    let refused = router::serve(config, Stop::new()).await.unwrap_err();
    assert!(refused.downcast_ref::<ConfigError>().is_some(), "{refused:?}");
    assert!(refused.to_string().contains("`next`"), "{refused}");
}

#[tokio::test]
async fn operators_reload_and_elevate_over_the_wire() {
    let Served { address, stop, ended } = served(Shipper::default().stage()).await;
    let reply = connect_admin(&address).unwrap().reload(ReloadRequest {}).await.unwrap().into_inner();
    assert_eq!(reply.problem, "");
    let mut router = connect_router(&address).unwrap();
    let request = ElevateRequest { user: "bob".into(), seconds: 60, ..ElevateRequest::default() };
    let told = router.elevate(request).await.unwrap().into_inner().elevation.unwrap();
    assert_eq!(told.user, "bob");
    let refused = router.elevate(ElevateRequest::default()).await.unwrap_err();
    assert!(refused.message().contains("namespace or a user"), "{refused}");
    stop.request();
    ended.await.unwrap().unwrap();
}
