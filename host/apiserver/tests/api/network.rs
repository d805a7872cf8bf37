use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config, ResourceExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, config_map, request, server};

struct Served {
    fixture: Fixture,
    url: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn serve() -> Served {
    let fixture = server().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (server, shutdown) = (fixture.server.clone(), stop.clone());
    let task = tokio::spawn(async move { server.serve(listener, shutdown).await.unwrap() });
    Served { fixture, url, stop, task }
}

async fn client(kubeconfig: &str, change: impl FnOnce(&mut Kubeconfig)) -> Client {
    let mut kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
    change(&mut kubeconfig);
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

#[tokio::test]
async fn a_client_with_a_certificate_reads_writes_and_watches() {
    let served = serve().await;
    let client = client(&served.fixture.server.kubeconfig(&served.url).unwrap(), |_| {}).await;
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let mut events =
        watcher(api.clone(), watcher::Config::default().streaming_lists()).applied_objects().boxed();
    api.create(&PostParams::default(), &config_map("a", &[])).await.unwrap();
    assert_eq!(events.try_next().await.unwrap().unwrap().name_any(), "a");
    served.stop.cancel();
    served.fixture.server.shutdown().await;
    served.task.await.unwrap();
}

#[tokio::test]
async fn a_token_says_who_one_is_and_without_either_one_may_only_ask_for_health() {
    let served = serve().await;
    let kubeconfig = served.fixture.server.kubeconfig_as(&served.url, "ann", []).unwrap();
    let ann = client(&kubeconfig, |_| {}).await;
    ann.list_api_groups().await.unwrap();
    let api: Api<ConfigMap> = Api::default_namespaced(ann);
    let error = api.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 403));

    let nobody =
        client(&kubeconfig, |config| config.auth_infos[0].auth_info.as_mut().unwrap().token = None).await;
    nobody.apiserver_version().await.unwrap();
    let error = nobody.list_api_groups().await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 401));
    let wrong = "wrong".to_owned().into();
    let stranger =
        client(&kubeconfig, |config| config.auth_infos[0].auth_info.as_mut().unwrap().token = Some(wrong))
            .await;
    let error = stranger.apiserver_version().await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 401));
}

#[tokio::test]
async fn stopping_ends_watches_and_lets_the_listener_go() {
    let served = serve().await;
    let client = client(&served.fixture.server.kubeconfig(&served.url).unwrap(), |_| {}).await;
    let ask = request("GET", "/api/v1/configmaps?watch=1").body(kube::client::Body::empty()).unwrap();
    let watch = client.send(ask).await.unwrap();
    served.fixture.server.shutdown().await;
    watch.into_body().collect_bytes().await.unwrap();
    served.task.await.unwrap();
    assert!(client.apiserver_version().await.is_err());
}
