// Package rules decides what follows from an event or from an evaluation: which facts are added, what is remembered, and which
// work is left to do. Rules are pure over the transaction that they are given: they call nothing else, and they give the same
// facts whatever the order in which events arrive.
package rules
