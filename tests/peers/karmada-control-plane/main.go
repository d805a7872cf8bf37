// The programs of a Karmada control plane, in one: what they share is compiled and linked once.
package main

import (
	"os"

	controllermanager "github.com/karmada-io/karmada/cmd/controller-manager/app"
	scheduler "github.com/karmada-io/karmada/cmd/scheduler/app"
	webhook "github.com/karmada-io/karmada/cmd/webhook/app"
	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	controllerruntime "sigs.k8s.io/controller-runtime"
)

func main() {
	ctx := controllerruntime.SetupSignalHandler()
	root := &cobra.Command{Use: "karmada"}
	root.AddCommand(
		controllermanager.NewControllerManagerCommand(ctx),
		scheduler.NewSchedulerCommand(ctx),
		webhook.NewWebhookCommand(ctx),
	)
	os.Exit(cli.Run(root))
}
