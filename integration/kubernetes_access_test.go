package integration

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// The pod is allowed in a namespace of the strictest standard, and nothing but its volumes can be written.
func TestKubernetesPodSecurity(t *testing.T) {
	template := build(t, manifestFolder).statefulSet.Spec.Template
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			t.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	if readOnly := template.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
		t.Error("the root file system can be written")
	}
	if token := template.Spec.AutomountServiceAccountToken; token == nil || *token {
		t.Error("the pod has a token of the cluster")
	}
	container := template.Spec.Containers[0]
	soft := resource.MustParse(strings.TrimSuffix(container.Env[0].Value, "B"))
	if limit := container.Resources.Limits.Memory(); container.Env[0].Name != "GOMEMLIMIT" || soft.Cmp(*limit) >= 0 {
		t.Errorf("%s is %s, want less than the limit of memory, %s", container.Env[0].Name, container.Env[0].Value, limit)
	}
	mounts := map[string]string{}
	for _, mount := range container.VolumeMounts {
		mounts[mount.Name] = mount.MountPath
		if mount.SubPath != "" {
			t.Errorf("%s mounts a file instead of a folder", mount.Name)
		}
	}
	if mounts["data"] != "/data" {
		t.Errorf("the volumes are mounted at %v", mounts)
	}
}

// There are never two pods at once, and the volume outlives the StatefulSet.
func TestKubernetesOnePod(t *testing.T) {
	set := build(t, manifestFolder).statefulSet.Spec
	if set.Replicas == nil || *set.Replicas != 1 {
		t.Errorf("replicas is %v", set.Replicas)
	}
	if set.UpdateStrategy.RollingUpdate != nil && set.UpdateStrategy.RollingUpdate.MaxUnavailable != nil {
		t.Error("maxUnavailable is set")
	}
	if retain := set.PersistentVolumeClaimRetentionPolicy; retain != nil {
		t.Errorf("the volume is deleted with the StatefulSet: %v", retain)
	}
	if len(set.VolumeClaimTemplates) != 1 || set.VolumeClaimTemplates[0].Spec.AccessModes[0] != corev1.ReadWriteOnce {
		t.Errorf("the volumes are %v", set.VolumeClaimTemplates)
	}
	// A stop takes at most 10 s.
	if grace := set.Template.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < 20 {
		t.Errorf("the pod has %v s to stop", grace)
	}
}

// Selectors find the pod and the Service, and ports have the names of the pod's.
func TestKubernetesSelectors(t *testing.T) {
	m := build(t, manifestFolder)
	pod := labels.Set(m.statefulSet.Spec.Template.Labels)
	for what, selects := range map[string]bool{
		"StatefulSet":    matches(t, m.statefulSet.Spec.Selector, pod),
		"Service":        labels.SelectorFromSet(m.service.Spec.Selector).Matches(pod),
		"NetworkPolicy":  matches(t, &m.policy.Spec.PodSelector, pod),
		"ServiceMonitor": matches(t, &m.monitor.Spec.Selector, m.service.Labels),
	} {
		if !selects {
			t.Errorf("%s selects nothing", what)
		}
	}
	if !m.service.Spec.PublishNotReadyAddresses {
		t.Error("a pod that isn't ready gets no webhooks, though it can store them")
	}
	if m.statefulSet.Spec.ServiceName != m.service.Name {
		t.Errorf("the StatefulSet names the Service %s", m.statefulSet.Spec.ServiceName)
	}
	if m.service.Labels[m.monitor.Spec.JobLabel] != "dora-exporter" {
		t.Errorf("the job is the Service's label %s, want dora-exporter for the alert", m.monitor.Spec.JobLabel)
	}
}

func matches(t *testing.T, selector *metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return !s.Empty() && s.Matches(labels.Set(set))
}

// The NetworkPolicy lets only the ingress controller reach the webhooks and only Prometheus the metrics.
func TestKubernetesNetworkPolicy(t *testing.T) {
	m := build(t, manifestFolder)
	for _, c := range []struct {
		from, port string
		allowed    bool
	}{
		{"ingress-nginx", "webhooks", true},
		{"ingress-nginx", "metrics", false},
		{"monitoring", "metrics", true},
		{"monitoring", "webhooks", false},
		{"default", "webhooks", false},
		{"default", "metrics", false},
	} {
		t.Run(c.from+" to "+c.port, func(t *testing.T) {
			if allowed := allows(t, m.policy.Spec.Ingress, c.from, c.port); allowed != c.allowed {
				t.Errorf("allowed is %t", allowed)
			}
		})
	}
	to := map[string]bool{}
	for _, rule := range m.policy.Spec.Egress {
		for _, port := range rule.Ports {
			protocol := corev1.ProtocolTCP
			if port.Protocol != nil {
				protocol = *port.Protocol
			}
			to[fmt.Sprintf("%s/%s", port.Port, protocol)] = true
		}
	}
	if len(to) != 3 || !to["53/UDP"] || !to["53/TCP"] || !to["443/TCP"] {
		t.Errorf("the pod may reach %v", to)
	}
	if len(m.policy.Spec.PolicyTypes) != 2 {
		t.Errorf("the policy is about %v", m.policy.Spec.PolicyTypes)
	}
}

// allows reports whether a rule lets a namespace reach a named port.
func allows(t *testing.T, rules []networkingv1.NetworkPolicyIngressRule, namespace, port string) bool {
	t.Helper()
	for _, rule := range rules {
		from, ports := len(rule.From) == 0, len(rule.Ports) == 0
		for _, peer := range rule.From {
			from = from || matches(t, peer.NamespaceSelector, map[string]string{"kubernetes.io/metadata.name": namespace})
		}
		for _, p := range rule.Ports {
			ports = ports || p.Port == nil || *p.Port == intstr.FromString(port)
		}
		if from && ports {
			return true
		}
	}
	return false
}

// The Ingress leads to the webhooks and to no other path.
func TestKubernetesIngress(t *testing.T) {
	m := build(t, manifestFolder)
	for _, rule := range m.ingress.Spec.Rules {
		for _, path := range rule.HTTP.Paths {
			if path.PathType == nil || *path.PathType != networkingv1.PathTypePrefix {
				t.Fatalf("%s is no prefix, so the test doesn't know where it leads", path.Path)
			}
		}
	}
	for path, want := range map[string]bool{
		"/api/github": true, "/api/jira": true,
		"/": false, "/metrics": false, "/explain/metric": false, "/healthz": false, "/readyz": false, "/apis": false,
	} {
		if public := routes(m.ingress, path); public != want {
			t.Errorf("%s is public: %t", path, public)
		}
	}
	if m.ingress.Spec.DefaultBackend != nil {
		t.Error("all other paths lead somewhere, too")
	}
	if len(m.ingress.Spec.TLS) == 0 || m.ingress.Spec.TLS[0].Hosts[0] != m.ingress.Spec.Rules[0].Host {
		t.Errorf("TLS is for %v", m.ingress.Spec.TLS)
	}
}

// routes reports whether a path has one of the prefixes of an Ingress, compared by whole elements as Kubernetes does.
func routes(ingress networkingv1.Ingress, path string) bool {
	for _, rule := range ingress.Spec.Rules {
		for _, p := range rule.HTTP.Paths {
			prefix := strings.TrimSuffix(p.Path, "/")
			if path == prefix || strings.HasPrefix(path, prefix+"/") {
				return true
			}
		}
	}
	return false
}
