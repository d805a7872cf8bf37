package main

import (
	"fmt"

	configv1alpha1 "github.com/karmada-io/karmada/pkg/apis/config/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	"github.com/karmada-io/karmada/pkg/resourceinterpreter/customized/declarative"
	"github.com/karmada-io/karmada/pkg/resourceinterpreter/default/native"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// interpreters are Karmada's, but for the webhooks.
type interpreters struct {
	customized *declarative.ConfigurableInterpreter
	// The Lua that Karmada ships. It runs it with the same code that it runs users' with.
	thirdparty *declarative.ConfigurableInterpreter
	native     *native.DefaultInterpreter
}

// scripts are what interpreters are made of.
type scripts struct {
	customized []*configv1alpha1.ResourceInterpreterCustomization
	thirdparty []*configv1alpha1.ResourceInterpreterCustomization
}

// interpreters returns new ones, with new Lua machines. Karmada goes on with the same for all questions, in which
// scripts leave their globals behind: AdvancedCronJob's sets "type", and from then on others fail that call it. What it
// answers must not depend on what was asked before.
func (s scripts) interpreters() *interpreters {
	return &interpreters{
		customized: newInterpreter(s.customized),
		thirdparty: newInterpreter(s.thirdparty),
		native:     native.NewDefaultInterpreter(),
	}
}

func newInterpreter(customizations []*configv1alpha1.ResourceInterpreterCustomization) *declarative.ConfigurableInterpreter {
	interpreter := declarative.NewConfigurableInterpreter(nil)
	interpreter.LoadConfig(customizations)
	return interpreter
}

func (i *interpreters) enabled(kind schema.GroupVersionKind, operation configv1alpha1.InterpreterOperation) bool {
	return i.customized.HookEnabled(kind, operation) || i.builtIn(kind, operation)
}

func (i *interpreters) builtIn(kind schema.GroupVersionKind, operation configv1alpha1.InterpreterOperation) bool {
	return i.thirdparty.HookEnabled(kind, operation) || i.native.HookEnabled(kind, operation)
}

// question is an operation with its arguments.
type question struct {
	operation configv1alpha1.InterpreterOperation
	object    *unstructured.Unstructured
	observed  *unstructured.Unstructured
	replicas  int64
	items     []workv1alpha2.AggregatedStatusItem
}

// ask answers in Karmada's order: the customizations, then the Lua that it ships, then its native code. A panic is an
// error.
func (i *interpreters) ask(q question) (result any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			result, err = nil, fmt.Errorf("panic: %v", cause)
		}
	}()
	switch q.operation {
	case configv1alpha1.InterpreterOperationInterpretReplica:
		return i.replicas(q.object)
	case configv1alpha1.InterpreterOperationInterpretComponent:
		return i.components(q.object)
	case configv1alpha1.InterpreterOperationReviseReplica:
		return object(i.revised(q.object, q.replicas))
	case configv1alpha1.InterpreterOperationRetain:
		return object(i.retained(q.object, q.observed))
	case configv1alpha1.InterpreterOperationAggregateStatus:
		return object(i.aggregated(q.object, q.items))
	case configv1alpha1.InterpreterOperationInterpretDependency:
		return i.dependencies(q.object)
	case configv1alpha1.InterpreterOperationInterpretStatus:
		return i.status(q.object)
	case configv1alpha1.InterpreterOperationInterpretHealth:
		return i.health(q.object)
	default:
		return nil, fmt.Errorf("%q is no operation", q.operation)
	}
}

func object(found *unstructured.Unstructured, err error) (any, error) {
	if err != nil || found == nil {
		return nil, err
	}
	return found.Object, nil
}

// replicas is the answer to InterpretReplica.
type replicas struct {
	Replicas     int32                             `json:"replicas"`
	Requirements *workv1alpha2.ReplicaRequirements `json:"requirements"`
}

func (i *interpreters) replicas(of *unstructured.Unstructured) (any, error) {
	count, requirements, enabled, err := i.customized.GetReplicas(of)
	if err == nil && !enabled {
		count, requirements, enabled, err = i.thirdparty.GetReplicas(of)
	}
	if err == nil && !enabled {
		count, requirements, err = i.native.GetReplicas(of)
	}
	return replicas{Replicas: count, Requirements: requirements}, err
}

func (i *interpreters) components(of *unstructured.Unstructured) ([]workv1alpha2.Component, error) {
	components, enabled, err := i.customized.GetComponents(of)
	if err == nil && !enabled {
		components, enabled, err = i.thirdparty.GetComponents(of)
	}
	if err == nil && !enabled {
		return i.native.GetComponents(of)
	}
	return components, err
}

func (i *interpreters) revised(of *unstructured.Unstructured, replicas int64) (*unstructured.Unstructured, error) {
	revised, enabled, err := i.customized.ReviseReplica(of, replicas)
	if err == nil && !enabled {
		revised, enabled, err = i.thirdparty.ReviseReplica(of, replicas)
	}
	if err == nil && !enabled {
		return i.native.ReviseReplica(of, replicas)
	}
	return revised, err
}

func (i *interpreters) retained(desired, observed *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	retained, enabled, err := i.customized.Retain(desired, observed)
	if err == nil && !enabled {
		retained, enabled, err = i.thirdparty.Retain(desired, observed)
	}
	if err == nil && !enabled {
		return i.native.Retain(desired, observed)
	}
	return retained, err
}

func (i *interpreters) aggregated(of *unstructured.Unstructured, items []workv1alpha2.AggregatedStatusItem) (*unstructured.Unstructured, error) {
	aggregated, enabled, err := i.customized.AggregateStatus(of, items)
	if err == nil && !enabled {
		aggregated, enabled, err = i.thirdparty.AggregateStatus(of, items)
	}
	if err == nil && !enabled {
		return i.native.AggregateStatus(of, items)
	}
	return aggregated, err
}

func (i *interpreters) dependencies(of *unstructured.Unstructured) ([]configv1alpha1.DependentObjectReference, error) {
	dependencies, enabled, err := i.customized.GetDependencies(of)
	if err == nil && !enabled {
		dependencies, enabled, err = i.thirdparty.GetDependencies(of)
	}
	if err == nil && !enabled {
		return i.native.GetDependencies(of)
	}
	return dependencies, err
}

func (i *interpreters) status(of *unstructured.Unstructured) (*runtime.RawExtension, error) {
	status, enabled, err := i.customized.ReflectStatus(of)
	if err == nil && !enabled {
		status, enabled, err = i.thirdparty.ReflectStatus(of)
	}
	if err == nil && !enabled {
		return i.native.ReflectStatus(of)
	}
	return status, err
}

func (i *interpreters) health(of *unstructured.Unstructured) (bool, error) {
	healthy, enabled, err := i.customized.InterpretHealth(of)
	if err == nil && !enabled {
		healthy, enabled, err = i.thirdparty.InterpretHealth(of)
	}
	if err == nil && !enabled {
		return i.native.InterpretHealth(of)
	}
	return healthy, err
}
