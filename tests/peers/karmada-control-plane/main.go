// The programs of a Karmada control plane, and its example of an interpreter webhook, in one: what they share is compiled
// and linked once.
package main

import (
	"os"

	aggregatedapiserver "github.com/karmada-io/karmada/cmd/aggregated-apiserver/app"
	controllermanager "github.com/karmada-io/karmada/cmd/controller-manager/app"
	descheduler "github.com/karmada-io/karmada/cmd/descheduler/app"
	estimator "github.com/karmada-io/karmada/cmd/scheduler-estimator/app"
	scheduler "github.com/karmada-io/karmada/cmd/scheduler/app"
	webhook "github.com/karmada-io/karmada/cmd/webhook/app"
	example "github.com/karmada-io/karmada/examples/customresourceinterpreter/webhook/app"
	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	controllerruntime "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	// The example has no flag for it, and would take a port that anybody may have.
	metricsserver.DefaultBindAddress = "0"
	ctx := controllerruntime.SetupSignalHandler()
	root := &cobra.Command{Use: "karmada"}
	root.AddCommand(
		aggregatedapiserver.NewAggregatedApiserverCommand(ctx),
		controllermanager.NewControllerManagerCommand(ctx),
		scheduler.NewSchedulerCommand(ctx),
		estimator.NewSchedulerEstimatorCommand(ctx),
		descheduler.NewDeschedulerCommand(ctx),
		webhook.NewWebhookCommand(ctx),
		example.NewWebhookCommand(ctx),
	)
	os.Exit(cli.Run(root))
}
