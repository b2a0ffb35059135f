// Package report computes the five DORA measures of each team or repository and writes them as a table, JSON, CSV or
// Markdown.
//
// It goes by everything that is stored, as if each event had come in time, and compares that with the facts, which are what /metrics
// has. FromEvents reads days, which were made of the deployments when these changed; FromRecords computes the same from all deployments
// and incidents.
package report
