package integration

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// The kustomization with PostgreSQL has three replicas without volumes, of which one at a time is taken away.
func TestKubernetesPostgreSQL(t *testing.T) {
	m := build(t, manifestFolder+"/postgres")
	want := []string{"ConfigMap", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceMonitor", "StatefulSet"}
	if !slices.Equal(m.kinds, want) {
		t.Errorf("the objects are %v, want %v", m.kinds, want)
	}
	set := m.statefulSet.Spec
	pod := set.Template.Spec
	if *set.Replicas != 3 || len(set.VolumeClaimTemplates) != 0 {
		t.Errorf("%d replicas with %d volumes", *set.Replicas, len(set.VolumeClaimTemplates))
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, mount := range pod.Containers[0].VolumeMounts {
		if !volumes[mount.Name] {
			t.Errorf("%s is mounted and no volume", mount.Name)
		}
	}
	if m.disruptions.Spec.MaxUnavailable.IntValue() != 1 || !maps.Equal(m.disruptions.Spec.Selector.MatchLabels, set.Selector.MatchLabels) {
		t.Errorf("the disruption budget is %+v", m.disruptions.Spec)
	}
	if probe := pod.Containers[0].StartupProbe; probe.PeriodSeconds*probe.FailureThreshold < 3600 {
		t.Errorf("a migration may take %d s at most, which is too short for a large database", probe.PeriodSeconds*probe.FailureThreshold)
	}
	if m.service.Spec.PublishNotReadyAddresses {
		t.Error("webhooks go to replicas that are not ready")
	}
	var c struct{ Storage map[string]any }
	if err := yaml.Unmarshal([]byte(m.config.Data["config.yml"]), &c); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"database_file": "/run/secrets/dora-exporter/database-url"}, c.Storage); diff != "" {
		t.Errorf("storage: -want +got:\n%s", diff)
	}
	ports := map[int]bool{}
	for _, rule := range m.policy.Spec.Egress {
		for _, port := range rule.Ports {
			ports[port.Port.IntValue()] = true
		}
	}
	if !ports[5432] || !ports[443] || !ports[53] {
		t.Errorf("the ports that may be reached are %v", ports)
	}
}

// Prometheus reads the facts from the Service, as one target, and the own metrics from each replica.
func TestKubernetesPostgreSQLScrapes(t *testing.T) {
	endpoints := build(t, manifestFolder+"/postgres").monitor.Spec.Endpoints
	if len(endpoints) != 2 {
		t.Fatalf("%d endpoints", len(endpoints))
	}
	target := func(e monitoringv1.Endpoint, pod string) map[string]string {
		return relabel(t, e.RelabelConfigs, map[string]string{
			"__address__": pod + ".example:9090", "__meta_kubernetes_namespace": "dora", "__meta_kubernetes_pod_name": pod, "pod": pod, "instance": pod + ".example:9090",
		})
	}
	for name, want := range map[string]struct{ address, instance string }{
		"dora-exporter-0": {"dora-exporter-0.example:9090", "dora-exporter-0"}, "dora-exporter-1": {"dora-exporter-1.example:9090", "dora-exporter-1"},
	} {
		facts, own := target(endpoints[0], name), target(endpoints[1], name)
		if facts["__address__"] != "dora-exporter.dora.svc:9090" || facts["instance"] != "dora-exporter" || facts["pod"] != "" {
			t.Errorf("the facts are read from %v", facts)
		}
		if own["__address__"] != want.address || own["instance"] != want.instance || own["pod"] != "" {
			t.Errorf("the own metrics are read from %v", own)
		}
	}
	for metric, fact := range map[string]bool{
		"github_deployments_total": true, "jira_incidents": true, "dora_change_lead_time_seconds_bucket": true,
		"dora_exporter_backlog": false, "go_goroutines": false, "process_cpu_seconds_total": false, "promhttp_metric_handler_requests_total": false,
	} {
		for n, e := range endpoints {
			kept := relabel(t, e.MetricRelabelConfigs, map[string]string{"__name__": metric}) != nil
			if wanted := fact == (n == 0); kept != wanted {
				t.Errorf("endpoint %d keeps %s: %t, want %t", n, metric, kept, wanted)
			}
		}
	}
}

// relabel applies the actions that the manifests use; nil if the labels are dropped.
// https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
func relabel(t *testing.T, rules []monitoringv1.RelabelConfig, labels map[string]string) map[string]string {
	t.Helper()
	for _, rule := range rules {
		pattern := rule.Regex
		if pattern == "" {
			pattern = "(.*)"
		}
		expression := regexp.MustCompile("^(?:" + pattern + ")$")
		var source string
		for _, label := range rule.SourceLabels {
			source += labels[string(label)]
		}
		matches := expression.MatchString(source)
		switch rule.Action {
		case "", "replace":
			replacement := "$1"
			if rule.Replacement != nil {
				replacement = *rule.Replacement
			}
			labels[rule.TargetLabel] = expression.ReplaceAllString(source, strings.ReplaceAll(replacement, "$1", "${1}"))
		case "labeldrop":
			for label := range labels {
				if expression.MatchString(label) {
					delete(labels, label)
				}
			}
		case "keep", "drop":
			if matches == (rule.Action == "drop") {
				return nil
			}
		default:
			t.Fatalf("unexpected action %s", rule.Action)
		}
	}
	return labels
}
