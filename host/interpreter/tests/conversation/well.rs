//! What is asked over the network is answered as in process.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use serde_json::json;
use windlass_admission::interpret::{self, Limits, Metrics};
use windlass_api::work::AggregatedStatusItem;
use windlass_core::{Ask, Blame, Gvk, Interpreter, Object, Operation};
use windlass_interpreter::remote::ServicePlace;

use crate::served::{Served, serve, thing};
use crate::things::Things;

async fn things(things: Things) -> (Served, Arc<Things>) {
    let things = Arc::new(things);
    let metrics = Metrics::registered(&mut Registry::default());
    let served = serve(interpret::routes(things.clone(), Limits::default(), metrics)).await;
    (served, things)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_is_answered_over_the_network_as_in_process() {
    let (served, _things) = things(Things::default()).await;
    let asker = served.asker();
    let object = thing("t");
    let inspection = asker.inspect(&object, Ask::ALL);
    let by = inspection.replicas.as_ref().unwrap().by.to_string();
    assert_eq!(by, "test/things.example.io");
    assert_eq!(inspection.replicas.unwrap().result.unwrap().replicas, 3);
    assert_eq!(inspection.components.unwrap().result.unwrap()[0].name, "only");
    assert_eq!(inspection.dependencies.unwrap().result.unwrap()[0].name, "key");
    assert_eq!(inspection.status.unwrap().result.unwrap().to_value(), json!({"ready": 2}));
    assert!(inspection.health.unwrap().result.unwrap());

    let revised = asker.revise_replica(&object, 5).unwrap().result.unwrap();
    assert_eq!(revised.part("spec"), json!({"replicas": 5}));
    let observed = Object::from_value(
        &json!({"apiVersion": "example.io/v1", "kind": "Thing", "spec": {"paused": true}}),
    );
    let retained = asker.retain(&object, &observed.unwrap()).unwrap().result.unwrap();
    assert_eq!(retained.part("spec"), json!({"replicas": 1, "paused": true}));
    let items =
        vec![AggregatedStatusItem { cluster_name: "m".to_owned(), ..AggregatedStatusItem::default() }; 2];
    let aggregated = asker.aggregate_status(&object, &items).unwrap().result.unwrap();
    assert_eq!(aggregated.part("status"), json!({"members": 2}));

    let refused = asker.revise_replica(&object, -1).unwrap().result.unwrap_err();
    assert_eq!(refused.blame, Blame::Rejected { field: None });
    assert!(refused.message.contains("spec.replicas: must not be negative"), "{refused}");

    // State is the plugins' business alone.
    assert!(asker.enabled(&Gvk::new("v1", "Pod"), Operation::PreserveState).is_none());
    assert!(asker.preserve_state(&object, &[]).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_leads_to_its_webhook() {
    let (served, _things) = things(Things::default()).await;
    let address = |port| ServicePlace::Address { ip: "127.0.0.1".to_owned(), ports: vec![port] };
    let elsewhere = |_| ServicePlace::ExternalName("127.0.0.1".to_owned());
    for asker in [served.asker_by_service(address), served.asker_by_service(elsewhere)] {
        assert!(asker.inspect(&thing("t"), Ask::REFLECTION).health.unwrap().result.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_question_is_asked_once() {
    let (served, things) = things(Things::default()).await;
    let asker = served.asker();
    for _ in 0..5 {
        assert!(asker.inspect(&thing("t"), Ask::REFLECTION).health.unwrap().result.unwrap());
        asker.revise_replica(&thing("t"), 2).unwrap().result.unwrap();
    }
    assert_eq!(things.asked.load(Ordering::Relaxed), 3, "status, health, and a revision");
    asker.inspect(&thing("u"), Ask::REFLECTION);
    asker.revise_replica(&thing("t"), 3).unwrap().result.unwrap();
    assert_eq!(things.asked.load(Ordering::Relaxed), 6);
    let items: [AggregatedStatusItem; 0] = [];
    for _ in 0..2 {
        asker.aggregate_status(&thing("t"), &items).unwrap().result.unwrap();
    }
    assert_eq!(things.asked.load(Ordering::Relaxed), 8, "statuses hardly ever come twice");
}

/// The server lives in the very runtime whose threads wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_callers_keep_nobody_from_answering() {
    let pause = Duration::from_millis(20);
    let (served, things) = things(Things { pause, ..Things::default() }).await;
    let asker = served.asker();
    let begun = Instant::now();
    let callers: Vec<_> = (0..40)
        .map(|at| {
            let asker = Arc::clone(&asker);
            tokio::spawn(async move {
                asker.inspect(&thing(&at.to_string()), Ask::only(Operation::InterpretHealth))
            })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap().health.unwrap().result.unwrap());
    }
    assert_eq!(things.asked.load(Ordering::Relaxed), 40);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_runtime_of_one_thread_is_no_obstacle_to_asking_from_others() {
    let (served, _things) = things(Things::default()).await;
    let asker = served.asker();
    let asked = tokio::task::spawn_blocking(move || asker.inspect(&thing("t"), Ask::TEMPLATE));
    assert_eq!(asked.await.unwrap().replicas.unwrap().result.unwrap().replicas, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_configured_no_more_is_not_asked() {
    let (served, things) = things(Things::default()).await;
    let asker = served.asker();
    let before = asker.generation();
    asker.webhooks().set(&[]);
    assert!(asker.generation() > before);
    assert!(asker.inspect(&thing("t"), Ask::ALL).replicas.is_none());
    assert_eq!(things.asked.load(Ordering::Relaxed), 0);
}
