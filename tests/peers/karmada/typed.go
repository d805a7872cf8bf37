package main

import (
	"fmt"

	"github.com/karmada-io/karmada/pkg/util/gclient"
	"github.com/karmada-io/karmada/pkg/util/helper"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// typedOperation asks for an object as the Go type of its kind reads and writes it.
const typedOperation = "Typed"

var scheme = gclient.NewSchema()

// typed returns nil where Go has no type for the kind.
func typed(of *unstructured.Unstructured) (written *unstructured.Unstructured, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			written, err = nil, fmt.Errorf("panic: %v", cause)
		}
	}()
	kind, err := scheme.New(of.GroupVersionKind())
	if runtime.IsNotRegisteredError(err) {
		return nil, helper.ConvertToTypedObject(of, &metav1.PartialObjectMetadata{})
	}
	if err != nil {
		return nil, err
	}
	if err := helper.ConvertToTypedObject(of, kind); err != nil {
		return nil, err
	}
	return helper.ToUnstructured(kind)
}
