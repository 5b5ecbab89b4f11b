package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// define applies the definitions of a folder and waits until the API serves them. They stay when the program goes.
func define(ctx context.Context, config *rest.Config, folder string) error {
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("%s has no definitions: %w", folder, err)
	}
	definitions := client.ApiextensionsV1().CustomResourceDefinitions()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var definition apiextensions.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &definition); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		patch, err := yaml.YAMLToJSON(text)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		force := true
		options := metav1.PatchOptions{FieldManager: "homelab-rehearsal", Force: &force}
		if _, err := definitions.Patch(ctx, definition.Name, types.ApplyPatchType, patch, options); err != nil {
			return fmt.Errorf("%s: %w", definition.Name, err)
		}
		err = wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
			found, err := definitions.Get(ctx, definition.Name, metav1.GetOptions{})
			return err == nil && established(found), nil
		})
		if err != nil {
			return fmt.Errorf("the API does not serve %s: %w", definition.Name, err)
		}
	}
	return nil
}

func established(definition *apiextensions.CustomResourceDefinition) bool {
	for _, condition := range definition.Status.Conditions {
		if condition.Type == apiextensions.Established && condition.Status == apiextensions.ConditionTrue {
			return true
		}
	}
	return false
}
