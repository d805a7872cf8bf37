//! What `windlass up` says when it is ready.

use super::ControlPlane;
use crate::stdout::say;

pub(super) fn print(control_plane: &ControlPlane) {
    say(format_args!("Windlass is ready: {}", control_plane.url()));
    for member in control_plane.members() {
        say(format_args!("  {}   {}", member.name, member.url));
    }
    say("");
    say("To use it:");
    say(format_args!("  export KUBECONFIG={}", control_plane.kubeconfig().display()));
    say("  kubectl get clusters");
    say("  kubectl apply -f host/cli/demo/flinkdeployment-crd.yaml -f host/cli/demo/crd-policy.yaml");
    say("  kubectl apply -f host/cli/demo/policy.yaml -f host/cli/demo/flink-example.yaml");
    say("  kubectl get resourcebindings,flinkdeployments");
    if let Some(member) = control_plane.members().first() {
        say(format_args!("  KUBECONFIG={} kubectl get pods", member.kubeconfig.display()));
    }
    say("");
    say(format_args!("Ctrl-C stops it; what it holds is kept in {}.", control_plane.data_dir().display()));
}
