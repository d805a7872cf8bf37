//! What `windlass up` says when it is ready.

use super::ControlPlane;

pub(super) fn print(control_plane: &ControlPlane) {
    println!("Windlass is ready: {}", control_plane.url());
    for member in control_plane.members() {
        println!("  {}   {}", member.name, member.url);
    }
    println!();
    println!("To use it:");
    println!("  export KUBECONFIG={}", control_plane.kubeconfig().display());
    println!("  kubectl get clusters");
    println!("  kubectl apply -f host/cli/demo/flinkdeployment-crd.yaml -f host/cli/demo/crd-policy.yaml");
    println!("  kubectl apply -f host/cli/demo/policy.yaml -f host/cli/demo/flink-example.yaml");
    println!("  kubectl get resourcebindings,flinkdeployments");
    if let Some(member) = control_plane.members().first() {
        println!("  KUBECONFIG={} kubectl get pods", member.kubeconfig.display());
    }
    println!();
    println!("Ctrl-C stops it; what it holds is kept in {}.", control_plane.data_dir().display());
}
