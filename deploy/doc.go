// Package deploy has no code: it holds what Prometheus and Grafana are given, and the test that each name in it is one that
// the exporter serves. integration evaluates the queries.
package deploy
