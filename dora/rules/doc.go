// Package rules decides what follows from an event or an evaluation: which facts are added, what is remembered, and which work is
// left to do. Rules only use the transaction that they are given, and add the same facts in whatever order events arrive.
//
// Session.Process (delivery.go) is the way in for events, Session.AddDurations (durations.go) for look-ups, and Session.Evaluate and
// Session.EvaluateDeployment (evaluation.go) for evaluations. evidence.go explains how a deployment becomes a failed change. Days
// (days.go) summarize what deployments count for by all events.
package rules
