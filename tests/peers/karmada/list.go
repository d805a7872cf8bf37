package main

import (
	"encoding/json"
	"io"
	"slices"
	"strings"

	configv1alpha1 "github.com/karmada-io/karmada/pkg/apis/config/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var operations = []configv1alpha1.InterpreterOperation{
	configv1alpha1.InterpreterOperationInterpretReplica,
	configv1alpha1.InterpreterOperationInterpretComponent,
	configv1alpha1.InterpreterOperationReviseReplica,
	configv1alpha1.InterpreterOperationRetain,
	configv1alpha1.InterpreterOperationAggregateStatus,
	configv1alpha1.InterpreterOperationInterpretDependency,
	configv1alpha1.InterpreterOperationInterpretStatus,
	configv1alpha1.InterpreterOperationInterpretHealth,
}

// support is what Karmada has built in for a kind.
type support struct {
	APIVersion string                                `json:"apiVersion"`
	Kind       string                                `json:"kind"`
	Operations []configv1alpha1.InterpreterOperation `json:"operations"`
}

// list prints what is built in for each kind that has more than any kind has; the last line, "*", is any kind. It looks
// at the candidates and at others, each an apiVersion and a kind with a space between.
func list(scripts scripts, others []string, output io.Writer) error {
	interpreters := scripts.interpreters()
	anything := supported(interpreters, schema.GroupVersionKind{Group: "*", Version: "*", Kind: "*"})
	var all []support
	kinds := candidates(scripts)
	for _, other := range others {
		version, kind, _ := strings.Cut(other, " ")
		kinds[schema.FromAPIVersionAndKind(version, kind)] = true
	}
	for kind := range kinds {
		if of := supported(interpreters, kind); len(of.Operations) > len(anything.Operations) {
			all = append(all, of)
		}
	}
	slices.SortFunc(all, func(a, b support) int {
		return strings.Compare(a.APIVersion+" "+a.Kind, b.APIVersion+" "+b.Kind)
	})
	anything.APIVersion = "*"
	encoder := json.NewEncoder(output)
	for _, of := range append(all, anything) {
		if err := encoder.Encode(of); err != nil {
			return err
		}
	}
	return nil
}

// candidates are the kinds that Karmada's native code has types for, and those that it ships Lua for.
func candidates(scripts scripts) map[schema.GroupVersionKind]bool {
	kinds := make(map[schema.GroupVersionKind]bool)
	for kind := range scheme.AllKnownTypes() {
		kinds[kind] = true
	}
	for _, shipped := range scripts.thirdparty {
		target := shipped.Spec.Target
		kinds[schema.FromAPIVersionAndKind(target.APIVersion, target.Kind)] = true
	}
	return kinds
}

func supported(interpreters *interpreters, kind schema.GroupVersionKind) support {
	version, name := kind.ToAPIVersionAndKind()
	of := support{APIVersion: version, Kind: name}
	for _, operation := range operations {
		if interpreters.builtIn(kind, operation) {
			of.Operations = append(of.Operations, operation)
		}
	}
	return of
}
