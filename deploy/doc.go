// Package deploy has no code: it holds what Prometheus, Grafana and Kubernetes are given, and the test that each name in it is one
// that the exporter serves. integration evaluates the queries, and runs the exporter from the manifests.
package deploy
