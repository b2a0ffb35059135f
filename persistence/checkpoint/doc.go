// Package checkpoint reads and writes the .prom file: all cumulative values in Prometheus' text format, with the position up to
// which they hold. It also takes over the files of other programs.
package checkpoint
