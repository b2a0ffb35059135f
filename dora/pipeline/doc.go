// Package pipeline decides when rules run. A delivery passes through its files in this order: processor.go (pending deliveries),
// team.go (who owns the repository or project), lookups.go (when the work on a commit began), evaluator.go (deployments and
// incidents together with their neighbours), projection.go (facts to instruments and to the checkpoint).
package pipeline
