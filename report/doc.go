// Package report computes the five DORA measures of each team or repository and writes them as a table, JSON, CSV or
// Markdown.
//
// FromEvents goes by everything that is stored, as if each event had come in time, and compares that with the facts, which are
// what /metrics has. FromCounted goes by the facts alone, and reads no more than the time that it is about.
package report
