// Package explain says why a number is what it is: what follows from a deployment or an incident, what is still pending and why
// something is not measured, and which facts a value on /metrics adds up from.
//
// Each explanation is a value with JSON keys that stay stable, and a text for people. The reasons are those that the rules
// give; this package puts them into words.
package explain
