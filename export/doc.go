// Package export writes what happened before the store was created as samples with timestamps, for a Prometheus that has scraped the
// exporter only since. docs/export.md describes which samples it writes and why.
package export
