package integration

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"
)

// Mistakes in a manifest are found.
func TestKubernetesSchemas(t *testing.T) {
	for name, c := range map[string]struct{ file, from, to, want string }{
		"unknown field":         {"service.yaml", "publishNotReadyAddresses", "publishNotReady", ""},
		"required field":        {"ingress.yaml", "backend:", "resource:", "backend"},
		"text for a number":     {"statefulset.yaml", "periodSeconds: 2", "periodSeconds: two", "periodSeconds"},
		"missing selector":      {"statefulset.yaml", "  selector:\n    matchLabels: {app.kubernetes.io/name: dora-exporter}\n", "", "selector"},
		"number for a quantity": {"statefulset.yaml", "memory: 128Mi", "memory: [128Mi]", "memory"},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(readManifest(t, c.file))
			changed := strings.Replace(text, c.from, c.to, 1)
			if changed == text {
				t.Fatalf("%s has no %s", c.file, c.from)
			}
			var kind kyaml.TypeMeta
			if err := yaml.Unmarshal([]byte(changed), &kind); err != nil {
				t.Fatal(err)
			}
			strict := yaml.UnmarshalStrict([]byte(changed), (&manifests{}).object(kind.APIVersion, kind.Kind))
			errs := schemaErrors(t, kind, []byte(changed))
			if strict == nil && len(errs) == 0 {
				t.Error("no error")
			}
			if c.want != "" && (len(errs) == 0 || !strings.Contains(errs[0].Error(), c.want)) {
				t.Errorf("the schema has the errors %v, want one about %s", errs, c.want)
			}
		})
	}
}

// schemaErrors returns where a manifest differs from the schema of its kind.
func schemaErrors(t *testing.T, kind kyaml.TypeMeta, text []byte) []error {
	t.Helper()
	found := openapi.SchemaForResourceType(kind)
	if found == nil {
		t.Fatalf("there is no schema of %v", kind)
	}
	var data any
	if err := yaml.Unmarshal(text, &data); err != nil {
		t.Fatal(err)
	}
	return validate.NewSchemaValidator(expand(t, found.Schema), nil, "", strfmt.Default).Validate(data).Errors
}

// expand replaces the references in a schema, which the validator doesn't follow.
func expand(t *testing.T, schema *spec.Schema) *spec.Schema {
	t.Helper()
	text, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	var copied spec.Schema
	if err := json.Unmarshal(text, &copied); err != nil {
		t.Fatal(err)
	}
	if copied.Ref.String() != "" {
		target, err := openapi.Resolve(&copied.Ref, openapi.Schema())
		if err != nil {
			t.Fatal(err)
		}
		return expand(t, target)
	}
	if copied.Format == "int-or-string" {
		return &spec.Schema{} // whose type is said to be string; decoding checks it
	}
	for name := range copied.Properties {
		property := copied.Properties[name]
		copied.Properties[name] = *expand(t, &property)
	}
	if copied.Items != nil {
		copied.Items.Schema = expand(t, copied.Items.Schema)
	}
	if copied.AdditionalProperties != nil && copied.AdditionalProperties.Schema != nil {
		copied.AdditionalProperties.Schema = expand(t, copied.AdditionalProperties.Schema)
	}
	return &copied
}
