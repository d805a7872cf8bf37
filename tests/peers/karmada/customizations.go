package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	configv1alpha1 "github.com/karmada-io/karmada/pkg/apis/config/v1alpha1"
	"github.com/karmada-io/karmada/pkg/resourceinterpreter/default/thirdparty/resourcecustomizations"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// readCustomizations reads files of one or more YAML or JSON documents each.
func readCustomizations(files []string) ([]*configv1alpha1.ResourceInterpreterCustomization, error) {
	var all []*configv1alpha1.ResourceInterpreterCustomization
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		found, err := documents(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// shippedCustomizations are those that are part of Karmada.
func shippedCustomizations() ([]*configv1alpha1.ResourceInterpreterCustomization, error) {
	var all []*configv1alpha1.ResourceInterpreterCustomization
	err := fs.WalkDir(resourcecustomizations.Embedded, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() != "customizations.yaml" {
			return err
		}
		text, err := fs.ReadFile(resourcecustomizations.Embedded, path)
		if err != nil {
			return err
		}
		found, err := documents(text)
		all = append(all, found...)
		return err
	})
	return all, err
}

func documents(text []byte) ([]*configv1alpha1.ResourceInterpreterCustomization, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
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
