package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	configv1alpha1 "github.com/karmada-io/karmada/pkg/apis/config/v1alpha1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// readCustomizations reads files of one or more YAML or JSON documents each.
func readCustomizations(files []string) ([]*configv1alpha1.ResourceInterpreterCustomization, error) {
	var all []*configv1alpha1.ResourceInterpreterCustomization
	for _, name := range files {
		found, err := readDocuments(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

func readDocuments(name string) ([]*configv1alpha1.ResourceInterpreterCustomization, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	decoder := yaml.NewYAMLOrJSONDecoder(file, 4096)
	var found []*configv1alpha1.ResourceInterpreterCustomization
	for {
		customization := &configv1alpha1.ResourceInterpreterCustomization{}
		err := decoder.Decode(customization)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		found = append(found, customization)
	}
}
