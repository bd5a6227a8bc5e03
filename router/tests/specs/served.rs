//! The router as a service: gRPC in, HTTP beside it, an orderly end.

use std::net::SocketAddr;

use chassis::Stop;
use proto::v1::StatusRequest;
use proto::{Server, connect, connect_admin};
use router::{Config, Route};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::given::{Shipper, TOLD, batch, lines};

/// An address that was free a moment ago.
async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_batch_passes_from_wire_to_wire_and_the_service_stops_when_asked() {
    let shipper = Shipper::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let next = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new(std::sync::Arc::new(Default::default)).stage(shipper.stage());
    tokio::spawn(server.run(listener, std::future::pending()));

    let (listen, http_listen, stop) = (free().await, free().await, Stop::new());
    let routes = vec![Route::everything("all", ["lake"])];
    let config = Config { next, listen, http_listen, routes, ..Config::default() };
    let served = tokio::spawn(router::serve(config, stop.clone()));

    let address = format!("http://{listen}");
    let sent = batch(&[TOLD.whole()]);
    let receipt = loop {
        // The service binds in its own task: until then nobody is there.
        match connect(&address).unwrap().oneshot(sent.clone()).await {
            Err(proto::Refusal::Unavailable { .. }) if !served.is_finished() => {
                tokio::task::yield_now().await
            }
            answer => break answer.unwrap(),
        }
    };
    assert_eq!(receipt, sent.receipt());
    assert_eq!(lines(&shipper.only("lake")), [TOLD.whole()]);
    let status = connect_admin(&address).unwrap().status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.services[0].service, "router");

    stop.request();
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_address_that_is_none_is_bad_configuration() {
    let config = Config {
        next: "shipper".into(),
        routes: vec![Route::everything("all", ["lake"])],
        ..Config::default()
    };
    let refused = router::serve(config, Stop::new()).await.unwrap_err();
    assert!(refused.downcast_ref::<chassis::ConfigError>().is_some(), "{refused:?}");
    assert!(refused.to_string().contains("`next`"), "{refused}");
}
