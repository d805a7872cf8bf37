// Answers the requests of `windlass interpret --requests -` with Karmada's own interpreters.
//
// One JSON request a line on standard input, one answer a line on standard output, in order:
//
//	{"id", "op", "object", "observed"?, "replicas"?, "items"?, "customizations"?}
//	{"id", "enabled", "error"?, "result"?}
//
// "op" is one of Karmada's operations. "customizations" are ResourceInterpreterCustomizations that are in force for
// this request; those of --customization are in force for all.
//
// Besides Karmada's operations there is "Typed": the object as Go's type of its kind reads and writes it, which is what
// an API server would make of it. Of a kind without such a type the metadata has to be right, and nobody answers.
//
// With `bench`, each request has "milliseconds" too: it is asked of the same warm interpreters for that long, and the
// answer is {"id", "by", "nanoseconds", "calls", "error"?}: whether Lua or native code answered, and the time of one call.
//
// With `list`, it prints what Karmada interprets by itself instead: {"apiVersion", "kind", "operations"} a line. Kinds
// that it has no types for are looked at if they are named: `list 'kubeflow.org/v1 XGBoostJob'`.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"github.com/karmada-io/karmada/pkg/features"
	"k8s.io/klog/v2"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var files []string
	flag.Func("customization", "a `file` of ResourceInterpreterCustomizations; may be given again", func(file string) error {
		files = append(files, file)
		return nil
	})
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: %s [--customization FILE]... [bench | list [KIND]...]\n", os.Args[0])
		flag.PrintDefaults()
	}
	flag.Parse()

	// What Karmada logs is also in the error that it returns.
	klog.SetLogger(logr.Discard())

	// What Windlass always does, these have Karmada do.
	if err := features.FeatureGate.Set("ResourceQuotaEstimate=true,MultiplePodTemplatesScheduling=true"); err != nil {
		return err
	}

	customizations, err := readCustomizations(files)
	if err != nil {
		return err
	}
	shipped, err := shippedCustomizations()
	if err != nil {
		return err
	}
	scripts := scripts{customized: customizations, thirdparty: shipped}
	switch {
	case flag.NArg() == 0:
		return answerLines(scripts, os.Stdin, os.Stdout)
	case flag.NArg() == 1 && flag.Arg(0) == "bench":
		return benchLines(scripts, os.Stdin, os.Stdout)
	case flag.Arg(0) == "list":
		return list(scripts, flag.Args()[1:], os.Stdout)
	default:
		flag.Usage()
		return fmt.Errorf("not known: %q", flag.Args())
	}
}
