package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	kustomize "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"dora-exporter/internal/markdown"
)

// manifestFolder has the kustomizations, and the manifests in baseFolder.
const (
	manifestFolder = "../deploy/kubernetes"
	baseFolder     = manifestFolder + "/base"
)

// manifests are the objects of a kustomization.
type manifests struct {
	statefulSet appsv1.StatefulSet
	config      corev1.ConfigMap
	service     corev1.Service
	ingress     networkingv1.Ingress
	policy      networkingv1.NetworkPolicy
	monitor     monitoringv1.ServiceMonitor
	disruptions policyv1.PodDisruptionBudget
	// kinds are the kinds of all objects, sorted.
	kinds []string
}

// object returns where an object of the kind belongs.
func (m *manifests) object(apiVersion, kind string) any {
	return map[string]any{
		"apps/v1 StatefulSet": &m.statefulSet, "v1 ConfigMap": &m.config, "v1 Service": &m.service,
		"networking.k8s.io/v1 Ingress": &m.ingress, "networking.k8s.io/v1 NetworkPolicy": &m.policy,
		"monitoring.coreos.com/v1 ServiceMonitor": &m.monitor, "policy/v1 PodDisruptionBudget": &m.disruptions,
	}[apiVersion+" "+kind]
}

// decode decodes a manifest and checks it: each field must be known, and what the schema requires must be there.
func (m *manifests) decode(t *testing.T, where string, text []byte) {
	t.Helper()
	var kind kyaml.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	object := m.object(kind.APIVersion, kind.Kind)
	if object == nil {
		t.Fatalf("%s: unexpected %s %s", where, kind.APIVersion, kind.Kind)
	}
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		t.Errorf("%s: %v", where, err)
	}
	if kind.Kind == "ServiceMonitor" {
		return // its schema is not Kubernetes'
	}
	for _, err := range schemaErrors(t, kind, text) {
		t.Errorf("%s: %v", where, err)
	}
}

// build builds a kustomization and checks its objects.
func build(t *testing.T, folder string) *manifests {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	m := &manifests{}
	for _, resource := range built.Resources() {
		m.kinds = append(m.kinds, resource.GetKind())
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		m.decode(t, resource.CurId().String(), text)
	}
	slices.Sort(m.kinds)
	return m
}

// Each file of the folder is a manifest of the kustomization, the kustomization itself or the configuration in it.
func TestKubernetesFiles(t *testing.T) {
	var k kustomize.Kustomization
	text := readManifest(t, "kustomization.yaml")
	if err := yaml.UnmarshalStrict(text, &k); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(baseFolder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(k.Resources)+2 {
		t.Errorf("%d files, but %d resources", len(files), len(k.Resources))
	}
	for _, name := range k.Resources {
		(&manifests{}).decode(t, name, readManifest(t, name))
	}
	want := []string{"ConfigMap", "Ingress", "NetworkPolicy", "Service", "ServiceMonitor", "StatefulSet"}
	if kinds := build(t, manifestFolder).kinds; !slices.Equal(kinds, want) {
		t.Errorf("the objects are %v, want %v", kinds, want)
	}
}

func readManifest(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(baseFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// overlay builds a kustomization over the manifests, with a configuration of its own.
func overlay(t *testing.T, text, config string) *manifests {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{"kustomization.yaml": text, "config.yml": config} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(folder, "dora-exporter/deploy/kubernetes"), os.DirFS(manifestFolder)); err != nil {
		t.Fatal(err)
	}
	return build(t, folder)
}

// The overlay of the documentation changes what it says it changes.
func TestKubernetesOverlay(t *testing.T) {
	document := markdown.Read(t, "docs/kubernetes.md").Text
	text := block(t, document, "# kustomization.yaml")
	base, m := build(t, manifestFolder), overlay(t, text, "server: {port: 8090}\n")
	for what, values := range map[string][2]string{
		"namespace":     {m.statefulSet.Namespace, "dora"},
		"image":         {m.statefulSet.Spec.Template.Spec.Containers[0].Image, "registry.example.com/dora-exporter:1.0.0"},
		"host":          {m.ingress.Spec.Rules[0].Host, "webhooks.example.com"},
		"host of TLS":   {m.ingress.Spec.TLS[0].Hosts[0], "webhooks.example.com"},
		"label":         {m.monitor.Labels["release"], "prometheus"},
		"configuration": {m.config.Data["config.yml"], "server: {port: 8090}\n"},
		"mounted":       {configVolume(m), m.config.Name},
		"mounted, base": {configVolume(base), base.config.Name},
	} {
		if values[0] != values[1] {
			t.Errorf("%s: %q, want %q", what, values[0], values[1])
		}
	}
	if m.config.Name == base.config.Name {
		t.Errorf("the ConfigMap keeps its name %s with another content, so no pod is restarted", m.config.Name)
	}
	text, _, _ = strings.Cut(text, "  - target: {kind: ServiceMonitor}")
	without := overlay(t, text+block(t, document, "  - patch: '{$patch: delete"), "")
	if want := []string{"ConfigMap", "Ingress", "NetworkPolicy", "Service", "StatefulSet"}; !slices.Equal(without.kinds, want) {
		t.Errorf("without the operator, the objects are %v, want %v", without.kinds, want)
	}
}

// configVolume returns the name of the mounted ConfigMap.
func configVolume(m *manifests) string {
	for _, volume := range m.statefulSet.Spec.Template.Spec.Volumes {
		if volume.ConfigMap != nil {
			return volume.ConfigMap.Name
		}
	}
	return ""
}
