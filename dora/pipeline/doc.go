// Package pipeline decides when rules run. A delivery passes through its files in this order: processor (pending deliveries),
// team (who owns it), lookups (lead times of commits), evaluator (deployments and incidents together with their neighbours),
// projection (facts to instruments and to the checkpoint).
package pipeline
