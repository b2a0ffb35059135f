package integration

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The exporter runs as the manifests say: it becomes ready, accepts a signed webhook where the Ingress leads, serves the metrics
// only where the ServiceMonitor asks, stops in time, and a new pod continues.
func TestKubernetesRuns(t *testing.T) {
	t.Parallel()
	p := newPod(t, build(t, manifestFolder))
	p.start(t)
	container := p.manifests.statefulSet.Spec.Template.Spec.Containers[0]
	for name, probe := range map[string]*corev1.Probe{
		"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe,
	} {
		if _, err := get(p.url(probe.HTTPGet.Port.StrVal, probe.HTTPGet.Path)); err != nil {
			t.Errorf("%s probe: %v", name, err)
		}
	}
	if code, err := p.deploy(t); code != http.StatusAccepted {
		t.Fatalf("the webhook: status %d, %v", code, err)
	}
	p.waitForDeployment(t)
	for _, path := range []string{"/metrics", "/", "/explain/metric"} {
		if _, err := get(p.url("webhooks", path)); err == nil || !strings.Contains(err.Error(), "status 404") {
			t.Errorf("%s beside the webhooks: %v", path, err)
		}
	}
	for _, command := range []string{"report", "backup /data/backup.db"} {
		if out, err := p.command(strings.Fields(command)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v, %s", command, err, out)
		}
	}
	began, grace := time.Now(), *p.manifests.statefulSet.Spec.Template.Spec.TerminationGracePeriodSeconds
	if err := p.stop(); err != nil || time.Since(began) > time.Duration(grace)*time.Second {
		t.Errorf("it stops after %s, %v", time.Since(began), err)
	}
	p.start(t)
	p.waitForDeployment(t)
}

// The exporter doesn't start without the secrets that the configuration names.
func TestKubernetesWithoutSecrets(t *testing.T) {
	t.Parallel()
	p := newPod(t, build(t, manifestFolder))
	p.remove(t, "/run/secrets/dora-exporter/jira-webhook")
	if out, err := p.command().CombinedOutput(); err == nil || !strings.Contains(string(out), "jira.webhook_secret_file") {
		t.Errorf("%v: %s", err, out)
	}
}

// Prometheus takes the settings of the ServiceMonitor, and the series have the same labels whatever the pod's name and address.
func TestKubernetesServiceMonitor(t *testing.T) {
	t.Parallel()
	p := newPod(t, build(t, manifestFolder))
	p.start(t)
	if code, err := p.deploy(t); code != http.StatusAccepted {
		t.Fatalf("the webhook: status %d, %v", code, err)
	}
	p.waitForDeployment(t)
	metrics, err := get(p.url("metrics", "/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Metrics struct {
			MaxSeries int64 `json:"max_series"`
		}
	}
	if err := yaml.Unmarshal([]byte(p.manifests.config.Data["config.yml"]), &config); err != nil {
		t.Fatal(err)
	}
	// Three groups of families have that many series each. Teams beyond it, and the metrics of the program, need some more.
	if limit := *p.manifests.monitor.Spec.SampleLimit; config.Metrics.MaxSeries == 0 || limit < 3*config.Metrics.MaxSeries+int64(10*strings.Count(metrics, "\n")) {
		t.Errorf("the limit is %d samples, and metrics.max_series %d", limit, config.Metrics.MaxSeries)
	}
	const query = `github_deployments_total{status="success"}`
	prom := runPrometheus(t, p.scrapeConfig(t), t.TempDir())
	prom.wait(t, query, 1)
	results, err := prom.ask(query, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := "container=dora-exporter,endpoint=metrics,environment=production,instance=dora-exporter,job=dora-exporter,namespace=dora," +
		"repo=web,service=dora-exporter,status=success,team=Unknown"
	if got := results[0].labels(); got != want {
		t.Errorf("labels:\n%s, want\n%s", got, want)
	}
	all, err := prom.ask(`{job="dora-exporter"}`, time.Now())
	if err != nil || len(all) < 100 {
		t.Fatalf("%d series, %v", len(all), err)
	}
	for _, series := range all {
		for label := range series.Metric {
			if label == "pod" || strings.HasPrefix(label, "exported_") { // two labels of one name
				t.Errorf("%s has the label %s", series.Metric["__name__"], label)
			}
		}
	}
}

// scrapeConfig returns what the Prometheus Operator makes of the ServiceMonitor: a scrape of the pod with the labels that it adds.
func (p *pod) scrapeConfig(t *testing.T) string {
	t.Helper()
	service, endpoint := p.manifests.service, p.manifests.monitor.Spec.Endpoints[0]
	var relabelings []map[string]any
	for _, r := range endpoint.RelabelConfigs {
		relabeling := map[string]any{"action": "replace"}
		for key, value := range map[string]string{"action": r.Action, "regex": r.Regex, "target_label": r.TargetLabel} {
			if value != "" {
				relabeling[key] = value
			}
		}
		if r.Replacement != nil {
			relabeling["replacement"] = *r.Replacement
		}
		if len(r.SourceLabels) > 0 || r.Separator != nil {
			t.Fatalf("the test doesn't know %v", r)
		}
		relabelings = append(relabelings, relabeling)
	}
	config, err := yaml.Marshal(map[string]any{
		"global": map[string]any{"scrape_interval": "1s"},
		"scrape_configs": []any{map[string]any{
			"job_name": "serviceMonitor/dora/" + p.manifests.monitor.Name,
			"static_configs": []any{map[string]any{
				"targets": []string{p.addresses[endpoint.Port]},
				"labels": map[string]string{
					"job": service.Labels[p.manifests.monitor.Spec.JobLabel], "namespace": "dora", "service": service.Name,
					"pod": "dora-exporter-0", "container": "dora-exporter", "endpoint": endpoint.Port,
				},
			}},
			"sample_limit":    *p.manifests.monitor.Spec.SampleLimit,
			"relabel_configs": relabelings,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(config)
}

// deploy sends a successful deployment, signed with the secret, to where the Ingress leads it.
func (p *pod) deploy(t *testing.T) (int, error) {
	t.Helper()
	path := p.manifests.ingress.Spec.Rules[0].HTTP.Paths[0]
	for _, port := range p.manifests.service.Spec.Ports {
		if port.Name == path.Backend.Service.Port.Name && path.Backend.Service.Name == p.manifests.service.Name {
			e := &exporter{address: p.addresses[port.TargetPort.StrVal]}
			return e.post("deployment_status", status(1, 1, "success"))
		}
	}
	return 0, errors.New("the Ingress leads to no port of the Service")
}

// waitForDeployment waits until the ServiceMonitor's port shows that one deployment succeeded.
func (p *pod) waitForDeployment(t *testing.T) {
	t.Helper()
	eventually(t, "the deployment is counted", func() error {
		metrics, err := get(p.url(p.manifests.monitor.Spec.Endpoints[0].Port, "/metrics"))
		if err == nil && !strings.Contains(metrics, `status="success",team="Unknown"} 1`+"\n") {
			err = fmt.Errorf("not in\n%s", metrics)
		}
		return err
	})
}

// url returns the address of a path at a named port of the pod.
func (p *pod) url(port, path string) string {
	if _, _, err := net.SplitHostPort(p.addresses[port]); err != nil {
		panic(fmt.Sprintf("the pod has no port %q", port))
	}
	return "http://" + p.addresses[port] + path
}
